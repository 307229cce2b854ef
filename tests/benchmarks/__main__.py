"""
Compare what a call costs with what it costs elsewhere. From the root of the repository:

    python -m tests.benchmarks [--rounds 15] [--only STAGE] [--save FILE.json] [--document]
    python -m tests.benchmarks --load FILE.json [--document]
    python -m tests.benchmarks guard

The first installs what it compares into build/benchmarks before. It needs Linux, and takes about five minutes of a
machine that is left alone meanwhile. --save writes after each stage, so nothing is lost when a later one fails.
The second shows again what the first has saved. --document writes it into the documents, too: see documents.py.
The exit code is 1 when a bound is missed.

The third measures no time at all, runs anywhere, and is for every change: see guard.py.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypedDict

from . import documents, environments, figures, stages, table
from .contest import Samples, held


class Saved(TypedDict):
    """One run of the comparison."""

    about: str
    """The machine, and what was compared on it."""
    samples: Samples


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description="Compare what a call costs.")
    parser.add_argument("act", nargs="?", choices=["compare", "guard"], default="compare")
    parser.add_argument("--environments", type=Path, default=environments.ROOT / "build" / "benchmarks")
    parser.add_argument("--upgrade", action="store_true", help="install the newest versions of what is compared")
    parser.add_argument("--rounds", type=int, default=15, help="how often all take their turns (15)")
    parser.add_argument("--only", action="append", choices=[*stages.STAGES], help="measure this stage; can be repeated")
    parser.add_argument("--save", type=Path, help="write every sample to this file, as JSON, after each stage")
    parser.add_argument("--load", type=Path, help="measure nothing, and show what was saved")
    parser.add_argument("--document", action="store_true", help="write what was found into the documents")
    told = parser.parse_args()
    if told.act == "guard":
        from . import guard  # only this wants the package where it runs

        return guard.main()
    if told.document and told.only:
        parser.error("--document wants all stages, so it does not go with --only")

    def keep(saved: Saved) -> None:
        if told.save:
            told.save.write_text(json.dumps(saved, indent=1), encoding="utf-8")

    saved: Saved = (
        json.loads(told.load.read_text(encoding="utf-8"))
        if told.load
        else compare(told.environments.absolute(), told.rounds, told.only or [*stages.STAGES], keep, told.upgrade)
    )
    if told.document:
        documents.write(environments.ROOT, saved["about"], saved["samples"])
    verdicts = figures.judge(saved["samples"])
    tables = [table.columns(rows) for _, rows in table.every_table(saved["samples"], verdicts) if len(rows) > 1]
    print(saved["about"], *tables, sep="\n\n")
    return 0 if all(each.is_met for each in verdicts) else 1


def compare(place: Path, rounds: int, wanted: Sequence[str], keep: Callable[[Saved], object], upgrade: bool) -> Saved:
    """Measure the *wanted* stages, and *keep* what there is after each."""
    if platform.system() != "Linux":
        sys.exit("The comparison needs Linux, whose /proc tells what memory a process has. The guard runs anywhere.")
    load = os.getloadavg()[0]  # before anything of this runs: a figure from a busy machine should look like one
    environments.build(place, upgrade=upgrade)
    versions = ", ".join(f"{name} {environments.version_of(place, name)}" for name in environments.CONTESTANTS)
    python = f"Python {platform.python_version()}, {platform.system()}, {processor()}"
    saved: Saved = {"about": f"{python}, {rounds} rounds, load {load:.1f} before: {versions}.", "samples": {}}
    with tempfile.TemporaryDirectory() as home, held(place, Path(home)) as contest:
        for number, stage in enumerate(wanted, start=1):
            print(f"{number} of {len(wanted)}: {stage} …", file=sys.stderr, flush=True)
            saved["samples"] |= stages.STAGES[stage](contest, rounds)
            keep(saved)
    return saved


def processor() -> str:
    """Return what the machine counts with."""
    found = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(encoding="utf-8"), re.MULTILINE)
    return f"{os.cpu_count()} cores of {found[1].strip() if found else platform.machine()}"


if __name__ == "__main__":
    sys.exit(main())
