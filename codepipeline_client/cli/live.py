"""
The view of a wait on a terminal: drawn by rich during the wait, and cleared afterwards.

It is drawn in a thread of its own, since a poll may take long. A signal interrupts the main thread, so never rich.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Generator
from contextlib import ExitStack, contextmanager, suppress
from threading import Event, Thread
from typing import TYPE_CHECKING, Final

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.text import Text

from ..errors import printable
from ..models import PipelineExecution
from ..waiting import PollReport
from . import output

if TYPE_CHECKING:
    from .progress import FollowingClient

_FRAMES_PER_SECOND: Final = 8
_PATIENCE: Final = 5.0
"""Seconds to wait until the view is cleared: a terminal that accepts no output must not hang the program."""


class LiveView:
    """A few lines that are drawn over themselves, but not before the first poll, or while the client may prompt."""

    def __init__(self, client: FollowingClient) -> None:
        self.last: PollReport  # not set before the first poll
        self.seen: PipelineExecution | None = None
        self._client = client
        self._began = client.clock.monotonic()
        self._thread: Thread | None = None
        # Older versions of rich take an empty NO_COLOR for one that is set.
        self._console = Console(file=sys.stderr, force_terminal=True, no_color=bool(os.environ.get("NO_COLOR")))

    def close(self) -> None:
        """Clear the view, and show the cursor."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._is_over.set()
            with suppress(RuntimeError):  # an interrupt has come before it was started
                thread.join(_PATIENCE)

    def polled(self, report: PollReport) -> None:
        """Show the result of the poll."""
        self.last = report
        self.seen = report.execution or self.seen
        if self._thread is None and report.pause is not None:
            self._draw()

    @contextmanager
    def paused(self) -> Generator[None]:
        """Clear the view, and draw it again afterwards, below what was written within this."""
        is_drawn = self._thread is not None  # not so within another one
        self.close()
        yield
        if is_drawn:
            self._draw()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the lines that fit, and a blank one: there the cursor rests, and the ^C of a Ctrl-C is cleared."""

        def text(words: str, style: str = "") -> Text:
            words = output.without_commands(words).encode(options.encoding, "backslashreplace").decode(options.encoding)
            return Text(words, style)

        seen, seconds, report = self.seen, self._client.clock.monotonic() - self._began, self.last
        spinner = "|/-\\" if options.ascii_only else "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
        frame = spinner[int(seconds * _FRAMES_PER_SECOND) % len(spinner)]
        status = output.status_words(seen.status) if seen else "waiting"
        style = output.status_colour(seen.status) if seen else ""
        which = printable(f"{report.reference.pipeline_name} {report.reference.pipeline_execution_id}")
        lines = [text(f"{frame} {status}", style) + text(f"  {output.elapsed(seconds)}  {which}")]
        if seen is not None:
            trigger = (seen.trigger.trigger_type, seen.trigger.trigger_detail) if seen.trigger else ()
            cause = "  ".join(printable(part) for part in trigger if part)
            facts = output.revision_words(seen), cause, output.first_line(seen.status_summary)
            lines += [text(f"  {fact}") for fact in facts if fact]
        if report.failure is not None and report.pause is not None:
            again = output.remaining(report.seconds + report.pause - seconds)
            lines.append(text(f"  {output.failure_words(report.failure)}, retrying in {again}", "yellow"))
        for line in lines[: max(options.size.height - 2, 1)]:
            # Some terminals begin a new line after a character in the last column.
            line.truncate(options.size.width - 1, overflow="crop" if options.ascii_only else "ellipsis")
            yield line
        yield ""

    def _draw(self) -> None:
        self._is_over = is_over = Event()
        # Text that is written to stderr during this appears above. Results are on stdout, see paused.
        live = Live(self, console=self._console, transient=True, auto_refresh=False, redirect_stdout=False)

        def run() -> None:
            try:
                with ExitStack() as drawn:
                    drawn.callback(live.stop)
                    while True:
                        if not self._client.may_prompt():
                            live.start()  # only the first time
                            live.refresh()
                        if is_over.wait(1 / _FRAMES_PER_SECOND):
                            break
            except OSError:  # the terminal's window was closed: the wait goes on
                output.discard_output(self._console.file)

        self._thread = Thread(target=run, name="codepipeline-client-view", daemon=True)
        self._thread.start()
