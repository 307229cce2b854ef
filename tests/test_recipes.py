"""
The recipes do what their pages promise, beyond what a page has room to show.

Each is taken from its page as a reader takes it. The blocks themselves, and the tests on the pages, are run by
test_documents.
"""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from functools import partial
from itertools import pairwise
from pathlib import Path
from runpy import run_path
from types import SimpleNamespace
from typing import Any, Final

import anyio
import httpx
import pytest
import yaml  # type: ignore[import-untyped]  # its types are a package of their own
from starlette.requests import ClientDisconnect

from codepipeline_client import (
    AsyncCodePipelineClient,
    CodePipelineClient,
    FollowedExecution,
    PipelineExecutionReference,
    PipelineExecutionStatus,
)
from codepipeline_client.testing import FakeClock, LocalCodePipeline, Shown, make_pipeline_execution

PAGES: Final = Path(__file__).parent.parent / "docs" / "recipes"
EXECUTION_ID: Final = "7f3a1c52-9b0e-4d68-a1f4-2c6e8d0b9a31"
OTHER_ID: Final = "b24d9e07-3c1f-4f5a-8e62-91a7c0d4f583"


def blocks(page: str, kind: str) -> list[str]:
    """Return the blocks of a *kind* on a page, in order."""
    text = (PAGES / f"{page}.md").read_text(encoding="utf-8")
    return re.findall(rf"^```{kind}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def save(page: str, kind: str, place: Path) -> Path:
    """Save the first block of a *kind*, which says itself which file it is, and return the path."""
    block = blocks(page, kind)[0]
    path = place / block.partition("\n")[0].removeprefix("# ")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(block, encoding="utf-8")
    return path


@pytest.fixture
def program(tmp_path: Path) -> Callable[[str], Any]:
    """Return a page's program, imported anew."""
    return lambda page: SimpleNamespace(**run_path(str(save(page, "python", tmp_path))))


# ---- The gate, in a shell and in GitHub Actions


@pytest.fixture
def environ(local_codepipeline: LocalCodePipeline, tmp_path: Path) -> dict[str, str]:
    """The environment of a shell that finds the command line, and stand-ins for what would need a network."""
    stand_ins = {
        "codepipeline-client": f'exec "{sys.executable}" -m codepipeline_client "$@"',
        "pip": f'echo "pip $*" >> "{tmp_path}/typed"',
    }
    for name, lines in stand_ins.items():
        program = tmp_path / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(f"#!/bin/sh\n{lines}\n", encoding="utf-8")
        program.chmod(0o755)
    path = f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, **local_codepipeline.environ, "PATH": path, "CI": "true"}


@pytest.mark.parametrize(
    ("end", "code", "words"),
    [
        pytest.param("Succeeded", 0, "gate: open", id="succeeded"),
        pytest.param("Failed", 11, "gate: closed, the deployment did not succeed", id="failed"),
        pytest.param("Superseded", 14, "gate: closed, a newer deployment took its place", id="overtaken"),
        pytest.param("InProgress", 15, "gate: closed, the deployment is still running", id="too-slow"),
        pytest.param(None, 20, "gate: closed, the status of the deployment is unknown", id="not-there"),
    ],
)
def test_the_gate_opens_for_success_alone(
    end: str | None,
    code: int,
    words: str,
    local_codepipeline: LocalCodePipeline,
    environ: dict[str, str],
    tmp_path: Path,
) -> None:
    """The real command line in a real shell, with an execution that is InProgress at first."""
    local_codepipeline.script_execution(["InProgress", end])
    script = save("deploy-gate", "sh", tmp_path)
    pace = ["--poll-interval", "0.01", "--timeout", "1" if end == "InProgress" else "60", "--not-found-grace", "0"]
    done = subprocess.run(
        ["sh", script, "web", EXECUTION_ID, *pace], env=environ, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr.splitlines()[-1]) == (code, words), done.stderr
    assert len(local_codepipeline.requests) >= 2 or end == "InProgress"


