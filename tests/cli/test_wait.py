"""``wait`` and ``watch`` without a terminal: what they print where, how long they wait, and how they end."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from typing import Any, Final

import pytest
from attrs import evolve

from codepipeline_client import (
    ArtifactRevision,
    CodePipelineError,
    ConnectionFailedError,
    RequestTimeoutError,
    ResponseDecodeError,
    ServiceError,
    TransportError,
)
from codepipeline_client.cli.commands import run
from codepipeline_client.cli.exit_codes import ExitCode
from codepipeline_client.cli.output import failure_words
from codepipeline_client.errors import SERVICE_ERRORS
from codepipeline_client.testing import Shown, make_pipeline_execution
from tests.cli.terminal import Account, made

DONE: Final = make_pipeline_execution()
WEB: Final = (DONE.pipeline_name, DONE.pipeline_execution_id)
BARE: Final = make_pipeline_execution(status="InProgress", artifact_revisions=[])
RUNNING: Final = make_pipeline_execution(status="InProgress")
FAILED: Final = make_pipeline_execution(status="Failed", status_summary="1 of 24 checks\nfailed")


# ---- What they print


def test_wait_shows_the_end_as_get_does(account: Account) -> None:
    """On stdout; how it went there is on stderr, a line for each change."""
    account.service.script_execution([BARE, RUNNING, RUNNING, FAILED])
    ended = account.run("wait", *WEB)
    assert ended.code == ExitCode.FAILED
    assert ended.stderr.splitlines() == [
        "2026-01-01T00:00:00Z  InProgress  WebhookV2",
        "2026-01-01T00:00:02Z  InProgress  after 0:02  5f2c9d1e  Answer faster",
        "2026-01-01T00:00:07Z  Failed  after 0:07  1 of 24 checks",
    ]
    assert ended.stdout == account.run("get", *WEB).stdout


def test_wait_gives_a_program_the_end_alone(account: Account) -> None:
    """As get gives it, but for how the answer came: there were several."""
    account.service.script_execution([RUNNING, FAILED])
    (line,) = account.run("wait", *WEB, "--output", "json").stdout.splitlines()
    got = json.loads(account.run("get", *WEB, "--output", "json").stdout)
    assert got.keys() == {"pipeline_execution", "response_metadata"}
    assert json.loads(line) == {"pipeline_execution": got["pipeline_execution"]}
    assert f"/executions/{WEB[1]}/" in json.loads(line)["pipeline_execution"]["console_url"]


def test_watch_shows_each_change_as_it_comes(account: Account) -> None:
    """On stdout, and only there."""
    account.service.script_execution([BARE, BARE, RUNNING, FAILED])
    ended = account.run("watch", *WEB)
    assert (ended.code, ended.stderr) == (ExitCode.FAILED, "")
    assert ended.stdout.splitlines() == [
        "2026-01-01T00:00:00Z  InProgress  WebhookV2",
        "2026-01-01T00:00:05Z  InProgress  after 0:05  5f2c9d1e  Answer faster",
        "2026-01-01T00:00:07Z  Failed  after 0:07  1 of 24 checks",
    ]


def test_watch_gives_a_program_each_change_whole(account: Account) -> None:
    """One object in a line, of the same shape as the one that wait gives."""
    account.service.script_execution([BARE, RUNNING, RUNNING, FAILED])
    ended = account.run("watch", *WEB, "--output", "json")
    shown = [json.loads(line) for line in ended.stdout.splitlines()]
    assert [each["pipeline_execution"]["status"] for each in shown] == ["InProgress", "InProgress", "Failed"]
    assert [len(each["pipeline_execution"]["artifact_revisions"]) for each in shown] == [0, 1, 1]
    assert [json.loads(account.run("wait", *WEB, "--output", "json").stdout)] == shown[2:]


def test_a_line_a_minute_says_that_there_is_nothing_new(account: Account) -> None:
    """Some build servers end what is silent. Not more, however often is asked."""
    account.service.script_execution([Shown(RUNNING, seconds=200), DONE])
    ended = account.run("wait", *WEB, "--max-poll-interval", "7s")
    assert ended.stderr.splitlines() == [
        "2026-01-01T00:00:00Z  InProgress  5f2c9d1e  Answer faster  WebhookV2",
        "2026-01-01T00:01:05Z  InProgress  still, after 1:05",
        "2026-01-01T00:02:08Z  InProgress  still, after 2:08",
        "2026-01-01T00:03:11Z  InProgress  still, after 3:11",
        "2026-01-01T00:03:25Z  Succeeded  after 3:25",
    ]


def test_watch_has_its_lines_without_news_on_stderr(account: Account) -> None:
    """They are no results."""
    account.service.script_execution([Shown(RUNNING, seconds=65), DONE])
    ended = account.run("watch", *WEB)
    assert ended.stderr == "2026-01-01T00:01:04Z  InProgress  still, after 1:04\n"
    assert ended.stdout.count("\n") == 2


def test_a_failure_that_passes_is_told_once(account: Account) -> None:
    """When the next one is of another kind it is told, too, and when it lasts the line without news says so."""
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
        "0:02Z  InProgress  throttled, asking again in 4 s",
        "1:10Z  InProgress  still throttled, after 1:10",
        "1:50Z  InProgress  InternalFailure, asking again in 20 s",
        "2:50Z  Succeeded  after 2:50",
    ]


def test_an_execution_may_take_a_moment_to_be_there(account: Account) -> None:
    """Within the grace, which is none unless it is asked for."""
    account.service.script_execution([None, None, DONE], pipeline_name=WEB[0], pipeline_execution_id=WEB[1])
    assert account.run("wait", *WEB).code == ExitCode.NOT_FOUND
    ended = account.run("wait", *WEB, "--not-found-grace", "10s")
    assert ended.code == 0
    assert ended.stderr.splitlines() == [
        "2026-01-01T00:00:00Z  not seen yet  no such execution yet, asking again in 2 s",
        "2026-01-01T00:00:02Z  Succeeded  5f2c9d1e  Answer faster  WebhookV2",
    ]


# ---- How they end


@pytest.mark.parametrize("name", ["wait", "watch"])
@pytest.mark.parametrize(
    ("status", "code"),
    [("Succeeded", 0), ("Failed", 11), ("Stopped", 12), ("Cancelled", 13), ("Superseded", 14)],
)
def test_the_exit_code_tells_the_end(account: Account, name: str, status: str, code: int) -> None:
    """Of what goes on, none is an end."""
    account.service.script_execution(["InProgress", "Stopping", "Paused", status])
    assert account.run(name, *WEB).code == code


@pytest.mark.parametrize("name", ["wait", "watch"])
def test_time_that_is_over_has_a_code_of_its_own(account: Account, name: str) -> None:
    """The line says what was seen last, that it goes on, and which option gives it longer."""
    account.service.put_execution(RUNNING)
    ended = account.run(name, *WEB, "--timeout", "90s")
    complaint = ended.stderr.splitlines()[-1]
    assert ended.code == 15
    assert complaint.startswith(
        f"codepipeline-client: execution {WEB[1]} of pipeline web was still InProgress after 89"
    )
    assert complaint.endswith("the execution itself goes on: --timeout gives it longer")
    assert ended.stdout.count("\n") == (name == "watch")


@pytest.mark.parametrize(
    ("error_code", "code"),
    [("AccessDeniedException", 21), ("UnrecognizedClientException", 22), ("ValidationException", 23)],
)
def test_what_does_not_pass_ends_it_at_once(account: Account, error_code: str, code: int) -> None:
    """In one line, after those of the wait."""
    account.service.put_execution(RUNNING)
    account.clock.on_sleep = lambda: account.service.put_error(error_code)
    ended = account.run("wait", *WEB)
    assert (ended.code, ended.stdout) == (code, "")
    assert ended.stderr.splitlines()[1].startswith(f"codepipeline-client: GetPipelineExecution failed: {error_code}")


@pytest.mark.parametrize("name", ["wait", "watch"])
@pytest.mark.parametrize(
    ("number", "code"),
    [pytest.param(signal.SIGINT, 130, id="ctrl-c"), pytest.param(signal.SIGTERM, 143, id="terminated")],
)
def test_a_signal_ends_the_wait_and_not_the_execution(account: Account, name: str, number: int, code: int) -> None:
    """So says one line. Afterwards the signals do what they did before."""
    account.service.put_execution(RUNNING)
    account.clock.on_sleep = lambda: signal.raise_signal(number)
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    ended = account.run(name, *WEB)
    assert ended.code == code
    assert ended.stderr.splitlines()[-1] == (
        f"codepipeline-client: no longer following execution {WEB[1]} of pipeline web: the execution itself goes on"
    )
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_a_second_signal_does_not_interrupt_the_cleanup(account: Account) -> None:
    """Who presses Ctrl-C twice means the same."""
    account.service.put_execution(RUNNING)

    def stop_twice() -> None:
        try:
            signal.raise_signal(signal.SIGINT)
        finally:
            signal.raise_signal(signal.SIGTERM)

    account.clock.on_sleep = stop_twice
    assert account.run("wait", *WEB).code == 130


def test_a_signal_that_is_ignored_stays_ignored(account: Account) -> None:
    """Shells take Ctrl-C from background jobs."""
    account.service.script_execution([RUNNING, DONE])
    account.clock.on_sleep = lambda: signal.raise_signal(signal.SIGINT)
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        assert account.run("wait", *WEB).code == 0
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_watch_ends_when_nobody_reads_any_more(account: Account) -> None:
    """``| head -1`` has seen enough. An execution that has not ended by then has its code."""
    account.service.script_execution([BARE, RUNNING, DONE])
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as stdout, pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdout", stdout)
        assert run(["watch", *WEB], clock=account.clock) == ExitCode.NOT_TERMINAL
    assert account.clock.slept == ()


# ---- The options


@pytest.mark.parametrize(
    ("options", "slept"),
    [
        pytest.param((), (2, 3, 4.5, 6.75), id="unless-told"),
        pytest.param(("--poll-interval", "10s"), (10, 15, 22.5, 30), id="interval"),
        pytest.param(("--poll-interval", "1m"), (60, 60, 60, 60), id="interval-above-the-usual-most"),
        pytest.param(("--max-poll-interval", "2.5s"), (2, 2.5, 2.5, 2.5), id="most"),
        pytest.param(("--poll-interval", "10", "--max-poll-interval", "10"), (10, 10, 10, 10), id="both"),
    ],
)
def test_the_options_say_how_often_is_asked(
    account: Account, options: tuple[str, ...], slept: tuple[float, ...]
) -> None:
    """Less and less often while nothing changes."""
    account.service.script_execution([*[RUNNING] * 4, DONE])
    assert account.run("wait", *WEB, *options).code == 0
    assert account.clock.slept == pytest.approx(slept)


def test_an_hour_is_waited_unless_told(account: Account) -> None:
    """A pipeline that hangs must not hang a build for ever."""
    account.service.put_execution(RUNNING)
    assert account.run("wait", *WEB).code == ExitCode.TIMED_OUT
    assert sum(account.clock.slept) == pytest.approx(3599)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        pytest.param(
            ("--timeout", "soon"),
            "Invalid value for '--timeout': 'soon' is no span of time: give seconds, or 90s, 30m, 2h, 7d, 1h30m",
            id="no-span",
        ),
        pytest.param(("--timeout", "0"), "Invalid value for '--timeout': '0' is not above 0 and up to 365d", id="zero"),
        pytest.param(
            ("--poll-interval", "0s"), "Invalid value for '--poll-interval': '0s' is not above 0", id="zero-s"
        ),
        pytest.param(("--timeout", "366d"), "Invalid value for '--timeout': '366d' is not above 0 and", id="too-long"),
        pytest.param(
            ("--timeout", "9" * 5000), f"Invalid value for '--timeout': '{'9' * 5000}' is not above 0 and", id="digits"
        ),
        pytest.param(
            ("--not-found-grace", "9999h"), "Invalid value for '--not-found-grace': '9999h' is not up", id="grace"
        ),
        pytest.param(
            ("--poll-interval", "1m", "--max-poll-interval", "30s"),
            "--max-poll-interval must not be below --poll-interval",
            id="crossed",
        ),
    ],
)
def test_wrong_spans_are_wrong_usage(account: Account, options: tuple[str, ...], complaint: str) -> None:
    """In one line that says what would do, and where to look."""
    ended = account.run("wait", *WEB, *options)
    assert (ended.code, account.service.requests) == (2, ())
    assert ended.complaint.startswith(complaint)
    assert ended.complaint.endswith(": see codepipeline-client wait --help")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("0.5", 0.5), ("90s", 90), ("1.5m", 90), ("2h", 7200), ("7d", 604800), ("1d1h1m1.5s", 90061.5)],
)
def test_durations_are_read(account: Account, text: str, seconds: float) -> None:
    """As people write them."""
    account.service.script_execution([RUNNING, DONE])
    assert account.run("wait", *WEB, "--timeout", "365d", "--poll-interval", text).code == 0
    assert account.clock.slept == (seconds,)


@pytest.mark.parametrize(
    "text", ["", " 1", "1 s", "1x", "s", "-1", "+1", "1e3", ".5", "1.", "inf", "nan", "1h30", "\N{SUPERSCRIPT ONE}"]
)
def test_what_is_no_duration_is_refused(account: Account, text: str) -> None:
    """Rather than taken for something."""
    ended = account.run("wait", *WEB, f"--timeout={text}")
    assert ended.code == 2
    assert "is no span of time: give seconds, or 90s" in ended.complaint


# ---- The words


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(59, "0:59"), (754, "12:34"), (3723, "1:02:03"), (86400, "1d 0:00:00"), (176523, "2d 1:02:03")],
)
def test_the_time_that_has_passed_is_shown_as_a_clock_does(account: Account, seconds: int, shown: str) -> None:
    """With as much as is needed of it."""
    account.service.script_execution([RUNNING, DONE])
    interval = f"{seconds}s"
    ended = account.run("watch", *WEB, "--timeout", "365d", "--poll-interval", interval)
    assert f"  Succeeded  after {shown}\n" in ended.stdout


@pytest.mark.parametrize(("interval", "shown"), [("0.1s", "1 s"), ("3s", "3 s"), ("59.5s", "1:00"), ("119s", "1:59")])
def test_the_time_until_the_next_poll_is_never_shown_as_less_than_it_is(
    account: Account, interval: str, shown: str
) -> None:
    """It would be over too late."""
    account.service.script_execution([None, DONE], pipeline_name=WEB[0], pipeline_execution_id=WEB[1])
    ended = account.run("wait", *WEB, "--not-found-grace", "1h", "--poll-interval", interval)
    assert f"  not seen yet  no such execution yet, asking again in {shown}\n" in ended.stderr


def test_times_of_day_are_in_utc(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever the machine is."""
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    if hasattr(time, "tzset"):
        time.tzset()
    account.service.put_execution(DONE)
    try:
        assert account.run("watch", *WEB).stdout.startswith("2026-01-01T00:00:00Z  ")
    finally:
        monkeypatch.undo()
        if hasattr(time, "tzset"):
            time.tzset()


