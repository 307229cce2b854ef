"""``wait`` and ``watch`` without a terminal: what they print where, how long they wait, and how they end."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Final

import pytest
from attrs import define, evolve, frozen

from codepipeline_client import (
    ArtifactRevision,
    CodePipelineError,
    ConnectionFailedError,
    PipelineExecution,
    RequestTimeoutError,
    ResponseDecodeError,
    ServiceError,
    TransportError,
)
from codepipeline_client.cli._columns import cells
from codepipeline_client.cli._commands import run
from codepipeline_client.cli._durations import ahead, duration, span, stamp
from codepipeline_client.cli._endings import ExitCode
from codepipeline_client.cli._news import and_again, cause, news, reason, source, trouble
from codepipeline_client.cli._progress import change
from codepipeline_client.cli._signals import told_to_stop
from codepipeline_client.errors import SERVICE_ERRORS
from codepipeline_client.testing import FakeClock, LocalCodePipeline, Shown, make_pipeline_execution

DONE: Final = make_pipeline_execution()
WEB: Final = (DONE.pipeline_name, DONE.pipeline_execution_id)
BARE: Final = make_pipeline_execution(status="InProgress", artifact_revisions=[])
RUNNING: Final = make_pipeline_execution(status="InProgress")
FAILED: Final = make_pipeline_execution(status="Failed", status_summary="1 of 24 checks\nfailed")


class Clock(FakeClock):
    """A fake clock that lets a test step in whenever someone sleeps."""

    def __init__(self) -> None:
        super().__init__()
        self.on_sleep: Callable[[], object] = lambda: None

    def sleep(self, seconds: float) -> None:
        self.on_sleep()
        super().sleep(seconds)


@frozen
class Ended:
    """A command that ran: how it ended, and the lines that it printed."""

    code: int
    stdout: list[str]
    stderr: list[str]


@define
class Account:
    """A service in whose account the shell is, and the clock of both."""

    service: LocalCodePipeline
    clock: Clock
    capfd: pytest.CaptureFixture[str]

    def run(self, *args: str) -> Ended:
        """Run a command."""
        code = run(args, clock=self.clock)
        printed = self.capfd.readouterr()
        return Ended(code, printed.out.splitlines(), printed.err.splitlines())


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Iterator[Account]:
    """An account in which pauses have no jitter, so that they can be told before."""
    monkeypatch.setattr(random, "random", lambda: 0.5)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    clock = Clock()
    with LocalCodePipeline(now=clock.time) as service:
        for name, value in service.environ.items():
            monkeypatch.setenv(name, value)
        yield Account(service, clock, capfd)


# ---- what they print


def test_wait_shows_the_end_as_get_does(account: Account) -> None:
    """On stdout; how it went there is on stderr, a line for each change."""
    account.service.script_execution([BARE, RUNNING, RUNNING, FAILED])
    ended = account.run("wait", *WEB)
    assert ended.code == ExitCode.FAILED
    assert ended.stderr == [
        "2026-01-01T00:00:00Z  InProgress  WebhookV2",
        "2026-01-01T00:00:02Z  InProgress  after 0:02  5f2c9d1e  Answer faster",
        "2026-01-01T00:00:07Z  Failed  after 0:07  1 of 24 checks",
    ]
    assert ended.stdout == account.run("get", *WEB).stdout


def test_wait_gives_a_program_the_end_alone(account: Account) -> None:
    """As get gives it, but for how the answer came: there were several."""
    account.service.script_execution([RUNNING, FAILED])
    (line,) = account.run("wait", *WEB, "--output", "json").stdout
    got = json.loads(*account.run("get", *WEB, "--output", "json").stdout)
    assert got.keys() == {"pipeline_execution", "response_metadata"}
    assert json.loads(line) == {"pipeline_execution": got["pipeline_execution"]}
    assert f"/executions/{WEB[1]}/" in json.loads(line)["pipeline_execution"]["console_url"]


def test_watch_shows_each_change_as_it_comes(account: Account) -> None:
    """On stdout, and only there."""
    account.service.script_execution([BARE, BARE, RUNNING, FAILED])
    ended = account.run("watch", *WEB)
    assert ended == Ended(
        ExitCode.FAILED,
        [
            "2026-01-01T00:00:00Z  InProgress  WebhookV2",
            "2026-01-01T00:00:05Z  InProgress  after 0:05  5f2c9d1e  Answer faster",
            "2026-01-01T00:00:07Z  Failed  after 0:07  1 of 24 checks",
        ],
        [],
    )


def test_watch_gives_a_program_each_change_whole(account: Account) -> None:
    """One object in a line, of the same shape as the one that wait gives."""
    account.service.script_execution([BARE, RUNNING, RUNNING, FAILED])
    ended = account.run("watch", *WEB, "--output", "json")
    shown = [json.loads(line) for line in ended.stdout]
    assert [each["pipeline_execution"]["status"] for each in shown] == ["InProgress", "InProgress", "Failed"]
    assert [len(each["pipeline_execution"]["artifact_revisions"]) for each in shown] == [0, 1, 1]
    assert [json.loads(*account.run("wait", *WEB, "--output", "json").stdout)] == shown[2:]


def test_a_line_a_minute_says_that_there_is_nothing_new(account: Account) -> None:
    """Some build servers end what is silent. Not more, however often is asked."""
    account.service.script_execution([Shown(RUNNING, seconds=200), DONE])
    ended = account.run("wait", *WEB, "--max-poll-interval", "7s")
    assert ended.stderr == [
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
    assert [line.split("  ")[1:] for line in ended.stderr] == [["InProgress", "still, after 1:04"]]
    assert len(ended.stdout) == 2


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
    assert [line.removeprefix("2026-01-01T00:0") for line in ended.stderr] == [
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
    assert ended.stderr == [
        "2026-01-01T00:00:00Z  not seen yet  no such execution yet, asking again in 2 s",
        "2026-01-01T00:00:02Z  Succeeded  5f2c9d1e  Answer faster  WebhookV2",
    ]


# ---- how they end


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
    complaint = ended.stderr[-1]
    assert ended.code == 15
    assert complaint.startswith(
        f"codepipeline-client: execution {WEB[1]} of pipeline web was still InProgress after 89"
    )
    assert complaint.endswith("the execution itself goes on: --timeout gives it longer")
    assert len(ended.stdout) == (name == "watch")


@pytest.mark.parametrize(
    ("error_code", "code"),
    [
        pytest.param("AccessDeniedException", 21, id="denied"),
        pytest.param("UnrecognizedClientException", 22, id="keys"),
        pytest.param("ValidationException", 23, id="refused"),
    ],
)
def test_what_does_not_pass_ends_it_at_once(account: Account, error_code: str, code: int) -> None:
    """In one line, after those of the wait."""
    account.service.put_execution(RUNNING)
    account.clock.on_sleep = lambda: account.service.put_error(error_code)
    ended = account.run("wait", *WEB)
    assert (ended.code, ended.stdout, len(ended.stderr)) == (code, [], 2)
    assert ended.stderr[1].startswith(f"codepipeline-client: GetPipelineExecution failed: {error_code}")


def test_a_wrong_name_is_wrong_usage(account: Account) -> None:
    """As for get; nothing is sent, and nothing is shown of a wait."""
    ended = account.run("wait", "my web", WEB[1])
    assert (ended.code, account.service.requests) == (2, ())
    assert [line.partition(" must ")[0] for line in ended.stderr] == ["codepipeline-client: NAME"]


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
    assert ended.stderr[-1] == (
        f"codepipeline-client: no longer following execution {WEB[1]} of pipeline web: the execution itself goes on"
    )
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_a_second_signal_does_not_break_off_the_cleaning_up() -> None:
    """Who presses Ctrl-C twice means the same."""
    seen: list[list[int]] = []
    with told_to_stop() as received:
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGTERM)
        seen.append(received)
    assert seen == [[signal.SIGINT]]


def test_a_signal_that_is_ignored_stays_ignored() -> None:
    """Shells take Ctrl-C from what runs behind."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with told_to_stop() as received:
            signal.raise_signal(signal.SIGINT)
        assert received == []
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
        assert run(["watch", *WEB], clock=account.clock) == ExitCode.NOT_ENDED
    assert account.clock.slept == ()


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        pytest.param("SIGINT", 130, id="ctrl-c"),
        pytest.param("SIGTERM", 143, id="terminated"),
    ],
)
@pytest.mark.skipif(os.name == "nt", reason="a process of Windows ends by a signal without knowing of it")
def test_a_real_wait_ends_well_when_it_is_told_to(
    local_codepipeline: LocalCodePipeline, monkeypatch: pytest.MonkeyPatch, sent: str, code: int
) -> None:
    """A process, a pipe and a signal."""
    local_codepipeline.put_execution(RUNNING)
    for name, value in local_codepipeline.environ.items():
        monkeypatch.setenv(name, value)
    program = (
        "import signal, sys\n"
        # A shell that started the tests in the background may have taken Ctrl-C from all below it.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from codepipeline_client.__main__ import main\n"
        "sys.exit(main())\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, "wait", *WEB], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        assert "InProgress" in process.stderr.readline()
        process.send_signal(getattr(signal, sent))
        try:
            stdout, stderr = process.communicate(timeout=30)
        finally:
            process.kill()  # if it has not ended
    assert (process.returncode, stdout) == (code, "")
    assert stderr.count("\n") == 1


# ---- the options


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


def test_an_approval_is_waited_for(account: Account) -> None:
    """For as long as one may be held."""
    account.service.script_execution([Shown(RUNNING, seconds=7 * 86400 - 3600), DONE])
    ended = account.run("wait", *WEB, "--timeout", "7d", "--max-poll-interval", "1h")
    assert ended.code == 0
    assert "  Succeeded  after 6d 23:" in ended.stderr[-1]


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
    assert (ended.code, ended.stdout, account.service.requests) == (2, [], ())
    (line,) = ended.stderr
    assert line.startswith(f"codepipeline-client: {complaint}")
    assert line.endswith(": see codepipeline-client wait --help")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90),
        ("0.5", 0.5),
        ("90s", 90),
        ("1.5m", 90),
        ("30m", 1800),
        ("2h", 7200),
        ("7d", 604800),
        ("365d", 31536000),
        ("1h30m", 5400),
        ("1d1h1m1.5s", 90061.5),
    ],
)
def test_spans_are_read(text: str, seconds: float) -> None:
    """As people write them."""
    assert duration(text) == seconds


