"""The command line: what it prints where, in which words it complains, and with which code it ends."""

from __future__ import annotations

import errno
import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import warnings
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import attrs
import pyte
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codepipeline_client import (
    CodePipelineError,
    PipelineExecution,
    PipelineExecutionStatus,
    ResponseMetadata,
    __version__,
)
from codepipeline_client.__main__ import main
from codepipeline_client.cli.commands import run
from codepipeline_client.cli.exit_codes import ExitCode, of_error
from codepipeline_client.cli.output import as_json, as_rows, as_table
from codepipeline_client.testing import LocalCodePipeline, make_pipeline_execution
from tests.cli.terminal import Account, Ended

EXECUTION: Final = make_pipeline_execution()
WEB: Final = (EXECUTION.pipeline_name, EXECUTION.pipeline_execution_id)
OTHER_ID: Final = "00000000-0000-0000-0000-000000000000"
CONSOLE: Final = (
    "https://us-east-1.console.aws.amazon.com/codesuite/codepipeline/pipelines/web"
    "/executions/7f3a1c52-9b0e-4d68-a1f4-2c6e8d0b9a31/visualization?region=us-east-1"
)
"""Where a person can look at it."""

Shell = Callable[..., Ended]


@pytest.fixture
def account(account: Account) -> Account:
    """An account that has one execution."""
    account.service.put_execution(EXECUTION)
    return account


class FullDisk(io.StringIO):
    """A stdout that goes to a file for which there is no room."""

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor

    def fileno(self) -> int:
        return self._descriptor

    def write(self, text: str) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")


# ---- get: what it prints


