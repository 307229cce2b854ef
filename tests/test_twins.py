"""Sync and async differ in their leaves only, and a further operation has its places."""

from __future__ import annotations

import inspect
import pkgutil
import re

import pytest

from codepipeline_client import (
    AsyncCodePipelineClient,
    AsyncSigV4Transport,
    CodePipelineClient,
    SigV4Transport,
    operations,
)
from codepipeline_client._http import AsyncPooledTransport, PooledTransport
from codepipeline_client._polling.drivers import (
    AsyncBatchIterator,
    AsyncChangeIterator,
    AsyncSharedIterator,
    BatchIterator,
    ChangeIterator,
    SharedIterator,
)

TWINS = [
    pytest.param(CodePipelineClient, AsyncCodePipelineClient, id="client"),
    pytest.param(SharedIterator, AsyncSharedIterator, id="iterator"),
    pytest.param(ChangeIterator, AsyncChangeIterator, id="watch"),
    pytest.param(BatchIterator, AsyncBatchIterator, id="batch"),
    pytest.param(SigV4Transport, AsyncSigV4Transport, id="transport"),
    pytest.param(PooledTransport, AsyncPooledTransport, id="pooled-transport"),
]


def methods_of(kind: type) -> dict[str, object]:
    """Return the methods that *kind* itself defines, public and dunder, by the name that its sync twin has."""
    return {
        plain(name): member
        for name, member in vars(kind).items()
        # Protocol adds __subclasshook__, on some Pythons as a routine.
        if inspect.isroutine(member) and name != "__subclasshook__"
        if not name.startswith("_") or name.endswith("__")
    }


def plain(name: str) -> str:
    """Return a method's name as the sync twin has it: ``__aenter__`` is ``__enter__``, ``aclose`` is ``close``."""
    return re.sub(r"^(__)?a(?:sync_)?(?=enter__|exit__|iter__|next__|close$)", r"\1", name).replace("_async_", "_")


def summary(method: object) -> str:
    """Return the first line of a docstring, as the sync twin has it."""
    return re.sub(r"\b(?:await|async) |Async", "", inspect.getdoc(method) or "").partition("\n")[0]


def spelled(method: object) -> list[tuple[str, object, object]]:
    """Return the parameters of *method*: name, kind and default of each."""
    assert callable(method)
    parameters = inspect.signature(method).parameters.values()
    return [(parameter.name, parameter.kind, parameter.default) for parameter in parameters]


@pytest.mark.parametrize(("sync_kind", "async_kind"), TWINS)
def test_twins_have_the_same_methods(sync_kind: type, async_kind: type) -> None:
    """Who knows one knows the other: names, parameters, defaults and what they do."""
    ours, theirs = methods_of(sync_kind), methods_of(async_kind)
    assert ours.keys() == theirs.keys()
    for name, method in ours.items():
        assert spelled(method) == spelled(theirs[name]), name
        assert summary(method) == summary(theirs[name]), name


def test_each_operation_is_a_file_a_row_and_a_method_on_both_clients() -> None:
    """A second operation is found where the first one is."""
    files = {module.name for module in pkgutil.iter_modules(operations.__path__)}
    rows = {row.name for row in vars(operations).values() if isinstance(row, operations.Operation)}
    assert files
    assert {re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower() for name in rows} == files
    assert files <= vars(CodePipelineClient).keys() & vars(AsyncCodePipelineClient).keys()
