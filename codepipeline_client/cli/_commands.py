"""
The commands: their arguments, and in what order each does what.

What they print is in `_view`, how they end in `_endings`. A command returns its exit code, and raises what went wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Literal, TypeVar

import click

from .._clock import Clock
from .._pauses import SystemClock
from .._user_agent import __version__
from ..client import CodePipelineClient
from ..errors import CodePipelineError
from ._endings import PROGRAM, ExitCode, of_error, of_status
from ._terminal import complain, explain, prepared, say, width
from ._view import as_json, as_rows, laid_out

Command = Callable[..., ExitCode]
Function = TypeVar("Function", bound=Callable[..., object])
Format = Literal["text", "json"]

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


class _Documented(click.Command):
    """A command whose help ends with examples, which stand in its epilog, and with the exit codes."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Examples"):
            for line in (self.epilog or "").splitlines():
                formatter.write(f"{'':{formatter.current_indent}}{line}\n")
        with formatter.section("Exit codes"):
            formatter.write_dl([(str(code.value), code.meaning) for code in ExitCode])


class _DocumentedGroup(_Documented, click.Group):
    """The same for a command of commands."""


def _shows(text: Callable[[click.Context], str], *names: str, about: str) -> Callable[[Function], Function]:
    """Add an option that shows *text* and ends. Click's own write to stdout without minding how that goes."""

    def show(context: click.Context, _option: click.Parameter, wanted: bool) -> None:
        if wanted and not context.resilient_parsing:
            say(text(context))
            context.exit()

    return click.option(*names, is_flag=True, is_eager=True, expose_value=False, callback=show, help=about)


_help_option = _shows(click.Context.get_help, "-h", "--help", about="Show this message and exit.")


@click.group(
    cls=_DocumentedGroup,
    invoke_without_command=True,
    add_help_option=False,
    epilog="codepipeline-client demo\ncodepipeline-client get web ID --region eu-west-1",
)
@_shows(lambda _: f"{PROGRAM} {__version__}", "--version", about="Show the version and exit.")
@_help_option
@click.pass_context
def commands(context: click.Context) -> None:
    """Read executions of AWS CodePipeline."""
    if context.invoked_subcommand is None:
        explain(context.get_help())
        context.exit(ExitCode.USAGE)


def _about_an_execution(command: Command) -> Command:
    """Add what every command needs that asks about one execution: which one, where, and how to show it."""
    for decorate in (
        click.option(
            "--output",
            "output_format",
            type=click.Choice(["text", "json"]),
            default="text",
            show_default=True,
            help="Lines for a person, or one JSON object for a program.",
        ),
        click.option("--endpoint-url", metavar="URL", help="Where to send, in the place of AWS."),
        click.option("--profile", "profile_name", metavar="NAME", help="Profile of the AWS config files."),
        click.option("--region", "region_name", metavar="NAME", help="Region, such as eu-west-1."),
        click.argument("pipeline_execution_id", metavar="ID"),
        click.argument("pipeline_name", metavar="NAME"),
    ):
        command = decorate(command)
    return command


@commands.command(
    cls=_Documented,
    add_help_option=False,
    epilog="""\
codepipeline-client get web ID
codepipeline-client get web ID --profile work --output json
codepipeline-client get web ID && echo it went live""",
)
@_about_an_execution
@_help_option
@click.pass_obj
def get(
    clock: Clock,
    *,
    pipeline_name: str,
    pipeline_execution_id: str,
    region_name: str | None,
    profile_name: str | None,
    endpoint_url: str | None,
    output_format: Format,
) -> ExitCode:
    """
    Show the execution ID of the pipeline NAME as it is now.

    Region, profile, endpoint and credentials that are not given are found as the AWS CLI finds them.
    The exit code is 0 only when the execution Succeeded.

    As json it is one object in one line: pipeline_execution with its fields as in Python, created in ISO 8601 and UTC,
    and response_metadata with request_id, http_status_code and attempts.
    """
    with CodePipelineClient(
        region_name=region_name, profile_name=profile_name, endpoint_url=endpoint_url, clock=clock
    ) as client:
        output = client.get_pipeline_execution(pipeline_name=pipeline_name, pipeline_execution_id=pipeline_execution_id)
    say(as_json(output) if output_format == "json" else laid_out(as_rows(output.pipeline_execution), width=width()))
    return of_status(output.pipeline_execution.status)


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
@_help_option
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
@_help_option
@click.pass_obj
def demo(clock: Clock) -> ExitCode:
    """
    Make one signed call to an endpoint on this machine.

    Over real HTTP, with the client that a program would use. Needs no account and no network.
    """
    from ._local import demonstrate

    demonstrate(clock)
    return ExitCode.SUCCEEDED
