"""``wait`` and ``watch`` without a terminal: what they print where, how long they wait, and how they end."""

from __future__ import annotations

import json
import signal
from typing import Any, Final

import pytest
from attrs import evolve

from codepipeline_client import ArtifactRevision, CodePipelineError, ExecutionTrigger, ServiceError, TriggerType, errors
from codepipeline_client.cli.exit_codes import ExitCode
from codepipeline_client.cli.local import ACTIONS
from codepipeline_client.cli.output import Ending, as_json, elapsed, failure_words, remaining
from codepipeline_client.models.actions import failures_of
from codepipeline_client.models.executions import json_members
from codepipeline_client.testing import Shown, faults, make_pipeline_execution
from tests.cli.terminal import DONE, WEB, Account, made

BARE: Final = make_pipeline_execution(status="InProgress", artifact_revisions=[])
RUNNING: Final = make_pipeline_execution(status="InProgress")
FAILED: Final = make_pipeline_execution(status="Failed", status_summary="1 of 24 checks\nfailed")


# ---- What they print


def test_wait_shows_changes_on_stderr_and_the_end_on_stdout(account: Account) -> None:
    """The end as get shows it, and how long the execution took; in JSON without response_metadata."""
    account.service.script_execution([BARE, RUNNING, RUNNING, FAILED])
    ended = account.run("wait", *WEB)
    assert ended.code == ExitCode.FAILED
    assert ended.stderr.splitlines() == [
        "2026-01-01T00:00:00Z  InProgress  WebhookV2",
        "2026-01-01T00:00:02Z  InProgress  after 0:02  5f2c9d1e  Answer faster",
        "2026-01-01T00:00:07Z  Failed  after 0:07  1 of 24 checks",
    ]
    assert ended.stdout == account.run("get", *WEB).stdout + "Duration   0:04\n"
    shown = json.loads(account.run("get", *WEB, "--output", "json").stdout)
    del shown["response_metadata"]
    shown |= {"failed_actions": [], "duration_seconds": 4}
    assert json.loads(account.run("wait", *WEB, "--output", "json").stdout) == shown


@pytest.mark.parametrize("output_format", ["text", "json"])
def test_watch_shows_each_change_as_it_comes(account: Account, output_format: str) -> None:
    """On stdout, and only there: a line, or the execution as wait gives it; the last with why it failed."""
    account.service.put_action_executions(account.service.script_execution([BARE, BARE, RUNNING, FAILED]), ACTIONS)
    ended = account.run("watch", *WEB, "--output", output_format)
    assert (ended.code, ended.stderr) == (ExitCode.FAILED, "")
    lines = [
        "2026-01-01T00:00:00Z  InProgress  WebhookV2",
        "2026-01-01T00:00:05Z  InProgress  after 0:05  5f2c9d1e  Answer faster",
        "2026-01-01T00:00:07Z  Failed  after 0:07  1 of 24 checks",
        "Failed in  Deploy  Smoke",
        "           1 of 24 checks",
        "Duration   0:05",
    ]
    if output_format == "json":
        *changes, end = [evolve(each, region_name="us-east-1") for each in (BARE, RUNNING, FAILED)]
        lines = [*map(as_json, changes), as_json(end, **json_members(Ending(tuple(failures_of(ACTIONS)), 5.0)))]
    assert ended.stdout.splitlines() == lines


def test_a_line_a_minute_says_that_there_is_nothing_new(account: Account) -> None:
    """On stderr: some build servers end a command that is silent."""
    account.service.script_execution([Shown(RUNNING, seconds=140), DONE])
    ended = account.run("watch", *WEB, "--max-poll-interval", "7s")
    assert ended.stderr.splitlines() == [
        "2026-01-01T00:01:05Z  InProgress  no change, after 1:05",
        "2026-01-01T00:02:08Z  InProgress  no change, after 2:08",
    ]
    assert ended.stdout.count("\n") == 3


def test_a_failure_that_passes_is_told_once(account: Account) -> None:
    account.service.script_execution([Shown(RUNNING, seconds=160), DONE])
    failing = iter(["ThrottlingException"] * 7 + ["InternalFailure"])

    def fail() -> None:
        if code := next(failing, None):
            account.service.put_error(code)

    account.clock.on_sleep = fail
    ended = account.run("wait", *WEB, "--max-poll-interval", "20s")
    assert ended.code == 0
    assert [line.removeprefix("2026-01-01T00:0") for line in ended.stderr.splitlines()] == [
        "0:00Z  InProgress  5f2c9d1e  Answer faster  WebhookV2",
        "0:02Z  InProgress  throttled, retrying in 4 s",
        "1:10Z  InProgress  still throttled, after 1:10",
        "1:50Z  InProgress  InternalFailure, retrying in 20 s",
        "2:50Z  Succeeded  after 2:50",
    ]


