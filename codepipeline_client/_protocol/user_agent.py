"""
Build the User-Agent header in the form of the AWS SDKs.

The version of this package is here alone. The header tells no more of the machine than its kind.
"""

from __future__ import annotations

import platform
from functools import cache
from string import ascii_letters, digits
from typing import Final

__version__ = "0.1.0"

_IN_NAME: Final = frozenset(ascii_letters + digits + "!$%&'*+-.^_`|~,")
_IN_VALUE: Final = _IN_NAME | {"#"}
_SYSTEMS: Final = {
    **{name: name for name in ("windows", "linux", "macos", "android", "ios", "watchos", "tvos", "other")},
    "darwin": "macos",
}


def user_agent(app_id: str | None = None) -> str:
    """Return the header's value; *app_id* is the user's name for the application."""
    return f"{_this_machine()} app/{_clean(app_id, _IN_VALUE)}" if app_id else _this_machine()


def compose(*, system: str, release: str, machine: str, python: str, implementation: str) -> str:
    """Return the part that is the same for all requests; an empty argument is unknown."""
    family = _SYSTEMS.get(system.lower())
    parts = [f"codepipeline-client/{__version__}", "ua/2.1", _part("os", family, release) if family else "os/other"]
    if system and not family:
        parts.append(_part("md", system, release))
    if machine:
        parts.append(_part("md", "arch", machine.lower()))
    parts.append(_part("lang", "python", python))
    if implementation:
        parts.append(_part("md", "pyimpl", implementation))
    return " ".join(parts)


@cache
def _this_machine() -> str:
    return compose(
        system=platform.system(),
        release=platform.release(),
        machine=platform.machine(),
        python=platform.python_version(),
        implementation=platform.python_implementation(),
    )


def _part(kind: str, name: str, value: str) -> str:
    named = f"{kind}/{_clean(name, _IN_NAME)}"
    return f"{named}#{_clean(value, _IN_VALUE)}" if value else named


def _clean(text: str, allowed: frozenset[str]) -> str:
    """Return *text* with a hyphen for each character that is not *allowed*."""
    return "".join(letter if letter in allowed else "-" for letter in text)
