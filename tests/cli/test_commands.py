"""The command line: what it prints where, in which words it complains, and with which code it ends."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import ssl
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import attrs
import httpx
import pyte
import pytest
from click import unstyle
from hypothesis import given
from hypothesis import strategies as st

from codepipeline_client import CodePipelineError, PipelineExecution, WaitTimeoutError, __version__, models
from codepipeline_client.__main__ import main
from codepipeline_client._call.failures import translated
from codepipeline_client.cli.commands import run
from codepipeline_client.cli.exit_codes import ExitCode, of_error
from codepipeline_client.cli.output import as_json, as_table, rows_of
from codepipeline_client.testing import LocalCodePipeline, make_pipeline_execution
from tests.cli.terminal import DONE, WEB, Account, Shell, Terminal

CONSOLE: Final = (
    "https://us-east-1.console.aws.amazon.com/codesuite/codepipeline/pipelines/web"
    "/executions/7f3a1c52-9b0e-4d68-a1f4-2c6e8d0b9a31/visualization?region=us-east-1"
)


@pytest.fixture
def account(account: Account) -> Account:
    """An account that has one execution."""
    account.service.put_execution(DONE)
    return account


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
        {"name": "Settings", "revision_url": "", "revision_id": "x" * 1500},
        {},
    ],
    variables=[{"name": "BRANCH", "resolved_value": "main"}, {"name": "TARGET"}],
    execution_type="ROLLBACK",
    rollback_metadata={"rollback_target_pipeline_execution_id": "b24d9e07-3c1f-4f5a-8e62-91a7c0d4f583"},
    trigger={"trigger_type": "ManualRollback", "trigger_detail": "arn:aws:iam::111122223333:user/alex"},
)


def test_get_shows_all_there_is_in_aligned_lines(account: Account) -> None:
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
        f"Revision       Settings  {'x' * 37}...\n"
        "Revision       (not given)\n"
        "Variable       BRANCH = main\n"
        "Variable       TARGET = (not given)\n"
        f"Console        {CONSOLE}\n"
    )


def test_get_says_what_it_does_not_know(account: Account) -> None:
    """Present and empty is not the same as absent, and an unknown status must not be taken for an end."""
    account.service.put_response(
        body=b'{"pipelineExecution": {"status": "Paused", "trigger": {}, "rollbackMetadata": {}}}',
        headers={"Content-Type": "application/x-amz-json-1.1"},
    )
    assert account.run("get", *WEB).stdout.splitlines()[2:-1] == [
        "Status         Paused (newer than this release)",
        "Rolls back to  (not given)",
        "Trigger        (not given)",
    ]


def test_get_gives_a_program_one_json_object(account: Account) -> None:
    """The fields as `to_dict` has them, and facts about the response."""
    account.service.put_execution(FULL)
    ended = account.run("get", *WEB, "--output", "json")
    shown = json.loads(ended.stdout)
    assert ended.code == ExitCode.FAILED
    assert ended.stdout.count("\n") == 1
    assert re.fullmatch("[0-9a-f-]{36}", shown["response_metadata"].pop("request_id"))
    execution = attrs.evolve(FULL, region_name="us-east-1")
    metadata = {"http_status_code": 200, "attempts": 1}
    assert shown == {"pipeline_execution": execution.to_dict(), "response_metadata": metadata}


@given(text=st.text(st.characters(exclude_categories=()), max_size=40))
def test_no_text_of_the_service_does_harm_or_is_lost(text: str) -> None:
    """No commit message moves the cursor or begins a line at the margin. JSON is ASCII, for a pipe of any encoding."""
    lines = unstyle(as_table(rows_of(spoken(text)))).split("\n")
    assert all(line.isprintable() for line in lines)
    labels = {"Pipeline", "Execution", "Status", "Summary", "Version", "Mode", "Type", "Rolls", "Trigger"}
    assert {line.partition(" ")[0] for line in lines} <= labels | {"Revision", "Variable", ""}
    line = as_json(spoken(text))
    assert line.isascii()
    assert "\n" not in line
    assert json.loads(line)["pipeline_execution"]["variables"] == [{"name": text, "resolved_value": text}]


def spoken(text: str) -> PipelineExecution:
    """Return an execution that has the text wherever a text can be."""
    return make_pipeline_execution(
        pipeline_name=text,
        pipeline_execution_id=text,
        status=models.PipelineExecutionStatus(f"New{text}"),
        status_summary=text,
        artifact_revisions=[{"name": text, "revision_id": text, "revision_summary": text, "revision_url": text}],
        variables=[{"name": text, "resolved_value": text}],
        trigger={"trigger_type": models.TriggerType(f"New{text}"), "trigger_detail": text},
        execution_mode=models.ExecutionMode(f"New{text}"),
        execution_type=models.ExecutionType(f"New{text}"),
        rollback_metadata={"rollback_target_pipeline_execution_id": text},
    )


# ---- get: where it asks


def test_the_options_say_where_to_ask(
    local_codepipeline: LocalCodePipeline, shell: Shell, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They win over all others."""
    local_codepipeline.put_execution(DONE)
    keys = local_codepipeline.credentials
    (home / "credentials-of-work").write_text(
        f"[work]\naws_access_key_id = {keys.access_key_id}\naws_secret_access_key = {keys.secret_access_key}\n"
    )
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(home / "credentials-of-work"))
    for name in ("AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "eu-central-1")
    where = ("--region", "us-east-1", "--profile", "work", "--endpoint-url", local_codepipeline.endpoint_url)
    assert shell("get", *where, *WEB).code == 0


# ---- get: how it ends


@pytest.mark.parametrize("command", ["get", "wait", "watch"])
@pytest.mark.parametrize(
    ("status", "code"), [("Succeeded", 0), ("Failed", 11), ("Stopped", 12), ("Cancelled", 13), ("Superseded", 14)]
)
def test_the_exit_code_tells_the_status(account: Account, command: str, status: str, code: int) -> None:
    """0 for Succeeded only, so that a script can go on after ``&&``. What is not terminal has a code for get alone."""
    account.service.script_execution(["InProgress", "Stopping", models.PipelineExecutionStatus("Paused"), status])
    if command == "get":
        assert [account.run("get", *WEB).code for _ in range(3)] == [ExitCode.NOT_TERMINAL] * 3
    assert account.run(command, *WEB).code == code


@pytest.mark.parametrize("command", ["get", "wait", "watch"])
def test_ok_names_statuses_that_are_a_success_too(account: Account, command: str) -> None:
    """In any case of letters. Others keep their codes."""
    ok = ("--ok", "superseded", "--ok", "Stopped")
    for status, code in (("Superseded", 0), ("Stopped", 0), ("Succeeded", 0), ("Failed", 11)):
        account.service.put_execution(make_pipeline_execution(status=status))
        assert account.run(command, *WEB, *ok).code == code


def test_debug_shows_the_log_without_secrets(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    """On stderr, and for this command only."""
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "2")
    account.service.put_error("InternalFailure")
    ended = account.run("get", *WEB, "--debug", "--output", "json")
    shown = [line.split(maxsplit=2) for line in ended.stderr.splitlines()]
    assert [level for _, level, _ in shown] == ["DEBUG", "INFO", "DEBUG"]
    assert all(words.startswith("GetPipelineExecution attempt ") for _, _, words in shown)
    assert not re.search(f"AWS4|{account.service.credentials.secret_access_key}", ended.stderr)
    assert json.loads(ended.stdout)["response_metadata"]["attempts"] == 2
    assert account.run("get", *WEB).stderr == ""


@pytest.mark.parametrize(
    ("operation", "error_code", "status_code", "code", "advice"),
    [
        ("Start", "PipelineNotFoundException", 400, 20, "the name, and that --region and --profile"),
        ("Start", "AccessDeniedException", 403, 21, "codepipeline:StartPipelineExecution; try another --profile"),
        ("Start", "ConflictException", 409, 23, "the pipeline is busy: try again in a moment"),
        ("Start", "ConcurrentPipelineExecutionsLimitExceededException", 400, 23, "try again when one has ended"),
        ("Start", "ValidationException", 400, 23, "check the arguments"),
        ("Get", "PipelineNotFoundException", 400, 20, "the name, and that --region and --profile"),
        ("Get", "PipelineExecutionNotFoundException", 400, 20, "check the id"),
        ("Get", "AccessDeniedException", 403, 21, "codepipeline:GetPipelineExecution"),
        ("Get", "ForbiddenOnMondays", 403, 21, "codepipeline:GetPipelineExecution"),
        ("Get", "UnrecognizedClientException", 403, 22, "check the credentials"),
        ("Get", "RequestExpired", 400, 22, "clock"),
        ("Get", "ExpiredTokenException", 400, 22, "new credentials"),
        ("Get", "ThrottlingException", 400, 23, "wait a while"),
        ("Get", "SomethingNew", 502, 23, "try again"),
        ("Get", "RequestAbortedException", 400, 23, "try again"),
        ("Get", "UnknownOperationException", 404, 23, "endpoint"),
        ("Get", "SomethingNew", 400, 23, "AWS Support"),
    ],
)
def test_a_refusal_is_a_message_and_a_hint(
    account: Account, operation: str, error_code: str, status_code: int, code: int, advice: str
) -> None:
    """Code, request id and the service's words, and on a line of its own what to do."""
    account.service.put_error(error_code, "So says the service.", status_code=status_code, times=2)
    ended = account.run(*(("get", *WEB) if operation == "Get" else ("start", "web")))
    message, hint = ended.complaint
    assert ended.code == code
    assert message.startswith(f"{operation}PipelineExecution failed: {error_code} (HTTP {status_code}, request id ")
    assert message.endswith(": So says the service")
    assert advice in hint


def untrusted() -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "unable to get local issuer certificate")
    error.verify_code = 20
    return error


