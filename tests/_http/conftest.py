"""What the tests of the engine share."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal

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
    made: list[Sender] = []

    def new(portal: BlockingPortal | None, **options: Any) -> Sender:
        options = {"max_connections": 2, **options}
        made.append(Sender(TransportOptions(**options), portal))
        return made[-1]

    if request.param == "sync":
        yield partial(new, None)
        for sender in made:
            sender.close()
    else:
        with start_blocking_portal(**LOOPS[request.param]) as portal:
            yield partial(new, portal)
            for sender in made:
                sender.close()
