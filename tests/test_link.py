"""One connection: when it goes past httpcore and when through it, and that whatever ends a call leaves it in order."""

from __future__ import annotations

import functools
import subprocess
import sys
from types import ModuleType
from typing import Any
from unittest import mock

import httpcore
import pytest

from codepipeline_client._line import Line
from codepipeline_client._link import goes_plainly

LINE = Line(verify=True, max_connections=1)
SYNC, ASYNC = ("HTTPConnection", "handle_request"), ("AsyncHTTPConnection", "handle_async_request")
BOTH = pytest.mark.parametrize(("kind", "method"), [SYNC, ASYNC], ids=["sync", "async"])


@BOTH
def test_requests_go_past_httpcore_as_it_is(kind: str, method: str) -> None:
    assert goes_plainly(LINE, kind, method)


@BOTH
def test_requests_through_a_proxy_go_through_httpcore(kind: str, method: str) -> None:
    assert not goes_plainly(Line(verify=True, max_connections=1, proxy_url="http://localhost:1"), kind, method)


@BOTH
def test_httpcore_need_not_be_loaded(kind: str, method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "httpcore")
    assert goes_plainly(LINE, kind, method)


@BOTH
def test_httpcore_may_be_loading_in_another_thread(kind: str, method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not there yet cannot be patched."""
    halfway = ModuleType("httpcore")
    monkeypatch.setitem(sys.modules, "httpcore", halfway)
    assert goes_plainly(LINE, kind, method)
    setattr(halfway, kind, type(kind, (), {"__module__": "httpcore"}))
    assert goes_plainly(LINE, kind, method)


class Disguised:
    """Takes itself for what it wraps, as wrapt's proxies do."""

    def __init__(self, wrapped: Any) -> None:
        self.wrapped = wrapped

    def __getattribute__(self, name: str) -> Any:
        return getattr(object.__getattribute__(self, "wrapped"), name)


HOWS = "function wrapped object mock autospecced specced disguised class subclass disguised-class"


@pytest.mark.parametrize("how", HOWS.split())
@BOTH
def test_whoever_patches_httpcore_sees_all_requests(
    kind: str, method: str, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However alike the patch looks."""
    whole = getattr(httpcore, kind)
    original = getattr(whole, method)

    def patch(*given: Any) -> None:
        """Take the place of the original."""

    methods = {
        "function": patch,
        "wrapped": functools.wraps(original)(patch),
        "object": functools.partial(patch),
        "mock": mock.MagicMock(),
        "autospecced": mock.create_autospec(original),
        "specced": mock.MagicMock(spec=original),
        "disguised": Disguised(original),
    }
    if how in methods:
        monkeypatch.setattr(whole, method, methods[how])
    else:
        inherited, replaced = type(kind, (whole,), {}), type(kind, (), {method: patch})
        classes = {"class": replaced, "subclass": inherited, "disguised-class": Disguised(whole)}
        monkeypatch.setattr(httpcore, kind, classes[how])
    assert not goes_plainly(LINE, kind, method)
    monkeypatch.undo()
    assert goes_plainly(LINE, kind, method)


MOCKED_FIRST = """
import respx
with respx.mock:
    route = respx.post("http://far.test/").respond(200, content=b"mocked")
    import anyio, httpx
    from codepipeline_client._async_connections import AsyncConnectionPool
    from codepipeline_client._connections import ConnectionPool
    from codepipeline_client._line import Line
    from tests.through_pool import AsyncThrough, Through

    line = Line(verify=True, max_connections=1)
    request = httpx.Request("POST", "http://far.test/", content=b"ask")
    for _ in range(2):
        assert Through(ConnectionPool(line)).handle_request(request).read() == b"mocked"

    async def ask():
        assert await (await AsyncThrough(AsyncConnectionPool(line)).handle_async_request(request)).aread() == b"mocked"

    anyio.run(ask)
    assert len(route.calls) == 3
"""


def test_a_mock_that_was_there_first_is_seen_too() -> None:
    """Clients load their parts late, and may do so under a mock."""
    subprocess.run([sys.executable, "-c", MOCKED_FIRST], check=True, timeout=60)


ALONE = """
import sys
from socket import create_server
from threading import Thread
from codepipeline_client._connections import ConnectionPool
from codepipeline_client._line import Line
from codepipeline_client._transit import RawHeaders, TransitRequest, parsed

before = set(sys.modules)
listener = create_server(("127.0.0.1", 0))

def serve():
    with listener.accept()[0] as far:
        far.recv(10_000)
        far.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok")

thread = Thread(target=serve)
thread.start()
pool = ConnectionPool(Line(verify=True, max_connections=1))
url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
headers = RawHeaders([(b"Host", b"localhost"), (b"Content-Length", b"3")])
request = TransitRequest(method="POST", url=parsed(url), headers=headers, content=b"ask", extensions={})
response = pool.handle_request(request)
assert b"".join(response.stream) == b"ok"
response.stream.close()
thread.join()
pool.close()
listener.close()
print({name.partition(".")[0] for name in set(sys.modules) - before} & {"anyio", "asyncio", "sniffio", "trio"})
print({"httpcore", "httpx"} & set(sys.modules))
"""


def test_a_plain_call_of_a_thread_loads_nothing_that_only_tasks_need() -> None:
    """Nor httpcore, which loads them too."""
    done = subprocess.run([sys.executable, "-c", ALONE], check=True, timeout=60, capture_output=True, text=True)
    assert done.stdout == "set()\nset()\n"


AROUND = """
import sys
from threading import Thread, get_ident
from socket import create_server
import anyio
from codepipeline_client._async_connections import AsyncConnectionPool
from codepipeline_client._line import Line
from codepipeline_client._transit import RawHeaders, TransitRequest, parsed

listener, seekers = create_server(("127.0.0.1", 0)), set()

class Watch:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "httpcore":
            seekers.add(get_ident())

sys.meta_path.insert(0, Watch())

def serve():
    with listener.accept()[0] as far:
        for _ in range(2):
            far.recv(10_000)
            far.sendall(b"HTTP/1.1 200 OK\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n2\\r\\nok\\r\\n0\\r\\n\\r\\n")

async def main():
    pool = AsyncConnectionPool(Line(verify=True, max_connections=1))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
    for _ in range(2):
        headers = RawHeaders([(b"Host", b"localhost"), (b"Content-Length", b"3")])
        request = TransitRequest(method="POST", url=parsed(url), headers=headers, content=b"ask", extensions={})
        response = await pool.handle_async_request(request)
        assert b"".join([piece async for piece in response.stream]) == b"ok"
        await response.stream.aclose()
    await pool.aclose()

thread = Thread(target=serve)
thread.start()
anyio.run(main, backend=sys.argv[1])
thread.join()
listener.close()
print("httpcore" in sys.modules, len(seekers), get_ident() in seekers)
"""


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_httpcore_does_not_load_in_the_event_loop(backend: str) -> None:
    """It would hold up everybody there for 100 ms, at the first answer that is not plain."""
    command = [sys.executable, "-c", AROUND, backend]
    done = subprocess.run(command, check=True, timeout=60, capture_output=True, text=True)
    assert done.stdout == "True 1 False\n"
