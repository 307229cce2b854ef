"""
Choose the proxy that the environment names, by the rules of urllib.request.

Pure: the environment is an argument. No message shows a proxy's URL, which may hold a password.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from ..errors import ConfigurationError
from .sources import SecretText

_SCHEMES: Final = frozenset({"http", "https", "socks5", "socks5h"})


def variable_for(scheme: str, host: str, environ: Mapping[str, str]) -> str | None:
    """Return the name of the variable with the proxy for a URL. None for no proxy, and for a host of NO_PROXY."""
    no_proxy = _variable("no", environ)
    if no_proxy is not None and _is_excluded(host.lower(), environ[no_proxy]):
        return None
    return _variable(scheme, environ) or _variable("all", environ)


def parse(proxy: str, called: str) -> str:
    """Return a proxy's URL, with http as the scheme that it may lack. A ConfigurationError says what it is *called*."""
    url = SecretText(proxy if "://" in proxy else f"http://{proxy.removeprefix('//')}")
    if not _is_valid(url):
        raise ConfigurationError(
            f"{called} cannot be used: the URL of a proxy is expected, such as http://proxy.example:3128 "
            "(the value is not shown)"
        )
    return url


def _is_valid(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in _SCHEMES and bool(parts.hostname) and parts.port != 0 and not re.search("[^!-~]", url)
    except ValueError:
        return False


def _variable(kind: str, environ: Mapping[str, str]) -> str | None:
    """Return the variable that counts: the one in lower case, also if it is empty, before the one in upper case."""
    name = f"{kind}_proxy"
    if name not in environ:
        if kind == "http" and "REQUEST_METHOD" in environ:
            return None  # a CGI script's caller can set HTTP_PROXY: https://httpoxy.org
        name = name.upper()
    return name if environ.get(name) else None


def _is_excluded(host: str, no_proxy: str) -> bool:
    """Return whether NO_PROXY names the host, with or without its port, or a domain above it."""
    hosts = (f".{host}", f".{re.sub(':[0-9]*$', '', host)}")
    domains = [f".{name.strip().lstrip('.').lower()}" for name in no_proxy.split(",") if name.strip()]
    return no_proxy == "*" or any(each.endswith(domain) for each in hosts for domain in domains)
