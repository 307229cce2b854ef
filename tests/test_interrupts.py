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
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import Final
from unittest.mock import Mock

import pytest

from codepipeline_client import CodePipelineClient, ConfigurationError, ConnectionFailedError
from codepipeline_client.testing import LocalCodePipeline, make_pipeline_execution
from tests.endpoint import options_for

INTERRUPTS: Final = int(os.environ.get("INTERRUPTS", "300"))
CONNECTIONS: Final = 4
Alarm = Callable[[float, Callable[[], object]], None]
EXECUTIONS: Final = [make_pipeline_execution(pipeline_name=name) for name in ("one", "two", "three")]

pytestmark = [
    pytest.mark.usefixtures("garbage"),
    pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this system has no alarms"),
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),  # a socket that an interrupt made its call lose
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),  # one that comes in a destructor
]


class Interrupt(BaseException):
    """What the handler raises."""


def new_client(service: LocalCodePipeline) -> CodePipelineClient:
    for execution in EXECUTIONS:
        service.put_execution(execution)
    url = service.endpoint_url.replace("127.0.0.1", "localhost")  # so that there are lookups
    options = options_for(service, endpoint_url=url, credentials=lambda: service.credentials)
    return CodePipelineClient(**options, max_connections=CONNECTIONS, timeout=10.0)


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


@pytest.fixture
def alarm() -> Iterator[Alarm]:
    """Has a signal handler call a function after so many seconds. In the end it is off."""
    before = signal.getsignal(signal.SIGALRM)

    def set_alarm(seconds: float, action: Callable[[], object]) -> None:
        def handle(*_: object) -> None:
            action()

        signal.signal(signal.SIGALRM, handle)
        signal.setitimer(signal.ITIMER_REAL, seconds)

    yield set_alarm
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def test_a_client_that_was_interrupted_often_works_as_before(service: LocalCodePipeline, alarm: Alarm) -> None:
    """No connection is lost, no lock stays held, and no response reaches another call."""
    moment, interrupted = Random(5), 0
    interrupt = Mock(side_effect=Interrupt)
    with new_client(service) as client:
        for number in range(100 * INTERRUPTS):
            try:
                alarm(moment.uniform(0.00002, 0.004), interrupt)
                for _ in range(20):
                    call(client, number)
                alarm(0, interrupt)
            except Interrupt:
                interrupted += 1
                if interrupted == INTERRUPTS:
                    break
        gc.collect()
        with ThreadPoolExecutor(CONNECTIONS) as threads:
            began = time.monotonic()
            list(threads.map(call, [client] * 10 * CONNECTIONS, range(10 * CONNECTIONS)))
        assert time.monotonic() - began < 5
        assert 0 < service.open_connections <= CONNECTIONS
    assert interrupted == INTERRUPTS


def test_a_signal_handler_may_close_the_client_at_any_moment_of_a_call(
    service: LocalCodePipeline, alarm: Alarm
) -> None:
    """No deadlock; the call ends with a typed error, and so does the next one."""
    moment = Random(6)
    for number in range(INTERRUPTS // 3):
        client = new_client(service)
        alarm(moment.uniform(0.00002, 0.006), client.close)
        with pytest.raises((ConnectionFailedError, ConfigurationError), match="closed"):
            call_until_it_fails(client, number)
        with pytest.raises(ConfigurationError, match="closed"):
            call(client, number)
