"""Run a part of a test in a forked process, where the system has fork."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Final

import pytest

CAN_FORK: Final = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
MAY_WARN_OF_FORKS: Final = pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")


def in_child(action: Callable[[], bool]) -> bool:
    """Return what *action* returns in a forked process. It ends there without what a process does at its end."""
    child = os.fork()
    if child == 0:  # no test may go on here
        result = False
        try:
            result = action()
        finally:
            os._exit(0 if result else 1)
    return os.waitpid(child, 0)[1] == 0
