"""Build the User-Agent header in the form of the AWS SDKs. The version of this package is here alone."""

from __future__ import annotations

import platform
import re
from typing import Final

__version__ = "0.2.0"

_NOT_IN_NAME: Final = re.compile(r"[^A-Za-z0-9!$%&'*+.^_`|~,-]")
_NOT_IN_VALUE: Final = re.compile(r"[^A-Za-z0-9!$%&'*+.^_`|~,#-]")
_SYSTEMS: Final = frozenset({"windows", "linux", "macos", "android", "ios", "watchos", "tvos", "other"})


def user_agent(app_id: str | None = None) -> str:
    """Return the header's value; *app_id* is the user's name for the application."""
    system, release, machine = platform.system(), platform.release(), platform.machine()
    family = system.lower().replace("darwin", "macos")
    is_known = family in _SYSTEMS
    parts = [
        f"codepipeline-client/{__version__}",
        "ua/2.1",
        _part("os", family, release) if is_known else "os/other",
        _part("md", system, release) if system and not is_known else "",
        _part("md", "arch", machine.lower()) if machine else "",
        _part("lang", "python", platform.python_version()),
        _part("md", "pyimpl", platform.python_implementation()),
        f"app/{_NOT_IN_VALUE.sub('-', app_id)}" if app_id else "",
    ]
    return " ".join(filter(None, parts))


def _part(kind: str, name: str, value: str) -> str:
    named = f"{kind}/{_NOT_IN_NAME.sub('-', name)}"
    return f"{named}#{_NOT_IN_VALUE.sub('-', value)}" if value else named
