"""
What a view of a wait looks like: a few lines that fit into a terminal.

Values in, lines out: no stream and no clock. What came from the service is escaped, and is as wide as it is taken for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from attrs import frozen

from ..errors import printable
from ..models import PipelineExecution
from ..waiting import PipelineExecutionReference
from ._columns import cells
from ._durations import span
from ._news import and_again, cause, reason, source
from ._view import status_colour, status_words

TURNS_PER_SECOND: Final = 8
"""How often the spinner moves."""
_MARGIN: Final = "  "
_SHORTEST_NAME: Final = 8

Paint = Callable[[str, str | None], str]
"""Returns a text in the colour of that name; None for no colour."""


@frozen
class Trouble:
    """What the last poll failed with."""

    words: str
    until: float
    """When the next poll is, in seconds since the wait began."""


@frozen(kw_only=True)
class Moment:
    """What is known of a wait."""

    reference: PipelineExecutionReference
    elapsed: float
    """Seconds since it began."""
    seen: PipelineExecution | None
    """The execution as it was last seen."""
    trouble: Trouble | None
    """None when the last poll went well."""


@frozen
class Letters:
    """What a terminal's encoding can spell."""

    encoding: str
    spinner: str
    ellipsis: str

    def spelled(self, text: str) -> str:
        """Return *text* with what the encoding has no letter for escaped."""
        return text.encode(self.encoding, "backslashreplace").decode(self.encoding)

    def fitting(self, texts: Sequence[str], room: int) -> str:
        """Return the first of *texts* that fits into *room* columns, or else the beginning of the last."""
        spelled = [self.spelled(text) for text in texts]
        fit = next((text for text in spelled if cells(text) <= room), None)
        return self._cut(spelled[-1], room) if fit is None else fit

    def _cut(self, text: str, room: int) -> str:
        kept, width = "", len(self.ellipsis)
        for letter in text:
            width += cells(letter)
            if width > room:
                break
            kept += letter
        return (kept.rstrip() + self.ellipsis)[: max(room, 0)]


def letters_of(encoding: str) -> Letters:
    """Return the letters to draw with."""
    letters = Letters(encoding, "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏", "…")
    try:
        f"{letters.spinner}{letters.ellipsis}".encode(encoding)
    except UnicodeEncodeError:
        return Letters(encoding, "|/-\\", "...")
    return letters


def frame(moment: Moment, columns: int, rows: int, *, letters: Letters, paint: Paint) -> list[str]:
    """Return the lines: status and time, what went in and why it started, and what is the matter."""
    room = columns - 1  # some terminals begin a new line after a letter in the last column
    return [*_lines(moment, room, letters, paint)][: max(rows - 1, 1)]


def _lines(moment: Moment, room: int, letters: Letters, paint: Paint) -> Iterator[str]:
    yield _headline(moment, room, letters, paint)
    inner = room - len(_MARGIN)
    if moment.seen is not None:
        for line in _about(moment.seen, inner, letters):
            yield _MARGIN + line
    if moment.trouble is not None:
        words, left = moment.trouble.words, moment.trouble.until - moment.elapsed
        yield _MARGIN + paint(letters.fitting([words + again for again in and_again(left)], inner), "yellow")


def _headline(moment: Moment, room: int, letters: Letters, paint: Paint) -> str:
    status, time = moment.seen.status if moment.seen else None, span(moment.elapsed)
    spinner = letters.spinner[int(moment.elapsed * TURNS_PER_SECOND) % len(letters.spinner)]
    words = letters.fitting([status_words(status) if status else "asking"], room - len(f"{spinner}   {time}"))
    line = f"{paint(f'{spinner} {words}', status_colour(status) if status else None)}  {time}"
    name = printable(moment.reference.pipeline_name)
    left = room - cells(words) - len(f"{spinner}   {time}{_MARGIN}")
    which = letters.fitting([f"{name} {printable(moment.reference.pipeline_execution_id)}", name], left)
    return f"{line}{_MARGIN}{which}" if left >= _SHORTEST_NAME or cells(name) <= left else line


def _about(seen: PipelineExecution, room: int, letters: Letters) -> Iterator[str]:
    what, why = source(seen), cause(seen)
    together = [f"{what}  ({each})" for each in why if what]
    if together and cells(letters.spelled(together[-1])) <= room:
        yield letters.fitting(together, room)
    else:
        yield from (letters.fitting(each, room) for each in ([what], why) if any(each))
    if why_so := reason(seen):
        yield letters.fitting([why_so], room)
