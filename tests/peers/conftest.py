"""
Where the peers are: environments of their own, which tests/peers/environments.py builds.

A plain pytest run leaves this folder out (`norecursedirs` in pyproject.toml), since building them takes a while.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.peers import environments

VARIABLE = "CODEPIPELINE_CLIENT_PEERS"


@pytest.fixture(scope="session")
def python_of() -> Callable[[str], Path]:
    """Return the interpreter that has a peer, by the peer's name."""
    if VARIABLE not in os.environ:
        pytest.fail(f"{VARIABLE} must name the directory that tests/peers/environments.py has filled", pytrace=False)
    return partial(environments.python_of, Path(os.environ[VARIABLE]))
