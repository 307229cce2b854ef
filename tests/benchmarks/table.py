"""
Figures, bounds and shares as rows; rows as columns of text or as Markdown tables.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean
from typing import Final

from .environments import NEWER, OURS, OURS_NEWER
from .figures import ROWS, Row, Runs, Verdict, value, was_measured
from .stages import ALL, NEWER_IN_FLIGHT

Rows = Sequence[Sequence[str]]

OTHER: Final = "everything else"
LEAST_SHARE: Final = 0.02
"""What takes less, sync and async, is part of everything else."""


def every_table(runs: Runs, verdicts: Sequence[Verdict]) -> Iterator[tuple[str, Rows]]:
    """Yield each table with its name. One that was not measured has only its head."""
    yield "figures", figures(runs)
    yield "aws-sdk", aws_sdk(runs)
    yield "bounds", bounds(verdicts)
    yield "shares", shares(runs)


def figures(runs: Runs, wanted: Sequence[Row] = ROWS) -> Rows:
    """Return a row for each figure: the median of each client, and how many times ours it is."""
    rows: list[Sequence[str]] = [("median (times ours)", *ALL)]
    rows += [(f"{row.title}, {row.unit}", *_cells(runs, row, ALL)) for row in wanted if was_measured(runs, row.figure)]
    return rows


def aws_sdk(runs: Runs) -> Rows:
    """Return the rows of the clients that run on the newer Python."""
    rows: list[Sequence[str]] = [("median (times ours)", OURS, "aws-sdk-sqs, GetQueueUrl")]
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
