"""The rate limiter: as in botocore's adaptive mode, and as the budget of many executions."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from heapq import heappop, heappush
from importlib import import_module
from itertools import repeat
from math import inf
from types import SimpleNamespace
from typing import Any, Final, NamedTuple

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from codepipeline_client._call.rate_limiter import MIN_RATE, RateLimiter
from tests.outcomes import about

botocore_adaptive = import_module("botocore.retries.adaptive")
botocore_bucket = import_module("botocore.retries.bucket")
botocore_throttling = import_module("botocore.retries.throttling")

START: Final = 1000.3


def sent(limiter: RateLimiter, requests: int, *, at: float = 0.0) -> list[float]:
    """Send so many requests, each as soon as it may, and return when."""
    moments: list[float] = []
    for _ in range(requests):
        at += limiter.wait(at)
        limiter.reserve(at)
        moments.append(at)
    return moments


# The adaptive mode


def test_threads_get_a_token_each() -> None:
    """No two wait equally long, and the last as long as the tokens take."""
    limiter = RateLimiter(START)
    limiter.record(START, throttled=True)
    with ThreadPoolExecutor(20) as pool:
        waits = sorted(pool.map(limiter.reserve, repeat(START, 2000)))
    assert waits == [about(2.0 * place) for place in range(1, 2001)]


class Condition(nullcontext[None]):
    """What botocore waits on for tokens: here the time passes at once."""

    def __init__(self, time: SimpleNamespace) -> None:
        super().__init__()
        self.time = time
        self.waited = 0.0

    def notify(self) -> None:
        """Nobody else waits."""

    def wait(self, seconds: float) -> None:
        step = max(seconds, 1e-9)  # less might be lost beside the time of day
        self.time.now += step
        self.waited += step


class Detector:
    """botocore asks for what is known already."""

    def is_throttling_error(self, *, throttled: bool) -> bool:
        return throttled


def botocores(time: SimpleNamespace) -> tuple[Any, Any, Condition]:
    """Return botocore's limiter, its bucket, and what it waits on."""
    bucket = botocore_bucket.TokenBucket(max_rate=1, clock=time)
    bucket._new_fill_rate_condition = condition = Condition(time)  # the only place to let time pass
    limiter = botocore_adaptive.ClientRateLimiter(
        rate_adjustor=botocore_throttling.CubicCalculator(starting_max_rate=0, start_time=time.now),
        rate_clocker=botocore_adaptive.RateClocker(time),
        token_bucket=bucket,
        throttling_detector=Detector(),
        clock=time,
    )
    return limiter, bucket, condition


@given(st.lists(st.tuples(st.floats(0.0, 3.0), st.floats(0.0, 1.0), st.booleans()), max_size=120))
def test_rates_and_waits_are_botocores(events: list[tuple[float, float, bool]]) -> None:
    """Side by side through the same requests and responses, one after the other."""
    time = SimpleNamespace(now=START)
    time.current_time = lambda: time.now
    limiter = RateLimiter(START)
    theirs, bucket, condition = botocores(time)
    for gap, latency, throttled in events:
        time.now += gap
        now, condition.waited = time.now, 0.0
        theirs.on_sending_request(None)
        assert limiter.reserve(now) == about(condition.waited)
        time.now += latency
        limiter.record(time.now, throttled=throttled)
        theirs.on_receiving_response(throttled=throttled)
        if limiter.rate < inf:
            assert limiter.rate == about(bucket.max_rate)


# The budget of many executions


def test_requests_of_a_budget_keep_their_distance() -> None:
    """Also the first ones, and after a rest: one is sent at once, and no two together."""
    limiter = RateLimiter(max_rate=4.0)
    assert sent(limiter, 5) == [about(place / 4.0) for place in range(5)]
    first, second, third = sent(limiter, 3, at=1000.0)
    assert (first, second, third) == (1000.0, about(1000.0 + 0.1 / 4.0), about(1000.0 + 1.1 / 4.0))


def test_a_failure_may_be_recorded_late() -> None:
    """A poll may have ended while nobody looked."""
    limiter = RateLimiter(max_rate=10.0)
    sent(limiter, 1, at=5.0)
    limiter.record(1.0, throttled=True)
    assert limiter.rate == about(7.0)
    assert limiter.wait(5.0) == about(0.1 / 7.0)


