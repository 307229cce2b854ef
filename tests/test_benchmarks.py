"""The comparison of costs: what it measures, judges and writes into the documents."""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Final
from unittest.mock import Mock

import pytest

from tests.benchmarks import __main__ as command
from tests.benchmarks import environments, stages, table
from tests.benchmarks.environments import NEWER, OURS, ROOT
from tests.benchmarks.runner import Job, Runner, Samples, open_runner
from tests.benchmarks.stages import ALL, ASYNC, IN_FLIGHT, NEWER_IN_FLIGHT, SYNC

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


def test_a_figure_of_several_runs_is_the_median_of_the_runs(samples: Samples) -> None:
    """What was not measured has no row."""
    runs: list[Samples] = [{"sign": {**samples["sign"], OURS: [{"cpu": cpu}]}} for cpu in (1e-6, 9e-6, 4e-6)]
    assert table.figures(runs)[1:] == [("signing one request, CPU, µs", "4.0", "-", "20.0 (5.00)", "-", "-")]
    assert table.bounds(table.judge(runs))[1:] == [
        ("signing one request, CPU, to boto3", "0.20", "0.20", "0.05, 0.45, 0.20", "met")
    ]
    for rows in (table.aws_sdk(runs), table.shares(runs)):
        assert table.markdown(rows) == "Not measured in this run."


def test_the_shares_of_a_call_end_with_the_sum_of_the_small_ones(samples: Samples) -> None:
    assert table.shares([samples]) == [
        ("share of the CPU of a call", "sync", "async"),
        ("httptools", "69%", "39%"),
        ("asyncio", "28%", "28%"),
        ("anyio", "0%", "30%"),
        ("everything else", "2%", "2%"),
    ]


def test_a_tenth_of_each_peer_keeps_every_bound(samples: Samples) -> None:
    verdicts = table.judge([samples])
    assert [each.bound for each in verdicts] == [*table.BOUNDS]
    assert [each.bound.title for each in verdicts if not each.is_met] == []
    assert verdicts[0].ratio == pytest.approx(0.1)


def test_a_figure_that_is_too_large_misses_its_bounds(samples: Samples) -> None:
    for bound in table.BOUNDS:
        ours = samples[bound.figure][OURS]
        samples[bound.figure][OURS] = [{**sample, bound.key: 1.0} for sample in ours]
        missed = [each.bound for each in table.judge([samples]) if not each.is_met]
        assert bound in missed
        assert {(each.figure, each.key) for each in missed} == {(bound.figure, bound.key)}
        samples[bound.figure][OURS] = ours


def test_async_calls_are_compared_with_the_best_of_the_others(samples: Samples) -> None:
    samples["async 64"]["capo"] = samples["async 64"][OURS]
    (verdict,) = [each for each in table.judge([samples]) if not each.is_met]
    assert (verdict.bound.figure, verdict.ratio) == ("async 64", 1.0)


def test_the_readme_has_rows_of_the_page_of_costs() -> None:
    page = cells((ROOT / "docs" / "cost.md").read_text(encoding="utf-8"))
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    short = cells(readme.partition("<!-- measured: short -->")[2].partition("<!-- end of short -->")[0])
    assert [row[0] for row in short[1:]] == [f"{row.title}, {row.unit}" for row in table.README_ROWS]
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
    command.write_documents(tmp_path, "A machine.", [samples])
    page = (tmp_path / "docs" / "cost.md").read_text(encoding="utf-8")
    assert "<!-- measured: about -->\nA machine.\n<!-- end of about -->" in page
    assert ["median (ratio to ours)", OURS, "httpx", "boto3", "capo", "aiobotocore"] in cells(page)
    assert ["sync, CPU per call, µs", "2.0", *["20.0 (10.00)"] * 3, "-"] in cells(page)
    assert ["signing one request, CPU, µs", "2.0", "-", "20.0 (10.00)", "-", "-"] in cells(page)
    assert ["signing one request, CPU, to boto3", "0.20", "0.10", "0.10", "met"] in cells(page)
    assert ["median (ratio to ours)", OURS, "aws-sdk-sqs, GetQueueUrl"] in cells(page)
    assert ["CPU per call, 1 in flight, µs", "2.0", "20.0 (10.00)"] in cells(page)
    assert ["asyncio", "28%", "28%"] in cells(page)
    assert "| sync, CPU per call, µs | 2.0 |" in (tmp_path / "README.md").read_text(encoding="utf-8")
    assert description((tmp_path / "docs" / "cost.svg").read_text(encoding="utf-8")).startswith(f" {OURS} 2, 2, 2, 2;")


