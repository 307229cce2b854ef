"""
Exceptions that a signal raises at any moment of a call: Ctrl-C, an alarm, the soft time limit of a task queue.

    INTERRUPTS=5000 python -m pytest tests/test_interrupts.py

interrupts that many calls, where the suite interrupts 300.
"""

from __future__ import annotations

import gc
import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from random import Random
from types import FrameType
from typing import Final

import pytest

from codepipeline_client import CodePipelineClient, ConfigurationError, ConnectionFailedError
from codepipeline_client.testing import LocalCodePipeline, make_pipeline_execution

INTERRUPTS: Final = int(os.environ.get("INTERRUPTS", "300"))
CONNECTIONS: Final = 4
EXECUTIONS: Final = [make_pipeline_execution(pipeline_name=name) for name in ("one", "two", "three")]

pytestmark = [
    pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this system has no alarms"),
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),  # a socket that an interrupt made its call lose
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),  # one that comes in a destructor
]


class Interrupt(BaseException):
    """What the handler raises."""


@pytest.fixture
def service() -> Iterator[LocalCodePipeline]:
    with LocalCodePipeline() as endpoint:
        for execution in EXECUTIONS:
            endpoint.put_execution(execution)
        yield endpoint


def new_client(service: LocalCodePipeline) -> CodePipelineClient:
    return CodePipelineClient(
        region_name=service.region_name,
        endpoint_url=service.endpoint_url.replace("127.0.0.1", "localhost"),  # so that there are lookups
        credentials=lambda: service.credentials,
        max_connections=CONNECTIONS,
        timeout=10.0,
    )


def call(client: CodePipelineClient, number: int) -> None:
    """Make a call, whose response must be about its own execution."""
    execution = EXECUTIONS[number % len(EXECUTIONS)]
    output = client.get_pipeline_execution(
        pipeline_name=execution.pipeline_name, pipeline_execution_id=execution.pipeline_execution_id
    )
    assert output.pipeline_execution == execution


def call_until_it_fails(client: CodePipelineClient, number: int) -> None:
    while True:
        call(client, number)


def close(client: CodePipelineClient, _: int, frame: FrameType | None) -> None:
    client.close()


@pytest.fixture
def alarm() -> Iterator[None]:
    """Whatever a test makes of the alarm, it is off in the end."""
    before = signal.getsignal(signal.SIGALRM)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.usefixtures("alarm")
def test_a_client_that_was_interrupted_often_works_as_before(service: LocalCodePipeline) -> None:
    """No connection is lost, no lock stays held, and no response reaches another call."""
    moment, interrupted = Random(5), 0

    def interrupt(_: int, frame: FrameType | None) -> None:
        raise Interrupt

    signal.signal(signal.SIGALRM, interrupt)
    with new_client(service) as client:
        for number in range(100 * INTERRUPTS):
            try:
                signal.setitimer(signal.ITIMER_REAL, moment.uniform(0.00002, 0.004))
                for _ in range(20):
                    call(client, number)
                signal.setitimer(signal.ITIMER_REAL, 0)
            except Interrupt:
                interrupted += 1
                if interrupted == INTERRUPTS:
                    break
        gc.collect()
        with ThreadPoolExecutor(CONNECTIONS) as threads:
            began = time.monotonic()
            for done in [threads.submit(call, client, number) for number in range(10 * CONNECTIONS)]:
                done.result()
        assert time.monotonic() - began < 5
        assert 0 < service.open_connections <= CONNECTIONS
    assert interrupted == INTERRUPTS


@pytest.mark.usefixtures("alarm")
def test_a_signal_handler_may_close_the_client_at_any_moment_of_a_call(service: LocalCodePipeline) -> None:
    """No deadlock; the call ends with a typed error, and so does the next one."""
    moment = Random(6)
    for number in range(INTERRUPTS // 3):
        client = new_client(service)
        signal.signal(signal.SIGALRM, partial(close, client))
        signal.setitimer(signal.ITIMER_REAL, moment.uniform(0.00002, 0.006))
        with pytest.raises((ConnectionFailedError, ConfigurationError), match="closed"):
            call_until_it_fails(client, number)
