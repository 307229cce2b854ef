"""
What is measured, stage by stage: which clients, how often, with how many calls.

The numbers are chosen so that one run takes a few minutes on two cores and its medians are stable.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from .environments import NEWER, OURS, python_in
from .runner import Job, Runner, Samples

SYNC: Final = (OURS, "httpx", "boto3", "capo")
ASYNC: Final = (OURS, "httpx", "aiobotocore", "capo")
ALL: Final = (OURS, "httpx", "boto3", "capo", "aiobotocore")
IN_FLIGHT: Final = (1, 8, 64, 512)
NEWER_IN_FLIGHT: Final = (1, 64)


def sync_calls(runner: Runner, rounds: int) -> Samples:
    # capo takes 44 ms a call: it sends a request in two pieces, and the second waits for a delayed acknowledgement.
    counts = {name: 25 if name == "capo" else 300 for name in SYNC}
    jobs = [Job(client=name, figure="sync", kind="sync", count=count) for name, count in counts.items()]
    return runner.measure(jobs, rounds)


def async_calls(runner: Runner, rounds: int) -> Samples:
    """One stage for all numbers in flight, so that what else the machine does affects them alike."""
    jobs = [
        Job(
            client=name,
            figure=f"async {in_flight}",
            kind="async",
            count=max(300, 2 * in_flight),
            in_flight=in_flight,
            every=3 if in_flight == max(IN_FLIGHT) and name != OURS else 1,
        )
        for in_flight in IN_FLIGHT
        for name in ASYNC
    ]
    return runner.measure(jobs, rounds)


def newer_calls(runner: Runner, rounds: int) -> Samples:
    """Empty where the environments of the newer Python are missing."""
    jobs = [
        Job(client=name, figure=f"newer {in_flight}", kind="async", count=300, in_flight=in_flight)
        for in_flight in NEWER_IN_FLIGHT
        for name in NEWER
        if python_in(runner.environments, name).exists()
    ]
    return runner.measure(jobs, rounds)


def starts(runner: Runner, rounds: int) -> Samples:
    clients = {"start": ALL, "start, profile": [name for name in ALL if name != "httpx"]}
    jobs = [Job(client=name, figure=kind, kind=kind) for kind, names in clients.items() for name in names]
    return runner.measure(jobs, 2 * rounds)


def signatures(runner: Runner, rounds: int) -> Samples:
    # For about as long, both: a processor is slower in the first hundredth of a second after a rest.
    counts = {OURS: 16_000, "boto3": 2000}
    jobs = [Job(client=name, figure="sign", kind="sign", count=count) for name, count in counts.items()]
    return runner.measure(jobs, rounds)


def shares(runner: Runner, rounds: int) -> Samples:
    jobs = [
        Job(client=OURS, figure=f"shares, {kind}", kind=kind, count=20_000, profile=True) for kind in ("sync", "async")
    ]
    return runner.measure(jobs, max(1, rounds // 5))


STAGES: Final[Mapping[str, Callable[[Runner, int], Samples]]] = {
    "sync": sync_calls,
    "async": async_calls,
    "aws-sdk": newer_calls,
    "start": starts,
    "sign": signatures,
    "shares": shares,
}
"""By the names that --only takes."""
