"""
What is measured, stage by stage: which clients, how often, with how many calls.

The numbers are chosen so that one run takes a few minutes on two cores and its medians are stable.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from .environments import NEWER, OURS, python_in
from .runner import Job, Runner, Samples

SYNC: Final = (OURS, "httpx", "boto3", "capo")
ASYNC: Final = (OURS, "httpx", "aiobotocore", "capo")
ALL: Final = (OURS, "httpx", "boto3", "capo", "aiobotocore")
IN_FLIGHT: Final = (1, 8, 64, 512)
NEWER_IN_FLIGHT: Final = (1, 64)


# capo takes 44 ms a call: it sends a request in two pieces, and the second waits for a delayed acknowledgement.
SYNC_JOBS: Final = [Job(client=name, figure="sync", kind="sync", count=25 if name == "capo" else 300) for name in SYNC]
# One stage for all numbers in flight, so that what else the machine does affects them alike.
ASYNC_JOBS: Final = [
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
NEWER_JOBS: Final = [
    Job(client=name, figure=f"newer {in_flight}", kind="async", count=300, in_flight=in_flight)
    for in_flight in NEWER_IN_FLIGHT
    for name in NEWER
]
START_JOBS: Final = [
    *(Job(client=name, figure="start", kind="start") for name in ALL),
    *(Job(client=name, figure="start, profile", kind="start, profile") for name in ALL if name != "httpx"),
]
# For about as long, both: a processor is slower in the first hundredth of a second after a rest.
SIGN_JOBS: Final = [
    Job(client=name, figure="sign", kind="sign", count=count) for name, count in ((OURS, 16_000), ("boto3", 2000))
]
SHARES_JOBS: Final = [
    Job(client=OURS, figure=f"shares, {kind}", kind=kind, count=20_000, profile=True) for kind in ("sync", "async")
]
STAGES: Final[Mapping[str, tuple[Sequence[Job], float]]] = {
    "sync": (SYNC_JOBS, 1),
    "async": (ASYNC_JOBS, 1),
    "aws-sdk": (NEWER_JOBS, 1),
    "start": (START_JOBS, 2),
    "sign": (SIGN_JOBS, 1),
    "shares": (SHARES_JOBS, 0.2),
}
"""By the names that --only takes: what the clients do, and how many rounds there are for one that was asked for."""


def measure(runner: Runner, stage: str, rounds: int) -> Samples:
    """Measure a stage. Clients that need a newer Python are left out where it is missing."""
    jobs, factor = STAGES[stage]
    found = [job for job in jobs if job.client not in NEWER or python_in(runner.environments, job.client).exists()]
    return runner.measure(found, max(1, int(rounds * factor)))
