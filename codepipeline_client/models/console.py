"""
Build the URL of an execution's page in the AWS console.

Pure: the console's host follows from the region's name. Whether the page exists is not checked.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

_COMMERCIAL: Final = "console.aws.amazon.com"
_OTHER_PARTITIONS: Final[Mapping[str, str | None]] = {
    "cn-": "console.amazonaws.cn",
    "us-gov-": "console.amazonaws-us-gov.com",
    "eusc-": "console.amazonaws-eusc.eu",
    "us-iso": None,
    "eu-iso": None,
}
"""By the prefix of the region's name. None for the isolated partitions, whose consoles have no published address."""

CONSOLE_HOSTS: Final = (_COMMERCIAL, *filter(None, _OTHER_PARTITIONS.values()))
"""The hosts of all consoles. A region's name, and other labels, may precede them."""

_REGION: Final = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_DOT_SEGMENTS: Final = {"", ".", ".."}
"""What a browser removes from a path, so that the URL would be another page's."""


def execution_page(region_name: str | None, pipeline_name: str, pipeline_execution_id: str) -> str | None:
    """Return the page's URL. None without a region, in an isolated partition, and for names that no URL can hold."""
    region = (region_name or "").lower()
    host = next((host for prefix, host in _OTHER_PARTITIONS.items() if region.startswith(prefix)), _COMMERCIAL)
    if host is None or not re.fullmatch(_REGION, region) or {pipeline_name, pipeline_execution_id} & _DOT_SEGMENTS:
        return None
    pipeline, execution = (quote(name, safe="", errors="replace") for name in (pipeline_name, pipeline_execution_id))
    page = f"codesuite/codepipeline/pipelines/{pipeline}/executions/{execution}/visualization"
    return f"https://{region}.{host}/{page}?region={region}"
