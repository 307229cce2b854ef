"""The endpoint that most tests of the kit use."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from codepipeline_client.testing import LocalCodePipeline
from tests.testing.endpoint_client import EXECUTION, NOW, Connection, connected


@pytest.fixture
def endpoint() -> Iterator[LocalCodePipeline]:
    """An endpoint whose time stands still, with one execution."""
    with LocalCodePipeline(now=lambda: NOW) as running:
        running.put_execution(EXECUTION)
        yield running


@pytest.fixture
def connection(endpoint: LocalCodePipeline) -> Iterator[Connection]:
    """A connection to it."""
    with connected(endpoint) as opened:
        yield opened