@pytest.mark.parametrize(
    "text", ["", " 1", "1 s", "1x", "s", "-1", "+1", "1e3", ".5", "1.", "inf", "nan", "1h30", "\N{SUPERSCRIPT ONE}"]
)
def test_what_is_no_span_is_refused(text: str) -> None:
    """Rather than taken for something."""
    with pytest.raises(ValueError, match="is no span of time"):
        duration(text)


def test_a_span_of_very_many_digits_is_too_long() -> None:
    """And no other error."""
    with pytest.raises(ValueError, match="is not above 0 and up to 365d"):
        duration("9" * 5000)


def test_no_time_at_all_is_a_span_where_it_may_be() -> None:
    """A grace of none is the usual one."""
    assert duration("0", may_be_zero=True) == 0


# ---- the words


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0:00"),
        (7.9, "0:07"),
        (754, "12:34"),
        (3599.99, "59:59"),
        (3723, "1:02:03"),
        (86400, "1d 0:00:00"),
        (176523, "2d 1:02:03"),
    ],
)
def test_spans_are_shown_as_a_watch_does(seconds: float, shown: str) -> None:
    """Whole seconds that are over."""
    assert span(seconds) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"), [(-1, "0 s"), (0, "0 s"), (0.1, "1 s"), (3.0, "3 s"), (59.5, "1:00"), (119.2, "2:00")]
)
def test_what_is_ahead_is_never_shown_as_less_than_it_is(seconds: float, shown: str) -> None:
    """It would be over too late."""
    assert ahead(seconds) == shown


