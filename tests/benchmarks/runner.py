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
class Job:
    """What a client does in a round."""

    client: str
    figure: str
    """The name of the samples."""
    kind: str
    """
    Calls in a process that lives for all rounds: "sync", "async" or "sign". One call in a new process: "start", or
    "start, profile", where credentials and region are in a profile of the shared config files.
    """
    count: int = 1
    in_flight: int = 1
    profile: bool = False
    """Measure where the time of calls goes in place of how much it is."""
    every: int = 1
    """Measure only in one of so many rounds: for what takes long."""


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

    def measure(self, jobs: Sequence[Job], rounds: int) -> Samples:
        """Measure each job once a round. Every second round has the reverse order, and the first does not count."""
        environ = {**self._environ, **self._settings}
        samples: Samples = {}
        with ExitStack() as stack:
            workers = {
                name: stack.enter_context(running(self._command(name, "worker.py"), environ))
                for name in {job.client for job in jobs if not job.kind.startswith("start")}
            }
            for number in range(rounds + 1):
                for job in jobs if number % 2 else reversed(jobs):
                    if number and (number - 1) % job.every:
                        continue
                    is_start = job.kind.startswith("start")
                    sample = self._measure_start(job) if is_start else _measure_calls(workers[job.client], job)
                    if number:
                        samples.setdefault(job.figure, {}).setdefault(job.client, []).append(sample)
        return samples

    def _measure_start(self, job: Job) -> Sample:
        environ = {**self._environ, **(self._settings if job.kind == "start" else self._profile)}
        began = time.monotonic()
        command = self._command(job.client, "start.py")
        done = subprocess.run(command, env=environ, stdout=subprocess.PIPE, text=True, check=True)
        sample: dict[str, float] = json.loads(done.stdout)
        return {**sample, "wall": sample["moment"] - began}

    def _command(self, client: str, script: str) -> list[str]:
        name, _, _ = client.partition("-")
        return [os.fspath(python_in(self.environments, client)), os.fspath(PROCESSES / script), name]


def _measure_calls(worker: subprocess.Popen[str], job: Job) -> Sample:
    assert worker.stdin is not None
    assert worker.stdout is not None
    job_line = {"kind": job.kind, "count": job.count, "in_flight": job.in_flight, "profile": job.profile}
    print(json.dumps(job_line), file=worker.stdin, flush=True)
    line = worker.stdout.readline()
    if not line:
        sys.exit(f"{job.client} failed at {job_line}: see above")
    sample: Sample = json.loads(line)
    return sample


@contextmanager
def open_runner(environments: Path, home: Path) -> Generator[Runner]:
    """Start the service, and yield a runner. *home* is an empty directory."""
    (home / "config").write_text("[profile releases]\nregion = eu-west-1\n", encoding="utf-8")
    settings = "".join(f"{name.lower()} = {value}\n" for name, value in CREDENTIALS.items())
    (home / "credentials").write_text(f"[releases]\n{settings}", encoding="utf-8")
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
