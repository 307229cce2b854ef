"""Scripted executions: which step each poll sees, by count and by time, alone and behind the endpoint."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from itertools import accumulate, chain
from threading import Barrier
from typing import Any, Final

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codepipeline_client import CodePipelineClient, CodePipelineError, PipelineExecutionStatus
from codepipeline_client.testing import FakeClock, LocalCodePipeline, ScriptStep, Shown, faults, make_pipeline_execution
from codepipeline_client.testing.executions import ExecutionScript
from codepipeline_client.testing.faults import Fault
from codepipeline_client.waiting import PipelineExecutionReference
from tests.endpoint import options_for, outcome_of

START: Final = 1_767_225_600.0
ID: Final = "00000000-0000-4000-8000-000000000001"
API: Final = make_pipeline_execution(pipeline_name="api")
WEB: Final = make_pipeline_execution()
OTHER: Final = make_pipeline_execution(pipeline_execution_id=ID)
A, B, C, D = map(PipelineExecutionStatus, "ABCD")
LONG_A, LONG_B, LONG_C = (Shown(each, seconds=10) for each in (A, B, C))
NAIVE: Final = datetime(2026, 1, 2)  # noqa: DTZ001 - the mistake
TEXT: Final[Any] = "2026-01-02T03:04:05Z"
NUMBER: Final[Any] = 5
HALF: Final[Any] = 0.5
SHOWN: Final[Any] = Shown(A, polls=1)


def seen(steps: Sequence[ScriptStep], moments: Sequence[float]) -> list[str | None]:
    """Return what polls see at *moments*, in seconds after the start of the script."""
    script = ExecutionScript(steps, None, None, now=START)
    found = [script.poll(START + moment) for moment in moments]
    return [None if execution is None else execution.status for execution in found]


@pytest.mark.parametrize(
    ("steps", "moments", "expected"),
    [
        pytest.param([A, B], [0, 0, 0, 9], [A, B, B, B], id="a-plain-step-lasts-one-poll"),
        pytest.param([Shown(A, polls=3), B], [0, 5, 9, 9], [A, A, A, B], id="polls"),
        pytest.param([Shown(A, seconds=90), B], [0, 89.99, 90, 91], [A, A, B, B], id="seconds"),
        pytest.param([Shown(A, seconds=90), B], [1000], [B], id="no-poll-in-time"),
        pytest.param([LONG_A, LONG_B, LONG_C, D], [5, 25, 29, 30], [A, C, C, D], id="a-step-ends-without-a-poll"),
        pytest.param([A, Shown(B, seconds=90), C], [1000, 1089, 1090], [A, B, C], id="seconds-after-a-poll"),
        pytest.param([LONG_A, B, C], [50, 50], [B, C], id="polls-after-seconds"),
        pytest.param([LONG_A, Shown(B, polls=2), LONG_C, D], [5, 15, 16, 25.9, 26], [A, B, B, C, D], id="both"),
        pytest.param([Shown(A, polls=1)], [0, 1, 2], [A, A, A], id="the-last-step-lasts-beyond-its-polls"),
        pytest.param([Shown(A, seconds=1)], [0, 1, 2], [A, A, A], id="the-last-step-lasts-beyond-its-seconds"),
        pytest.param([None, A], [0, 0, 0], [None, A, A], id="not-found-yet"),
        pytest.param([Shown(None, seconds=5), A], [4, 5], [None, A], id="not-found-for-a-while"),
        pytest.param([A, None], [0, 0, 0], [A, None, None], id="deleted"),
        pytest.param([LONG_A, B], [10, 0], [B, B], id="a-clock-set-back"),
        pytest.param([WEB, "Failed"], [0, 0], ["Succeeded", "Failed"], id="execution-and-text"),
    ],
)
def test_each_poll_sees_its_step(
    steps: Sequence[ScriptStep], moments: Sequence[float], expected: list[str | None]
) -> None:
    assert seen(steps, moments) == expected


@given(st.lists(st.integers(1, 10**7), min_size=1, max_size=20))
def test_a_step_ends_at_the_moment_that_a_test_computes(milliseconds: list[int]) -> None:
    """Floats since the epoch are coarse, and a sum of them is not the float of the sum."""
    statuses = [PipelineExecutionStatus(f"{number}") for number in range(len(milliseconds) + 1)]
    steps: list[ScriptStep] = [
        Shown(status, seconds=each / 1000) for status, each in zip(statuses, [*milliseconds, 1], strict=True)
    ]
    ends = [total / 1000 for total in accumulate(milliseconds)]
    assert seen(steps, ends) == statuses[1:]
    assert seen(steps, [end - 0.0001 for end in ends]) == statuses[:-1]


@pytest.mark.parametrize(
    ("steps", "name", "execution_id", "expected"),
    [
        pytest.param([A], None, None, (WEB.pipeline_name, WEB.pipeline_execution_id), id="default"),
        pytest.param([None], "api", None, ("api", WEB.pipeline_execution_id), id="name"),
        pytest.param([A], None, ID, ("web", ID), id="id"),
        pytest.param([A, API, None, API], None, None, ("api", API.pipeline_execution_id), id="the-steps'"),
        pytest.param([Shown(OTHER, polls=2), A], None, None, ("web", ID), id="the-shown-execution's"),
        pytest.param([API, A], "lib", ID, ("lib", ID), id="given-above-the-steps'"),
        pytest.param([API, WEB], "lib", None, ("lib", WEB.pipeline_execution_id), id="given-for-several"),
    ],
)
def test_every_step_is_about_one_execution(
    steps: Sequence[ScriptStep], name: str | None, execution_id: str | None, expected: tuple[str, str]
) -> None:
    script = ExecutionScript(steps, name, execution_id, now=START)
    assert script.reference == PipelineExecutionReference(*expected)
    polled = [execution for execution in map(script.poll, [START] * 4) if execution]
    assert {(each.pipeline_name, each.pipeline_execution_id) for each in polled} <= {expected}


def test_the_other_fields_of_an_execution_stay_as_they_are() -> None:
    """A status stands for what make_pipeline_execution makes of it."""
    rich = make_pipeline_execution(status="Stopped", status_summary="by hand", variables=[{"name": "A"}])
    script = ExecutionScript(["Failed", rich], "api", ID, now=START)
    failed = make_pipeline_execution(pipeline_name="api", pipeline_execution_id=ID, status="Failed")
    expected = [failed, attrs.evolve(rich, pipeline_name="api", pipeline_execution_id=ID)]
    assert [script.poll(START), script.poll(START)] == expected


@pytest.mark.parametrize(
    ("make", "kind", "words"),
    [
        pytest.param(lambda: seen([], []), ValueError, "a script needs at least one step", id="no-steps"),
        pytest.param(lambda: seen("InProgress", []), ValueError, r"give \['InProgress'\] for one", id="text"),
        pytest.param(lambda: seen([API, A, WEB], []), ValueError, "name 'api' and 'web': pass ", id="two-pipelines"),
        pytest.param(lambda: seen([WEB, Shown(OTHER, polls=2)], []), ValueError, f"_id '{ID}' and '", id="two-ids"),
        pytest.param(lambda: seen([NUMBER], []), TypeError, "5 is not a step: give an execution, a", id="number"),
        pytest.param(lambda: seen([Shown(SHOWN, polls=1)], []), TypeError, r"Shown\(.* is not a step", id="twice"),
        *(
            pytest.param(
                lambda time=time: seen([make_pipeline_execution(artifact_revisions=[{"created": time}])], []),
                ValueError,
                "created is sent in seconds since 1970: give a datetime with a time zone, not",
                id=type(time).__name__,
            )
            for time in (NAIVE, TEXT)
        ),
        pytest.param(lambda: seen([Shown("Succeded", polls=2)], []), ValueError, "'Succeded' is not", id="misspelt"),
        pytest.param(lambda: Shown(A), ValueError, "either polls or seconds: give one of them", id="no-length"),
        pytest.param(lambda: Shown(A, polls=1, seconds=1), ValueError, "either polls or seconds", id="two-lengths"),
        pytest.param(lambda: Shown(A, polls=0), ValueError, "'polls' must be >= 1: 0", id="no-polls"),
        pytest.param(lambda: Shown(A, polls=HALF), TypeError, "'polls' must be <class 'int'>", id="half-a-poll"),
        *(
            pytest.param(lambda each=each: Shown(A, seconds=each), ValueError, "'seconds' must be", id=str(each))
            for each in (0, -1, float("inf"), float("nan"))
        ),
    ],
)
def test_an_impossible_script_is_refused_where_it_is_made(
    make: Callable[[], object], kind: type[Exception], words: str
) -> None:
    with pytest.raises(kind, match=words):
        make()


# Behind the endpoint

Poll = Callable[[PipelineExecutionReference], str]


@pytest.fixture
def client(local_codepipeline: LocalCodePipeline, codepipeline_clock: FakeClock) -> Iterator[Poll]:
    """Returns the status of an execution, or the class of the error, after one attempt."""
    options = options_for(local_codepipeline, clock=codepipeline_clock, retry_mode="off", parameter_validation=False)
    with CodePipelineClient(**options) as client:

        def status_of(reference: PipelineExecutionReference) -> str:
            outcome = outcome_of(client, **attrs.asdict(reference))
            if isinstance(outcome, CodePipelineError):
                return type(outcome).__name__
            return outcome.pipeline_execution.status

        yield status_of


def test_a_client_sees_an_execution_change(
    local_codepipeline: LocalCodePipeline, client: Poll, codepipeline_clock: FakeClock
) -> None:
    """From not found to a status that this release does not know, by polls and by the endpoint's clock."""
    paused = PipelineExecutionStatus("Paused")
    web = local_codepipeline.script_execution([None, Shown("InProgress", seconds=90), "Stopping", paused])
    assert client(PipelineExecutionReference("api", ID)) == "PipelineNotFoundException"
    assert [client(web) for _ in range(2)] == ["PipelineExecutionNotFoundException", "InProgress"]
    codepipeline_clock.advance(89)
    assert client(web) == "InProgress"
    codepipeline_clock.advance(1)
    assert [client(web) for _ in range(3)] == ["Stopping", "Paused", "Paused"]


