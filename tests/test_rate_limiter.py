"""The rate limiter: what it makes of answers and moments, as botocore's adaptive mode has it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from math import cbrt, inf, isfinite
from typing import Any, Final

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from codepipeline_client._rate_limiter import MIN_RATE, Curve, Meter, RateLimiter, Tokens

botocore_adaptive = import_module("botocore.retries.adaptive")
botocore_bucket = import_module("botocore.retries.bucket")
botocore_throttling = import_module("botocore.retries.throttling")

START: Final = 1000.3


def about(expected: float) -> object:
    """Return what equals *expected* up to the rounding of floats."""
    return pytest.approx(expected, rel=1e-6, abs=1e-6)


class Time:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = START

    def monotonic(self) -> float:
        return self.now

    def current_time(self) -> float:
        """As botocore asks for it."""
        return self.now


# The measured rate


def test_answers_are_counted_over_half_seconds() -> None:
    """Eight tenths of the newest count, two of all before."""
    meter = Meter(10.2)
    assert [meter.count(now) for now in (10.2, 10.3, 10.49)] == [0.0, 0.0, 0.0]
    assert meter.count(10.5) == about(0.8 * 4 / 0.5)
    assert meter.count(10.9) == about(6.4)
    assert meter.count(11.0) == about(0.8 * 2 / 0.5 + 0.2 * 6.4)
    assert meter.count(15.1) == about(0.8 * 1 / 4.0 + 0.2 * 4.48)


# The rate that is allowed


@pytest.mark.parametrize(
    ("rate", "seconds", "expected"),
    [
        pytest.param(10.0, 0.0, 7.0, id="begins-where-it-fell-to"),
        pytest.param(10.0, cbrt(7.5), 10.0, id="flat-at-what-was-too-much"),
        pytest.param(10.0, 2 * cbrt(7.5), 13.0, id="grows-beyond"),
        pytest.param(0.0, 2.0, 3.2, id="from-nothing"),
    ],
)
def test_the_rate_falls_by_three_tenths_and_grows_as_a_cube(rate: float, seconds: float, expected: float) -> None:
    """0.4 * (dt - k)**3 + w_max, with k so that it begins at 0.7 * w_max."""
    curve = Curve(0.0)
    assert curve.fall(rate, 100.0) == about(rate * 0.7)
    assert curve.grow(100.0 + seconds) == about(expected)


# Tokens


def test_tokens_come_at_the_rate_and_are_owed_in_order() -> None:
    """Each one later than the one before."""
    tokens = Tokens(0.0)
    tokens.refill(4.0, 0.0)
    assert [tokens.take(0.0) for _ in range(3)] == [0.25, 0.5, 0.75]
    assert tokens.take(0.5) == 0.5
    tokens.give_back()
    assert tokens.take(0.5) == 0.5


def test_tokens_do_not_add_up_beyond_a_second_of_them() -> None:
    """A long rest is no reason for a burst."""
    tokens = Tokens(0.0)
    tokens.refill(3.0, 0.0)
    assert [tokens.take(100.0) for _ in range(4)] == [0.0, 0.0, 0.0, about(1 / 3)]
    tokens.refill(3.0, 200.0)
    tokens.give_back()
    assert [tokens.take(200.0) for _ in range(4)] == [0.0, 0.0, 0.0, about(1 / 3)]


def test_a_lower_rate_takes_away_what_is_beyond_it() -> None:
    """And never goes below the lowest; at which one token may still be kept."""
    tokens = Tokens(0.0)
    tokens.refill(5.0, 0.0)
    tokens.refill(0.1, 10.0)
    assert tokens.rate == MIN_RATE == 0.5
    assert [tokens.take(10.0) for _ in range(2)] == [0.0, 2.0]


# All of it


def test_without_a_throttle_nothing_is_limited() -> None:
    """Nothing is reserved either."""
    time = Time()
    limiter = RateLimiter(time.monotonic)
    for _ in range(100):
        time.now += 0.01
        assert limiter.reserve() is None
        limiter.answered(throttled=False)
    assert limiter.rate == inf


def test_a_throttle_sets_the_rate_below_the_measured_one() -> None:
    """A second throttle starts from what was allowed, where that is less than what is measured."""
    time = Time()
    limiter = RateLimiter(time.monotonic)
    meter = Meter(time.now)
    for _ in range(100):
        time.now += 0.05
        limiter.answered(throttled=False)
        meter.count(time.now)
    measured = meter.count(time.now)
    limiter.answered(throttled=True)
    assert limiter.rate == about(0.7 * measured)
    limiter.answered(throttled=True)
    assert limiter.rate == about(0.49 * measured)


EVENTS: Final = st.lists(
    st.tuples(st.floats(0.0, 3.0), st.floats(0.0, 1.0), st.booleans(), st.booleans()), max_size=120
)


@given(EVENTS)
@example([(0.0, 0.01, False, True)] * 80 + [(0.0, 0.0, True, True)] * 40)
def test_for_any_order_of_answers_the_rate_stays_in_its_bounds(events: list[tuple[float, float, bool, bool]]) -> None:
    """Never above twice the measured rate, never below one in two seconds; no wait is negative or endless."""
    time = Time()
    limiter, meter = RateLimiter(time.monotonic), Meter(time.now)
    limited = False
    for gap, latency, throttled, sent in events:
        time.now += gap
        wait = limiter.reserve()
        assert (wait is not None) is limited
        if wait is not None:
            assert wait >= 0.0
            assert isfinite(wait)
            if not sent:
                limiter.give_back()
                continue
        time.now += latency
        limiter.answered(throttled=throttled)
        measured = meter.count(time.now)
        limited = limited or throttled
        assert (limiter.rate < inf) is limited
        if limited:
            assert MIN_RATE <= limiter.rate <= max(2 * measured, MIN_RATE)


@given(st.lists(st.tuples(st.floats(0.0, 2.0), st.integers(0, 5)), min_size=1, max_size=60))
def test_sends_that_wait_as_told_keep_the_rate(arrivals: list[tuple[float, int]]) -> None:
    """In any stretch of time there are no more sends than tokens that came in it, and those kept before."""
    time = Time()
    limiter = RateLimiter(time.monotonic)
    for _ in range(40):
        time.now += 0.1
        limiter.answered(throttled=False)
    limiter.answered(throttled=True)
    rate = limiter.rate
    sends: list[float] = []
    for gap, callers in arrivals:
        time.now += gap
        sends += [time.now + (limiter.reserve() or 0.0) for _ in range(callers)]
    assert sends == sorted(sends)
    for place, earliest in enumerate(sends):
        for more, latest in enumerate(sends[place:], 1):
            assert more <= max(rate, 1.0) + (latest - earliest) * rate + 1e-6


@pytest.fixture
def hasty_threads() -> Iterator[None]:
    """Threads take turns as often as they can."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)