def test_times_of_day_are_in_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever the machine is."""
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    if hasattr(time, "tzset"):
        time.tzset()
    try:
        assert stamp(1767225600.9) == "2026-01-01T00:00:00Z"
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
    """They fit into a narrow terminal, and no code of a proxy's can do harm."""
    assert trouble(failure) == words


def test_when_it_is_asked_again_is_told_as_fully_as_fits() -> None:
    """Or not at all."""
    assert and_again(3.2) == (", asking again in 4 s", ", again in 4 s", ", 4 s", "")


@pytest.mark.parametrize(
    ("fields", "shown"),
    [
        pytest.param({"artifact_revisions": []}, "", id="none"),
        pytest.param({"artifact_revisions": [ArtifactRevision()]}, "", id="empty"),
        pytest.param({"artifact_revisions": [ArtifactRevision()] * 3}, "(+2)", id="empty-and-others"),
        pytest.param({"artifact_revisions": [{"revision_summary": "\n\nA\nB"}]}, "A", id="message"),
        pytest.param({"artifact_revisions": [{"revision_id": "v" * 40}]}, "v" * 40, id="version"),
        pytest.param(
            {
                "artifact_revisions": [
                    {
                        "revision_id": "5f2c9d1e8b7a60413c2d4e6f8091a2b3c4d5e6f7",
                        "revision_summary": '{"ProviderType": "GitHub", "CommitMessage": "Say \\u001b[1m\\nmore"}',
                    },
                    {},
                ]
            },
            "5f2c9d1e (+1)  Say \\x1b[1m",
            id="message-in-json",
        ),
    ],
)
def test_what_went_in_is_told_in_one_line(fields: dict[str, object], shown: str) -> None:
    """The first revision, and how many others there are."""
    assert source(made(fields)) == shown


