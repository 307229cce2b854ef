"""The budget of many: what it makes of moments and throttles."""

from __future__ import annotations

from heapq import heappop, heappush
from math import inf, nan
from typing import Final

import pytest
from attrs import frozen
from hypothesis import example, given
from hypothesis import strategies as st

from codepipeline_client import ConfigurationError
from codepipeline_client._budget import MIN_RATE, SLACK, Budget


def about(expected: float) -> object:
    """Return what equals *expected* up to the rounding of floats."""
    return pytest.approx(expected, rel=1e-6, abs=1e-6)


def begun(budget: Budget, calls: int, *, at: float = 0.0) -> list[float]:
    """Begin so many calls, each as soon as it may, and return when they began."""
    moments: list[float] = []
    for _ in range(calls):
        at += budget.wait(at)
        budget.begin(at)
        moments.append(at)
    return moments


def throttle(budget: Budget, at: float, *, began: float | None = None) -> float:
    """Let a call be throttled, and return the rate after that."""
    budget.end(at, began=at if began is None else began, requests=1, throttled=True)
    return budget.rate


# What may be asked for


@pytest.mark.parametrize("given_rate", [0.01, 1, 10.0, 1000])
def test_it_begins_with_the_highest_rate(given_rate: float) -> None:
    """As the caller says."""
    assert Budget(given_rate).rate == given_rate


@pytest.mark.parametrize("given_rate", [0, -1, 0.009, 1001, inf, nan, True, False, None, "10", [10]], ids=repr)
def test_a_rate_that_cannot_be_meant_is_refused(given_rate: object) -> None:
    """And named."""
    with pytest.raises(ConfigurationError, match=r"max_calls_per_second must be a number from 0\.01 to 1000, not "):
        Budget(given_rate)


# Calls


def test_calls_begin_one_after_the_other() -> None:
    """Also the first ones: there is no burst to begin with."""
    assert begun(Budget(4.0), 5) == [about(place / 4.0) for place in range(5)]


def test_a_rest_is_no_reason_for_a_burst() -> None:
    """After any rest one call begins at once, and no two together."""
    budget = Budget(4.0)
    begun(budget, 3)
    first, second, third = begun(budget, 3, at=1000.0)
    assert first == 1000.0
    assert second == about(1000.0 + 0.1 / 4.0)
    assert third == about(second + 1.0 / 4.0)


def test_a_call_that_begins_late_costs_nothing() -> None:
    """The next comes earlier by as much, as far as it is less than the time between two."""
    budget = Budget(10.0)
    begun(budget, 1)
    assert begun(budget, 1, at=0.15) == [0.15]
    assert begun(budget, 1, at=0.15) == [about(0.2)]


@pytest.mark.parametrize(
    ("requests", "wait"),
    [
        pytest.param(1, 0.1, id="one-as-foreseen"),
        pytest.param(3, 0.3, id="retries"),
        pytest.param(0, 0.0, id="nothing-was-sent"),
    ],
)
def test_a_call_costs_what_it_has_sent(requests: int, wait: float) -> None:
    """Retries take from the budget, too; what was refused before it was sent does not."""
    budget = Budget(10.0)
    begun(budget, 1)
    budget.end(0.0, began=0.0, requests=requests, throttled=False)
    assert budget.wait(0.0) == about(wait)


def test_calls_that_sent_nothing_save_up_for_no_burst() -> None:
    """However many they are."""
    budget = Budget(10.0)
    for _ in range(100):
        budget.end(0.0, began=0.0, requests=0, throttled=False)
    assert begun(budget, 3) == [0.0, about(0.01), about(0.11)]


def test_a_wait_that_no_clock_would_show_is_none() -> None:
    """A sum of floats may fall short of the moment: to sleep the rest could move no clock, and so go on for ever."""
    budget = Budget(10.0)
    begun(budget, 1)
    assert budget.wait(0.1 - SLACK * 3) > SLACK
    assert budget.wait(0.1 - SLACK / 2) == 0.0


def test_news_of_the_past_change_no_moment() -> None:
    """A call may have ended while nobody looked."""
    budget = Budget(10.0)
    begun(budget, 1, at=5.0)
    budget.end(1.0, began=0.9, requests=1, throttled=True)
    assert budget.wait(5.0) == about(0.1 / 7.0)
    assert budget.rate == about(7.0)


# Throttles


def test_a_throttle_lowers_the_rate_which_then_comes_back() -> None:
    """By three tenths; in twenty seconds to where it was, in forty as far beyond, if the caller allows as much."""
    budget = Budget(50.0)
    throttle(budget, 100.0)
    rates: list[float] = []
    for moment in (100.0, 110.0, 120.0, 130.0, 140.0, 1e6):
        budget.wait(moment)
        rates.append(budget.rate)
    assert rates[0] == about(35.0)
    assert rates[1] == about(50.0 * (1.0 - 0.3 / 8))
    assert rates[2:] == [about(50.0)] * 4


def test_the_rate_grows_beyond_what_was_too_much() -> None:
    """Others may have used the service, and have stopped."""
    budget = Budget(50.0)
    throttle(budget, 100.0)
    throttle(budget, 101.0)
    too_much = 50.0 * (1.0 - 0.3 * 0.95**3)
    budget.wait(121.0)
    assert budget.rate == about(too_much)
    budget.wait(141.0)
    assert budget.rate == about(too_much * 1.3)
    budget.wait(151.0)
    assert budget.rate == 50.0


