"""
What holds for every test: an empty environment, an empty home, and no network but this machine's own.
"""

from __future__ import annotations

import gc
import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from codepipeline_client.testing import FakeClock, LocalCodePipeline
from tests.clients import KINDS, Open, opened
from tests.endpoint import EXECUTION, Ask, get, options_for, settings_in

# A shared machine pauses, and no example is to blame for that.
settings.register_profile("suite", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("suite")


def loopback_only(event: str, arguments: tuple[Any, ...]) -> None:
    """Have connections to other machines and lookups of their names fail before they leave this one."""
    if event == "socket.connect":
        connection, address = arguments
        if connection.family in (socket.AF_INET, socket.AF_INET6) and not _is_loopback(address[0]):
            raise AssertionError(f"a test tried to reach {address!r}")
    elif event == "socket.getaddrinfo" and arguments[0] is not None and not _is_loopback(arguments[0]):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


def _is_loopback(host: str | bytes) -> bool:
    name = host.decode() if isinstance(host, bytes) else host
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"


sys.addaudithook(loopback_only)


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """No test sees settings, credentials or config files of the person who runs the tests."""
    for name in settings_in(os.environ):
        monkeypatch.delenv(name)
    home = tmp_path_factory.getbasetemp() / "home"
    home.mkdir(exist_ok=True)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(home / "absent" / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(home / "absent" / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture(autouse=True, scope="session")
def interruptible() -> None:
    """A shell lets background jobs ignore Ctrl-C, and no test is about that."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def garbage() -> Iterator[None]:
    """What a test leaves to the garbage collector is collected behind it, where its filters hold."""
    yield
    gc.collect()


@pytest.fixture
def service() -> Iterator[LocalCodePipeline]:
    """An endpoint with one execution, by the machine's clock."""
    with LocalCodePipeline() as endpoint:
        endpoint.put_execution(EXECUTION)
        yield endpoint


@pytest.fixture
def options(local_codepipeline: LocalCodePipeline, codepipeline_clock: FakeClock) -> dict[str, Any]:
    """What a client of the kit's endpoint is made with, whose clock does not wait."""
    return options_for(local_codepipeline, clock=codepipeline_clock)


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    """The kind of a client: a sync one, or one in the event loop of that name."""
    name: str = request.param
    return name


@pytest.fixture
def ask(kind: str) -> Ask:
    """Make one call with a new client, and close it."""
    return partial(get, kind)


@pytest.fixture
def open_client(kind: str, options: dict[str, Any]) -> Open:
    def open_client(**changes: Any) -> AbstractContextManager[Any]:
        return opened(kind, **{**options, **changes})

    return open_client


@pytest.fixture
def home() -> Path:
    """The empty home of the test."""
    return Path(os.environ["HOME"])
