"""
Build what is compared: one virtual environment for each contestant, since their pins differ.
"""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from collections.abc import Mapping
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent.parent
OURS: Final = "codepipeline_client"

CONTESTANTS: Final[Mapping[str, str]] = {
    OURS: os.fspath(ROOT),
    "httpx": "httpx",
    "boto3": "boto3",
    "capo": "capo-codepipeline",
    "aiobotocore": "aiobotocore",
}
"""From a contestant's module in theirs/contestants to what pip installs for it: the newest, as its users have it."""


def python_of(directory: Path, contestant: str) -> Path:
    """Return the interpreter that has the contestant."""
    return directory / contestant / "bin" / "python"


def build(directory: Path, *, upgrade: bool) -> None:
    """Make the environments that are not there; bring those that are up to date if told to; install this tree."""
    for contestant, wanted in CONTESTANTS.items():
        done = directory / contestant / "is-done"
        if upgrade or not done.exists():
            print(f"installing {contestant} …", file=sys.stderr, flush=True)
            venv.create(directory / contestant, symlinks=True, with_pip=True)
            _pip_install(directory, contestant, "--upgrade", wanted)
            done.touch()
    # From a wheel, as its users have it, and anew each time: an editable one would begin otherwise, and the tree may
    # have changed while its version has not. Of a path, pip does so untold, and adds what the tree has come to need.
    _pip_install(directory, OURS, os.fspath(ROOT))


def _pip_install(directory: Path, contestant: str, *arguments: str) -> None:
    # pip compiles what it installs, so no contestant's first start does.
    pip = [os.fspath(python_of(directory, contestant)), "-m", "pip", "install", "--quiet", "--compile"]
    subprocess.run([*pip, "--disable-pip-version-check", *arguments], check=True)


def version_of(directory: Path, contestant: str) -> str:
    """Return which version of a contestant was installed."""
    package = "codepipeline-client" if contestant == OURS else CONTESTANTS[contestant]
    ask = f"from importlib.metadata import version; print(version({package!r}))"
    python = os.fspath(python_of(directory, contestant))
    return subprocess.run([python, "-I", "-c", ask], capture_output=True, text=True, check=True).stdout.strip()
