"""The suite's tests with cassettes, over the newest vcrpy 8: the suite itself has the newest of all."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

TESTS = Path(__file__).parent.parent / "test_interception.py"


def test_cassettes_of_vcrpy_8_see_the_clients(python_of: Callable[[str], Path]) -> None:
    """Recording, playing by the exact URL, and refusing: this Python has the peer's vcrpy in front of its own."""
    where = "import sysconfig; print(sysconfig.get_path('purelib'))"
    found = subprocess.check_output([python_of("vcrpy8"), "-c", where], text=True).strip()
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join([found, *filter(None, [os.environ.get("PYTHONPATH")])])}
    version = [sys.executable, "-c", "import vcr; print(vcr.__version__)"]
    assert subprocess.check_output(version, env=environ, text=True).startswith("8.")
    run = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-k", "cassette", str(TESTS)]
    done = subprocess.run(run, env=environ, cwd=TESTS.parent.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "9 passed" in done.stdout
