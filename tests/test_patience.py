"""The retries of a poll: those of any call, but that a throttle is left to the wait's own schedule."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codepipeline_client._config.arguments import RetryMode as Mode
from codepipeline_client._patience import Unhurried
from codepipeline_client._retry import Policy, policy
from codepipeline_client.errors import (
    SERVICE_ERRORS,
    CodePipelineError,
    ConnectionFailedError,
    ResponseDecodeError,
    ServiceError,
)


class Time:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


def made(mode: Mode = "standard", *, max_attempts: int = 3, time: Time | None = None) -> Policy:
    time = time or Time()
    return policy(mode, max_attempts=max_attempts, chance=lambda: 0.5, monotonic=time.monotonic)


def refused(code: str, status: int = 400) -> ServiceError:
    return SERVICE_ERRORS.get(code, ServiceError)(
        "", code=code, http_status_code=status, request_id=None, operation_name="GetPipelineExecution"
    )


THROTTLES: list[CodePipelineError] = [refused("ThrottlingException"), refused("SlowDown", 503), refused("429", 429)]
OTHERS: list[CodePipelineError] = [
    refused("500", 500),
    refused("RequestExpired"),
    refused("ValidationException"),
    ConnectionFailedError("reset"),
    ResponseDecodeError("odd", http_status_code=200, request_id=None),
]


@pytest.mark.parametrize("mode", ["standard", "adaptive", "off"])
@pytest.mark.parametrize("attempt", [1, 2, 3])
@pytest.mark.parametrize("skewed", [False, True])
@pytest.mark.parametrize("failure", THROTTLES, ids=lambda failure: getattr(failure, "code", ""))
def test_a_throttle_ends_the_call_and_takes_nothing(
    mode: Mode, attempt: int, skewed: bool, failure: CodePipelineError
) -> None:
    """Whenever it comes, and even when the service would say after how long to come again."""
    ours = made(mode)
    retries = Unhurried(ours).begin()
    assert retries.pause(failure, attempt, retry_after="100", skewed=skewed) is None
    assert ours.quota.left == ours.quota.FULL


def test_the_limiter_hears_of_a_throttle_that_is_not_retried() -> None:
    """The next send waits for its turn, and no token is kept for the retry that is not made."""
    ours = made("adaptive")
    retries = Unhurried(ours).begin()
    assert retries.lead() == 0.0
    assert retries.pause(THROTTLES[0], 1, retry_after=None, skewed=False) is None
    assert ours.limiter is not None
    assert ours.limiter.rate == 0.5
    assert ours.begin().lead() == pytest.approx(2.0)


def test_a_send_that_will_not_take_place_delays_nobody() -> None:
    """A wait that is cancelled while it waits for its turn leaves no debt."""
    ours = made("adaptive")
    Unhurried(ours).begin().pause(THROTTLES[0], 1, retry_after=None, skewed=False)
    for _ in range(100):
        retries = Unhurried(ours).begin()
        assert retries.lead() == pytest.approx(2.0)
        retries.unsent()


def test_an_answer_after_a_retry_fills_the_quota_again() -> None:
    """As in any call."""
    ours = made()
    retries = Unhurried(ours).begin()
    assert retries.pause(OTHERS[0], 1, retry_after=None, skewed=False) is not None
    assert ours.quota.left == ours.quota.FULL - 14
    retries.succeeded()
    assert ours.quota.left == ours.quota.FULL


@pytest.mark.parametrize(("mode", "max_attempts"), [("standard", 3), ("standard", 7), ("adaptive", 2), ("off", 3)])
def test_it_sends_as_often_as_the_clients_own(mode: Mode, max_attempts: int) -> None:
    """The number goes out with every request."""
    ours = made(mode, max_attempts=max_attempts)
    assert Unhurried(ours).max_attempts == ours.max_attempts


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(range(len(OTHERS))),
        st.none() | st.integers(0, 100_000).map(str),
        st.booleans(),
        st.floats(0.0, 5.0),
    ),
    max_size=30,
)


@given(EVENTS, st.sampled_from(["standard", "adaptive", "off"]), st.integers(1, 5))
def test_for_all_else_it_is_the_clients_own(
    events: list[tuple[int, str | None, bool, float]], mode: Mode, max_attempts: int
) -> None:
    """The two side by side: the same pauses, and the same left in the quota."""
    time = Time()
    plain, inner = (made(mode, max_attempts=max_attempts, time=time) for _ in range(2))
    for failure, retry_after, skewed, passed in events:
        calls = plain.begin(), Unhurried(inner).begin()
        assert calls[0].lead() == calls[1].lead()
        for attempt in range(1, max_attempts + 1):
            theirs, ours = (
                call.pause(OTHERS[failure], attempt, retry_after=retry_after, skewed=skewed) for call in calls
            )
            assert ours == theirs
            assert inner.quota.left == plain.quota.left
            if ours is None:
                break
            time.now += ours + passed
        else:
            pytest.fail("a call does not go on for ever")


def test_every_failure_is_either_left_to_the_wait_or_as_in_any_call() -> None:
    """The rows above are all kinds there are."""
    for failure, attempt in product([*THROTTLES, *OTHERS], [1, 2]):
        theirs = made().begin().pause(failure, attempt, retry_after=None, skewed=False)
        ours = Unhurried(made()).begin().pause(failure, attempt, retry_after=None, skewed=False)
        assert ours == (None if failure in THROTTLES else theirs)
