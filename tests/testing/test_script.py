"""
Scripted executions: which step each poll sees, by count and by time, alone and behind the endpoint.
"""

from __future__ import annotations

import gc
import sys
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from itertools import accumulate
from typing import Final

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from codepipeline_client import (
    CodePipelineClient,
    CodePipelineError,
    Credentials,
    PipelineExecutionNotFoundException,
    PipelineNotFoundException,
)
from codepipeline_client.testing import FakeClock, LocalCodePipeline, ScriptStep, Shown, faults, make_pipeline_execution
from codepipeline_client.testing._handler import EndpointState
from codepipeline_client.testing.executions import ExecutionScript
from codepipeline_client.testing.faults import Fault
from codepipeline_client.waiting import PipelineExecutionReference

START: Final = 1_767_225_600.0
ID: Final = "00000000-0000-4000-8000-000000000001"
API: Final = make_pipeline_execution(pipeline_name="api")
WEB: Final = make_pipeline_execution()
OTHER: Final = make_pipeline_execution(pipeline_execution_id=ID)


def script_of(steps: Sequence[ScriptStep], name: str | None = None, execution_id: str | None = None) -> ExecutionScript:
    return ExecutionScript(steps, name, execution_id, now=START)


def seen(steps: Sequence[ScriptStep], moments: Sequence[float]) -> list[str | None]:
    """Return what polls see at *moments*, in seconds after the start of the script."""
    script = script_of(steps)
    found = [script.poll(START + moment) for moment in moments]
    return [None if execution is None else execution.status for execution in found]


# What a poll sees


@pytest.mark.parametrize(
    ("steps", "moments", "expected"),
    [
        pytest.param(["A", "B"], [0, 0, 0, 9], ["A", "B", "B", "B"], id="a-plain-step-lasts-one-poll"),
        pytest.param([Shown("A", polls=3), "B"], [0, 5, 9, 9], ["A", "A", "A", "B"], id="so-many-polls"),
        pytest.param([Shown("A", seconds=90), "B"], [0, 89.99, 90, 91], ["A", "A", "B", "B"], id="so-many-seconds"),
        pytest.param([Shown("A", seconds=90), "B"], [], [], id="nobody-asks"),
        pytest.param([Shown("A", seconds=90), "B"], [1000], ["B"], id="nobody-asked-in-time"),
        pytest.param(
            [Shown("A", seconds=10), Shown("B", seconds=10), Shown("C", seconds=10), "D"],
            [5, 25, 29, 30],
            ["A", "C", "C", "D"],
            id="a-time-begins-when-the-one-before-it-ends-and-not-when-somebody-asks",
        ),
        pytest.param(
            ["A", Shown("B", seconds=90), "C"],
            [1000, 1089, 1090],
            ["A", "B", "C"],
            id="a-time-begins-with-the-last-poll-of-the-step-before",
        ),
        pytest.param([Shown("A", seconds=10), "B", "C"], [50, 50], ["B", "C"], id="polls-after-seconds"),
        pytest.param(
            [Shown("A", seconds=10), Shown("B", polls=2), Shown("C", seconds=10), "D"],
            [5, 15, 16, 25.9, 26],
            ["A", "B", "B", "C", "D"],
            id="in-turn",
        ),
        pytest.param([Shown("A", polls=1)], [0, 1, 2], ["A", "A", "A"], id="the-last-step-ends-by-no-polls"),
        pytest.param([Shown("A", seconds=1)], [0, 1, 2], ["A", "A", "A"], id="the-last-step-ends-by-no-time"),
        pytest.param([None, "A"], [0, 0, 0], [None, "A", "A"], id="not-found-yet"),
        pytest.param([Shown(None, seconds=5), "A"], [4, 5], [None, "A"], id="not-found-for-a-while"),
        pytest.param(["A", None], [0, 0, 0], ["A", None, None], id="lost"),
        pytest.param([Shown("A", seconds=10), "B"], [10, 0], ["B", "B"], id="a-clock-set-back"),
        pytest.param([WEB, API.status.FAILED], [0, 0], ["Succeeded", "Failed"], id="execution-and-enum"),
    ],
)
def test_each_poll_sees_its_step(
    steps: Sequence[ScriptStep], moments: Sequence[float], expected: list[str | None]
) -> None:
    """By the count of polls and by the time since the script was put there."""
    assert seen(steps, moments) == expected