IRELAND: Final = ("get", *WEB, "--region", "eu-west-1")
ABOUT_IDS: Final = "start prints an id, list shows those of a pipeline, and without an id the latest execution is used"


@pytest.mark.parametrize(
    ("args", "code", "message", "hint"),
    [
        (("get",), 2, "Missing argument 'NAME'", "see codepipeline-client get --help"),
        (("gte",), 2, "No such command 'gte'", "see codepipeline-client --help"),
        (("get", *WEB, "--ok", "Odd"), 2, "Invalid value for '--ok': 'Odd' is not one of '", "see code"),
        (("get", *WEB, "--output", "xml"), 2, "Invalid value for '--output'", "see codepipeline-client get --help"),
        (("get", *WEB, "\x1b["), 2, r"Got unexpected extra argument (\x1b[)", "see codepipeline-client get --help"),
        (("start", "web", "--variable", "STAGE"), 2, "Invalid value for '--variable': 'STAGE' is not", "see code"),
        (("start", "web", *("--variable", "A=1") * 2), 2, "Invalid value for '--variable': each name can", "see code"),
        (("start", "web", "--variable", "A B=c"), 2, "StartPipelineExecution was not sent: variables[0].name ", None),
        (("get", "my web", "7F3A"), 2, "GetPipelineExecution was not sent: NAME must match ", ABOUT_IDS),
        (("get", *WEB), 22, "no region: neither --region, AWS_REGION, AWS_DEFAULT_REGION nor", "give --region"),
        (("get", *WEB, "--region", "eu west"), 22, "--region 'eu west' ", None),
        (IRELAND, 22, "no credentials were found. Tried: ", "name a profile with --profile"),
        ((*IRELAND, "--profile", "none"), 22, "profile 'none' does not exist", None),
        ((*IRELAND, "--endpoint-url", "x"), 22, "--endpoint-url 'x' cannot be used: ", None),
        ((*IRELAND, "--endpoint-url", "https://me:pw@x"), 22, "--endpoint-url '***@x' cannot be", "use --profile"),
    ],
)
def test_what_is_wrong_is_called_as_on_the_command_line(
    shell: Shell, args: tuple[str, ...], code: int, message: str, hint: str | None
) -> None:
    ended = shell(*args)
    shown, *hints = ended.complaint
    assert ended.code == code
    assert shown.startswith(message)
    assert not re.search("region_name|profile_name|endpoint_url|credentials=", ended.stderr)
    assert [each.startswith(hint or "") for each in hints] == [True] * (hint is not None)


