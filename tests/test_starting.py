"""Starting, listing and explaining executions with both clients, over a real endpoint."""

from __future__ import annotations

import json
import socket
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from unittest.mock import Mock
from urllib.parse import urlsplit

import pytest

from codepipeline_client import PipelineExecutionReference, errors
from codepipeline_client._polling import drivers
from codepipeline_client.testing import LocalCodePipeline, Shown, faults, make_action_execution, make_pipeline_execution
from tests._http.peer import Peer, Script, Talk, relay
from tests.clients import Open

ID: Final = "00000000-0000-4000-8000-000000000001"
UNKNOWN: Final = PipelineExecutionReference("web", ID)
STARTED: Final = {"timeout": 600.0}


@pytest.fixture(autouse=True)
def service(local_codepipeline: LocalCodePipeline) -> LocalCodePipeline:
    local_codepipeline.put_execution(make_pipeline_execution())
    return local_codepipeline


def starts(service: LocalCodePipeline) -> list[Any]:
    """Return the inputs of the requests to start something."""
    return [each.input for each in service.requests if each.headers["x-amz-target"].endswith(".StartPipelineExecution")]


# Start and wait


@pytest.mark.parametrize("way", ["one", "many", "watch"])
def test_what_was_started_is_waited_for_though_it_is_not_found_at_first(
    open_client: Open, service: LocalCodePipeline, way: str
) -> None:
    """It is known everywhere only a little later."""
    service.script_starts([Shown(None, seconds=25), "InProgress", "Succeeded"], pipeline_name="web")
    with open_client() as client:
        started = client.start_pipeline_execution(pipeline_name="web")
        if way == "one":
            execution = client.wait_for_pipeline_execution(started, timeout=None)
        elif way == "watch":
            *_, execution = client.watch_pipeline_execution(started, **STARTED)
        else:
            (followed,) = client.wait_for_pipeline_executions([started, started], **STARTED)
            execution = followed.result()
    assert (execution.status, execution.pipeline_execution_id) == ("Succeeded", started.pipeline_execution_id)


@pytest.mark.parametrize("grace", [{}, {"not_found_grace": 60.0}], ids=["default", "longer"])
def test_the_grace_of_what_was_started_ends(
    open_client: Open, service: LocalCodePipeline, grace: dict[str, Any]
) -> None:
    service.script_starts([Shown(None, seconds=50), "Succeeded"], pipeline_name="web")
    with open_client() as client:
        started = client.start_pipeline_execution(pipeline_name="web")
        if grace:
            assert client.wait_for_pipeline_execution(started, **STARTED, **grace).status == "Succeeded"
        else:
            with pytest.raises(errors.PipelineExecutionNotFoundException):
                client.wait_for_pipeline_execution(started, **STARTED)


def test_other_executions_have_no_grace(open_client: Open, service: LocalCodePipeline) -> None:
    with open_client() as client:
        started = client.start_pipeline_execution(pipeline_name="web")
        ended = {each.reference: each for each in client.wait_for_pipeline_executions([started, UNKNOWN], **STARTED)}
        with pytest.raises(errors.PipelineExecutionNotFoundException):
            client.wait_for_pipeline_execution(UNKNOWN, **STARTED)
    assert isinstance(ended[UNKNOWN].error, errors.PipelineExecutionNotFoundException)
    assert len(ended) == 2


def test_each_way_to_name_an_execution_is_taken(open_client: Open) -> None:
    execution = make_pipeline_execution()
    names = (execution.pipeline_name, execution.pipeline_execution_id)
    with open_client() as client:
        latest = client.latest_pipeline_execution(pipeline_name="web")
        output = client.get_pipeline_execution(pipeline_name=names[0], pipeline_execution_id=names[1])
        for each in (execution, names, PipelineExecutionReference(*names), latest, output):
            assert client.wait_for_pipeline_execution(each, timeout=5) == execution
            assert [*client.watch_pipeline_execution(each, timeout=5)] == [execution]
            assert client.failed_actions(each) == ()


