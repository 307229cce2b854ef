"""
Which proxy the environment names, by the rules of urllib.request.

Pure: the environment is an argument. Says which variable counts, and never shows what is in it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Final
from urllib.parse import urlsplit

_SCHEMES: Final = frozenset({"http", "https", "socks5", "socks5h"})


def variables(environ: Mapping[str, str]) -> dict[str, str]:
    """Return which variable counts, by the scheme that it is for, as urllib.request chooses: lower case wins."""
    found = {name.lower()[:-6]: name for name, text in environ.items() if text and name.lower().endswith("_proxy")}
    if "REQUEST_METHOD" in environ:
        found.pop("http", None)  # a CGI script's caller can set HTTP_PROXY: https://httpoxy.org
    for name, text in environ.items():
        if name.endswith("_proxy"):
            found.pop(name.lower()[:-6], None)
            if text:
                found[name.lower()[:-6]] = name
    return found


def is_excluded(host: str, no_proxy: str) -> bool:
    """Return whether NO_PROXY names the host or a domain above it, by urllib.request's reading."""
    hosts = (f".{host.lower()}", "." + re.sub(r":[0-9]*$", "", host.lower()))
    domains = [name.strip().lstrip(".").lower() for name in no_proxy.split(",") if name.strip()]
    return no_proxy == "*" or any(each.endswith(f".{domain}") for each in hosts for domain in domains)


def with_scheme(proxy: str) -> str:
    return proxy if "://" in proxy else f"http://{proxy.removeprefix('//')}"


def problem(proxy: str) -> str | None:
    """Return what is wrong with a proxy's URL, in words that do not show it: a password may be in it."""
    with suppress(ValueError):
        parts = urlsplit(with_scheme(proxy))
        if parts.scheme in _SCHEMES and parts.hostname and parts.port != 0 and not re.search(r"[^!-~]", proxy):
            return None
    return "the URL of a proxy is expected, such as http://proxy.example:3128 (the value is not shown)"
