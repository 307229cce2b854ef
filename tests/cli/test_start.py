"""``start`` and ``list``, the latest execution where no id is given, and the reasons when a wait ends in Failed."""

from __future__ import annotations

import json
import os
import signal
from functools import partial
from typing import Any, Final

import pytest

from codepipeline_client import PipelineExecutionStatus
from codepipeline_client.cli.exit_codes import ExitCode
from codepipeline_client.testing import Shown, faults, make_action_execution, make_pipeline_execution
from codepipeline_client.testing.faults import Fault
from tests.cli.terminal import DONE, Account

ID: Final = "00000000-0000-4000-8000-000000000001"
FAILED: Final = make_pipeline_execution(status="Failed", pipeline_execution_id=ID)
PAGE: Final = "https://console.aws.amazon.com/codebuild/x"
SMOKE: Final = partial(make_action_execution, stage_name="Deploy", action_name="Smoke", status="Failed")
ACTIONS: Final = [
    SMOKE(url=PAGE),
    SMOKE(error_code="JobFailed", error_message="3 of 9\n\x1b[2J"),
    make_action_execution(),
]


# ---- the latest execution


@pytest.mark.parametrize("command", ["get", "wait", "watch"])
def test_the_latest_execution_is_taken_and_named_if_there_is_no_id(account: Account, command: str) -> None:
    """On stderr: which it is, when it started, and by what."""
    account.service.put_execution(DONE)
    account.service.put_execution(FAILED)
    ended = account.run(command, "web")
    assert ended.code == ExitCode.FAILED
    assert ended.stderr.splitlines()[0] == (
        f"codepipeline-client: the latest execution is {ID}, started 2026-01-01T00:00:00Z by WebhookV2"
    )


def test_a_pipeline_without_executions_has_no_latest_one(account: Account) -> None:
    account.service.script_starts(["Succeeded"], pipeline_name="web")
    ended = account.run("wait", "web")
    assert ended.code == ExitCode.NOT_FOUND
    assert ended.complaint == ["pipeline web has no executions", "start one"]


def test_a_wait_for_the_latest_says_how_long_it_took(account: Account) -> None:
    """From its start, not from that of the wait."""
    account.service.script_execution([Shown("InProgress", seconds=100), DONE])
    account.clock.advance(60)
    ended = account.run("wait", "web", "--max-poll-interval", "10s")
    assert ended.stdout.splitlines()[-1].startswith("Duration   1:4")


@pytest.mark.parametrize(
    "summary",
    [
        {},
        {"startTime": 1.0},
        {"pipelineExecutionId": "x", "startTime": 1, "lastUpdateTime": 2},
        {"status": "InProgress", "startTime": 1, "lastUpdateTime": 2},
    ],
    ids=["no times", "no end", "another one", "before its end"],
)
@pytest.mark.parametrize("command", ["wait", "watch"])
def test_a_duration_that_is_not_known_is_left_out(account: Account, command: str, summary: dict[str, object]) -> None:
    account.service.put_execution(DONE)
    account.service.put_response(body=b'{"pipelineExecution": {"status": "Succeeded"}}')
    known = {"status": "Succeeded", "pipelineExecutionId": ID, **summary}
    account.service.put_response(body=json.dumps({"pipelineExecutionSummaries": [known]}).encode())
    ended = account.run(command, "web", ID)
    assert ended.code == 0
    assert "Duration" not in ended.stdout
    assert not ended.stdout.endswith("\n\n")


# ---- start


def test_a_start_prints_the_id_alone(account: Account) -> None:
    """So that a shell can keep it."""
    account.service.put_execution(DONE)
    ended = account.run("start", "web", "--variable", "STAGE=live", "--variable", "QUERY=a=b")
    assert (ended.code, ended.stderr) == (0, "")
    shown = account.run("get", "web", ended.stdout.strip()).stdout
    assert "Variable   STAGE = live\nVariable   QUERY = a=b\n" in shown
    in_json = json.loads(account.run("start", "web", "--output", "json").stdout)
    assert in_json == {"pipeline_name": "web", "pipeline_execution_id": in_json["pipeline_execution_id"]}


def test_a_start_can_wait_for_the_end(account: Account) -> None:
    account.service.script_starts([None, "InProgress", "Stopped"], pipeline_name="web")
    ended = account.run("start", "web", "--wait", "--poll-interval", "5s")
    first, *_, last = ended.stderr.splitlines()
    assert ended.code == ExitCode.STOPPED
    assert first.startswith("codepipeline-client: started execution ")
    assert last.endswith("  Stopped  after 0:10")
    assert ended.stdout.splitlines()[1].split() == ["Execution", first.split()[-1]]
    assert ended.stdout.splitlines()[-1] == "Duration   0:05"


@pytest.mark.parametrize("option", ["--ok=Stopped", "--timeout=9m", "--poll-interval=1", "--not-found-grace=0"])
def test_an_option_of_the_wait_starts_nothing_without_it(account: Account, option: str) -> None:
    """Exit code 0 would look like the end of a wait."""
    ended = account.run("start", "web", option)
    assert ended.code == ExitCode.USAGE
    assert f"{option.partition('=')[0]} needs --wait\nhint: see codepipeline-client start --help\n" in ended.stderr
    assert account.service.requests == ()


# ---- list


