"""
Where requests go: from a region and two wishes to a host of AWS, or from a URL of the user's own.

Knows AWS's partitions, and what a URL must be. Never looks for a setting, and never connects.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from functools import cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from string import ascii_letters, digits
from typing import Final, NamedTuple, TypedDict
from urllib.parse import urlsplit

from .errors import ConfigurationError

_NO_SOURCES: Final[Mapping[str, str]] = {}
_LONGEST_SHOWN: Final = 300
_IN_LABEL: Final = frozenset(ascii_letters + digits + "-")
_PATH: Final = r"([A-Za-z0-9/._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})+"
_PORTS: Final = {"https": 443, "http": 80}


class Endpoint(NamedTuple):
    """Where requests go."""

    scheme: str
    """Plain http only when the user's own URL says so."""
    host: str
    """As in the Host header: in lower case when it is the user's own, and with the port unless it is the scheme's."""
    path: str = "/"
    """What is posted to: a single slash unless the user's own URL has a path."""
    is_loopback: bool = False
    """True when what is sent there does not leave this machine."""

    @property
    def url(self) -> str:
        """The whole address. It ends with the host when there is no path."""
        return f"{self.scheme}://{self.host}{'' if self.path == '/' else self.path}"


class Partition(NamedTuple):
    """A part of AWS with DNS names of its own: the commercial regions, China, GovCloud and others."""

    name: str
    dns_suffix: str
    dual_stack_dns_suffix: str
    supports_fips: bool
    supports_dual_stack: bool
    regions: frozenset[str]
    region_pattern: str
    """What tells a region that is newer than the list."""

    def has(self, region_name: str) -> bool:
        """Return whether the region belongs here."""
        return region_name in self.regions or re.match(self.region_pattern, region_name) is not None


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

    *sources* says where a value came from, by the name of the client's argument; for an argument it says nothing.
    *partitions* are those that botocore knows, unless others are given.
    """
    check_region(region_name, source=sources.get("region_name"))
    if endpoint_url is not None:
        endpoint, wishes = _read(endpoint_url), _wishes(use_fips, use_dualstack)
        shown = _shown(endpoint_url) if wishes or isinstance(endpoint, str) else ""
        del endpoint_url  # it may hold a password, which must not be seen among the variables of a traceback
        source = _from(sources.get("endpoint_url"))
        if isinstance(endpoint, str):
            raise ConfigurationError(f"endpoint_url {shown!r} cannot be used{source}: {endpoint}")
        if wishes:
            raise ConfigurationError(
                f"endpoint_url {shown!r}{source} cannot go with {_listed(wishes, sources)}: choose one or the other"
            )
        return endpoint
    partition = partition_of(region_name, shipped_partitions() if partitions is None else partitions)
    denied = _wishes(use_fips and not partition.supports_fips, use_dualstack and not partition.supports_dual_stack)
    if denied:
        raise ConfigurationError(
            f"{_listed(denied, sources)} cannot be had in region {region_name!r}: "
            f"partition {partition.name!r} does not offer it"
        )
    suffix = partition.dual_stack_dns_suffix if use_dualstack else partition.dns_suffix
    return Endpoint(scheme="https", host=f"codepipeline{'-fips' if use_fips else ''}.{region_name}.{suffix}")


def check_region(region_name: str, *, source: str | None = None) -> None:
    """Raise ConfigurationError unless the name can be a region's; whether there is such a region only AWS knows."""
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
    """Return the partition that a region belongs to: the first one when the region fits none."""
    return next((partition for partition in partitions if partition.has(region_name)), partitions[0])


@cache
def shipped_partitions() -> tuple[Partition, ...]:
    """Return the partitions of botocore's data file. Reads the file, and leaves botocore itself alone."""
    from importlib.util import find_spec  # here, since a URL of the user's own needs no partitions

    spec = find_spec("botocore")
    file = Path(spec.origin).parent / "data" / "partitions.json" if spec and spec.origin else None
    if file is None or not file.is_file():
        raise ConfigurationError("botocore's data file partitions.json is not there: install botocore again")
    return read_partitions(file.read_bytes())


def read_partitions(text: bytes) -> tuple[Partition, ...]:
    """Return the partitions of a file in botocore's form."""
    document: _Document = json.loads(text)
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
        for row in document["partitions"]
    )


class _Outputs(TypedDict):
    dnsSuffix: str
    dualStackDnsSuffix: str
    supportsFIPS: bool
    supportsDualStack: bool


class _Row(TypedDict):
    id: str
    outputs: _Outputs
    regionRegex: str
    regions: dict[str, object]


class _Document(TypedDict):
    partitions: list[_Row]


def _read(url: str) -> Endpoint | str:
    """Return the endpoint that a URL names, or what is wrong with the URL. Raises nothing: see `resolve`."""
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
    try:
        if ":" in name:
            return IPv6Address(name).scope_id is None
        if name.replace(".", "").isdigit():
            return isinstance(ip_address(name), IPv4Address)
    except ValueError:
        return False
    # An xn-- label that stands for nothing is found when the URL is parsed for sending.
    return len(name) <= 255 and all(map(_is_label, name.removesuffix(".").split(".")))


def _is_label(text: str) -> bool:
    """Return whether *text* can be what stands between two dots of a host's name."""
    return 0 < len(text) <= 63 and text == text.strip("-") and _IN_LABEL.issuperset(text)


def _is_loopback(name: str) -> bool:
    name = name.rstrip(".")
    if name == "localhost" or name.endswith(".localhost"):  # https://www.rfc-editor.org/rfc/rfc6761#section-6.3
        return True
    try:
        address = ip_address(name)
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (mapped or address).is_loopback


def _shown(url: str) -> str:
    """Return *url* less what may be a secret: what stands before an @, in a query, or where a port should be."""
    _, at, after = url.rpartition("@")
    plain = re.split(r"[?#]", f"***@{after}" if at else url, maxsplit=1)[0]
    plain = plain if len(plain) <= _LONGEST_SHOWN else f"{plain[:_LONGEST_SHOWN]}…"
    return re.sub(r":(?!//)(?!\d*(?:/|$))[^/:\[\]]+(?=/|$)", ":***", plain)


def _from(source: str | None) -> str:
    return f" (from {source})" if source else ""


def _wishes(fips: bool, dualstack: bool) -> list[str]:
    return [name for name, wish in (("use_fips_endpoint", fips), ("use_dualstack_endpoint", dualstack)) if wish]


def _listed(names: list[str], sources: Mapping[str, str]) -> str:
    return " and ".join(name + _from(sources.get(name)) for name in names)
