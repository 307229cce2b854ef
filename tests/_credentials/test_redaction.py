"""No secret shows in a log, an error or anything else that fetching leaves behind."""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Callable
from importlib import import_module
from typing import Final

import anyio
import pytest

from codepipeline_client import Credentials, CredentialsError
from codepipeline_client._credentials import CachedCredentials
from tests._credentials.support import (
    LIMIT,
    OTHER,
    PLANTED,
    SECRET,
    TOKEN,
    Frozen,
    Records,
    cache_of,
    credentials,
    from_botocore,
    get,
    hidden,
    run,
)
from tests._credentials.world import (
    CONTAINER,
    DENIED,
    END,
    SOURCES,
    World,
    assumed,
    by_container,
    by_process,
    by_role,
    by_web_identity,
    process_text,
)


def chain() -> CachedCredentials:
    """Return the cache of a client that is given no credentials."""
    return cache_of(None, time.time)


def test_botocore_alone_does_log_secrets(world: World, records: Records) -> None:
    """So the tests below would see it."""
    by_role(world)
    assert from_botocore().secret_access_key == SECRET
    assert records.hold(SECRET)
    assert records.hold(TOKEN)


@pytest.mark.parametrize(("prepare", "_"), SOURCES)
def test_fetching_shows_no_secrets(prepare: Callable[[World], None], _: object, world: World, records: Records) -> None:
    """In no log record, at no level, and in nothing that is left behind."""
    prepare(world)
    cache = chain()
    found = get(cache)
    assert not records.hold(*PLANTED)
    left = repr([cache, found, cache.fresh(), vars(cache)])
    assert not any(secret in left for secret in PLANTED)


SIGNED_IN: Final = """
import logging, sys, time
logging.basicConfig(level=1, stream=sys.stdout)
from codepipeline_client._credentials import CachedCredentials
found = CachedCredentials(None, now=time.time, allow_async=False).get()
print(found, len(found.secret_access_key), len(found.session_token))
"""


def test_credentials_of_single_sign_on_are_found_and_not_shown(world: World) -> None:
    """In a process of its own: botocore looks up the home, where the sign-on's token is, only once."""
    start_url = "https://example.awsapps.com/start"
    world.config(
        f"[default]\nsso_start_url = {start_url}\nsso_region = us-east-1\nsso_account_id = 123456789012\n"
        "sso_role_name = reader\n"
    )
    folder = world.home / ".aws" / "sso" / "cache"
    folder.mkdir(parents=True)
    token = json.dumps({"startUrl": start_url, "region": "us-east-1", "accessToken": OTHER, "expiresAt": END})
    name = hashlib.sha1(start_url.encode()).hexdigest()
    (folder / f"{name}.json").write_text(token, encoding="utf-8")
    members = {"accessKeyId": "ASIA6", "secretAccessKey": SECRET, "sessionToken": TOKEN, "expiration": 2208988800000}
    world.responses["/federation/credentials"] = 200, json.dumps({"roleCredentials": members})
    printed = run(SIGNED_IN, HOME=str(world.home), USERPROFILE=str(world.home), AWS_ENDPOINT_URL_SSO=world.url)
    assert "access_key_id='ASIA6'" in printed
    assert printed.endswith(f" {len(SECRET)} {len(TOKEN)}")
    assert not any(secret in printed for secret in PLANTED)


FAILURES: Final[dict[str, tuple[Callable[[World], object], str]]] = {
    "process-exits": (
        lambda world: by_process(world, f"import sys; sys.exit('no entry for {SECRET}')"),
        "CredentialRetrievalError: Error when retrieving credentials from custom-process: no entry for .hidden.",
    ),
    "process-talks": (
        lambda world: by_process(world, f"print('Warning!', {process_text()!r})"),
        "JSONDecodeError: Expecting value: line 1 column 1",
    ),
    "process-prints-bytes": (
        lambda world: by_process(
            world, f"import sys; sys.stdout.buffer.write(bytes([255]) + {process_text().encode()!r})"
        ),
        "UnicodeDecodeError: 'utf-8' codec can't decode byte 0xff in position 0",
    ),
    "process-forgets": (
        lambda world: by_process(world, f"print({process_text(AccessKeyId=None)!r})"),
        "Missing required key in response: 'AccessKeyId'",
    ),
    "process-says-soon": (lambda world: by_process(world, f"print({process_text(Expiration='soon')!r})"), "soon"),
    "process-adds-a-space": (
        lambda world: by_process(world, f"print({process_text(SecretAccessKey=SECRET + ' ')!r})"),
        "secret_access_key must be visible ASCII",
    ),
    "file-half-written": (
        lambda world: world.shared_credentials(f"[default]\naws_access_key_id = A\naws_session_token = {TOKEN}\n"),
        "PartialCredentialsError: .* aws_secret_access_key",
    ),
    "role-denied": (
        lambda world: by_role(world, 403, DENIED),
        r"ClientError: An error occurred .AccessDenied. when calling the AssumeRole operation.*: not you",
    ),
    "role-garbled": (lambda world: by_role(world, 200, f"<html>{assumed('AssumeRole')}"), "ResponseParserError"),
    "role-without-key": (
        lambda world: by_role(world, 200, assumed("AssumeRole").replace("SecretAccessKey", "Other")),
        "KeyError: 'SecretAccessKey'",
    ),
    "role-unreachable": (
        lambda world: by_role(world, url="http://127.0.0.1:1"),
        "EndpointConnectionError: Could not connect to the endpoint URL",
    ),
    "web-identity-denied": (
        lambda world: by_web_identity(world, 403, DENIED),
        r"AccessDenied. when calling the AssumeRoleWithWebIdentity operation.*: not you",
    ),
    "container-says-soon": (
        lambda world: by_container(world, json.dumps({**CONTAINER, "Expiration": "soon"})),
        "soon",
    ),
    "container-forgets": (
        lambda world: by_container(world, json.dumps({"SecretAccessKey": SECRET, "Token": TOKEN})),
        "KeyError: 'AccessKeyId'",
    ),
}


