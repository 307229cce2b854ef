"""The command line: what it prints where, in which words it complains, and with which code it ends."""

from __future__ import annotations

import contextlib
import errno
import io
import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import warnings
from collections.abc import Awaitable, Callable, Generator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import anyio
import pyte
import pytest
from attrs import evolve, frozen
from hypothesis import given
from hypothesis import strategies as st

from codepipeline_client import (
    CodePipelineError,
    PipelineExecution,
    PipelineExecutionStatus,
    ResponseMetadata,
    __version__,
    testing,
)
from codepipeline_client.__main__ import main
from codepipeline_client.cli._commands import run
from codepipeline_client.cli._endings import ExitCode, of_error
from codepipeline_client.cli._local import invitation
from codepipeline_client.cli._samples import DEMONSTRATION, JOURNEYS, SAMPLES
from codepipeline_client.cli._view import Row, as_json, as_rows, laid_out
from codepipeline_client.testing import LocalCodePipeline, make_pipeline_execution

EXECUTION: Final = make_pipeline_execution()
WEB: Final = (EXECUTION.pipeline_name, EXECUTION.pipeline_execution_id)
OTHER_ID: Final = "00000000-0000-0000-0000-000000000000"
CONSOLE: Final = (
    "https://us-east-1.console.aws.amazon.com/codesuite/codepipeline/pipelines/web"
    "/executions/7f3a1c52-9b0e-4d68-a1f4-2c6e8d0b9a31/visualization?region=us-east-1"
)
"""Where a person can look at it."""


@frozen
class Ended:
    """A command that ran: how it ended, and what it printed."""

    code: int
    stdout: str
    stderr: str

    @property
    def complaint(self) -> str:
        """What it said on stderr, which must be one line of the program's, with nothing on stdout."""
        assert self.stdout == ""
        assert self.stderr.startswith("codepipeline-client: ")
        assert self.stderr.count("\n") == 1
        return self.stderr.removeprefix("codepipeline-client: ").rstrip("\n")


Shell = Callable[..., Ended]


@pytest.fixture
def shell(capfd: pytest.CaptureFixture[str]) -> Shell:
    """Run a command in this process, as a shell would."""

    def ended(*args: str) -> Ended:
        code = run(args)
        printed = capfd.readouterr()
        return Ended(code, printed.out, printed.err)

    return ended


@pytest.fixture
def service(local_codepipeline: LocalCodePipeline, monkeypatch: pytest.MonkeyPatch) -> LocalCodePipeline:
    """The service that the environment points to; it has one execution. Trying again is the client's business."""
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    local_codepipeline.put_execution(EXECUTION)
    for name, value in local_codepipeline.environ.items():
        monkeypatch.setenv(name, value)
    return local_codepipeline


class Terminal(io.StringIO):
    """A stdout that says it is a terminal."""

    def isatty(self) -> bool:
        return True


class FullDisk(io.StringIO):
    """A stdout that goes to a file for which there is no room."""

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor

    def fileno(self) -> int:
        return self._descriptor

    def write(self, text: str) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")


class FakeClock:
    """Time as the machine has it, but whoever waits or looks may be interrupted."""

    def __init__(
        self, *, on_time: Callable[[], None] = lambda: None, on_sleep: Callable[[], None] = lambda: None
    ) -> None:
        self._on_time = on_time
        self._on_sleep = on_sleep

    def time(self) -> float:
        self._on_time()
        return datetime.now(UTC).timestamp()

    def monotonic(self) -> float:
        return 0.0

    def sleep(self, seconds: float) -> None:
        # Long enough to keep no machine busy; and a signal that came just before is not heard until it is over.
        assert 0.5 <= seconds <= 2
        self._on_sleep()

    def sleep_async(self, seconds: float) -> Awaitable[None]:
        return anyio.sleep(seconds)


def ctrl_c() -> None:
    raise KeyboardInterrupt


# ---- get: what it prints


FULL: Final = make_pipeline_execution(
    status="Failed",
    status_summary="The action Smoke failed:\n1 of 24 checks",
    pipeline_version=3,
    artifact_revisions=[
        {
            "name": "Source",
            "revision_id": "5f2c9d1e8b7a60413c2d4e6f8091a2b3c4d5e6f7",
            "revision_summary": "\nAnswer faster\n\nMeasured: twice as fast.",
            "created": datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC),
            "revision_url": "https://github.com/example/web/commit/5f2c9d1e",
        },
        {"name": "Settings", "revision_id": "VJyaiwYQ4VhSXzPQ0Qsp6f1rrZ2gSTu4", "revision_url": ""},
        {"name": "Long", "revision_id": "x" * 1500},
        {},
    ],
    variables=[{"name": "BRANCH", "resolved_value": "main"}, {"name": "TARGET"}],
    execution_type="ROLLBACK",
    rollback_metadata={"rollback_target_pipeline_execution_id": "b24d9e07-3c1f-4f5a-8e62-91a7c0d4f583"},
    trigger={"trigger_type": "ManualRollback", "trigger_detail": "arn:aws:iam::111122223333:user/alex"},
)


