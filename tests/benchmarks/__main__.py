"""
Compare what a call costs with what it costs elsewhere. From the root of the repository:

    python -m tests.benchmarks [--rounds 15] [--only STAGE] [--save FILE.json] [--document]
    python -m tests.benchmarks --load A.json [--load B.json …] [--document]
    python -m tests.benchmarks guard

The first installs the clients into build/benchmarks, then measures them. It needs Linux, and a machine that does
nothing else for about five minutes. --save writes after each stage, so a failure of a later one loses nothing.
The second shows saved runs; of several it shows and judges the medians. --document writes the result into the pages.
The exit code is 1 when a bound is missed.

The third counts instead of measuring time, runs anywhere in seconds, and is for every change: see guard.py.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypedDict

from . import environments, plot, stages, table
from .environments import python_in
from .runner import Samples, open_runner


class Run(TypedDict):
    """One run of the comparison."""

    about: str
    """The machine, and the versions that were compared."""
    load: float
    """The machine's load average before the run."""
    samples: Samples


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description="Compare what a call costs.")
    parser.add_argument("command", nargs="?", choices=["compare", "guard"], default="compare")
    parser.add_argument("--environments", type=Path, default=environments.ROOT / "build" / "benchmarks")
    parser.add_argument("--upgrade", action="store_true", help="install the newest versions of the other clients")
    parser.add_argument("--rounds", type=int, default=15, help="how many rounds count (15)")
    parser.add_argument("--only", action="append", choices=[*stages.STAGES], help="measure this stage; can be repeated")
    parser.add_argument("--save", type=Path, help="write every sample to this file, as JSON, after each stage")
    parser.add_argument("--load", type=Path, action="append", help="show this saved run; can be repeated")
    parser.add_argument("--document", action="store_true", help="write the result into the documents")
    options = parser.parse_args()
    if options.command == "guard":
        from . import guard  # only the guard imports the package

        return guard.main()
    if options.document and options.only:
        parser.error("--document needs all stages, so it does not go with --only")

    def save(run: Run) -> None:
        if options.save:
            options.save.write_text(json.dumps(run, indent=1), encoding="utf-8")

    wanted = options.only or [*stages.STAGES]
    saved: list[Run] = (
        [json.loads(path.read_text(encoding="utf-8")) for path in options.load]
        if options.load
        else [compare(options.environments.absolute(), options.rounds, wanted, save, upgrade=options.upgrade)]
    )
    about, runs = describe(saved), [run["samples"] for run in saved]
    if options.document:
        write_documents(environments.ROOT, about, runs)
    verdicts = table.judge(runs)
    tables = [table.columns(rows) for _, rows in table.every_table(runs, verdicts) if len(rows) > 1]
    print(about, *tables, sep="\n\n")
    return 0 if all(each.is_met for each in verdicts) else 1


def compare(
    directory: Path, rounds: int, wanted: Sequence[str], save: Callable[[Run], object], *, upgrade: bool
) -> Run:
    """Measure the *wanted* stages, and *save* what there is after each."""
    if platform.system() != "Linux":
        sys.exit(
            "The comparison needs Linux, whose /proc tells how much memory a process has. The guard runs anywhere."
        )
    load = os.getloadavg()[0]  # before this command adds to it
    environments.build(directory, upgrade=upgrade)
    run = Run(about=f"{environment(directory)}, {rounds} rounds", load=load, samples={})
    with tempfile.TemporaryDirectory() as home, open_runner(directory, Path(home)) as runner:
        for number, stage in enumerate(wanted, start=1):
            print(f"{number} of {len(wanted)}: {stage} …", file=sys.stderr, flush=True)
            run["samples"] |= stages.measure(runner, stage, rounds)
            save(run)
    return run


def environment(directory: Path) -> str:
    """Return the versions that are compared, and the machine."""
    clients: dict[str, dict[str, None]] = {}
    for client in environments.REQUIREMENTS:
        if python_in(directory, client).exists():
            python, version = environments.versions_of(directory, client)
            clients.setdefault(python, {})[version] = None
    versions = "; ".join(f"Python {python} with {', '.join(names)}" for python, names in clients.items())
    model = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(encoding="utf-8"), re.MULTILINE)
    processor = model[1].strip() if model else platform.machine()
    return f"{versions}; {platform.system()}, {os.cpu_count()} cores of {processor}"


def describe(saved: Sequence[Run]) -> str:
    """Return what was compared, in how many runs."""
    about, *others = {run["about"]: None for run in saved}
    if others:
        sys.exit("These runs do not compare the same:\n" + "\n".join([about, *others]))
    loads = ", ".join(f"{run['load']:.1f}" for run in saved)
    runs = "One run" if len(saved) == 1 else f"Medians of {len(saved)} runs"
    return f"{runs} (load average before: {loads}): {about}."


def write_documents(root: Path, about: str, runs: table.Runs) -> None:
    """Write what was measured into the documents below *root*: the marked parts of two pages, and the plot."""
    parts = {name: table.markdown(rows) for name, rows in table.every_table(runs, table.judge(runs))}
    short = table.markdown(table.figures(runs, table.README_ROWS))
    for page, found in ((root / "docs" / "cost.md", {"about": about, **parts}), (root / "README.md", {"short": short})):
        page.write_text(replace_parts(page.read_text(encoding="utf-8"), found), encoding="utf-8", newline="\n")
    (root / "docs" / "cost.svg").write_text(plot.svg(runs), encoding="utf-8", newline="\n")


def replace_parts(text: str, parts: Mapping[str, str]) -> str:
    """Return *text* with each part replaced, between ``<!-- measured: NAME -->`` and ``<!-- end of NAME -->``."""
    for name, part in parts.items():
        begin, end = f"<!-- measured: {name} -->", f"<!-- end of {name} -->"
        before, begun, rest = text.partition(begin)
        _, ended, after = rest.partition(end)
        if not begun or not ended:
            raise ValueError(f"the page has no such part: {begin} … {end}")
        text = f"{before}{begin}\n{part}\n{end}{after}"
    return text


if __name__ == "__main__":
    sys.exit(main())
