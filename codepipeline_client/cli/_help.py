"""
How help looks: examples and exit codes at its end, and options that show something and end.

Knows click and nothing of what the commands do.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import click

from ._endings import ExitCode
from ._terminal import say

Function = TypeVar("Function", bound=Callable[..., object])


class Documented(click.Command):
    """A command whose help ends with examples, which stand in its epilog, and with the exit codes."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write both."""
        with formatter.section("Examples"):
            for line in (self.epilog or "").splitlines():
                formatter.write(f"{'':{formatter.current_indent}}{line}\n")
        with formatter.section("Exit codes"):
            formatter.write_dl([(str(code.value), code.meaning) for code in ExitCode])


class DocumentedGroup(Documented, click.Group):
    """The same for a command of commands."""


def shows(text: Callable[[click.Context], str], *names: str, about: str) -> Callable[[Function], Function]:
    """Add an option that shows *text* and ends. Click's own write to stdout without minding how that goes."""

    def show(context: click.Context, _option: click.Parameter, wanted: bool) -> None:
        if wanted and not context.resilient_parsing:
            say(text(context))
            context.exit()

    return click.option(*names, is_flag=True, is_eager=True, expose_value=False, callback=show, help=about)


help_option = shows(click.Context.get_help, "-h", "--help", about="Show this message and exit.")
