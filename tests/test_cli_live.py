"""``wait`` and ``watch`` on a terminal: what its screen shows while they last, and how they leave it."""

from __future__ import annotations

import os
import random
import re
import select
import signal
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Final, TextIO

import pyte
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codepipeline_client import PipelineExecution, PipelineExecutionReference
from codepipeline_client.cli._columns import cells
from codepipeline_client.cli._commands import run
from codepipeline_client.cli._frame import Moment, Trouble, frame, letters_of
from codepipeline_client.cli._live import Live
from codepipeline_client.cli._terminal import size_of
from codepipeline_client.testing import FakeClock, LocalCodePipeline, Shown, make_pipeline_execution

pytestmark = pytest.mark.skipif(not hasattr(os, "openpty"), reason="this system has no pseudo-terminals")

DONE: Final = make_pipeline_execution()
WEB: Final = (DONE.pipeline_name, DONE.pipeline_execution_id)
USER: Final = {"trigger_type": "StartPipelineExecution", "trigger_detail": "arn:aws:iam::111122223333:user/alex"}
REVISION: Final = {
    "revision_id": "5f2c9d1e8b7a60413c2d4e6f8091a2b3c4d5e6f7",
    "revision_summary": "Answer faster when the page asks often, and say so\n\nMeasured.",
}
ROWS: Final = 24
_PATIENCE: Final = 20.0
"""Seconds after which what was not shown will not be. The view is drawn anew all the time."""


def made(**fields: object) -> PipelineExecution:
    """Return an execution that somebody started, with a commit."""
    make: Callable[..., PipelineExecution] = make_pipeline_execution  # what is given is of many kinds
    return make(**{"status": "InProgress", "trigger": USER, "artifact_revisions": [REVISION], **fields})


BARE: Final = made(artifact_revisions=[])
RUNNING: Final = made()
STOPPING: Final = made(status="Stopping", status_summary="It was the wrong branch, and the tests were red as well")
STOPPED: Final = made(status="Stopped")


class Clock(FakeClock):
    """A fake clock that lets a test look whenever someone sleeps."""

    def __init__(self) -> None:
        super().__init__()
        self.on_sleep: Callable[[], object] = lambda: None

    def sleep(self, seconds: float) -> None:
        self.on_sleep()
        super().sleep(seconds)


class Terminal:
    """A terminal with a screen that can be read. What is written to it is seen when the test looks."""

    def __init__(self, columns: int) -> None:
        self._reading, self._writing = os.openpty()
        self.resize(columns)
        self._screen = pyte.Screen(columns, ROWS)
        self._stream = pyte.ByteStream(self._screen)
        self._titles = 0
        self.written = b""

    def resize(self, columns: int, rows: int = ROWS) -> None:
        """Give it another size. What is on the screen stays as it is."""
        import termios  # not everywhere

        termios.tcsetwinsize(self._writing, (rows, columns))

    def open(self, encoding: str = "utf-8") -> TextIO:
        """Return a stream that is this terminal."""
        return os.fdopen(os.dup(self._writing), "w", encoding=encoding, errors="backslashreplace")

    def until(self, is_shown: Callable[[], bool]) -> list[str]:
        """Return the screen as soon as *is_shown*; the test fails if that takes very long."""
        deadline = time.monotonic() + _PATIENCE
        while not is_shown():
            assert select.select([self._reading], [], [], _PATIENCE)[0], self.lines
            assert time.monotonic() < deadline, self.lines
            self._read()
        return self.lines

    def until_over(self) -> list[str]:
        """Return the screen after all that was written."""
        self._titles += 1
        title = f"over {self._titles}"
        os.write(self._writing, f"\x1b]0;{title}\x07".encode())  # nobody else gives it one
        return self.until(lambda: self._screen.title == title)

    def hang_up(self) -> None:
        """Go away, as a terminal does whose window is closed."""
        os.close(self._reading)

    def close(self) -> None:
        for descriptor in (self._reading, self._writing):
            with suppress(OSError):  # it has hung up
                os.close(descriptor)

    @property
    def lines(self) -> list[str]:
        """What is on the screen, but for what is blank at the end."""
        shown = [line.rstrip() for line in self._screen.display]
        while shown and not shown[-1]:
            shown.pop()
        return shown

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    @property
    def has_cursor(self) -> bool:
        """Whether the cursor is shown."""
        return not self._screen.cursor.hidden

    @property
    def cursor(self) -> tuple[int, int]:
        """Row and column of the cursor."""
        return self._screen.cursor.y, self._screen.cursor.x

    def colour(self, text: str) -> str:
        """Return the colour in which *text* is shown first."""
        row = next(row for row, line in enumerate(self._screen.display) if text in line)
        return self._screen.buffer[row][self._screen.display[row].index(text)].fg

    def _read(self) -> None:
        read = os.read(self._reading, 65536)
        self.written += read
        self._stream.feed(read)


