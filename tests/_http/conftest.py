"""What the tests of the engine share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from anyio.from_thread import start_blocking_portal

from codepipeline_client._http import TransportOptions
from tests._http.peer import AUTHORITY, Make, Sender
from tests.loops import LOOPS


@pytest.fixture
def ca_file(tmp_path: Path) -> str:
    path = tmp_path / "ca.pem"
    AUTHORITY.cert_pem.write_to_path(str(path))
    return str(path)


@pytest.fixture(params=["sync", *LOOPS])
def make(request: pytest.FixtureRequest) -> Iterator[Make]:
    """Make pools of one kind."""
    loop, made = LOOPS.get(request.param), list[Sender]()
    with nullcontext() if loop is None else start_blocking_portal(**loop) as portal:

        def new(**options: Any) -> Sender:
            options.setdefault("max_connections", 2)
            made.append(Sender(TransportOptions(**options), portal))
            return made[-1]

        yield new
        for sender in made:
            sender.close()
