"""
The terminal on which a source of credentials may ask for an MFA code.

The source turns the echo off and waits in a thread of its own. A caller that stops waiting turns the echo on again.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager


@contextmanager
def restored_echo(*, had_echo: bool) -> Generator[None]:
    """Turn the echo on again when a wait fails, if the terminal *had_echo* before."""
    try:
        yield
    except BaseException:  # a timeout, Ctrl-C, a cancellation
        if had_echo:
            has_echo(turn_on=True)
        raise


def has_echo(*, turn_on: bool = False) -> bool:
    """Return whether this process has a terminal that shows what is typed."""
    try:
        import termios  # not on Windows, where a prompt does not change the terminal

        terminal = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY)
    except (ImportError, OSError):
        return False
    try:
        attributes = termios.tcgetattr(terminal)
        is_on = bool(attributes[3] & termios.ECHO)
        # To change it from the background would stop the process.
        if turn_on and not is_on and os.tcgetpgrp(terminal) == os.getpgrp():
            attributes[3] |= termios.ECHO
            termios.tcsetattr(terminal, termios.TCSANOW, attributes)
        return is_on
    except (OSError, termios.error):  # it has hung up
        return False
    finally:
        os.close(terminal)