@pytest.mark.parametrize(("prepare", "told"), FAILURES.values(), ids=FAILURES)
def test_failing_to_fetch_shows_no_secrets(
    prepare: Callable[[World], object], told: str, world: World, records: Records
) -> None:
    """The message says what went wrong; neither it nor anything that hangs on it has a secret, and no log has one."""
    prepare(world)
    with pytest.raises(CredentialsError, match=told) as caught:
        get(chain())
    assert hidden(caught.value)
    assert not records.hold(*PLANTED)


def test_the_error_code_of_sts_can_be_read_from_the_cause(world: World) -> None:
    """As far as the message shows it: a program may want to tell one denial from another."""
    by_role(world, 403, DENIED)
    with pytest.raises(CredentialsError) as caught:
        get(chain())
    cause = caught.value.__cause__
    assert isinstance(cause, import_module("botocore.exceptions").ClientError)
    error = vars(cause)["response"]["Error"]
    assert (error["Code"], error["Message"]) == ("AccessDenied", "not you")


@pytest.mark.parametrize(
    ("raised", "shown"),
    [
        pytest.param(ValueError(f"cannot parse {SECRET}"), "ValueError: cannot parse .hidden.$", id="message"),
        pytest.param(
            OSError(2, "No such file", "/usr/local/bin/" + "company-tools/" * 5),
            "FileNotFoundError: .*company-tools/'$",
            id="path",
        ),
        pytest.param(LookupError("sha " + "0123456789abcdef" * 4), "LookupError: sha 0123", id="digest"),
    ],
)
def test_errors_of_botocore_keep_what_can_be_read_and_lose_what_they_hold(raised: Exception, shown: str) -> None:
    """What looks like a secret is masked, what only the exception held is gone."""
    vars(raised).update(request={"token": TOKEN}, code=7, response={"Error": {"Code": "bad", "Extra": SECRET}})

    class Failing:
        def get_frozen_credentials(self) -> Frozen:
            secret = OTHER
            raise raised from KeyError(secret)

    with pytest.raises(CredentialsError, match=f"^botocore's credentials object failed with {shown}") as caught:
        get(cache_of(Failing()))
    assert hidden(caught.value)
    cause = caught.value.__cause__
    assert cause is not None
    assert cause.__context__ is None
    assert cause is raised
    assert vars(cause)["code"] == 7


def test_an_error_of_botocore_that_cannot_be_told_shows_nothing() -> None:
    """Its message is what failed then, and what it holds is not behind that."""

    class Unspeakable(Exception):
        def __str__(self) -> str:
            raise ZeroDivisionError

    class Failing:
        def get_frozen_credentials(self) -> Frozen:
            raise Unspeakable(SECRET) from KeyError(OTHER)

    with pytest.raises(CredentialsError, match="broke off") as caught:
        get(cache_of(Failing()))
    assert hidden(caught.value)


@pytest.mark.parametrize("backend", ["thread", "asyncio", "trio"])
def test_only_the_fetch_is_kept_out_of_the_logs(backend: str, records: Records) -> None:
    """What the program logs through botocore meanwhile is none of ours."""
    log = logging.getLogger("botocore.credentials")

    def provider() -> Credentials:
        log.warning("token %s", TOKEN)
        logging.getLogger("mine").info("fetched")
        return credentials()

    async def async_provider() -> Credentials:
        await anyio.lowlevel.checkpoint()
        log.warning("token %s", TOKEN)
        return provider()

    async def main() -> None:
        async def caller() -> None:
            with anyio.fail_after(LIMIT):
                await cache_of(async_provider, allow_async=True).get_async()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(caller)
            await anyio.lowlevel.checkpoint()
            log.warning("meanwhile")
        log.warning("afterwards")

    if backend == "thread":
        get(cache_of(provider))
        log.warning("meanwhile afterwards")
    else:
        anyio.run(main, backend=backend)
    assert all(records.hold(text) for text in ("meanwhile", "afterwards", "fetched"))
    assert not records.hold(TOKEN)
