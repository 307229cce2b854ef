"""
What becomes of a call behind the socket: it meets a fault or none, the service answers, and it is written down.

Knows neither HTTP nor what a test prepared.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import evolve, frozen

from .._message import Credentials
from ._altered import alter, instead
from ._calls import Answer, Call
from ._deliveries import delivery_of
from ._injector import Injector
from ._journal import Journal
from ._scenario import Scenario
from ._service import answer
from ._signature import INVALID_SIGNATURE
from .faults import ClockSkew, Fault
from .received import answered_with


@frozen(kw_only=True)
class Reception:
    """Takes the calls of one endpoint, from any of its threads."""

    credentials: Credentials
    region_name: str
    now: Callable[[], float]
    scenario: Scenario
    injector: Injector
    journal: Journal

    def respond(self, call: Call) -> Answer:
        """Return the answer to a call, with what is wrong with it, and how it is sent."""
        incoming, fault = self.injector.arrive(call)
        answered = self._answer(call, fault)
        self.journal.write(answered_with(answered.status_code, answered.error_code, fault, incoming))
        return answered

    def _answer(self, call: Call, fault: Fault | None) -> Answer:
        skew = fault if isinstance(fault, ClockSkew) else None
        now = self.now() + (skew.seconds if skew else 0)
        answered = instead(fault, call) or answer(
            call,
            scenario=self.scenario,
            credentials=self.credentials,
            region_name=self.region_name,
            now=now,
            skew_code=skew.error_code if skew else INVALID_SIGNATURE,
        )
        return evolve(alter(fault, answered), date=now, delivery=delivery_of(fault))
