"""
Find where the CPU time of calls goes, by sampling: each time that the process has used some more, see which file runs.

So nothing is slowed down and waiting does not count. Work inside of C functions and the kernel counts for the file that
calls them.
"""

from __future__ import annotations

import os
import signal
import sys
import sysconfig
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from types import FrameType

INTERVAL = 0.001
"""Seconds. Linux rounds it up to its own tick, which may be 4 ms."""


def shares(act: Callable[[], object]) -> Mapping[str, float]:
    """Return the share of each package or folder in the CPU time of *act*."""
    parts = Counter[str]()

    def sample(_: int, frame: FrameType | None) -> None:
        while frame is not None and frame.f_code.co_filename.startswith("<"):  # generated code counts for its caller
            frame = frame.f_back
        parts[part_of(frame.f_code.co_filename if frame else "")] += 1

    handler = signal.signal(signal.SIGPROF, sample)
    signal.setitimer(signal.ITIMER_PROF, INTERVAL, INTERVAL)
    try:
        act()
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, handler)
    return {part: count / parts.total() for part, count in parts.items()}


def part_of(file: str) -> str:
    """Return the package that a file belongs to, and its folder in there if it has one."""
    entry = max((each for each in sys.path if each and file.startswith(each + os.sep)), key=len, default=sys.path[0])
    if entry == sys.path[0]:  # this folder
        return "everything else"
    top, *rest = Path(file).relative_to(entry).with_suffix("").parts
    if entry == sysconfig.get_path("stdlib"):
        return "asyncio" if top in ("asyncio", "selectors") else "the standard library"
    return "/".join([top, *rest[:-1]][:2])