@pytest.mark.parametrize(
    ("fault", "statuses"),
    [
        (faults.Throttling(), ["ThrottlingException", "InProgress", "Succeeded"]),
        (faults.ErrorResponse(code="InternalFailure"), ["InternalFailure", "InProgress", "Succeeded"]),
        (faults.ServerError(), ["ServiceError", "InProgress", "Succeeded"]),
        (faults.HtmlBody(), ["ResponseDecodeError", "InProgress", "Succeeded"]),
        (faults.Redirect(location="http://127.0.0.1:9/"), ["ResponseDecodeError", "InProgress", "Succeeded"]),
        (faults.ResetInBody(), ["ConnectionFailedError", "Succeeded", "Succeeded"]),
        (faults.ClockSkew(seconds=200), ["InProgress", "Succeeded", "Succeeded"]),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Fault) else "",
)
def test_only_a_response_of_the_service_is_a_poll(
    local_codepipeline: LocalCodePipeline, client: Poll, fault: Fault, statuses: list[str]
) -> None:
    """Also one that is damaged on its way. A wrong clock is only in what the service says of the time."""
    web = local_codepipeline.script_execution(["InProgress", Shown("Succeeded", seconds=100), "Failed"])
    local_codepipeline.inject(fault)
    assert [client(web) for _ in range(3)] == statuses


