"""
Run the clients in turns: the service in one process, each client in another, round after round.

Knows how to ask for a measurement, not which measurements there are.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from .environments import python_in

PROCESSES: Final = Path(__file__).resolve().parent / "processes"
CREDENTIALS: Final = {
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
}

Sample = Mapping[str, float]
"""What one client needed in one round: seconds, bytes or shares."""
Samples = dict[str, dict[str, list[Sample]]]
"""By figure and by client, one for each round."""


@dataclass(frozen=True, kw_only=True)
class Calls:
    """Calls that a client makes in each round, in a process that lives for all rounds."""

    client: str
    figure: str
    """The name of the samples."""
    kind: str
    """"sync", "async" or "sign"."""
    count: int
    in_flight: int = 1
    every: int = 1
    """Measure only in one of so many rounds: for what takes long."""
    profile: bool = False
    """Measure where the time goes in place of how much it is."""


@dataclass(frozen=True, kw_only=True)
class Start:
    """A new process in each round, in which a client makes one call."""

    client: str
    figure: str
    """The name of the samples."""
    has_profile: bool = False
    """Whether credentials and region are in a profile of the shared config files, and not in the environment."""


class Runner:
    """Measures the clients against one service."""

    def __init__(self, environments: Path, url: str, home: Path) -> None:
        self.environments: Final = environments
        # Nothing else of this process's environment reaches the clients: no settings, no credentials, no proxy.
        self._environ = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": os.fspath(home),
            "AWS_ENDPOINT_URL": url,
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        self._settings = {**CREDENTIALS, "AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-1"}
        self._profile = {
            "AWS_CONFIG_FILE": os.fspath(home / "config"),
            "AWS_SHARED_CREDENTIALS_FILE": os.fspath(home / "credentials"),
            "AWS_PROFILE": "releases",
        }

    def measure_calls(self, jobs: Sequence[Calls], rounds: int) -> Samples:
        """Run each job once a round. Every second round runs them in reverse order, and the first does not count."""
        samples: Samples = {}
        with ExitStack() as stack:
            workers = {name: stack.enter_context(self._worker(name)) for name in {job.client for job in jobs}}
            for number in range(rounds + 1):
                for job in jobs if number % 2 else reversed(jobs):
                    if number == 0 or (number - 1) % job.every == 0:
                        sample = _ask(workers[job.client], job)
                        if number:
                            samples.setdefault(job.figure, {}).setdefault(job.client, []).append(sample)
        return samples

    def measure_starts(self, jobs: Sequence[Start], rounds: int) -> Samples:
        """Start a process for each job once a round, in the same order as calls are measured."""
        samples: Samples = {}
        for number in range(rounds + 1):  # the first round fills the file cache
            for job in jobs if number % 2 else reversed(jobs):
                environ = {**self._environ, **(self._profile if job.has_profile else self._settings)}
                began = time.monotonic()
                command = self._command(job.client, "start.py")
                done = subprocess.run(command, env=environ, stdout=subprocess.PIPE, text=True, check=True)
                sample: dict[str, float] = json.loads(done.stdout)
                sample["wall"] = sample.pop("moment") - began
                if number:
                    samples.setdefault(job.figure, {}).setdefault(job.client, []).append(sample)
        return samples

    def _command(self, client: str, script: str) -> list[str]:
        adapter, _, _ = client.partition("-")
        return [os.fspath(python_in(self.environments, client)), os.fspath(PROCESSES / script), adapter]

    @contextmanager
    def _worker(self, client: str) -> Generator[subprocess.Popen[str]]:
        with running(self._command(client, "worker.py"), {**self._environ, **self._settings}) as process:
            yield process


def _ask(worker: subprocess.Popen[str], job: Calls) -> Sample:
    assert worker.stdin is not None
    assert worker.stdout is not None
    told = {"kind": job.kind, "count": job.count, "in_flight": job.in_flight, "profile": job.profile}
    print(json.dumps(told), file=worker.stdin, flush=True)
    line = worker.stdout.readline()
    if not line:
        sys.exit(f"{job.client} failed at {told}: see above")
    sample: Sample = json.loads(line)
    return sample


@contextmanager
def open_runner(environments: Path, home: Path) -> Generator[Runner]:
    """Start the service, and yield a runner. *home* is an empty directory."""
    (home / "config").write_text("[profile releases]\nregion = eu-west-1\n", encoding="utf-8")
    keys = "".join(f"{name.lower()} = {value}\n" for name, value in CREDENTIALS.items())
    (home / "credentials").write_text(f"[releases]\n{keys}", encoding="utf-8")
    with running([sys.executable, os.fspath(PROCESSES / "service.py")], dict(os.environ)) as service:
        assert service.stdout is not None
        yield Runner(environments, service.stdout.readline().strip(), home)


@contextmanager
def running(command: Sequence[str], environ: Mapping[str, str]) -> Generator[subprocess.Popen[str]]:
    """Run a process that ends when its stdin does."""
    with subprocess.Popen(command, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        try:
            yield process
        finally:
            process.stdin.close()