@pytest.mark.parametrize(
    ("given", "named", "error", "words"),
    [
        pytest.param(
            (), {}, errors.ParameterValidationError, "pipeline_name is required; .*_id is required", id="nothing"
        ),
        pytest.param(
            (UNKNOWN,), {"pipeline_name": "web"}, errors.ConfigurationError, "either an execution, or", id="both"
        ),
        pytest.param(
            ("web",), {}, errors.ConfigurationError, "an execution must be what a start or .*, not str", id="text"
        ),
        pytest.param(
            (("web",),), {}, errors.ConfigurationError, "an execution must be what a start or .* not .'web'", id="half"
        ),
        pytest.param((None,), {}, errors.ConfigurationError, "the execution is None, which latest_", id="none"),
    ],
)
def test_an_execution_must_be_named_in_one_way(
    open_client: Open, given: tuple[Any, ...], named: dict[str, str], error: type[Exception], words: str
) -> None:
    with open_client() as client, pytest.raises(error, match=words):
        client.wait_for_pipeline_execution(*given, **named, timeout=5)


def test_a_page_is_no_execution_and_its_elements_are(open_client: Open) -> None:
    with open_client() as client:
        page: Any = client.list_pipeline_executions(pipeline_name="web")
        with pytest.raises(errors.ConfigurationError, match=r"an element of a list, .*, not ListPipelineExecutionsO"):
            client.failed_actions(page)
        assert client.failed_actions(page.pipeline_execution_summaries[0]) == ()


# A start happens once

LOST: Final = [
    faults.CloseBeforeAnswer(),
    faults.ResetBeforeAnswer(),
    faults.TruncatedHeaders(),
    faults.ResetInHeaders(),
    faults.TruncatedBody(),
    faults.ResetInBody(),
]


@pytest.mark.parametrize("is_reused", [False, True], ids=["new", "idle"])
@pytest.mark.parametrize("fault", LOST, ids=lambda fault: type(fault).__name__)
def test_a_lost_response_starts_nothing_twice(
    open_client: Open, service: LocalCodePipeline, fault: faults.Fault, is_reused: bool
) -> None:
    with open_client() as client:
        if is_reused:
            client.latest_pipeline_execution(pipeline_name="web")
        service.inject(fault)
        started = client.start_pipeline_execution(pipeline_name="web")
        first, *others = client.iter_pipeline_executions(pipeline_name="web")
    assert first.pipeline_execution_id == started.pipeline_execution_id
    assert len(others) == 1, "there was one before"
    sent, again = starts(service)
    assert sent == again


def cutting(target: str, after: int) -> Script:
    """Pass connections on to *target*, but close the first when it has brought so many bytes."""
    address = urlsplit(target)

    def script(talk: Talk) -> None:
        if talk.number > 0:
            relay(talk, (str(address.hostname), address.port or 80), b"")
        while after > 0 and len(talk.line.recv(after, socket.MSG_PEEK)) < after:
            pass

    return script


@pytest.mark.parametrize("after", [0, 1, 300], ids=["before", "first-byte", "headers"])
def test_a_connection_lost_before_the_end_of_the_request_starts_once(
    open_client: Open, service: LocalCodePipeline, after: int
) -> None:
    with Peer(cutting(service.endpoint_url, after)) as peer, open_client(endpoint_url=peer.url) as client:
        started = client.start_pipeline_execution(pipeline_name="web")
        ids = [each.pipeline_execution_id for each in client.iter_pipeline_executions(pipeline_name="web")]
    assert ids[:-1] == [started.pipeline_execution_id]
    assert len(starts(service)) == 1


def test_calls_have_tokens_of_their_own_unless_one_is_given(open_client: Open, service: LocalCodePipeline) -> None:
    with open_client() as client:
        first, second = (client.start_pipeline_execution(pipeline_name="web") for _ in range(2))
        client.start_pipeline_execution(pipeline_name="web", client_request_token="mine")
    tokens = [each["clientRequestToken"] for each in starts(service)]
    assert first.pipeline_execution_id != second.pipeline_execution_id
    assert (len({*tokens}), tokens[-1]) == (3, "mine")


