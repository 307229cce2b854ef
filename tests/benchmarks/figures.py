"""
What must hold: the figures that the samples make, and the bounds that each must keep.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median, quantiles
from typing import Final

from .contest import Samples
from .environments import OURS
from .stages import IN_FLIGHT


@dataclass(frozen=True)
class Figure:
    """One row of the table."""

    title: str
    what: str
    """Where its samples are."""
    key: str
    unit: str
    factor: float
    """What a sample is multiplied with for the unit."""


FIGURES: Final = (
    Figure("sync, CPU a call", "sync", "cpu", "µs", 1e6),
    Figure("sync, wall a call", "sync", "wall", "µs", 1e6),
    *(
        figure
        for each in IN_FLIGHT
        for figure in (
            Figure(f"async, {each} in flight, CPU a call", f"async {each}", "cpu", "µs", 1e6),
            Figure(f"async, {each} in flight, wall a call", f"async {each}", "wall", "µs", 1e6),
        )
    ),
    Figure("start to first result, CPU", "start", "cpu", "ms", 1e3),
    Figure("start to first result, wall", "start", "wall", "ms", 1e3),
    Figure("the same with a profile, CPU", "start, profile", "cpu", "ms", 1e3),
    Figure("the same with a profile, wall", "start, profile", "wall", "ms", 1e3),
    Figure("import, CPU", "import", "own_cpu", "ms", 1e3),
    Figure("import, wall", "import", "own_wall", "ms", 1e3),
    Figure("import of the client's class, CPU", "import, class", "own_cpu", "ms", 1e3),
    Figure("import of the client's class, wall", "import, class", "own_wall", "ms", 1e3),
    Figure("peak memory at first result", "start", "memory", "MiB", 2**-20),
    Figure("each further client, made only, wall", "further", "wall", "µs", 1e6),
    Figure("each further client, made only, memory", "further", "memory", "KiB", 2**-10),
    Figure("each further client, made and first call, wall", "further, asked", "wall", "µs", 1e6),
    Figure("each further client, made and first call, memory", "further, asked", "memory", "KiB", 2**-10),
    Figure("signing alone, CPU", "sign", "cpu", "µs", 1e6),
    Figure("decoding alone, CPU", "decode", "cpu", "µs", 1e6),
)

SHORT: Final = tuple(
    figure for figure in FIGURES if figure.what in ("sync", "async 1", "async 64", "async 512") and figure.key == "cpu"
)
"""Those that the README shows."""


@dataclass(frozen=True)
class Bound:
    """How many times another figure one may be."""

    title: str
    what: str
    """Where its samples are."""
    key: str
    peers: tuple[str, ...]
    """Who it is held against: the best of these."""
    at_most: float


BEST: Final = ("httpx", "aiobotocore", "capo")
BOUNDS: Final = (
    Bound("sync, CPU a call", "sync", "cpu", ("boto3",), 0.33),
    Bound("sync, CPU a call", "sync", "cpu", ("httpx",), 0.70),
    Bound("async, 1 in flight, CPU a call", "async 1", "cpu", BEST, 0.65),
    Bound("async, 64 in flight, CPU a call", "async 64", "cpu", BEST, 0.60),
    *(
        Bound(f"start to first result, {title}", "start", key, (peer,), bound)
        for key, title in (("cpu", "CPU"), ("wall", "wall"))
        for peer, bound in (("boto3", 0.55), ("capo", 0.80), ("httpx", 1.20))
    ),
    Bound("import, CPU", "import", "own_cpu", ("boto3",), 0.65),
    Bound("import, wall", "import", "own_wall", ("boto3",), 0.65),
    Bound("peak memory at first result", "start", "memory", ("boto3",), 0.65),
    Bound("peak memory at first result", "start", "memory", ("capo",), 0.95),
    Bound("signing alone, CPU", "sign", "cpu", ("boto3",), 0.2),
)
"""What this client's median may be of the peer's."""

MOST_GROWTH: Final = 1.15
"""Of CPU, from 8 calls in flight to 512."""
MOST_MEMORY: Final = 100 * 1024
"""Bytes for each further client."""
MOST_WALL: Final = 0.5e-3
"""Seconds for each further client."""


@dataclass(frozen=True)
class Verdict:
    """Whether one bound is kept."""

    title: str
    found: str
    spread: str
    """Between what the middle half of the rounds is, each taken by itself."""
    at_most: str
    is_met: bool


def middle(samples: Samples, what: str, key: str, contestant: str) -> float:
    """Return the median over the rounds."""
    return median(_values(samples, what, key, contestant))


def judge(samples: Samples) -> list[Verdict]:
    """Return whether the bounds are kept, one after the other, as far as it was measured."""
    return [*_ratios(samples), *_growth(samples), *_further(samples), *_botocore(samples)]


def _ratios(samples: Samples) -> Iterator[Verdict]:
    for bound in BOUNDS:
        if bound.what in samples:
            peer = min(bound.peers, key=lambda name: middle(samples, bound.what, bound.key, name))
            ours, theirs = (_values(samples, bound.what, bound.key, name) for name in (OURS, peer))
            against = f"{peer}, the best" if len(bound.peers) > 1 else peer
            yield _ratio(bound.title, ours, theirs, against, bound.at_most)


def _growth(samples: Samples) -> Iterator[Verdict]:
    if "async 512" in samples:
        few, many = (_values(samples, f"async {each}", "cpu", OURS) for each in (8, 512))
        yield _ratio("async CPU a call, 512 in flight", many, few, "8 in flight", MOST_GROWTH)


def _further(samples: Samples) -> Iterator[Verdict]:
    for what, title in (("further", "made only"), ("further, asked", "made and first call")):
        if what in samples:
            memory = _values(samples, what, "memory", OURS)
            yield _plain(f"each further client, {title}, memory", memory, MOST_MEMORY, "KiB", 2**-10)
    if "further" in samples:
        wall = _values(samples, "further", "wall", OURS)
        yield _plain("each further client, made only, wall", wall, MOST_WALL, "ms", 1e3)


def _botocore(samples: Samples) -> Iterator[Verdict]:
    for what, title in (
        ("import", "the import"),
        ("import, class", "the import of the client's class"),
        ("start", "the start to the first result"),
    ):
        if what in samples:
            loaded = any(sample["botocore"] for sample in samples[what][OURS])
            yield Verdict(f"botocore is loaded by {title}", "yes" if loaded else "no", "", "no", not loaded)


def _values(samples: Samples, what: str, key: str, contestant: str) -> list[float]:
    return [sample[key] for sample in samples[what][contestant]]


def _ratio(title: str, ours: Sequence[float], theirs: Sequence[float], peer: str, bound: float) -> Verdict:
    ratio = median(ours) / median(theirs)
    low, high = _half([one / other for one, other in zip(ours, theirs, strict=False)])
    return Verdict(title, f"{ratio:.2f} of {peer}", f"{low:.2f} to {high:.2f}", f"{bound:.2f}", ratio <= bound)


def _plain(title: str, values: Sequence[float], bound: float, unit: str, factor: float) -> Verdict:
    low, high = (each * factor for each in _half(values))
    found, most = median(values), f"{bound * factor:g} {unit}"
    return Verdict(title, f"{found * factor:.2f} {unit}", f"{low:.2f} to {high:.2f}", most, found < bound)


def _half(values: Sequence[float]) -> tuple[float, float]:
    low, _, high = quantiles(values, n=4, method="inclusive") if len(values) > 1 else [values[0]] * 3
    return low, high
