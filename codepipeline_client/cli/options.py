"""
What the commands have in common: options for the call and for the wait, durations, and pages of help.

Knows click. Not what a command does.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from functools import partial
from typing import Final

import click

from .._config.arguments import LONGEST
from ..errors import printable
from ..models import PipelineExecutionStatus
from ..waiting import STARTED_GRACE
from .exit_codes import ExitCode
from .output import explain, say, timestamp

_SECONDS: Final = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
_NUMBER: Final = r"[0-9]+(?:\.[0-9]+)?"


class Command(click.Command):
    """A command whose help ends with examples, which are its epilog, and with the exit codes."""

    def get_help_option(self, ctx: click.Context) -> click.Option:
        """Return an option that also works where nobody reads stdout."""
        return info_option(click.Context.get_help, "-h", "--help", about="Show this message and exit.")

    def get_short_help_str(self, limit: int = 0) -> str:
        """Return the whole first sentence, which click would cut."""
        return super().get_short_help_str(limit=1000)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write both."""
        if self.epilog:
            with formatter.section("Examples"):
                for line in self.epilog.splitlines():
                    formatter.write(f"{'':{formatter.current_indent}}{line}\n")
        with formatter.section("Exit codes"):
            formatter.write_dl([(str(code.value), code.meaning) for code in ExitCode])


def info_option(text: Callable[[click.Context], str], *names: str, about: str) -> click.Option:
    """Return an option that prints *text* and exits. Click's own fail where nobody reads stdout."""

    def show(context: click.Context, _option: click.Parameter, wanted: bool) -> None:
        if wanted and not context.resilient_parsing:
            say(text(context))
            context.exit()

    return click.Option(names, is_flag=True, is_eager=True, expose_value=False, callback=show, help=about)


def seconds(context: click.Context, option: click.Parameter, given: str | None) -> float:
    """Return the seconds that *given* stands for: ``90`` (seconds), ``90s``, ``30m``, ``2h``, ``7d``, ``1h30m``."""
    poll_interval: float = context.params.get("poll_interval", 0.0)
    if given is None:  # only --max-poll-interval has no default of its own
        return max(poll_interval, 30.0)
    if not re.fullmatch(f"{_NUMBER}|(?:{_NUMBER}[smhd])+", given):
        raise click.BadParameter(f"{given!r} is not a duration: give seconds, or 90s, 30m, 2h, 7d, 1h30m")
    total = sum(float(number) * _SECONDS[unit] for number, unit in re.findall(f"({_NUMBER})([smhd]?)", given))
    may_be_zero = option.name == "not_found_grace"
    if total > LONGEST or (total == 0 and not may_be_zero):
        raise click.BadParameter(f"{given!r} must be {'' if may_be_zero else 'above 0 and '}at most 365d")
    if option.name == "max_poll_interval" and total < poll_interval:
        raise click.UsageError("--max-poll-interval must not be below --poll-interval", context)
    return total


def _variables(_context: click.Context, _option: click.Parameter, given: tuple[str, ...]) -> dict[str, str]:
    if wrong := [each for each in given if "=" not in each]:
        raise click.BadParameter(f"{wrong[0]!r} is not NAME=VALUE")
    found = dict(each.split("=", 1) for each in given)
    if len(found) < len(given):
        raise click.BadParameter("each name can be given once")
    return found


class _StderrHandler(logging.Handler):
    """Writes to stderr as it is at the time, since rich replaces it."""

    def emit(self, record: logging.LogRecord) -> None:
        explain(f"{timestamp(record.created)}  {record.levelname}  {printable(record.getMessage())}")


def _show_log(context: click.Context, _option: click.Parameter, wanted: bool) -> None:
    if wanted:
        logger, handler = logging.getLogger("codepipeline_client"), _StderrHandler()
        context.call_on_close(partial(logger.setLevel, logger.level))
        context.call_on_close(partial(logger.removeHandler, handler))
        logger.addHandler(handler)
        logger.setLevel(logging.DEBUG)


_duration = partial(click.Option, metavar="DURATION", callback=seconds)
_grace = partial(
    _duration, ["--not-found-grace"], help='How long "not found" is ignored, for an execution that was just started.'
)
EXECUTION_OPTIONS: Final[list[click.Parameter]] = [
    click.Argument(["pipeline_name"], metavar="NAME"),
    click.Argument(["pipeline_execution_id"], metavar="[ID]", required=False),
    click.Option(["--region", "region_name"], metavar="NAME", help="Region, such as eu-west-1."),
    click.Option(["--profile", "profile_name"], metavar="NAME", help="Profile of the AWS config files."),
    click.Option(["--endpoint-url"], metavar="URL", help="Endpoint to use instead of AWS."),
    click.Option(
        ["--output", "output_format"],
        type=click.Choice(["text", "json"]),
        default="text",
        help="Text to read, or JSON: one object per line.",
    ),
    click.Option(
        ["--ok"],
        type=click.Choice([status.value for status in PipelineExecutionStatus], case_sensitive=False),
        multiple=True,
        metavar="STATUS",
        help="Exit with 0 for this status too, such as Superseded. Can be repeated.",
    ),
    click.Option(
        ["--debug"], is_flag=True, expose_value=False, callback=_show_log, help="Log requests and retries to stderr."
    ),
]
"""Which execution, where it is, and how to show it, in the order of the help."""
WAIT_OPTIONS: Final[list[click.Parameter]] = [
    _duration(["--timeout"], default="1h", help="Maximum time to wait."),
    _duration(  # eager, since its value is needed for the next option's
        ["--poll-interval"], default="2s", is_eager=True, help="Initial poll interval, also used after each change."
    ),
    _duration(
        ["--max-poll-interval"],
        show_default="30s, or --poll-interval if longer",
        help="Maximum poll interval: intervals grow while nothing changes.",
    ),
    _grace(default="0"),
]
"""How long to wait and how often to poll, by the names of the client's arguments."""
START_OPTIONS: Final[list[click.Parameter]] = [
    *[each for each in EXECUTION_OPTIONS if each.name != "pipeline_execution_id"],
    click.Option(
        ["--variable", "variables"],
        metavar="NAME=VALUE",
        multiple=True,
        callback=_variables,
        help="A pipeline variable's value. Can be repeated.",
    ),
    click.Option(["--wait", "waits"], is_flag=True, help="Wait for the end, as wait does."),
    *WAIT_OPTIONS[:-1],
    _grace(default=f"{STARTED_GRACE:.0f}s"),
]
LIST_OPTIONS: Final[list[click.Parameter]] = [
    *[each for each in EXECUTION_OPTIONS if each.name not in ("pipeline_execution_id", "ok")],
    click.Option(["--limit"], type=click.IntRange(1), default=20, metavar="NUMBER", help="How many at most."),
]
