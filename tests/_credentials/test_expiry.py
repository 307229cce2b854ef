"""When credentials are refreshed before they expire."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codepipeline_client._credentials.expiry import ExpiryState, FetchedCredentials
from tests._credentials.support import MINUTE, NOW, credentials


@pytest.mark.parametrize(
    ("left", "since", "expected"),
    [
        pytest.param(float("inf"), 1e9, ExpiryState.FRESH, id="never-expire"),
        pytest.param(15 * MINUTE, 1e9, ExpiryState.FRESH, id="before-advisory-window"),
        pytest.param(15 * MINUTE - 1, 1e9, ExpiryState.ADVISORY, id="advisory-window"),
        pytest.param(10 * MINUTE, 1e9, ExpiryState.ADVISORY, id="before-mandatory-window"),
        pytest.param(10 * MINUTE - 1, 1e9, ExpiryState.MANDATORY, id="mandatory-window"),
        pytest.param(14 * MINUTE, 29.0, ExpiryState.FRESH, id="advisory-just-tried"),
        pytest.param(14 * MINUTE, 30.0, ExpiryState.ADVISORY, id="advisory-tried-a-while-ago"),
        pytest.param(MINUTE, 29.0, ExpiryState.FRESH, id="mandatory-just-tried"),
        pytest.param(MINUTE, 30.0, ExpiryState.MANDATORY, id="mandatory-tried-a-while-ago"),
        pytest.param(MINUTE, -1.0, ExpiryState.MANDATORY, id="clock-was-set-back"),
        pytest.param(0.0, 1.0, ExpiryState.MANDATORY, id="expired"),
        pytest.param(-1.0, 1.0, ExpiryState.MANDATORY, id="expired-and-just-tried"),
    ],
)
def test_the_windows_are_those_of_botocore(left: float, since: float, expected: ExpiryState) -> None:
    """In the background first, before the caller in the end, and not with each call."""
    fetched = FetchedCredentials(credentials=credentials(), expires=NOW + left, tried=NOW - since)
    assert fetched.state(NOW) is expected


@given(left=st.floats(-1e6, 1e6), since=st.floats(-1e6, 1e6))
def test_expired_credentials_are_never_used(left: float, since: float) -> None:
    """Whatever was tried, and whenever."""
    fetched = FetchedCredentials(credentials=credentials(), expires=NOW + left, tried=NOW - since)
    assert fetched.state(NOW) is ExpiryState.MANDATORY or NOW + left > NOW
