"""
Resolve where requests go: to a host of AWS or to a URL of the user's own, directly or through a proxy.

Looks up no setting, and never connects. No message shows a proxy's URL, which may hold a password.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.util import find_spec
from ipaddress import IPv6Address, ip_address
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

import httpx

from ..errors import ConfigurationError
from .sources import ResolvedSetting, SecretText

_OFFERS: Final = {"use_fips_endpoint": "supportsFIPS", "use_dualstack_endpoint": "supportsDualStack"}
_LABEL: Final = "(?!-)[A-Za-z0-9-]{1,63}(?<!-)"
_PROXY_SCHEMES: Final = frozenset({"http", "https", "socks5", "socks5h"})


class Endpoint(NamedTuple):
    """Where requests go."""

    url: httpx.URL
    is_loopback: bool = False


def resolve(region_name: str, url: ResolvedSetting[str | None], features: Mapping[str, str]) -> Endpoint:
    """Return a region's endpoint by the rules that the service publishes; *features* are what is on, with origins."""
    if url.value is not None:
        endpoint, shown = _parse(url.value), f"endpoint_url {_redact(url.value)!r}{url.origin}"
        if isinstance(endpoint, str):
            raise ConfigurationError(f"{shown} cannot be used: {endpoint}")
        if features:
            raise ConfigurationError(f"{shown} cannot be combined with {_named(features)}; choose one or the other")
        return endpoint
    every = partitions()
    matches = (each for each in every if region_name in each["regions"] or re.match(each["regionRegex"], region_name))
    partition = next(matches, every[0])
    offered = partition["outputs"]
    if lacking := {name: origin for name, origin in features.items() if not offered[_OFFERS[name]]}:
        raise ConfigurationError(
            f"{_named(lacking)} cannot be used in region {region_name!r}: not offered in partition {partition['id']!r}"
        )
    suffix = offered["dualStackDnsSuffix" if "use_dualstack_endpoint" in features else "dnsSuffix"]
    host = f"codepipeline{'-fips' if 'use_fips_endpoint' in features else ''}.{region_name}.{suffix}"
    return Endpoint(httpx.URL(f"https://{host}"))


def check_region(region_name: str, *, origin: str = "") -> None:
    """Raise ConfigurationError for a name that cannot be a region's. Whether the region exists is not checked."""
    if not re.fullmatch(rf"(?![0-9]+$){_LABEL}", region_name):
        raise ConfigurationError(
            f"region_name {region_name!r} is not a region{origin}: letters, digits and hyphens only, "
            "at most 63 characters, no hyphen at either end, not all digits"
        )


def proxy_variable(scheme: str, host: str, environ: Mapping[str, str]) -> str | None:
    """Return the name of the variable with the proxy for a URL. None for no proxy, and for a host of NO_PROXY."""
    no_proxy = _variable("no", environ)
    if no_proxy is not None and _is_excluded(host.lower(), environ[no_proxy]):
        return None
    return _variable(scheme, environ) or _variable("all", environ)


def parse_proxy(proxy: str, called: str) -> str:
    """Return a proxy's URL, with http as the scheme that it may lack. A ConfigurationError says what it is *called*."""
    url = SecretText(proxy if "://" in proxy else f"http://{proxy.removeprefix('//')}")
    try:  # the parts are in no variable: a traceback might show them
        is_proxy = urlsplit(url).scheme in _PROXY_SCHEMES and bool(urlsplit(url).hostname) and urlsplit(url).port != 0
    except ValueError:
        is_proxy = False
    if not (is_proxy and re.fullmatch("[!-~]+", url)):
        raise ConfigurationError(
            f"{called} cannot be used: the URL of a proxy is expected, such as http://proxy.example:3128 "
            "(the value is not shown)"
        )
    return url


@cache
def partitions() -> Sequence[Mapping[str, Any]]:
    """Return the partitions of botocore's data file, without importing botocore."""
    spec = find_spec("botocore")
    file = Path(spec.origin).parent / "data" / "partitions.json" if spec and spec.origin else None
    if file is None or not file.is_file():
        raise ConfigurationError("botocore's data file partitions.json is missing; reinstall botocore")
    found: Sequence[Mapping[str, Any]] = json.loads(file.read_bytes())["partitions"]
    return found


def _parse(url: str) -> Endpoint | str:
    """Return the endpoint of a URL, or what is wrong with the URL: an error from here would show its parts."""
    if not url.isascii() or not url.isprintable() or " " in url:
        return "a URL cannot contain spaces, control characters or non-ASCII letters"
    try:
        parsed = httpx.URL(url)
        name = parsed.host and parsed.raw_host.decode("ascii")  # httpx refuses some only when it is asked for "host"
    except (httpx.InvalidURL, ValueError):
        return "its host or its port is not valid"
    if parsed.scheme not in ("https", "http"):
        return "it must begin with https:// or http://"
    if parsed.userinfo:
        return "it contains a user name or password; pass credentials= instead"
    if "?" in url or "#" in url:
        return "it cannot have a query or a fragment"
    is_name = len(name) <= 255 and re.fullmatch(rf"({_LABEL}\.)*{_LABEL}\.?", name)
    is_address = ":" in name and "%" not in name  # which begins the zone of an IPv6 address
    if not (is_name or is_address) or not (parsed.port is None or 0 < parsed.port < 65536):
        return "its host or its port is not valid"
    return Endpoint(parsed, _is_loopback(name.rstrip(".")))


def _is_loopback(name: str) -> bool:
    try:
        address = ip_address(name)
    except ValueError:  # https://www.rfc-editor.org/rfc/rfc6761#section-6.3
        return name.rpartition(".")[2] == "localhost"
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (mapped or address).is_loopback


def _redact(url: str) -> str:
    """Return *url* without what may be a secret: before an @, in a query, or in the place of a port."""
    shown = re.split("[?#]", re.sub("(?s)^.*@", "***@", url), maxsplit=1)[0]
    return re.sub(r":(?!//)(?!\d*(?:/|$))[^/:\[\]]+(?=/|$)", ":***", shown)[:300]


def _named(features: Mapping[str, str]) -> str:
    return " and ".join(name + origin for name, origin in features.items())


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
