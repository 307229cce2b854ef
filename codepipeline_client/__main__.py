"""
Start the command line: ``codepipeline-client``, or ``python -m codepipeline_client``.

What it does is in `cli`.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec

from .cli.exit_codes import PROGRAM, ExitCode


def main() -> int:
    """Run the command that the shell was given, and return its exit code."""
    if find_spec("click") is None or find_spec("rich") is None:  # rich is imported only where something is drawn
        print(f'{PROGRAM}: the command line is not installed; run pip install "{PROGRAM}[cli]"', file=sys.stderr)
        return ExitCode.NOT_INSTALLED
    from .cli.commands import run

    return run()


if __name__ == "__main__":
    sys.exit(main())
