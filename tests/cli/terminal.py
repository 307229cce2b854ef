"""A terminal with a screen that can be read, and what a command printed."""

from __future__ import annotations

import io
import os
import select
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from typing import Final, TextIO

import pyte
import pytest
from attrs import frozen

from codepipeline_client import PipelineExecution
from codepipeline_client.cli.commands import run
from codepipeline_client.testing import FakeClock, LocalCodePipeline, make_pipeline_execution

made: Final[Callable[..., PipelineExecution]] = make_pipeline_execution
"""Make an execution. The fields in a table's rows are of many types."""
DONE: Final = make_pipeline_execution()
WEB: Final = (DONE.pipeline_name, DONE.pipeline_execution_id)
_PATIENCE: Final = 20.0


@frozen
class Ended:
    """A command that ran: how it ended, and what it printed."""

    code: int
    stdout: str
    stderr: str

    @property
    def complaint(self) -> list[str]:
        """What it said on stderr, the message and a hint, with nothing on stdout."""
        program, _, said = self.stderr.partition(" ")
        assert (self.stdout, program) == ("", "codepipeline-client:")
        return said.replace("\nhint: ", "\n").splitlines()


Shell = Callable[..., Ended]


class Clock(FakeClock):
    """A fake clock that lets a test step in whenever someone sleeps."""

    def __init__(self) -> None:
        super().__init__()
        self.on_sleep: Callable[[], object] = lambda: None

    def sleep(self, seconds: float) -> None:
        self.on_sleep()
        super().sleep(seconds)


@frozen
class Account:
    """A service in whose account the shell is, and the clock of both."""

    service: LocalCodePipeline
    clock: Clock
    printed: Callable[[], tuple[str, str]]

    def run(self, *args: str) -> Ended:
        """Run a command in this process, as a shell would."""
        return Ended(run(args, clock=self.clock), *self.printed())

    def run_on_terminal(self, *args: str, columns: int = 80) -> str:
        """Return what a command prints if stdout is a terminal."""
        terminal = io.StringIO()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(terminal, "isatty", lambda: True)
            patch.setattr(sys, "stdout", terminal)
            patch.setenv("COLUMNS", str(columns))
            run(args, clock=self.clock)
        return terminal.getvalue()


class Terminal:
    """A pseudo-terminal. What is written to it is seen when the test looks."""

    def __init__(self, columns: int, rows: int = 24) -> None:
        import termios  # not everywhere

        self._reading, self.descriptor = os.openpty()
        termios.tcsetwinsize(self.descriptor, (rows, columns))
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)
        self._titles = 0
        self.written = b""
        self.name = os.ttyname(self.descriptor)

    def open(self, encoding: str = "utf-8") -> TextIO:
        return os.fdopen(os.dup(self.descriptor), "w", encoding=encoding, errors="backslashreplace")

    @contextmanager
    def start(self, *args: str, environ: Mapping[str, str]) -> Generator[subprocess.Popen[bytes]]:
        """Run a command in a process of its own, whose terminal this is. It does not outlive a test that fails."""
        program = "import os, sys; os.login_tty(0); from codepipeline_client.__main__ import main; sys.exit(main())"
        command, tty = [sys.executable, "-c", program, *args], self.descriptor
        with subprocess.Popen(command, env=os.environ | dict(environ), stdin=tty, stdout=tty, stderr=tty) as process:
            try:
                yield process
            finally:
                process.kill()  # if it has not ended

    def type(self, keys: bytes) -> None:
        os.write(self._reading, keys)

    def until(self, is_shown: Callable[[], bool]) -> list[str]:
        """Return the screen as soon as *is_shown*; the test fails if that takes very long."""
        deadline = time.monotonic() + _PATIENCE
        while not is_shown():
            assert select.select([self._reading], [], [], _PATIENCE)[0], self.lines
            assert time.monotonic() < deadline, self.lines
            read = os.read(self._reading, 65536)
            self.written += read
            self._stream.feed(read)
        return self.lines

    def is_still(self) -> bool:
        """Return whether nothing is written for a few frames."""
        return not select.select([self._reading], [], [], 0.5)[0]

    def until_shows(self, *lines: str) -> None:
        """Wait until the screen shows these *lines* and no others."""
        self.until(lambda: self.lines == [*lines])

    def until_over(self) -> list[str]:
        """Return the screen after all that was written."""
        self._titles += 1
        title = f"over {self._titles}"
        os.write(self.descriptor, f"\x1b]0;{title}\x07".encode())  # nobody else gives it one
        return self.until(lambda: self._screen.title == title)

    def hang_up(self) -> None:
        """Go away, as a terminal does whose window is closed."""
        os.close(self._reading)
        self._reading = os.dup(self.descriptor)

    def close(self) -> None:
        os.close(self._reading)
        os.close(self.descriptor)

    @property
    def lines(self) -> list[str]:
        """What is on the screen, but for what is blank at the end."""
        return self.text.splitlines()

    @property
    def text(self) -> str:
        return "\n".join(line.rstrip() for line in self._screen.display).rstrip()

    @property
    def has_cursor(self) -> bool:
        return not self._screen.cursor.hidden

    def colour(self, text: str) -> str:
        """Return the colour in which *text* is shown first."""
        row = next(row for row, line in enumerate(self._screen.display) if text in line)
        return self._screen.buffer[row][self._screen.display[row].index(text)].fg