def test_get_shows_all_there_is_in_aligned_lines(service: LocalCodePipeline, shell: Shell) -> None:
    """Labels to the left, values in a column, one that has several lines below itself."""
    service.put_execution(FULL)
    assert shell("get", *WEB).stdout == (
        "Pipeline       web\n"
        "Execution      7f3a1c52-9b0e-4d68-a1f4-2c6e8d0b9a31\n"
        "Status         Failed\n"
        "Summary        The action Smoke failed:\n"
        "               1 of 24 checks\n"
        "Version        3\n"
        "Mode           SUPERSEDED\n"
        "Type           ROLLBACK\n"
        "Rolls back to  b24d9e07-3c1f-4f5a-8e62-91a7c0d4f583\n"
        "Trigger        ManualRollback\n"
        "               arn:aws:iam::111122223333:user/alex\n"
        "Revision       Source  5f2c9d1e  Answer faster\n"
        "               https://github.com/example/web/commit/5f2c9d1e\n"
        "Revision       Settings  VJyaiwYQ4VhSXzPQ0Qsp6f1rrZ2gSTu4\n"
        f"Revision       Long  {'x' * 37}...\n"
        "Revision       (not given)\n"
        "Variable       BRANCH = main\n"
        "Variable       TARGET = (not given)\n"
        f"Console        {CONSOLE}\n"
    )


def test_get_has_no_line_for_what_is_absent(service: LocalCodePipeline, shell: Shell) -> None:
    """An execution that was just started has little to tell."""
    service.put_execution(
        PipelineExecution(
            pipeline_name=WEB[0], pipeline_execution_id=WEB[1], status=PipelineExecutionStatus.IN_PROGRESS
        )
    )
    assert shell("get", *WEB).stdout == (
        "Pipeline   web\n"
        "Execution  7f3a1c52-9b0e-4d68-a1f4-2c6e8d0b9a31\n"
        "Status     InProgress\n"
        f"Console    {CONSOLE}\n"
    )


def test_get_says_when_a_status_is_newer_than_it_knows(service: LocalCodePipeline, shell: Shell) -> None:
    """The reader must not take it for an end."""
    service.put_execution(make_pipeline_execution(status="Paused"))
    assert "Status     Paused (newer than this release)\n" in shell("get", *WEB).stdout


def test_get_says_where_a_trigger_or_a_rollback_is_not_told(service: LocalCodePipeline, shell: Shell) -> None:
    """Present and empty is not the same as absent."""
    service.put_response(
        body=b'{"pipelineExecution": {"status": "Succeeded", "trigger": {}, "rollbackMetadata": {}}}',
        headers={"Content-Type": "application/x-amz-json-1.1"},
    )
    assert "Rolls back to  (not given)\nTrigger        (not given)\n" in shell("get", *WEB).stdout


def test_get_gives_a_program_one_json_object(service: LocalCodePipeline, shell: Shell) -> None:
    """Every field by its name in Python, absent ones as null, and how the answer came."""
    service.put_execution(FULL)
    ended = shell("get", *WEB, "--output", "json")
    shown = json.loads(ended.stdout)
    assert ended.code == ExitCode.FAILED
    assert ended.stdout.count("\n") == 1
    assert re.fullmatch("[0-9a-f-]{36}", shown["response_metadata"].pop("request_id"))
    revision = {"name": None, "revision_id": None, "revision_change_identifier": None}
    revision |= {"revision_summary": None, "created": None, "revision_url": None}
    assert shown == {
        "pipeline_execution": {
            "pipeline_name": "web",
            "pipeline_execution_id": "7f3a1c52-9b0e-4d68-a1f4-2c6e8d0b9a31",
            "status": "Failed",
            "pipeline_version": 3,
            "status_summary": "The action Smoke failed:\n1 of 24 checks",
            "artifact_revisions": [
                {
                    "name": "Source",
                    "revision_id": "5f2c9d1e8b7a60413c2d4e6f8091a2b3c4d5e6f7",
                    "revision_change_identifier": None,
                    "revision_summary": "\nAnswer faster\n\nMeasured: twice as fast.",
                    "created": "2026-01-02T03:04:05.678000Z",
                    "revision_url": "https://github.com/example/web/commit/5f2c9d1e",
                },
                {
                    **revision,
                    "name": "Settings",
                    "revision_id": "VJyaiwYQ4VhSXzPQ0Qsp6f1rrZ2gSTu4",
                    "revision_url": "",
                },
                {**revision, "name": "Long", "revision_id": "x" * 1500},
                revision,
            ],
            "variables": [
                {"name": "BRANCH", "resolved_value": "main"},
                {"name": "TARGET", "resolved_value": None},
            ],
            "trigger": {"trigger_type": "ManualRollback", "trigger_detail": "arn:aws:iam::111122223333:user/alex"},
            "execution_mode": "SUPERSEDED",
            "execution_type": "ROLLBACK",
            "rollback_metadata": {"rollback_target_pipeline_execution_id": "b24d9e07-3c1f-4f5a-8e62-91a7c0d4f583"},
            "region_name": "us-east-1",
            "console_url": CONSOLE,
        },
        "response_metadata": {"http_status_code": 200, "attempts": 1},
    }


def test_json_says_that_there_is_no_page_to_open() -> None:
    """As null, since a member that is sometimes absent is a trap for a script."""
    assert json.loads(as_json(make_pipeline_execution()))["pipeline_execution"]["console_url"] is None


ANY_TEXT: Final = st.text(st.characters(exclude_categories=()), max_size=40)


