"""The guard of what a call costs: it passes, and would not if a call cost much more."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from codepipeline_client import AttemptReport
from tests.benchmarks import guard


def run_instructions(_: AttemptReport) -> None:
    for _number in range(10_000):
        pass


def allocate(_: AttemptReport) -> None:
    bytes(1_000_000)


def test_a_call_costs_no_more_than_it_may() -> None:
    comparisons = guard.measure()
    assert [each.title for each in comparisons] == [*guard.BOUNDS]
    assert [each for each in comparisons if not each.is_kept()] == []


@pytest.mark.parametrize("work", [run_instructions, allocate])
def test_more_work_in_each_call_breaks_every_bound(work: Callable[[AttemptReport], None]) -> None:
    options = {"on_attempt": work}
    comparisons = guard.measure(sync_options=options, async_options=options)
    assert [each for each in comparisons if each.is_kept()] == []


def test_httpxs_own_pool_breaks_the_bounds_of_loopback() -> None:
    """The bounds hold what a call saves by the client's own connection pool, not only that it costs less than httpx."""
    with httpx.HTTPTransport() as transport:
        comparisons = guard.measure(
            sync_options={"transport": transport}, async_options={"transport": httpx.AsyncHTTPTransport()}
        )
    assert [each.title for each in comparisons if not each.is_kept()] == ["sync, loopback", "async, loopback"]


def test_the_command_tells_by_its_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bare = guard.Cost(instructions=100, memory=100)
    for instructions, code, word in ((50, 0, "met"), (51, 1, "MISSED")):
        ours = guard.Cost(instructions=instructions, memory=100)
        monkeypatch.setattr(guard, "measure", lambda ours=ours: [guard.Comparison("sync, loopback", ours, bare)])
        assert guard.main() == code
        assert capsys.readouterr().out.rstrip().endswith(word)
