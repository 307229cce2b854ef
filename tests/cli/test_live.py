"""``wait`` and ``watch`` on a terminal: what its screen shows while they last, and how they leave it."""

from __future__ import annotations

import io
import os
import re
import signal
import subprocess
import sys
import warnings
from collections.abc import Callable
from typing import Final

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from codepipeline_client import PipelineExecution, PipelineExecutionReference, PollReport, ServiceError
from codepipeline_client.cli.live import LiveView
from codepipeline_client.testing import FakeClock, LocalCodePipeline, make_pipeline_execution
from tests.cli.terminal import Account, Terminal, made

pytestmark = pytest.mark.skipif(not hasattr(os, "openpty"), reason="this system has no pseudo-terminals")

DONE: Final = make_pipeline_execution()
WEB: Final = (DONE.pipeline_name, DONE.pipeline_execution_id)
RESULT: Final = "2026-01-01T00:00:02Z  Succeeded  after 0:02"


def started(**fields: object) -> PipelineExecution:
    """Return an execution that somebody started, with a commit."""
    user = {"trigger_type": "StartPipelineExecution", "trigger_detail": "arn:aws:iam::111122223333:user/alex"}
    revision = {
        "revision_id": "5f2c9d1e8b7a60413c2d4e6f8091a2b3c4d5e6f7",
        "revision_summary": "Answer faster when the page asks often, and say so\n\nMeasured.",
    }
    return made(**{"status": "InProgress", "trigger": user, "artifact_revisions": [revision], **fields})


BARE: Final = started(artifact_revisions=[])
RUNNING: Final = started()
STOPPING: Final = started(status="Stopping", status_summary="It was the wrong branch, and the tests were red as well")
STOPPED: Final = started(status="Stopped")

Opened = Callable[..., Terminal]


# ---- What it looks like


STORY: Final = {
    80: [
        [
            "⠋ InProgress  0:00  web 7f3a1c52-9b0e-4d68-a1f4-2c6e8d0b9a31",
            "  StartPipelineExecution  arn:aws:iam::111122223333:user/alex",
        ],
        [
            "⠦ InProgress  0:02  web 7f3a1c52-9b0e-4d68-a1f4-2c6e8d0b9a31",
            "  5f2c9d1e  Answer faster when the page asks often, and say so",
            "  StartPipelineExecution  arn:aws:iam::111122223333:user/alex",
        ],
        [
            "⠹ InProgress  0:04  web 7f3a1c52-9b0e-4d68-a1f4-2c6e8d0b9a31",
            "  5f2c9d1e  Answer faster when the page asks often, and say so",
            "  StartPipelineExecution  arn:aws:iam::111122223333:user/alex",
            "  throttled, asking again in 4 s",
        ],
        [
            "⠼ Stopping  0:08  web 7f3a1c52-9b0e-4d68-a1f4-2c6e8d0b9a31",
            "  5f2c9d1e  Answer faster when the page asks often, and say so",
            "  StartPipelineExecution  arn:aws:iam::111122223333:user/alex",
            "  It was the wrong branch, and the tests were red as well",
        ],
    ],
    40: [
        ["⠋ InProgress  0:00  web 7f3a1c52-9b0e-…", "  StartPipelineExecution  arn:aws:iam:…"],
        [
            "⠦ InProgress  0:02  web 7f3a1c52-9b0e-…",
            "  5f2c9d1e  Answer faster when the pag…",
            "  StartPipelineExecution  arn:aws:iam:…",
        ],
        [
            "⠹ InProgress  0:04  web 7f3a1c52-9b0e-…",
            "  5f2c9d1e  Answer faster when the pag…",
            "  StartPipelineExecution  arn:aws:iam:…",
            "  throttled, asking again in 4 s",
        ],
        [
            "⠼ Stopping  0:08  web 7f3a1c52-9b0e-4d…",
            "  5f2c9d1e  Answer faster when the pag…",
            "  StartPipelineExecution  arn:aws:iam:…",
            "  It was the wrong branch, and the tes…",
        ],
    ],
    20: [
        ["⠋ InProgress  0:00…", "  StartPipelineExe…"],
        ["⠦ InProgress  0:02…", "  5f2c9d1e  Answer…", "  StartPipelineExe…"],
        ["⠹ InProgress  0:04…", "  5f2c9d1e  Answer…", "  StartPipelineExe…", "  throttled, askin…"],
        ["⠼ Stopping  0:08  …", "  5f2c9d1e  Answer…", "  StartPipelineExe…", "  It was the wrong…"],
    ],
}
"""By the columns of the terminal, the screens between polls."""


