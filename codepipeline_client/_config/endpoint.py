"""
Resolve the endpoint: from a region, FIPS and dual-stack to a host of AWS, or from a URL of the user's own.

Looks up no setting, and never connects.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from functools import cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from string import ascii_letters, digits
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from ..errors import ConfigurationError

_NO_SOURCES: Final[Mapping[str, str]] = {}
_MAX_SHOWN: Final = 300
_IN_LABEL: Final = frozenset(ascii_letters + digits + "-")
_PATH: Final = r"([A-Za-z0-9/._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})+"
_PORTS: Final = {"https": 443, "http": 80}


class Endpoint(NamedTuple):
    """Where requests go."""

    scheme: str
    """http only if the user's own URL says so."""
    host: str
    """As in the Host header: with the port unless it is the scheme's default, and a user's own in lower case."""
    path: str = "/"
    """The path of the requests: a single slash unless the user's own URL has one."""
    is_loopback: bool = False
    """True for an address of this machine."""

    @property
    def url(self) -> str:
        """The URL. It ends with the host when there is no path."""
        return f"{self.scheme}://{self.host}{'' if self.path == '/' else self.path}"


class Partition(NamedTuple):
    """A partition of AWS: the commercial regions, China, GovCloud and others."""

    name: str
    dns_suffix: str
    dual_stack_dns_suffix: str
    supports_fips: bool
    supports_dual_stack: bool
    regions: frozenset[str]
    region_pattern: str
    """Matches the regions that are newer than the list."""


def resolve(
    *,
    region_name: str,
    use_fips: bool = False,
    use_dualstack: bool = False,
    endpoint_url: str | None = None,
    sources: Mapping[str, str] = _NO_SOURCES,
    partitions: Sequence[Partition] | None = None,
) -> Endpoint:
    """
    Return the endpoint, by the rules that the service publishes for every SDK.

    *sources* says where values came from, by setting; arguments of the client are not in it.
    *partitions* are botocore's unless given.
    """
    check_region(region_name, source=sources.get("region_name"))
    if endpoint_url is not None:
        endpoint, source = _parse(endpoint_url), _from(sources.get("endpoint_url"))
        if isinstance(endpoint, str):
            raise ConfigurationError(f"endpoint_url {_redact(endpoint_url)!r} cannot be used{source}: {endpoint}")
        if features := _features(use_fips, use_dualstack, sources):
            raise ConfigurationError(
                f"endpoint_url {_redact(endpoint_url)!r}{source} cannot go with {features}: choose one or the other"
            )
        return endpoint
    partition = partition_of(region_name, shipped_partitions() if partitions is None else partitions)
    lacks_fips, lacks_dualstack = not partition.supports_fips, not partition.supports_dual_stack
    if missing := _features(use_fips and lacks_fips, use_dualstack and lacks_dualstack, sources):
        raise ConfigurationError(
            f"{missing} cannot be had in region {region_name!r}: partition {partition.name!r} does not offer it"
        )
    suffix = partition.dual_stack_dns_suffix if use_dualstack else partition.dns_suffix
    return Endpoint(scheme="https", host=f"codepipeline{'-fips' if use_fips else ''}.{region_name}.{suffix}")


def check_region(region_name: str, *, source: str | None = None) -> None:
    """Raise ConfigurationError for a name that cannot be a region's. Whether the region exists is not checked."""
    if not region_name or not _IN_LABEL.issuperset(region_name):
        problem = f"is not a region{_from(source)}: letters, digits and hyphens only"
    elif not _is_label(region_name) or region_name.isdigit():
        problem = f"is not a region{_from(source)}: 63 characters at most, no hyphen at either end, not digits alone"
    elif (plain := region_name.replace("fips-", "").replace("-fips", "")) != region_name:
        problem = f"is an old name for a FIPS endpoint{_from(source)}: use {plain!r}, and use_fips_endpoint=True"
    else:
        return
    raise ConfigurationError(f"region_name {region_name!r} {problem}")


def partition_of(region_name: str, partitions: Sequence[Partition]) -> Partition:
    """Return the partition of a region: the first one when no pattern matches."""
    for partition in partitions:
        if region_name in partition.regions or re.match(partition.region_pattern, region_name):
            return partition
    return partitions[0]


