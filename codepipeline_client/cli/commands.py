"""The commands: what each does, in which order. A command returns its exit code, and raises what went wrong."""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Sequence
from io import TextIOWrapper
from itertools import islice
from typing import Any, TextIO

import click
from click.core import ParameterSource

from .._protocol.user_agent import __version__
from ..clock import Clock, SystemClock
from ..errors import CodePipelineError, ServiceError
from .exit_codes import PROGRAM, ExitCode, of_error, of_status
from .options import EXECUTION_OPTIONS, LIST_OPTIONS, START_OPTIONS, WAIT_OPTIONS, Command, info_option
from .output import as_json, as_table, complain, explain, rows_of, say, summary_line, timestamp, width
from .progress import FollowingClient, wait, watch


def run(args: Sequence[str] | None = None, *, clock: Clock | None = None) -> int:
    """Run the command of *args* (None for the shell's), report an error, and return the exit code."""

    def show_warning(message: Warning | str, *_: object, **__: object) -> None:
        complain(f"warning: {message}")

    stdout: TextIO | None = sys.stdout
    columns = width(stdout)
    if isinstance(stdout, TextIOWrapper):  # so that any text can be written to it
        stdout.reconfigure(errors="backslashreplace")
    warnings.showwarning = show_warning
    try:
        code: int | None = commands.main(
            args,
            prog_name=PROGRAM,
            standalone_mode=False,
            windows_expand_args=False,  # the arguments are no files
            obj=clock or SystemClock(),
            terminal_width=columns and max(min(columns, 80) - 2, 20),  # click itself knows no terminal below 52
        )
    except CodePipelineError as error:
        code, message, hint = of_error(error)
        complain(message, hint)
    except click.UsageError as error:
        code = ExitCode.USAGE
        complain(error.format_message().rstrip("."), f"see {error.ctx.command_path if error.ctx else PROGRAM} --help")
    except click.Abort:
        code = ExitCode.INTERRUPTED
    return code or ExitCode.SUCCEEDED


class _ClientCommand(Command):
    """A command that is given a client made from options, and the latest execution's id if it needs one."""

    def invoke(self, ctx: click.Context) -> Any:
        options = ctx.params
        settings = {name: options.pop(name) for name in ("region_name", "profile_name", "endpoint_url")}
        options["in_json"] = options.pop("output_format") == "json"
        with FollowingClient(clock=ctx.obj, **settings) as client:
            options["client"] = client
            if options.get("pipeline_execution_id", "") is None:
                options["pipeline_execution_id"] = _latest_id(client, options["pipeline_name"])
            return super().invoke(ctx)


class _Commands(Command, click.Group):
    command_class: type[click.Command] | None = _ClientCommand


@click.group(
    cls=_Commands,
    invoke_without_command=True,
    context_settings={"show_default": True},
    params=[info_option(lambda _: f"{PROGRAM} {__version__}", "-V", "--version", about="Show the version and exit.")],
    epilog="codepipeline-client demo\ncodepipeline-client get web ID --region eu-west-1",
)
@click.pass_context
def commands(context: click.Context) -> None:
    """Read, follow and start executions of AWS CodePipeline."""
    if context.invoked_subcommand is None:
        explain(context.get_help())
        context.exit(ExitCode.USAGE)


@commands.command(
    params=EXECUTION_OPTIONS,
    epilog="""\
codepipeline-client get web
codepipeline-client get web ID
codepipeline-client get web ID --profile work --output json
codepipeline-client get web ID && echo it went live""",
)
def get(client: FollowingClient, *, in_json: bool, ok: Sequence[str], **options: Any) -> ExitCode:
    """
    Show an execution of a pipeline as it is now.

    NAME is the name of the pipeline, and ID the id of the execution: the latest one by default.
    Region, profile, endpoint and credentials default to those that the AWS CLI would use.
    The exit code is 0 only when the execution Succeeded, or has a status that --ok names.

    The JSON is one object on one line. It has pipeline_execution, with console_url and the same fields as in Python,
    and response_metadata, with request_id, http_status_code and attempts. Each revision also has commit_id,
    commit_message, repository and commit_url. Times are ISO 8601 in UTC.
    """
    output = client.get_pipeline_execution(**options)
    execution, metadata = output.pipeline_execution, output.response_metadata.to_dict()
    say(as_json(execution, response_metadata=metadata) if in_json else as_table(rows_of(execution)))
    return of_status(execution.status, ok)