@pytest.mark.parametrize("code", ["ConflictException", "ThrottlingException"])
def test_a_refused_start_is_its_error(open_client: Open, service: LocalCodePipeline, code: str) -> None:
    """Throttling is retried, a conflict is not."""
    service.inject(faults.ErrorResponse(code=code), times=None)
    with open_client() as client, pytest.raises((errors.ConflictException, errors.ThrottlingException)) as caught:
        client.start_pipeline_execution(pipeline_name="web")
    assert caught.value.operation_name == "StartPipelineExecution"
    assert caught.value.attempts == (1 if code == "ConflictException" else 3)


# Lists


def test_the_elements_of_all_pages_come_in_order(open_client: Open, service: LocalCodePipeline) -> None:
    ids = [f"00000000-0000-4000-8000-{number:012}" for number in range(250)]
    service.clear()
    for each in ids:
        service.put_execution(make_pipeline_execution(pipeline_execution_id=each))
    with open_client() as client:
        found = [each.pipeline_execution_id for each in client.iter_pipeline_executions(pipeline_name="web")]
        assert found == ids[::-1]
        assert len(service.requests) == 3
        latest = client.latest_pipeline_execution(pipeline_name="web")
        assert latest.pipeline_execution_id == ids[-1]
        assert service.requests[-1].input == {"pipelineName": "web", "maxResults": 1}
        next(iter(client.iter_pipeline_executions(pipeline_name="web", succeeded_in_stage="Deploy")))
        assert len(service.requests) == 5, "only the first page"


def test_a_page_is_continued_by_its_token(open_client: Open, service: LocalCodePipeline) -> None:
    service.put_execution(make_pipeline_execution(pipeline_execution_id=ID))
    with open_client() as client:
        first = client.list_pipeline_executions(pipeline_name="web", max_results=1)
        last = client.list_pipeline_executions(pipeline_name="web", max_results=1, next_token=first.next_token)
    ids = [each.pipeline_execution_id for page in (first, last) for each in page.pipeline_execution_summaries]
    assert ids == [ID, make_pipeline_execution().pipeline_execution_id]
    assert last.next_token is None


def test_after_an_error_the_same_page_comes(open_client: Open, service: LocalCodePipeline) -> None:
    service.inject(faults.ErrorResponse(code="AccessDeniedException"))
    with open_client() as client:
        executions = client.iter_pipeline_executions(pipeline_name="web")
        with pytest.raises(Exception, match="AccessDeniedException"):
            next(executions)
        assert len([*executions]) == 1
        assert [*executions] == []