@pytest.mark.parametrize(
    "failure", [httpx.ConnectTimeout(""), httpx.ReadTimeout(""), httpx.WriteTimeout(""), TimeoutError(), untrusted()]
)
def test_what_failed_is_told_without_arguments_that_only_python_has(failure: Exception) -> None:
    error = translated(failure, "codepipeline.example", None)
    never = WaitTimeoutError(f"not seen: {error}")
    never.__cause__ = error
    for _, message, hint in map(of_error, (error, never)):
        assert hint.startswith("check the network")
        assert "codepipeline.example" in message
        assert not re.search("_timeout|as verify", message)


def test_a_value_that_is_not_of_the_command_line_is_not_blamed_on_it(
    shell: Shell, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "config").write_text("[default]\nregion = eu-west-1\nendpoint_url = x\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(home / "config"))
    (message,) = shell("get", *WEB).complaint
    assert message.startswith("endpoint_url 'x' (from endpoint_url in profile 'default') cannot be used")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "ftp://x")
    monkeypatch.setenv("AWS_REGION", "eu west")
    (message,) = shell("get", *WEB).complaint
    assert message.startswith("region_name 'eu west' is not a region (from AWS_REGION)")
    (message,) = shell("get", *WEB, "--region", "eu-west-1").complaint
    assert message.startswith("endpoint_url 'ftp://x' (from AWS_ENDPOINT_URL) cannot be used")