Opened = Callable[..., Terminal]


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Iterator[Opened]:
    """Return a terminal for stdout and stderr both, in an environment as one has it there."""
    monkeypatch.setenv("TERM", "xterm-256color")
    for name in ("NO_COLOR", "CI", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    terminals: list[Terminal] = []
    streams: list[TextIO] = []

    def open_one(columns: int = 80, *, encoding: str = "utf-8", stdout: TextIO | None = None) -> Terminal:
        terminal = Terminal(columns)
        terminals.append(terminal)
        for name, stream in (("stdout", stdout or terminal.open(encoding)), ("stderr", terminal.open(encoding))):
            streams.append(stream)
            monkeypatch.setattr(sys, name, stream)
        monkeypatch.setenv("COLUMNS", str(columns))
        return terminal

    yield open_one
    monkeypatch.undo()
    for stream in streams:
        with suppress(OSError):  # its terminal has hung up
            stream.close()
    for terminal in terminals:
        terminal.close()


@pytest.fixture
def clock() -> Clock:
    """The clock of the client, of the service and of the view."""
    return Clock()


@pytest.fixture
def service(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalCodePipeline]:
    """The service that the environment points to. Pauses have no jitter, so that they can be told before."""
    monkeypatch.setattr(random, "random", lambda: 0.5)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with LocalCodePipeline(now=clock.time) as endpoint:
        for name, value in endpoint.environ.items():
            monkeypatch.setenv(name, value)
        yield endpoint


# ---- what it looks like


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
        ["⠋ InProgress  0:00  web", "  StartPipelineExecution"],
        [
            "⠦ InProgress  0:02  web",
            "  5f2c9d1e  Answer faster when the pag…",
            "  StartPipelineExecution",
        ],
        [
            "⠹ InProgress  0:04  web",
            "  5f2c9d1e  Answer faster when the pag…",
            "  StartPipelineExecution",
            "  throttled, asking again in 4 s",
        ],
        [
            "⠼ Stopping  0:08  web",
            "  5f2c9d1e  Answer faster when the pag…",
            "  StartPipelineExecution",
            "  It was the wrong branch, and the tes…",
        ],
    ],
    20: [
        ["⠋ InProgress  0:00", "  StartPipelineExe…"],
        ["⠦ InProgress  0:02", "  5f2c9d1e  Answer…", "  StartPipelineExe…"],
        ["⠹ InProgress  0:04", "  5f2c9d1e  Answer…", "  StartPipelineExe…", "  throttled, 4 s"],
        ["⠼ Stopping  0:08", "  5f2c9d1e  Answer…", "  StartPipelineExe…", "  It was the wrong…"],
    ],
}
"""By the columns of the terminal, the screens between polls."""


@pytest.mark.parametrize("columns", STORY)
def test_the_view_fits_the_terminal_while_it_changes(
    opened: Opened, service: LocalCodePipeline, clock: Clock, columns: int
) -> None:
    """What matters most stays longest: the status, then the time, then what it is about."""
    service.script_execution([BARE, RUNNING, STOPPING, STOPPED])
    terminal = opened(columns)
    story = iter(STORY[columns])

    def look() -> None:
        expected = next(story)
        assert terminal.until(lambda: terminal.lines == expected) == expected
        assert terminal.until(lambda: terminal.cursor == (len(expected), 0))
        assert not terminal.has_cursor
        if expected is STORY[columns][1]:
            service.put_error("ThrottlingException")

    clock.on_sleep = look
    assert run(["wait", *WEB], clock=clock) == 12
    terminal.until_over()
    assert next(story, None) is None
    assert terminal.has_cursor
    if columns > 40:
        assert terminal.lines[:3] == ["Pipeline   web", f"Execution  {WEB[1]}", "Status     Stopped"]