@pytest.mark.parametrize(
    ("trigger", "shown"),
    [
        pytest.param(None, (), id="none"),
        pytest.param({}, (), id="empty"),
        pytest.param({"trigger_type": "Webhook"}, ("Webhook",), id="type"),
        pytest.param({"trigger_type": "New\n", "trigger_detail": "a\tb"}, ("New\\n  a\\tb", "New\\n"), id="detail"),
    ],
)
def test_why_it_started_is_told_in_one_line(trigger: object, shown: tuple[str, ...]) -> None:
    """With the detail where there is room for it."""
    assert cause(made({"trigger": trigger})) == shown


def made(fields: dict[str, object]) -> PipelineExecution:
    make: Callable[..., PipelineExecution] = make_pipeline_execution  # the tables' rows are of many kinds
    return make(**fields)


def test_a_reason_is_told_by_its_first_line() -> None:
    """Escaped, as everything is."""
    assert reason(make_pipeline_execution(status_summary=" \nNo\a\nmore")) == "No\\x07"
    assert reason(make_pipeline_execution(status_summary=None)) == ""


def test_a_change_that_fits_into_no_line_is_named() -> None:
    """It was a change all the same. Where the status has changed, that is the news."""
    after = make_pipeline_execution(status="InProgress", pipeline_version=7, variables=[{"name": "A"}])
    assert news(after, RUNNING) == "changed: pipeline version, variables"
    assert news(evolve(after, status=DONE.status), RUNNING) == ""


def test_a_change_is_wrapped_to_a_terminal() -> None:
    """Between words, and what goes on has a margin. Colour takes no room."""
    line = change(RUNNING, BARE, now=0, seconds=61, width=38)
    assert line.replace("\x1b[36m", "").replace("\x1b[0m", "").split("\n") == [
        "1970-01-01T00:00:00Z  InProgress",
        "  after 1:01  5f2c9d1e  Answer faster",
    ]


@pytest.mark.parametrize("columns", [80, 38, 24])
def test_a_change_in_wide_letters_fits_too(columns: int) -> None:
    """Their columns count, not their number."""
    told = change(evolve(RUNNING, status_summary="変更 " * 60), BARE, now=0, seconds=61, width=columns)
    lines = told.replace("\x1b[36m", "").replace("\x1b[0m", "").split("\n")
    assert max(map(cells, lines)) <= columns
