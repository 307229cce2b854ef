"""
The figures that the samples give, the bounds that they must keep, and both as columns of text or as Markdown tables.

A figure of several runs is the median of the runs; a figure of one run is the median of its rounds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median
from typing import Final

from .environments import NEWER, OURS, OURS_NEWER
from .runner import Samples
from .stages import ALL, IN_FLIGHT, NEWER_IN_FLIGHT

Rows = Sequence[Sequence[str]]
Runs = Sequence[Samples]

OTHER: Final = "everything else"
LEAST_SHARE: Final = 0.02
"""What takes less, sync and async, is part of everything else."""


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


def every_table(runs: Runs, verdicts: Sequence[Verdict]) -> Iterator[tuple[str, Rows]]:
    """Yield each table with its name. One that was not measured has only its head."""
    yield "figures", figures(runs)
    yield "aws-sdk", aws_sdk(runs)
    yield "bounds", bounds(verdicts)
    yield "shares", shares(runs)


def figures(runs: Runs, wanted: Sequence[Row] = ROWS) -> Rows:
    """Return a row for each figure: the median of each client, and how many times ours it is."""
    rows: list[Sequence[str]] = [("median (ratio to ours)", *ALL)]
    rows += [(f"{row.title}, {row.unit}", *_cells(runs, row, ALL)) for row in wanted if was_measured(runs, row.figure)]
    return rows


def aws_sdk(runs: Runs) -> Rows:
    """Return the rows of the clients that run on the newer Python."""
    rows: list[Sequence[str]] = [("median (ratio to ours)", OURS, "aws-sdk-sqs, GetQueueUrl")]
    for in_flight in NEWER_IN_FLIGHT:
        row = Row(f"CPU per call, {in_flight} in flight", f"newer {in_flight}", "cpu", "µs", 1e6)
        if was_measured(runs, row.figure):
            rows.append((f"{row.title}, {row.unit}", *_cells(runs, row, NEWER)))
    return rows


def bounds(verdicts: Sequence[Verdict]) -> Rows:
    """Return a row for each bound: the median of the runs, and each run."""
    rows = [("ratio", "at most", "found", "runs", "")]
    for each in verdicts:
        runs = ", ".join(f"{ratio:.2f}" for ratio in each.ratios)
        word = "met" if each.is_met else "MISSED"
        rows.append((each.bound.title, f"{each.bound.at_most:.2f}", f"{each.ratio:.2f}", runs, word))
    return rows


def shares(runs: Runs) -> Rows:
    """Return a row for each part of the code: its share of a call's CPU."""
    found = {kind: _shares(runs, f"shares, {kind}") for kind in ("sync", "async")}
    parts = {name for each in found.values() for name, share in each.items() if share >= LEAST_SHARE} - {OTHER}
    ordered = sorted(parts, key=lambda name: (-sum(each.get(name, 0.0) for each in found.values()), name))
    rows = [("share of the CPU of a call", *found)]
    rows += [(name, *(f"{each.get(name, 0.0):.0%}" for each in found.values())) for name in ordered]
    if parts:
        rest = (sum(share for name, share in each.items() if name not in parts) for each in found.values())
        rows.append((OTHER, *(f"{share:.0%}" for share in rest)))
    return rows


def columns(rows: Rows) -> str:
    """Lay rows out for a terminal."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if place == 0 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def markdown(rows: Rows) -> str:
    """Lay rows out for a document."""
    if len(rows) == 1:
        return "Not measured in this run."
    head, *others = ("| " + " | ".join(row) + " |" for row in rows)
    rule = "|---" + "|--:" * (len(rows[0]) - 1) + "|"
    return "\n".join([head, rule, *others])


def _shares(runs: Runs, figure: str) -> Mapping[str, float]:
    if not was_measured(runs, figure):
        return {}
    samples = [sample for run in runs for sample in run[figure][OURS]]
    names = {name for sample in samples for name in sample}
    return {name: fmean(sample.get(name, 0.0) for sample in samples) for name in names}


def _cells(runs: Runs, row: Row, clients: Sequence[str]) -> Iterator[str]:
    for client in clients:
        if client not in runs[0][row.figure]:
            yield "-"
            continue
        found = value(runs, row.figure, row.key, client)
        times = found / value(runs, row.figure, row.key, clients[0])
        number = found * row.factor
        text = f"{number:.0f}" if number >= 100 else f"{number:.1f}"
        yield text if client in (OURS, OURS_NEWER) else f"{text} ({times:.2f})"
