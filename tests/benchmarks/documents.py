"""
Write what was measured into the documents: the marked parts of two pages, and the plot.

A part stands between ``<!-- measured: NAME -->`` and ``<!-- end of NAME -->``; nothing else is changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from . import figures, plot, table


def write(root: Path, about: str, runs: figures.Runs) -> None:
    """Update the documents below *root*."""
    parts = {name: table.markdown(rows) for name, rows in table.every_table(runs, figures.judge(runs))}
    short = table.markdown(table.figures(runs, figures.README_ROWS))
    for page, found in ((root / "docs" / "cost.md", {"about": about, **parts}), (root / "README.md", {"short": short})):
        page.write_text(replace_parts(page.read_text(encoding="utf-8"), found), encoding="utf-8", newline="\n")
    (root / "docs" / "cost.svg").write_text(plot.svg(runs), encoding="utf-8", newline="\n")


def replace_parts(text: str, parts: Mapping[str, str]) -> str:
    """Return *text* with each part replaced."""
    for name, part in parts.items():
        begin, end = f"<!-- measured: {name} -->", f"<!-- end of {name} -->"
        before, begun, rest = text.partition(begin)
        _, ended, after = rest.partition(end)
        if not begun or not ended:
            raise ValueError(f"the page has no such part: {begin} … {end}")
        text = f"{before}{begin}\n{part}\n{end}{after}"
    return text
