"""
Build one virtual environment for each client that is compared, since their dependencies conflict.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent.parent
OURS: Final = "codepipeline_client"
OURS_NEWER: Final = f"{OURS}-newer"
AWS_SDK: Final = "aws_sdk_sqs"
NEWER: Final = (OURS_NEWER, AWS_SDK)
"""Those that run on Python 3.12 or newer: AWS's SDK needs it, and this package runs beside it on the same Python."""

REQUIREMENTS: Final[Mapping[str, str]] = {
    OURS: os.fspath(ROOT),
    "httpx": "httpx",
    "boto3": "boto3",
    "capo": "capo-codepipeline",
    "aiobotocore": "aiobotocore",
    OURS_NEWER: os.fspath(ROOT),
    AWS_SDK: "aws-sdk-sqs",
}
"""What pip installs into each environment: of the other clients the newest version, without extras."""


def python_in(directory: Path, client: str) -> Path:
    """Return the interpreter of the client's environment."""
    return directory / client / "bin" / "python"


def build(directory: Path, *, upgrade: bool) -> None:
    """Create the environments that are missing, upgrade all if told to, and install this working tree."""
    newer = newer_python()
    if newer is None:
        print("Found no Python 3.12 or newer, so aws-sdk-sqs is not measured.", file=sys.stderr, flush=True)
    for client, requirement in REQUIREMENTS.items():
        python = newer if client in NEWER else sys.executable
        done = directory / client / "is-done"
        if python is None or (done.exists() and not upgrade):
            continue
        print(f"installing {client} …", file=sys.stderr, flush=True)
        subprocess.run([python, "-m", "venv", os.fspath(directory / client)], check=True)
        _pip_install(directory, client, "--upgrade", requirement)
        done.touch()
    for client in (OURS, OURS_NEWER):
        if python_in(directory, client).exists():
            # As a wheel, the way users have it, and each time: the tree may have changed while its version has not.
            _pip_install(directory, client, os.fspath(ROOT))


def newer_python() -> str | None:
    """Return an interpreter of Python 3.12 or newer, from PATH or pyenv."""
    names = ("python3.12", "python3.13", "python3.14")
    pyenv = sorted((Path.home() / ".pyenv" / "versions").glob("3.1[2-9].*/bin/python"))
    candidates = [sys.executable, *filter(None, map(shutil.which, names)), *map(os.fspath, pyenv)]
    # Each is tried, since pyenv puts programs on PATH that only say that their version is not active.
    return next(filter(_is_newer, candidates), None)


def _is_newer(python: str) -> bool:
    test = "import sys, venv; sys.exit(sys.version_info < (3, 12))"
    return subprocess.run([python, "-c", test], capture_output=True, check=False).returncode == 0


def versions_of(directory: Path, client: str) -> tuple[str, str]:
    """Return the version of the client's Python, and its distribution with its version."""
    package = "codepipeline-client" if client in (OURS, OURS_NEWER) else REQUIREMENTS[client]
    code = f"import importlib.metadata as m, platform; print(platform.python_version(), m.version({package!r}))"
    command = [os.fspath(python_in(directory, client)), "-I", "-c", code]
    python, version = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    return python, f"{package} {version}"


def _pip_install(directory: Path, client: str, *arguments: str) -> None:
    # pip compiles what it installs, so no client compiles anything at its first start.
    pip = [os.fspath(python_in(directory, client)), "-m", "pip", "install", "--quiet", "--compile"]
    subprocess.run([*pip, "--disable-pip-version-check", *arguments], check=True)
