"""
The documents do what they say: every block of every page runs, in the page's order, as its reader would run it.

The pages print what one writes against AWS. The environment sends it to an endpoint on loopback.
"""

from __future__ import annotations

import builtins
import io
import json
import logging
import os
import re
import shlex
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from subprocess import PIPE, STDOUT
from typing import Any, Final, NamedTuple

import httpx
import pytest
import respx
from attrs import define, field

import codepipeline_client
from codepipeline_client import Credentials
from codepipeline_client.cli.commands import run
from codepipeline_client.cli.exit_codes import ExitCode
from codepipeline_client.cli.local import SAMPLES, put_samples
from codepipeline_client.testing import FakeClock, LocalCodePipeline

ROOT: Final = Path(__file__).parent.parent
PACKAGE: Final = ROOT / "codepipeline_client"
PAGES: Final = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]

CREDENTIALS: Final = Credentials(
    access_key_id="AKIAIOSFODNN7EXAMPLE", secret_access_key="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
)
"""The credentials that AWS's own documents print, as ours do."""
SET_UP: Final = ("Try it", "Test it")
"""The headings of the README's two commands: .ci/run runs them as printed, in a fresh clone."""
SPHINX: Final = ("{toctree}", "{eval-rst}", "{include} ../CHANGELOG.md")
"""Directives that contain no code. The site's build checks their contents."""
NAMED: Final = re.compile(r"# (?:~/)?(\.aws/\w+|[\w./-]+\.\w+)\n")
"""The first line of a block that is a file: its name, below the reader's home, where the reader is."""

PROGRAMS: Final = {
    "codepipeline-client": [sys.executable, "-m", "codepipeline_client"],
    "python": [sys.executable],
    "sh": ["sh"],
}
PLUGINS: Final = ("randomly", "hypothesispytest", "xdist", "xdist.looponfail")
"""Plugins of pytest that the tests on a page do without: they take longer than these tests."""

each_page: Final = pytest.mark.parametrize(
    "page", [pytest.param(page, id=page.relative_to(ROOT).as_posix()) for page in PAGES]
)


class Block(NamedTuple):
    """A fenced block of a page."""

    kind: str
    text: str
    before: str
    """The page up to the block."""


