"""
A client's arguments and their checks.

Reads neither the environment nor the config files: that is in `settings`.
"""

from __future__ import annotations

import inspect
import ssl
from collections.abc import Mapping
from datetime import timedelta
from enum import Enum, auto
from types import UnionType
from typing import Final, Literal, TypeAlias, get_type_hints

from attrs import field, frozen
from attrs.converters import optional

from ..errors import ConfigurationError
from . import endpoint, proxy
from .sources import ResolvedSetting, SecretText

RetryMode = Literal["standard", "adaptive", "off"]
RETRY_MODES: Final[Mapping[str, RetryMode]] = {"standard": "standard", "adaptive": "adaptive", "off": "off"}
LONGEST: Final = 365 * 86400.0  # seconds


Timeout: TypeAlias = float | timedelta | None
"""A limit in seconds or as a timedelta. None for no limit."""


class NotGiven(Enum):
    """The type of an argument that was left out, where None has a meaning of its own."""

    NOT_GIVEN = auto()


NOT_GIVEN: Final = NotGiven.NOT_GIVEN


@frozen(kw_only=True, eq=False)
class ClientArguments:
    """The arguments of a client that can be set elsewhere too. None is an argument that was not given."""

    region_name: str | None = None
    profile_name: str | None = None
    endpoint_url: str | None = field(default=None, repr=False, converter=optional(SecretText))
    use_fips_endpoint: bool | None = None
    use_dualstack_endpoint: bool | None = None
    proxy: str | None = field(default=None, repr=False, converter=optional(SecretText))
    trust_env: bool = True
    """False to ignore proxies and CA files of the environment. Its other variables still count."""
    verify: bool | str | ssl.SSLContext = True
    has_transport: bool = False
    """Whether the user's own transport sends. Then proxies and CA files are its own."""
    user_agent_app_id: str | None = None
    retry_mode: RetryMode | None = None
    max_attempts: int | None = None


_TYPES: Final[Mapping[str, type[object] | UnionType]] = get_type_hints(ClientArguments)


def check(arguments: ClientArguments) -> None:
    """Raise ConfigurationError for an argument that is unusable whatever the environment and the files say."""
    for name, expected in _TYPES.items():
        # The value is in no variable: a traceback might show it.
        if name != "retry_mode" and not isinstance(getattr(arguments, name), expected):
            types, kind = ClientArguments.__annotations__[name], getattr(arguments, name).__class__.__name__
            raise ConfigurationError(f"{name} must be {types.replace(' | ', ' or ')}, not {kind}")
    if arguments.verify is False:
        raise ConfigurationError("verify=False is not supported: give the path of the CA file to trust")
    if arguments.retry_mode is not None and arguments.retry_mode not in RETRY_MODES:
        raise ConfigurationError(f"retry_mode must be {', '.join(RETRY_MODES)}, not {arguments.retry_mode!r}")
    if arguments.max_attempts is not None:
        count_of("max_attempts", arguments.max_attempts)
    if arguments.region_name is not None:
        endpoint.check_region(arguments.region_name)
    if arguments.endpoint_url is not None:
        endpoint.resolve(
            "us-east-1",  # any region: it does not matter beside a URL
            fips=ResolvedSetting("use_fips_endpoint", arguments.use_fips_endpoint is True),
            dualstack=ResolvedSetting("use_dualstack_endpoint", arguments.use_dualstack_endpoint is True),
            url=ResolvedSetting("endpoint_url", arguments.endpoint_url),
        )
    if arguments.proxy is not None:
        proxy.parse(arguments.proxy, "proxy")


def seconds_of(name: str, value: object) -> float | None:
    """Return a time limit in seconds, None for no limit."""
    if isinstance(value, timedelta):
        value = value.total_seconds()
    return None if value is None else interval_of(name, value, unless=", or None for no limit")


def interval_of(name: str, value: object, *, may_be_zero: bool = False, unless: str = "") -> float:
    """Return a number of seconds. *unless* says what else the value could have been."""
    if (
        not isinstance(value, int | float)
        or isinstance(value, bool)
        or not (0 < value <= LONGEST or (may_be_zero and value == 0))
    ):
        least = "from 0" if may_be_zero else "above 0 and"
        raise ConfigurationError(
            f"{name} must be a number of seconds, {least} up to {LONGEST:.0f}{unless}, not {value!r}"
        )
    return float(value)


def count_of(name: str, value: object) -> int:
    """Return a whole number from 1."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ConfigurationError(f"{name} must be a whole number from 1, not {value!r}")
    return value


def plain_function(name: str, value: object) -> None:
    """Raise ConfigurationError for a callback that is not callable, or whose result would have to be awaited."""
    is_async = (inspect.iscoroutinefunction, inspect.isasyncgenfunction)
    if not callable(value) or any(test(each) for test in is_async for each in (value, type(value).__call__)):
        raise ConfigurationError(f"{name} must be a plain function that is not async, not {value!r}")