@pytest.mark.parametrize("columns", STORY)
def test_the_view_fits_the_terminal_while_it_changes(account: Account, opened: Opened, columns: int) -> None:
    """What matters most stays longest: the status, then the time, then what it is about. The result stays."""
    account.service.script_execution([BARE, RUNNING, STOPPING, STOPPED])
    terminal = opened(columns, stdout=os.fdopen(os.open(os.devnull, os.O_WRONLY), "w"))
    story = iter(STORY[columns])

    def look() -> None:
        expected = next(story)
        terminal.until_shows(*expected)
        assert not terminal.has_cursor
        if expected is STORY[columns][1]:
            account.service.put_error("ThrottlingException")

    account.clock.on_sleep = look
    assert account.run("wait", *WEB).code == 12
    assert "".join(terminal.until_over()) == "2026-01-01T00:00:10Z  Stopped  after 0:10"
    assert next(story, None) is None
    assert terminal.has_cursor


def test_the_time_goes_on_between_polls(account: Account, opened: Opened) -> None:
    """And so does the time until the next one, after a failure."""
    account.service.put_error("ThrottlingException")
    account.service.put_execution(DONE)
    terminal = opened()

    def look() -> None:
        failed = "  throttled, asking again in"
        terminal.until_shows(f"⠋ asking  0:00  web {WEB[1]}", f"{failed} 4 s")
        account.clock.advance(2.5)
        terminal.until_shows(f"⠋ asking  0:02  web {WEB[1]}", f"{failed} 2 s")

    account.clock.on_sleep = look
    assert account.run("wait", *WEB).code == 0


