"""
Let the contestants take turns: the service in one process, each of them in another, one round after the other.

Knows how to ask for a figure, not which figures there are.
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

from .environments import python_of

THEIRS: Final = Path(__file__).resolve().parent / "theirs"
KEYS: Final = {
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
}

Sample = Mapping[str, float]
"""What one contestant needed in one round: seconds, bytes."""
Samples = dict[str, dict[str, list[Sample]]]
"""By what was measured, and by contestant, one for each round."""


@dataclass(frozen=True, kw_only=True)
class Turn:
    """What one contestant does in a round."""

    contestant: str
    figure: str
    """What is measured, by the name that its samples get."""
    what: str
    count: int = 1
    """How many calls share what is measured."""
    in_flight: int = 1
    every: int = 1
    """Only in the first of so many rounds: for what takes long."""


@dataclass(frozen=True, kw_only=True)
class Start:
    """What one contestant does in a process of its own in each round."""

    contestant: str
    figure: str
    """What is measured, by the name that its samples get."""
    script: str
    """In theirs/."""
    told: Sequence[str]
    """Its arguments, behind the contestant's name."""
    has_profile: bool = False
    """Whether keys and region are in a profile of the shared config files, and not in the environment."""


class Contest:
    """The contestants, each a process that waits for its turn."""

    def __init__(self, environments: Path, url: str, home: Path) -> None:
        self._environments = environments
        # All that they get of this process's environment is where programs are: no setting, no key, no proxy.
        self._environ = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": os.fspath(home),
            "AWS_ENDPOINT_URL": url,
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        self._keys = {**KEYS, "AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-1"}
        self._profile = {
            "AWS_CONFIG_FILE": os.fspath(home / "config"),
            "AWS_SHARED_CREDENTIALS_FILE": os.fspath(home / "credentials"),
            "AWS_PROFILE": "releases",
        }

    def take_turns(self, turns: Sequence[Turn], rounds: int) -> Samples:
        """Have each measure what its turns say in each round; who is first in one is last in the next."""
        samples: Samples = {}
        with ExitStack() as open_ones:
            workers = {
                name: open_ones.enter_context(self._worker(name)) for name in {each.contestant for each in turns}
            }
            for number in range(rounds + 1):
                for turn in turns if number % 2 else reversed(turns):
                    if number and (number - 1) % turn.every:
                        continue
                    sample = workers[turn.contestant].ask(turn)
                    if number:  # the first one warms up
                        _keep(samples, turn, sample)
        return samples

    def start(self, starts: Sequence[Start], rounds: int) -> Samples:
        """Have each do what its script is told to, in a new process each round, in turns as well."""
        samples: Samples = {}
        for number in range(rounds + 1):
            for start in starts if number % 2 else reversed(starts):
                environ = {**self._environ, **(self._profile if start.has_profile else self._keys)}
                began = time.monotonic()
                done = subprocess.run(
                    [*self._command(start.contestant, start.script), *start.told],
                    env=environ,
                    stdout=subprocess.PIPE,
                    text=True,
                    check=True,
                )
                sample: dict[str, float] = json.loads(done.stdout)
                if "moment" in sample:
                    sample["wall"] = sample.pop("moment") - began
                if number:  # the first one writes byte code, and warms the file cache up
                    _keep(samples, start, sample)
        return samples

    def _command(self, contestant: str, script: str) -> list[str]:
        return [os.fspath(python_of(self._environments, contestant)), os.fspath(THEIRS / script), contestant]

    @contextmanager
    def _worker(self, name: str) -> Generator[_Worker]:
        with running(self._command(name, "worker.py"), {**self._environ, **self._keys}) as process:
            yield _Worker(name, process)


class _Worker:
    def __init__(self, name: str, process: subprocess.Popen[str]) -> None:
        self._name = name
        self._process = process

    def ask(self, turn: Turn) -> Sample:
        told = json.dumps({"what": turn.what, "count": turn.count, "in_flight": turn.in_flight})
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(told, file=self._process.stdin, flush=True)
        answer = self._process.stdout.readline()
        if not answer:
            sys.exit(f"{self._name} failed at {told}: see above")
        sample: Sample = json.loads(answer)
        return sample


def _keep(samples: Samples, of: Turn | Start, sample: Sample) -> None:
    samples.setdefault(of.figure, {}).setdefault(of.contestant, []).append(sample)


@contextmanager
def held(environments: Path, home: Path) -> Generator[Contest]:
    """Start the service, and yield a contest before it. *home* is an empty directory."""
    (home / "config").write_text("[profile releases]\nregion = eu-west-1\n", encoding="utf-8")
    keys = "".join(f"{name.lower()} = {value}\n" for name, value in KEYS.items())
    (home / "credentials").write_text(f"[releases]\n{keys}", encoding="utf-8")
    with running([sys.executable, os.fspath(THEIRS / "service.py")], dict(os.environ)) as service:
        assert service.stdout is not None
        yield Contest(environments, service.stdout.readline().strip(), home)


@contextmanager
def running(command: Sequence[str], environ: Mapping[str, str]) -> Generator[subprocess.Popen[str]]:
    """Run a process that ends with its stdin."""
    with subprocess.Popen(command, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        try:
            yield process
        finally:
            process.stdin.close()
