"""Time: how much a call has left, and how far the service's clock is from ours."""

from __future__ import annotations

from email.utils import formatdate
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codepipeline_client._clock import Deadline, Skew, is_notable, seen_skew

NOON = 1_795_348_800.0


class Ticking:
    now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("seconds", "passed", "left", "over"),
    [
        pytest.param(None, 1e9, inf, False, id="no-limit"),
        pytest.param(3.0, 0.0, 3.0, False, id="fresh"),
        pytest.param(3.0, 2.0, 1.0, False, id="some-left"),
        pytest.param(3.0, 3.0, 0.0, True, id="over"),
        pytest.param(3.0, 5.0, -2.0, True, id="long-over"),
    ],
)
def test_a_deadline_tells_what_is_left(seconds: float | None, passed: float, left: float, over: bool) -> None:
    clock = Ticking()
    deadline = Deadline(seconds, clock.monotonic)
    clock.now += passed
    assert deadline.left() == left
    assert deadline.has_passed is over
    assert deadline.seconds == seconds


@pytest.mark.parametrize(
    ("left", "wanted", "may"),
    [
        pytest.param(None, None, None, id="no-limit-at-all"),
        pytest.param(None, 5.0, 5.0, id="only-the-steps-own"),
        pytest.param(3.0, None, 3.0, id="only-the-calls"),
        pytest.param(3.0, 5.0, 3.0, id="the-call-ends-first"),
        pytest.param(3.0, 1.0, 1.0, id="the-step-ends-first"),
    ],
)
def test_a_step_may_take_the_smaller_of_the_two(left: float | None, wanted: float | None, may: float | None) -> None:
    assert Deadline(left, Ticking().monotonic).within(wanted) == may


def test_a_step_after_the_end_may_take_no_time_but_never_less() -> None:
    clock = Ticking()
    deadline = Deadline(1.0, clock.monotonic)
    clock.now += 9.0
    assert deadline.within(None) == deadline.within(5.0) == 0.0


def date(seconds: float) -> str:
    return formatdate(seconds, usegmt=True)


@pytest.mark.parametrize(
    ("headers", "sent", "received", "skew"),
    [
        pytest.param({"date": date(NOON)}, NOON, NOON, 0.0, id="in-step"),
        pytest.param({"date": date(NOON + 3600)}, NOON - 1, NOON + 1, 3600.0, id="ahead-of-the-midpoint"),
        pytest.param({"date": date(NOON - 3600)}, NOON, NOON, -3600.0, id="behind"),
        pytest.param({}, NOON, NOON, None, id="no-date"),
        pytest.param({"date": date(NOON), "age": "0"}, NOON, NOON, None, id="from-a-cache"),
        pytest.param({"date": date(NOON)}, NOON - 450, NOON + 449, 0.5, id="just-in-time"),
        pytest.param({"date": date(NOON)}, NOON - 450, NOON + 450, None, id="took-15-minutes"),
        pytest.param({"date": date(NOON)}, NOON + 1, NOON, None, id="our-clock-was-set-back"),
        pytest.param({"date": "Wed, 31 Dec 1969 23:59:59 GMT"}, NOON, NOON, None, id="before-1970"),
        pytest.param({"date": "Fri, 31 Dec 2999 23:59:59 GMT"}, 0.0, 0.0, 32_503_679_999.0, id="before-3000"),
        pytest.param({"date": "Wed, 01 Jan 3000 00:00:00 GMT"}, 0.0, 0.0, None, id="3000"),
        pytest.param({"date": "yesterday"}, NOON, NOON, None, id="no-such-date"),
        pytest.param({"date": "Sun, 22 Nov 2026 12:00:00 -0000"}, NOON, NOON, 0.0, id="no-zone-is-gmt"),
        pytest.param({"date": "Sun, 22 Nov 2026 13:00:00 +0100"}, NOON, NOON, 0.0, id="another-zone"),
        pytest.param({"date": "Sun, 22 Nov 2026 12:00:00 +99999999999999"}, NOON, NOON, None, id="no-such-zone"),
        pytest.param({"date": f"{date(NOON)}, {date(NOON)}"}, NOON, NOON, 0.0, id="two-dates-the-first-counts"),
    ],
)
def test_an_answer_tells_the_services_time(
    headers: dict[str, str], sent: float, received: float, skew: float | None
) -> None:
    assert seen_skew(headers, sent=sent, received=received) == skew


@given(st.text(max_size=40))
def test_no_date_raises(text: str) -> None:
    assert isinstance(seen_skew({"date": text}, sent=NOON, received=NOON), float | None)


def test_the_last_answer_counts() -> None:
    skew = Skew()
    assert (skew.seconds, skew.is_known) == (0.0, False)
    skew.correct(3600)
    skew.correct(-5)
    assert (skew.seconds, skew.is_known) == (-5, True)


@pytest.mark.parametrize(("believed", "seen", "notable"), [(0, 240, False), (0, 241, True), (-121, 120, True)])
def test_more_than_four_minutes_matter(believed: float, seen: float, notable: bool) -> None:
    assert is_notable(believed, seen) is notable
    assert is_notable(seen, believed) is notable