def test_nothing_is_drawn_before_the_first_poll_is_over(
    account: Account, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until then the client may ask for an MFA code on the terminal, and the view would hide the question."""
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "2")
    account.service.put_error("InternalFailure")
    account.service.script_execution([RUNNING, DONE])
    terminal = opened()

    def look() -> None:  # before the retry
        assert terminal.until_over() == []
        assert terminal.has_cursor
        account.clock.on_sleep = lambda: terminal.until(lambda: "InProgress" in terminal.text)

    account.clock.on_sleep = look
    assert account.run("wait", *WEB).code == 0


def test_nothing_is_drawn_of_an_execution_that_has_ended(account: Account, opened: Opened) -> None:
    """There is nothing to wait for. The last line is there all the same."""
    account.service.put_execution(DONE)
    terminal = opened()
    assert account.run("wait", *WEB).code == 0
    assert terminal.until_over()[:2] == ["2026-01-01T00:00:00Z  Succeeded  after 0:00", "Pipeline   web"]
    assert b"\x1b[?25" not in terminal.written


def test_status_and_failure_are_coloured(account: Account, opened: Opened) -> None:
    """In the colours that get has."""
    account.service.script_execution([RUNNING, DONE])
    terminal = opened()

    def look() -> None:
        terminal.until(lambda: "InProgress" in terminal.text)
        assert terminal.colour("InProgress") == "cyan"
        assert terminal.colour("5f2c9d1e") == "default"
        account.service.put_error("ThrottlingException")
        account.clock.on_sleep = look_again

    def look_again() -> None:
        terminal.until(lambda: "throttled" in terminal.text)
        assert terminal.colour("throttled") == "brown"  # so the terminal calls what others call yellow

    account.clock.on_sleep = look
    assert account.run("wait", *WEB).code == 0
    terminal.until_over()
    assert terminal.colour("Succeeded") == "green"


def test_without_colours_it_is_the_same_view(account: Account, opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    """https://no-color.org is about colours only."""
    account.service.script_execution([RUNNING, DONE])
    terminal = opened()
    monkeypatch.setenv("NO_COLOR", "1")
    account.clock.on_sleep = lambda: terminal.until(lambda: f"⠋ InProgress  0:00  web {WEB[1]}" in terminal.lines)
    assert account.run("wait", *WEB).code == 0
    terminal.until_over()
    assert not re.search(rb"\x1b\[[0-9;]+m", terminal.written)


@pytest.mark.parametrize(
    ("name", "value", "is_drawn"),
    [
        ("TERM", "dumb", False),
        ("TERM", "unknown", False),
        ("CI", "true", False),
        ("CI", "woodpecker", False),
        ("CI", "", True),
        ("CI", "0", True),
        ("CI", "False", True),
    ],
)
def test_lines_are_written_where_nothing_can_or_should_be_drawn(
    account: Account, opened: Opened, monkeypatch: pytest.MonkeyPatch, name: str, value: str, is_drawn: bool
) -> None:
    """Logs of build servers often come from terminals."""
    account.service.script_execution([RUNNING, DONE])
    terminal = opened()
    monkeypatch.setenv(name, value)
    assert account.run("wait", *WEB, "--output", "json").code == 0
    terminal.until_over()
    assert (b"\x1b[?25l" in terminal.written) == is_drawn
    assert terminal.lines[0].startswith(RESULT if is_drawn else "2026-01-01T00:00:00Z  InProgress")


def test_an_encoding_without_the_characters_has_others(account: Account, opened: Opened) -> None:
    """What it cannot encode is escaped, and takes the columns that it then needs."""
    revision = {"revision_id": "5f2c9d1e8b7a60413c2d4e6f8091a2b3c4d5e6f7", "revision_summary": "Größer " * 20}
    account.service.script_execution([started(artifact_revisions=[revision], trigger=None), DONE])
    terminal = opened(40, encoding="ascii")
    expected = ["| InProgress  0:00  web 7f3a1c52-9b0e-4", "  5f2c9d1e  Gr\\xf6\\xdfer Gr\\xf6\\xdfer G"]
    account.clock.on_sleep = lambda: terminal.until_shows(*expected)
    assert account.run("wait", *WEB).code == 0


def test_a_terminal_of_few_rows_has_the_first_lines(account: Account, opened: Opened) -> None:
    """What scrolls away could not be cleared."""
    account.service.script_execution([STOPPING, DONE])
    terminal = opened(80, rows=4)
    account.clock.on_sleep = lambda: terminal.until(lambda: len(terminal.lines) == 2)
    assert account.run("wait", *WEB).code == 0


@given(
    text=st.text(st.characters(exclude_categories=()), max_size=120),
    columns=st.integers(20, 130),
    seconds=st.floats(0, 1e6),
)
def test_no_line_can_break_the_view(text: str, columns: int, seconds: float) -> None:
    """Whatever the service said, and with characters of any width: nothing but text, and no line too long."""
    view = LiveView(FakeClock(), sys.stderr)
    failure = ServiceError(
        text, code=f"New{text}", http_status_code=500, request_id=None, operation_name="GetPipelineExecution"
    )
    report = PollReport(
        reference=PipelineExecutionReference(text, WEB[1]),
        number=1,
        seconds=seconds,
        execution=started(
            status=f"New{text}", status_summary=text, artifact_revisions=[{"revision_summary": text}, {}]
        ),
        failure=None,
        pause=None,
    )
    view.polled(report)
    view.last = evolve(report, failure=failure, pause=7.0)
    console = Console(file=io.StringIO(), width=columns, height=24, force_terminal=True, color_system=None)
    lines = console.render_lines(view, pad=False)
    assert 3 <= len(lines) <= 6
    for line in lines:
        shown = "".join(segment.text for segment in line)
        assert shown.isprintable()
        assert cell_len(shown) < columns


# ---- With what else is written


def test_changes_stand_above_the_view(account: Account, opened: Opened) -> None:
    """In order, and they stay when the view is gone. There is no other line about the result."""
    account.service.script_execution([BARE, RUNNING, STOPPED])
    terminal = opened()
    changes = [
        "2026-01-01T00:00:00Z  InProgress  StartPipelineExecution",
        "2026-01-01T00:00:02Z  InProgress  after 0:02  5f2c9d1e  Answer faster when the",
        "  page asks often, and say so",
        "2026-01-01T00:00:04Z  Stopped  after 0:04",
    ]
    heights = iter((1, 3))

    def look() -> None:
        above = next(heights)
        terminal.until(lambda: len(terminal.lines) > above and terminal.lines[above][2:12] == "InProgress")
        assert terminal.lines[:above] == changes[:above]

    account.clock.on_sleep = look
    assert account.run("watch", *WEB).code == 12
    assert terminal.until_over() == changes
    assert terminal.has_cursor
    assert terminal.colour("Stopped") == "brown"


def test_nothing_is_drawn_where_another_program_may_write(account: Account, opened: Opened) -> None:
    """The reader of the pipe that watch writes to may write to the same terminal. Wait writes when it is over."""
    account.service.script_execution([RUNNING, DONE])
    reading, writing = os.pipe()
    terminal = opened(stdout=os.fdopen(writing, "w"))
    assert account.run("watch", *WEB).code == 0
    assert terminal.until_over() == []
    account.service.script_execution([RUNNING, DONE])
    account.clock.on_sleep = lambda: terminal.until(lambda: "⠋ InProgress" in terminal.text)
    assert account.run("wait", *WEB).code == 0
    (result,) = terminal.until_over()
    assert result.endswith("Succeeded  after 0:02")
    os.close(reading)


@pytest.mark.filterwarnings("default:noted")
def test_a_warning_stands_above_the_view(account: Account, opened: Opened) -> None:
    """It would be drawn over, otherwise."""
    account.service.script_execution([RUNNING, DONE])
    terminal = opened()
    before = warnings.showwarning

    def look() -> None:
        terminal.until(lambda: "InProgress" in terminal.text)
        warnings.warn("noted", stacklevel=1)
        terminal.until(lambda: len(terminal.lines) == 4)
        assert terminal.lines[:2] == ["codepipeline-client: warning: noted", f"⠋ InProgress  0:00  web {WEB[1]}"]

    account.clock.on_sleep = look
    assert account.run("wait", *WEB).code == 0
    assert terminal.until_over()[:3] == ["codepipeline-client: warning: noted", RESULT, "Pipeline   web"]
    assert warnings.showwarning is before


# ---- How it leaves the terminal


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("is_drawn", [True, False], ids=["drawn", "lines"])
def test_a_signal_leaves_a_line_of_its_own(
    account: Account, opened: Opened, monkeypatch: pytest.MonkeyPatch, number: int, is_drawn: bool
) -> None:
    """The ^C that the terminal itself shows is cleared with the view, or else stands in the line before."""
    account.service.put_execution(RUNNING)
    terminal = opened(200)
    monkeypatch.setenv("CI", "" if is_drawn else "1")

    def stop() -> None:
        terminal.until(lambda: "InProgress" in terminal.text)
        print("^C", end="", flush=True)
        signal.raise_signal(number)

    account.clock.on_sleep = stop
    assert account.run("wait", *WEB).code == 128 + number
    lines = terminal.until_over()
    assert (
        lines[-1]
        == f"codepipeline-client: no longer following execution {WEB[1]} of pipeline web: the execution itself goes on"
    )
    assert lines[1:-1] == ([] if is_drawn else ["^C"])
    assert terminal.has_cursor


def test_an_error_leaves_its_line(account: Account, opened: Opened) -> None:
    """And nothing else."""
    account.service.put_execution(RUNNING)
    terminal = opened(200)
    account.clock.on_sleep = lambda: account.service.put_error("AccessDeniedException", "No.")
    assert account.run("wait", *WEB).code == 21
    complaint, _ = terminal.until_over()  # which takes two rows
    assert complaint.startswith("codepipeline-client: GetPipelineExecution failed: AccessDeniedException")
    assert terminal.has_cursor


@pytest.mark.skipif(not hasattr(signal, "SIGTSTP"), reason="nothing can be suspended on this system")
def test_nothing_is_left_while_it_is_suspended(
    account: Account, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-Z gives the terminal to the shell, and afterwards the view is drawn below. Twice does no harm."""
    account.service.script_execution([RUNNING, DONE])
    terminal = opened()
    before = signal.getsignal(signal.SIGTSTP)
    suspended: list[tuple[int, int]] = []

    def suspend(process: int, number: int) -> None:
        suspended.append((process, number))
        if len(suspended) == 1:
            assert terminal.until(lambda: terminal.has_cursor) == []
            signal.raise_signal(signal.SIGTSTP)
            print("$ fg", flush=True)

    def look() -> None:
        terminal.until(lambda: "InProgress" in terminal.text)
        signal.raise_signal(signal.SIGTSTP)
        terminal.until(lambda: "InProgress" in terminal.text)
        assert terminal.lines[:2] == ["$ fg", f"⠋ InProgress  0:00  web {WEB[1]}"]

    monkeypatch.setattr(os, "kill", suspend)
    account.clock.on_sleep = look
    assert account.run("wait", *WEB).code == 0
    assert suspended == [(os.getpid(), signal.SIGSTOP)] * 2
    assert signal.getsignal(signal.SIGTSTP) is before


def test_where_nothing_can_be_suspended_nothing_is_done_about_it(
    account: Account, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Windows has no such signal."""
    monkeypatch.delattr(signal, "SIGTSTP", raising=False)
    account.service.script_execution([RUNNING, DONE])
    terminal = opened()
    account.clock.on_sleep = lambda: terminal.until(lambda: "InProgress" in terminal.text)
    assert account.run("wait", *WEB).code == 0


def test_a_terminal_that_goes_away_does_not_end_the_wait(account: Account, opened: Opened) -> None:
    """Its window was closed, and the command ignores hangups: the exit code is for whoever waits for it."""
    account.service.script_execution([RUNNING, RUNNING, make_pipeline_execution(status="Failed")])
    reading, writing = os.pipe()
    terminal = opened(stdout=os.fdopen(writing, "w"))

    def go_away() -> None:
        terminal.until(lambda: "InProgress" in terminal.text)
        terminal.hang_up()
        account.clock.on_sleep = lambda: None

    account.clock.on_sleep = go_away
    assert account.run("wait", *WEB, "--output", "json").code == 11
    assert os.read(reading, 99).startswith(b'{"pipeline_execution": ')
    os.close(reading)


def test_a_real_wait_draws_until_a_real_ctrl_c(
    local_codepipeline: LocalCodePipeline, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process with a terminal of its own, and a key."""
    local_codepipeline.put_execution(RUNNING)
    terminal = opened(90)
    for name in ("COLUMNS", "LINES"):
        monkeypatch.delenv(name)
    program = (
        "import os, signal, sys\n"
        "os.login_tty(0)\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from codepipeline_client.__main__ import main\n"
        "sys.exit(main())\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, "wait", *WEB],
        env=os.environ | dict(local_codepipeline.environ),
        stdin=terminal.descriptor,
        stdout=terminal.descriptor,
        stderr=terminal.descriptor,
    ) as process:
        try:
            terminal.until(
                lambda: terminal.lines[1:2] == ["  5f2c9d1e  Answer faster when the page asks often, and say so"]
            )
            assert not terminal.has_cursor
            terminal.type(b"\x03")
            terminal.until(lambda: "the execution itself goes on" in terminal.text.replace("\n", ""))
            assert process.wait(timeout=30) == 130
        finally:
            process.kill()  # if it has not ended
    shown = terminal.until(lambda: terminal.has_cursor)
    assert "".join(shown).startswith("codepipeline-client: no longer following")
