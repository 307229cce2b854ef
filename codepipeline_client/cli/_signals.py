"""
Being told to stop: Ctrl-C, and what containers and build servers send in its place; and Ctrl-Z.

Says only that it happened, and which it was.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from types import FrameType
from typing import Final

_STOPPING: Final = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGBREAK") if hasattr(signal, name))
"""The last is Ctrl-Break, and Windows' own."""


@contextmanager
def told_to_stop() -> Generator[list[int]]:
    """
    Within this, each of the signals is a KeyboardInterrupt. Yield the list that the signal is put in when it comes.

    Only the first: who presses Ctrl-C twice must not break off the cleaning up. A signal that is ignored, as by a shell
    for what runs behind, stays ignored.
    """
    received: list[int] = []

    def stop(number: int, _frame: FrameType | None) -> None:
        if not received:
            received.append(number)
            raise KeyboardInterrupt

    with ExitStack() as restored:
        for each in _STOPPING:
            before = signal.getsignal(each)
            if before not in (signal.SIG_IGN, None):  # None: not set from Python, so not ours to set back
                signal.signal(each, stop)
                restored.callback(signal.signal, each, before)
        yield received


@contextmanager
def suspended_in(aside: Callable[[], AbstractContextManager[None]]) -> Generator[None]:
    """Within this, what Ctrl-Z suspends is suspended within *aside*. Windows has no such thing."""
    if not hasattr(signal, "SIGTSTP"):
        yield
        return

    def suspend(_number: int, _frame: FrameType | None) -> None:
        with aside():
            os.kill(os.getpid(), signal.SIGSTOP)

    before = signal.signal(signal.SIGTSTP, suspend)
    try:
        yield
    finally:
        signal.signal(signal.SIGTSTP, before)
