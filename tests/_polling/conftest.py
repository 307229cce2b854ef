"""Clients of an endpoint whose clock does not wait."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest

from codepipeline_client.testing import FakeClock, LocalCodePipeline
from tests.clients import KINDS, opened

Open = Callable[..., AbstractContextManager[Any]]
"""Opens a client, which is called as the sync one. Its arguments are changes to the client's."""


@pytest.fixture
def clock(codepipeline_clock: FakeClock) -> FakeClock:
    return codepipeline_clock


@pytest.fixture
def service(local_codepipeline: LocalCodePipeline) -> LocalCodePipeline:
    return local_codepipeline


@pytest.fixture
def options(service: LocalCodePipeline, clock: FakeClock) -> dict[str, Any]:
    """What a client of *service* is made with."""
    return {
        "region_name": service.region_name,
        "endpoint_url": service.endpoint_url,
        "credentials": service.credentials,
        "clock": clock,
    }


@pytest.fixture(params=KINDS)
def open_client(request: pytest.FixtureRequest, options: dict[str, Any]) -> Open:
    def open_client(**changes: Any) -> AbstractContextManager[Any]:
        return opened(request.param, **{**options, **changes})

    return open_client
