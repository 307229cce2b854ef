"""
Which fault a request gets: the next in the queue, else what the first rule says that wants one.

Decides nothing about what a fault does.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from itertools import repeat
from threading import Lock

from ._calls import Call, decode
from .faults import Fault
from .received import IncomingRequest

Rule = Callable[[IncomingRequest], Fault | None]
"""Says which fault a request gets, if any."""


class Injector:
    """A queue of faults, and rules. Numbers the requests."""

    def __init__(self) -> None:
        self._turn = Lock()
        self._lock = Lock()
        self._arrived = 0
        self._faults: deque[Fault] = deque()
        self._rules: list[Rule] = []

    def inject(self, fault: Fault, *, times: int | None) -> None:
        """Give *fault* to as many requests, after those that have a fault already; with None to all that have none."""
        checked = _checked(fault)
        if times is None:
            return self.inject_by(lambda _: checked)
        if times < 1:
            raise ValueError(f"times must be 1 or more, or None for every request, not {times}")
        with self._lock:
            self._faults.extend(repeat(checked, times))
            return None

    def inject_by(self, rule: Rule) -> None:
        """Ask *rule* about each request for which no fault waits and the rules before it had none."""
        with self._lock:
            self._rules.append(rule)

    def arrive(self, call: Call) -> tuple[IncomingRequest, Fault | None]:
        """Number a request, and take the fault that it gets. Rules are asked one at a time, in the order of numbers."""
        with self._turn:
            with self._lock:
                self._arrived += 1
                incoming = _incoming(call, self._arrived)
                queued = self._faults.popleft() if self._faults else None
                rules = () if queued else tuple(self._rules)
            asked = (rule(incoming) for rule in rules)
            said = next((fault for fault in asked if fault is not None), None)
            return incoming, queued or (said and _checked(said))

    def clear(self) -> None:
        """Forget the faults and the rules."""
        with self._lock:
            self._faults.clear()
            self._rules.clear()

    def restart(self) -> None:
        """Forget the faults and the rules, and number the next request 1."""
        self.clear()
        with self._lock:
            self._arrived = 0


def _incoming(call: Call, number: int) -> IncomingRequest:
    return IncomingRequest(
        number=number,
        connection_number=call.connection_number,
        method=call.method,
        path=call.path,
        headers=call.headers,
        body=call.body,
        input=decode(call.body),
    )


def _checked(fault: object) -> Fault:
    """Return what is a fault. A class in its place is easily written, and not seen without a type checker."""
    if not isinstance(fault, Fault):
        raise TypeError(f"{fault!r} is not a fault: give a value such as faults.Delay(seconds=1)")
    return fault