@given(text=ANY_TEXT)
def test_no_text_of_the_service_reaches_a_terminal_unescaped(text: str) -> None:
    """A commit message cannot move the cursor, ring the bell or start a line of its own at the margin."""
    lines = laid_out(as_rows(spoken(text)), width=None).split("\n")
    assert all(line.isprintable() for line in lines)
    labels = {"Pipeline", "Execution", "Status", "Summary", "Version", "Mode", "Type", "Rolls", "Trigger"}
    assert {line.partition(" ")[0] for line in lines} <= labels | {"Revision", "Variable", ""}


@given(text=ANY_TEXT)
def test_json_is_one_line_of_ascii_and_loses_nothing(text: str) -> None:
    """Whatever the encoding of the pipe, the program at its end reads what the service said."""
    metadata = ResponseMetadata(request_id=text, http_status_code=200, http_headers={}, attempts=1)
    line = as_json(spoken(text), metadata)
    assert line.isascii()
    assert "\n" not in line
    shown = json.loads(line)
    assert shown["pipeline_execution"]["status_summary"] == shown["response_metadata"]["request_id"] == text
    assert shown["pipeline_execution"]["variables"] == [{"name": text, "resolved_value": text}]


def spoken(text: str) -> PipelineExecution:
    """Return an execution that has the text wherever a text can be."""
    return make_pipeline_execution(
        pipeline_name=text,
        pipeline_execution_id=text,
        status=f"New{text}",
        status_summary=text,
        artifact_revisions=[{"name": text, "revision_id": text, "revision_summary": text, "revision_url": text}],
        variables=[{"name": text, "resolved_value": text}],
        trigger={"trigger_type": f"New{text}", "trigger_detail": text},
        execution_mode=f"New{text}",
        execution_type=f"New{text}",
        rollback_metadata={"rollback_target_pipeline_execution_id": text},
    )


# ---- get: where it asks