def test_the_time_ticks_between_polls(opened: Opened, service: LocalCodePipeline, clock: Clock) -> None:
    """Though nobody asks and nothing is told."""
    service.script_execution([RUNNING, DONE])
    terminal = opened()

    def look() -> None:
        for seconds in range(1, 4):
            clock.advance(1)
            terminal.until(lambda seconds=seconds: f"  0:0{seconds}  " in terminal.text)  # type: ignore[misc]

    clock.on_sleep = look
    assert run(["wait", *WEB], clock=clock) == 0


def test_the_wait_for_the_next_poll_is_counted_down(opened: Opened, service: LocalCodePipeline, clock: Clock) -> None:
    """After a failure, people want to know when it goes on."""
    service.put_error("ThrottlingException")
    service.put_execution(DONE)
    terminal = opened()

    def look() -> None:
        terminal.until(lambda: "asking again in 4 s" in terminal.text)
        assert terminal.lines[0] == f"⠋ asking  0:00  web {WEB[1]}"
        clock.advance(2.5)
        terminal.until(lambda: "asking again in 2 s" in terminal.text)

    clock.on_sleep = look
    assert run(["wait", *WEB], clock=clock) == 0


def test_the_status_and_what_is_the_matter_are_coloured(
    opened: Opened, service: LocalCodePipeline, clock: Clock
) -> None:
    """In the colours that get has."""
    service.script_execution([RUNNING, DONE])
    terminal = opened()

    def look() -> None:
        terminal.until(lambda: "InProgress" in terminal.text)
        assert terminal.colour("InProgress") == "cyan"
        assert terminal.colour("5f2c9d1e") == "default"
        service.put_error("ThrottlingException")
        clock.on_sleep = look_again

    def look_again() -> None:
        terminal.until(lambda: "throttled" in terminal.text)
        assert terminal.colour("throttled") == "brown"  # so the terminal calls what others call yellow

    clock.on_sleep = look
    assert run(["wait", *WEB], clock=clock) == 0
    terminal.until_over()
    assert terminal.colour("Succeeded") == "green"