def test_what_is_not_codepipeline_is_no_response(account: Account) -> None:
    account.service.put_response(body=b"<html>Welcome</html>")
    assert account.run("get", *WEB).complaint[1] == "check that the endpoint is CodePipeline's"
    account.service.refuse_connections()
    ended = account.run("get", *WEB)
    assert (ended.code, ended.complaint[1]) == (23, "check the network, the proxy and the endpoint, then try again")
    assert ended.complaint[0].count("refused") == 1


def test_every_other_error_of_the_package_ends_without_a_traceback() -> None:
    assert of_error(CodePipelineError("the moon is full")) == (1, "the moon is full", "")


def test_ctrl_c_ends_it_as_shells_expect(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "2")
    account.service.put_error("InternalFailure")
    account.clock.on_sleep = lambda: signal.raise_signal(signal.SIGINT)  # before the retry
    ended = account.run("get", *WEB)
    assert (ended.code, ended.stderr.strip()) == (130, "")


# ---- streams


@pytest.mark.parametrize(
    ("settings", "on_a_terminal", "in_a_file"),
    [
        ({}, True, False),
        ({"NO_COLOR": "1"}, False, False),
        ({"NO_COLOR": ""}, True, False),
        ({"TERM": "dumb"}, False, False),
        ({"FORCE_COLOR": "1"}, True, True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False, False),
    ],
)
def test_the_status_is_coloured_where_that_is_wanted(
    account: Account, monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], on_a_terminal: bool, in_a_file: bool
) -> None:
    """Only the status, and never in JSON."""
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    on_terminal, in_file = account.run_on_terminal("get", *WEB), account.run("get", *WEB).stdout
    assert [printed.count("\x1b") for printed in (on_terminal, in_file)] == [2 * on_a_terminal, 2 * in_a_file]
    assert ("Status     \x1b[32mSucceeded\x1b[0m\n" in on_terminal) == on_a_terminal
    assert "\x1b" not in account.run("get", *WEB, "--output", "json").stdout


def test_lines_are_wrapped_between_words_on_a_terminal(account: Account) -> None:
    """What goes on stays in its column; a long word is left to the terminal, so that it can be copied whole."""
    summary = "one two three " * 8 + "\n\nend"
    account.service.put_execution(
        make_pipeline_execution(status_summary=summary, artifact_revisions=[{"revision_url": "u" * 99}])
    )
    text = account.run_on_terminal("get", *WEB, columns=80)
    assert (
        "Summary    one two three one two three one two three one two three one two three\n"
        "           one two three one two three one two three\n"
        "\n"
        "           end\n"
    ) in text
    assert f"Revision   {'u' * 99}\n" in text
    # So that an id fits into 40 columns:
    assert account.run_on_terminal("get", *WEB, columns=40).startswith(f"Pipeline\n  web\nExecution\n  {WEB[1]}\n")


@pytest.mark.parametrize("columns", [80, 20])
@pytest.mark.parametrize("text", ["変更 " * 60, "「応答」をより速くした。" * 20, "  more\u0301 to  say " * 20])
@pytest.mark.parametrize("command", ["get", "watch"])
def test_lines_fit_in_characters_of_any_width(account: Account, command: str, text: str, columns: int) -> None:
    account.service.put_execution(make_pipeline_execution(status_summary=text, artifact_revisions=[], trigger=None))
    printed = account.run_on_terminal(command, *WEB, columns=columns)
    assert "".join(text.split()) in "".join(printed.split())
    for line in printed.splitlines():
        screen = pyte.Screen(columns + 1, 2)
        pyte.Stream(screen).feed(line)
        assert screen.cursor.y == 0 or re.fullmatch(r"(Console)? *[!-~]+", line)  # an id or a URL is left whole


