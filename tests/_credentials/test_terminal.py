"""A question for an MFA code leaves the terminal as it was, however it is left."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import closing
from typing import Final

import pytest

from tests._credentials.fake_aws import FakeAws
from tests._credentials.support import LIMIT, cache_of, credentials, get
from tests.cli.terminal import Terminal

PROGRAM: Final = """
import os, sys, time
way, timeout = sys.argv[1:]
if way != "daemon":
    os.login_tty(0)
import anyio, botocore.session  # which may take longer to load than the limit
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
    command = [sys.executable, "-c", PROGRAM, way, "60" if key else "3"]
    with closing(Terminal(columns=80)) as terminal:
        tty = terminal.descriptor
        with subprocess.Popen(command, stdin=tty, stdout=tty, stderr=tty) as process:
            try:
                terminal.until(lambda: b"Enter MFA code" in terminal.written)
                assert not has_echo(tty)
                terminal.type(key)
                terminal.until(lambda: error.encode() in terminal.written)
                process.wait(LIMIT)
                assert has_echo(tty)
            finally:
                process.kill()


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
