"""
Where a command's words go: results to stdout, everything else to stderr, one line each.

Copes with a reader that has gone, a stream that is closed, and an encoding that cannot spell what the service said.
"""

from __future__ import annotations

import errno
import os
import shutil
import sys
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from io import TextIOWrapper
from typing import Final, TextIO

import click

from ..errors import printable
from ._endings import PROGRAM

_NOBODY_READS: Final = (errno.EPIPE, errno.EINVAL)
"""What writing to a pipe without a reader gives; the second is Windows'."""


def say(text: str) -> None:
    """
    Write *text* to stdout, at once. With colours on a terminal only, and not where ``NO_COLOR`` is set.

    A reader who has seen enough, as in ``| head -1``, has not made the command fail.
    """
    try:
        _write(sys.stdout, text)
    except OSError as error:
        _forget(sys.stdout)
        if error.errno not in _NOBODY_READS:
            raise click.ClickException(
                f"the output cannot be written: {error.strerror}: make room, or send it elsewhere"
            ) from error


def complain(text: str) -> None:
    """Write *text* to stderr as one line, with the program's name in front."""
    explain(printable(f"{PROGRAM}: {text}"))


def explain(text: str) -> None:
    """Write *text* to stderr as it is."""
    try:
        _write(sys.stderr, text)
    except OSError:
        _forget(sys.stderr)  # nobody is left to tell


def width() -> int | None:
    """Return the columns of the terminal that stdout is. None when it is not one."""
    return shutil.get_terminal_size().columns if _is_terminal(sys.stdout) else None


@contextmanager
def prepared() -> Generator[None]:
    """Within this, any text can be written to stdout, and a warning is one line on stderr."""
    stdout: TextIO | None = sys.stdout
    if isinstance(stdout, TextIOWrapper):
        stdout.reconfigure(errors="backslashreplace")
    with warnings.catch_warnings():
        warnings.showwarning = _show_warning
        yield


def _show_warning(message: Warning | str, *_: object, **__: object) -> None:
    complain(f"warning: {message}")


def _write(stream: TextIO | None, text: str) -> None:
    if stream is None:  # started with the stream closed, or by pythonw
        return
    # The stream is named, since click would write UTF-8 to one that asks for ASCII.
    click.echo(text, file=stream, color=_is_terminal(stream) and _colours_are_welcome())


def _colours_are_welcome() -> bool:
    """Return what the environment says: https://no-color.org."""
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _is_terminal(stream: TextIO | None) -> bool:
    return stream is not None and stream.isatty()


def _forget(stream: TextIO) -> None:
    """Send what is left in the stream's buffer nowhere: Python would try to write it again at its end, and complain."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
