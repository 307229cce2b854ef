"""A request as bytes, and the time that its steps may take."""

from __future__ import annotations

from math import inf

import httpx
import pytest

from codepipeline_client._http.connection import StepTimer
from codepipeline_client._http.network import encode
from codepipeline_client.clock import DEADLINE, Deadline
from codepipeline_client.testing import FakeClock


def test_the_bytes_of_a_request_do_not_show_themselves() -> None:
    assert "secret" not in repr(encode("POST", b"/", [(b"X-Amz-Security-Token", b"secret")], b"secret"))


@pytest.mark.parametrize("value", [b"a\r\nB: c", b"a\nb", b"a\rb", b"a\0b"])
def test_a_header_cannot_smuggle_in_another_one(value: bytes) -> None:
    with pytest.raises(httpx.LocalProtocolError, match="a line break or a NUL"):
        encode("POST", b"/", [(b"A", value)])


@pytest.mark.parametrize(
    ("timeouts", "left", "seconds"),
    [
        pytest.param({}, None, inf, id="no-limit"),
        pytest.param({"read": 3.0}, None, 3.0, id="the-steps"),
        pytest.param({"read": None}, 2.0, 2.0, id="the-calls"),
        pytest.param({"read": 3.0}, 2.0, 2.0, id="the-lesser-one"),
        pytest.param({"read": 1.0}, 2.0, 1.0, id="the-lesser-step"),
        pytest.param({"read": 3.0}, -1.0, 0.0, id="none-left"),
    ],
)
def test_a_step_takes_what_is_left_of_the_call_at_most(
    timeouts: dict[str, float | None], left: float | None, seconds: float
) -> None:
    extensions = {"timeout": {"connect": 9.0, **timeouts}, DEADLINE: Deadline(left, FakeClock().monotonic)}
    timer = StepTimer(httpx.Request("POST", "http://far.test/", extensions=extensions))
    timer.begin("connect")
    timer.begin("read")
    if seconds == 0.0:
        with pytest.raises(TimeoutError):
            timer.timeout()
    else:
        assert timer.timeout() == (None if seconds == inf else pytest.approx(seconds, abs=0.5))