def run_job(job: Mapping[str, Any], environ: Mapping[str, str], place: Path) -> tuple[str | None, str]:
    """Run the ``run`` steps of a job as GitHub does, and return the name of the one that fails, and the summary."""
    summary = place / "summary"
    summary.touch()
    failed = None
    for step in job["steps"]:
        if failed or "run" not in step:
            continue
        assert "${{" not in step["run"], "an expression in a command is read by the shell"
        variables = {**environ, "GITHUB_STEP_SUMMARY": str(summary)}
        if subprocess.run(["bash", "-e", "-c", step["run"]], env=variables, check=False).returncode:
            failed = step["name"]
    return failed, summary.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("end", "failed", "summary"),
    [
        pytest.param("Succeeded", None, "The new version of web is live.\n", id="succeeded"),
        pytest.param("Failed", "Start an execution and wait for it", "", id="failed"),
    ],
)
def test_the_workflow_announces_success_alone(
    end: str,
    failed: str | None,
    summary: str,
    codepipeline_client: CodePipelineClient,
    local_codepipeline: LocalCodePipeline,
    environ: dict[str, str],
    tmp_path: Path,
) -> None:
    """Every step that is a command is run, in order, until one fails. What it would install is what runs it."""
    local_codepipeline.script_starts([end], pipeline_name="web")
    workflow = yaml.safe_load(save("deploy-gate", "yaml", tmp_path).read_text(encoding="utf-8"))
    assert run_job(workflow["jobs"]["release"], environ, tmp_path) == (failed, summary)
    assert (tmp_path / "typed").read_text(encoding="utf-8") == "pip install codepipeline-client[cli]\n"
    assert len([*codepipeline_client.iter_pipeline_executions(pipeline_name="web")]) == 1


# ---- The status of an execution for a web page

URL: Final = f"/pipelines/web/executions/{EXECUTION_ID}"


@pytest.fixture
async def served(
    codepipeline_clock: FakeClock, async_codepipeline_client: AsyncCodePipelineClient, program: Callable[[str], Any]
) -> AsyncIterator[Any]:
    """The application while it is served."""
    app = program("status-endpoint").create_app(async_codepipeline_client)
    async with app.router.lifespan_context(app):
        yield app


def browser(app: Any) -> httpx.AsyncClient:
    """Return a browser that looks at the application."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://status")


@pytest.mark.anyio
async def test_a_browser_is_told_that_the_changes_are_lost(served: Any, local_codepipeline: LocalCodePipeline) -> None:
    local_codepipeline.script_execution(["InProgress", None])
    async with browser(served) as someone:
        response = await someone.get(f"{URL}/changes")
    first, last = response.text.rstrip("\n").split("\n\n")
    assert '"status": "InProgress"' in first
    assert last == "event: lost\ndata: {}"
    assert "does not have an execution" not in response.text


@pytest.mark.anyio
async def test_a_server_makes_the_application_without_an_argument(
    local_codepipeline: LocalCodePipeline, program: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As ``uvicorn --factory`` does. The environment says where AWS is."""
    for name, value in local_codepipeline.environ.items():
        monkeypatch.setenv(name, value)
    local_codepipeline.put_execution(make_pipeline_execution())
    app = program("status-endpoint").create_app()
    async with app.router.lifespan_context(app), browser(app) as someone:
        assert (await someone.get(URL)).json()["is_successful"]


