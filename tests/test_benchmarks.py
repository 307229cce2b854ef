"""The comparison of costs: what it measures, judges and writes into the documents."""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from tests.benchmarks import __main__ as command
from tests.benchmarks import documents, environments, figures, stages, table
from tests.benchmarks.environments import NEWER, OURS, ROOT
from tests.benchmarks.runner import Calls, Runner, Samples, Start, open_runner
from tests.benchmarks.stages import ALL, ASYNC, IN_FLIGHT, NEWER_IN_FLIGHT, SYNC

linux_only: Final = pytest.mark.skipif(platform.system() != "Linux", reason="it reads /proc")

CLIENTS: Final = {
    "sync": SYNC,
    **{f"async {each}": ASYNC for each in IN_FLIGHT},
    **{f"newer {each}": NEWER for each in NEWER_IN_FLIGHT},
    "start": ALL,
    "start, profile": ALL,
    "sign": (OURS, "boto3"),
}


@pytest.fixture
def samples() -> Samples:
    """A run in which ours took 1, 2 and 3, and each other client ten times as much; seconds and bytes in millionths."""
    found: Samples = {
        figure: {
            name: [
                dict.fromkeys(("cpu", "wall", "memory"), each * (1e-6 if name.startswith(OURS) else 1e-5))
                for each in (1, 2, 3)
            ]
            for name in names
        }
        for figure, names in CLIENTS.items()
    }
    for kind, anyio in (("sync", 0.0), ("async", 0.3)):
        found[f"shares, {kind}"] = {
            OURS: [{"httptools": 0.69 - anyio, "anyio": anyio, "asyncio": 0.28, "everything else": 0.02, "x": 0.005}]
        }
    return found


def run(samples: Samples, about: str = "A machine", load: float = 0.25) -> dict[str, Any]:
    return {"about": about, "load": load, "samples": samples}


def cells(page: str) -> list[list[str]]:
    """Return the rows of all tables of a page."""
    return [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("| ")]


# The tables


def test_a_row_has_each_median_and_how_many_times_ours_it_is(samples: Samples) -> None:
    head, first, *_ = table.figures([samples])
    assert head == ("median (times ours)", OURS, "httpx", "boto3", "capo", "aiobotocore")
    assert first == ("sync, CPU per call, µs", "2.0", "20.0 (10.00)", "20.0 (10.00)", "20.0 (10.00)", "-")


def test_a_figure_of_several_runs_is_the_median_of_the_runs(samples: Samples) -> None:
    runs: list[Samples] = [{"sign": {**samples["sign"], OURS: [{"cpu": cpu}]}} for cpu in (1e-6, 9e-6, 4e-6)]
    assert table.figures(runs)[1] == ("signing one request, CPU, µs", "4.0", "-", "20.0 (5.00)", "-", "-")
    assert table.bounds(figures.judge(runs))[1:] == [
        ("signing one request, CPU, to boto3", "0.20", "0.20", "0.05, 0.45, 0.20", "met")
    ]


def test_the_shares_of_a_call_end_with_the_sum_of_the_small_ones(samples: Samples) -> None:
    assert table.shares([samples]) == [
        ("share of the CPU of a call", "sync", "async"),
        ("httptools", "69%", "39%"),
        ("asyncio", "28%", "28%"),
        ("anyio", "0%", "30%"),
        ("everything else", "2%", "2%"),
    ]


def test_what_was_not_measured_has_no_row(samples: Samples) -> None:
    part: Samples = {"sign": samples["sign"]}
    assert [row[0] for row in table.figures([part])] == ["median (times ours)", "signing one request, CPU, µs"]
    assert [each.bound.figure for each in figures.judge([part, samples])] == ["sign"]
    for rows in (table.aws_sdk([part]), table.shares([part])):
        assert table.markdown(rows) == "Not measured in this run."


def test_rows_are_laid_out_in_columns() -> None:
    assert table.columns([("a", "b", ""), ("long", "1", "met")]) == "a     b\nlong  1  met"


# The bounds


def test_a_tenth_of_each_peer_keeps_every_bound(samples: Samples) -> None:
    verdicts = figures.judge([samples])
    assert [each.bound for each in verdicts] == [*figures.BOUNDS]
    assert [each.bound.title for each in verdicts if not each.is_met] == []
    assert verdicts[0].ratio == pytest.approx(0.1)


@pytest.mark.parametrize("bound", figures.BOUNDS, ids=lambda bound: bound.title)
def test_a_figure_that_is_too_large_misses_its_bound(samples: Samples, bound: figures.Bound) -> None:
    samples[bound.figure][OURS] = [{**sample, bound.key: 1.0} for sample in samples[bound.figure][OURS]]
    missed = [each.bound for each in figures.judge([samples]) if not each.is_met]
    assert bound in missed
    assert {(each.figure, each.key) for each in missed} == {(bound.figure, bound.key)}