def blocks(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    found = re.finditer(r"^```(.*)\n((?:.*\n)*?)```$", text, re.MULTILINE)
    return [Block(match[1], match[2], text[: match.start(2)]) for match in found]


def prose(page: Path) -> str:
    """Return what is on *page* beside the blocks."""
    return re.sub(r"(?ms)^```.*?^```", "", page.read_text(encoding="utf-8"))


@each_page
def test_every_block_of_the_page_runs(page: Path, reader: Reader) -> None:
    """A block of an unknown kind is a failure, and so is one that is not found."""
    fences = re.findall(r"^\s*(?:`{3}|~{3})", page.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(fences) == 2 * len(blocks(page)), "a fence is not closed, or not found"
    assert not re.search(r"\n\n(?: {4}|\t)", prose(page)), "a block without a fence has no kind"
    # Not for the others: over httpx's transports, which a mock needs, a close does not end the call in flight.
    if page.stem == "signing-transport":
        reader.background.enter_context(aws())
    reader.follow(page)


@each_page
def test_the_page_has_one_sentence_on_a_line(page: Path) -> None:
    """So that a change shows as the sentence that changed."""
    assert not re.findall(r"^.*[a-z)`][.?!] [A-Z`].*$", prose(page), re.MULTILINE)


@each_page
def test_files_that_the_page_names_are_there(page: Path) -> None:
    """Links, and modules by name. Links to headings are the site's to check."""
    check_modules(prose(page))
    links = re.findall(r"\]\((?!https?:)([^)#]+)[^)]*\)", prose(page))
    assert not [link for link in links if not (page.parent / link).exists()]


def test_the_architecture_page_names_what_is_there() -> None:
    """Each part of the package by its name, and no file that is gone."""
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    parts = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()}
    picture = set(re.findall(r"\w+", text.partition("```text")[2].partition("```")[0]))
    assert parts - {"__init__", "__main__"} <= picture
    files = set(re.findall(r"`((?:_\w+|operations)/\w+)`", text))
    assert files
    assert [name for name in files if not (PACKAGE / f"{name}.py").is_file()] == []


def test_each_dependency_is_explained() -> None:
    """Those that users install, and those that the project is built, tested and documented with."""
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    lists = [declared["build-system"]["requires"], declared["project"]["dependencies"]]
    lists += [*declared["project"]["optional-dependencies"].values(), *declared["dependency-groups"].values()]
    names = {re.split(r"[^\w-]", entry)[0] for entries in lists for entry in entries if isinstance(entry, str)}
    terms = re.findall(r"^(.+)\n: ", (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert names == {name.lower() for term in terms for name in term.split(", ")}


def test_each_exit_code_is_on_the_page() -> None:
    page = (ROOT / "docs" / "command-line.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([\d, ]+) \|", page, re.MULTILINE)
    assert {int(code) for row in rows for code in row.split(",")} == set(ExitCode)


@contextmanager
def aws() -> Generator[None]:
    """Stand in for what a page asks of AWS without our clients. What goes to this machine goes there."""
    with respx.mock(assert_all_called=False) as router:
        router.route(host="127.0.0.1").pass_through()
        router.route(host__regex=r"\.eu-west-1\.amazonaws\.com$").mock(side_effect=response_of_aws)
        yield


def response_of_aws(request: httpx.Request) -> httpx.Response:
    """Return the response to a request that is signed for its service."""
    service = request.url.host.removesuffix(".eu-west-1.amazonaws.com").rpartition(".")[2]
    scope = rf"Credential={CREDENTIALS.access_key_id}/\d{{8}}/eu-west-1/{service}/aws4_request"
    assert re.search(scope, request.headers["authorization"])
    stage = {"stageName": "Deploy", "latestExecution": {"status": "Succeeded"}}
    return {
        "sts": httpx.Response(200),
        "s3": httpx.Response(200, text="All went well."),
        "codepipeline": httpx.Response(200, json={"stageStates": [stage]}),
    }[service]


@pytest.fixture
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Reader]:
    """Return a reader who has an account with the sample executions, and an empty home."""
    monkeypatch.chdir(tmp_path)
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.setenv("COLUMNS", "80")
    program = tmp_path / "bin" / "codepipeline-client"  # where a script finds it, and coverage sees it
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m codepipeline_client "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.delenv(name)
    logger = logging.getLogger("codepipeline_client")
    with LocalCodePipeline(region_name="eu-west-1", credentials=CREDENTIALS) as account, ExitStack() as background:
        background.callback(logger.setLevel, logger.level)  # a page shows the log
        put_samples(account)
        account.script_starts([SAMPLES["Succeeded"]], pipeline_name="web")
        for name, value in account.environ.items():
            monkeypatch.setenv(name, value)
        yield Reader(home=tmp_path, account=account.environ, monkeypatch=monkeypatch, background=background)


@define(kw_only=True)
class Reader:
    """Follows one page from top to bottom."""

    home: Path
    account: Mapping[str, str]
    """The environment that makes the account the reader's."""
    monkeypatch: pytest.MonkeyPatch
    background: ExitStack
    """What runs until the page ends."""
    namespace: dict[str, Any] = field(factory=lambda: {"__name__": "page"})
    exit_code: int = 0
    """How the command before ended."""
    printed: str | None = None
    """What the block before printed when it was Python, until it is compared."""
    tests: list[Path] = field(factory=list[Path])
    """Test files of the page, which pytest runs at the end."""

    def follow(self, page: Path) -> None:
        """Run every block."""
        for block in blocks(page):
            assert block.kind in self.ways, f"{page.name} has a {block.kind!r} block, which cannot be run"
            if block.kind != "text":
                self.check_all_was_shown()
            try:
                self.ways[block.kind](block)
            except Exception as error:
                error.add_note(f"{page.name}, the block at line {block.before.count(chr(10)) + 1}")
                raise
        self.check_all_was_shown()
        self.run_tests()

    @property
    def ways(self) -> Mapping[str, Callable[[Block], object]]:
        """From the kind of a block to how it is run. The site's build checks Sphinx's directives."""
        return {
            "python": self.run_python,
            "text": self.compare,
            "console": self.run_console,
            "ini": self.save,
            "yaml": self.save,
            "json": lambda block: json.loads(block.text),
            "sh": lambda block: self.save(block) if NAMED.match(block.text) else leave_to_ci(block),
            **dict.fromkeys(SPHINX, lambda _: None),
        }

    def run_python(self, block: Block) -> None:
        """Run a block in the page's namespace, or keep the tests in it for pytest. A block that is a file is saved."""
        line = block.before.count("\n")
        if re.search("^(async )?def test_", block.text, re.MULTILINE):
            file = self.home / f"test_at_line_{line}.py"
            file.write_text(block.text, encoding="utf-8")
            self.tests.append(file)
            return
        if NAMED.match(block.text):
            self.save(block)
        with redirect_stdout(io.StringIO()) as output:
            exec(compile("\n" * line + block.text, "page", "exec", dont_inherit=True), self.namespace)
        self.printed = output.getvalue()

    def run_tests(self) -> None:
        """Run what the page shows as tests, without the account."""
        if not self.tests:
            return
        pytest_ = [sys.executable, "-m", "pytest", "-W", "error", "-p", "no:cacheprovider"]
        pytest_ += [word for plugin in PLUGINS for word in ("-p", f"no:{plugin}")]
        environ = {name: value for name, value in os.environ.items() if name not in self.account}
        done = subprocess.run([*pytest_, *self.tests], env=environ, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "skipped" not in done.stdout, done.stdout

    def compare(self, block: Block) -> None:
        """Compare a text with what the Python block before it printed. Where there is none, it is a diagram."""
        if self.printed is None:
            check_modules(block.text)
            for name in re.findall(r"\b(?:[A-Z][a-z]+){2,}\b", block.text):
                assert hasattr(codepipeline_client, name) or hasattr(builtins, name), f"{name} is not public"
        else:
            check_output(self.printed, block.text)
            self.printed = None

    def check_all_was_shown(self) -> None:
        assert not self.printed, f"the page does not show what its code prints: {self.printed}"
        self.printed = None

    def save(self, block: Block) -> None:
        """Write a file below the home; the first line says which."""
        name = NAMED.match(block.text)
        assert name, "the first line does not say which file it is"
        path = self.home / name[1]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.text, encoding="utf-8")

    def run_console(self, block: Block) -> None:
        """Type each command, and compare what the terminal shows."""
        assert block.text.startswith("$ ")
        for command, shown in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block.text, re.MULTILINE):
            check_output(self.enter(command), shown)
        assert self.exit_code == 0, "the page does not show how its last command ended"

    def enter(self, command: str) -> str:
        """Return what the terminal shows after *command*."""
        if command == "echo $?":
            code, self.exit_code = self.exit_code, 0
            return str(code)
        assert self.exit_code == 0, f"the page does not show how the command before {command!r} ended"
        name, *arguments = shlex.split(command)
        if name == "codepipeline-client" and arguments != ["serve"]:
            return self.enter_here(arguments)
        program = subprocess.Popen([*PROGRAMS[name], *arguments], stdout=PIPE, stderr=STDOUT, text=True)
        if arguments == ["serve"]:
            return self.leave_running(program)
        output, _ = program.communicate()
        self.exit_code = program.returncode
        return output

    def enter_here(self, arguments: list[str]) -> str:
        """Run our own command in this process, on a clock that does not wait."""
        with io.StringIO() as shown, redirect_stdout(shown), redirect_stderr(shown):
            self.exit_code = run(arguments, clock=FakeClock(start=time.time()))
            return shown.getvalue()

    def leave_running(self, program: subprocess.Popen[str]) -> str:
        """Return what *program* prints before it waits, once the reader has pasted the settings among it."""
        self.background.callback(program.communicate)
        self.background.callback(program.terminate)
        assert program.stdout
        output = ""
        while SAMPLES["Stopped"].pipeline_execution_id not in output:
            line = program.stdout.readline()
            assert line, output
            if line.startswith("export "):
                self.monkeypatch.setenv(*shlex.split(line)[1].split("=", 1))
            output += line
        return output


def leave_to_ci(block: Block) -> None:
    """Check that .ci/run runs the block: the first one under one of two headings of the README."""
    heading, _, between = block.before.rpartition("\n## ")[2].partition("\n")
    assert heading in SET_UP
    assert "```" not in between.removesuffix("```sh\n")


def check_output(printed: str, expected: str) -> None:
    """Compare; an ellipsis in a page stands for anything, such as an id that is never the same."""
    pattern = ".*?".join(map(re.escape, expected.rstrip().split("…")))
    assert re.fullmatch(pattern, printed.rstrip(), re.DOTALL), f"printed:\n{printed}\nbut the page says:\n{expected}"


def check_modules(text: str) -> None:
    """Check that the package has the modules that *text* names."""
    for module in re.findall(r"\b[\w/]+(?=\.py\b)", text):
        assert (PACKAGE / f"{module}.py").is_file(), module
