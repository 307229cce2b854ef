"""Which replaced methods are noticed. What calls promise over connections of the second kind is in test_faults."""

from __future__ import annotations

import functools
import importlib
import subprocess
import sys
from collections.abc import Callable
from typing import Any, Final
from unittest import mock

import httpcore
import httpx
import pytest

from codepipeline_client._http.interception import is_intercepted

SENDERS: Final = [
    *(httpx.HTTPTransport, httpcore.ConnectionPool, httpcore.HTTPConnection, httpcore.HTTPProxy),
    *(httpx.AsyncHTTPTransport, httpcore.AsyncConnectionPool, httpcore.AsyncHTTPConnection, httpcore.AsyncHTTPProxy),
]


def sends(kind: type) -> tuple[bool, str]:
    """Return whether a class sends for tasks, and by which method."""
    is_async = kind.__name__.startswith("Async")
    return is_async, "handle_async_request" if is_async else "handle_request"


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


@pytest.mark.parametrize("replace", [wrapped_by_functools, Pretender, mock.create_autospec])
@pytest.mark.parametrize("kind", SENDERS)
def test_a_method_that_was_replaced_is_noticed_until_it_is_put_back(kind: type, replace: Callable[..., object]) -> None:
    """In the calls that it is for: a tool that replaces the methods of threads leaves tasks alone."""
    is_async, name = sends(kind)
    assert not is_intercepted(is_async=is_async)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kind, name, replace(getattr(kind, name)))
        assert is_intercepted(is_async=is_async)
        assert not is_intercepted(is_async=not is_async)
    assert not is_intercepted(is_async=is_async)


@pytest.mark.parametrize("kind", SENDERS)
def test_a_class_that_was_replaced_is_noticed(kind: type, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a mock, or by a subclass."""
    is_async, name = sends(kind)
    library = importlib.import_module(kind.__module__.partition(".")[0])
    for replacement in (mock.create_autospec(kind), type(kind.__name__, (kind,), {name: mock.Mock()})):
        monkeypatch.setattr(library, kind.__name__, replacement)
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
