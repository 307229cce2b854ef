"""
Event loops, of asyncio and trio: which one this is, whether it has ended, how to reach it from outside.

Loads neither library before a loop of it is there: a sync client does without both, and without what tells them apart.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

    from trio.lowlevel import TrioToken

Loop: TypeAlias = "AbstractEventLoop | TrioToken"


def current_loop() -> Loop:
    """Return the loop that runs here."""
    if is_trios():
        from trio.lowlevel import current_trio_token

        return current_trio_token()
    import asyncio

    return asyncio.get_running_loop()


def is_trios() -> bool:
    """Return whether trio runs here."""
    if "trio" not in sys.modules:
        return False
    from sniffio import current_async_library

    return current_async_library() == "trio"


def has_ended(loop: Loop) -> bool:
    """Return whether *loop* will never run again."""
    from asyncio import AbstractEventLoop

    if isinstance(loop, AbstractEventLoop):
        return loop.is_closed()
    try:
        loop.run_sync_soon(_nothing)
    except RuntimeError:
        return True
    return False


def run_in(loop: Loop, action: Callable[[], object]) -> None:
    """Run *action* soon where *loop* runs; at once where it does not run now."""
    from asyncio import AbstractEventLoop

    if isinstance(loop, AbstractEventLoop) and not loop.is_running():
        action()
    else:
        call_soon(loop, action)


def call_soon(loop: Loop, action: Callable[[], object]) -> None:
    """Run *action* soon in *loop*, or when it runs next; never when it has ended."""
    from asyncio import AbstractEventLoop

    with suppress(RuntimeError):  # it has ended, and whatever was in it
        if isinstance(loop, AbstractEventLoop):
            loop.call_soon_threadsafe(action)
        else:
            loop.run_sync_soon(action)


def _nothing() -> None: ...
