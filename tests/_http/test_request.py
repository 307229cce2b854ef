"""A request as bytes, and the time that its steps may take."""

from __future__ import annotations

import time
from math import inf

import anyio
import httpx
import pytest

from codepipeline_client._http.options import Origin, Route
from codepipeline_client._http.request import StepScope, StepTimer, encode
from codepipeline_client.clock import DEADLINE, Deadline
from codepipeline_client.testing import FakeClock

PROXY = httpx.Proxy("http://me:secret@proxy.test:3128")


def post(url: str, **extensions: object) -> httpx.Request:
    return httpx.Request("POST", url, content=b"body", headers={"A": "b"}, extensions=extensions)


@pytest.mark.parametrize(
    ("url", "proxy", "line", "ending"),
    [
        pytest.param("http://far.test/a?b", None, b"POST /a?b HTTP/1.1", b"\r\n\r\nbody", id="direct"),
        pytest.param("http://far.test:81", None, b"POST / HTTP/1.1", b"\r\n\r\nbody", id="no-path"),
        pytest.param(
            "http://far.test:81/a", PROXY, b"POST http://far.test:81/a HTTP/1.1", b"\r\n\r\nbody", id="through-a-proxy"
        ),
        pytest.param("https://far.test/a", PROXY, b"POST /a HTTP/1.1", b"\r\n\r\nbody", id="in-a-tunnel"),
    ],
)
def test_a_request_is_written_for_the_one_who_reads_it(
    url: str, proxy: httpx.Proxy | None, line: bytes, ending: bytes
) -> None:
    request = post(url)
    content = bytes(Route(Origin.of(request.url), proxy).encode(request))
    assert content.startswith(line + b"\r\nHost: far.test")
    assert content.endswith(ending)
    assert (b"Proxy-Authorization: Basic bWU6c2VjcmV0" in content) is (b" http:" in line)


@pytest.mark.parametrize(
    ("url", "authority"),
    [("https://far.test/", b"far.test:443"), ("https://[::1]:8443/", b"[::1]:8443")],
    ids=["name", "ipv6"],
)
def test_a_tunnel_is_asked_for_by_host_and_port(url: str, authority: bytes) -> None:
    route = Route(Origin.of(httpx.URL(url)), httpx.Proxy("http://proxy.test"))
    assert route.peer == ("proxy.test", 80)
    assert route.encode_connect() == b"CONNECT %b HTTP/1.1\r\nHost: %b\r\n\r\n" % (authority, authority)


def test_the_bytes_of_a_request_do_not_show_themselves() -> None:
    assert "secret" not in repr(encode("POST", b"/", [(b"X-Amz-Security-Token", b"secret")], b"secret"))


@pytest.mark.parametrize("value", [b"a\r\nB: c", b"a\nb", b"a\rb", b"a\0b"])
def test_a_header_cannot_smuggle_in_another_one(value: bytes) -> None:
    with pytest.raises(httpx.LocalProtocolError, match="a line break or a NUL"):
        encode("POST", b"/", [(b"A", value)])


@pytest.mark.parametrize("url", ["ftp://far.test/", "/way", "http:///way"])
def test_a_request_to_nowhere_is_refused(url: str) -> None:
    with pytest.raises(httpx.UnsupportedProtocol, match="must begin with http"):
        Origin.of(httpx.URL(url))


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
    deadline = Deadline(left, FakeClock().monotonic)
    timer = StepTimer(post("http://far.test/", timeout={"connect": 9.0, **timeouts}, **{DEADLINE: deadline}))
    timer.begin("connect")
    timer.begin("read")
    assert timer.left() == pytest.approx(seconds, abs=0.5)
    if seconds == 0.0:
        with pytest.raises(TimeoutError):
            timer.timeout()
    else:
        assert timer.timeout() == (None if seconds == inf else pytest.approx(seconds, abs=0.5))


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize(
    ("step", "error"),
    [("pool", httpx.PoolTimeout), ("connect", httpx.ConnectTimeout), ("read", httpx.ReadTimeout)],
)
def test_a_scope_tells_which_step_took_too_long(backend: str, step: str, error: type[httpx.TimeoutException]) -> None:
    async def main() -> None:
        steps = StepScope(post("http://far.test/", timeout={"read": 60.0, step: 0.01}))
        began = time.monotonic()
        with steps.scope:
            steps.begin_step(step)
            await anyio.sleep(60)
        assert time.monotonic() - began < 30
        assert type(steps.error()) is error

    anyio.run(main, backend=backend)
