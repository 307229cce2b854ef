"""Retries: by the numbers of the AWS SDKs' standard and adaptive modes, as botocore has them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib import import_module
from itertools import product, repeat
from operator import add
from types import SimpleNamespace
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codepipeline_client import errors
from codepipeline_client._call.retry import (
    THROTTLING,
    TRANSIENT,
    TRANSIENT_CODES,
    Kind,
    RetryPolicy,
    backoff,
    classify,
    heed,
)
from codepipeline_client._config.arguments import RetryMode as Mode
from codepipeline_client.errors import SERVICE_ERRORS, THROTTLING_CODES, CodePipelineError, ServiceError
from tests.outcomes import about, hopeless, odd, refused

botocore_exceptions = import_module("botocore.exceptions")
botocore_quota = import_module("botocore.retries.quota")
botocore_standard = import_module("botocore.retries.standard")
botocore_model = import_module("botocore.model")
botocore_loader = import_module("botocore.loaders").create_loader()

needs_the_rules_of_2026 = pytest.mark.skipif(
    not hasattr(botocore_standard, "NEW_RETRIES_ENABLED"), reason="an oracle of other rules: this botocore is older"
)

SERVICE_MODEL: Final = botocore_model.ServiceModel(botocore_loader.load_service_model("codepipeline", "service-2"))
OPERATION_MODEL: Final = SERVICE_MODEL.operation_model("GetPipelineExecution")
BOTOCORE_TRANSIENT: Final = frozenset(botocore_standard.TransientRetryableChecker._TRANSIENT_ERROR_CODES)


def made(mode: Mode = "standard", *, max_attempts: int = 3, chance: Callable[[], float] = lambda: 0.5) -> RetryPolicy:
    return RetryPolicy(mode, max_attempts=max_attempts, chance=chance, monotonic=lambda: 1000.0)


def pause_of(
    policy: RetryPolicy, failure: CodePipelineError, attempt: int = 1, *, retry_after: str | None = None, **facts: bool
) -> float | None:
    given = {"is_idempotent": True, "is_poll": False, "is_skewed": False, **facts}
    retry = policy.retry(failure, attempt, retry_after=retry_after, **given)
    return None if retry is None else retry[0]


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        *(pytest.param(refused(code), THROTTLING, id=code) for code in sorted(THROTTLING_CODES)),
        *(pytest.param(refused(code), TRANSIENT, id=code) for code in sorted(TRANSIENT_CODES)),
        *(pytest.param(refused(f"{each}", each), TRANSIENT, id=f"bare-{each}") for each in (500, 502, 503, 504)),
        pytest.param(refused("429", 429), THROTTLING, id="bare-429"),
        pytest.param(refused("Whatever", 429), THROTTLING, id="429-of-unknown-code"),
        pytest.param(refused("Whatever", 500), TRANSIENT, id="500-of-unknown-code"),
        pytest.param(refused("ThrottlingException", 500), THROTTLING, id="code-before-status-500"),
        pytest.param(refused("InternalFailure", 429), TRANSIENT, id="code-before-status-429"),
        pytest.param(refused("ValidationException", 429), None, id="wrong-input-before-status-429"),
        pytest.param(refused("Whatever"), None, id="unknown-code"),
        pytest.param(refused("408", 408), None, id="bare-408"),
        pytest.param(refused("501", 501), None, id="bare-501"),
        pytest.param(refused("InternalFailure", 501), None, id="not-implemented"),
        pytest.param(refused("SlowDown", 505), None, id="http-version"),
        pytest.param(refused("302", 302), None, id="redirect"),
        *(
            pytest.param(refused(code), None, id=code)
            for code in sorted(SERVICE_ERRORS.keys() - THROTTLING_CODES - TRANSIENT_CODES)
        ),
        pytest.param(errors.TransportError("broke"), TRANSIENT, id="transport"),
        pytest.param(errors.ConnectionFailedError("refused"), TRANSIENT, id="connection"),
        pytest.param(hopeless(), None, id="connection-that-cannot-be-made"),
        pytest.param(errors.RequestTimeoutError("silent", limit="read_timeout"), TRANSIENT, id="read-timeout"),
        pytest.param(errors.RequestTimeoutError("no way", limit="connect_timeout"), TRANSIENT, id="connect-timeout"),
        pytest.param(errors.RequestTimeoutError("over", limit="timeout"), None, id="time-is-over"),
        pytest.param(odd(200), TRANSIENT, id="odd-200"),
        pytest.param(odd(400), None, id="odd-400"),
        pytest.param(errors.CredentialsError("none"), None, id="credentials"),
        pytest.param(errors.ConfigurationError("no region"), None, id="configuration"),
        pytest.param(
            errors.ParameterValidationError("Get", (errors.ParameterViolation("a", "b"),)), None, id="parameters"
        ),
    ],
)
def test_only_failures_that_may_pass_are_tried_again(failure: CodePipelineError, kind: Kind | None) -> None:
    """Code before status, and nothing on a guess."""
    assert classify(failure) is kind
    again = pause_of(made(), failure)
    assert again == (None if kind is None else kind.base / 2)


def test_what_a_wrong_clock_caused_is_tried_again() -> None:
    """At the price of a transient failure, while there are attempts; what is throttled stays throttled."""
    ours = made(max_attempts=2)
    assert pause_of(ours, refused("AccessDeniedException", 403), is_skewed=True) == TRANSIENT.base / 2
    assert ours.quota == 500 - TRANSIENT.cost
    assert pause_of(ours, refused("AccessDeniedException", 403), 2, is_skewed=True) is None
    assert pause_of(ours, refused(), is_skewed=True) == THROTTLING.base / 2


@pytest.mark.parametrize(
    ("retry", "base", "longest"),
    [
        pytest.param(0, 0.05, 0.05, id="first"),
        pytest.param(1, 0.05, 0.1, id="second"),
        pytest.param(8, 0.05, 12.8, id="below-ceiling"),
        pytest.param(9, 0.05, 20.0, id="ceiling"),
        pytest.param(0, 1.0, 1.0, id="throttled-first"),
        pytest.param(4, 1.0, 16.0, id="throttled-below-ceiling"),
        pytest.param(5, 1.0, 20.0, id="throttled-ceiling"),
        pytest.param(100_000, 0.05, 20.0, id="beyond-every-float"),
    ],
)
@pytest.mark.parametrize("chance", [0.0, 0.25, 1.0])
def test_pauses_double_up_to_a_ceiling_and_are_spread(retry: int, base: float, longest: float, chance: float) -> None:
    """From nothing up to the longest, as chance has it."""
    assert backoff(retry, base=base, chance=lambda: chance) == about(chance * longest)


@pytest.mark.parametrize(
    ("retry_after", "pause", "expected"),
    [
        pytest.param(None, 0.3, 0.3, id="absent"),
        pytest.param("1500", 0.3, 1.5, id="longer-than-ours"),
        pytest.param(" 1500 ", 0.3, 1.5, id="spaces-around"),
        pytest.param("200", 0.3, 0.3, id="shorter-than-ours"),
        pytest.param("5300", 0.3, 5.3, id="all-that-is-heeded"),
        pytest.param("5301", 0.3, 5.3, id="more-than-is-heeded"),
        pytest.param("86400000", 20.0, 25.0, id="a-day"),
        pytest.param("9" * 5000, 0.3, 5.3, id="more-than-int-reads"),
        *((text, 0.3, 0.3) for text in ("", "-1500", "+1500", "1500.0", "1_500", "1500, 1500", "inf", "\xb2")),
        ("Fri, 31 Dec 1999 23:59:59 GMT", 0.3, 0.3),
    ],
)
def test_the_service_may_ask_for_a_longer_pause(retry_after: str | None, pause: float, expected: float) -> None:
    """Whole milliseconds, up to five seconds more than ours; all else is as if it were absent."""
    assert heed(retry_after, pause) == about(expected)
    assert pause_of(made(chance=lambda: pause), refused(), retry_after=retry_after) == about(expected)


@given(st.text(), st.floats(0.0, 20.0))
def test_no_header_makes_a_pause_shorter_or_endless(retry_after: str, pause: float) -> None:
    """Whatever comes in its place."""
    assert pause <= heed(retry_after, pause) <= pause + 5.0


@pytest.mark.parametrize(
    ("mode", "max_attempts", "sends"),
    [
        pytest.param("standard", 3, 3, id="standard"),
        pytest.param("standard", 1, 1, id="standard-once"),
        pytest.param("standard", 10, 10, id="standard-ten"),
        pytest.param("adaptive", 3, 3, id="adaptive"),
        pytest.param("off", 3, 1, id="off"),
    ],
)
def test_a_call_sends_no_more_than_it_may(mode: Mode, max_attempts: int, sends: int) -> None:
    """The first request counts; off means that there is no other."""
    ours: RetryPolicy = made(mode, max_attempts=max_attempts)
    assert ours.max_attempts == sends
    assert sends_of(ours, repeat(refused("500", 500))) == sends


def sends_of(ours: RetryPolicy, failures: Iterator[CodePipelineError | None]) -> int:
    """Make a call whose attempts end in *failures*, None for success, and return how many there were."""
    taken = 1
    for attempt, failure in enumerate(failures, 1):
        if failure is None:
            ours.succeeded(taken)
            return attempt
        retry = ours.retry(failure, attempt, retry_after=None, is_skewed=False, is_idempotent=True, is_poll=False)
        if retry is None:
            return attempt
        _, taken = retry
    raise AssertionError("the call did not end")


@pytest.mark.parametrize(
    ("outcomes", "left"),
    [
        pytest.param([None], 301, id="well-at-once"),
        pytest.param(["500", None], 300, id="well-after-one"),
        pytest.param(["500", "500", None], 286, id="only-the-last-comes-back"),
        pytest.param(["500", "SlowDown", None], 286, id="the-last-was-a-throttle"),
        pytest.param(["SlowDown", "500", None], 295, id="the-first-was-a-throttle"),
        pytest.param(["SlowDown", None], 300, id="throttled-once"),
        pytest.param(["500", "500", "500"], 272, id="attempts-spent"),
        pytest.param(["500", "ValidationException"], 286, id="failed-for-good"),
        pytest.param(["ValidationException"], 300, id="failed-at-once"),
    ],
)
def test_retries_take_and_successes_give_back(outcomes: list[str | None], left: int) -> None:
    """14 for a retry, 5 for one after a throttle; 1 for a success at once."""
    ours = made()
    ours.quota = 300
    sends_of(ours, (None if code is None else refused(code, 500 if code == "500" else 400) for code in outcomes))
    assert ours.quota == left


@pytest.mark.parametrize("threads", [1, 8])
@pytest.mark.parametrize(
    ("failure", "retries"),
    [
        pytest.param(refused("500", 500), 500 // 14, id="down"),
        pytest.param(errors.ConnectionFailedError("refused"), 500 // 14, id="refused"),
        pytest.param(refused("SlowDown", 503), 500 // 5, id="throttled"),
    ],
)
def test_an_outage_is_not_made_worse(failure: CodePipelineError, retries: int, threads: int) -> None:
    """A thousand calls that all fail send what the quota is good for, and not one more."""
    ours = made()
    with ThreadPoolExecutor(threads) as pool:
        sent = sum(pool.map(sends_of, repeat(ours, 1000), repeat(repeat(failure))))
    assert sent == 1000 + retries


@pytest.mark.parametrize(
    ("failure", "is_retried"),
    [
        pytest.param(errors.ConnectionFailedError("reset"), False, id="lost"),
        pytest.param(errors.RequestTimeoutError("silent", limit="read_timeout"), False, id="silent"),
        pytest.param(odd(200), False, id="odd-200"),
        pytest.param(refused("500", 500), True, id="server-error"),
        pytest.param(refused(), True, id="throttled"),
    ],
)
def test_what_may_have_been_carried_out_is_not_sent_again(failure: CodePipelineError, is_retried: bool) -> None:
    """Unless the operation is idempotent."""
    assert (pause_of(made(), failure, is_idempotent=False) is not None) is is_retried
    assert pause_of(made(), failure) is not None


# The adaptive mode's limiter, as a call meets it


def test_after_a_throttle_each_request_waits_for_its_token() -> None:
    """The retry first, then those that come after it; at the lowest rate one every two seconds."""
    adaptive = made("adaptive")
    assert pause_of(adaptive, refused()) == about(2.0)
    assert pause_of(adaptive, errors.ConnectionFailedError("reset")) == about(4.0)
    assert adaptive.reserve() == about(6.0)
    assert pause_of(adaptive, refused(), 2, retry_after="10000") == about(8.0), "its token comes after the pause"
    assert pause_of(made("adaptive"), refused(), 2, retry_after="4000") == 4.0, "its token comes before the pause ends"


def test_successes_raise_the_rate() -> None:
    """As far as they are measured: 10 a second."""
    adaptive = made("adaptive")
    assert pause_of(adaptive, refused()) == about(2.0)
    for tenth in range(100):
        adaptive.monotonic = partial(add, 1000.0, tenth / 10)
        adaptive.succeeded(1)
    assert adaptive.reserve() == 0.0


def test_a_request_that_is_not_sent_delays_no_other() -> None:
    """A call that gives up takes no token; one that is cancelled while it waits gives its own back."""
    adaptive = made("adaptive")
    assert pause_of(adaptive, refused(), 3) is None
    assert pause_of(adaptive, refused("ValidationException")) is None
    for _ in range(100):
        assert adaptive.reserve() == about(2.0)
        adaptive.unsent()


@pytest.mark.parametrize("mode", ["standard", "adaptive", "off"])
@pytest.mark.parametrize("code", ["ThrottlingException", "429"])
def test_a_throttled_poll_is_not_retried_and_takes_nothing(mode: Mode, code: str) -> None:
    """Whatever the service asks for. The limiter records it: the next request waits for its token."""
    ours = made(mode)
    assert pause_of(ours, refused(code, 429), is_poll=True, retry_after="100") is None
    assert ours.quota == 500
    assert ours.reserve() == about(2.0 if mode == "adaptive" else 0.0)


# botocore's own


def context(
    code: str | None,
    status: int | None,
    attempt: int,
    retry_after: str | None = None,
    taken: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Return what botocore's handlers get of a failure: a response's code and status, or a lost connection."""
    headers = {} if retry_after is None else {"x-amz-retry-after": retry_after}
    response = (SimpleNamespace(status_code=status, headers=headers), {"Error": {"Code": code}})
    return {
        "response": None if status is None else response,
        "operation": OPERATION_MODEL,
        "attempts": attempt,
        "caught_exception": botocore_exceptions.ConnectionClosedError(endpoint_url="x") if status is None else None,
        "request_dict": {"context": {} if taken is None else taken},
    }