def test_an_execution_may_take_a_moment_to_be_there(account: Account) -> None:
    account.service.script_execution([None, None, DONE], pipeline_name=WEB[0], pipeline_execution_id=WEB[1])
    assert account.run("wait", *WEB).code == ExitCode.NOT_FOUND
    ended = account.run("wait", *WEB, "--not-found-grace", "10s")
    assert ended.code == 0
    assert ended.stderr.splitlines() == [
        "2026-01-01T00:00:00Z  not seen yet  no such execution yet, retrying in 2 s",
        "2026-01-01T00:00:02Z  Succeeded  after 0:02  5f2c9d1e  Answer faster  WebhookV2",
    ]


# ---- How they end


@pytest.mark.parametrize(("name", "options", "seconds"), [("wait", (), 3599), ("watch", ("--timeout", "90s"), 89)])
def test_time_that_is_over_has_a_code_of_its_own(
    account: Account, name: str, options: tuple[str, ...], seconds: float
) -> None:
    account.service.put_execution(RUNNING)
    ended = account.run(name, *WEB, *options)
    *_, message, hint = ended.stderr.splitlines()
    assert ended.code == 15
    assert message.startswith(f"codepipeline-client: execution {WEB[1]} of pipeline web was still InProgress after")
    assert message.endswith("the execution itself continues")
    assert hint == "hint: wait longer with --timeout"
    assert sum(account.clock.slept) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("code", "exit_code", "words", "advice"),
    [
        ("ThrottlingException", ExitCode.NO_RESPONSE, "ThrottlingException", "wait a while, then try again"),
        ("ServiceUnavailable", ExitCode.NO_RESPONSE, "", "try again"),
        ("PipelineNotFoundException", ExitCode.NOT_FOUND, "PipelineNotFoundException", "are right for the pipeline"),
        (None, ExitCode.NO_RESPONSE, "Connection refused", "then try again"),
    ],
)
def test_when_no_poll_has_succeeded_the_last_failure_is_what_it_ends_with(
    account: Account, code: str | None, exit_code: ExitCode, words: str, advice: str
) -> None:
    if code is None:
        account.service.refuse_connections()
    else:
        account.service.inject(faults.ErrorResponse(code=code), times=None)
    ended = account.run("wait", *WEB, "--timeout", "20s", "--not-found-grace", "1m")
    *_, message, hint = ended.stderr.splitlines()
    assert ended.code == exit_code
    assert f"execution {WEB[1]} of pipeline web was not seen within " in message
    assert words in message.partition(" The last poll failed: ")[2]
    assert hint.startswith("hint: ")
    assert hint.endswith(advice)


def test_what_does_not_pass_ends_it_at_once(account: Account) -> None:
    account.service.put_execution(RUNNING)
    account.clock.on_sleep = lambda: account.service.put_error("AccessDeniedException")
    ended = account.run("wait", *WEB)
    assert (ended.code, ended.stdout) == (ExitCode.DENIED, "")
    assert "\ncodepipeline-client: GetPipelineExecution failed: AccessDeniedException" in ended.stderr