@pytest.mark.anyio
@pytest.mark.parametrize("spec_version", ["2.3", "2.4"])
async def test_a_browser_that_leaves_ends_its_watch(
    spec_version: str, served: Any, local_codepipeline: LocalCodePipeline
) -> None:
    """By either version of ASGI: a message says so, or nothing can be sent any more."""
    local_codepipeline.script_execution(["InProgress", "Stopping", Shown("InProgress", seconds=3500), "Succeeded"])
    left = anyio.Event()
    scope: dict[str, Any] = {"type": "http", "asgi": {"version": "3.0", "spec_version": spec_version}}
    scope |= {"method": "GET", "path": f"{URL}/changes", "headers": [], "query_string": b""}

    async def receive() -> Mapping[str, str]:
        await left.wait()
        return {"type": "http.disconnect"}

    async def send(message: Mapping[str, Any]) -> None:
        if left.is_set() and spec_version == "2.4":
            raise OSError("the browser has gone")
        if message["type"] == "http.response.body":
            left.set()

    with suppress(ClientDisconnect):
        await served(scope, receive, send)
    assert len(local_codepipeline.requests) <= 3


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


# ---- The end of an execution in AWS Lambda


def matches(pattern: Mapping[str, Any], event: Mapping[str, Any]) -> bool:
    """Return whether EventBridge would send *event*: a list in a pattern is what a value may be."""
    return all(
        event[name] in wanted if isinstance(wanted, list) else matches(wanted, event[name])
        for name, wanted in pattern.items()
    )


def test_the_pattern_lets_through_each_end_and_nothing_else() -> None:
    """In the words of events: https://docs.aws.amazon.com/codepipeline/latest/userguide/detect-state-changes-cloudwatch-events.html"""
    pattern = json.loads(blocks("lambda", "json")[0])
    sent_by_test = re.search(r"^EVENT: .*? = (\{.*?^\})$", blocks("lambda", "python")[-1], re.MULTILINE | re.DOTALL)
    assert sent_by_test
    event = ast.literal_eval(sent_by_test[1])
    assert matches(pattern, event)
    ends = {status.upper().replace("CANCELLED", "CANCELED") for status in PipelineExecutionStatus if status.is_terminal}
    states = ends | {"STARTED", "RESUMED", "STOPPING"}
    sent = [state for state in states if matches(pattern, {**event, "detail": {**event["detail"], "state": state}})]
    assert set(sent) == ends


# ---- The chat bot


