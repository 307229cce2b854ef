"""The comparison of costs: it measures, judges and documents what it says, on samples of any machine."""

from __future__ import annotations

import json
import os
import platform
import re
import runpy
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.benchmarks import __main__ as command
from tests.benchmarks import documents, environments, figures, stages, table
from tests.benchmarks.contest import THEIRS, Contest, Samples, Start, Turn, held
from tests.benchmarks.environments import OURS, ROOT
from tests.benchmarks.stages import ALL, ASYNC, CLIENTS, SYNC
from tests.test_layout import CONNECTING, LINKING, SOURCE

linux_only: Final = pytest.mark.skipif(platform.system() != "Linux", reason="it reads /proc")

PEERS: Final = {
    "sync": SYNC,
    **{f"async {each}": ASYNC for each in (1, 8, 64, 512)},
    "start": ALL,
    "start, profile": ALL,
    "import": ALL,
    "import, class": ALL,
    "further": tuple(CLIENTS),
    "further, asked": tuple(CLIENTS),
    "sign": (OURS, "boto3"),
    "decode": (OURS, "boto3", "capo"),
}
STATIONS: Final = runpy.run_path(os.fspath(THEIRS / "stations.py"))
"""What is in the script that has the profile."""
KEYS: Final = ("cpu", "wall", "own_cpu", "own_wall", "memory")


@pytest.fixture
def samples() -> Samples:
    """Ours took 1, 2 and 3, and each of the others ten times as much; seconds and bytes in millionths."""
    found: Samples = {
        what: {
            name: [
                {**dict.fromkeys(KEYS, each * (1e-6 if name == OURS else 1e-5)), "botocore": 0.0}
                for each in (1.0, 2.0, 3.0)
            ]
            for name in names
        }
        for what, names in PEERS.items()
    }
    for what in ("stations, sync", "stations, async"):
        found[what] = {OURS: [{"the signature": 1e-6, "the rest": 2e-6}]}
    return found


def cells(page: str) -> list[list[str]]:
    """Return the rows of all tables of a page."""
    return [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("| ")]


# The tables


def test_a_row_has_each_median_and_how_many_times_ours_it_is(samples: Samples) -> None:
    head, first, *_ = table.figures(samples)
    assert head == ("median (times ours)", OURS, "httpx", "boto3", "capo", "aiobotocore")
    assert first == ("sync, CPU a call, µs", "2.0", "20.0 (10.00)", "20.0 (10.00)", "20.0 (10.00)", "-")


def test_the_stations_of_a_call_add_up(samples: Samples) -> None:
    assert table.stations(samples) == [
        ("µs of CPU a call", "sync", "async, 1 in flight"),
        ("the signature", "1", "1"),
        ("the rest", "2", "2"),
        ("all", "3", "3"),
    ]


def test_what_was_not_measured_has_no_row(samples: Samples) -> None:
    part: Samples = {"sign": samples["sign"]}
    assert [row[0] for row in table.figures(part)] == ["median (times ours)", "signing alone, CPU, µs"]
    assert [each.title for each in figures.judge(part)] == ["signing alone, CPU"]
    assert len(table.stations(part)) == 1


def test_rows_are_laid_out_in_columns() -> None:
    assert table.columns([("a", "b", ""), ("long", "1", "met")]) == "a     b\nlong  1  met"


# The bounds


def test_a_tenth_of_each_peer_keeps_every_bound(samples: Samples) -> None:
    verdicts = figures.judge(samples)
    assert [each.title for each in verdicts if not each.is_met] == []
    assert (verdicts[0].found, verdicts[0].spread) == ("0.10 of boto3", "0.10 to 0.10")


@pytest.mark.parametrize(
    ("what", "key", "missed"),
    [
        ("sync", "cpu", 2),
        ("async 1", "cpu", 1),
        ("async 64", "cpu", 1),
        ("async 512", "cpu", 1),
        ("start", "cpu", 3),
        ("start", "wall", 3),
        ("start", "memory", 2),
        ("start", "botocore", 1),
        ("import", "own_cpu", 1),
        ("import", "own_wall", 1),
        ("import", "botocore", 1),
        ("import, class", "botocore", 1),
        ("further", "memory", 1),
        ("further", "wall", 1),
        ("further, asked", "memory", 1),
        ("sign", "cpu", 1),
    ],
)
def test_a_figure_that_is_too_large_misses_each_of_its_bounds(
    samples: Samples, what: str, key: str, missed: int
) -> None:
    large = 1e6 if what.startswith("further") else 1.0
    samples[what][OURS] = [{**sample, key: large} for sample in samples[what][OURS]]
    assert sum(not each.is_met for each in figures.judge(samples)) == missed