CODES: Final = sorted({*SERVICE_ERRORS, *THROTTLING_CODES, *TRANSIENT_CODES, "Unknown", "429", "500"})
STATUSES: Final = (200, 301, 400, 401, 403, 404, 408, 413, 429, 500, 501, 502, 503, 504, 505)


@needs_the_rules_of_2026
def test_every_code_with_every_status_is_classified_as_by_botocore() -> None:
    """
    But for three rows: transient codes that botocore knows only by the 5xx they come with, such codes with a 429,
    where it goes by the status, and what a server does not implement, which botocore retries by its code.
    """
    adapter = botocore_standard.RetryEventAdapter()
    conditions = botocore_standard.StandardRetryConditions(max_attempts=3)
    throttles = botocore_standard.ThrottlingErrorDetector(adapter)
    for code, status in product(CODES, STATUSES):
        theirs = adapter.create_retry_context(**context(code, status, 1))
        expected = None
        if conditions.is_retryable(theirs):
            expected = THROTTLING if throttles.is_throttling_error_from_context(theirs) else TRANSIENT
        if status in (501, 505):
            assert classify(refused(code, status)) is None
        elif code in TRANSIENT_CODES and status == 429:
            assert (expected, classify(refused(code, status))) == (THROTTLING, TRANSIENT)
        elif code in TRANSIENT_CODES - BOTOCORE_TRANSIENT and status not in (500, 502, 503, 504):
            assert (expected, classify(refused(code, status))) == (None, TRANSIENT)
        else:
            assert classify(refused(code, status)) is expected, (code, status)