def test_an_interrupt_after_a_page_has_come_loses_and_repeats_nothing(
    open_client: Open, service: LocalCodePipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a notebook, say, where the loop over the same iterator is run again."""
    service.put_execution(make_pipeline_execution(pipeline_execution_id=ID))
    with open_client() as client:
        executions = client.iter_pipeline_executions(pipeline_name="web", max_results=1)
        with monkeypatch.context() as patch:
            patch.setattr(drivers, "evolve", Mock(side_effect=SystemError("a signal")))
            with pytest.raises(SystemError, match="a signal"):
                next(executions)
        ids = [each.pipeline_execution_id for each in executions]
    assert ids == [ID, make_pipeline_execution().pipeline_execution_id]


def test_an_empty_page_is_not_the_end(open_client: Open, service: LocalCodePipeline) -> None:
    """A page may have a token and nothing else."""
    body = b'{"pipelineExecutionSummaries": [{"status": "Failed", "pipelineExecutionId": "%s"}]}' % ID.encode()
    for page in [b'{"nextToken": "x"}', body] * 2:
        service.put_response(body=page)
    with open_client() as client:
        (summary,) = client.iter_pipeline_executions(pipeline_name="web", max_results=7)
        assert client.latest_pipeline_execution(pipeline_name="web") == summary
    asked = [{"pipelineName": "web", "maxResults": size} for size in (7, 1)]
    assert [each.input for each in service.requests] == [
        asked[0],
        {**asked[0], "nextToken": "x"},
        asked[1],
        {**asked[1], "nextToken": "x"},
    ]


@pytest.mark.parametrize("tokens", ["xx", "xyx"])
def test_pages_that_lead_back_end_the_list(open_client: Open, service: LocalCodePipeline, tokens: str) -> None:
    """As a defective emulator may have it: without an error, the iterator would request them for ever."""
    for token in tokens:
        service.put_response(body=b'{"nextToken": "%s"}' % token.encode())
    with open_client() as client, pytest.raises(errors.ResponseDecodeError, match="the list would never end") as caught:
        next(client.iter_action_executions(pipeline_name="web"))
    assert (caught.value.attempts, caught.value.request_id) == (1, None)
    assert len(service.requests) == len(tokens)


def test_an_empty_token_ends_the_list(open_client: Open, service: LocalCodePipeline) -> None:
    service.put_response(body=b'{"nextToken": ""}')
    with open_client() as client:
        assert [*client.iter_action_executions(pipeline_name="web")] == []


def test_a_pipeline_without_executions_has_no_latest_one(open_client: Open, service: LocalCodePipeline) -> None:
    service.script_starts(["Succeeded"], pipeline_name="empty")
    with open_client() as client:
        assert client.latest_pipeline_execution(pipeline_name="empty") is None
        with pytest.raises(errors.PipelineNotFoundException):
            client.latest_pipeline_execution(pipeline_name="other")


# Why it failed


def test_each_failed_run_of_an_action_is_told_newest_first(open_client: Open, service: LocalCodePipeline) -> None:
    url = "https://console.aws.amazon.com/codebuild/x"
    service.put_action_executions(
        make_pipeline_execution(),
        [
            make_action_execution(action_name="Smoke", status="Failed", error_code="JobFailed", error_message="3 of 9"),
            make_action_execution(action_name="Approve", status="Failed", summary="Not today"),
            make_action_execution(action_name="Smoke", status="Failed", url=url),
            make_action_execution(action_name="Compile"),
        ],
    )
    with open_client() as client:
        failed = client.failed_actions(make_pipeline_execution())
        page = client.list_action_executions(pipeline_name="web", max_results=3)
    assert json.loads(json.dumps(page.action_execution_details[0].to_dict()))["output"]["execution_result"]
    assert [each.status for each in page.action_execution_details] == ["Failed"] * 3
    assert page.next_token is not None
    told = [(each.action_name, each.attempt, each.error_code, each.error_message, each.url) for each in failed]
    assert told == [
        ("Smoke", 2, "JobFailed", "3 of 9", None),
        ("Approve", 1, None, "Not today", None),
        ("Smoke", 1, None, None, url),
    ]
    assert failed[0].stage_name == "Build"
    assert failed[0].start_time is not None
    assert failed[0].end_time is not None


def test_the_newest_is_first_whatever_the_order_of_the_list(open_client: Open, service: LocalCodePipeline) -> None:
    """The service promises none."""
    begun = datetime(2026, 1, 2, tzinfo=UTC)
    runs = [
        make_action_execution(status="Failed", error_message=f"{day}", start_time=begun + timedelta(days=day))
        for day in (2, 3, 1)
    ]
    service.put_action_executions(make_pipeline_execution(), runs)
    with open_client() as client:
        failed = client.failed_actions(make_pipeline_execution())
    assert [(each.error_message, each.attempt) for each in failed] == [("3", 3), ("2", 2), ("1", 1)]
    assert failed[0].to_dict()["start_time"] == "2026-01-05T00:00:00Z"


@pytest.mark.parametrize("validation", [True, False])
def test_failed_actions_are_those_of_one_execution(
    open_client: Open, service: LocalCodePipeline, validation: bool
) -> None:
    """Without an id, the service would tell those of all."""
    with (
        open_client(parameter_validation=validation) as client,
        pytest.raises(errors.ParameterValidationError, match="pipeline_execution_id is required"),
    ):
        client.failed_actions(("web", None))
    assert service.requests == ()


def test_an_action_of_which_nothing_is_told_fails_all_the_same(open_client: Open, service: LocalCodePipeline) -> None:
    service.put_response(body=b'{"actionExecutionDetails": [{"status": "Failed", "actionName": "Smoke"}]}')
    with open_client() as client:
        (failed,) = client.failed_actions(("web", ID))
    assert (failed.action_name, failed.error_message, failed.url) == ("Smoke", None, None)
