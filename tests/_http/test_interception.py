"""Which replaced methods are noticed, and what the connections of the second kind promise."""

from __future__ import annotations

import functools
import importlib
import itertools
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from types import FunctionType
from typing import Any, Final, TypeAlias
from unittest import mock

import httpcore
import httpx
import pytest

from codepipeline_client._http.interception import is_intercepted
from codepipeline_client._http.response import MAX_BODY
from tests._http.peer import Make

SENDERS: Final = [
    *(
        pytest.param(False, kind, "handle_request", id=kind.__name__)
        for kind in (httpx.HTTPTransport, httpcore.ConnectionPool, httpcore.HTTPConnection, httpcore.HTTPProxy)
    ),
    *(
        pytest.param(True, kind, "handle_async_request", id=kind.__name__)
        for kind in (
            httpx.AsyncHTTPTransport,
            httpcore.AsyncConnectionPool,
            httpcore.AsyncHTTPConnection,
            httpcore.AsyncHTTPProxy,
        )
    ),
]


def wrapped_by_functools(method: Callable[..., Any]) -> object:
    """As vcrpy does: the wrapper has the name and the module of what it wraps."""

    @functools.wraps(method)
    def wrapper(*args: Any, **options: Any) -> Any:
        return method(*args, **options)

    return wrapper


class Pretender:
    """Has what it wraps say what it is, as OpenTelemetry's wrappers do: a function, of its own module."""

    def __init__(self, method: Callable[..., Any]) -> None:
        self._method = method

    def __getattribute__(self, name: str) -> Any:
        return getattr(object.__getattribute__(self, "_method"), name)


def test_a_pretender_passes_for_a_function() -> None:
    assert isinstance(Pretender(httpx.HTTPTransport.handle_request), FunctionType)


def replaced_by_a_mock(method: Callable[..., Any]) -> object:
    return mock.create_autospec(method)


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_httpx_as_it_comes_is_not_intercepted(is_async: bool) -> None:
    assert not is_intercepted(is_async=is_async)


@pytest.mark.parametrize("replace", [wrapped_by_functools, Pretender, replaced_by_a_mock])
@pytest.mark.parametrize(("is_async", "kind", "name"), SENDERS)
def test_a_method_that_was_replaced_is_noticed_until_it_is_put_back(
    is_async: bool, kind: type, name: str, replace: Callable[..., object]
) -> None:
    """In the calls that it is for: a tool that replaces the methods of threads leaves tasks alone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kind, name, replace(getattr(kind, name)))
        assert is_intercepted(is_async=is_async)
        assert not is_intercepted(is_async=not is_async)
    assert not is_intercepted(is_async=is_async)


@pytest.mark.parametrize(("is_async", "kind", "name"), SENDERS)
def test_a_class_that_was_replaced_is_noticed(
    is_async: bool, kind: type, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a subclass, or by a mock."""
    library = importlib.import_module(kind.__module__.partition(".")[0])
    monkeypatch.setattr(library, kind.__name__, mock.create_autospec(kind))
    assert is_intercepted(is_async=is_async)

    def send(self: object, request: object) -> None: ...

    monkeypatch.setattr(library, kind.__name__, type(kind.__name__, (kind,), {name: send}))
    assert is_intercepted(is_async=is_async)


def test_asking_loads_neither_httpcore_nor_any_tool() -> None:
    """httpx loads httpcore with its first transport, and a client that needs none does without."""
    code = """
import sys
from codepipeline_client._http.interception import is_intercepted
assert not is_intercepted(is_async=False) and not is_intercepted(is_async=True)
print("httpcore" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


# What a stand-in gives is read as any other response

Respond: TypeAlias = Callable[[], httpx.Response]


@pytest.fixture
def responses(make: Make, monkeypatch: pytest.MonkeyPatch) -> Callable[[Respond], list[httpx.Response]]:
    """Return the responses to two requests over one transport."""

    def go(respond: Respond) -> list[httpx.Response]:
        def handle(_: object, request: httpx.Request) -> httpx.Response:
            return respond()

        async def handle_async(_: object, request: httpx.Request) -> httpx.Response:
            return respond()

        monkeypatch.setattr(httpx.HTTPTransport, "handle_request", handle)
        monkeypatch.setattr(httpx.AsyncHTTPTransport, "handle_async_request", handle_async)
        sender = make(max_connections=1)
        return [sender.send("http://a.example") for _ in range(2)]

    return go


def test_status_headers_and_body_arrive_whole(responses: Callable[[Respond], list[httpx.Response]]) -> None:
    headers = [("X-One", "a"), ("X-One", "b")]
    for response in responses(lambda: httpx.Response(418, headers=headers, content=b"tea")):
        assert response.status_code == 418
        assert response.headers.get_list("x-one") == ["a", "b"]
        assert response.read() == b"tea"


class Endless(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body without an end, in pieces of 64 KiB."""

    def __iter__(self) -> Iterator[bytes]:
        return itertools.repeat(bytes(65536))

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            yield bytes(65536)


def test_a_body_that_is_too_long_is_read_no_further(responses: Callable[[Respond], list[httpx.Response]]) -> None:
    for response in responses(lambda: httpx.Response(200, stream=Endless())):
        assert MAX_BODY < len(response.read()) <= MAX_BODY + 65536
