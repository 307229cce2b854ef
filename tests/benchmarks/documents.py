"""
Write what was measured into the documents: the marked parts of two pages, and the plot.

A part stands between ``<!-- measured: NAME -->`` and ``<!-- end of NAME -->``; all else is left as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from . import figures, plot, table
from .contest import Samples


def write(root: Path, about: str, samples: Samples) -> None:
    """Bring the documents below *root* up to date."""
    parts = {name: table.markdown(rows) for name, rows in table.every_table(samples, figures.judge(samples))}
    short = table.markdown(table.figures(samples, figures.SHORT))
    for page, found in ((root / "docs" / "cost.md", {"about": about, **parts}), (root / "README.md", {"short": short})):
        page.write_text(rewritten(page.read_text(encoding="utf-8"), found), encoding="utf-8", newline="\n")
    (root / "docs" / "cost.svg").write_text(plot.svg(samples), encoding="utf-8", newline="\n")


def rewritten(text: str, parts: Mapping[str, str]) -> str:
    """Return *text* with each part in the place of what stood there."""
    for name, part in parts.items():
        begin, end = f"<!-- measured: {name} -->", f"<!-- end of {name} -->"
        before, begun, rest = text.partition(begin)
        _, ended, after = rest.partition(end)
        if not begun or not ended:
            raise ValueError(f"the page has no part for this: {begin} … {end}")
        text = f"{before}{begin}\n\n{part}\n\n{end}{after}"
    return text
