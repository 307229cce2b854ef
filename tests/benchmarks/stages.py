"""
What is measured, stage by stage: who, how often, with how many calls.

The numbers are chosen so that the whole command takes about five minutes on two cores, and medians stay where they are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from .contest import Contest, Samples, Start, Turn
from .environments import OURS

SYNC: Final = (OURS, "httpx", "boto3", "capo")
ASYNC: Final = (OURS, "httpx", "aiobotocore", "capo")
ALL: Final = (OURS, "httpx", "boto3", "capo", "aiobotocore")
IN_FLIGHT: Final = (1, 8, 64, 512)
CLIENTS: Final[Mapping[str, int]] = {OURS: 200, "capo": 200, "httpx": 40, "boto3": 40}
"""How many further clients share what is measured: few where one is large; memory comes in pages and arenas."""


def sync(contest: Contest, rounds: int) -> Samples:
    # A call of capo's waits 40 ms: it sends in two pieces, and the system's delayed acknowledgement lies between.
    counts = {name: 25 if name == "capo" else 300 for name in SYNC}
    turns = [Turn(contestant=name, figure="sync", what="sync", count=count) for name, count in counts.items()]
    return contest.take_turns(turns, rounds)


def tasks(contest: Contest, rounds: int) -> Samples:
    """In one stage, since what is asked is also how the cost grows: what the machine does beside is in all of them."""
    turns = [
        Turn(
            contestant=name,
            figure=f"async {in_flight}",
            what="async",
            count=max(300, 2 * in_flight),
            in_flight=in_flight,
            every=3 if in_flight == max(IN_FLIGHT) and name != OURS else 1,
        )
        for in_flight in IN_FLIGHT
        for name in ASYNC
    ]
    return contest.take_turns(turns, rounds)


def start(contest: Contest, rounds: int) -> Samples:
    starts = [Start(contestant=name, figure="start", script="first.py", told=("ask",)) for name in ALL]
    starts += [
        Start(contestant=name, figure="start, profile", script="first.py", told=("ask",), has_profile=True)
        for name in ALL
        if name != "httpx"
    ]
    return contest.start(starts, 2 * rounds)


def imports(contest: Contest, rounds: int) -> Samples:
    starts = [
        Start(contestant=name, figure=figure, script="first.py", told=(act,))
        for figure, act in (("import", "import"), ("import, class", "door"))
        for name in ALL
    ]
    return contest.start(starts, 2 * rounds)


def further(contest: Contest, rounds: int) -> Samples:
    starts = [
        Start(contestant=name, figure=figure, script="further.py", told=(act, str(count)))
        for figure, act in (("further", "further"), ("further, asked", "further_asked"))
        for name, count in CLIENTS.items()
    ]
    return contest.start(starts, max(1, rounds // 3))


def sign(contest: Contest, rounds: int) -> Samples:
    # For about as long, all of them: a processor is slower in the first hundredth of a second after a rest.
    counts = {OURS: 16_000, "boto3": 2000}
    turns = [Turn(contestant=name, figure="sign", what="sign", count=count) for name, count in counts.items()]
    return contest.take_turns(turns, rounds)


def decode(contest: Contest, rounds: int) -> Samples:
    counts = {OURS: 6000, "boto3": 4000, "capo": 8000}
    turns = [Turn(contestant=name, figure="decode", what="decode", count=count) for name, count in counts.items()]
    return contest.take_turns(turns, rounds)


def stations(contest: Contest, rounds: int) -> Samples:
    starts = [
        Start(contestant=OURS, figure=f"stations, {act}", script="stations.py", told=(act, "1000"))
        for act in ("sync", "async")
    ]
    return contest.start(starts, max(1, rounds // 5))


STAGES: Final[Mapping[str, Callable[[Contest, int], Samples]]] = {
    "sync": sync,
    "async": tasks,
    "start": start,
    "import": imports,
    "further": further,
    "sign": sign,
    "decode": decode,
    "stations": stations,
}
"""By what --only calls them."""
