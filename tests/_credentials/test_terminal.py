"""A question for an MFA code leaves the terminal as it was, however it is left."""

from __future__ import annotations

import os
import select
import subprocess
import sys
from typing import Final

import pytest

from tests._credentials.fake_aws import FakeAws
from tests._credentials.support import LIMIT, cache_of, credentials, get

PROGRAM: Final = """
import os, sys, time
way, timeout = sys.argv[1:]
if way != "daemon":
    os.login_tty(0)
import anyio
from codepipeline_client._credentials.cache import CachedCredentials

cache = CachedCredentials(None, now=time.time, allow_async=True)

async def main():
    with anyio.fail_after(float(timeout)):
        await cache.get_async()

if way == "async":
    anyio.run(main)
else:
    cache.get(timeout=float(timeout))
"""


MFA: Final = "mfa_serial = arn:aws:iam::123456789012:mfa/me"


def has_echo(tty: int) -> bool:
    import termios  # not everywhere

    return bool(termios.tcgetattr(tty)[3] & termios.ECHO)


def wait_for(text: bytes, reading: int) -> None:
    shown = b""
    while text not in shown:
        assert select.select([reading], [], [], LIMIT)[0], shown
        shown += os.read(reading, 4096)


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="this system has no pseudo-terminals")
@pytest.mark.parametrize(
    ("way", "key", "error"),
    [
        pytest.param("sync", b"\x03", "KeyboardInterrupt", id="sync-ctrl-c"),
        pytest.param("async", b"", "TimeoutError", id="async-timeout"),
    ],
)
def test_the_echo_is_on_again_when_the_question_is_left(way: str, key: bytes, error: str, aws: FakeAws) -> None:
    aws.by_role(extra=MFA)
    reading, tty = os.openpty()
    command = [sys.executable, "-c", PROGRAM, way, "60" if key else "3"]
    with subprocess.Popen(command, stdin=tty, stdout=tty, stderr=tty) as process:
        try:
            wait_for(b"Enter MFA code", reading)
            assert not has_echo(tty)
            os.write(reading, key)
            wait_for(error.encode(), reading)
            process.wait(LIMIT)
            assert has_echo(tty)
        finally:
            process.kill()
    os.close(reading)
    os.close(tty)


def test_a_terminal_that_has_hung_up_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    descriptor = os.open(os.devnull, os.O_RDWR)

    def opened(*_: object) -> int:
        return descriptor

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", opened)
        assert get(cache_of(credentials)) == credentials()


def test_without_a_terminal_the_error_says_that_a_code_is_needed(aws: FakeAws) -> None:
    aws.by_role(extra=MFA)
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM, "daemon", "60"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=2 * LIMIT,
        start_new_session=True,
        check=False,
    )
    assert "CredentialsError: the profile 'default' needs an MFA code, and none was entered" in ended.stderr
