"""
The figures, the verdicts and the stations as rows, and rows as columns of text or as tables of Markdown.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import median
from typing import Final

from .contest import Samples
from .environments import OURS
from .figures import FIGURES, Figure, Verdict, middle
from .stages import ALL

Rows = Sequence[Sequence[str]]

STATIONS: Final = {"stations, sync": "sync", "stations, async": "async, 1 in flight"}


def every_table(samples: Samples, found: Sequence[Verdict]) -> Iterator[tuple[str, Rows]]:
    """Yield each table that there are samples for, with its name."""
    yield "figures", figures(samples)
    yield "bounds", verdicts(found)
    yield "stations", stations(samples)


def figures(samples: Samples, wanted: Sequence[Figure] = FIGURES) -> Rows:
    """Return a row for each figure: the median of each contestant, and how many times ours it is."""
    rows: list[Sequence[str]] = [("median (times ours)", *ALL)]
    for figure in wanted:
        if figure.what in samples:
            ours = middle(samples, figure.what, figure.key, OURS)
            cells = (_cell(samples, figure, name, ours) for name in ALL)
            rows.append((f"{figure.title}, {figure.unit}", *cells))
    return rows


def verdicts(found: Sequence[Verdict]) -> Rows:
    """Return a row for each bound."""
    rows = [("bound", "found", "in half of the rounds", "at most", "")]
    words = {True: "met", False: "MISSED"}
    return [*rows, *((each.title, each.found, each.spread, each.at_most, words[each.is_met]) for each in found)]


def stations(samples: Samples) -> Rows:
    """Return a row for each thing that a call spends time on."""
    found = {title: samples[what][OURS] for what, title in STATIONS.items() if what in samples}
    rows: list[Sequence[str]] = [("µs of CPU a call", *found)]
    costs = [{name: median(each[name] for each in rounds) * 1e6 for name in rounds[0]} for rounds in found.values()]
    if costs:
        rows += [(name, *(f"{cost[name]:.0f}" for cost in costs)) for name in costs[0]]
        rows.append(("all", *(f"{sum(cost.values()):.0f}" for cost in costs)))
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
    head, *others = ("| " + " | ".join(row) + " |" for row in rows)
    rule = "|---" + "|--:" * (len(rows[0]) - 1) + "|"
    return "\n".join([head, rule, *others])


def _cell(samples: Samples, figure: Figure, name: str, ours: float) -> str:
    if name not in samples[figure.what]:
        return "-"
    value = middle(samples, figure.what, figure.key, name)
    times = f" ({value / ours:.2f})" if name != OURS and ours else ""
    number = value * figure.factor
    return f"{number:.0f}{times}" if number >= 100 else f"{number:.1f}{times}"