class Chat:
    """A chat in which someone speaks again when the bot has said something, and then stays."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.reported = anyio.Event()

    async def messages(self) -> AsyncIterator[str]:
        yield f"follow web/{EXECUTION_ID} and api/{OTHER_ID}"
        await self.reported.wait()
        yield f"follow docs/{EXECUTION_ID}"
        await anyio.sleep_forever()

    async def send(self, text: str) -> None:
        self.sent.append(text)
        if text.startswith("api is Stopped (no reason given): https"):
            self.reported.set()
        if text == "docs is live: 5f2c9d1e":
            raise EOFError("that is all")


@pytest.mark.anyio
async def test_the_bot_listens_while_it_follows(
    codepipeline_clock: FakeClock,
    async_codepipeline_client: AsyncCodePipelineClient,
    local_codepipeline: LocalCodePipeline,
    program: Callable[[str], Any],
) -> None:
    """An error that ends the bot ends every wait at once."""
    local_codepipeline.script_execution([Shown("InProgress", seconds=86400), "Succeeded"], pipeline_name="web")
    local_codepipeline.script_execution(["InProgress", "Stopped"], pipeline_name="api", pipeline_execution_id=OTHER_ID)
    local_codepipeline.script_execution([None, "InProgress", "Succeeded"], pipeline_name="docs")
    chat = Chat()
    with pytest.raises(BaseExceptionGroup) as ended:
        async with async_codepipeline_client as client:
            await program("chat-bot").bot(client, chat)
    assert ended.group_contains(EOFError)
    assert [text.partition(":")[0] for text in chat.sent] == [
        "Following 2.",
        "api is Stopped (no reason given)",
        "Following 1.",
        "docs is live",
    ]
    assert codepipeline_clock.monotonic() < 7200


# ---- Texts that anyone can write, such as commit messages and reasons

HOSTILE: Final = "\x1b[2J\x1b]0;title\a\u2028\x9b31m\u202e"
"""What clears a screen, names a window, rings a bell, begins a line, colours it, and turns it round."""


def reported(bot: Any, followed: FollowedExecution) -> str:
    """Return what the bot says."""
    sent: list[str] = []

    async def wait(*_: object, **__: object) -> AsyncIterator[FollowedExecution]:
        yield followed

    async def send(text: str) -> None:
        sent.append(text)

    anyio.run(bot.report, SimpleNamespace(wait_for_pipeline_executions=wait), SimpleNamespace(send=send), ())
    return "\n".join(sent)


TEXT_OF: Final[Mapping[str, Callable[[Any, FollowedExecution], str]]] = {
    "lambda": lambda function, followed: function.announcement(followed.execution),
    "chat-bot": reported,
    "dashboard": lambda dashboard, followed: dashboard.as_table([followed]),
}


@pytest.mark.parametrize(("page", "lines"), [("lambda", 3), ("chat-bot", 1), ("dashboard", 2)])
def test_no_text_steers_a_terminal(page: str, lines: int, program: Callable[[str], Any]) -> None:
    """Or passes for something else that the program says: each line is one of its own making."""
    execution = make_pipeline_execution(
        status=PipelineExecutionStatus(f"New{HOSTILE}"),
        status_summary=f"no\nweb is live{HOSTILE}",
        artifact_revisions=[{"revision_id": HOSTILE, "revision_summary": f"faster{HOSTILE}"}],
    )
    text = TEXT_OF[page](program(page), FollowedExecution(PipelineExecutionReference("web", EXECUTION_ID), execution))
    assert all(line.isprintable() for line in text.split("\n"))
    assert text.count("\n") == lines - 1
    assert r"\x1b[2J" in text


# ---- The dashboard


@pytest.fixture
def follow(
    codepipeline_client: CodePipelineClient, local_codepipeline: LocalCodePipeline, program: Callable[[str], Any]
) -> Callable[..., None]:
    """Follow a hundred executions that end within two minutes, every tenth badly."""
    hundred = [
        local_codepipeline.script_execution(
            [Shown("InProgress", seconds=number), "Succeeded" if number % 10 else "Failed"],
            pipeline_name=f"service-{number:03}",
        )
        for number in range(1, 101)
    ]
    return partial(program("dashboard").follow, codepipeline_client, hundred)


def test_the_dashboard_keeps_within_its_budget(
    codepipeline_clock: FakeClock, local_codepipeline: LocalCodePipeline, follow: Callable[..., None]
) -> None:
    """At every moment, not on the average alone."""
    moments: list[float] = []
    local_codepipeline.inject_by(lambda _: moments.append(codepipeline_clock.monotonic()))
    tables: list[str] = []
    follow(show=tables.append)
    assert tables[-1].startswith("10 Failed, 90 Succeeded\nservice-010")
    assert all(before != after for before, after in pairwise(tables))
    for seconds in (1, 60):
        most = max(sum(begin <= each < begin + seconds for each in moments) for begin in moments)
        assert most <= 5 * seconds + 2


def test_the_dashboard_fits_its_terminal(
    codepipeline_clock: FakeClock,
    local_codepipeline: LocalCodePipeline,
    follow: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What is wrong is on top: an execution that is not there, then bad ends; what cannot be seen to end stays."""
    local_codepipeline.script_execution([None], pipeline_name="service-050")
    monkeypatch.setenv("LINES", "14")
    follow(timeout=80)
    *_, last = capsys.readouterr().out.split("\x1b[H\x1b[2J")
    headline, *rows = last.splitlines()
    assert headline.endswith("Succeeded")
    assert "1 PipelineExecutionNotFoundException" in headline
    assert len(rows) == 12
    assert rows[0].split()[:2] == ["service-010", "Failed"]
    assert "PipelineExecutionNotFoundException" in rows[4]
    assert rows[-1].split()[1] == "InProgress"