def test_async_calls_are_held_against_the_best_of_the_others(samples: Samples) -> None:
    samples["async 64"]["capo"] = samples["async 64"][OURS]
    (verdict,) = [each for each in figures.judge(samples) if not each.is_met]
    assert (verdict.title, verdict.found) == ("async, 64 in flight, CPU a call", "1.00 of capo, the best")


# The documents


def test_the_readme_has_the_rows_of_the_page_of_costs() -> None:
    page = cells((ROOT / "docs" / "cost.md").read_text(encoding="utf-8"))
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    short = cells(readme.partition("<!-- measured: short -->")[2].partition("<!-- end of short -->")[0])
    assert [row[0] for row in short[1:]] == [f"{figure.title}, {figure.unit}" for figure in figures.SHORT]
    assert [row for row in short if row not in page] == []


def test_the_plot_shows_what_the_page_of_costs_says() -> None:
    rows = {row[0]: row[1:] for row in cells((ROOT / "docs" / "cost.md").read_text(encoding="utf-8"))}
    places = [ALL.index(name) for name in ASYNC]
    shown = re.findall(r"(\d+)(?=[,;.])", drawn((ROOT / "docs" / "cost.svg").read_text(encoding="utf-8")))
    written = [
        rows[f"async, {each} in flight, CPU a call, µs"][place].partition(" ")[0]
        for place in places
        for each in (1, 8, 64, 512)
    ]
    assert [float(each) for each in shown] == pytest.approx([float(each) for each in written], abs=0.5)


def drawn(svg: str) -> str:
    """Return the costs that a plot says in words."""
    found = re.search(r"<desc>[^:]*:(.*)</desc>", svg)
    assert found
    return found[1]