commands.command(
    params=EXECUTION_OPTIONS + WAIT_OPTIONS,
    epilog="""\
codepipeline-client wait web
codepipeline-client wait web ID
codepipeline-client wait web ID --timeout 7d --poll-interval 1m
codepipeline-client wait web ID && ./announce
codepipeline-client wait web ID --output json | jq .pipeline_execution.status""",
)(wait)

commands.command(
    params=EXECUTION_OPTIONS + WAIT_OPTIONS,
    epilog="""\
codepipeline-client watch web
codepipeline-client watch web ID --output json | jq --unbuffered .pipeline_execution.status""",
)(watch)


@commands.command(
    params=START_OPTIONS,
    epilog="""\
codepipeline-client start web
codepipeline-client start web --variable STAGE=live --wait""",
)
def start(client: FollowingClient, *, variables: dict[str, str], waits: bool, **options: Any) -> ExitCode:
    """
    Start an execution of the pipeline NAME, and show its id.

    With --wait it is shown on stderr, and the rest is as for wait.
    """
    name = options["pipeline_name"]
    context = click.get_current_context()
    for option in () if waits else ("ok", "timeout", "poll_interval", "max_poll_interval", "not_found_grace"):
        if context.get_parameter_source(option) is ParameterSource.COMMANDLINE:
            raise click.UsageError(f"--{option.replace('_', '-')} needs --wait", context)
    try:
        started = client.start_pipeline_execution(pipeline_name=name, variables=variables)
    except (CodePipelineError, KeyboardInterrupt) as error:
        attempts = 1 if isinstance(error, KeyboardInterrupt) else error.attempts
        is_refused = isinstance(error, ServiceError) and error.fault == "client"
        if attempts > 1 or (attempts == 1 and not is_refused):
            complain(f"the execution may have started: see {PROGRAM} list {name}")
        raise
    execution_id = started.pipeline_execution_id
    if waits:
        complain(f"started execution {execution_id}")
        return wait(client, pipeline_execution_id=execution_id, **options)
    which = {"pipeline_name": started.pipeline_name, "pipeline_execution_id": execution_id}
    say(json.dumps(which) if options["in_json"] else execution_id)
    return ExitCode.SUCCEEDED


@commands.command("list", params=LIST_OPTIONS, epilog="codepipeline-client list web --limit 5")
def list_executions(client: FollowingClient, *, in_json: bool, limit: int, **options: Any) -> ExitCode:
    """
    List the executions of the pipeline NAME, newest first.

    A line for each: its id, status, start, trigger and revisions, or as json all that is known of it.
    """
    for each in islice(client.iter_pipeline_executions(**options), limit):
        if not say(json.dumps(each.to_dict()) if in_json else summary_line(each)):
            break
    return ExitCode.SUCCEEDED


@commands.command(cls=Command)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    metavar="PORT",
    show_default="any that is free",
    help="Port on 127.0.0.1 to listen on.",
)
@click.option(
    "--region", "region_name", default="us-east-1", metavar="NAME", help="Region that requests must be signed for."
)
@click.pass_obj
def serve(clock: Clock, *, port: int, region_name: str) -> None:
    """
    Serve sample executions on this machine, until Ctrl-C.

    A real HTTP endpoint on loopback that checks signatures as AWS does. Set the environment variables that this command
    prints, and any AWS client uses it.
    """
    from .local import serve_samples

    serve_samples(clock, port=port, region_name=region_name)


@commands.command(cls=Command)
@click.pass_obj
def demo(clock: Clock) -> None:
    """
    Start and follow a sample execution on this machine in a few seconds.

    The client sends signed requests over real HTTP, as it does in your program. Needs no account and no network.
    """
    from .local import demonstrate

    demonstrate(clock)


def _latest_id(client: FollowingClient, pipeline_name: str) -> str:
    latest = client.latest_pipeline_execution(pipeline_name=pipeline_name)
    if latest is None:
        complain(f"pipeline {pipeline_name} has no executions", "start one")
        raise click.exceptions.Exit(ExitCode.NOT_FOUND)
    started = "" if latest.start_time is None else f", started {timestamp(latest.start_time.timestamp())}"
    trigger = f" by {latest.trigger.trigger_type}" if latest.trigger and latest.trigger.trigger_type else ""
    complain(f"the latest execution is {latest.pipeline_execution_id}{started}{trigger}")
    return latest.pipeline_execution_id
