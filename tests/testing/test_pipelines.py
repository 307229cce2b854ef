"""The endpoint lists executions and actions, and starts executions, as the service does."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

import pytest
from attrs import asdict, evolve, field, make_class

from codepipeline_client import (
    CodePipelineClient,
    PipelineExecution,
    PipelineExecutionReference,
    ResolvedPipelineVariable,
    SourceRevisionOverride,
    errors,
)
from codepipeline_client.models import ActionExecutionStatus, ErrorDetails
from codepipeline_client.testing import (
    FakeClock,
    LocalCodePipeline,
    Shown,
    make_action_execution,
    make_pipeline_execution,
)
from tests.endpoint import options_for

IDS: Final = [f"00000000-0000-4000-8000-00000000000{number}" for number in range(5)]
OLD, OTHER, NEW = (PipelineExecutionReference("web", each) for each in IDS[:3])


@pytest.fixture
def client(codepipeline_client: CodePipelineClient) -> CodePipelineClient:
    return codepipeline_client


@pytest.fixture
def service(local_codepipeline: LocalCodePipeline) -> LocalCodePipeline:
    return local_codepipeline


def test_a_summary_has_what_the_execution_has(
    client: CodePipelineClient, service: LocalCodePipeline, codepipeline_clock: FakeClock
) -> None:
    """A list counts as no poll, and an execution that is not found is not listed."""
    running, stopped = Shown("InProgress", seconds=10), make_pipeline_execution(status="Stopped", status_summary="Why")
    service.script_execution([running, stopped])
    service.script_execution([None], pipeline_execution_id=IDS[0])
    codepipeline_clock.advance(10)
    (summary,), again = (
        client.list_pipeline_executions(pipeline_name="web").pipeline_execution_summaries for _ in range(2)
    )
    assert again == (summary,)
    (revision,), (made,) = summary.source_revisions, stopped.artifact_revisions
    assert (summary.pipeline_name, summary.pipeline_execution_id) == ("web", stopped.pipeline_execution_id)
    assert (summary.status, summary.status_summary, summary.trigger) == ("Stopped", "Why", stopped.trigger)
    assert (revision.action_name, revision.revision_id) == (made.name, made.revision_id)
    assert summary.stop_trigger is not None
    assert summary.stop_trigger.reason == "Why"
    assert summary.start_time is not None
    assert summary.last_update_time is not None
    assert (summary.last_update_time - summary.start_time).total_seconds() == 10


@pytest.mark.parametrize(
    "token", ["x", "5", "x-pipelineExecutionSummaries", "0-actionExecutionDetails", "2-pipelineExecutionSummaries"]
)
def test_a_token_of_no_page_is_refused(client: CodePipelineClient, service: LocalCodePipeline, token: str) -> None:
    service.put_execution(make_pipeline_execution())
    with pytest.raises(errors.InvalidNextTokenException):
        client.list_pipeline_executions(pipeline_name="web", next_token=token)


def test_pages_stay_the_same_when_an_execution_starts(client: CodePipelineClient, service: LocalCodePipeline) -> None:
    """Newer ones come in front, so no execution is listed twice, and none is left out."""
    for execution_id in IDS:
        service.put_execution(make_pipeline_execution(pipeline_execution_id=execution_id))
    page = client.list_pipeline_executions(pipeline_name="web", max_results=2)
    assert [each.pipeline_execution_id for each in page.pipeline_execution_summaries] == IDS[:2:-1]
    client.start_pipeline_execution(pipeline_name="web")
    page = client.list_pipeline_executions(pipeline_name="web", next_token=page.next_token)
    assert [each.pipeline_execution_id for each in page.pipeline_execution_summaries] == IDS[2::-1]


@pytest.mark.parametrize(
    ("status", "actions", "is_listed"),
    [
        pytest.param("Succeeded", [], True, id="succeeded"),
        pytest.param("Failed", [], False, id="failed"),
        pytest.param("Failed", [("Test", "Unit", "Failed"), ("Build", "Compile", "Succeeded")], True, id="later-stage"),
        pytest.param("Failed", [("Build", "Lint", "Failed"), ("Build", "Compile", "Succeeded")], False, id="in-part"),
        pytest.param("Failed", [("Build", "Lint", "Succeeded"), ("Build", "Lint", "Failed")], True, id="at-last"),
        pytest.param("Failed", [("Test", "Unit", "Failed")], False, id="of-another-stage"),
    ],
)
def test_an_execution_succeeded_in_a_stage_if_the_actions_did(
    client: CodePipelineClient,
    service: LocalCodePipeline,
    status: str,
    actions: list[tuple[str, str, str]],
    is_listed: bool,
) -> None:
    """The newest of each. An execution of which no action is known counts as a whole."""
    execution = make_pipeline_execution(status=status)
    service.put_execution(execution)
    made = [make_action_execution(stage_name=each[0], action_name=each[1], status=each[2]) for each in actions]
    service.put_action_executions(execution, made)
    page = client.list_pipeline_executions(pipeline_name="web", succeeded_in_stage="Build")
    assert len(page.pipeline_execution_summaries) == is_listed


def actions_of(client: CodePipelineClient, **options: Any) -> list[str | None]:
    return [each.action_name for each in client.iter_action_executions(pipeline_name="web", **options)]


def test_actions_are_listed_for_one_execution_or_all(client: CodePipelineClient, service: LocalCodePipeline) -> None:
    for reference in (OLD, OTHER, NEW):
        service.put_execution(make_pipeline_execution(pipeline_execution_id=reference.pipeline_execution_id))
    names = ["Smoke", "Deploy", "Smoke", "Compile"]
    made = [make_action_execution(action_name=name, status="Failed", summary=str(n)) for n, name in enumerate(names)]
    service.put_action_executions(OLD, made)
    service.put_action_executions(NEW, [make_action_execution(action_name="Lint")])
    absent = service.script_execution([None], pipeline_execution_id=IDS[3])
    service.put_action_executions(absent, made)
    assert actions_of(client) == ["Lint", *names]
    assert actions_of(client, pipeline_execution_id=IDS[0]) == names
    assert actions_of(client, pipeline_execution_id=IDS[1]) == []
    latest = client.list_action_executions(pipeline_name="web", pipeline_execution_id=IDS[0], start_time_range="Latest")
    assert latest.action_execution_details == tuple(
        [evolve(made[number], pipeline_execution_id=IDS[0]) for number in (0, 1, 3)]
    )
    with pytest.raises(errors.PipelineExecutionNotFoundException):
        actions_of(client, pipeline_execution_id=IDS[3])


ODD: Final[Any] = object()
NAIVE: Final = datetime(2026, 1, 2)  # noqa: DTZ001 - the mistake


@pytest.mark.parametrize(
    ("action", "kind", "words"),
    [
        pytest.param("Smoke", TypeError, "^'Smoke' is not an action execution: give what make_action_", id="text"),
        pytest.param(None, TypeError, "None is not an action execution", id="none"),
        pytest.param(make_action_execution(start_time=NAIVE), ValueError, "^start_time .* a time zone", id="start"),
        pytest.param(make_action_execution(last_update_time=NAIVE), ValueError, "^last_update_time .* zone", id="end"),
        pytest.param(make_action_execution(summary=ODD), TypeError, "not JSON serializable", id="odd"),
    ],
)
def test_an_action_that_cannot_be_sent_is_refused_where_it_is_put(
    client: CodePipelineClient, service: LocalCodePipeline, action: Any, kind: type[Exception], words: str
) -> None:
    execution = service.put_execution(make_pipeline_execution())
    service.put_action_executions(execution, [make_action_execution(action_name="Lint")])
    actions = [make_action_execution(), action]
    with pytest.raises(kind, match=words):
        service.put_action_executions(execution, actions)
    with pytest.raises(kind, match=words):
        service.script_starts(["Failed"], pipeline_name="new", actions=actions)
    assert actions_of(client) == ["Lint"]
    with pytest.raises(errors.PipelineNotFoundException):
        client.start_pipeline_execution(pipeline_name="new")


@pytest.mark.usefixtures("codepipeline_clock")
def test_what_is_started_runs_by_itself(client: CodePipelineClient, service: LocalCodePipeline) -> None:
    service.put_execution(make_pipeline_execution(status="Failed"))
    started = client.start_pipeline_execution(pipeline_name="web", variables={"stage": "live"})
    execution = client.wait_for_pipeline_execution(started, timeout=60)
    assert (execution.status, execution.pipeline_execution_id) == ("Succeeded", started.pipeline_execution_id)
    assert execution.variable_values == {"stage": "live"}
    assert execution.trigger is not None
    assert execution.trigger.trigger_type == "StartPipelineExecution"


def test_starts_follow_a_script(client: CodePipelineClient, service: LocalCodePipeline) -> None:
    service.script_starts(["Failed"], pipeline_name="web", actions=[make_action_execution(status="Failed")])
    for _ in range(2):
        started = client.start_pipeline_execution(pipeline_name="web")
        assert client.wait_for_pipeline_execution(started, timeout=60).status == "Failed"
        (failed,) = client.failed_actions(started)
        assert failed.action_name == "Compile"
    for steps, words in (((), "a script needs at least one step"), ("Succeeded", r"give \['Succeeded'\] for one")):
        with pytest.raises(ValueError, match=words):
            service.script_starts(steps, pipeline_name="web")


def test_a_start_changes_the_variables_that_it_names(client: CodePipelineClient, service: LocalCodePipeline) -> None:
    """The others keep what the script says."""
    variables = [ResolvedPipelineVariable(name=each, resolved_value="main") for each in ("stage", "branch")]
    service.script_starts([make_pipeline_execution(variables=variables)], pipeline_name="web")
    for given, seen in (
        (dict[str, str](), {"stage": "main"}),
        ({"stage": "live", "x": "y"}, {"stage": "live", "x": "y"}),
    ):
        started = client.start_pipeline_execution(pipeline_name="web", variables=given)
        execution = client.wait_for_pipeline_execution(started, timeout=5)
        assert execution.variable_values == {"branch": "main", **seen}


def test_a_token_starts_once_and_only_with_the_same_input(
    client: CodePipelineClient, service: LocalCodePipeline
) -> None:
    service.put_execution(make_pipeline_execution())
    first, again = (client.start_pipeline_execution(pipeline_name="web", client_request_token="mine") for _ in range(2))
    assert first.pipeline_execution_id == again.pipeline_execution_id
    with pytest.raises(errors.ValidationException, match="'mine' was used for a start with other parameters"):
        client.start_pipeline_execution(pipeline_name="web", client_request_token="mine", variables={"x": "y"})
    assert len([*client.iter_pipeline_executions(pipeline_name="web")]) == 2


REVISION = SourceRevisionOverride(action_name="", revision_type="BRANCH", revision_value="x")


@pytest.mark.parametrize(
    ("method", "arguments", "words"),
    [
        ("list_pipeline_executions", {"max_results": 101}, "Value '101' at 'maxResults' .* less than or equal to 100"),
        ("list_pipeline_executions", {"succeeded_in_stage": "a b"}, r"'filter.succeededInStage.stageName' .*: \[A-Z"),
        ("list_action_executions", {"max_results": 0, "pipeline_execution_id": "x"}, "^.*2 .*Id'.* or equal to 1$"),
        ("start_pipeline_execution", {"source_revisions": [REVISION]}, r"'sourceRevisions\.1\.member\.revisionType' "),
    ],
    ids=["too-many", "nested", "two", "element"],
)
def test_an_input_is_checked_like_the_service_does(
    service: LocalCodePipeline, method: str, arguments: dict[str, Any], words: str
) -> None:
    service.put_execution(make_pipeline_execution())
    options = options_for(service, parameter_validation=False)
    with CodePipelineClient(**options) as lenient, pytest.raises(errors.ValidationException, match=words):
        getattr(lenient, method)(pipeline_name="web", **arguments)


def test_each_field_of_a_failed_action_may_be_given(client: CodePipelineClient, service: LocalCodePipeline) -> None:
    given = {"stage_name": "Test", "action_name": "Unit", "error_code": "JobFailed", "error_message": "1 of 24"}
    given |= {"url": "https://ci.example/1", "log_stream_arn": "arn:aws:logs:us-east-1:111122223333:log-group:ci"}
    times = {"start_time": datetime(2026, 1, 2, tzinfo=UTC), "last_update_time": datetime(2026, 1, 3, tzinfo=UTC)}
    made: Any = make_action_execution
    execution = service.put_execution(make_pipeline_execution())
    service.put_action_executions(execution, [made(status="Failed", **given, **times)])
    (failed,) = client.failed_actions(execution)
    expected = {**given, "attempt": 1, "start_time": times["start_time"], "end_time": times["last_update_time"]}
    assert asdict(failed) == expected


def test_a_misspelt_status_of_an_action_is_refused() -> None:
    with pytest.raises(ValueError, match=r"'Succeded' is not one of InProgress, Abandoned, .* pass ActionExecution"):
        make_action_execution(status="Succeded")
    assert make_action_execution(status=ActionExecutionStatus("Paused")).status == "Paused"


def test_an_action_without_an_error_has_no_details() -> None:
    made: list[Any] = [make_action_execution(), make_action_execution(error_code="JobFailed")]
    found = [each.output.execution_result.error_details for each in made]
    assert found == [None, ErrorDetails(code="JobFailed")]


def test_a_subclass_of_an_execution_is_served(client: CodePipelineClient, service: LocalCodePipeline) -> None:
    """With fields of its own, whose annotations may be evaluated."""
    own = {"own": field(type=int, default=7)}
    kind: Any = make_class("Own", own, bases=(PipelineExecution,), frozen=True, kw_only=True)
    mine = kind(**asdict(make_pipeline_execution(), recurse=False))
    service.put_execution(mine)
    execution = client.get_pipeline_execution(
        pipeline_name=mine.pipeline_name, pipeline_execution_id=mine.pipeline_execution_id
    ).pipeline_execution
    assert execution.status == mine.status