def test_a_refused_or_prepared_response_is_no_poll(local_codepipeline: LocalCodePipeline, client: Poll) -> None:
    web = local_codepipeline.script_execution(["InProgress", "Succeeded"])
    local_codepipeline.put_error("ValidationException")
    local_codepipeline.put_response(body=b"{}")
    assert [client(web) for _ in range(2)] == ["ValidationException", "ResponseDecodeError"]
    assert client(PipelineExecutionReference("web", "x")) == "ValidationException"
    assert [client(web) for _ in range(2)] == ["InProgress", "Succeeded"]


def test_the_last_script_or_execution_that_was_put_counts(
    local_codepipeline: LocalCodePipeline, client: Poll, codepipeline_clock: FakeClock
) -> None:
    """A script begins anew, an execution replaces a script, and a script replaces an execution. Others stay."""
    other = local_codepipeline.put_execution(OTHER)
    steps: list[ScriptStep] = ["InProgress", Shown("Stopping", seconds=60), "Stopped"]
    web = local_codepipeline.script_execution(steps)
    assert [client(web) for _ in range(2)] == ["InProgress", "Stopping"]
    codepipeline_clock.advance(59)
    assert local_codepipeline.script_execution(steps) == web
    assert [client(web) for _ in range(2)] == ["InProgress", "Stopping"]
    codepipeline_clock.advance(59)
    assert client(web) == "Stopping"
    local_codepipeline.put_execution(WEB)
    codepipeline_clock.advance(1)
    assert [client(web) for _ in range(2)] == ["Succeeded", "Succeeded"]
    local_codepipeline.script_execution(["Failed", "Cancelled"])
    assert [client(each) for each in (web, web, other)] == ["Failed", "Cancelled", "Succeeded"]


def test_threads_lose_no_poll(request: pytest.FixtureRequest) -> None:
    """Each step is seen once, whichever thread sees it. Without requests, which would keep the threads apart."""
    request.addfinalizer(partial(sys.setswitchinterval, sys.getswitchinterval()))
    sys.setswitchinterval(1e-6)  # so that a missing lock is seen
    endpoint, all_threads = LocalCodePipeline(), Barrier(8)
    statuses = [PipelineExecutionStatus(f"{number}") for number in range(10_000)]
    web = endpoint.script_execution(statuses)
    names = {"pipelineName": web.pipeline_name, "pipelineExecutionId": web.pipeline_execution_id}
    pipelines = endpoint._pipelines  # pyright: ignore[reportPrivateUsage] - there is no public way without requests
    poll: Any = partial(pipelines.respond, "GetPipelineExecution", names, START)

    def poll_often(_: int) -> list[str]:
        all_threads.wait(10)
        return [poll()["pipelineExecution"]["status"] for _ in range(len(statuses) // 8)]

    with ThreadPoolExecutor(8) as threads:
        assert Counter(chain.from_iterable(threads.map(poll_often, range(8)))) == Counter(statuses)
