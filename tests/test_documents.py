"""
The documents do what they say: every block of every page runs, in the page's order, as its reader would run it.

The reader's machine is set up for AWS, so the pages print what one writes against AWS; what answers is on loopback.
"""

from __future__ import annotations

import builtins
import io
import json
import os
import re
import shlex
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext, redirect_stderr, redirect_stdout
from pathlib import Path
from subprocess import PIPE, STDOUT
from typing import Final

import httpx
import pytest
import respx
from attrs import define, field
from sybil import Document, Example, Region
from sybil.evaluators.python import PythonEvaluator
from sybil.parsers.markdown.lexers import FencedCodeBlockLexer

import codepipeline_client
from codepipeline_client import Credentials
from codepipeline_client.cli.commands import run
from codepipeline_client.cli.local import SAMPLES
from codepipeline_client.testing import FakeClock, LocalCodePipeline

ROOT: Final = Path(__file__).parent.parent
PACKAGE: Final = ROOT / "codepipeline_client"
PAGES: Final = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]

PRINTED_KEYS: Final = Credentials(
    access_key_id="AKIAIOSFODNN7EXAMPLE", secret_access_key="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
)
"""The keys that AWS's own documents print; so do ours."""
SET_UP: Final = ("Try it", "Test it")
"""The headings of the README's two commands: .ci/run runs them as printed, in a fresh clone."""
SPHINX: Final = ("{toctree}", "{eval-rst}")
"""Directives that hold no code. The site's build checks what they hold."""
NAMED: Final = re.compile(r"# (?:~/)?(\.aws/\w+|[\w./-]+\.\w+)\n")
"""The first line of a block that is a file: its name, below the reader's home, where the reader is."""

PROGRAMS: Final = {"codepipeline-client": [sys.executable, "-m", "codepipeline_client"], "sh": ["sh"]}
"""What a reader types in a terminal, and how it is run."""
OURS: Final = ("randomly", "hypothesispytest", "xdist", "xdist.looponfail")
"""The plugins of pytest that this suite has and a page's reader need not: they take longer than the page's tests."""

each_page: Final = pytest.mark.parametrize("page", [pytest.param(page, id=page.stem) for page in PAGES])


def blocks(page: Path) -> list[Region]:
    """Return every fenced block of *page*, with its language."""
    lexer = FencedCodeBlockLexer(language=r"[^\n]*", mapping={"language": "language", "source": "source"})
    return list(lexer(Document(page.read_text(encoding="utf-8"), str(page))))


def prose(page: Path) -> str:
    """Return what is on *page* beside the blocks."""
    return re.sub(r"(?ms)^```.*?^```", "", page.read_text(encoding="utf-8"))


@each_page
def test_every_block_of_the_page_runs(page: Path, reader: Reader) -> None:
    """A block of a kind that nobody knows how to run is a failure, and so is one that nobody sees."""
    fences = re.findall(r"^\s*(?:`{3}|~{3})", page.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(fences) == 2 * len(blocks(page)), "a fence is not closed, or not seen"
    assert not re.search(r"\n\n(?: {4}|\t)", prose(page)), "a block without a fence has no kind"
    # Not for the others: over httpx's transports, which a mock needs, a close does not end the call in flight.
    with aws() if page.stem == "signing-transport" else nullcontext():
        reader.follow(page)
    assert reader.runs == len(blocks(page))


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


@contextmanager
def aws() -> Generator[None]:
    """Stand in for what a page asks of AWS without our clients. What goes to this machine goes there."""
    with respx.mock(assert_all_called=False) as router:
        router.route(host="127.0.0.1").pass_through()
        router.route(host__regex=r"\.eu-west-1\.amazonaws\.com$").mock(side_effect=answer_of_aws)
        yield


def answer_of_aws(request: httpx.Request) -> httpx.Response:
    """Answer a request that is signed for its service."""
    service = request.url.host.removesuffix(".eu-west-1.amazonaws.com").rpartition(".")[2]
    scope = rf"Credential={PRINTED_KEYS.access_key_id}/\d{{8}}/eu-west-1/{service}/aws4_request"
    assert re.search(scope, request.headers["authorization"])
    summary = {"pipelineExecutionId": SAMPLES[0].pipeline_execution_id, "status": SAMPLES[0].status}
    return {
        "sts": httpx.Response(200),
        "s3": httpx.Response(200, text="All went well."),
        "codepipeline": httpx.Response(200, json={"pipelineExecutionSummaries": [summary]}),
    }[service]


@pytest.fixture
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Reader]:
    """Someone with an account that has the sample executions, and with an empty home."""
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
    with LocalCodePipeline(region_name="eu-west-1", credentials=PRINTED_KEYS) as account, ExitStack() as behind:
        for execution in SAMPLES:
            account.put_execution(execution)
        for name, value in account.environ.items():
            monkeypatch.setenv(name, value)
        yield Reader(home=tmp_path, account=account.environ, monkeypatch=monkeypatch, behind=behind)


