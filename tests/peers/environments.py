"""
Build what tests/peers runs: one virtual environment for each peer, since their pins differ.

    python tests/peers/environments.py DIRECTORY
    CODEPIPELINE_CLIENT_PEERS=DIRECTORY python -m pytest tests/peers
"""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

PEERS: Final[Mapping[str, str]] = {
    "moto": "moto[server]",
    "aiobotocore": "aiobotocore",
    "awscli": "awscli",
    "boto3": "boto3",
    "vcrpy8": "vcrpy<9",
}
"""From a peer's name to what pip installs for it: the newest, as its users have it. The suite has the newest vcrpy."""


def python_of(directory: Path, peer: str) -> Path:
    """Return the interpreter that has the peer."""
    return directory / peer / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def build(directory: Path, peer: str) -> str:
    """Make the peer's environment, or bring it up to date, and say so."""
    # Linked, since a copied interpreter may still be open for writing in a child of the other thread: text file busy.
    venv.create(directory / peer, symlinks=os.name != "nt", with_pip=True)
    pip = [os.fspath(python_of(directory, peer)), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--upgrade", PEERS[peer]], check=True)
    return f"{peer} is ready"


def main(directory: Path) -> None:
    with ThreadPoolExecutor(max_workers=2) as pool:
        for ready in [pool.submit(build, directory, peer) for peer in PEERS]:
            print(ready.result(), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
