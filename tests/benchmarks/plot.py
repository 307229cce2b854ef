"""
The cost of an async call against the calls in flight, drawn as an SVG of its own: no library, light and dark.
"""

from __future__ import annotations

from math import log10
from typing import Final

from .environments import OURS
from .stages import ASYNC, IN_FLIGHT
from .table import Runs, value

WIDTH: Final = 720
HEIGHT: Final = 380
LEFT, RIGHT, TOP, BOTTOM = 64, 540, 44, 326
"""Where the axes are; the names stand right of them."""
LEAST_GAP: Final = 18
"""Between two names, so that none covers another."""
TICKS: Final = tuple(first * 10**zeros for zeros in range(6) for first in (1, 2, 5))

STYLE: Final = """
text { font: 13px system-ui, sans-serif; fill: #1f2328 }
.quiet { fill: #59636e } .rule { stroke: #d1d9e0 } .line { fill: none; stroke-width: 2 }
.c0 { stroke: #0969da } .c1 { stroke: #59636e } .c2 { stroke: #bc4c00 } .c3 { stroke: #8250df }
.c0.line { stroke-width: 4 } circle, text { stroke-width: 0 }
circle.c0, text.c0 { fill: #0969da; font-weight: 600 } circle.c1, text.c1 { fill: #59636e }
circle.c2, text.c2 { fill: #bc4c00 } circle.c3, text.c3 { fill: #8250df }
@media (prefers-color-scheme: dark) {
text { fill: #f0f6fc } .quiet { fill: #9198a1 } .rule { stroke: #3d444d }
.c0 { stroke: #4493f8 } .c1 { stroke: #9198a1 } .c2 { stroke: #f0883e } .c3 { stroke: #ab7df8 }
circle.c0, text.c0 { fill: #4493f8 } circle.c1, text.c1 { fill: #9198a1 }
circle.c2, text.c2 { fill: #f0883e } circle.c3, text.c3 { fill: #ab7df8 }
}
"""


def svg(runs: Runs) -> str:
    """Return the plot. The scale of the cost is logarithmic, so that a ratio is a distance."""
    costs = {
        name: [value(runs, f"async {each}", "cpu", name) * 1e6 for each in IN_FLIGHT] for name in ASYNC
    }  # in microseconds
    least, most = min(map(min, costs.values())), max(map(max, costs.values()))
    bottom = max(tick for tick in TICKS if tick <= least)
    top = min(tick for tick in TICKS if tick >= most)
    across = [LEFT + 24 + place * (RIGHT - LEFT - 48) / (len(IN_FLIGHT) - 1) for place in range(len(IN_FLIGHT))]

    def up(cost: float) -> float:
        return BOTTOM - (BOTTOM - TOP) * (log10(cost) - log10(bottom)) / (log10(top) - log10(bottom))

    words = "; ".join(f"{name} {', '.join(f'{cost:.0f}' for cost in line)}" for name, line in costs.items())
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
        "<title>What an async call costs, by the calls in flight</title>",
        f"<desc>Microseconds of CPU with {', '.join(map(str, IN_FLIGHT))} calls in flight: {words}.</desc>",
        f"<style>{STYLE}</style>",
        f'<text class="quiet" x="{LEFT - 40}" y="{TOP - 20}">µs of CPU per call, logarithmic</text>',
        f'<text class="quiet" x="{(LEFT + RIGHT) / 2}" y="{HEIGHT - 10}" text-anchor="middle">calls in flight</text>',
    ]
    for tick in (tick for tick in TICKS if bottom <= tick <= top):
        parts.append(f'<path class="rule" d="M{LEFT} {up(tick):.1f}H{RIGHT}"/>')
        parts.append(f'<text class="quiet" x="{LEFT - 8}" y="{up(tick) + 4:.1f}" text-anchor="end">{tick}</text>')
    for in_flight, x in zip(IN_FLIGHT, across, strict=True):
        parts.append(f'<text class="quiet" x="{x:.1f}" y="{BOTTOM + 22}" text-anchor="middle">{in_flight}</text>')
    names = _apart({name: up(line[-1]) for name, line in costs.items()})
    for number, name in reversed(list(enumerate(ASYNC))):
        points = list(zip(across, map(up, costs[name]), strict=True))
        parts.append(f'<path class="c{number} line" d="M{" L".join(f"{x:.1f} {y:.1f}" for x, y in points)}"/>')
        parts += [f'<circle class="c{number}" cx="{x:.1f}" cy="{y:.1f}" r="4"/>' for x, y in points]
        label = f"{'this client' if name == OURS else name}, {costs[name][-1]:.0f}"
        parts.append(f'<text class="c{number}" x="{RIGHT + 8}" y="{names[name] + 4:.1f}">{label}</text>')
    return "\n".join([*parts, "</svg>", ""])


def _apart(heights: dict[str, float]) -> dict[str, float]:
    """Move names down where they would be too close to the one above."""
    placed: dict[str, float] = {}
    lowest = 0.0
    for name in sorted(heights, key=heights.__getitem__):
        placed[name] = lowest = max(heights[name], lowest + LEAST_GAP)
    return placed
