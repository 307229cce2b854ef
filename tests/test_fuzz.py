"""The short form of the fuzzer in `tests/fuzz`: its function on the inputs that it starts from, and on mutations."""

from __future__ import annotations

from collections import Counter

from codepipeline_client import (
    ConnectionFailedError,
    GetPipelineExecutionOutput,
    PipelineNotFoundException,
    ResponseDecodeError,
    ServiceError,
    ThrottlingException,
)
from tests.fuzz.seeds import mutations, seeds
from tests.fuzz.target import Target


def test_whatever_comes_over_a_connection_ends_typed() -> None:
    """In time, without a secret, and without harm to the next call."""
    inputs = list(seeds())
    with Target() as target:
        outcomes = Counter(type(target.check(each)) for each in (*inputs, *mutations(inputs, count=600, seed=1)))
    for kind in (
        GetPipelineExecutionOutput,
        ConnectionFailedError,
        ResponseDecodeError,
        ServiceError,
        PipelineNotFoundException,
        ThrottlingException,
    ):
        assert outcomes[kind] > 3, outcomes
