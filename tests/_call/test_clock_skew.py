"""Clock skew: what a response tells of the service's clock."""

from __future__ import annotations

from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codepipeline_client._call.exchange import Skew, is_notable, seen_skew

NOON = 1_795_348_800.0


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
