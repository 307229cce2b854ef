"""
Build the URL of an execution's page in the AWS console.

Pure: the console's host follows from the region's name. Whether the page exists is not checked.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote

CONSOLE_HOSTS: Final = {
    "cn-": "console.amazonaws.cn",
    "us-gov-": "console.amazonaws-us-gov.com",
    "eusc-": "console.amazonaws-eusc.eu",
    "": "console.aws.amazon.com",
}
"""By the prefix of the region's name. In a URL, a region's name and other labels may precede the host."""


def execution_page(region_name: str | None, pipeline_name: str, pipeline_execution_id: str) -> str | None:
    """Return the page's URL. None without a region, in an isolated partition, and for names that no URL can hold."""
    region = (region_name or "").lower()
    names = (pipeline_name, pipeline_execution_id)
    if not re.fullmatch("(?!us-iso|eu-iso)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", region) or {*names} & {"", ".", ".."}:
        return None
    host = next(host for prefix, host in CONSOLE_HOSTS.items() if region.startswith(prefix))
    pipeline, execution = (quote(name, safe="", errors="replace") for name in names)
    page = f"codesuite/codepipeline/pipelines/{pipeline}/executions/{execution}/visualization"
    return f"https://{region}.{host}/{page}?region={region}"