@define(kw_only=True)
class Reader:
    """Follows one page from top to bottom."""

    home: Path
    account: Mapping[str, str]
    """The environment that makes the account the reader's."""
    monkeypatch: pytest.MonkeyPatch
    runs: int = 0
    """How many blocks were run."""
    behind: ExitStack
    """What runs until the page ends."""
    exit_code: int = 0
    """How the command before ended."""
    printed: str | None = None
    """What the block before printed when it was Python, until it is compared."""
    tests: list[Path] = field(factory=list[Path])
    """Test files of the page, which pytest runs at the end."""

    def follow(self, page: Path) -> None:
        """Run every block."""
        document = Document(page.read_text(encoding="utf-8"), str(page))
        for region in blocks(page):
            kind = region.lexemes["language"]
            assert kind in self.ways, f"nobody knows how to run the {kind!r} block of {page.name}"
            region.parsed, region.evaluator = region.lexemes["source"], self.ways[kind]
            document.add(region)
        for example in document.examples():
            if example.region.lexemes["language"] != "text":
                self.check_all_was_shown()
                self.printed = None
            try:
                example.evaluate()
            except Exception as error:
                error.add_note(f"{page.name}, the block at line {example.line}")
                raise
            self.runs += 1
        self.check_all_was_shown()
        self.run_tests()

    @property
    def ways(self) -> Mapping[str, Callable[[Example], None]]:
        """From the kind of a block to how it is run."""
        return {
            "python": self.run_python,
            "text": self.compare,
            "console": self.run_console,
            "ini": self.save,
            "yaml": self.save,
            "json": self.read_json,
            "sh": self.run_sh,
            **dict.fromkeys(SPHINX, self.leave_to_sphinx),
        }

    def run_python(self, example: Example) -> None:
        """
        Run a block in the page's namespace; where it defines tests, keep it for pytest, as its reader would.

        A block that is a file is saved as well, so that the tests can import it.
        """
        if re.search("^(async )?def test_", example.parsed, re.MULTILINE):
            file = self.home / f"test_at_line_{example.line}.py"
            file.write_text(example.parsed, encoding="utf-8")
            self.tests.append(file)
            return
        if NAMED.match(example.parsed):
            self.save(example)
        with redirect_stdout(io.StringIO()) as output:
            PythonEvaluator()(example)
        self.printed = output.getvalue()

    def run_tests(self) -> None:
        """Run what the page shows as tests, with no keys, no settings, and no plugin that nobody told of."""
        if not self.tests:
            return
        pytest_ = [sys.executable, "-m", "pytest", "-W", "error", "-p", "no:cacheprovider"]
        pytest_ += [word for plugin in OURS for word in ("-p", f"no:{plugin}")]
        environ = {name: value for name, value in os.environ.items() if name not in self.account}
        done = subprocess.run([*pytest_, *self.tests], env=environ, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "skipped" not in done.stdout, done.stdout

    def compare(self, example: Example) -> None:
        """Compare a text with what the Python block before it printed. Where there is none, it is a diagram."""
        if self.printed is None:
            check_modules(example.parsed)
            check_classes(example.parsed)
        else:
            check_output(self.printed, example.parsed)
            self.printed = None

    def check_all_was_shown(self) -> None:
        assert not self.printed, f"the page does not show what its code prints: {self.printed}"

    def save(self, example: Example) -> None:
        """Write a file below the home; the first line says which."""
        name = NAMED.match(example.parsed)
        assert name, "the first line does not say which file it is"
        path = self.home / name[1]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(example.parsed, encoding="utf-8")

    def read_json(self, example: Example) -> None:
        """Check that it is JSON. What it is for, the tests of its page know."""
        json.loads(example.parsed)

    def run_sh(self, example: Example) -> None:
        """Save a script, which the page runs by its name. A command of the README is left to .ci/run."""
        if NAMED.match(example.parsed):
            self.save(example)
        else:
            self.leave_to_ci(example)

    def run_console(self, example: Example) -> None:
        """Type each command, and compare what the terminal shows."""
        assert example.parsed.startswith("$ ")
        for command, shown in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", example.parsed, re.MULTILINE):
            check_output(self.enter(command), shown)
        assert self.exit_code == 0, "the page does not show how its last command ended"

    def enter(self, command: str) -> str:
        """Return what the terminal shows after *command*."""
        if command == "echo $?":
            code, self.exit_code = self.exit_code, 0
            return str(code)
        assert self.exit_code == 0, f"the page does not show how the command before {command!r} ended"
        name, *arguments = shlex.split(command)
        assert name in PROGRAMS, f"nobody knows how to run {command!r}"
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
        self.behind.callback(program.communicate)
        self.behind.callback(program.terminate)
        assert program.stdout
        output = ""
        while SAMPLES[-1].pipeline_execution_id not in output:
            line = program.stdout.readline()
            assert line, output
            if line.startswith("export "):
                self.monkeypatch.setenv(*shlex.split(line)[1].split("=", 1))
            output += line
        return output

    def leave_to_ci(self, example: Example) -> None:
        """Check that .ci/run runs it: the first block under one of two headings of the README."""
        assert Path(example.path).name == "README.md"
        before = example.document.text[: example.start].rpartition("\n## ")[2]
        assert before.partition("\n")[0] in SET_UP
        assert "```" not in before

    def leave_to_sphinx(self, _: Example) -> None:
        """The site's build fails where it finds something wrong."""


def check_output(printed: str, expected: str) -> None:
    """Compare; an ellipsis in a page stands for anything, such as an id that is never the same."""
    pattern = ".*?".join(map(re.escape, expected.rstrip().split("…")))
    assert re.fullmatch(pattern, printed.rstrip(), re.DOTALL), f"printed:\n{printed}\nbut the page says:\n{expected}"


def check_modules(text: str) -> None:
    """Check that the package has the modules that *text* names."""
    for module in re.findall(r"\b[\w/]+(?=\.py\b)", text):
        assert (PACKAGE / f"{module}.py").is_file(), module


def check_classes(diagram: str) -> None:
    """Check that what a diagram names is public."""
    for name in re.findall(r"\b(?:[A-Z][a-z]+){2,}\b", diagram):
        assert hasattr(codepipeline_client, name) or hasattr(builtins, name), name