def test_async_calls_are_compared_with_the_best_of_the_others(samples: Samples) -> None:
    samples["async 64"]["capo"] = samples["async 64"][OURS]
    (verdict,) = [each for each in figures.judge([samples]) if not each.is_met]
    assert (verdict.bound.figure, verdict.ratio) == ("async 64", 1.0)


# The documents


def test_the_readme_has_rows_of_the_page_of_costs() -> None:
    page = cells((ROOT / "docs" / "cost.md").read_text(encoding="utf-8"))
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    short = cells(readme.partition("<!-- measured: short -->")[2].partition("<!-- end of short -->")[0])
    assert [row[0] for row in short[1:]] == [f"{row.title}, {row.unit}" for row in figures.README_ROWS]
    assert [row for row in short if row not in page] == []


def test_the_plot_shows_what_the_page_of_costs_says() -> None:
    rows = {row[0]: row[1:] for row in cells((ROOT / "docs" / "cost.md").read_text(encoding="utf-8"))}
    shown = re.findall(r"(\d+)(?=[,;.])", description((ROOT / "docs" / "cost.svg").read_text(encoding="utf-8")))
    written = [
        rows[f"async, {each} in flight, CPU per call, µs"][ALL.index(name)].partition(" ")[0]
        for name in ASYNC
        for each in IN_FLIGHT
    ]
    assert [float(each) for each in shown] == pytest.approx([float(each) for each in written], abs=0.5)


def description(svg: str) -> str:
    """Return the costs that a plot tells in words."""
    found = re.search(r"<desc>[^:]*:(.*)</desc>", svg)
    assert found
    return found[1]


