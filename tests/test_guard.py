"""The guard of what a call costs: it passes, and it would not if a call cost much more."""

from __future__ import annotations

import pytest

from codepipeline_client import AttemptReport, _async_link, _link
from codepipeline_client._line import Line
from tests.benchmarks import guard


def test_a_call_costs_no_more_than_it_may() -> None:
    findings = guard.measure()
    assert [each.title for each in findings] == [*guard.BOUNDS]
    assert [each for each in findings if not each.is_kept()] == []


def test_work_in_each_call_is_noticed() -> None:
    def work(_: AttemptReport) -> None:
        for _number in range(10_000):
            pass

    findings = guard.measure(on_attempt=work)
    assert [each for each in findings if each.is_kept()] == []


def test_a_detour_of_each_call_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a call spares by going past httpcore is held, not only that it costs less than httpx."""

    def never(_line: Line, _kind: str, _method: str) -> bool:
        return False

    for link in (_link, _async_link):
        monkeypatch.setattr(link, "goes_plainly", never)
    broken = [each.title for each in guard.measure() if not each.is_kept()]
    assert broken == ["sync, loopback", "async, loopback"]


def test_memory_in_each_call_is_noticed() -> None:
    def take(_: AttemptReport) -> None:
        bytes(1_000_000)

    findings = guard.measure(on_attempt=take)
    assert [each for each in findings if each.is_kept()] == []


def test_the_command_tells_by_its_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bare = guard.Count(instructions=100, memory=100)
    for instructions, code, word in ((50, 0, "kept"), (51, 1, "BROKEN")):
        ours = guard.Count(instructions=instructions, memory=100)
        monkeypatch.setattr(guard, "measure", lambda ours=ours: [guard.Finding("sync, loopback", ours, bare)])
        assert guard.main() == code
        assert capsys.readouterr().out.rstrip().endswith(word)
