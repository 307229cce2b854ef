"""Where botocore's sources look, on loopback."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests._credentials.fake_aws import FakeAws


@pytest.fixture
def aws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeAws]:
    """An AWS that responds on loopback with what a test puts there; each failure comes at once."""
    responses: dict[str, tuple[int, str]] = {}
    authorizations: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def respond(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"] or 0)).decode()
            authorizations.append(self.headers["Authorization"] or "")
            action = body.partition("Action=")[2].partition("&")[0]
            status, text = responses[action or self.path.partition("?")[0]]
            self.send_response(status)
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        do_GET = do_POST = do_PUT = respond  # noqa: N815 - the names of http.server

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            pass  # not on stderr

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        url = f"http://127.0.0.1:{server.server_port}"
        yield FakeAws(tmp_path, monkeypatch.setenv, url, responses, authorizations)
        server.shutdown()
        thread.join()