def refused(code: str, status_code: int = 400) -> ServiceError:
    return SERVICE_ERRORS.get(code, ServiceError)(
        "So it is.", code=code, http_status_code=status_code, request_id=None, operation_name="GetPipelineExecution"
    )


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        pytest.param(refused("ThrottlingException"), "throttled", id="throttled"),
        pytest.param(refused("Odd", 429), "throttled", id="throttled-by-status"),
        pytest.param(refused("PipelineNotFoundException"), "no such pipeline yet", id="no-pipeline"),
        pytest.param(refused("PipelineExecutionNotFoundException"), "no such execution yet", id="no-execution"),
        pytest.param(refused("InternalFailure", 500), "InternalFailure", id="service"),
        pytest.param(refused("O\x1b[2J" + "d" * 99, 500), "O\\x1b[2J" + "d" * 52, id="odd-code"),
        pytest.param(ConnectionFailedError("reset"), "no connection", id="connection"),
        pytest.param(RequestTimeoutError("late", limit="timeout"), "no answer in time", id="timeout"),
        pytest.param(
            ResponseDecodeError("odd", http_status_code=200, request_id=None), "no answer that can be read", id="decode"
        ),
        pytest.param(TransportError("odd"), "TransportError", id="any-other"),
    ],
)
def test_a_failure_is_told_in_few_words(failure: CodePipelineError, words: str) -> None:
    """They fit into a narrow terminal, and no error code of a proxy can do harm."""
    assert failure_words(failure) == words