def test_without_colour_it_is_the_same_view(
    opened: Opened, service: LocalCodePipeline, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """https://no-color.org is about colour only."""
    service.script_execution([RUNNING, DONE])
    terminal = opened()
    monkeypatch.setenv("NO_COLOR", "1")
    clock.on_sleep = lambda: terminal.until(lambda: f"⠋ InProgress  0:00  web {WEB[1]}" in terminal.lines)
    assert run(["wait", *WEB], clock=clock) == 0
    terminal.until_over()
    assert not re.search(rb"\x1b\[[0-9;]*m", terminal.written)


@pytest.mark.parametrize(
    ("name", "value"),
    [("TERM", "dumb"), ("TERM", "unknown"), ("CI", "true"), ("CI", "1"), ("CI", "woodpecker")],
)
def test_lines_are_written_where_nothing_can_or_should_be_drawn(
    opened: Opened, service: LocalCodePipeline, clock: Clock, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    """Logs of build servers often come from terminals."""
    service.script_execution([RUNNING, DONE])
    terminal = opened()
    monkeypatch.setenv(name, value)
    assert run(["wait", *WEB, "--output", "json"], clock=clock) == 0
    terminal.until_over()
    assert b"\x1b[?25" not in terminal.written
    assert terminal.lines[0].startswith("2026-01-01T00:00:00Z  InProgress")


@pytest.mark.parametrize("value", ["", "0", "false", "False"])
def test_a_build_server_that_is_denied_is_none(
    opened: Opened, service: LocalCodePipeline, clock: Clock, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    """So people turn it off."""
    service.script_execution([RUNNING, DONE])
    terminal = opened()
    monkeypatch.setenv("CI", value)
    clock.on_sleep = lambda: terminal.until(lambda: "⠋ InProgress" in terminal.text)
    assert run(["wait", *WEB], clock=clock) == 0


def test_an_encoding_without_the_letters_has_others(opened: Opened, service: LocalCodePipeline, clock: Clock) -> None:
    """What it cannot spell is escaped, and takes the room that it then needs."""
    revision = {**REVISION, "revision_summary": "Größer " * 20}
    service.script_execution([made(artifact_revisions=[revision]), DONE])
    terminal = opened(40, encoding="ascii")
    expected = ["| InProgress  0:00  web", "  5f2c9d1e  Gr\\xf6\\xdfer Gr\\xf6\\xdfe..."]
    clock.on_sleep = lambda: terminal.until(lambda: terminal.lines[:2] == expected)
    assert run(["wait", *WEB], clock=clock) == 0


@pytest.mark.parametrize(
    ("trigger", "lines"),
    [
        pytest.param(None, ["  5f2c9d1e  Answer faster"], id="none"),
        pytest.param({"trigger_type": "Webhook"}, ["  5f2c9d1e  Answer faster  (Webhook)"], id="beside"),
        pytest.param(
            {"trigger_type": "Webhook", "trigger_detail": "hook"},
            ["  5f2c9d1e  Answer faster  (Webhook  hook)"],
            id="with-its-detail",
        ),
        pytest.param(
            {"trigger_type": "Webhook", "trigger_detail": "h" * 60},
            ["  5f2c9d1e  Answer faster  (Webhook)"],
            id="without-a-long-detail",
        ),
        pytest.param({"trigger_type": "W" * 60}, ["  5f2c9d1e  Answer faster", f"  {'W' * 60}"], id="below"),
    ],
)
def test_why_it_started_stands_where_there_is_room(trigger: object, lines: list[str]) -> None:
    """Beside what went in, or below it."""
    seen = made(trigger=trigger, artifact_revisions=[{**REVISION, "revision_summary": "Answer faster"}])
    assert framed(seen)[1:] == lines


@pytest.mark.parametrize(
    ("name", "columns", "shown"),
    [
        pytest.param("web", 61, "  web 7f3a1c52-9b0e-4d68-a1f4-2c6e8d0b9a31", id="whole"),
        pytest.param("web", 60, "  web", id="name"),
        pytest.param("web", 24, "  web", id="name-that-just-fits"),
        pytest.param("web", 23, "", id="no-room"),
        pytest.param("w" * 100, 60, f"  {'w' * 38}…", id="beginning-of-a-name"),
        pytest.param("w" * 100, 29, "  wwwwwww…", id="shortest-beginning"),
        pytest.param("w" * 100, 28, "", id="no-room-for-a-beginning"),
    ],
)
def test_the_name_is_cut_before_the_time_is(name: str, columns: int, shown: str) -> None:
    """Who looks at it has typed the name."""
    assert framed(RUNNING, columns=columns, name=name)[0] == f"⠋ InProgress  0:00{shown}"


def framed(seen: PipelineExecution, *, columns: int = 80, name: str = "web") -> list[str]:
    moment = Moment(reference=PipelineExecutionReference(name, WEB[1]), elapsed=0, seen=seen, trouble=None)
    return frame(moment, columns, 24, letters=letters_of("utf-8"), paint=lambda text, _: text)


# ---- with what else is written


def test_what_is_wiped_twice_is_drawn_when_both_are_over(opened: Opened, clock: Clock) -> None:
    """Ctrl-Z may come while a change is written."""
    terminal = opened()
    with terminal.open() as stream, Live(PipelineExecutionReference(*WEB), clock, stream) as live:
        terminal.until(lambda: "asking" in terminal.text)
        with live.aside():
            with live.aside():
                assert terminal.until_over() == []
            assert terminal.until_over() == []
        terminal.until(lambda: "asking" in terminal.text)
    assert terminal.until_over() == []


def test_changes_stand_above_the_view(opened: Opened, service: LocalCodePipeline, clock: Clock) -> None:
    """In order, and they stay when the view is gone."""
    service.script_execution([BARE, RUNNING, STOPPED])
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

    clock.on_sleep = look
    assert run(["watch", *WEB], clock=clock) == 12
    assert terminal.until_over() == changes
    assert terminal.has_cursor
    assert terminal.colour("Stopped") == "brown"


def test_nothing_is_drawn_where_another_program_may_write(
    opened: Opened, service: LocalCodePipeline, clock: Clock
) -> None:
    """Who reads the pipe that watch writes to may write to the same terminal. Wait writes when it is over."""
    service.script_execution([RUNNING, DONE])
    reading, writing = os.pipe()
    terminal = opened(stdout=os.fdopen(writing, "w"))
    assert run(["watch", *WEB], clock=clock) == 0
    assert terminal.until_over() == []
    clock.on_sleep = lambda: terminal.until(lambda: "⠋ InProgress" in terminal.text)
    service.script_execution([RUNNING, DONE])
    assert run(["wait", *WEB], clock=clock) == 0
    assert terminal.until_over() == []
    os.close(reading)


@pytest.mark.filterwarnings("default:noted")
def test_a_warning_stands_above_the_view(opened: Opened, service: LocalCodePipeline, clock: Clock) -> None:
    """It would be drawn over, otherwise."""
    service.script_execution([RUNNING, DONE])
    terminal = opened()
    before = warnings.showwarning

    def look() -> None:
        terminal.until(lambda: "InProgress" in terminal.text)
        warnings.warn("noted", stacklevel=1)
        terminal.until(lambda: len(terminal.lines) == 4 and terminal.cursor == (4, 0))
        assert terminal.lines[:2] == ["codepipeline-client: warning: noted", f"⠋ InProgress  0:00  web {WEB[1]}"]

    clock.on_sleep = look
    assert run(["wait", *WEB], clock=clock) == 0
    assert terminal.until_over()[:2] == ["codepipeline-client: warning: noted", "Pipeline   web"]
    assert warnings.showwarning is before


# ---- how it leaves the terminal


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_nothing_is_left_when_a_signal_ends_it(
    opened: Opened, service: LocalCodePipeline, clock: Clock, number: int
) -> None:
    """Not even the ^C that the terminal itself shows."""
    service.put_execution(RUNNING)
    terminal = opened(200)

    def stop() -> None:
        terminal.until(lambda: "InProgress" in terminal.text)
        print("^C", end="", flush=True)
        signal.raise_signal(number)

    clock.on_sleep = stop
    assert run(["wait", *WEB], clock=clock) == 128 + number
    (line,) = terminal.until_over()
    assert (
        line
        == f"codepipeline-client: no longer following execution {WEB[1]} of pipeline web: the execution itself goes on"
    )
    assert terminal.has_cursor


def test_ctrl_c_begins_a_new_line_where_nothing_is_drawn(
    opened: Opened, service: LocalCodePipeline, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The terminal has shown its ^C in the one where the cursor was."""
    service.put_execution(RUNNING)
    terminal = opened(200)
    monkeypatch.setenv("TERM", "dumb")

    def stop() -> None:
        print("^C", end="", flush=True)
        signal.raise_signal(signal.SIGINT)

    clock.on_sleep = stop
    assert run(["wait", *WEB], clock=clock) == 130
    _, interrupted, complaint = terminal.until_over()
    assert interrupted == "^C"
    assert complaint.startswith("codepipeline-client: no longer following")


def test_nothing_is_left_when_an_error_ends_it(opened: Opened, service: LocalCodePipeline, clock: Clock) -> None:
    """But the line that tells of it."""
    service.put_execution(RUNNING)
    terminal = opened(200)
    clock.on_sleep = lambda: service.put_error("AccessDeniedException", "No.")
    assert run(["wait", *WEB], clock=clock) == 21
    complaint, _ = terminal.until_over()  # which takes two rows
    assert complaint.startswith("codepipeline-client: GetPipelineExecution failed: AccessDeniedException")
    assert terminal.has_cursor


@pytest.mark.skipif(not hasattr(signal, "SIGTSTP"), reason="nothing can be suspended on this system")
def test_nothing_is_left_while_it_is_suspended(
    opened: Opened, service: LocalCodePipeline, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-Z gives the terminal to the shell, and afterwards it goes on below."""
    service.script_execution([RUNNING, DONE])
    terminal = opened()
    before = signal.getsignal(signal.SIGTSTP)
    suspended: list[tuple[int, int]] = []

    def suspend(process: int, number: int) -> None:
        assert terminal.until(lambda: terminal.has_cursor) == []
        suspended.append((process, number))
        print("$ fg", flush=True)

    def look() -> None:
        terminal.until(lambda: "InProgress" in terminal.text)
        signal.raise_signal(signal.SIGTSTP)
        terminal.until(lambda: "InProgress" in terminal.text)
        assert terminal.lines[:2] == ["$ fg", f"⠋ InProgress  0:00  web {WEB[1]}"]

    monkeypatch.setattr(os, "kill", suspend)
    clock.on_sleep = look
    assert run(["wait", *WEB], clock=clock) == 0
    assert suspended == [(os.getpid(), signal.SIGSTOP)]
    assert signal.getsignal(signal.SIGTSTP) is before


def test_where_nothing_can_be_suspended_nothing_is_done_about_it(
    opened: Opened, service: LocalCodePipeline, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Windows has no such signal."""
    monkeypatch.delattr(signal, "SIGTSTP", raising=False)
    service.script_execution([RUNNING, DONE])
    terminal = opened()
    clock.on_sleep = lambda: terminal.until(lambda: "InProgress" in terminal.text)
    assert run(["wait", *WEB], clock=clock) == 0


def test_a_terminal_that_goes_away_does_not_end_the_wait(
    opened: Opened, service: LocalCodePipeline, clock: Clock
) -> None:
    """Its window was closed, and the command was told to mind no hangup: the exit code is for whoever waits for it."""
    service.script_execution([RUNNING, RUNNING, make_pipeline_execution(status="Failed")])
    reading, writing = os.pipe()
    terminal = opened(stdout=os.fdopen(writing, "w"))

    def go_away() -> None:
        terminal.until(lambda: "InProgress" in terminal.text)
        terminal.hang_up()
        clock.on_sleep = lambda: None

    clock.on_sleep = go_away
    assert run(["wait", *WEB, "--output", "json"], clock=clock) == 11
    assert os.read(reading, 99).startswith(b'{"pipeline_execution": ')
    os.close(reading)


# ---- its size


def test_a_view_that_the_terminal_breaks_anew_is_wiped_whole(
    opened: Opened, service: LocalCodePipeline, clock: Clock
) -> None:
    """In a terminal of half the columns, a line has two rows."""
    service.script_execution([Shown(RUNNING, polls=2), DONE])
    terminal = opened()

    def look() -> None:
        terminal.until(lambda: "InProgress" in terminal.text)
        terminal.resize(40)
        clock.advance(1)
        terminal.until(lambda: b"\x1b[6A" in terminal.written)
        clock.on_sleep = lambda: terminal.until(lambda: b"\x1b[3A" in terminal.written.partition(b"\x1b[6A")[2])

    clock.on_sleep = look
    assert run(["wait", *WEB], clock=clock) == 0


def test_a_terminal_of_few_rows_has_the_first_lines(opened: Opened, service: LocalCodePipeline, clock: Clock) -> None:
    """What scrolls away could not be wiped."""
    service.script_execution([STOPPING, DONE])
    terminal = opened()
    terminal.resize(80, rows=3)

    def look() -> None:
        terminal.until(lambda: "Stopping" in terminal.text)
        assert len(terminal.lines) == 2

    clock.on_sleep = look
    assert run(["wait", *WEB], clock=clock) == 0


def test_a_terminal_that_does_not_tell_its_size_has_the_usual_one(opened: Opened) -> None:
    """That of a container's may be 0 by 0, and a stream may have none at all."""
    terminal = opened()
    terminal.resize(0, rows=0)
    with terminal.open() as stream:
        assert size_of(stream) == (80, 24)
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as stream:
        assert size_of(stream) == (80, 24)


@pytest.mark.parametrize(
    ("text", "width"),
    [
        pytest.param("Größe", 5, id="narrow"),
        pytest.param("日本", 4, id="wide"),
        pytest.param("\N{ROCKET}", 2, id="emoji"),
        pytest.param("e\N{COMBINING ACUTE ACCENT}", 1, id="combining"),
        pytest.param("a\N{VARIATION SELECTOR-16}", 2, id="made-wide-perhaps"),
        pytest.param("\N{DIGRAM FOR GREATER YANG}", 2, id="wide-since-unicode-16"),
        pytest.param("\N{COUNTING ROD UNIT DIGIT ONE}", 2, id="wide-since-unicode-16-too"),
    ],
)
def test_letters_take_the_columns_that_terminals_give_them(text: str, width: int) -> None:
    """Where they do not agree, the most."""
    assert cells(text) == width


ANY_TEXT: Final = st.text(st.characters(exclude_categories=()), max_size=120)


@given(text=ANY_TEXT, columns=st.integers(20, 130), seconds=st.floats(0, 1e6))
def test_no_line_is_wider_than_the_terminal(text: str, columns: int, seconds: float) -> None:
    """Whatever the service said, and in letters of any width: a line that breaks would not be wiped."""
    seen = made(status=f"New{text}", status_summary=text, artifact_revisions=[{"revision_summary": text}, {}])
    moment = Moment(
        reference=PipelineExecutionReference(text, WEB[1]),
        elapsed=seconds,
        seen=seen,
        trouble=Trouble(text and "throttled", seconds + 7),
    )
    lines = frame(moment, columns, 24, letters=letters_of("utf-8"), paint=lambda text, _: text)
    assert 2 <= len(lines) <= 5
    for line in lines:
        screen = pyte.Screen(columns, 2)
        pyte.Stream(screen).feed(line)
        assert line.isprintable()
        assert screen.cursor.y == 0
        assert screen.cursor.x < columns
