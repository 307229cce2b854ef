"""
Choose the proxy that the environment names, by the rules of urllib.request.

Pure: the environment is an argument. No message shows a proxy's URL, which may hold a password.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Final
from urllib.parse import urlsplit

_SCHEMES: Final = frozenset({"http", "https", "socks5", "socks5h"})


def variable_for(scheme: str, host: str, environ: Mapping[str, str]) -> str | None:
    """Return the name of the variable with the proxy for a URL. None for no proxy, and for a host of NO_PROXY."""
    names = _variables(environ)
    name = names.get(scheme) or names.get("all")
    return None if name is None or _is_excluded(host, environ.get(names.get("no", ""), "")) else name


def with_scheme(proxy: str) -> str:
    """Return a proxy's URL, with http as the scheme that it may lack."""
    return proxy if "://" in proxy else f"http://{proxy.removeprefix('//')}"


def problem(proxy: str) -> str | None:
    """Return what is wrong with a proxy's URL. None for a valid one."""
    with suppress(ValueError):
        parts = urlsplit(with_scheme(proxy))
        if parts.scheme in _SCHEMES and parts.hostname and parts.port != 0 and not re.search(r"[^!-~]", proxy):
            return None
    return "the URL of a proxy is expected, such as http://proxy.example:3128 (the value is not shown)"


def _variables(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the name of the variable that counts for each scheme: lower case comes before upper case."""
    found = {name.lower()[:-6]: name for name, text in environ.items() if text and name.lower().endswith("_proxy")}
    if "REQUEST_METHOD" in environ:
        found.pop("http", None)  # a CGI script's caller can set HTTP_PROXY: https://httpoxy.org
    for name, text in environ.items():
        if name.endswith("_proxy"):
            found.pop(name.lower()[:-6], None)
            if text:
                found[name.lower()[:-6]] = name
    return found


def _is_excluded(host: str, no_proxy: str) -> bool:
    """Return whether NO_PROXY names the host or a domain above it."""
    hosts = (f".{host.lower()}", "." + re.sub(r":[0-9]*$", "", host.lower()))
    domains = [name.strip().lstrip(".").lower() for name in no_proxy.split(",") if name.strip()]
    return no_proxy == "*" or any(each.endswith(f".{domain}") for each in hosts for domain in domains)