def test_only_the_marked_parts_are_written_and_writing_again_changes_nothing() -> None:
    text = "before\n<!-- measured: x -->old<!-- end of x -->\nbehind\n"
    once = command.replace_parts(text, {"x": "new"})
    assert once == "before\n<!-- measured: x -->\nnew\n<!-- end of x -->\nbehind\n"
    assert command.replace_parts(once, {"x": "new"}) == once
    for without in ("", "<!-- measured: x -->", "<!-- end of x -->"):
        with pytest.raises(ValueError, match="no such part: <!-- measured: x"):
            command.replace_parts(without, {"x": "new"})


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
    with pytest.raises(SystemExit, match="do not compare the same:\nA machine\nAnother"):
        load(monkeypatch, tmp_path, run({}), run({}, about="Another"))


def test_each_stage_is_saved_as_soon_as_it_is_done(
    samples: Samples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", [""])
    monkeypatch.setattr(platform, "system", lambda: "Windows")
    with pytest.raises(SystemExit, match="needs Linux"):
        command.main()
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    monkeypatch.setattr(os, "getloadavg", lambda: (0.1, 0.1, 0.1), raising=False)
    monkeypatch.setattr(command, "environment", Mock(return_value="A machine"))
    monkeypatch.setattr(environments, "build", Mock())
    monkeypatch.setattr(stages, "measure", Mock(side_effect=[{"sign": samples["sign"]}, RuntimeError("the machine")]))
    monkeypatch.setattr(sys, "argv", ["", "--save", str(tmp_path / "saved.json")])
    with pytest.raises(RuntimeError, match="the machine"):
        command.main()
    saved = json.loads((tmp_path / "saved.json").read_text(encoding="utf-8"))
    assert saved == run({"sign": samples["sign"]}, about="A machine, 15 rounds", load=0.1)


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
    assert stages.measure(Runner(tmp_path, "", tmp_path), "aws-sdk", 1) == {}


@pytest.mark.skipif(platform.system() != "Linux", reason="it reads /proc")
def test_each_client_is_measured_in_each_round(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ours and httpx, in the environment of the tests. None of this process's settings reaches them."""
    monkeypatch.setenv("AWS_REGION", "not a region")
    for name in (OURS, "httpx"):
        python = environments.python_in(tmp_path / "environments", name)
        python.parent.mkdir(parents=True)
        python.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" "$@"\n', encoding="utf-8")
        python.chmod(0o755)
    (tmp_path / "home").mkdir()
    jobs = [
        *(Job(client=name, figure="sync", kind="sync", count=4) for name in (OURS, "httpx")),
        *(Job(client=name, figure="async", kind="async", count=4, in_flight=2) for name in (OURS, "httpx")),
        Job(client=OURS, figure="sign", kind="sign", every=2),
        *(
            Job(client=OURS, figure=f"shares, {kind}", kind=kind, count=500, every=3, profile=True)
            for kind in ("sync", "async")
        ),
    ]
    starts = [Job(client=name, figure="start", kind="start") for name in (OURS, "httpx")]
    starts.append(Job(client=OURS, figure="start, profile", kind="start, profile"))
    with open_runner(tmp_path / "environments", tmp_path / "home") as runner:
        samples = runner.measure(jobs, rounds=3) | runner.measure(starts, rounds=1)
    for figure, name, rounds, keys in (
        *((kind, name, 3, ("cpu", "wall")) for kind in ("sync", "async") for name in (OURS, "httpx")),
        ("sign", OURS, 2, ("cpu", "wall")),
        *(("start", name, 1, ("cpu", "wall", "memory")) for name in (OURS, "httpx")),
        ("start, profile", OURS, 1, ("cpu", "wall", "memory")),
    ):
        assert len(samples[figure][name]) == rounds
        assert all(sample[key] > 0 for sample in samples[figure][name] for key in keys)
    for kind in ("sync", "async"):
        shares = samples[f"shares, {kind}"][OURS][0]
        assert sum(shares.values()) == pytest.approx(1)
        assert any(name.startswith("codepipeline_client") for name in shares)
