"""
The options that several commands share, and what becomes of them.

A command gets a `Question` in the place of the options that say what is asked where, and a `Pace` in the place of
those that say how long and how often.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Final, Literal

import click
from attrs import frozen

from .._clock import Clock
from ..client import CodePipelineClient
from ..waiting import Pace, PipelineExecutionReference
from ._durations import duration
from ._endings import ExitCode

Command = Callable[..., ExitCode]
Format = Literal["text", "json"]

_LEAST_MAX: Final = 30.0


@frozen
class Question:
    """Which execution, and where to ask."""

    reference: PipelineExecutionReference
    region_name: str | None
    profile_name: str | None
    endpoint_url: str | None

    def client(self, clock: Clock) -> CodePipelineClient:
        """Return a client that asks there."""
        return CodePipelineClient(
            region_name=self.region_name, profile_name=self.profile_name, endpoint_url=self.endpoint_url, clock=clock
        )


def about_an_execution(command: Command) -> Command:
    """Add what every command needs that asks about one execution: which one, where, and how to show it."""

    @wraps(command)
    def asked(
        clock: Clock,
        *,
        pipeline_name: str,
        pipeline_execution_id: str,
        region_name: str | None,
        profile_name: str | None,
        endpoint_url: str | None,
        **others: Any,  # the other options are the command's
    ) -> ExitCode:
        reference = PipelineExecutionReference(pipeline_name, pipeline_execution_id)
        return command(clock, Question(reference, region_name, profile_name, endpoint_url), **others)

    return _with(
        asked,
        click.argument("pipeline_name", metavar="NAME"),
        click.argument("pipeline_execution_id", metavar="ID"),
        click.option("--region", "region_name", metavar="NAME", help="Region, such as eu-west-1."),
        click.option("--profile", "profile_name", metavar="NAME", help="Profile of the AWS config files."),
        click.option("--endpoint-url", metavar="URL", help="Where to send, in the place of AWS."),
        click.option(
            "--output",
            "output_format",
            type=click.Choice(["text", "json"]),
            default="text",
            show_default=True,
            help="Lines for a person, or JSON for a program: one object in a line.",
        ),
    )


def at_a_pace(command: Command) -> Command:
    """Add what every command needs that waits: how long, and how often it asks."""

    @wraps(command)
    def paced(
        *others: Any,  # what the command is given before its options
        timeout: float,
        poll_interval: float,
        max_poll_interval: float | None,
        not_found_grace: float,
        **options: Any,  # the other options are the command's
    ) -> ExitCode:
        longest = max(poll_interval, _LEAST_MAX) if max_poll_interval is None else max_poll_interval
        if longest < poll_interval:
            raise click.UsageError("--max-poll-interval must not be below --poll-interval", click.get_current_context())
        pace = Pace(
            timeout=timeout, poll_interval=poll_interval, max_poll_interval=longest, not_found_grace=not_found_grace
        )
        return command(*others, pace=pace, **options)

    return _with(
        paced,
        _span("--timeout", "1h", "How long to wait at most."),
        _span("--poll-interval", "2s", "Until it asks again, at first and after each change."),
        _span(
            "--max-poll-interval",
            None,
            "The same at most: it asks less often while nothing changes.",
            shown_default="30s, or --poll-interval if longer",
        ),
        _span("--not-found-grace", "0", "How long it may be not found: right after its start, say.", may_be_zero=True),
    )


def _span(
    name: str, default: str | None, about: str, *, may_be_zero: bool = False, shown_default: str | None = None
) -> Callable[[Command], Command]:
    """Return an option that is a span of time. None stays None."""

    def convert(_context: click.Context, _option: click.Parameter, given: str | None) -> float | None:
        try:
            return None if given is None else duration(given, may_be_zero=may_be_zero)
        except ValueError as error:
            raise click.BadParameter(str(error)) from error

    return click.option(
        name, metavar="DURATION", default=default, show_default=shown_default or True, callback=convert, help=about
    )


def _with(command: Command, *parameters: Callable[[Command], Command]) -> Command:
    """Return *command* with *parameters*, in the order in which help lists them."""
    for add in reversed(parameters):
        command = add(command)
    return command
