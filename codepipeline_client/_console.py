"""
The address of the AWS console's page about an execution.

Knows the consoles' hosts, and by a region's name whose it is. Whether the page is there only AWS knows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

_COMMERCIAL: Final = "console.aws.amazon.com"
_ELSEWHERE: Final[Mapping[str, str | None]] = {
    "cn-": "console.amazonaws.cn",
    "us-gov-": "console.amazonaws-us-gov.com",
    "eusc-": "console.amazonaws-eusc.eu",
    "us-iso": None,
    "eu-iso": None,
}
"""By how a region's name begins. None for the isolated partitions, whose consoles have no published address."""

CONSOLE_HOSTS: Final = (_COMMERCIAL, *filter(None, _ELSEWHERE.values()))
"""Every console's host. A region's own name, and other labels, may stand before it."""

_REGION: Final = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_NO_PLACE: Final = ("", ".", "..")
"""What a browser would take out of a path, so that the address would be another page's."""


def execution_page(region_name: str | None, pipeline_name: str, pipeline_execution_id: str) -> str | None:
    """Return the page's address. None where none is known: no region, an isolated one, or a name of no page."""
    region = (region_name or "").lower()
    host = next((host for prefix, host in _ELSEWHERE.items() if region.startswith(prefix)), _COMMERCIAL)
    if host is None or not re.fullmatch(_REGION, region) or {pipeline_name, pipeline_execution_id} & {*_NO_PLACE}:
        return None
    pipeline, execution = (quote(name, safe="", errors="replace") for name in (pipeline_name, pipeline_execution_id))
    page = f"codesuite/codepipeline/pipelines/{pipeline}/executions/{execution}/visualization"
    return f"https://{region}.{host}/{page}?region={region}"
