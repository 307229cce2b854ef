"""
The commands: their arguments, and in what order each does what.

What they print is in `_view`, how they end in `_endings`. A command returns its exit code, and raises what went wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import click

from .._clock import Clock
from .._pauses import SystemClock
from .._user_agent import __version__
from ..errors import CodePipelineError
from ..models import PipelineExecution, ResponseMetadata
from ..waiting import Pace
from ._endings import PROGRAM, ExitCode, of_error, of_status
from ._follow import unless_told_to_stop, wait_for_end, watch_to_end
from ._help import Documented, DocumentedGroup, help_option, shows
from ._options import Format, Question, about_an_execution, at_a_pace
from ._terminal import complain, explain, prepared, say, width
from ._view import as_json, as_rows, laid_out

_WIDEST: Final = 80
_NARROWEST: Final = 20


def run(args: Sequence[str] | None = None, *, clock: Clock | None = None) -> int:
    """Do what *args* say (None for the shell's own), tell what went wrong in one line, and return the exit code."""
    with prepared():
        try:
            code: int = commands.main(
                args,
                prog_name=PROGRAM,
                standalone_mode=False,
                windows_expand_args=False,  # the arguments are no files
                obj=clock or SystemClock(),
                terminal_width=_help_width(width()),
            )
        except CodePipelineError as error:
            ending = of_error(error)
            complain(ending.line)
            return ending.code
        except click.ClickException as error:
            complain(f"{error.format_message().rstrip('.')}{_where_to_look(error)}")
            return error.exit_code
        except click.Abort:
            return ExitCode.INTERRUPTED
    return code


def _help_width(columns: int | None) -> int | None:
    """Return the columns for the help. Click itself knows no terminal below 52."""
    return None if columns is None else max(min(columns, _WIDEST) - 2, _NARROWEST)


def _where_to_look(error: click.ClickException) -> str:
    context = error.ctx if isinstance(error, click.UsageError) else None
    return f": see {context.command_path} --help" if context else ""


@click.group(
    cls=DocumentedGroup,
    invoke_without_command=True,
    add_help_option=False,
    epilog="codepipeline-client demo\ncodepipeline-client get web ID --region eu-west-1",
)
@shows(lambda _: f"{PROGRAM} {__version__}", "--version", about="Show the version and exit.")
@help_option
@click.pass_context
def commands(context: click.Context) -> None:
    """Read executions of AWS CodePipeline."""
    if context.invoked_subcommand is None:
        explain(context.get_help())
        context.exit(ExitCode.USAGE)


@commands.command(
    cls=Documented,
    add_help_option=False,
    epilog="""\
codepipeline-client get web ID
codepipeline-client get web ID --profile work --output json
codepipeline-client get web ID && echo it went live""",
)
@click.pass_obj
@about_an_execution
@help_option
def get(clock: Clock, question: Question, *, output_format: Format) -> ExitCode:
    """
    Show the execution ID of the pipeline NAME as it is now.

    Region, profile, endpoint and credentials that are not given are found as the AWS CLI finds them.
    The exit code is 0 only when the execution Succeeded.

    As json it is one object in one line: pipeline_execution with its fields as in Python and console_url, created in
    ISO 8601 and UTC, and response_metadata with request_id, http_status_code and attempts.
    """
    with question.client(clock) as client:
        output = client.get_pipeline_execution(
            pipeline_name=question.reference.pipeline_name,
            pipeline_execution_id=question.reference.pipeline_execution_id,
        )
    return _result(output.pipeline_execution, output.response_metadata, output_format)


@commands.command(
    cls=Documented,
    add_help_option=False,
    epilog="""\
codepipeline-client wait web ID
codepipeline-client wait web ID --timeout 7d --poll-interval 1m
codepipeline-client wait web ID && ./announce
codepipeline-client wait web ID --output json | jq .pipeline_execution.status""",
)
@click.pass_obj
@about_an_execution
@at_a_pace
@help_option
def wait(clock: Clock, question: Question, *, pace: Pace, output_format: Format) -> ExitCode:
    """
    Wait until the execution ID of the pipeline NAME has ended, and show it.

    The exit code is 0 only when it Succeeded. What passes, such as throttling, does not end the wait.
    A DURATION is in seconds, or 90s, 30m, 2h, 7d, 1h30m. An approval may hold an execution for 7d.

    How it goes on is shown on stderr: drawn on a terminal, else as a line for each change and one a minute.
    The end is shown on stdout, as get does; the json has no response_metadata. Ctrl-C ends the wait only.
    """

    def follow() -> ExitCode:
        with question.client(clock) as client:
            execution = wait_for_end(client, question.reference, pace, clock)
        return _result(execution, None, output_format)

    return unless_told_to_stop(follow, question.reference)


@commands.command(
    cls=Documented,
    add_help_option=False,
    epilog="""\
codepipeline-client watch web ID
codepipeline-client watch web ID --output json | jq --unbuffered .pipeline_execution.status""",
)
@click.pass_obj
@about_an_execution
@at_a_pace
@help_option
def watch(clock: Clock, question: Question, *, pace: Pace, output_format: Format) -> ExitCode:
    """
    Show each change of the execution ID of the pipeline NAME, until it has ended.

    It is like wait, but each change goes to stdout as it comes: a line, or as json the whole execution in one line.
    It is over early when nobody reads stdout any more.
    """

    def follow() -> ExitCode:
        with question.client(clock) as client:
            return watch_to_end(client, question.reference, pace, clock, in_json=output_format == "json")

    return unless_told_to_stop(follow, question.reference)


@commands.command(add_help_option=False)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    metavar="PORT",
    show_default="any that is free",
    help="Port on 127.0.0.1 to listen on.",
)
@click.option(
    "--region",
    "region_name",
    default="us-east-1",
    show_default=True,
    metavar="NAME",
    help="Region that requests must be signed for.",
)
@help_option
@click.pass_obj
def serve(clock: Clock, *, port: int, region_name: str) -> ExitCode:
    """
    Serve sample executions on this machine, until Ctrl-C.

    A real HTTP endpoint on loopback that checks signatures as AWS does. Any AWS client talks to it once the environment
    is set as this command prints it.
    """
    from ._local import serve_samples

    serve_samples(clock, port=port, region_name=region_name)
    return ExitCode.SUCCEEDED


@commands.command(add_help_option=False)
@help_option
@click.pass_obj
def demo(clock: Clock) -> ExitCode:
    """
    Follow an execution on this machine to its end, in a few seconds.

    By signed calls over real HTTP, with the client that a program would use. Needs no account and no network.
    """
    from ._demo import demonstrate

    demonstrate(clock)
    return ExitCode.SUCCEEDED


def _result(execution: PipelineExecution, metadata: ResponseMetadata | None, output_format: Format) -> ExitCode:
    """Write what a command was asked for, and return the exit code for it."""
    say(as_json(execution, metadata) if output_format == "json" else laid_out(as_rows(execution), width=width()))
    return of_status(execution.status)
