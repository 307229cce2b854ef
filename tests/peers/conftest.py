"""
Where the peers are: environments of their own, which tests/peers/environments.py builds.

A plain pytest run leaves this folder out (`norecursedirs` in pyproject.toml), since building them takes a while.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

VARIABLE = "CODEPIPELINE_CLIENT_PEERS"


@pytest.fixture(scope="session")
def python_of() -> Callable[[str], str]:
    """Return the interpreter that has a peer, by the peer's name."""
    if VARIABLE not in os.environ:
        pytest.fail(f"{VARIABLE} must name the directory that tests/peers/environments.py has filled", pytrace=False)
    directory = Path(os.environ[VARIABLE])
    inner = Path("Scripts/python.exe" if os.name == "nt" else "bin/python")
    return lambda peer: os.fspath(directory / peer / inner)


@pytest.fixture(scope="session")
def theirs() -> Path:
    """The directory of the scripts that run on the peers' side."""
    return Path(__file__).parent / "theirs"
