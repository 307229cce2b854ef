"""
A convoy on its way: its time, and what it is told of.

What both loops of `_convoy_driver` do between waits. Asks nobody and waits for nothing.
"""

from __future__ import annotations

from attrs import frozen

from ._convoy import Convoy, Outcome, Turn
from ._pauses import ClosableClock
from .errors import ConfigurationError
from .waiting import Follow, OnPoll


@frozen
class Arrival:
    """A call that is over."""

    follow: Follow
    """Who was asked about."""
    outcome: Outcome | BaseException
    """What came of it. Any exception may: a poll may have a defect."""
    at: float
    """When, by the clock."""


class March:
    """A convoy on its way, and what both loops do between waits."""

    def __init__(self, convoy: Convoy, clock: ClosableClock, on_poll: OnPoll | None) -> None:
        self.convoy = convoy
        self.clock = clock
        self._on_poll = on_poll
        self._began = clock.monotonic()

    def step(self) -> Turn | float | None:
        """Return what is to be done next. When the client is closed, all that remain have ended."""
        if self.clock.is_closed:
            self.convoy.give_up(ConfigurationError("the client is closed: make a new one"))
        return self.convoy.step(self.elapsed())

    def elapsed(self) -> float:
        """Return how many seconds the wait has taken."""
        return self.clock.monotonic() - self._began

    def arrive(self, arrival: Arrival) -> None:
        """Tell of a call that is over. Raises what came of it if that is a defect."""
        outcome = arrival.outcome
        if not isinstance(outcome, Outcome):
            if arrival.follow in self.convoy.under_way:  # else it was raised already
                self.convoy.recall(arrival.follow)
                raise outcome
            return
        report = self.convoy.arrive(arrival.follow, outcome, arrival.at - self._began)
        if report is not None and self._on_poll is not None:
            self._on_poll(report)