@given(st.lists(st.integers(1, 10**7), min_size=1, max_size=20))
def test_a_step_ends_at_the_moment_that_a_test_reckons_with(milliseconds: list[int]) -> None:
    """Floats since the epoch are coarse, and a sum of them is not the float of the sum."""
    steps: list[ScriptStep] = [
        *(Shown(str(number), seconds=each / 1000) for number, each in enumerate(milliseconds)),
        "last",
    ]
    ends = [total / 1000 for total in accumulate(milliseconds)]
    assert seen(steps, ends) == [*map(str, range(1, len(milliseconds))), "last"]
    assert seen(steps, [end - 0.0001 for end in ends]) == [*map(str, range(len(milliseconds)))]


# Which execution it is


@pytest.mark.parametrize(
    ("steps", "name", "execution_id", "expected"),
    [
        pytest.param(["A"], None, None, (WEB.pipeline_name, WEB.pipeline_execution_id), id="the-usual-one"),
        pytest.param([None], "api", None, ("api", WEB.pipeline_execution_id), id="a-name"),
        pytest.param(["A"], None, ID, ("web", ID), id="an-id"),
        pytest.param(["A", API, None, API], None, None, ("api", API.pipeline_execution_id), id="the-steps"),
        pytest.param([Shown(OTHER, polls=2), "A"], None, None, ("web", ID), id="what-is-shown"),
        pytest.param([API, "A"], "lib", ID, ("lib", ID), id="given-above-the-steps"),
        pytest.param([API, WEB], "lib", None, ("lib", WEB.pipeline_execution_id), id="given-for-several"),
    ],
)
def test_a_script_is_about_one_execution(
    steps: Sequence[ScriptStep], name: str | None, execution_id: str | None, expected: tuple[str, str]
) -> None:
    """Every step is, whatever the execution was called that it was made of."""
    script = script_of(steps, name, execution_id)
    assert script.reference == PipelineExecutionReference(*expected)
    polled = [execution for execution in map(script.poll, [START] * 4) if execution]
    assert {(each.pipeline_name, each.pipeline_execution_id) for each in polled} <= {expected}


def test_the_rest_of_an_execution_stays_as_it_is() -> None:
    """Only name and id are put in; a status alone stands for what make_pipeline_execution makes of it."""
    rich = make_pipeline_execution(status="Stopped", status_summary="by hand", variables=[{"name": "A"}])
    script = script_of(["Failed", rich], "api", ID)
    failed = make_pipeline_execution(pipeline_name="api", pipeline_execution_id=ID, status="Failed")
    expected = [failed, evolve(rich, pipeline_name="api", pipeline_execution_id=ID)]
    assert [script.poll(START), script.poll(START)] == expected


@pytest.mark.parametrize(
    ("make", "kind", "words"),
    [
        pytest.param(lambda: seen([], []), ValueError, "a script needs a step or more", id="no-steps"),
        pytest.param(lambda: seen("InProgress", []), ValueError, r"give \['InProgress'\] for one", id="a-text"),
        pytest.param(
            lambda: seen([API, "A", WEB], []),
            ValueError,
            "not about pipeline_name 'api' and 'web': give pipeline_name, or script each",
            id="two-pipelines",
        ),
        pytest.param(
            lambda: seen([WEB, Shown(OTHER, polls=2)], []),
            ValueError,
            f"not about pipeline_execution_id '{ID}' and '{WEB.pipeline_execution_id}'",
            id="two-ids",
        ),
        pytest.param(lambda: seen([5], []), TypeError, "5 is no step: give an execution, a", id="a-number"),  # type: ignore[list-item]  # pyright: ignore[reportArgumentType] - the slip
        pytest.param(
            lambda: seen([Shown(Shown("A", polls=1), polls=1)], []),  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - the slip
            TypeError,
            r"Shown\(.* is no step",
            id="shown-twice",
        ),
        pytest.param(lambda: Shown("A"), ValueError, "either polls or seconds: give one of them", id="no-length"),
        pytest.param(lambda: Shown("A", polls=1, seconds=1), ValueError, "either polls or seconds", id="two-lengths"),
        pytest.param(lambda: Shown("A", polls=0), ValueError, "'polls' must be >= 1: 0", id="no-polls"),
        pytest.param(lambda: Shown("A", polls=1.5), TypeError, "'polls' must be <class 'int'>", id="half-a-poll"),  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - the slip
        *(
            pytest.param(
                lambda each=each: Shown("A", seconds=each), ValueError, "seconds must be above 0", id=str(each)
            )
            for each in (0, -1, float("inf"), float("nan"))
        ),
    ],
)
def test_a_script_that_cannot_be_is_refused_where_it_is_made(
    make: Callable[[], object], kind: type[Exception], words: str
) -> None:
    """The error is in the test, not in a thread that it does not see."""
    with pytest.raises(kind, match=words):
        make()