MESSAGE: Final = {
    "revision_id": "5f2c9d1e8b7a60413c2d4e6f8091a2b3c4d5e6f7",
    "revision_summary": '{"ProviderType": "GitHub", "CommitMessage": "Say \\u001b[1m\\nmore"}',
}


@pytest.mark.parametrize(
    ("fields", "shown"),
    [
        pytest.param({}, "", id="nothing"),
        pytest.param({"artifact_revisions": [ArtifactRevision()]}, "", id="empty"),
        pytest.param({"artifact_revisions": [ArtifactRevision()] * 3}, "  (+2)", id="empty-and-others"),
        pytest.param({"artifact_revisions": [{"revision_summary": "\n\nA\nB"}]}, "  A", id="message"),
        pytest.param({"artifact_revisions": [{"revision_id": "v" * 40}]}, f"  {'v' * 40}", id="version"),
        pytest.param({"artifact_revisions": [MESSAGE, {}]}, "  5f2c9d1e (+1)  Say \\x1b[1m", id="message-in-json"),
        pytest.param({"trigger": {}}, "", id="empty-trigger"),
        pytest.param({"trigger": {"trigger_type": "New\n", "trigger_detail": "a"}}, "  New\\n", id="trigger"),
        pytest.param({"status_summary": " \nNo\a\nmore"}, "  No\\x07", id="reason"),
    ],
)
def test_what_is_known_is_told_in_one_line(account: Account, fields: dict[str, Any], shown: str) -> None:
    """The first line of each, escaped."""
    known = made(**{"artifact_revisions": [], "trigger": None, **fields})
    account.service.put_execution(known)
    assert account.run("watch", *WEB).stdout == f"2026-01-01T00:00:00Z  Succeeded{shown}\n"


def test_a_change_that_fits_into_no_line_is_named(account: Account) -> None:
    """It was a change all the same. Where the status has changed, that is the news."""
    changed = evolve(RUNNING, pipeline_version=7, variables=())
    account.service.script_execution([evolve(RUNNING, pipeline_version=6), changed, evolve(DONE, pipeline_version=8)])
    _, second, third = account.run("watch", *WEB).stdout.splitlines()
    assert second.endswith("  InProgress  after 0:02  changed: pipeline version")
    assert third.endswith("  Succeeded  after 0:04")