def test_documents_are_brought_up_to_date(samples: Samples, tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    for page in ("README.md", "docs/cost.md"):
        (tmp_path / page).write_bytes((ROOT / page).read_bytes())
    documents.write(tmp_path, "A machine.", samples)
    page = (tmp_path / "docs" / "cost.md").read_text(encoding="utf-8")
    assert "<!-- measured: about -->\n\nA machine.\n\n<!-- end of about -->" in page
    assert ["signing alone, CPU, µs", "2.0", "-", "20.0 (10.00)", "-", "-"] in cells(page)
    assert ["signing alone, CPU", "0.10 of boto3", "0.10 to 0.10", "0.20", "met"] in cells(page)
    assert ["the signature", "1", "1"] in cells(page)
    assert "| sync, CPU a call, µs | 2.0 |" in (tmp_path / "README.md").read_text(encoding="utf-8")
    assert drawn((tmp_path / "docs" / "cost.svg").read_text(encoding="utf-8")).startswith(f" {OURS} 2, 2, 2, 2;")


def test_only_what_is_between_the_marks_is_written_and_writing_again_changes_nothing() -> None:
    text = "before\n<!-- measured: x -->old<!-- end of x -->\nbehind\n"
    once = documents.rewritten(text, {"x": "new"})
    assert once == "before\n<!-- measured: x -->\n\nnew\n\n<!-- end of x -->\nbehind\n"
    assert documents.rewritten(once, {"x": "new"}) == once


@pytest.mark.parametrize("text", ["", "<!-- measured: x -->", "<!-- end of x -->"])
def test_a_page_without_the_marks_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no part for this: <!-- measured: x"):
        documents.rewritten(text, {"x": "new"})


# The command


def test_what_was_saved_is_shown_and_judged(
    samples: Samples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    saved = tmp_path / "saved.json"
    for cpu, code, word in ((1e-6, 0, "met"), (1.0, 1, "MISSED")):
        samples["sign"][OURS] = [{"cpu": cpu}]
        saved.write_text(json.dumps({"about": "A machine.", "samples": samples}), encoding="utf-8")
        monkeypatch.setattr(sys, "argv", ["", "--load", str(saved)])
        assert command.main() == code
        shown = capsys.readouterr().out
        assert shown.startswith("A machine.\n")
        assert re.search(rf"^signing alone, CPU +\S+ of boto3 .* {word}$", shown, re.MULTILINE)


def test_it_says_that_it_needs_linux(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "system", lambda: "Windows")
    monkeypatch.setattr(sys, "argv", [""])
    with pytest.raises(SystemExit, match="needs Linux"):
        command.main()


def test_each_stage_is_kept_as_soon_as_it_is_done(
    samples: Samples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def succeed(*_: object) -> Samples:
        return {"sign": samples["sign"]}

    def fail(*_: object) -> Samples:
        raise RuntimeError("the machine")

    def say(*_: object, **__: object) -> str:
        return "1"

    monkeypatch.setattr(platform, "system", lambda: "Linux")
    monkeypatch.setattr(os, "getloadavg", lambda: (0.1, 0.1, 0.1), raising=False)
    monkeypatch.setattr(command, "processor", say)
    monkeypatch.setattr(environments, "build", say)
    monkeypatch.setattr(environments, "version_of", say)
    monkeypatch.setattr(stages, "STAGES", {"sign": succeed, "decode": fail})
    monkeypatch.setattr(sys, "argv", ["", "--save", str(tmp_path / "saved.json")])
    with pytest.raises(RuntimeError, match="the machine"):
        command.main()
    saved = json.loads((tmp_path / "saved.json").read_text(encoding="utf-8"))
    assert saved["samples"] == {"sign": samples["sign"]}


# The contest


@pytest.fixture
def contest(tmp_path: Path) -> Iterator[Contest]:
    """Ours and httpx in the environment of the tests."""
    for name in (OURS, "httpx"):
        python = tmp_path / "environments" / name / "bin" / "python"
        python.parent.mkdir(parents=True)
        python.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" "$@"\n', encoding="utf-8")
        python.chmod(0o755)
    (tmp_path / "home").mkdir()
    with held(tmp_path / "environments", tmp_path / "home") as held_one:
        yield held_one


@linux_only
@pytest.mark.parametrize(
    ("what", "names"),
    [("sync", (OURS, "httpx")), ("async", (OURS, "httpx")), ("sign", (OURS,)), ("decode", (OURS,))],
)
def test_contestants_measure_what_their_turn_says(contest: Contest, what: str, names: tuple[str, ...]) -> None:
    """The package's part of the comparison goes with the package: what it imports is there."""
    turns = [Turn(contestant=name, figure="all", what=what, count=4, in_flight=2) for name in names]
    turns.append(Turn(contestant=OURS, figure="some", what=what, every=2))
    samples = contest.take_turns(turns, rounds=3)
    assert {name: len(rounds) for name, rounds in samples["all"].items()} == dict.fromkeys(names, 3)
    assert len(samples["some"][OURS]) == 2
    assert all(sample["cpu"] > 0 and sample["wall"] > 0 for sample in samples["all"][OURS])


@linux_only
@pytest.mark.parametrize(
    ("script", "told", "keys"),
    [
        pytest.param("first.py", ("ask",), {"cpu", "wall", "own_cpu", "own_wall", "memory", "botocore"}, id="ask"),
        pytest.param(
            "first.py", ("import",), {"cpu", "wall", "own_cpu", "own_wall", "memory", "botocore"}, id="import"
        ),
        pytest.param("first.py", ("door",), {"cpu", "wall", "own_cpu", "own_wall", "memory", "botocore"}, id="door"),
        pytest.param("further.py", ("further", "2"), {"cpu", "wall", "memory"}, id="further"),
        pytest.param("further.py", ("further_asked", "2"), {"cpu", "wall", "memory"}, id="further-asked"),
    ],
)
def test_contestants_start_anew_for_each_round(
    contest: Contest, script: str, told: tuple[str, ...], keys: set[str]
) -> None:
    starts = [Start(contestant=name, figure="it", script=script, told=told) for name in (OURS, "httpx")]
    samples = contest.start(starts, rounds=1)
    assert [[sample.keys() for sample in samples["it"][name]] for name in (OURS, "httpx")] == [[keys], [keys]]


@linux_only
def test_a_profile_takes_the_place_of_the_environments_keys(contest: Contest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor does anything else that this process has in its environment reach a contestant."""
    monkeypatch.setenv("AWS_REGION", "not a region")
    start = Start(contestant=OURS, figure="it", script="first.py", told=("ask",), has_profile=True)
    (sample,) = contest.start([start], rounds=1)["it"][OURS]
    assert sample["botocore"] in (0, 1)


@pytest.mark.parametrize("station", f"{CONNECTING} {LINKING}".split())
def test_a_station_of_the_connection_counts_as_the_connections(station: str) -> None:
    """One that the pattern forgets would be the call's."""
    path = SOURCE / f"{station}.py"
    assert path.is_file()
    assert STATIONS["station_of"](os.fspath(path)) == "the connection: pool, HTTP/1.1, deadlines of reads"


@linux_only
def test_the_profile_of_a_call_has_every_station(contest: Contest) -> None:
    for act in ("sync", "async"):
        start = Start(contestant=OURS, figure="it", script="stations.py", told=(act, "5"))
        (costs,) = contest.start([start], rounds=1)["it"][OURS]
        assert [*costs] == [*STATIONS["STATIONS"]]