def test_a_list_has_a_line_for_each_execution(account: Account) -> None:
    """Newest first, with as much of each as fits."""
    account.service.put_execution(DONE)
    account.clock.advance(60)
    account.service.put_execution(
        make_pipeline_execution(pipeline_execution_id=ID, status=PipelineExecutionStatus("New\n"), trigger=None)
    )
    ended = account.run("list", "web")
    assert (ended.code, ended.stderr) == (0, "")
    assert ended.stdout.splitlines() == [
        f"{ID}  New\\n (newer than this release)  2026-01-01T00:01:00Z  5f2c9d1e",
        f"{DONE.pipeline_execution_id}  Succeeded  2026-01-01T00:00:00Z  WebhookV2  5f2c9d1e",
    ]
    shown = [json.loads(line) for line in account.run("list", "web", "--output", "json").stdout.splitlines()]
    assert [each["pipeline_execution_id"] for each in shown] == [ID, DONE.pipeline_execution_id]
    assert shown[1]["start_time"] == "2026-01-01T00:00:00Z"
    assert shown[1]["trigger"]["trigger_type"] == "WebhookV2"
    assert account.run("list", "web", "--limit", "1").stdout.count("\n") == 1


def test_what_is_not_known_of_a_listed_execution_is_left_out(account: Account) -> None:
    account.service.put_execution(FAILED)
    summary: dict[str, object] = {"status": "Failed", "pipelineExecutionId": ID, "sourceRevisions": [{}]}
    account.service.put_response(body=json.dumps({"pipelineExecutionSummaries": [summary]}).encode(), times=2)
    assert account.run("list", "web").stdout == f"{ID}  Failed\n"
    assert account.run("get", "web").stderr == f"codepipeline-client: the latest execution is {ID}\n"


def test_a_list_is_wrapped_between_words_on_a_terminal(account: Account) -> None:
    account.service.put_execution(DONE)
    assert account.run_on_terminal("list", "web", columns=72) == (
        f"{DONE.pipeline_execution_id}  \x1b[32mSucceeded\x1b[0m  2026-01-01T00:00:00Z\n  WebhookV2  5f2c9d1e\n"
    )


# ---- why it failed


def test_what_failed_is_shown_below_the_status(account: Account) -> None:
    """Escaped, and in the JSON too."""
    account.service.put_execution(FAILED)
    account.service.put_action_executions(FAILED, ACTIONS)
    ended = account.run("wait", "web", ID)
    assert ended.code == ExitCode.FAILED
    assert ended.stdout.splitlines()[2:9] == [
        "Status     Failed",
        "Failed in  Deploy  Smoke",
        f"           {PAGE}",
        "Failed in  Deploy  Smoke",
        "           JobFailed 3 of 9",
        "           \\x1b[2J",
        "Version    1",
    ]
    shown = json.loads(account.run("wait", "web", ID, "--output", "json").stdout)
    newest, first = shown["failed_actions"]
    assert (newest["action_name"], newest["url"], newest["attempt"]) == ("Smoke", PAGE, 2)
    assert (first["error_code"], first["start_time"]) == ("JobFailed", "2026-01-02T03:04:05Z")


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("AccessDeniedException", "you need the permission codepipeline:ListActionExecutions; try another --profile"),
        ("InternalFailure", "ListActionExecutions failed: InternalFailure"),
    ],
)
def test_not_to_know_what_failed_is_one_line_and_no_other_code(account: Account, code: str, words: str) -> None:
    account.service.put_execution(FAILED)
    account.service.put_response(body=b'{"pipelineExecution": {"status": "Failed"}}')
    account.service.put_error(code)
    account.service.put_error(code)
    ended = account.run("wait", "web", ID)
    assert ended.code == ExitCode.FAILED
    progress, line = ended.stderr.splitlines()
    assert progress.partition("  ")[2].startswith("Failed")
    assert line.startswith(f"codepipeline-client: which action failed is not known: {words}")
    assert "Failed in" not in ended.stdout
    assert "Duration" not in ended.stdout


@pytest.mark.parametrize("command", ["wait", "watch"])
def test_an_interrupt_while_it_asks_what_failed_keeps_the_result(account: Account, command: str) -> None:
    """The execution has ended, so there is nothing left to interrupt."""
    account.service.put_execution(FAILED)

    def interrupt(request: Any) -> None:
        if request.headers["x-amz-target"].endswith("ListActionExecutions"):
            os.kill(os.getpid(), signal.SIGINT)

    account.service.inject_by(interrupt)
    ended = account.run(command, "web", ID, "--output", "json")
    assert ended.code == ExitCode.FAILED
    shown = json.loads(ended.stdout)
    assert (shown["failed_actions"], shown["duration_seconds"]) == (None, None)


# ---- A start that may have happened


@pytest.mark.parametrize(
    ("injected", "code"),
    [
        ([faults.CloseBeforeAnswer()], ExitCode.NO_RESPONSE),
        ([faults.InvalidGzip()], ExitCode.NO_RESPONSE),
        ([faults.ErrorResponse(code="InternalFailure")], ExitCode.NO_RESPONSE),
        ([faults.CloseBeforeAnswer(), faults.ErrorResponse(code="AccessDeniedException")], ExitCode.DENIED),
        ([None], ExitCode.INTERRUPTED),
    ],
)
def test_a_start_that_may_have_happened_says_so(
    account: Account, monkeypatch: pytest.MonkeyPatch, injected: list[Fault | None], code: ExitCode
) -> None:
    """To start once more may start a second one, even if a retry was refused. None is an interrupt."""
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", str(len(injected)))
    account.service.put_execution(DONE)
    remaining = iter(injected)

    def inject(_: Any) -> Fault | None:
        if (fault := next(remaining)) is None:
            os.kill(os.getpid(), signal.SIGINT)
        return fault

    account.service.inject_by(inject)
    ended = account.run("start", "web")
    assert ended.code == code
    words = "codepipeline-client: the execution may have started: see codepipeline-client list web"
    assert ended.stderr.splitlines()[0] == words