@pytest.mark.parametrize("name", ["wait", "watch"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_wait_and_not_the_execution(account: Account, name: str, number: int) -> None:
    """A second signal does not interrupt the cleanup."""
    account.service.put_execution(RUNNING)
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)

    def stop_twice() -> None:
        try:
            signal.raise_signal(number)
        finally:
            signal.raise_signal(signal.SIGINT)

    account.clock.on_sleep = stop_twice
    ended = account.run(name, *WEB)
    assert ended.code == 128 + number
    assert ended.stderr.splitlines()[-1] == (
        f"codepipeline-client: no longer following execution {WEB[1]} of pipeline web: the execution itself continues"
    )
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_a_signal_that_is_ignored_stays_ignored(account: Account) -> None:
    """Shells take Ctrl-C from background jobs."""
    account.service.script_execution([RUNNING, DONE])
    account.clock.on_sleep = lambda: signal.raise_signal(signal.SIGINT)
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        assert account.run("wait", *WEB).code == 0
    finally:
        assert signal.signal(signal.SIGINT, before) is signal.SIG_IGN


# ---- The options


@pytest.mark.parametrize(
    ("options", "slept"),
    [
        ((), (2, 3, 4.5, 6.75)),
        (("--poll-interval", "10s"), (10, 15, 22.5, 30)),
        (("--poll-interval", "1m"), (60, 60, 60, 60)),
        (("--max-poll-interval", "2.5s"), (2, 2.5, 2.5, 2.5)),
        (("--max-poll-interval", "10", "--poll-interval", "10"), (10, 10, 10, 10)),
    ],
)
def test_the_options_say_how_often_it_polls(
    account: Account, options: tuple[str, ...], slept: tuple[float, ...]
) -> None:
    account.service.script_execution([*[RUNNING] * 4, DONE])
    assert account.run("wait", *WEB, *options).code == 0
    assert account.clock.slept == pytest.approx(slept)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("--timeout", "0"), "Invalid value for '--timeout': '0' must be above 0 and at most 365d"),
        (("--timeout", "366d"), "Invalid value for '--timeout': '366d' must be above 0 and at most 365d"),
        (("--not-found-grace", "9999h"), "Invalid value for '--not-found-grace': '9999h' must be at most 365d"),
        (("--max-poll-interval", "1s"), "--max-poll-interval must not be below --poll-interval"),
        *[
            ((f"--timeout={text}",), f"Invalid value for '--timeout': {text!r} is not a duration: give seconds, or ")
            for text in ("", " 1", "1 s", "1x", "-1", "1e3", ".5", "1.", "nan", "1h30", "\u00b2")
        ],
    ],
)
def test_wrong_durations_are_wrong_usage(account: Account, options: tuple[str, ...], complaint: str) -> None:
    ended = account.run("wait", *WEB, *options)
    assert (ended.code, account.service.requests) == (2, ())
    message, hint = ended.complaint
    assert message.startswith(complaint)
    assert hint == "see codepipeline-client wait --help"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("0.5", 0.5), ("90s", 90), ("1.5m", 90), ("2h", 7200), ("7d", 604800), ("1d1h1m1.5s", 90061.5)],
)
def test_durations_are_read(account: Account, text: str, seconds: float) -> None:
    account.service.script_execution([RUNNING, DONE])
    assert account.run("wait", *WEB, "--timeout", "365d", "--poll-interval", text).code == 0
    assert account.clock.slept == (seconds,)


# ---- The words


def test_durations_are_shown_as_a_clock_does() -> None:
    passed = [59.9, 754, 3723, 86400, 176523]
    assert [elapsed(each) for each in passed] == ["0:59", "12:34", "1:02:03", "1d 0:00:00", "2d 1:02:03"]
    assert [remaining(each) for each in (-1, 0.1, 3, 59.5, 119)] == ["0 s", "1 s", "3 s", "1:00", "1:59"]


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        (ServiceError(http_status_code=429), "throttled"),
        (errors.PipelineNotFoundException(), "no such pipeline yet"),
        (ServiceError(code="Odd\x1b[2J"), "Odd\\x1b[2J"),
        (errors.ConnectionFailedError("reset"), "no connection"),
        (errors.RequestTimeoutError("late"), "no response in time"),
        (errors.ResponseDecodeError("odd"), "unreadable response"),
        (errors.TransportError("odd"), "TransportError"),
    ],
)
def test_a_failure_is_told_in_few_words(failure: CodePipelineError, words: str) -> None:
    assert failure_words(failure) == words


@pytest.mark.parametrize(
    ("fields", "shown"),
    [
        ({"artifact_revisions": [ArtifactRevision()], "trigger": ExecutionTrigger()}, ""),
        ({"artifact_revisions": [ArtifactRevision()] * 3}, "  (+2)"),
        ({"artifact_revisions": [{"revision_id": "v", "revision_summary": "\nA\x1b\n"}]}, "  v  A\\x1b"),
        ({"trigger": {"trigger_type": TriggerType("New\n"), "trigger_detail": "a"}}, "  New\\n"),
        ({"status_summary": " \nNo\a\nmore"}, "  No\\x07"),
    ],
)
def test_what_is_known_is_told_in_one_line(account: Account, fields: dict[str, Any], shown: str) -> None:
    account.service.put_execution(made(**{"artifact_revisions": [], "trigger": None, **fields}))
    assert account.run("watch", *WEB).stdout == f"2026-01-01T00:00:00Z  Succeeded{shown}\nDuration  0:00\n"


def test_a_change_that_fits_into_no_line_is_named(account: Account) -> None:
    """It was a change all the same. Where the status has changed, that is the news."""
    changed = evolve(RUNNING, pipeline_version=7, variables=())
    account.service.script_execution([evolve(RUNNING, pipeline_version=6), changed, evolve(DONE, pipeline_version=8)])
    _, second, third, _ = account.run("watch", *WEB).stdout.splitlines()
    assert second.endswith("  InProgress  after 0:02  changed: pipeline version")
    assert third.endswith("  Succeeded  after 0:04")
