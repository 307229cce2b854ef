"""
Start the command line: ``codepipeline-client``, or ``python -m codepipeline_client``.

Only this: what it does is in `cli`.
"""

from __future__ import annotations

import sys

from .cli._endings import PROGRAM, ExitCode


def main() -> int:
    """Run the command that the shell was given, and return its exit code."""
    try:
        from .cli._commands import run
    except ModuleNotFoundError as error:
        if error.name != "click":
            raise
        print(f'{PROGRAM}: its command line is not installed: pip install "{PROGRAM}[cli]"', file=sys.stderr)
        return ExitCode.NO_CLICK
    return run()


if __name__ == "__main__":
    sys.exit(main())
