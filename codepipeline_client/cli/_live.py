"""
The view on a terminal while a wait lasts: drawn over itself, and gone without a trace when it is over.

What it looks like is in `_frame`. The cursor rests, hidden, in the line below: what is typed there, and the ^C of a
Ctrl-C, is wiped with the rest.
"""

from __future__ import annotations

import warnings
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from math import ceil
from threading import Event, RLock, Thread
from types import TracebackType
from typing import Final, Self, TextIO

import click

from .._clock import Clock
from ..models import PipelineExecution
from ..waiting import PipelineExecutionReference, PollReport
from ._columns import cells
from ._frame import TURNS_PER_SECOND, Moment, Trouble, frame, letters_of
from ._news import trouble
from ._signals import suspended_in
from ._terminal import as_warning, colours_are_welcome, draw, size_of

_HIDE: Final = "\x1b[?25l"
_SHOW: Final = "\x1b[?25h"
_WIPE_RIGHT: Final = "\x1b[K"
_WIPE_BELOW: Final = "\x1b[J"


class Live:
    """A few lines at the bottom: a spinner, the status, the time that ticks, and what is known of the execution."""

    def __init__(self, reference: PipelineExecutionReference, clock: Clock, stream: TextIO) -> None:
        """Prepare to draw on *stream*, which must be a terminal's."""
        self._reference = reference
        self._clock = clock
        self._stream = stream
        self._letters = letters_of(stream.encoding or "utf-8")
        self._has_colours = colours_are_welcome()
        self._began = clock.monotonic()
        self._seen: PipelineExecution | None = None
        self._trouble: Trouble | None = None
        self._lock = RLock()  # Ctrl-Z may come while its owner draws
        self._widths: list[int] = []
        self._hidden = 0
        self._is_over = Event()
        self._ending = ExitStack()

    def __enter__(self) -> Self:
        """Draw, and go on drawing in a thread: a poll may take long, and time goes on."""
        with ExitStack() as ending:
            ending.callback(setattr, warnings, "showwarning", warnings.showwarning)
            warnings.showwarning = self._warn
            ending.callback(self._wipe)
            ending.callback(self._is_over.set)
            self._draw()
            ending.enter_context(suspended_in(self.aside))
            Thread(target=self._tick, name="codepipeline-client-view", daemon=True).start()
            self._ending = ending.pop_all()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        """Wipe what was drawn, and show the cursor."""
        self._ending.close()

    def polled(self, report: PollReport) -> None:
        """Draw what the poll has brought."""
        with self._lock:
            self._seen = report.execution or self._seen
            failure, pause = report.failure, report.pause
            # The failure that a wait ends with is told by who waited.
            self._trouble = Trouble(trouble(failure), report.seconds + pause) if failure and pause is not None else None
            self._draw()

    @contextmanager
    def aside(self) -> Generator[None]:
        """Wipe what is drawn, and draw again afterwards: below what was written meanwhile."""
        with self._lock:
            self._hidden += 1
            self._wipe()
        try:
            yield
        finally:
            with self._lock:
                self._hidden -= 1
                self._draw()

    def _tick(self) -> None:
        while not self._is_over.wait(1 / TURNS_PER_SECOND):
            with self._lock:
                self._draw()

    def _draw(self) -> None:
        if self._hidden or self._is_over.is_set():
            return
        moment = Moment(
            reference=self._reference,
            elapsed=self._clock.monotonic() - self._began,
            seen=self._seen,
            trouble=self._trouble,
        )
        lines = frame(moment, *size_of(self._stream), letters=self._letters, paint=self._paint)
        drawn = "".join(f"{line}{_WIPE_RIGHT}\n" for line in lines)
        draw(self._stream, f"{_HIDE}{self._back()}{drawn}{_WIPE_BELOW}")
        self._widths = [cells(click.unstyle(line)) for line in lines]

    def _wipe(self) -> None:
        with self._lock:
            draw(self._stream, f"{self._back()}{_WIPE_BELOW}{_SHOW}")
            self._widths = []

    def _back(self) -> str:
        """
        Return what moves the cursor to the beginning of what is drawn.

        Most terminals break lines anew when they become narrower, and then what was drawn has more rows than lines.
        """
        columns, _ = size_of(self._stream)
        height = sum(max(ceil(width / columns), 1) for width in self._widths)
        return f"\r\x1b[{height}A" if height else "\r"

    def _paint(self, text: str, colour: str | None) -> str:
        return click.style(text, fg=colour) if colour and self._has_colours else text

    def _warn(self, message: Warning | str, *_: object, **__: object) -> None:
        """Write a warning above what is drawn."""
        with self.aside():
            draw(self._stream, f"{as_warning(message)}\n")