@cache
def shipped_partitions() -> tuple[Partition, ...]:
    """Return the partitions of botocore's data file, without importing botocore."""
    from importlib.util import find_spec  # a URL of the user's own needs no partitions

    spec = find_spec("botocore")
    file = Path(spec.origin).parent / "data" / "partitions.json" if spec and spec.origin else None
    if file is None or not file.is_file():
        raise ConfigurationError("botocore's data file partitions.json is not there: install botocore again")
    return read_partitions(file.read_bytes())


def read_partitions(text: bytes) -> tuple[Partition, ...]:
    """Return the partitions of a file in botocore's form."""
    rows: list[dict[str, Any]] = json.loads(text)["partitions"]  # what else it holds is not read
    return tuple(
        Partition(
            name=row["id"],
            dns_suffix=row["outputs"]["dnsSuffix"],
            dual_stack_dns_suffix=row["outputs"]["dualStackDnsSuffix"],
            supports_fips=row["outputs"]["supportsFIPS"],
            supports_dual_stack=row["outputs"]["supportsDualStack"],
            regions=frozenset(row["regions"]),
            region_pattern=row["regionRegex"],
        )
        for row in rows
    )


def _parse(url: str) -> Endpoint | str:
    """Return the endpoint of a URL, or what is wrong with the URL: an error from here would show its parts."""
    if not url.isascii() or not url.isprintable() or " " in url:
        return "spaces, control characters and letters beyond ASCII cannot be in a URL"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "its host or its port is not valid"
    name = parts.hostname or ""
    host = f"[{name}]" if ":" in name else name
    address = re.fullmatch(re.escape(host) + r"(:\d*)?", parts.netloc.lower())
    problems = (
        ("it must begin with https:// or http://", parts.scheme not in _PORTS),
        ("it cannot hold a user name or a password; keys belong into credentials", "@" in parts.netloc),
        ("it cannot have a query or a fragment", "?" in url or "#" in url),
        ("its host or its port is not valid", not address or not _is_host(name) or port == 0),
        ("its path is not valid", parts.path not in ("", "/") and not re.fullmatch(_PATH, parts.path)),
    )
    for problem, found in problems:
        if found:
            return problem
    return Endpoint(
        scheme=parts.scheme,
        host=host if port in (None, _PORTS[parts.scheme]) else f"{host}:{port}",
        path=parts.path or "/",
        is_loopback=_is_loopback(name),
    )


def _is_host(name: str) -> bool:
    address = _address(name)
    if address is not None or ":" in name or name.replace(".", "").isdigit():
        return address is not None and getattr(address, "scope_id", None) is None
    # An invalid xn-- label is found when the URL is parsed for sending.
    return len(name) <= 255 and all(map(_is_label, name.removesuffix(".").split(".")))


def _is_label(text: str) -> bool:
    """Return whether *text* is a valid label of a host name."""
    return 0 < len(text) <= 63 and text == text.strip("-") and _IN_LABEL.issuperset(text)


def _is_loopback(name: str) -> bool:
    address = _address(name.rstrip("."))
    if address is None:  # https://www.rfc-editor.org/rfc/rfc6761#section-6.3
        return name.rstrip(".").rpartition(".")[2] == "localhost"
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (mapped or address).is_loopback


def _address(name: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(name)
    except ValueError:
        return None


def _redact(url: str) -> str:
    """Return *url* without what may be a secret: before an @, in a query, or in the place of a port."""
    _, at, after = url.rpartition("@")
    shown = re.split(r"[?#]", f"***@{after}" if at else url, maxsplit=1)[0]
    shown = shown if len(shown) <= _MAX_SHOWN else f"{shown[:_MAX_SHOWN]}…"
    return re.sub(r":(?!//)(?!\d*(?:/|$))[^/:\[\]]+(?=/|$)", ":***", shown)


def _from(source: str | None) -> str:
    return f" (from {source})" if source else ""


def _features(fips: bool, dualstack: bool, sources: Mapping[str, str]) -> str:
    names = (("use_fips_endpoint", fips), ("use_dualstack_endpoint", dualstack))
    return " and ".join(name + _from(sources.get(name)) for name, is_wanted in names if is_wanted)
