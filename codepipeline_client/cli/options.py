"""
What the commands have in common: options for the call and for the wait, durations, and pages of help.

Knows click. Not what a command does.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, Literal

import click
from attrs import frozen

from .._config.arguments import LONGEST
from ..client import CodePipelineClient
from ..clock import Clock
from ..waiting import PipelineExecutionReference, PollConfig
from .exit_codes import ExitCode
from .output import say

_SECONDS: Final = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
_NUMBER: Final = r"[0-9]+(?:\.[0-9]+)?"
_MAX_POLL_INTERVAL: Final = 30.0


@frozen(kw_only=True)
class ExecutionOptions:
    """What a command was given that reads an execution."""

    pipeline_name: str
    pipeline_execution_id: str
    region_name: str | None
    profile_name: str | None
    endpoint_url: str | None
    output_format: Literal["text", "json"]

    @property
    def reference(self) -> PipelineExecutionReference:
        """The execution."""
        return PipelineExecutionReference(self.pipeline_name, self.pipeline_execution_id)

    def client(self, clock: Clock) -> CodePipelineClient:
        """Return a client for it."""
        return CodePipelineClient(
            region_name=self.region_name, profile_name=self.profile_name, endpoint_url=self.endpoint_url, clock=clock
        )


@frozen(kw_only=True)
class WaitOptions(ExecutionOptions):
    """The same for a command that waits. Durations are in seconds."""

    timeout: float
    poll_interval: float
    max_poll_interval: float | None
    not_found_grace: float

    @property
    def pace(self) -> PollConfig:
        """How long to wait, and how often to poll."""
        longest = self.max_poll_interval or max(self.poll_interval, _MAX_POLL_INTERVAL)
        if longest < self.poll_interval:
            raise click.UsageError("--max-poll-interval must not be below --poll-interval", click.get_current_context())
        return PollConfig(self.timeout, self.poll_interval, longest, self.not_found_grace)


class Command(click.Command):
    """A command whose help ends with examples, which are its epilog, and with the exit codes."""

    def get_help_option(self, ctx: click.Context) -> click.Option:
        """Return an option of our own."""
        return info_option(click.Context.get_help, "-h", "--help", about="Show this message and exit.")

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write both."""
        if self.epilog:
            with formatter.section("Examples"):
                for line in self.epilog.splitlines():
                    formatter.write(f"{'':{formatter.current_indent}}{line}\n")
        with formatter.section("Exit codes"):
            formatter.write_dl([(str(code.value), code.meaning) for code in ExitCode])


class CommandGroup(Command, click.Group):
    """The same for a command of commands."""

    command_class: type[click.Command] | None = Command


def info_option(text: Callable[[click.Context], str], *names: str, about: str) -> click.Option:
    """Return an option that prints *text* and exits. Click's own fail where nobody reads stdout."""

    def show(context: click.Context, _option: click.Parameter, wanted: bool) -> None:
        if wanted and not context.resilient_parsing:
            say(text(context))
            context.exit()

    return click.Option(names, is_flag=True, is_eager=True, expose_value=False, callback=show, help=about)


def seconds(_context: click.Context, option: click.Parameter, given: str | None) -> float | None:
    """Return the seconds that *given* stands for: ``90`` (seconds), ``90s``, ``30m``, ``2h``, ``7d``, ``1h30m``."""
    if given is None:
        return None
    if not re.fullmatch(f"{_NUMBER}|(?:{_NUMBER}[smhd])+", given):
        raise click.BadParameter(f"{given!r} is no span of time: give seconds, or 90s, 30m, 2h, 7d, 1h30m")
    total = sum(float(number) * _SECONDS[unit] for number, unit in re.findall(f"({_NUMBER})([smhd]?)", given))
    may_be_zero = option.name == "not_found_grace"
    if total > LONGEST or (total == 0 and not may_be_zero):
        raise click.BadParameter(f"{given!r} is not {'' if may_be_zero else 'above 0 and '}up to 365d")
    return total


def _duration_option(name: str, about: str, default: str | None, shown_default: str | bool = True) -> click.Option:
    return click.Option(
        [name], metavar="DURATION", default=default, show_default=shown_default, callback=seconds, help=about
    )


EXECUTION_OPTIONS: Final[list[click.Parameter]] = [
    click.Argument(["pipeline_name"], metavar="NAME"),
    click.Argument(["pipeline_execution_id"], metavar="ID"),
    click.Option(["--region", "region_name"], metavar="NAME", help="Region, such as eu-west-1."),
    click.Option(["--profile", "profile_name"], metavar="NAME", help="Profile of the AWS config files."),
    click.Option(["--endpoint-url"], metavar="URL", help="Where to send, in the place of AWS."),
    click.Option(
        ["--output", "output_format"],
        type=click.Choice(["text", "json"]),
        default="text",
        show_default=True,
        help="Lines for a person, or JSON for a program: one object in a line.",
    ),
]
"""What makes an `ExecutionOptions`, in the order of the help."""
WAIT_OPTIONS: Final[list[click.Parameter]] = [
    _duration_option("--timeout", "How long to wait at most.", "1h"),
    _duration_option("--poll-interval", "Until it asks again, at first and after each change.", "2s"),
    _duration_option(
        "--max-poll-interval",
        "The same at most: it asks less often while nothing changes.",
        None,
        "30s, or --poll-interval if longer",
    ),
    _duration_option("--not-found-grace", "How long it may be not found: right after its start, say.", "0"),
]
"""What makes a `WaitOptions` of an `ExecutionOptions`."""
