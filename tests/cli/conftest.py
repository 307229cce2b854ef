"""A shell to run commands in: a service that its environment points to, a clock that does not wait, terminals."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TextIO

import pytest

from codepipeline_client.cli.commands import run
from codepipeline_client.testing import LocalCodePipeline
from tests.cli.terminal import Account, Clock, Ended, Terminal


@pytest.fixture(autouse=True)
def ordinary_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a terminal sets, and nothing that speaks against colours and drawing."""
    monkeypatch.setenv("TERM", "xterm-256color")
    for name in ("NO_COLOR", "FORCE_COLOR", "CI", "COLUMNS", "LINES", "COLORTERM"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def shell(capfd: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    """Run a command in an environment without settings."""

    def run_in_shell(*args: str) -> Ended:
        code = run(args)
        printed = capfd.readouterr()
        return Ended(code, printed.out, printed.err)

    return run_in_shell


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Iterator[Account]:
    """An account in which pauses have no jitter, and no call is retried."""
    monkeypatch.setattr(random, "random", lambda: 0.5)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    clock = Clock()
    with LocalCodePipeline(now=clock.time) as service:
        for name, value in service.environ.items():
            monkeypatch.setenv(name, value)
        yield Account(service, clock, capfd.readouterr)


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Terminal]]:
    """Open a terminal for stderr, and for stdout unless there is another one."""
    with ExitStack() as at_end:
        at_end.callback(monkeypatch.undo)

        def open_one(
            columns: int = 80, rows: int = 24, encoding: str = "utf-8", stdout: TextIO | None = None
        ) -> Terminal:
            terminal = Terminal(columns, rows)
            monkeypatch.setattr(sys, "stdout", stdout or terminal.open(encoding))
            monkeypatch.setattr(sys, "stderr", terminal.open(encoding))
            monkeypatch.setenv("COLUMNS", str(columns))  # the process has another terminal, or none
            monkeypatch.setenv("LINES", str(rows))
            for stream in (terminal, sys.stdout, sys.stderr):
                at_end.callback(stream.close)
            return terminal

        yield open_one
