"""What is in transit: URLs are taken to pieces as httpx does it, and httpx is asked about all that is not plain."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from codepipeline_client._transit import is_parsable, parsed
from codepipeline_client.testing import LocalCodePipeline, make_pipeline_execution

PARTS = ("raw_scheme", "raw_host", "port", "netloc", "raw_path")
PLAIN = (
    *("https://codepipeline.eu-west-1.amazonaws.com", "https://codepipeline.eu-west-1.amazonaws.com:443/"),
    *("http://localhost:4566/", "http://127.0.0.1:80", "http://127.0.0.1:1/way/on", "https://a-b.c0:65535/a.b/~c(d)"),
)
ODD = (
    *("http://[::1]:4566/", "http://b\u00fccher.example/", "http://xn--bcher-kva.example/", "http://UPPER.example/"),
    *("http://1.2.3/", "http://1.2.3.4.5", "http://a_b/", "http://a:080/", "http://host/a%20b", "http://host/a b"),
    *("http://host/a/../b", "http://host/./", "http://host?query", "http://user@host/", "http://host/#fragment"),
    *("http://host/caf\u00e9", "http://host:\u0661/", "http://a..b/", "http://-a-/", "http://host//", "http://host:/"),
)
BAD = (
    *("", "http://", "https:///path", "http://999.1.1.1/", "http://a:99999/", "http://a:b/", "http://xn--/", "host"),
    *("http://[::1/", "http://a" + "b" * 70_000, "ftp://host", "http://ho st/"),
)


def parts(text: str) -> dict[str, Any] | str:
    try:
        url = parsed(text)
    except (httpx.InvalidURL, ValueError) as error:
        return type(error).__name__
    return {name: getattr(url, name) for name in PARTS}


def theirs(text: str) -> dict[str, Any] | str:
    try:
        url = httpx.URL(text)
    except (httpx.InvalidURL, ValueError) as error:
        return type(error).__name__
    return {name: getattr(url, name) for name in PARTS}


@pytest.mark.parametrize("text", [*PLAIN, *ODD, *BAD], ids=range(len(PLAIN + ODD + BAD)))
def test_a_url_has_the_parts_that_httpx_finds(text: str) -> None:
    ours = parts(text)
    assert ours == theirs(text)
    if isinstance(ours, dict):
        assert str(parsed(text)) in (text, str(httpx.URL(text)))


URLS = st.builds(
    "{}://{}{}{}".format,
    st.sampled_from(["http", "https", "HTTP", "ftp", ""]),
    st.text("ab1.-_:[]@%\u00e9 ", max_size=8)
    | st.sampled_from(["localhost", "127.0.0.1", "1.2.3.4.", "12345", "0x7f.1"]),
    st.sampled_from(["", ":", ":80", ":443", ":0", ":00", ":65536", ":+1", ":\u0663"]),
    st.text("/ab.%2f?#'\\ \u00e9|^`{}[]~", max_size=8).map(lambda path: f"/{path}") | st.just(""),
)


@given(text=URLS)
@example(text="http://1-2-3-4/")
@example(text="http://1a2b3c4/")
def test_any_url_has_the_parts_that_httpx_finds(text: str) -> None:
    test_a_url_has_the_parts_that_httpx_finds(text)


@pytest.mark.parametrize("text", [*PLAIN, *ODD, *BAD], ids=range(len(PLAIN + ODD + BAD)))
def test_a_url_can_be_sent_to_where_httpx_can_send_to_it(text: str) -> None:
    """It refuses some hosts only when it is asked for them."""
    try:
        usable = bool(httpx.URL(text).host)
    except (httpx.InvalidURL, ValueError):
        usable = False
    assert is_parsable(text) == usable


@given(text=URLS)
def test_any_url_can_be_sent_to_where_httpx_can_send_to_it(text: str) -> None:
    test_a_url_can_be_sent_to_where_httpx_can_send_to_it(text)


@pytest.mark.parametrize(("urls", "is_loaded"), [(PLAIN, False), (ODD[:1], True)], ids=["plain", "odd"])
def test_httpx_is_asked_about_odd_urls_only(urls: tuple[str, ...], is_loaded: bool) -> None:
    program = (
        "import sys\nfrom codepipeline_client._transit import is_parsable, parsed\n"
        "assert all(parsed(url) and is_parsable(url) for url in sys.argv[1:])\nprint('httpx' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *urls], check=True, timeout=60, capture_output=True, text=True
    )
    assert done.stdout == f"{is_loaded}\n"


ASKED = """
import asyncio, sys
from codepipeline_client import AsyncCodePipelineClient, CodePipelineClient, ConnectionFailedError

def ask(id):
    with CodePipelineClient(max_attempts=1) as client:
        return client.get_pipeline_execution(pipeline_name="web", pipeline_execution_id=id)

async def ask_async(id):
    async with AsyncCodePipelineClient(max_attempts=1) as client:
        return await client.get_pipeline_execution(pipeline_name="web", pipeline_execution_id=id)

kind, url, id = sys.argv[1:]
outcome = None
try:
    (ask if kind == "sync" else lambda id: asyncio.run(ask_async(id)))(id)
except ConnectionFailedError as error:
    outcome = type(error.__cause__.__cause__).__name__
print(outcome, {"httpx", "httpcore"} & set(sys.modules))
"""


@pytest.mark.parametrize("outcome", [None, "ConnectionRefusedError"], ids=["answered", "refused"])
@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_call_does_without_httpx(kind: str, outcome: str | None) -> None:
    """However it ends: a program that has run out of descriptors could not load it, to say so."""
    execution = make_pipeline_execution(pipeline_name="web")
    with LocalCodePipeline() as endpoint:
        endpoint.put_execution(execution)
        environ = {
            **os.environ,
            "AWS_ACCESS_KEY_ID": endpoint.credentials.access_key_id,
            "AWS_SECRET_ACCESS_KEY": endpoint.credentials.secret_access_key,
            "AWS_REGION": endpoint.region_name,
            "AWS_ENDPOINT_URL": endpoint.endpoint_url if outcome is None else "http://127.0.0.1:9",
        }
        command = [sys.executable, "-c", ASKED, kind, endpoint.endpoint_url, execution.pipeline_execution_id]
        done = subprocess.run(command, env=environ, check=True, timeout=60, capture_output=True, text=True)
    assert done.stdout == f"{outcome} set()\n"


def test_what_a_proxy_needs_is_loaded_before_an_event_loop_waits_for_it() -> None:
    """Settings are resolved in a thread, and the proxy's URL is one of them."""
    program = (
        "import sys\nfrom codepipeline_client._line import Line\n"
        "for proxy in (None, 'http://localhost:1'):\n"
        "    Line(verify=True, max_connections=1, proxy_url=proxy)\n    print('httpx' in sys.modules)"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, check=True, timeout=60, capture_output=True, text=True)
    assert done.stdout == "False\nTrue\n"
