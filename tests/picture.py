"""
Draw what `watch` shows on a terminal: ``python -m tests.picture`` writes docs/watch.svg.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Final
from xml.sax.saxutils import escape

import pyte

from codepipeline_client.testing import LocalCodePipeline, Shown

from .cli.terminal import Terminal

COLUMNS: Final = 86
ROWS: Final = 6
CELL: Final = (8.4, 20)
"""Width and height of a character."""
MARGIN: Final = 16
COLOURS: Final = {"default": "#c9d1d9", "green": "#7ee787", "brown": "#e3b341", "red": "#ff7b72", "cyan": "#79c0ff"}


def record() -> pyte.Screen:
    """Run the program on a terminal, and return the screen while the execution runs."""
    with LocalCodePipeline(region_name="eu-west-1") as endpoint:
        web = endpoint.script_execution([Shown("InProgress", seconds=60), "Succeeded"])
        terminal = Terminal(COLUMNS, ROWS)
        with terminal.start("watch", "web", web.pipeline_execution_id, environ=endpoint.environ):
            terminal.until(lambda: "0:05" in terminal.text)
    screen = pyte.Screen(COLUMNS, ROWS)
    stream = pyte.ByteStream(screen)
    stream.feed(f"$ codepipeline-client watch web {web.pipeline_execution_id}\r\n".encode() + terminal.written)
    return screen


def draw(screen: pyte.Screen) -> Iterator[str]:
    """Yield the lines of an SVG."""
    width, height = CELL
    whole = f"0 0 {COLUMNS * width + 2 * MARGIN:.0f} {ROWS * height + 2 * MARGIN}"
    yield f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{whole}" font-family="monospace" font-size="14">'
    yield "<title>codepipeline-client watch: the status and the time, drawn while the execution runs</title>"
    yield '<rect width="100%" height="100%" rx="8" fill="#0d1117"/>'
    for row, line in enumerate(screen.display):
        cells = [(screen.buffer[row][column].fg, column) for column in range(len(line.rstrip()))]
        for colour, run in groupby(cells, itemgetter(0)):
            columns = [column for _, column in run]
            text = escape(line[columns[0] : columns[-1] + 1])
            x, y = MARGIN + columns[0] * width, MARGIN + (row + 0.75) * height
            place = f'x="{x:.1f}" y="{y:.1f}" textLength="{len(columns) * width:.1f}" fill="{COLOURS[colour]}"'
            yield f'<text {place} xml:space="preserve">{text}</text>'
    yield "</svg>"


if __name__ == "__main__":
    picture = Path(__file__).parent.parent / "docs" / "watch.svg"
    picture.write_text("\n".join(draw(record())) + "\n", encoding="utf-8", newline="\n")
