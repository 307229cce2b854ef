"""
Run by this package's Python, with the contestant's name, "sync" or "async", and how many calls: where CPU goes.

A profiler makes calls of Python functions dearer than they are, so its shares are laid on what calls cost without it.
Prints one JSON object: seconds of one call by what they are spent on.
"""

from __future__ import annotations

import asyncio
import cProfile
import importlib
import json
import os
import pstats
import re
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any, Final

STATIONS: Final[Mapping[str, str]] = {
    "the system: sending, receiving, waiting for events": r"of '_socket\.socket'|of 'select\.",
    "the event loop": r"/(asyncio|selectors|anyio|sniffio)\b|'_asyncio\.",
    "the connection: pool, HTTP/1.1, deadlines of reads": (
        r"/(httpcore|h11)/"
        r"|/_(async_)?(connections|pool|loops|answers|line|call|link|detour|http1|network|wire|tls|names)\.py"
        r"|/_(transit|broken)\.py"
    ),
    "the signature, and its keys": (
        r"/(transport|_signer|_stamp|_signing|_credentials|_freshness|hmac|hashlib)\.py|'_hashlib\."
    ),
    "JSON, and typed values": r"/json/|/operations/|/(_awsjson|_json|models|_open_enums|enum)\.py",
    "the call: checks, retries, deadline, reports": r"/codepipeline_client/(\w+/)*\w+\.py|/(uuid|random)\.py",
    "the rest": "",
}
"""From what is said to which files or functions it is, the first that fits."""


def sync_calls(contestant: Any, count: int) -> Mapping[str, float]:
    with contestant.to_sync() as call:

        def calls() -> None:
            for _ in range(count):
                call()

        return spread(calls, count)


def async_calls(contestant: Any, count: int) -> Mapping[str, float]:
    async def main() -> None:
        for _ in range(count):
            await call()

    with asyncio.Runner() as runner:
        opened = contestant.to_async()
        call: Callable[[], Any] = runner.run(opened.__aenter__())
        try:
            return spread(lambda: runner.run(main()), count)
        finally:
            runner.run(opened.__aexit__(None, None, None))


def spread(calls: Callable[[], object], count: int) -> Mapping[str, float]:
    """Return what a call costs without a profiler, spread as the profiler has it."""
    calls()  # warms up
    began = time.process_time()
    calls()
    cost = (time.process_time() - began) / count
    with cProfile.Profile() as profile:
        calls()
    seconds = defaultdict[str, float](float)
    for (path, _, name), (_, _, own, _, callers) in stats_of(profile).items():
        if path != "~" or not callers or station_of(name) != "the rest":
            seconds[station_of(name if path == "~" else path)] += own
        else:  # a function in C belongs to who calls it
            for (caller, _, _), (_, _, part, _) in callers.items():
                seconds[station_of(caller)] += part
    return {station: cost * seconds[station] / sum(seconds.values()) for station in STATIONS}


def stats_of(profile: cProfile.Profile) -> Mapping[tuple[str, int, str], tuple[int, int, float, float, Any]]:
    found: Mapping[tuple[str, int, str], tuple[int, int, float, float, Any]] = vars(pstats.Stats(profile))["stats"]
    return found


def station_of(words: str) -> str:
    """Return the station of a file, or of a function in C by what it is called."""
    return next(station for station, pattern in STATIONS.items() if re.search(pattern, words.replace(os.sep, "/")))


def main(name: str, act: str, count: str) -> None:
    contestant = importlib.import_module(f"contestants.{name}")
    print(json.dumps((sync_calls if act == "sync" else async_calls)(contestant, int(count))))


if __name__ == "__main__":
    main(*sys.argv[1:])