@pytest.mark.parametrize("columns", [1, 20, 40, 80, 200])
def test_help_fits_any_terminal(account: Account, columns: int) -> None:
    text = account.run_on_terminal("get", "--help", columns=columns)
    described = text[: text.index("Examples:")].splitlines()
    assert max(map(len, described)) < max(min(columns, 80), 50)


def test_message_and_hint_are_wrapped_at_words_on_a_terminal(account: Account, opened: Callable[..., Terminal]) -> None:
    terminal = opened(60)
    assert account.run("get", "wbe", WEB[1]).code == 20
    first, *_, hint, rest = terminal.until_over()
    assert first == "codepipeline-client: GetPipelineExecution failed:"
    assert (hint, rest) == ("hint: check the name, and that --region and --profile are", "right for the pipeline")


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (("get", *WEB), ExitCode.NOT_TERMINAL),
        (("watch", *WEB), ExitCode.NOT_TERMINAL),
        (("list", "web"), ExitCode.SUCCEEDED),
        (("--help",), ExitCode.SUCCEEDED),
        (("get",), ExitCode.USAGE),
    ],
)
def test_a_reader_that_has_gone_is_no_failure(
    account: Account, monkeypatch: pytest.MonkeyPatch, args: tuple[str, ...], code: int
) -> None:
    """``| head -1`` closes the pipe: the command ends at once, with the code for what it knows, and no complaint."""
    account.service.put_execution(make_pipeline_execution(status="InProgress"))
    with pipe_without_reader() as stdout, pipe_without_reader() as stderr:
        monkeypatch.setattr(sys, "stdout", stdout)
        monkeypatch.setattr(sys, "stderr", stderr)
        assert run(args, clock=account.clock) == code
    assert account.clock.slept == ()