@pytest.mark.usefixtures("hasty_threads")
def test_threads_get_a_token_each() -> None:
    """Fifty threads: no two wait equally long, and the last as long as the tokens take."""
    time = Time()
    limiter = RateLimiter(time.monotonic)
    limiter.answered(throttled=True)

    def reserve(_: int) -> list[float]:
        return [limiter.reserve() or 0.0 for _ in range(100)]

    with ThreadPoolExecutor(50) as pool:
        waits = sorted(wait for each in pool.map(reserve, range(50)) for wait in each)
    assert waits == [about(2.0 * place) for place in range(1, 5001)]


# botocore's own


class Turn:
    """What botocore waits on for tokens: here the time passes at once."""

    def __init__(self, time: Time) -> None:
        self.time = time
        self.waited = 0.0

    def __enter__(self) -> None:
        """As a lock."""

    def __exit__(self, *_: object) -> None:
        """As a lock."""

    def notify(self) -> None:
        """Nobody else waits."""

    def wait(self, seconds: float) -> None:
        step = max(seconds, 1e-9)  # less might be lost beside the time of day
        self.time.now += step
        self.waited += step


class Detector:
    """botocore asks for what we know already."""

    def is_throttling_error(self, *, throttled: bool) -> bool:
        return throttled


def theirs(time: Time) -> tuple[Any, Any, Turn]:
    """Return botocore's limiter, its bucket, and what it waits on."""
    bucket = botocore_bucket.TokenBucket(max_rate=1, clock=time)
    bucket._new_fill_rate_condition = turn = Turn(time)  # the only place to let time pass
    limiter = botocore_adaptive.ClientRateLimiter(
        rate_adjustor=botocore_throttling.CubicCalculator(starting_max_rate=0, start_time=time.now),
        rate_clocker=botocore_adaptive.RateClocker(time),
        token_bucket=bucket,
        throttling_detector=Detector(),
        clock=time,
    )
    return limiter, bucket, turn


@given(EVENTS)
def test_rates_and_waits_are_botocores(events: list[tuple[float, float, bool, bool]]) -> None:
    """Side by side through the same sends and answers, one after the other."""
    our_time, their_time = Time(), Time()
    limiter = RateLimiter(our_time.monotonic)
    their_limiter, bucket, turn = theirs(their_time)
    for gap, latency, throttled, _ in events:
        our_time.now = their_time.now = their_time.now + gap
        turn.waited = 0.0
        their_limiter.on_sending_request(None)
        assert (limiter.reserve() or 0.0) == about(turn.waited)
        our_time.now = their_time.now = their_time.now + latency
        limiter.answered(throttled=throttled)
        their_limiter.on_receiving_response(throttled=throttled)
        if limiter.rate < inf:
            assert limiter.rate == about(bucket.max_rate)