def test_documents_are_updated(samples: Samples, tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    for page in ("README.md", "docs/cost.md"):
        shutil.copyfile(ROOT / page, tmp_path / page)
    documents.write(tmp_path, "A machine.", [samples])
    page = (tmp_path / "docs" / "cost.md").read_text(encoding="utf-8")
    assert "<!-- measured: about -->\nA machine.\n<!-- end of about -->" in page
    assert ["signing one request, CPU, µs", "2.0", "-", "20.0 (10.00)", "-", "-"] in cells(page)
    assert ["signing one request, CPU, to boto3", "0.20", "0.10", "0.10", "met"] in cells(page)
    assert ["median (times ours)", OURS, "aws-sdk-sqs, GetQueueUrl"] in cells(page)
    assert ["CPU per call, 1 in flight, µs", "2.0", "20.0 (10.00)"] in cells(page)
    assert ["asyncio", "28%", "28%"] in cells(page)
    assert "| sync, CPU per call, µs | 2.0 |" in (tmp_path / "README.md").read_text(encoding="utf-8")
    assert description((tmp_path / "docs" / "cost.svg").read_text(encoding="utf-8")).startswith(f" {OURS} 2, 2, 2, 2;")


def test_only_the_marked_parts_are_written_and_writing_again_changes_nothing() -> None:
    text = "before\n<!-- measured: x -->old<!-- end of x -->\nbehind\n"
    once = documents.replace_parts(text, {"x": "new"})
    assert once == "before\n<!-- measured: x -->\nnew\n<!-- end of x -->\nbehind\n"
    assert documents.replace_parts(once, {"x": "new"}) == once


@pytest.mark.parametrize("text", ["", "<!-- measured: x -->", "<!-- end of x -->"])
def test_a_page_without_the_marks_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no such part: <!-- measured: x"):
        documents.replace_parts(text, {"x": "new"})


# The command


def load(monkeypatch: pytest.MonkeyPatch, directory: Path, *runs: dict[str, Any]) -> int:
    """Run the command on saved runs, and return its exit code."""
    arguments = [""]
    for number, each in enumerate(runs):
        path = directory / f"{number}.json"
        path.write_text(json.dumps(each), encoding="utf-8")
        arguments += ["--load", str(path)]
    monkeypatch.setattr(sys, "argv", arguments)
    return command.main()


def test_the_medians_of_saved_runs_are_shown_and_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for cpu, code, word in ((4e-6, 0, "met"), (1.0, 1, "MISSED")):
        runs = [run({"sign": {OURS: [{"cpu": each}], "boto3": [{"cpu": 2e-5}]}}) for each in (1e-6, cpu, 1.0)]
        assert load(monkeypatch, tmp_path, *runs) == code
        shown = capsys.readouterr().out
        assert shown.startswith("Medians of 3 runs (load average before: 0.2, 0.2, 0.2): A machine.\n")
        assert re.search(rf"^signing one request, CPU, to boto3 .* {word}$", shown, re.MULTILINE)


def test_runs_that_compare_something_else_are_refused(
    samples: Samples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SystemExit, match="do not compare the same:\nA machine\nAnother"):
        load(monkeypatch, tmp_path, run(samples), run(samples, about="Another"))


def test_the_command_says_that_it_needs_linux(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "system", lambda: "Windows")
    monkeypatch.setattr(sys, "argv", [""])
    with pytest.raises(SystemExit, match="needs Linux"):
        command.main()


def test_each_stage_is_saved_as_soon_as_it_is_done(
    samples: Samples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def succeed(*_: object) -> Samples:
        return {"sign": samples["sign"]}

    def fail(*_: object) -> Samples:
        raise RuntimeError("the machine")

    def return_text(*_: object, **__: object) -> str:
        return "A machine"

    monkeypatch.setattr(platform, "system", lambda: "Linux")
    monkeypatch.setattr(os, "getloadavg", lambda: (0.1, 0.1, 0.1), raising=False)
    monkeypatch.setattr(command, "environment", return_text)
    monkeypatch.setattr(environments, "build", return_text)
    monkeypatch.setattr(stages, "STAGES", {"sign": succeed, "shares": fail})
    monkeypatch.setattr(sys, "argv", ["", "--save", str(tmp_path / "saved.json")])
    with pytest.raises(RuntimeError, match="the machine"):
        command.main()
    saved = json.loads((tmp_path / "saved.json").read_text(encoding="utf-8"))
    assert saved == run({"sign": samples["sign"]}, about="A machine, 15 rounds", load=0.1)


# The environments


def test_without_a_newer_python_the_others_are_installed_and_the_run_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    commands: list[list[str]] = []

    def record(arguments: list[str], **_: object) -> None:
        commands.append(arguments)
        if "venv" in arguments:
            Path(arguments[-1]).mkdir()

    monkeypatch.setattr(environments, "newer_python", lambda: None)
    monkeypatch.setattr(subprocess, "run", record)
    environments.build(tmp_path, upgrade=False)
    assert {path.name for path in tmp_path.iterdir()} == {*ALL}
    assert "no Python 3.12 or newer, so aws-sdk-sqs is not measured" in capsys.readouterr().err
    installed = len(commands)
    environments.build(tmp_path, upgrade=False)
    assert len(commands) == installed, "an environment that is there was built again"
    assert stages.STAGES["aws-sdk"](Runner(tmp_path, "", tmp_path), 1) == {}


# The measurements


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[Runner]:
    """Ours and httpx in the environment of the tests."""
    for name in (OURS, "httpx"):
        python = tmp_path / "environments" / name / "bin" / "python"
        python.parent.mkdir(parents=True)
        python.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" "$@"\n', encoding="utf-8")
        python.chmod(0o755)
    (tmp_path / "home").mkdir()
    with open_runner(tmp_path / "environments", tmp_path / "home") as opened:
        yield opened


@linux_only
@pytest.mark.parametrize(("kind", "names"), [("sync", (OURS, "httpx")), ("async", (OURS, "httpx")), ("sign", (OURS,))])
def test_each_client_measures_its_calls_in_each_round(runner: Runner, kind: str, names: tuple[str, ...]) -> None:
    """What the adapters import from the package is there."""
    jobs = [Calls(client=name, figure="all", kind=kind, count=4, in_flight=2) for name in names]
    jobs.append(Calls(client=OURS, figure="some", kind=kind, count=1, every=2))
    samples = runner.measure_calls(jobs, rounds=3)
    assert {name: len(rounds) for name, rounds in samples["all"].items()} == dict.fromkeys(names, 3)
    assert len(samples["some"][OURS]) == 2
    assert all(sample["cpu"] > 0 and sample["wall"] > 0 for sample in samples["all"][OURS])


@linux_only
def test_each_start_is_measured_in_a_new_process(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its settings are in its environment or in a profile; nothing of this process's environment reaches it."""
    monkeypatch.setenv("AWS_REGION", "not a region")
    jobs = [Start(client=name, figure="start") for name in (OURS, "httpx")]
    jobs.append(Start(client=OURS, figure="start, profile", has_profile=True))
    samples = runner.measure_starts(jobs, rounds=1)
    for figure, name in (("start", OURS), ("start", "httpx"), ("start, profile", OURS)):
        (sample,) = samples[figure][name]
        assert all(sample[key] > 0 for key in ("cpu", "wall", "memory"))


@linux_only
def test_the_shares_of_a_call_are_sampled(runner: Runner) -> None:
    jobs = [Calls(client=OURS, figure=kind, kind=kind, count=500, profile=True) for kind in ("sync", "async")]
    samples = runner.measure_calls(jobs, rounds=1)
    for kind in ("sync", "async"):
        (shares,) = samples[kind][OURS]
        assert sum(shares.values()) == pytest.approx(1)
        assert any(name.startswith("codepipeline_client") for name in shares)