FULL: Final = make_pipeline_execution(
    status="Failed",
    status_summary="The action Smoke failed:\n1 of 24 checks",
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


def test_get_shows_all_there_is_in_aligned_lines(account: Account) -> None:
    """Labels to the left, values in a column, one that has several lines below itself."""
    account.service.put_execution(FULL)
    assert account.run("get", *WEB).stdout == (
        "Pipeline       web\n"
        "Execution      7f3a1c52-9b0e-4d68-a1f4-2c6e8d0b9a31\n"
        "Status         Failed\n"
        "Summary        The action Smoke failed:\n"
        "               1 of 24 checks\n"
        "Version        1\n"
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


def test_get_has_no_line_for_what_is_absent(account: Account) -> None:
    """An execution that was just started has little to tell."""
    account.service.put_execution(
        PipelineExecution(
            pipeline_name=WEB[0], pipeline_execution_id=WEB[1], status=PipelineExecutionStatus.IN_PROGRESS
        )
    )
    assert account.run("get", *WEB).stdout == (
        "Pipeline   web\n"
        "Execution  7f3a1c52-9b0e-4d68-a1f4-2c6e8d0b9a31\n"
        "Status     InProgress\n"
        f"Console    {CONSOLE}\n"
    )


def test_get_says_what_it_does_not_know(account: Account) -> None:
    """Present and empty is not the same as absent, and an unknown status must not be taken for an end."""
    account.service.put_response(
        body=b'{"pipelineExecution": {"status": "Paused", "trigger": {}, "rollbackMetadata": {}}}',
        headers={"Content-Type": "application/x-amz-json-1.1"},
    )
    printed = account.run("get", *WEB).stdout
    assert "Status         Paused (newer than this release)\n" in printed
    assert "Rolls back to  (not given)\nTrigger        (not given)\n" in printed


def test_get_gives_a_program_one_json_object(account: Account) -> None:
    """Every field by its name in Python, absent ones as null, and how the answer came."""
    account.service.put_execution(FULL)
    ended = account.run("get", *WEB, "--output", "json")
    shown = json.loads(ended.stdout)
    assert ended.code == ExitCode.FAILED
    assert ended.stdout.count("\n") == 1
    assert re.fullmatch("[0-9a-f-]{36}", shown["response_metadata"].pop("request_id"))
    expected = attrs.asdict(attrs.evolve(FULL, region_name="us-east-1"))
    expected["console_url"] = CONSOLE
    expected["artifact_revisions"][0]["created"] = "2026-01-02T03:04:05.678000Z"
    metadata = {"http_status_code": 200, "attempts": 1}
    assert shown == json.loads(json.dumps({"pipeline_execution": expected, "response_metadata": metadata}))
    assert shown["pipeline_execution"]["variables"][1] == {"name": "TARGET", "resolved_value": None}


ANY_TEXT: Final = st.text(st.characters(exclude_categories=()), max_size=40)


@given(text=ANY_TEXT)
def test_no_text_of_the_service_reaches_a_terminal_unescaped(text: str) -> None:
    """A commit message cannot move the cursor, ring the bell or start a line of its own at the margin."""
    lines = as_table(as_rows(spoken(text))).split("\n")
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
def test_the_exit_code_tells_the_status(account: Account, status: str, code: int) -> None:
    """0 for Succeeded only, so that a script can go on after ``&&``; each other end can be told from the rest."""
    account.service.put_execution(make_pipeline_execution(status=status))
    ended = account.run("get", *WEB)
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
        pytest.param("ExpiredTokenException", 400, 22, "", id="expired"),
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
    account: Account, error_code: str, status_code: int, code: int, advice: str
) -> None:
    """Code, request id and the service's words are in it, and then the advice."""
    account.service.put_error(error_code, "So says the service.", status_code=status_code, times=2)
    ended = account.run("get", *WEB)
    assert ended.code == code
    assert error_code in ended.complaint
    assert "So says the service" in ended.complaint
    assert advice in ended.complaint.rpartition(": ")[2]


@pytest.mark.parametrize(
    ("args", "advice"),
    [
        pytest.param(("nowhere", WEB[1]), "check the name, and whether --region and --profile", id="pipeline"),
        pytest.param((WEB[0], OTHER_ID), "check the id", id="execution"),
    ],
)
def test_what_does_not_exist_has_its_own_code(account: Account, args: tuple[str, str], advice: str) -> None:
    """A script may wait for an execution that is about to be."""
    ended = account.run("get", *args)
    assert ended.code == 20
    assert advice in ended.complaint


def test_a_wrong_name_and_a_wrong_id_are_wrong_usage(account: Account) -> None:
    """Both are told at once, called as the help calls them, and nothing is sent."""
    ended = account.run("get", "my web", "7F3A")
    assert ended.code == 2
    assert ended.complaint.startswith("NAME must match [A-Za-z0-9.@\\-_]+, not 'my web'; ID must be a UUID ")
    assert account.service.requests == ()


@pytest.mark.parametrize(
    ("args", "words"),
    [
        pytest.param((), "(here region_name is --region)", id="region"),
        pytest.param(("--region", "eu-west-1"), "(here a profile is named with --profile)", id="credentials"),
    ],
)
def test_what_is_missing_is_called_as_on_the_command_line(shell: Shell, args: tuple[str, ...], words: str) -> None:
    """The client speaks of its arguments, and here they are options."""
    ended = shell("get", *WEB, *args)
    assert ended.code == 22
    assert ended.complaint.endswith(words)


def test_a_setting_that_is_no_option_is_left_as_it_is(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what can be said on the command line is translated."""
    monkeypatch.setenv("AWS_USE_FIPS_ENDPOINT", "perhaps")
    ended = account.run("get", *WEB)
    assert ended.code == 22
    assert "AWS_USE_FIPS_ENDPOINT" in ended.complaint
    assert "(here" not in ended.complaint


def test_what_is_not_codepipeline_is_no_answer(account: Account) -> None:
    """Nobody at all, or what a login page of a hotel answers with."""
    account.service.put_response(body=b"<html>Welcome</html>")
    ended = account.run("get", *WEB)
    assert ended.code == 23
    assert ended.complaint.endswith(": check that the endpoint is CodePipeline's")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        ended = account.run("get", *WEB, "--endpoint-url", f"http://127.0.0.1:{taken.getsockname()[1]}")
    assert ended.code == 23
    assert "check the network, the proxy and the endpoint" in ended.complaint


def test_every_other_error_of_the_package_ends_without_a_traceback() -> None:
    """One that is added later and forgotten here says at least what happened."""
    assert of_error(CodePipelineError("the moon is full")) == (1, "the moon is full")


def test_ctrl_c_ends_it_as_shells_expect(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    """128 and the number of SIGINT, with no traceback."""
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "2")
    account.service.put_error("InternalFailure")
    account.clock.on_sleep = lambda: signal.raise_signal(signal.SIGINT)  # before the retry
    ended = account.run("get", *WEB)
    assert (ended.code, ended.stderr.strip()) == (130, "")


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


@pytest.mark.parametrize(
    ("settings", "on_a_terminal", "in_a_file"),
    [
        pytest.param({}, True, False, id="unless-told"),
        pytest.param({"NO_COLOR": "1"}, False, False, id="no-color"),
        pytest.param({"NO_COLOR": ""}, True, False, id="empty-no-color"),
        pytest.param({"TERM": "dumb"}, False, False, id="dumb"),
        pytest.param({"FORCE_COLOR": "1"}, True, True, id="force-color"),
        pytest.param({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False, False, id="both"),
    ],
)
def test_the_status_is_coloured_where_that_is_wanted(
    account: Account,
    monkeypatch: pytest.MonkeyPatch,
    settings: dict[str, str],
    on_a_terminal: bool,
    in_a_file: bool,
) -> None:
    """On a terminal, and as the environment says. Only the status, and never in JSON."""
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    coloured = "Status     \x1b[32mSucceeded\x1b[0m\n"
    for printed, is_coloured in (
        (account.run_on_terminal("get", *WEB), on_a_terminal),
        (account.run("get", *WEB).stdout, in_a_file),
    ):
        assert (coloured in printed) == is_coloured
        assert printed.count("\x1b") == 2 * is_coloured
    assert "\x1b" not in account.run("get", *WEB, "--output", "json").stdout


def test_lines_are_wrapped_between_words_on_a_terminal(account: Account) -> None:
    """What goes on stays in its column; a long word is left to the terminal, so that it can be copied whole."""
    account.service.put_execution(
        make_pipeline_execution(
            status_summary="one two three " * 8 + "\n\nend",
            trigger=None,
            artifact_revisions=[{"revision_url": "u" * 99}],
        )
    )
    text = account.run_on_terminal("get", *WEB, columns=80)
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
@pytest.mark.parametrize("command", ["get", "watch"])
def test_lines_fit_in_characters_of_any_width(
    account: Account, monkeypatch: pytest.MonkeyPatch, command: str, text: str, columns: int
) -> None:
    """As a terminal draws them. Nothing is lost."""
    account.service.put_execution(
        PipelineExecution(
            pipeline_name=WEB[0],
            pipeline_execution_id=WEB[1],
            status=PipelineExecutionStatus.SUCCEEDED,
            status_summary=text,
        )
    )
    monkeypatch.setenv("NO_COLOR", "1")
    printed = account.run_on_terminal(command, *WEB, columns=columns)
    assert "".join(text.split()) in "".join(printed.split())
    for line in printed.splitlines():
        screen = pyte.Screen(columns + 1, 2)
        pyte.Stream(screen).feed(line)
        assert screen.cursor.y == 0 or re.fullmatch(r"(Console)? *[!-~]+", line)  # an id or a URL is left whole


def test_labels_stand_above_on_a_narrow_terminal(account: Account) -> None:
    """So that an id fits into 40 columns."""
    lines = account.run_on_terminal("get", *WEB, columns=40).splitlines()
    assert lines[:4] == ["Pipeline", "  web", "Execution", f"  {WEB[1]}"]


@pytest.mark.parametrize("columns", [1, 20, 40, 80, 200])
def test_help_fits_any_terminal(account: Account, columns: int) -> None:
    """Text is wrapped to the terminal, and never wider than is good to read."""
    text = account.run_on_terminal("get", "--help", columns=columns)
    described = text[: text.index("Examples:")].splitlines()
    assert max(map(len, described)) < max(min(columns, 80), 50)


def test_a_reader_that_has_gone_changes_nothing(account: Account) -> None:
    """``| head -1`` closes the pipe: what was found out holds all the same, and nobody wants to hear of the pipe."""
    account.service.put_execution(make_pipeline_execution(status="Failed"))
    with pipe_without_reader() as stdout, pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdout", stdout)
        assert run(["get", *WEB], clock=account.clock) == ExitCode.FAILED
        assert run(["--help"]) == 0
        stdout.flush()  # as Python does at its end


def test_nothing_is_left_to_fail_when_nobody_listens_to_complaints() -> None:
    """The exit code still tells."""
    with pipe_without_reader() as stderr, pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stderr", stderr)
        assert run(["get"]) == 2
        stderr.flush()


def test_streams_that_are_closed_are_no_trouble(account: Account) -> None:
    """``>&-`` and pythonw leave None in their place."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdout", None)
        patch.setattr(sys, "stderr", None)
        assert run(["get", *WEB], clock=account.clock) == 0
        assert run(["get"]) == 2


def test_output_that_cannot_be_written_is_a_failure(
    account: Account, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A script must not take a cut file for the whole."""

    with (tmp_path / "output").open("w") as file, pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdout", FullDisk(file.fileno()))
        assert run(["get", *WEB], clock=account.clock) == ExitCode.OTHER
        assert run(["--help"]) == ExitCode.OTHER
    assert "the output cannot be written: No space left on device: " in capfd.readouterr().err


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-8"])
def test_any_encoding_of_stdout_will_do(account: Account, encoding: str) -> None:
    """What it cannot spell is escaped."""
    account.service.put_execution(make_pipeline_execution(status_summary="größer → \U0001f680"))
    written = io.BytesIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding=encoding))
        assert run(["get", *WEB], clock=account.clock) == 0
        text = written.getvalue().decode(encoding)
    shown = "größer → \U0001f680".encode(encoding, "backslashreplace").decode(encoding)
    assert f"Summary    {shown}\n" in text.replace(os.linesep, "\n")


@pytest.mark.parametrize("command", ["get", "wait", "watch"])
@pytest.mark.parametrize("output_format", ["text", "json"])
@pytest.mark.parametrize("columns", [None, 80, 20])
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
    account: Account, command: str, output_format: str, columns: int | None, hostile: str
) -> None:
    """GitHub's runner obeys a line that begins with ``::`` once it is trimmed, Azure's agent ``##vso[`` in any."""
    said = f"x\n{hostile}\n\n{hostile}"
    execution = spoken(said)
    execution = attrs.evolve(execution, pipeline_name=WEB[0], pipeline_execution_id=WEB[1])
    account.service.put_execution(attrs.evolve(execution, status=PipelineExecutionStatus.FAILED))
    args = (command, *WEB, "--output", output_format)
    if columns:
        printed = account.run_on_terminal(*args, columns=columns)
    else:
        ended = account.run(*args)
        printed = ended.stdout + ended.stderr
    account.service.put_error("AccessDeniedException", hostile)
    refused = account.run("get", *WEB).stderr
    assert "x" in printed
    obeyed = re.compile(r"^\s*::|##\w*\[", re.MULTILINE)
    assert not obeyed.search(printed)
    assert not obeyed.search(refused)
    if output_format == "json":
        (line,) = [line for line in printed.splitlines() if line.startswith("{")]
        assert json.loads(line)["pipeline_execution"]["status_summary"] == said


@pytest.mark.filterwarnings("default::codepipeline_client.InsecureEndpointWarning")
def test_a_warning_is_one_line(account: Account) -> None:
    """As errors are; Python's own form shows a line of source."""
    before = warnings.showwarning
    ended = account.run("get", *WEB, "--endpoint-url", "http://codepipeline.invalid")
    assert warnings.showwarning is before
    warning, error = ended.stderr.splitlines()
    assert ended.code == 23
    assert warning.startswith("codepipeline-client: warning: requests go to http://codepipeline.invalid unencrypted: ")
    assert error.startswith("codepipeline-client: ")


def pipe_without_reader() -> io.TextIOWrapper:
    """Return the writing end of a pipe that nobody reads from any more."""
    reading, writing = os.pipe()
    os.close(reading)
    return io.TextIOWrapper(io.FileIO(writing, "w"), write_through=True)


# ---- help, version, start


def test_the_program_and_python_m_run_a_command(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """With the arguments of the shell."""
    monkeypatch.setattr(sys, "argv", ["codepipeline-client", "--version"])
    assert main() == 0
    assert capfd.readouterr().out == f"codepipeline-client {__version__}\n"
    command = [sys.executable, "-m", "codepipeline_client", "gte"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert ended.returncode == 2
    assert ended.stderr.startswith("codepipeline-client: No such command 'gte'")


@pytest.mark.parametrize("name", ["", "get", "wait", "watch", "serve", "demo"])
@pytest.mark.parametrize("option", ["--help", "-h"])
def test_help_is_there_for_each_command(shell: Shell, name: str, option: str) -> None:
    """With every exit code, and each command is in the list of them all."""
    ended = shell(*name.split(), option)
    words = " ".join(ended.stdout.split())
    assert ended.code == 0
    assert words.startswith(f"Usage: codepipeline-client {name}".rstrip())
    assert ("Examples: codepipeline-client " in words) == (name not in ("serve", "demo"))
    assert [code.value for code in ExitCode if f" {code.value} {code.meaning}" in words] == sorted(ExitCode)
    assert f"\n  {name}" in shell("--help").stdout


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


@pytest.mark.parametrize("missing", ["click", "rich"])
def test_without_the_extra_it_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], missing: str
) -> None:
    """The script is installed with the package, the extra may not be. Other programs bring click or rich along."""
    monkeypatch.setitem(sys.modules, missing, None)
    assert main() == 3
    assert capfd.readouterr() == (
        "",
        'codepipeline-client: its command line is not installed: pip install "codepipeline-client[cli]"\n',
    )


def loaded_by(program: str, **environment: str) -> list[str]:
    """Return the modules that a process has loaded after *program*."""
    ended = subprocess.run(
        [sys.executable, "-c", f"import sys\n{program}\nprint(*sys.modules, file=sys.stderr)"],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return ended.stderr.splitlines()[-1].split()


def test_help_loads_neither_the_test_kit_nor_botocore() -> None:
    """Help is quick."""
    loaded = loaded_by("from codepipeline_client.cli.commands import run\nrun(['--help'])")
    assert "codepipeline_client.cli.commands" in loaded
    assert [name for name in loaded if name.startswith(("botocore", "codepipeline_client.testing"))] == []


def test_rich_is_loaded_for_a_terminal_only(local_codepipeline: LocalCodePipeline) -> None:
    """A script that reads the output pays nothing for how it would look."""
    local_codepipeline.put_execution(EXECUTION)
    program = f"""
sys.modules["rich"] = None
from codepipeline_client.cli.commands import run
for command in ("get", "wait", "watch"):
    assert run([command, {WEB[0]!r}, {WEB[1]!r}]) == 0
"""
    assert "codepipeline_client.cli.live" not in loaded_by(program, **local_codepipeline.environ)