def test_the_lists_of_codes_are_botocores() -> None:
    """Throttling letter for letter; of transient codes we know more, and call what it lists twice a throttle."""
    assert set(botocore_standard.ThrottledRetryableChecker._THROTTLED_ERROR_CODES) == THROTTLING_CODES
    assert {"PriorRequestNotComplete"} == BOTOCORE_TRANSIENT - TRANSIENT_CODES


OUTCOMES: Final[dict[str, CodePipelineError | None]] = {
    "well": None,
    "throttled": refused(),
    "down": refused("503", 503),
    "lost": errors.ConnectionFailedError("reset"),
    "odd": odd(200),
    "wrong": refused("ValidationException"),
}
EVENTS: Final = st.lists(
    st.tuples(
        st.integers(0, 4),
        st.sampled_from(sorted(OUTCOMES)),
        st.floats(0.0, 1.0, exclude_max=True),
        st.none() | st.integers(-1, 100_000).map(str),
    ),
    max_size=200,
)


@needs_the_rules_of_2026
@given(EVENTS, st.integers(1, 5), st.integers(0, 500))
def test_verdicts_pauses_and_quota_are_botocores(
    events: list[tuple[int, str, float, str | None]], max_attempts: int, quota: int
) -> None:
    """The two side by side through the same outcomes of the same overlapping calls."""
    chances: list[float] = [0.0]
    ours = made(max_attempts=max_attempts, chance=lambda: chances[0])
    ours.quota = quota
    adapter = botocore_standard.RetryEventAdapter()
    throttles = botocore_standard.ThrottlingErrorDetector(adapter)
    their_quota = botocore_quota.RetryQuota()
    their_quota.acquire(500 - quota)
    checker = botocore_standard.RetryQuotaChecker(their_quota, throttles)
    handler = botocore_standard.RetryHandler(
        retry_policy=botocore_standard.RetryPolicy(
            retry_checker=botocore_standard.StandardRetryConditions(max_attempts=max_attempts),
            retry_backoff=botocore_standard.ExponentialBackoff(
                random=lambda: chances[0], service_name="codepipeline", throttling_detector=throttles
            ),
        ),
        retry_event_adapter=adapter,
        retry_quota=checker,
        service_name="codepipeline",
    )
    live: dict[int, tuple[int, int, dict[str, Any]]] = {}
    for call, outcome, chance, retry_after in events:
        attempt, ours_taken, theirs_taken = live.pop(call) if call in live else (1, 1, {})
        chances[:] = [chance]
        failure = OUTCOMES[outcome]
        if failure is None:
            ours.succeeded(ours_taken)
            checker.release_retry_quota(theirs_taken, SimpleNamespace(status_code=200))
        elif not isinstance(failure, errors.ResponseDecodeError):  # which botocore takes for an empty success
            code, status = None, None
            if isinstance(failure, ServiceError):
                code, status = failure.code, failure.http_status_code
            wish = None if status is None else retry_after
            theirs = handler.needs_retry(**context(code, status, attempt, wish, theirs_taken))
            facts = {"is_skewed": False, "is_idempotent": True, "is_poll": False}
            retry = ours.retry(failure, attempt, retry_after=wish, **facts)
            assert (retry and retry[0]) == (None if theirs is None else about(theirs))
            if retry is not None:
                live[call] = attempt + 1, retry[1], theirs_taken
        assert ours.quota == their_quota.available_capacity