def test_closed_streams_are_no_failure(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    """As after ``>&-``, and in pythonw."""
    for name in ("stdout", "stderr"):
        monkeypatch.setattr(sys, name, None)
    assert run(["get", *WEB], clock=account.clock) == 0
    assert run(["--help"]) == 0
    assert run(["get"]) == ExitCode.USAGE


def pipe_without_reader() -> io.TextIOWrapper:
    reading, writing = os.pipe()
    os.close(reading)
    return io.TextIOWrapper(io.FileIO(writing, "w"), write_through=True)


def test_output_that_cannot_be_written_is_a_failure(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    """A script must not take a cut file for the whole. This one was opened for reading."""
    with io.TextIOWrapper(io.FileIO(os.open(os.devnull, os.O_RDONLY), "w"), write_through=True) as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        assert run(["get", *WEB], clock=account.clock) == ExitCode.OTHER
    assert "the output cannot be written: Bad file descriptor\nhint: free some space" in account.printed()[1]


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-8"])
def test_any_encoding_of_stdout_will_do(account: Account, monkeypatch: pytest.MonkeyPatch, encoding: str) -> None:
    account.service.put_execution(make_pipeline_execution(status_summary="größer → \U0001f680"))
    written = io.BytesIO()
    with io.TextIOWrapper(written, encoding=encoding, newline="") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        assert run(["get", *WEB], clock=account.clock) == 0
        shown = "größer → \U0001f680".encode(encoding, "backslashreplace")
        assert b"Summary    " + shown + b"\n" in written.getvalue()


@pytest.mark.parametrize("args", [("get",), ("wait",), ("watch",), ("get", "--output", "json")])
@pytest.mark.parametrize("columns", [None, 20])
@pytest.mark.parametrize(
    "hostile",
    [
        "  ::set-output name=ok::true",
        "##[set-env name=PATH]/tmp",
        "it failed ##vso[task.setvariable variable=ok]true",
        "##teamcity[buildStatus status='SUCCESS']",
    ],
)
def test_no_text_of_the_service_is_a_command_to_a_build_server(
    account: Account, args: tuple[str, ...], columns: int | None, hostile: str
) -> None:
    """GitHub's runner obeys a line that begins with ``::`` once it is trimmed, Azure's agent ``##vso[`` in any."""
    said = f"x\n{hostile}\n\n{hostile}"
    execution = attrs.evolve(spoken(said), pipeline_name=WEB[0], pipeline_execution_id=WEB[1])
    account.service.put_execution(attrs.evolve(execution, status=models.PipelineExecutionStatus.FAILED))
    on_terminal = account.run_on_terminal(*args, *WEB, columns=columns) if columns else ""
    ended = account.run(*args, *WEB)
    account.service.put_error("AccessDeniedException", hostile)
    printed = on_terminal + ended.stdout + ended.stderr + account.run("get", *WEB).stderr
    assert not re.search(r"(?m)^\s*::|##\w*\[", printed)
    if "json" in args:
        assert json.loads(ended.stdout)["pipeline_execution"]["status_summary"] == said


@pytest.mark.filterwarnings("default::codepipeline_client.InsecureEndpointWarning")
def test_a_warning_is_one_line(account: Account) -> None:
    ended = account.run("get", *WEB, "--endpoint-url", "http://codepipeline.invalid")
    warning, *_ = ended.stderr.splitlines()
    assert ended.code == 23
    assert warning.startswith("codepipeline-client: warning: requests go to http://codepipeline.invalid unencrypted: ")


# ---- help, version, start


def test_python_m_runs_a_command() -> None:
    command = [sys.executable, "-m", "codepipeline_client", "-V"]
    ended = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert ended.stdout == f"codepipeline-client {__version__}\n"


@pytest.mark.parametrize("name", ["", "get", "wait", "watch", "start", "list", "serve", "demo"])
def test_help_is_there_for_each_command(shell: Shell, name: str) -> None:
    """With every exit code. Each command is in the list of them all, with its whole first sentence."""
    ended = shell(*name.split(), "-h")
    words = " ".join(ended.stdout.split())
    assert ended.code == 0
    assert words.startswith(f"Usage: codepipeline-client {name}".rstrip())
    assert ("Examples: codepipeline-client " in words) == (name not in ("serve", "demo"))
    assert [code.value for code in ExitCode if f" {code.value} {code.meaning}" in words] == sorted(ExitCode)
    listed = " ".join(shell("--help").stdout.split())
    assert name in listed.partition("Commands: ")[2].partition("Examples: ")[0].split() or not name
    assert "wait Wait until an execution of a pipeline has finished, and show it. watch" in listed


@pytest.mark.parametrize(("name", "default"), [("wait", "0"), ("watch", "0"), ("start", "30s")])
def test_help_tells_the_grace_that_a_command_has(shell: Shell, name: str, default: str) -> None:
    words = " ".join(shell(name, "--help").stdout.split())
    assert f"for an execution that was just started. [default: {default}]" in words


def test_a_shell_can_complete_commands(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    """As the documentation sets it up; an option that would end the command does not end this."""
    for instruction, words, printed in (
        ("bash_source", "", "COMP_WORDS"),
        ("bash_complete", "codepipeline-client --help ge", "plain,get\n"),
        ("bash_complete", "codepipeline-client get --ok su", "plain,succeeded\nplain,superseded\n"),
    ):
        monkeypatch.setenv("_CODEPIPELINE_CLIENT_COMPLETE", instruction)
        monkeypatch.setenv("COMP_WORDS", words)
        monkeypatch.setenv("COMP_CWORD", str(len(words.split()) - 1))
        with pytest.raises(SystemExit) as ended:
            run()
        assert ended.value.code == 0
        assert printed.lower() in capfd.readouterr().out.lower()  # click decides how a status is spelled


def test_no_command_at_all_is_wrong_usage_and_gets_the_help(shell: Shell) -> None:
    ended = shell()
    assert (ended.code, ended.stdout, ended.stderr) == (2, "", shell("--help").stdout)


@pytest.mark.parametrize("missing", ["click", "rich"])
def test_without_the_extra_it_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], missing: str
) -> None:
    """Other programs bring click or rich along."""
    monkeypatch.setitem(sys.modules, missing, None)
    assert main() == 3
    assert capfd.readouterr().err.endswith(' not installed; run pip install "codepipeline-client[cli]"\n')


def test_what_is_not_needed_is_not_loaded(local_codepipeline: LocalCodePipeline) -> None:
    """Help is quick, and a script that reads the output does not pay for how it looks on a terminal."""
    local_codepipeline.put_execution(DONE)
    program = f"""
import sys
sys.modules["rich"] = None
from codepipeline_client.cli.commands import run
run(["--help"])
assert not [name for name in sys.modules if name.startswith(("botocore", "codepipeline_client.testing"))]
for command in ("get", "wait", "watch"):
    assert run([command, {WEB[0]!r}, {WEB[1]!r}]) == 0
"""
    environ = os.environ | dict(local_codepipeline.environ)
    subprocess.run([sys.executable, "-c", program], env=environ, check=True, capture_output=True, timeout=60)
