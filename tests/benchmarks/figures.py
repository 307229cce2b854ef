"""
The figures that the samples give, and the bounds that they must keep.

A figure of several runs is the median of the runs; a figure of one run is the median of its rounds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from .environments import OURS
from .runner import Samples
from .stages import IN_FLIGHT

Runs = Sequence[Samples]


@dataclass(frozen=True)
class Row:
    """One row of the table."""

    title: str
    figure: str
    key: str
    """Which number of a sample."""
    unit: str
    factor: float
    """Converts seconds or bytes to the unit."""


SYNC_ROW: Final = Row("sync, CPU per call", "sync", "cpu", "µs", 1e6)
ASYNC_ROWS: Final = tuple(
    Row(f"async, {each} in flight, CPU per call", f"async {each}", "cpu", "µs", 1e6) for each in IN_FLIGHT
)
README_ROWS: Final = (SYNC_ROW, *(row for row in ASYNC_ROWS if row.figure != "async 8"))
ROWS: Final = (
    SYNC_ROW,
    *ASYNC_ROWS,
    Row("sync, elapsed time per call", "sync", "wall", "µs", 1e6),
    Row("start to first result, elapsed time", "start", "wall", "ms", 1e3),
    Row("the same with a profile, elapsed time", "start, profile", "wall", "ms", 1e3),
    Row("peak memory at first result", "start", "memory", "MiB", 2**-20),
    Row("signing one request, CPU", "sign", "cpu", "µs", 1e6),
)


@dataclass(frozen=True)
class Bound:
    """How large one of this client's figures may be, as a multiple of another figure."""

    title: str
    figure: str
    key: str
    against: tuple[tuple[str, str], ...]
    """Figures and their clients; the smallest counts."""
    at_most: float


def _best(figure: str) -> tuple[tuple[str, str], ...]:
    return tuple((figure, name) for name in ("httpx", "aiobotocore", "capo"))


BEST: Final = "the best of httpx, aiobotocore, capo"
BOUNDS: Final = (
    Bound("sync, CPU per call, to boto3", "sync", "cpu", (("sync", "boto3"),), 0.30),
    Bound("sync, CPU per call, to httpx", "sync", "cpu", (("sync", "httpx"),), 0.60),
    Bound(f"async, 1 in flight, CPU per call, to {BEST}", "async 1", "cpu", _best("async 1"), 0.65),
    Bound(f"async, 64 in flight, CPU per call, to {BEST}", "async 64", "cpu", _best("async 64"), 0.55),
    Bound("async, 512 in flight, CPU per call, to 8 in flight", "async 512", "cpu", (("async 8", OURS),), 1.25),
    *(
        Bound(f"start to first result, elapsed time, to {peer}", "start", "wall", (("start", peer),), at_most)
        for peer, at_most in (("boto3", 0.55), ("capo", 0.75), ("httpx", 1.15))
    ),
    Bound("peak memory at first result, to boto3", "start", "memory", (("start", "boto3"),), 0.65),
    Bound("peak memory at first result, to capo", "start", "memory", (("start", "capo"),), 0.95),
    Bound("signing one request, CPU, to boto3", "sign", "cpu", (("sign", "boto3"),), 0.20),
)


@dataclass(frozen=True)
class Verdict:
    """Whether one bound is kept."""

    bound: Bound
    ratios: Sequence[float]
    """One for each run."""

    @property
    def ratio(self) -> float:
        return median(self.ratios)

    @property
    def is_met(self) -> bool:
        return self.ratio <= self.bound.at_most


def value(runs: Runs, figure: str, key: str, client: str) -> float:
    """Return the median over the runs of the median over the rounds."""
    return median(median(sample[key] for sample in run[figure][client]) for run in runs)


def was_measured(runs: Runs, figure: str) -> bool:
    """Return whether every run has the figure."""
    return all(figure in run for run in runs)


def judge(runs: Runs) -> list[Verdict]:
    """Judge each bound whose figures were measured."""
    return [
        Verdict(bound, [_ratio(run, bound) for run in runs]) for bound in BOUNDS if was_measured(runs, bound.figure)
    ]


def _ratio(run: Samples, bound: Bound) -> float:
    ours = value([run], bound.figure, bound.key, OURS)
    return ours / min(value([run], figure, bound.key, client) for figure, client in bound.against)