def test_the_options_say_where_to_ask(
    local_codepipeline: LocalCodePipeline, shell: Shell, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Region, profile and endpoint of the command line win over all others."""
    local_codepipeline.put_execution(EXECUTION)
    file = home / "credentials-of-work"
    keys = local_codepipeline.credentials
    file.write_text(
        f"[work]\naws_access_key_id = {keys.access_key_id}\naws_secret_access_key = {keys.secret_access_key}\n"
    )
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "NOTTHESE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "NOTTHESE")
    where = ("--region", "us-east-1", "--profile", "work", "--endpoint-url", local_codepipeline.endpoint_url)
    assert shell("get", *where, *WEB).code == 0


# ---- get: how it ends


@pytest.mark.parametrize(
    ("status", "code"),
    [
        pytest.param("Succeeded", 0, id="succeeded"),
        pytest.param("InProgress", 10, id="in-progress"),
        pytest.param("Stopping", 10, id="stopping"),
        pytest.param("Paused", 10, id="newer-than-this-release"),
        pytest.param("Failed", 11, id="failed"),
        pytest.param("Stopped", 12, id="stopped"),
        pytest.param("Cancelled", 13, id="cancelled"),
        pytest.param("Superseded", 14, id="superseded"),
    ],
)
def test_the_exit_code_tells_the_status(service: LocalCodePipeline, shell: Shell, status: str, code: int) -> None:
    """0 for Succeeded only, so that a script can go on after ``&&``; each other end can be told from the rest."""
    service.put_execution(make_pipeline_execution(status=status))
    ended = shell("get", *WEB)
    assert (ended.code, ended.stderr) == (code, "")


@pytest.mark.parametrize(
    ("error_code", "status_code", "code", "advice"),
    [
        pytest.param("AccessDeniedException", 403, 21, "codepipeline:GetPipelineExecution", id="denied"),
        pytest.param("AccessDeniedException", 400, 21, "codepipeline:GetPipelineExecution", id="denied-of-old"),
        pytest.param("NotAuthorized", 401, 21, "codepipeline:GetPipelineExecution", id="not-authorized"),
        pytest.param("OptInRequired", 403, 21, "codepipeline:GetPipelineExecution", id="opt-in"),
        pytest.param("ForbiddenOnMondays", 403, 21, "codepipeline:GetPipelineExecution", id="unknown-403"),
        pytest.param("IncompleteSignature", 403, 22, "check the keys", id="signature"),
        pytest.param("UnrecognizedClientException", 403, 22, "check the keys", id="key-unknown"),
        pytest.param("RequestExpired", 400, 22, "clock", id="clock"),
        pytest.param("ThrottlingException", 400, 23, "wait a while", id="throttled"),
        pytest.param("SlowDown", 503, 23, "wait a while", id="throttled-in-other-words"),
        pytest.param("InternalFailure", 500, 23, "try again", id="server"),
        pytest.param("SomethingNew", 502, 23, "try again", id="unknown-5xx"),
        pytest.param("RequestAbortedException", 400, 23, "try again", id="aborted"),
        pytest.param("UnknownOperationException", 404, 23, "endpoint", id="not-codepipeline"),
        pytest.param("ValidationException", 400, 23, "AWS Support", id="validation"),
        pytest.param("SomethingNew", 400, 23, "AWS Support", id="unknown-4xx"),
    ],
)
def test_a_refusal_is_one_line_that_says_what_to_do(
    service: LocalCodePipeline, shell: Shell, error_code: str, status_code: int, code: int, advice: str
) -> None:
    """Code, request id and the service's words are in it, and then the advice."""
    service.put_error(error_code, "So says the service.", status_code=status_code)
    ended = shell("get", *WEB)
    happened, _, todo = ended.complaint.rpartition(": ")
    assert ended.code == code
    assert error_code in happened
    assert happened.endswith("So says the service")
    assert advice in todo


@pytest.mark.parametrize(
    ("args", "advice"),
    [
        pytest.param(("nowhere", WEB[1]), "check the name, and whether --region and --profile", id="pipeline"),
        pytest.param((WEB[0], OTHER_ID), "check the id", id="execution"),
    ],
)
def test_what_does_not_exist_has_its_own_code(
    service: LocalCodePipeline, shell: Shell, args: tuple[str, str], advice: str
) -> None:
    """A script may wait for an execution that is about to be."""
    ended = shell("get", *args)
    assert ended.code == 20
    assert advice in ended.complaint


def test_credentials_that_ended_are_a_matter_of_credentials(service: LocalCodePipeline, shell: Shell) -> None:
    """The environment has no others, and the client says so."""
    service.put_error("ExpiredTokenException", "The security token included in the request is expired", times=2)
    ended = shell("get", *WEB)
    assert ended.code == 22
    assert "expired" in ended.complaint


def test_a_wrong_name_and_a_wrong_id_are_wrong_usage(service: LocalCodePipeline, shell: Shell) -> None:
    """Both are told at once, called as the help calls them, and nothing is sent."""
    ended = shell("get", "my web", "7F3A")
    assert ended.code == 2
    assert ended.complaint.startswith("NAME must match [A-Za-z0-9.@\\-_]+, not 'my web'; ID must be a UUID ")
    assert service.requests == ()


def test_without_a_region_it_says_which_option_gives_one(shell: Shell) -> None:
    """The client speaks of its arguments, and here they are options."""
    ended = shell("get", *WEB)
    assert ended.code == 22
    assert ended.complaint.endswith("(here region_name is --region)")


def test_without_credentials_it_says_which_option_names_a_profile(shell: Shell) -> None:
    """The same for keys."""
    ended = shell("get", *WEB, "--region", "eu-west-1")
    assert ended.code == 22
    assert ended.complaint.startswith("no credentials were found")
    assert ended.complaint.endswith("(here a profile is named with --profile)")


def test_a_setting_that_is_no_option_is_left_as_it_is(
    service: LocalCodePipeline, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only what can be said on the command line is translated."""
    monkeypatch.setenv("AWS_USE_FIPS_ENDPOINT", "perhaps")
    ended = shell("get", *WEB)
    assert ended.code == 22
    assert "AWS_USE_FIPS_ENDPOINT" in ended.complaint
    assert "(here" not in ended.complaint


def test_nobody_there_is_no_answer(service: LocalCodePipeline, shell: Shell) -> None:
    """The port was free a moment ago."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        ended = shell("get", *WEB, "--endpoint-url", f"http://127.0.0.1:{taken.getsockname()[1]}")
    assert ended.code == 23
    assert "check the network, the proxy and the endpoint" in ended.complaint


def test_another_server_is_no_answer(service: LocalCodePipeline, shell: Shell) -> None:
    """What a login page of a hotel answers with."""
    service.put_response(body=b"<html>Welcome</html>")
    ended = shell("get", *WEB)
    assert ended.code == 23
    assert ended.complaint.endswith(": check that the endpoint is CodePipeline's")


def test_every_other_error_of_the_package_ends_without_a_traceback() -> None:
    """One that is added later and forgotten here says at least what happened."""
    ending = of_error(CodePipelineError("the moon is full"))
    assert (ending.code, ending.line) == (1, "the moon is full")


def test_ctrl_c_ends_it_as_shells_expect(service: LocalCodePipeline, capfd: pytest.CaptureFixture[str]) -> None:
    """128 and the number of SIGINT, with no traceback."""
    assert run(["get", *WEB], clock=FakeClock(on_time=ctrl_c)) == 130
    assert capfd.readouterr().err.strip() == ""


@pytest.mark.parametrize(
    ("args", "complaint"),
    [
        pytest.param(("get",), "Missing argument 'NAME': see codepipeline-client get --help", id="no-name"),
        pytest.param(("get", "web"), "Missing argument 'ID': see codepipeline-client get --help", id="no-id"),
        pytest.param(("gte",), "No such command 'gte'", id="command"),
        pytest.param(("get", "--regoin", "x"), "No such option", id="option"),
        pytest.param(("get", *WEB, "--output", "xml"), "Invalid value for '--output'", id="output"),
        pytest.param(("get", *WEB, "\x1b[2J"), r"Got unexpected extra argument (\x1b[2J)", id="escaped"),
        pytest.param(("serve", "--port", "65536"), "Invalid value for '--port'", id="port"),
    ],
)
def test_wrong_usage_is_one_line_that_says_where_to_look(shell: Shell, args: tuple[str, ...], complaint: str) -> None:
    """Ends as every command does that is called wrongly."""
    ended = shell(*args)
    assert ended.code == 2
    assert ended.complaint.startswith(complaint)
    assert ended.complaint.endswith("--help")


# ---- streams


def test_the_status_is_coloured_on_a_terminal(service: LocalCodePipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the status, and only there."""
    monkeypatch.setenv("TERM", "xterm")
    assert "Status     \x1b[32mSucceeded\x1b[0m\n" in on_terminal(monkeypatch, "get", *WEB)


@pytest.mark.parametrize(
    ("name", "value"), [pytest.param("NO_COLOR", "1", id="no-color"), pytest.param("TERM", "dumb", id="dumb")]
)
def test_nothing_is_coloured_where_it_is_not_wanted(
    service: LocalCodePipeline, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    """The environment has the last word."""
    monkeypatch.setenv(name, value)
    assert "\x1b" not in on_terminal(monkeypatch, "get", *WEB)


def test_lines_are_wrapped_between_words_on_a_terminal(
    service: LocalCodePipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What goes on stays in its column; a long word is left to the terminal, so that it can be copied whole."""
    service.put_execution(
        make_pipeline_execution(
            status_summary="one two three " * 8 + "\n\nend",
            trigger=None,
            artifact_revisions=[{"revision_url": "u" * 99}],
        )
    )
    text = on_terminal(monkeypatch, "get", *WEB, columns="80")
    assert (
        "Summary    one two three one two three one two three one two three one two three\n"
        "           one two three one two three one two three\n"
        "\n"
        "           end\n"
    ) in text
    assert f"Revision   {'u' * 99}\n" in text


@pytest.mark.parametrize("columns", [80, 38, 20])
@pytest.mark.parametrize(
    "text",
    [
        pytest.param("変更 " * 60, id="words"),
        pytest.param("「応答」をより速くした。" * 20, id="no-blanks"),
        pytest.param("\N{ROCKET} up " * 30, id="emoji"),
        pytest.param("\N{FULLWIDTH LATIN CAPITAL LETTER W}ide " * 30, id="fullwidth"),
        pytest.param("  more\N{COMBINING ACUTE ACCENT} to  say " * 20, id="narrow"),
    ],
)
def test_lines_fit_in_letters_of_any_width(text: str, columns: int) -> None:
    """As a terminal draws them. Nothing is lost, and no line begins with what closes."""
    label, _, rest = laid_out([Row("Summary", (text,))], width=columns).partition("Summary")
    lines = rest.splitlines()
    for line in [f"       {lines[0]}", *lines[1:]]:
        screen = pyte.Screen(columns + 1, 2)
        pyte.Stream(screen).feed(line)
        assert screen.cursor.y == 0
        assert screen.cursor.x <= columns
    assert label == ""
    assert "".join(rest.split()) == "".join(text.split())
    assert not any(line.strip().startswith(("。", "」")) or line.endswith("「") for line in lines)


def test_labels_stand_above_on_a_narrow_terminal(service: LocalCodePipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that an id fits into 40 columns."""
    lines = on_terminal(monkeypatch, "get", *WEB, columns="40").splitlines()
    assert lines[:4] == ["Pipeline", "  web", "Execution", f"  {WEB[1]}"]


@pytest.mark.parametrize("columns", ["1", "20", "40", "80", "200"])
def test_help_fits_any_terminal(monkeypatch: pytest.MonkeyPatch, columns: str) -> None:
    """Text is wrapped to the terminal, and never wider than is good to read."""
    text = on_terminal(monkeypatch, "get", "--help", columns=columns)
    described = text[: text.index("Examples:")].splitlines()
    assert max(map(len, described)) < max(min(int(columns), 80), 50)


def test_a_reader_that_has_gone_changes_nothing(service: LocalCodePipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    """``| head -1`` closes the pipe: what was found out holds all the same, and nobody wants to hear of the pipe."""
    service.put_execution(make_pipeline_execution(status="Failed"))
    with pipe_without_reader() as stdout, pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdout", stdout)
        assert run(["get", *WEB]) == ExitCode.FAILED
        assert run(["--help"]) == 0
        stdout.flush()  # as Python does at its end


def test_nothing_is_left_to_fail_when_nobody_listens_to_complaints() -> None:
    """The exit code still tells."""
    with pipe_without_reader() as stderr, pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stderr", stderr)
        assert run(["get"]) == 2
        stderr.flush()


def test_streams_that_are_closed_are_no_trouble(service: LocalCodePipeline) -> None:
    """``>&-`` and pythonw leave None in their place."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdout", None)
        patch.setattr(sys, "stderr", None)
        assert run(["get", *WEB]) == 0
        assert run(["get"]) == 2


def test_output_that_cannot_be_written_is_a_failure(
    service: LocalCodePipeline, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A script must not take a cut file for the whole."""

    with (tmp_path / "output").open("w") as file, pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdout", FullDisk(file.fileno()))
        assert run(["get", *WEB]) == ExitCode.OTHER
        assert run(["--help"]) == ExitCode.OTHER
    assert "the output cannot be written: No space left on device: " in capfd.readouterr().err


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-8"])
def test_any_encoding_of_stdout_will_do(service: LocalCodePipeline, encoding: str) -> None:
    """What it cannot spell is escaped."""
    service.put_execution(make_pipeline_execution(status_summary="größer → \U0001f680"))
    written = io.BytesIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding=encoding))
        assert run(["get", *WEB]) == 0
        text = written.getvalue().decode(encoding)
    shown = "größer → \U0001f680".encode(encoding, "backslashreplace").decode(encoding)
    assert f"Summary    {shown}\n" in text.replace(os.linesep, "\n")


@pytest.mark.parametrize("command", ["get", "wait", "watch"])
@pytest.mark.parametrize("output_format", ["text", "json"])
@pytest.mark.parametrize("columns", [None, "80", "20"])
@pytest.mark.parametrize(
    "hostile",
    [
        pytest.param("::stop-commands::t", id="github"),
        pytest.param("  ::set-output name=ok::true", id="github-after-blanks"),
        pytest.param("##[set-env name=PATH]/tmp", id="github-of-old"),
        pytest.param("it failed ##vso[task.setvariable variable=ok]true", id="azure-anywhere"),
        pytest.param("##teamcity[buildStatus status='SUCCESS']", id="teamcity"),
    ],
)
def test_no_text_of_the_service_is_a_command_to_a_build_server(
    service: LocalCodePipeline,
    shell: Shell,
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    output_format: str,
    columns: str | None,
    hostile: str,
) -> None:
    """GitHub's runner obeys a line that begins with ``::`` once it is trimmed, Azure's agent ``##vso[`` in any."""
    said = f"x\n{hostile}\n\n{hostile}"
    execution = spoken(said)
    execution = evolve(execution, pipeline_name=WEB[0], pipeline_execution_id=WEB[1])
    service.put_execution(evolve(execution, status=PipelineExecutionStatus.FAILED))
    args = (command, *WEB, "--output", output_format)
    if columns:
        printed = on_terminal(monkeypatch, *args, columns=columns)
    else:
        ended = shell(*args)
        printed = ended.stdout + ended.stderr
    assert "x" in printed
    assert not obeyed(printed)
    if output_format == "json":
        (line,) = [line for line in printed.splitlines() if line.startswith("{")]
        assert json.loads(line)["pipeline_execution"]["status_summary"] == said


@pytest.mark.parametrize("hostile", ["::add-mask::x", "##[error]x", "##vso[task.complete result=Succeeded]"])
def test_no_refusal_is_a_command_to_a_build_server(service: LocalCodePipeline, shell: Shell, hostile: str) -> None:
    """The words of an error come from the service too, and so may a status that is not known yet."""
    service.put_error("AccessDeniedException", hostile)
    assert not obeyed(shell("get", *WEB).stderr)
    service.put_execution(make_pipeline_execution(status=hostile))
    assert not obeyed(shell("get", *WEB).stdout)


def test_an_arn_is_left_as_it_is(service: LocalCodePipeline, shell: Shell) -> None:
    """Two colons within a line are no command."""
    service.put_execution(FULL)
    assert "arn:aws:iam::111122223333:user/alex" in shell("get", *WEB).stdout


def obeyed(log: str) -> list[str]:
    """Return the lines of a *log* that a build server would take for commands."""
    return [line for line in log.splitlines() if line.strip().startswith("::") or re.search(r"##\w*\[", line)]


@pytest.mark.filterwarnings("default::codepipeline_client.InsecureEndpointWarning")
def test_a_warning_is_one_line(service: LocalCodePipeline, shell: Shell) -> None:
    """As errors are; Python's own form shows a line of source."""
    ended = shell("get", *WEB, "--endpoint-url", "http://codepipeline.invalid")
    warning, error = ended.stderr.splitlines()
    assert ended.code == 23
    assert warning.startswith("codepipeline-client: warning: requests go to http://codepipeline.invalid unencrypted: ")
    assert error.startswith("codepipeline-client: ")


def test_python_warns_as_ever_when_a_command_is_over(shell: Shell) -> None:
    """A program may run a command and go on."""
    before = warnings.showwarning
    shell("--version")
    assert warnings.showwarning is before


def on_terminal(monkeypatch: pytest.MonkeyPatch, *args: str, columns: str = "80") -> str:
    """Return what a command prints on a terminal."""
    terminal = Terminal()
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", terminal)
        patch.setenv("COLUMNS", columns)
        run(args)
    return terminal.getvalue()


def pipe_without_reader() -> io.TextIOWrapper:
    """Return the writing end of a pipe that nobody reads from any more."""
    reading, writing = os.pipe()
    os.close(reading)
    return io.TextIOWrapper(io.FileIO(writing, "w"), write_through=True)


# ---- serve


def test_serve_is_there_as_it_says(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The printed settings and the printed command, as a shell takes them, get the printed executions."""
    codes: dict[str, int] = {}

    def try_it() -> None:
        lines = capfd.readouterr().out.splitlines()
        with monkeypatch.context() as shell:
            for line in lines:
                if line.startswith("export "):
                    name, _, value = shlex.split(line)[1].partition("=")
                    shell.setenv(name, value)
            get, wait = (line for line in lines if line.startswith("codepipeline-client "))
            assert run(shlex.split(get)[1:]) == 0
            assert wait.split()[1:] == ["wait", "web", JOURNEYS[0].end.pipeline_execution_id]
            for line in lines[lines.index("The executions of the pipeline web:") + 2 :]:
                kind, _, execution_id = line.rpartition("  ")
                codes[kind.strip()] = run(["get", "web", execution_id])
        capfd.readouterr()
        raise KeyboardInterrupt

    assert run(["serve"], clock=FakeClock(on_sleep=try_it)) == 0
    assert codes == {
        **dict.fromkeys(("Succeeds in a minute", "Fails in 30 seconds", "InProgress"), 10),
        "Succeeded": 0,
        "Failed": 11,
        "Succeeded, a rollback": 0,
        "Stopped": 12,
    }
    assert capfd.readouterr() == ("\nStopped.\n", "")


def test_serve_sleeps_until_it_is_told_to_stop(capfd: pytest.CaptureFixture[str]) -> None:
    """However long that takes."""
    wakes = iter(range(3))

    def wake() -> None:
        if next(wakes) == 2:
            raise KeyboardInterrupt

    assert run(["serve"], clock=FakeClock(on_sleep=wake)) == 0
    assert list(wakes) == []


def test_serve_listens_and_signs_as_it_is_told(capfd: pytest.CaptureFixture[str]) -> None:
    """A fixed port and region, for settings that stay."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert run(["serve", "--port", str(port), "--region", "eu-west-1"], clock=FakeClock(on_sleep=ctrl_c)) == 0
    printed = capfd.readouterr().out
    assert f"export AWS_ENDPOINT_URL_CODEPIPELINE=http://127.0.0.1:{port}\n" in printed
    assert "export AWS_REGION=eu-west-1\n" in printed


def test_a_port_that_is_taken_is_one_line(local_codepipeline: LocalCodePipeline, shell: Shell) -> None:
    """With what to do about it."""
    port = local_codepipeline.endpoint_url.rpartition(":")[2]
    ended = shell("serve", "--port", port)
    assert ended.code == 1
    assert ended.complaint.startswith(f"port {port} of this machine cannot be listened on: ")
    assert ended.complaint.endswith(": choose another with --port")


def test_a_region_that_is_none_is_refused_before_anyone_signs_for_it(shell: Shell) -> None:
    """Every request would be refused later."""
    ended = shell("serve", "--region", "eu west")
    assert ended.code == 22
    assert "(here region_name is --region)" in ended.complaint


def test_the_settings_are_printed_for_the_shells_of_windows() -> None:
    """There is no export there, and two shells to choose from."""
    environ: Mapping[str, str] = {"AWS_REGION": "us-east-1", "AWS_SESSION_TOKEN": ""}
    lines = invitation("http://127.0.0.1:1", environ, windows=True, columns=None).splitlines()
    assert {"set AWS_REGION=us-east-1", "set AWS_SESSION_TOKEN="} <= set(lines)
    assert {"$env:AWS_REGION = 'us-east-1'", "$env:AWS_SESSION_TOKEN = ''"} <= set(lines)
    assert not any(line.startswith("export") for line in lines)


def test_the_signal_is_handed_back_when_serving_is_over(capfd: pytest.CaptureFixture[str]) -> None:
    """What SIGTERM did before, it does again."""
    before = signal.getsignal(signal.SIGTERM)
    assert run(["serve"], clock=FakeClock(on_sleep=lambda: signal.raise_signal(signal.SIGTERM))) == 0
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "terminated"])
def test_a_real_serve_ends_well_when_it_is_told_to(sent: signal.Signals) -> None:
    """A process, a pipe and a signal."""
    with command("serve") as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("CodePipeline on this machine: http://127.0.0.1:")
        process.send_signal(sent)
        stdout, stderr = process.communicate(timeout=30)
    assert (process.returncode, stderr) == (0, "")
    assert stdout.endswith("\nStopped.\n")


def test_a_real_pipe_may_be_closed_early() -> None:
    """As by ``| head -1``: Python itself must find nothing to complain of at its end."""
    with command("get", "--help") as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == ""
    assert process.returncode == 0


@contextlib.contextmanager
def command(*args: str) -> Generator[subprocess.Popen[str]]:
    """Start the command in a process of its own, which does not outlive a test that fails."""
    program = (
        "import signal, sys\n"
        # A shell that started the tests in the background may have taken Ctrl-C from all below it.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from codepipeline_client.__main__ import main\n"
        "sys.exit(main())\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        except BaseException:
            process.kill()
            raise


# ---- demo


def test_demo_tells_what_happened_and_shows_the_result(capfd: pytest.CaptureFixture[str]) -> None:
    """Followed, signed, sent, answered, typed; and what to do next. Of the seconds that it takes, a test waits none."""
    clock = testing.FakeClock()
    assert run(["demo"], clock=clock) == 0
    stdout, stderr = capfd.readouterr()
    assert sum(clock.slept) < 4
    assert [line.split()[1] for line in stderr.splitlines()] == ["InProgress", "InProgress", "Succeeded"]
    assert re.fullmatch(
        r"One execution on this machine, followed to its end: no account, no network\.\n"
        r"\n"
        r"Asked     [6-9] times in 0:03, until it had ended\n"
        r"Signed    AWS Signature Version 4 for codepipeline in us-east-1\n"
        r"          over content-type, host, x-amz-date, x-amz-target\n"
        r"Sent      over HTTP to http://127\.0\.0\.1:[0-9]+\n"
        r"          CodePipeline_20150709\.GetPipelineExecution\n"
        r"Answered  HTTP 200, the signature was right\n"
        r"          request id [0-9a-f-]{36}\n"
        r"Typed     PipelineExecution, PipelineExecutionStatus\.SUCCEEDED\n"
        r"\n"
        r"Pipeline   web\n(?:[A-Z ].*\n)+"
        r"\n"
        r"Next:\n"
        r"\n"
        r"codepipeline-client serve         an endpoint that stays\n"
        r"codepipeline-client get NAME ID   an execution of yours, from AWS\n"
        r"codepipeline-client wait NAME ID  the same, when it has ended\n",
        stdout,
    )


def test_demo_can_be_stopped(capfd: pytest.CaptureFixture[str]) -> None:
    """There is nothing that goes on."""
    assert run(["demo"], clock=FakeClock(on_time=ctrl_c)) == 130
    assert capfd.readouterr().err.strip() == ""


def test_demo_does_not_mind_how_the_machine_is_set_up(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It is the first thing that people run, and settings that it needs none of may be broken. They are left alone."""
    broken = tmp_path / "config"
    broken.write_text("[default\nregion")
    settings = {
        "AWS_CONFIG_FILE": str(broken),
        "AWS_PROFILE": "absent",
        "AWS_USE_FIPS_ENDPOINT": "true",
        "AWS_REGION": "not a region",
        "HTTP_PROXY": "http://proxy.invalid:1",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    before = dict(os.environ)
    assert run(["demo"], clock=testing.FakeClock()) == 0
    assert dict(os.environ) == before


def test_samples_can_be_told_apart() -> None:
    """One of each kind, each with an id that the service would take."""
    ids = [sample.pipeline_execution_id for sample in (*SAMPLES, *(journey.end for journey in JOURNEYS))]
    assert DEMONSTRATION.end is SAMPLES[0]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", each) for each in ids)
    rolled_back = [sample.rollback_metadata for sample in SAMPLES if sample.rollback_metadata]
    assert [each.rollback_target_pipeline_execution_id for each in rolled_back] == [ids[0]]


# ---- help, version, start


def test_version_is_the_package_s(shell: Shell) -> None:
    """And the only thing on the line but the program's name."""
    assert shell("--version") == Ended(0, f"codepipeline-client {__version__}\n", "")


@pytest.mark.parametrize("args", [("--help",), ("-h",), ("get", "--help")], ids=" ".join)
def test_help_has_examples_and_every_exit_code(shell: Shell, args: tuple[str, ...]) -> None:
    """From the very table that the commands end by."""
    ended = shell(*args)
    words = " ".join(ended.stdout.split())
    assert ended.code == 0
    assert "Examples: codepipeline-client " in words
    assert [code.value for code in ExitCode if f" {code.value} {code.meaning}" in words] == sorted(ExitCode)


@pytest.mark.parametrize("name", ["get", "wait", "watch", "serve", "demo"])
def test_help_is_there_for_each_command(shell: Shell, name: str) -> None:
    """And each is in the list of them all."""
    assert shell(name, "--help").stdout.startswith(f"Usage: codepipeline-client {name} ")
    assert f"\n  {name} " in shell("--help").stdout


def test_a_shell_can_complete_commands(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    """As click's documentation says how to set it up; an option that would end the command does not end this."""
    monkeypatch.setenv("_CODEPIPELINE_CLIENT_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", "codepipeline-client --help ge")
    monkeypatch.setenv("COMP_CWORD", "2")
    with pytest.raises(SystemExit) as ended:
        run()
    assert ended.value.code == 0
    assert capfd.readouterr().out == "plain,get\n"


def test_no_command_at_all_is_wrong_usage_and_gets_the_help(shell: Shell) -> None:
    """On stderr, since nobody asked for it."""
    ended = shell()
    assert (ended.code, ended.stdout) == (2, "")
    assert ended.stderr == shell("--help").stdout


def test_exit_codes_leave_those_of_shells_and_python_alone() -> None:
    """1 and 2 mean what they mean everywhere; 126 to 165 are the shell's, but for signals, where they agree."""
    shared = {ExitCode.SUCCEEDED, ExitCode.OTHER, ExitCode.USAGE, ExitCode.INTERRUPTED, ExitCode.TERMINATED}
    own = set(ExitCode) - shared
    assert all(2 < code < 64 for code in own)
    assert {128 + signal.SIGINT, 128 + signal.SIGTERM} == {ExitCode.INTERRUPTED, ExitCode.TERMINATED}
    assert len({code.value for code in ExitCode}) == len(ExitCode.__members__)


@pytest.fixture
def started_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands are imported again when they are asked for."""
    monkeypatch.delitem(sys.modules, "codepipeline_client.cli._commands")


def test_python_m_runs_the_command() -> None:
    """Where scripts are not on the path."""
    ended = subprocess.run(
        [sys.executable, "-m", "codepipeline_client", "gte"], capture_output=True, text=True, check=False, timeout=60
    )
    assert ended.returncode == 2
    assert ended.stderr.startswith("codepipeline-client: No such command 'gte'")


@pytest.mark.usefixtures("started_anew")
def test_without_click_it_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """The script is installed with the package, the extra may not be."""
    monkeypatch.setitem(sys.modules, "click", None)
    assert main() == 3
    printed = capfd.readouterr()
    assert printed == (
        "",
        'codepipeline-client: its command line is not installed: pip install "codepipeline-client[cli]"\n',
    )


@pytest.mark.usefixtures("started_anew")
def test_another_module_that_is_missing_is_not_taken_for_click(monkeypatch: pytest.MonkeyPatch) -> None:
    """The advice would be wrong."""
    monkeypatch.setitem(sys.modules, "codepipeline_client.cli._view", None)
    with pytest.raises(ModuleNotFoundError, match="_view"):
        main()


def test_help_loads_neither_the_test_kit_nor_botocore() -> None:
    """Help is quick."""
    program = (
        "import sys\n"
        "from codepipeline_client.cli._commands import run\n"
        "run(['--help'])\n"
        "print(*sys.modules, file=sys.stderr)\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    loaded = ended.stderr.split()
    assert "codepipeline_client.cli._commands" in loaded
    assert [name for name in loaded if name.startswith(("botocore", "codepipeline_client.testing"))] == []
