"""The kinds of event loops that the clients run on."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any, Final

LOOPS: Final[Mapping[str, Mapping[str, Any]]] = {
    "asyncio": {"backend": "asyncio"},
    "trio": {"backend": "trio"},
    **({"uvloop": {"backend": "asyncio", "backend_options": {"use_uvloop": True}}} if find_spec("uvloop") else {}),
}
"""The arguments that have anyio run on each. There is no uvloop on Windows."""
