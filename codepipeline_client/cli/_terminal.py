"""
Where a command's words go: results to stdout, everything else to stderr, one line each.

Copes with a reader that has gone, a stream that is closed, and an encoding that cannot spell what the service said.
A build server that reads along is given nothing that it would take for a command.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import sys
import warnings
from collections.abc import Generator
from contextlib import contextmanager, suppress
from io import TextIOWrapper
from typing import Final, TextIO

import click

from ..errors import printable
from ._endings import PROGRAM

_NOBODY_READS: Final = (errno.EPIPE, errno.EINVAL)
"""What writing to a pipe without a reader gives; the second is Windows'."""

_NO_CURSOR: Final = ("dumb", "unknown")
"""What TERM says of a terminal that can only write on."""
_NO: Final = ("", "0", "false")
_COMMANDS: Final = ((re.compile(r"(?m)^( *):(?=:)"), r"\1\\u003a"), (re.compile(r"##(?=\w*\[)"), r"#\\u0023"))
"""
What build servers obey in a log, and what is written for it: GitHub's ``::``, which begins a line, and ``##[``,
``##vso[`` and ``##teamcity[`` of others, wherever they stand.

A commit message may have them. Where JSON may, in its strings, what is written is its own escape for the same letter.
https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
https://learn.microsoft.com/en-us/azure/devops/pipelines/scripts/logging-commands
"""
_USUAL: Final = (80, 24)


def say(text: str) -> bool:
    """
    Write *text* to stdout, at once. With colours on a terminal only, and not where ``NO_COLOR`` is set.

    A reader who has seen enough, as in ``| head -1``, has not made the command fail: return whether there is one.
    """
    try:
        _write(sys.stdout, text)
    except OSError as error:
        _forget(sys.stdout)
        if error.errno not in _NOBODY_READS:
            raise click.ClickException(
                f"the output cannot be written: {error.strerror}: make room, or send it elsewhere"
            ) from error
        return False
    return True


def complain(text: str) -> None:
    """Write *text* to stderr as one line, with the program's name in front."""
    explain(_in_one_line(text))


def explain(text: str) -> None:
    """Write *text* to stderr as it is."""
    try:
        _write(sys.stderr, text)
    except OSError:
        _forget(sys.stderr)  # nobody is left to tell


def width() -> int | None:
    """Return the columns of the terminal that stdout is. None when it is not one."""
    return shutil.get_terminal_size().columns if _is_terminal(sys.stdout) else None


def is_terminal() -> bool:
    """Return whether stderr is a terminal."""
    return _is_terminal(sys.stderr)


def canvas(*, beside_stdout: bool) -> TextIO | None:
    """
    Return stderr, if it is a terminal that a person looks at and that can be drawn on. Else None.

    With *beside_stdout*, results are written to stdout while something is drawn. Then stdout must not be a pipe, since
    who reads it may write to the same terminal, and nobody could tell when.
    """
    no_place = os.environ.get("TERM") in _NO_CURSOR or os.environ.get("CI", "").lower() not in _NO
    if not is_terminal() or no_place or (beside_stdout and not _is_terminal(sys.stdout)):
        return None
    return sys.stderr


def size_of(stream: TextIO) -> tuple[int, int]:
    """Return the columns and rows of the terminal that *stream* is, or what most have where it does not tell."""
    with suppress(OSError):
        columns, rows = os.get_terminal_size(stream.fileno())
        if columns > 0 and rows > 0:  # a container's may have none
            return columns, rows
    return _USUAL


def draw(stream: TextIO, text: str) -> None:
    """Write *text* to a terminal with all that is in it to move the cursor. If the terminal has gone, do nothing."""
    with suppress(OSError):
        click.echo(text, file=stream, nl=False, color=True)


@contextmanager
def prepared() -> Generator[None]:
    """Within this, any text can be written to stdout, and a warning is one line on stderr."""
    stdout: TextIO | None = sys.stdout
    if isinstance(stdout, TextIOWrapper):
        stdout.reconfigure(errors="backslashreplace")
    with warnings.catch_warnings():
        warnings.showwarning = _show_warning
        yield


def as_warning(message: Warning | str) -> str:
    """Return the one line that a warning is."""
    return _in_one_line(f"warning: {message}")


def _in_one_line(text: str) -> str:
    return printable(f"{PROGRAM}: {text}")


def _show_warning(message: Warning | str, *_: object, **__: object) -> None:
    explain(as_warning(message))


def _write(stream: TextIO | None, text: str) -> None:
    if stream is None:  # started with the stream closed, or by pythonw
        return
    # The stream is named, since click would write UTF-8 to one that asks for ASCII.
    click.echo(_inert(text), file=stream, color=_is_terminal(stream) and colours_are_welcome())


def colours_are_welcome() -> bool:
    """Return what the environment says: https://no-color.org."""
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _inert(text: str) -> str:
    for command, shown in _COMMANDS:
        text = command.sub(shown, text)
    return text


def _is_terminal(stream: TextIO | None) -> bool:
    return stream is not None and stream.isatty()


def _forget(stream: TextIO) -> None:
    """Send what is left in the stream's buffer nowhere: Python would try to write it again at its end, and complain."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
