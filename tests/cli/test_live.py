"""``wait`` and ``watch`` on a terminal: what its screen shows while they last, and how they leave it."""

from __future__ import annotations

import io
import os
import re
import shlex
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from codepipeline_client import PipelineExecution, PipelineExecutionReference, PollReport, errors, models
from codepipeline_client.cli.live import LiveView
from codepipeline_client.cli.progress import FollowingClient
from codepipeline_client.testing import FakeClock, LocalCodePipeline
from tests.cli.terminal import DONE, WEB, Account, Terminal, made

pytestmark = pytest.mark.skipif(not hasattr(os, "openpty"), reason="this system has no pseudo-terminals")

SUMMARY: Final = "Answer faster when the page asks often, and say so"
RESULT: Final = "2026-01-01T00:00:02Z  Succeeded  after 0:02"


def started(**fields: object) -> PipelineExecution:
    """Return an execution that somebody started, with a commit."""
    user = {"trigger_type": "StartPipelineExecution", "trigger_detail": "arn:aws:iam::111122223333:user/alex"}
    revision = {"revision_id": "5f2c9d1e" * 5, "revision_summary": f"{SUMMARY}\n\nMeasured."}
    return made(**{"status": "InProgress", "trigger": user, "artifact_revisions": [revision], **fields})


def wait(account: Account, *steps: PipelineExecution, look: Callable[[], object], command: str = "wait") -> int:
    """Follow an execution through its *steps*, *look* between polls, and return the exit code."""
    account.service.script_execution(steps)
    account.clock.on_sleep = look
    return account.run(command, *WEB).code


BARE: Final = started(artifact_revisions=[])
RUNNING: Final = started()
STOPPING: Final = started(status="Stopping", status_summary="It was the wrong branch, and the tests were red as well")
STOPPED: Final = started(status="Stopped")

Opened = Callable[..., Terminal]


# ---- What it looks like


STORY: Final = [
    [
        "⠋ InProgress  0:00  web 7f3a1c52-9b0e-4d68-a1f4-2c6e8d0b9a31",
        "  StartPipelineExecution  arn:aws:iam::111122223333:user/al…",
    ],
    [
        "⠦ InProgress  0:02  web 7f3a1c52-9b0e-4d68-a1f4-2c6e8d0b9a31",
        "  5f2c9d1e  Answer faster when the page asks often, and say…",
        "  StartPipelineExecution  arn:aws:iam::111122223333:user/al…",
    ],
    [
        "⠹ Stopping  0:04  web 7f3a1c52-9b0e-4d68-a1f4-2c6e8d0b9a31",
        "  5f2c9d1e  Answer faster when the page asks often, and say…",
        "  StartPipelineExecution  arn:aws:iam::111122223333:user/al…",
        "  It was the wrong branch, and the tests were red as well",
    ],
]
"""The screens between polls. The end of the longest line does not fit."""


def test_the_view_fits_the_terminal_while_it_changes(account: Account, opened: Opened) -> None:
    terminal = opened(61, stdout=os.fdopen(os.open(os.devnull, os.O_WRONLY), "w"))
    story = iter(STORY)

    def look() -> None:
        terminal.until_shows(*next(story))
        assert not terminal.has_cursor

    assert wait(account, BARE, RUNNING, STOPPING, STOPPED, look=look) == 12
    assert terminal.until_over() == ["2026-01-01T00:00:06Z  Stopped  after 0:06"]
    assert next(story, None) is None
    assert terminal.has_cursor


def test_the_time_goes_on_between_polls(account: Account, opened: Opened) -> None:
    account.service.put_error("ThrottlingException")
    terminal = opened()

    def look() -> None:
        failed = "  throttled, retrying in"
        terminal.until_shows(f"⠋ waiting  0:00  web {WEB[1]}", f"{failed} 4 s")
        account.clock.advance(2.5)
        terminal.until_shows(f"⠋ waiting  0:02  web {WEB[1]}", f"{failed} 2 s")

    assert wait(account, DONE, look=look) == 0


ASKING: Final = """\
import datetime, json, os, sys
with open(sys.argv[1], "r+b", buffering=0) as terminal:
    terminal.write(b"Code: ")
    minutes = 20 if terminal.readline() == b"first\\n" else 2000
expires = datetime.datetime.now(datetime.UTC) + datetime.timedelta(minutes=minutes)
keys = {"AccessKeyId": sys.argv[2], "SecretAccessKey": sys.argv[3], "Expiration": expires.isoformat()}
print(json.dumps({"Version": 1, **keys}))
"""


