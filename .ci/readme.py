"""Find the commands that the README prints, so that what is tested is what is read."""

from __future__ import annotations

import re


def command_under(heading: str, text: str) -> str:
    """Return the first ``sh`` block under *heading*."""
    # Up to the next heading; a comment in the block itself looks like one, and is not.
    pattern = rf"^#+ {re.escape(heading)}\n(?:(?!#+ )[^\n]*\n)*?```sh\n(.*?)^```$"
    block = re.search(pattern, text, re.MULTILINE | re.DOTALL)
    if not block:
        raise ValueError(f"README.md has no sh block under the heading {heading!r}")
    return block[1]
