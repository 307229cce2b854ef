"""
Rules that say which request gets a fault: by chance, or by how fast requests come.

What a rule remembers is its own; it is asked by one thread at a time.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from math import isfinite
from random import Random

from ._answers import Throttling
from ._fault import Fault


def at_random(*faults: Fault, probability: float, random: Random) -> Callable[[object], Fault | None]:
    """
    Return a rule for `inject_by`: with *probability*, 0 to 1, a request gets one of *faults*, each as likely.

    *random* decides, so that a seed repeats a run.
    """
    if not (faults and 0 <= probability <= 1):
        raise ValueError(f"at_random needs a fault or more and a probability from 0 to 1, not {probability}")
    return lambda _: random.choice(faults) if random.random() < probability else None


def above_rate(
    calls_per_second: float, *, burst: int = 1, now: Callable[[], float] = time.monotonic
) -> Callable[[object], Fault | None]:
    """
    Return a rule for `inject_by`: what comes faster than *calls_per_second* gets `Throttling`, as from a busy account.

    A bucket holds *burst* tokens, is full at first, and fills up at that rate by the clock *now*, in seconds. A request
    takes one. One that finds none is throttled, and takes nothing: to ask again and again makes nothing worse.
    """
    if not (isfinite(calls_per_second) and calls_per_second > 0 and burst >= 1):
        raise ValueError(
            f"above_rate needs calls a second above 0 and a burst of 1 or more, not {calls_per_second} and {burst}"
        )
    tokens, filled_at = float(burst), now()

    def rule(_: object) -> Fault | None:
        nonlocal tokens, filled_at
        moment = now()
        tokens = min(tokens + max(moment - filled_at, 0.0) * calls_per_second, burst)
        filled_at = moment
        if tokens < 1:
            return Throttling()
        tokens -= 1
        return None

    return rule
