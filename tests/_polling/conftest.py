"""Short names of the endpoint and the clock that the clients of `open_client` use."""

from __future__ import annotations

import pytest

from codepipeline_client.testing import FakeClock, LocalCodePipeline


@pytest.fixture
def clock(codepipeline_clock: FakeClock) -> FakeClock:
    return codepipeline_clock


@pytest.fixture
def service(local_codepipeline: LocalCodePipeline) -> LocalCodePipeline:
    return local_codepipeline