# Behind the endpoint


@pytest.fixture
def clock() -> FakeClock:
    """The time of the endpoint and of the clients."""
    return FakeClock()


@pytest.fixture
def endpoint(clock: FakeClock) -> Iterator[LocalCodePipeline]:
    """An endpoint that knows no execution yet."""
    with LocalCodePipeline(now=clock.time) as running:
        yield running


@pytest.fixture
def client(endpoint: LocalCodePipeline, clock: FakeClock) -> Iterator[CodePipelineClient]:
    """A client that asks once and tries nothing again."""
    with client_of(endpoint, clock) as asking:
        yield asking


def client_of(
    endpoint: LocalCodePipeline, clock: FakeClock, credentials: Credentials | None = None
) -> CodePipelineClient:
    return CodePipelineClient(
        region_name=endpoint.region_name,
        endpoint_url=endpoint.endpoint_url,
        credentials=credentials or endpoint.credentials,
        clock=clock,
        retry_mode="off",
        parameter_validation=False,
    )


def asked(client: CodePipelineClient, reference: PipelineExecutionReference) -> str:
    """Return the status that the service tells, or the kind of its refusal."""
    try:
        output = client.get_pipeline_execution(
            pipeline_name=reference.pipeline_name, pipeline_execution_id=reference.pipeline_execution_id
        )
    except CodePipelineError as error:
        return type(error).__name__
    return output.pipeline_execution.status


def test_a_client_sees_an_execution_go_on(
    endpoint: LocalCodePipeline, client: CodePipelineClient, clock: FakeClock
) -> None:
    """From not found to a status that nobody knows yet, by polls and by the endpoint's clock."""
    web = endpoint.script_execution([None, Shown("InProgress", seconds=90), "Stopping", "Paused"])
    assert asked(client, web) == PipelineExecutionNotFoundException.__name__
    assert asked(client, web) == "InProgress"
    clock.advance(89)
    assert asked(client, web) == "InProgress"
    clock.advance(1)
    assert [asked(client, web) for _ in range(3)] == ["Stopping", "Paused", "Paused"]


def test_a_script_tells_which_execution_it_is_about(endpoint: LocalCodePipeline, client: CodePipelineClient) -> None:
    """What it returns is what a client is asked for. Its pipeline exists, even while it does not itself."""
    reference = endpoint.script_execution([None, "Failed"], pipeline_name="api", pipeline_execution_id=ID)
    assert reference == PipelineExecutionReference("api", ID)
    assert asked(client, PipelineExecutionReference("api", WEB.pipeline_execution_id)) == (
        PipelineExecutionNotFoundException.__name__
    )
    assert asked(client, PipelineExecutionReference("web", ID)) == PipelineNotFoundException.__name__
    assert [asked(client, reference) for _ in range(2)] == [PipelineExecutionNotFoundException.__name__, "Failed"]


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(faults.Throttling(), id="throttling"),
        pytest.param(faults.ErrorResponse(code="InternalFailure"), id="error"),
        pytest.param(faults.ServerError(), id="server-error"),
        pytest.param(faults.HtmlBody(), id="page"),
        pytest.param(faults.Redirect(location="http://127.0.0.1:9/"), id="redirect"),
    ],
)
def test_a_fault_in_the_place_of_the_answer_uses_no_step_up(
    endpoint: LocalCodePipeline, client: CodePipelineClient, fault: Fault
) -> None:
    """Who is throttled has not seen the execution."""
    web = endpoint.script_execution(["InProgress", "Succeeded"])
    endpoint.inject(fault)
    answers = [asked(client, web) for _ in range(3)]
    assert answers[1:] == ["InProgress", "Succeeded"]
    assert answers[0] not in answers[1:]


def test_a_request_that_is_refused_uses_no_step_up(
    endpoint: LocalCodePipeline, client: CodePipelineClient, clock: FakeClock
) -> None:
    """Neither does one that gets an answer which was put there for it."""
    web = endpoint.script_execution(["InProgress", "Succeeded"])
    wrong = Credentials(access_key_id=endpoint.credentials.access_key_id, secret_access_key="another")
    with client_of(endpoint, clock, wrong) as stranger:
        assert asked(stranger, web) == "InvalidSignatureException"
    endpoint.put_error("ValidationException")
    endpoint.put_response(body=b"{}")
    assert [asked(client, web) for _ in range(2)] == ["ValidationException", "ResponseDecodeError"]
    assert asked(client, PipelineExecutionReference("web", "x")) == "ValidationException"
    assert [asked(client, web) for _ in range(2)] == ["InProgress", "Succeeded"]