def test_throttles_of_calls_that_were_under_way_together_count_once() -> None:
    """Those that began before the rate was lowered tell nothing new; one that began after does."""
    budget = Budget(10.0)
    assert throttle(budget, 5.0, began=4.0) == about(7.0)
    for began in (3.0, 4.5, 5.0):
        assert throttle(budget, 5.0, began=began) == about(7.0)
    assert throttle(budget, 5.2, began=5.1) == about(0.7 * 10.0 * (1.0 - 0.3 * 0.99**3))


@pytest.mark.parametrize(("most", "least"), [(10.0, MIN_RATE), (0.1, 0.1)])
def test_the_rate_never_falls_below_the_lowest(most: float, least: float) -> None:
    """Nor rises to it when the caller wants less."""
    budget = Budget(most)
    for moment in range(1, 100):
        throttle(budget, moment / 100)
    assert budget.rate == least


EVENTS: Final = st.lists(
    st.tuples(st.floats(0.0, 30.0), st.floats(0.0, 5.0), st.integers(0, 4), st.booleans()), min_size=1, max_size=40
)


@given(st.floats(0.01, 1000.0), EVENTS)
@example(10.0, [(0.0, 0.0, 1, True)] * 60)
@example(10.0, [(0.0, 0.0, 0, False)] * 60)
def test_for_any_order_of_calls_the_rate_is_kept(most: float, events: list[tuple[float, float, int, bool]]) -> None:
    """It stays in its bounds, and in any stretch there are no more requests than it allows, but for one kept call."""
    budget, now = Budget(most), 0.0
    sent: list[tuple[float, int]] = []
    for rest, latency, requests, throttled in events:
        now += rest
        [began] = begun(budget, 1, at=now)
        now = began + latency
        budget.end(now, began=began, requests=requests, throttled=throttled)
        sent.append((began, requests))
        assert min(MIN_RATE, most) <= budget.rate <= most
    for place, (earliest, _) in enumerate(sent):
        for end, (latest, _) in enumerate(sent[place:], place):
            before = sum(requests for _, requests in sent[place:end])  # the last call of a stretch may retry at will
            assert before + 1 <= 1.9 + (latest - earliest) * most + 1e-3


@given(st.floats(0.01, 1000.0), EVENTS)
def test_a_wait_is_long_enough(most: float, events: list[tuple[float, float, int, bool]]) -> None:
    """Who has waited as told may begin."""
    budget, now = Budget(most), 0.0
    for rest, latency, requests, throttled in events:
        now += rest
        wait = budget.wait(now)
        assert 0.0 <= wait < inf
        now += wait
        assert budget.wait(now) == 0.0
        budget.begin(now)
        began, now = now, now + latency
        budget.end(now, began=began, requests=requests, throttled=throttled)


# All of it, against a service with a limit


@frozen(kw_only=True)
class Service:
    """How many calls a second a service takes, and how."""

    limit: float
    burst: float
    latency: float
    by_the_second: bool = False
    """Whether it counts the calls of each second, and not the tokens in a bucket."""


def thrown_at(service: Service, most: float, *, seconds: float) -> tuple[list[bool], float]:
    """Return which calls were throttled, when as many are made as the budget allows, and the good ones in a second."""
    budget, now, tokens, filled = Budget(most), 0.0, service.burst, 0.0
    under_way: list[tuple[float, int, float, bool]] = []
    throttles: list[bool] = []
    counted: dict[int, int] = {}
    while now < seconds:
        wait = budget.wait(now)
        if under_way and under_way[0][0] <= now + wait:
            now, _, began, throttled = heappop(under_way)
            budget.end(now, began=began, requests=1, throttled=throttled)
            continue
        now += wait
        budget.begin(now)
        tokens, filled = min(tokens + (now - filled) * service.limit, service.burst), now
        counted[int(now)] = counted.get(int(now), 0) + 1
        throttled = counted[int(now)] > service.limit if service.by_the_second else tokens < 1
        tokens -= not throttled
        heappush(under_way, (now + service.latency, len(throttles), now, throttled))
        throttles.append(throttled)
    return throttles, throttles.count(False) / seconds


@pytest.mark.parametrize(
    ("most", "service"),
    [
        pytest.param(50.0, Service(limit=20.0, burst=20.0, latency=0.1), id="usual"),
        pytest.param(50.0, Service(limit=20.0, burst=1.0, latency=0.0), id="strict"),
        pytest.param(50.0, Service(limit=20.0, burst=1.0, latency=0.05, by_the_second=True), id="by-the-second"),
        pytest.param(25.0, Service(limit=20.0, burst=20.0, latency=0.05), id="nearly-enough"),
        pytest.param(100.0, Service(limit=5.0, burst=5.0, latency=0.3), id="slow"),
        pytest.param(1000.0, Service(limit=20.0, burst=20.0, latency=0.05), id="far-too-many"),
        pytest.param(10.0, Service(limit=2.0, burst=2.0, latency=0.05), id="few"),
    ],
)
def test_it_finds_the_limit_of_a_service(most: float, service: Service) -> None:
    """After the first calls under one in twenty is throttled, and eight tenths of the limit are used."""
    throttles, good = thrown_at(service, most, seconds=300.0)
    assert any(throttles)
    settled = throttles[len(throttles) // 4 :]
    assert sum(settled) / len(settled) < 0.05
    assert good > 0.8 * service.limit


def test_it_asks_as_often_as_it_may_where_that_is_little() -> None:
    """Nothing is throttled, and nothing given away."""
    throttles, good = thrown_at(Service(limit=20.0, burst=20.0, latency=0.05), 10.0, seconds=300.0)
    assert not any(throttles)
    assert good == pytest.approx(10.0, rel=0.01)