def test_a_throttle_cuts_the_rate_of_a_budget_for_twenty_seconds() -> None:
    """By 30 %; then the rate comes back, and goes beyond if the caller allows as much."""
    limiter = RateLimiter(max_rate=50.0)
    limiter.record(100.0, throttled=True)
    rates: list[float] = [limiter.rate]
    for moment in (110.0, 120.0, 140.0, 1e6):
        limiter.record(moment, throttled=False)
        rates.append(limiter.rate)
    assert rates == [about(35.0), about(50.0 * (1.0 - 0.3 / 8)), *[about(50.0)] * 3]
    for moment in (2e6, 2e6 + 1):
        limiter.record(moment, throttled=True)
    for moment, rate in ((2e6 + 21, 35.0), (2e6 + 41, 35.0 * 1.3), (2e6 + 61, 50.0)):
        limiter.record(moment, throttled=False)
        assert limiter.rate == about(rate)


@pytest.mark.parametrize(("most", "least"), [(10.0, MIN_RATE), (0.1, 0.1)])
def test_the_rate_of_a_budget_never_falls_below_the_lowest(most: float, least: float) -> None:
    """Nor rises to that if the caller wants less."""
    limiter = RateLimiter(max_rate=most)
    for moment in range(1, 100):
        limiter.record(moment / 100, throttled=True)
    assert limiter.rate == least


CALLS: Final = st.lists(
    st.tuples(st.floats(0.0, 30.0), st.floats(0.0, 5.0), st.integers(0, 4), st.booleans()), min_size=1, max_size=40
)


@given(st.floats(0.01, 1000.0), CALLS)
@example(10.0, [(0.0, 0.0, 1, True)] * 60)
@example(10.0, [(0.0, 0.0, 0, False)] * 60)
def test_for_any_order_of_calls_the_budget_is_kept(most: float, calls: list[tuple[float, float, int, bool]]) -> None:
    """In any stretch there are no more requests than the rate allows, but for one token that was kept."""
    limiter, now = RateLimiter(max_rate=most), 0.0
    requests_sent: list[tuple[float, int]] = []
    for rest, latency, requests, throttled in calls:
        [began] = sent(limiter, 1, at=now + rest)
        now = began + latency
        limiter.give_back(1.0 - requests)
        limiter.record(now, throttled=throttled)
        requests_sent.append((began, requests))
        assert min(MIN_RATE, most) <= limiter.rate <= most
    for place, (earliest, _) in enumerate(requests_sent):
        for end, (latest, _) in enumerate(requests_sent[place:], place):
            before = sum(requests for _, requests in requests_sent[place:end])  # the last call may retry at will
            assert before + 1 <= 1.9 + (latest - earliest) * most + 1e-3


class Service(NamedTuple):
    """How many calls a second a service takes, and how."""

    limit: float
    burst: float
    latency: float
    by_the_second: bool = False
    """Whether it counts the calls of each second, and not the tokens in a bucket."""


def thrown_at(service: Service, most: float, *, seconds: float) -> tuple[list[bool], float]:
    """Return which calls were throttled, when as many are made as the budget allows, and the good ones in a second."""
    limiter, now, tokens, filled = RateLimiter(max_rate=most), 0.0, service.burst, 0.0
    in_flight: list[tuple[float, int, float, bool]] = []
    throttles: list[bool] = []
    counted: dict[int, int] = {}
    while now < seconds:
        wait = limiter.wait(now)
        if in_flight and in_flight[0][0] <= now + wait:
            now, _, began, throttled = heappop(in_flight)
            limiter.record(now, throttled=throttled and began > limiter.throttled_at)
            continue
        now += wait
        limiter.reserve(now)
        tokens, filled = min(tokens + (now - filled) * service.limit, service.burst), now
        counted[int(now)] = counted.get(int(now), 0) + 1
        throttled = counted[int(now)] > service.limit if service.by_the_second else tokens < 1
        tokens -= not throttled
        heappush(in_flight, (now + service.latency, len(throttles), now, throttled))
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
def test_a_budget_finds_the_limit_of_a_service(most: float, service: Service) -> None:
    """After the first calls under one in twenty is throttled, and eight tenths of the limit are used."""
    throttles, good = thrown_at(service, most, seconds=300.0)
    assert any(throttles)
    settled = throttles[len(throttles) // 4 :]
    assert sum(settled) / len(settled) < 0.05
    assert good > 0.8 * service.limit


def test_a_budget_is_used_where_it_is_below_the_limit() -> None:
    """Nothing is throttled, and nothing given away."""
    throttles, good = thrown_at(Service(limit=20.0, burst=20.0, latency=0.05), 10.0, seconds=300.0)
    assert not any(throttles)
    assert good == pytest.approx(10.0, rel=0.01)