def test_an_answer_that_is_damaged_on_its_way_is_used_up(
    endpoint: LocalCodePipeline, client: CodePipelineClient
) -> None:
    """The service gave it, as it gives every answer that a fault damages."""
    web = endpoint.script_execution(["InProgress", "Succeeded"])
    endpoint.inject(faults.ResetInBody())
    assert [asked(client, web) for _ in range(2)] == ["ConnectionFailedError", "Succeeded"]


def test_a_service_whose_clock_is_wrong_keeps_to_the_script(
    endpoint: LocalCodePipeline, client: CodePipelineClient
) -> None:
    """The skew is in what it says of the time, and time itself does not jump."""
    web = endpoint.script_execution([Shown("InProgress", seconds=60), "Succeeded"])
    endpoint.inject(faults.ClockSkew(seconds=200))
    assert [asked(client, web) for _ in range(2)] == ["InProgress", "InProgress"]


def test_what_is_put_there_last_counts(
    endpoint: LocalCodePipeline, client: CodePipelineClient, clock: FakeClock
) -> None:
    """An execution in place of a script, a script in place of an execution, and a script that begins anew."""
    steps: list[ScriptStep] = ["InProgress", Shown("Stopping", seconds=60), "Stopped"]
    web = endpoint.script_execution(steps)
    assert [asked(client, web) for _ in range(2)] == ["InProgress", "Stopping"]
    clock.advance(59)
    assert endpoint.script_execution(steps) == web
    assert [asked(client, web) for _ in range(2)] == ["InProgress", "Stopping"]
    clock.advance(59)
    assert asked(client, web) == "Stopping"
    endpoint.put_execution(WEB)
    clock.advance(1)
    assert [asked(client, web) for _ in range(2)] == ["Succeeded", "Succeeded"]
    endpoint.script_execution(["Failed", "Cancelled"])
    assert [asked(client, web) for _ in range(2)] == ["Failed", "Cancelled"]


def test_an_execution_that_cannot_be_sent_is_refused_where_it_is_scripted(endpoint: LocalCodePipeline) -> None:
    """In whichever step it is."""
    naive = make_pipeline_execution(artifact_revisions=[{"created": datetime(2026, 1, 2)}])  # noqa: DTZ001 - the defect
    with pytest.raises(ValueError, match="has no time zone"):
        endpoint.script_execution([None, "InProgress", Shown(naive, polls=2), "Failed"])


# Many at once


@pytest.fixture
def hasty_threads() -> Iterator[None]:
    """Threads that give way at almost every step, so that what is not locked is seen."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("hasty_threads")
def test_threads_lose_no_poll() -> None:
    """Each of 10 000 steps is seen once, whichever of 8 threads sees it."""
    state = EndpointState(now=lambda: START)
    versions = range(10_000)
    state.put_script([make_pipeline_execution(pipeline_version=version) for version in versions])

    def poll(_: int) -> int | None:
        return state.poll(WEB.pipeline_name, WEB.pipeline_execution_id).pipeline_version

    with ThreadPoolExecutor(8) as threads:
        assert Counter(threads.map(poll, versions)) == Counter(versions)


def test_a_thousand_scripts_are_independent_and_small() -> None:
    """Each goes on by its own polls only, and takes less than 2 KiB."""
    state = EndpointState(now=lambda: START)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        references = [
            state.put_script(
                ["InProgress", Shown("Stopping", polls=number), "Stopped"] if number else ["Succeeded"],
                pipeline_name=f"pipeline-{number}",
            )
            for number in range(1000)
        ]
        gc.collect()
        taken = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert taken < 1000 * 2048

    def poll(reference: PipelineExecutionReference) -> str:
        return state.poll(reference.pipeline_name, reference.pipeline_execution_id).status

    rounds = [list(map(poll, references)) for _ in range(12)]
    for number, statuses in enumerate(zip(*rounds, strict=True)):
        stopped = ["InProgress", *["Stopping"] * number, *["Stopped"] * 12]
        assert list(statuses) == (stopped[:12] if number else ["Succeeded"] * 12)