def test_no_question_for_a_code_is_hidden(
    account: Account, opened: Opened, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Not that of the first poll, nor one in a thread when the credentials are about to expire. Here a process asks."""
    terminal, keys = opened(), account.service.credentials
    (tmp_path / "ask.py").write_text(ASKING)
    words = [sys.executable, tmp_path / "ask.py", terminal.name, keys.access_key_id, keys.secret_access_key]
    (tmp_path / "config").write_text(f"[default]\ncredential_process = {shlex.join(map(str, words))}\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    terminal.type(b"first\n")

    def look() -> None:
        terminal.until(lambda: "InProgress  0:00" in terminal.text)
        assert b"?25l" not in terminal.written.partition(b"Code: ")[0]
        account.clock.on_sleep = look_again

    def look_again() -> None:
        terminal.until(lambda: terminal.lines[-1] == "Code:")
        assert terminal.is_still(), terminal.text
        terminal.type(b"second\n")
        terminal.until(lambda: "InProgress  6:40" in terminal.text)

    account.service.script_execution([RUNNING, RUNNING, DONE])
    account.clock.on_sleep = look
    assert account.run("wait", *WEB, "--poll-interval", "400").code == 0


def test_nothing_is_drawn_of_an_execution_that_has_ended(account: Account, opened: Opened) -> None:
    account.service.put_execution(DONE)
    terminal = opened()
    assert account.run("wait", *WEB).code == 0
    assert terminal.until_over()[:2] == ["2026-01-01T00:00:00Z  Succeeded  after 0:00", "Pipeline   web"]
    assert b"\x1b[?25" not in terminal.written


@pytest.mark.parametrize("no_color", ["", "1"])
def test_status_and_failure_are_coloured(
    account: Account, opened: Opened, monkeypatch: pytest.MonkeyPatch, no_color: str
) -> None:
    monkeypatch.setenv("NO_COLOR", no_color)
    terminal = opened()

    def check_colour(text: str, colour: str) -> None:
        expected = "default" if no_color else colour  # a frame that is half written may have another
        terminal.until(lambda: text in terminal.text and terminal.colour(text) == expected)

    def look() -> None:
        check_colour("InProgress", "cyan")
        check_colour("5f2c9d1e", "default")
        account.service.put_error("ThrottlingException")
        account.clock.on_sleep = lambda: check_colour("throttled", "brown")  # pyte's name for yellow

    assert wait(account, RUNNING, DONE, look=look) == 0
    check_colour("Succeeded", "green")
    assert bool(re.search(rb"\x1b\[[0-9;]+m", terminal.written)) != bool(no_color)


@pytest.mark.parametrize(
    ("name", "value", "is_drawn"),
    [("TERM", "dumb", False), ("CI", "woodpecker", False), ("CI", "", True), ("CI", "False", True)],
)
def test_lines_are_written_where_nothing_can_or_should_be_drawn(
    account: Account, opened: Opened, monkeypatch: pytest.MonkeyPatch, name: str, value: str, is_drawn: bool
) -> None:
    terminal = opened()
    monkeypatch.setenv(name, value)
    assert wait(account, RUNNING, DONE, look=lambda: None) == 0
    terminal.until_over()
    assert (b"\x1b[?25l" in terminal.written) == is_drawn
    assert terminal.lines[0].startswith(RESULT if is_drawn else "2026-01-01T00:00:00Z  InProgress")


def test_an_encoding_without_the_characters_has_others(account: Account, opened: Opened) -> None:
    """What it cannot encode is escaped, and takes the columns that it then needs."""
    terminal = opened(40, encoding="ascii")
    expected = ["| InProgress  0:00  web 7f3a1c52-9b0e-4", "  Gr\\xf6\\xdfer Gr\\xf6\\xdfer Gr\\xf6\\xdfe"]
    running = started(artifact_revisions=[{"revision_summary": "Größer " * 20}], trigger=None)
    assert wait(account, running, DONE, look=lambda: terminal.until_shows(*expected)) == 0


def test_a_terminal_of_few_rows_has_the_first_lines(account: Account, opened: Opened) -> None:
    terminal = opened(80, rows=4)
    assert wait(account, STOPPING, DONE, look=lambda: terminal.until(lambda: len(terminal.lines) == 2)) == 0


@given(
    text=st.text(st.characters(exclude_categories=()), max_size=120),
    columns=st.integers(20, 130),
    seconds=st.floats(0, 1e6),
)
def test_no_line_can_break_the_view(text: str, columns: int, seconds: float) -> None:
    """Whatever the service said, and with characters of any width: nothing but text, and no line too long."""
    view = LiveView(FollowingClient(clock=FakeClock()))
    view.last = PollReport(
        reference=PipelineExecutionReference(text, WEB[1]),
        number=1,
        seconds=seconds,
        execution=None,
        failure=errors.ServiceError(text, code=f"N{text}"),
        pause=7.0,
    )
    view.seen = started(
        status=models.PipelineExecutionStatus(f"New{text}"),
        status_summary=text,
        artifact_revisions=[{"revision_summary": text}, {}],
    )
    console = Console(file=io.StringIO(), width=columns, height=24, force_terminal=True, color_system=None)
    lines = console.render_lines(view, pad=False)
    assert 3 <= len(lines) <= 6
    for line in lines:
        shown = "".join(segment.text for segment in line)
        assert shown.isprintable()
        assert cell_len(shown) < columns


# ---- With what else is written


def test_changes_stand_above_the_view(account: Account, opened: Opened) -> None:
    terminal = opened()
    changes = [
        "2026-01-01T00:00:00Z  InProgress  StartPipelineExecution",
        "2026-01-01T00:00:02Z  InProgress  after 0:02  5f2c9d1e  Answer faster when the",
        "  page asks often, and say so",
        "2026-01-01T00:00:04Z  Stopped  after 0:04",
        "Duration  0:02",
    ]
    heights = iter((1, 3))

    def look() -> None:
        above = next(heights)
        terminal.until(lambda: len(terminal.lines) > above and terminal.lines[above][2:12] == "InProgress")
        assert terminal.lines[:above] == changes[:above]

    assert wait(account, BARE, RUNNING, STOPPED, look=look, command="watch") == 12
    assert terminal.until_over() == changes
    assert terminal.has_cursor
    assert terminal.colour("Stopped") == "brown"


def test_nothing_is_drawn_where_another_program_may_write(account: Account, opened: Opened) -> None:
    """The reader of the pipe that watch writes to may write to the same terminal."""
    terminal = opened(stdout=os.fdopen(os.open(os.devnull, os.O_WRONLY), "w"))
    assert wait(account, RUNNING, DONE, look=lambda: None, command="watch") == 0
    assert terminal.until_over() == []


# ---- How it leaves the terminal


@pytest.mark.parametrize("is_drawn", [True, False], ids=["drawn", "lines"])
def test_a_signal_leaves_a_line_of_its_own(
    account: Account, opened: Opened, monkeypatch: pytest.MonkeyPatch, is_drawn: bool
) -> None:
    """The ^C that the terminal itself shows is cleared with the view, or else stands in the line before."""
    terminal = opened(200)
    monkeypatch.setenv("CI", "" if is_drawn else "1")

    def stop() -> None:
        terminal.until(lambda: "InProgress" in terminal.text)
        print("^C", end="", flush=True)
        signal.raise_signal(signal.SIGINT)

    assert wait(account, RUNNING, look=stop) == 130
    *before, last = terminal.until_over()
    assert last.startswith("codepipeline-client: no longer following execution ")
    assert before[1:] == ([] if is_drawn else ["^C"])
    assert terminal.has_cursor


@pytest.mark.skipif(not hasattr(signal, "SIGTSTP"), reason="nothing can be suspended on this system")
def test_nothing_is_left_while_it_is_suspended(
    account: Account, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-Z gives the terminal to the shell, and afterwards the view is drawn below. Twice does no harm."""
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
    assert wait(account, RUNNING, DONE, look=look) == 0
    assert suspended == [(os.getpid(), signal.SIGSTOP)] * 2
    assert signal.getsignal(signal.SIGTSTP) is before


def test_a_terminal_that_goes_away_does_not_end_the_wait(account: Account, opened: Opened) -> None:
    """Its window was closed, and the command ignores hangups: the exit code is for the program that waits for it."""
    terminal = opened(stdout=os.fdopen(os.open(os.devnull, os.O_WRONLY), "w"))

    def go_away() -> None:
        terminal.until(lambda: "InProgress" in terminal.text)
        terminal.hang_up()
        account.clock.on_sleep = lambda: None

    assert wait(account, RUNNING, RUNNING, STOPPED, look=go_away) == 12


def test_a_real_wait_draws_until_a_real_ctrl_c(
    local_codepipeline: LocalCodePipeline, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process with a terminal of its own, and a key."""
    local_codepipeline.put_execution(RUNNING)
    terminal = opened(90)
    for name in ("COLUMNS", "LINES"):
        monkeypatch.delenv(name)
    with terminal.start("wait", *WEB, environ=local_codepipeline.environ) as process:
        terminal.until(lambda: terminal.lines[1:2] == [f"  5f2c9d1e  {SUMMARY}"])
        assert not terminal.has_cursor
        terminal.type(b"\x03")
        terminal.until(lambda: "the execution itself continues" in terminal.text.replace("\n", ""))
        assert process.wait(timeout=30) == 130
    assert "".join(terminal.until(lambda: terminal.has_cursor)).startswith("codepipeline-client: no longer following")
