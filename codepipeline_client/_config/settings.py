"""
Resolve the settings of a client: argument, then environment, then profile, then default.

Lists what each setting is. How they are looked up is in `sources`; credentials are not settings.
"""

from __future__ import annotations

import os
import re
import ssl
from collections.abc import Mapping
from types import UnionType
from typing import Final, get_args, get_type_hints
from urllib.parse import urlsplit

from attrs import field, frozen
from attrs.converters import optional

from ..errors import ConfigurationError
from . import endpoint as endpoints
from .arguments import RetryMode, count_of
from .endpoint import Endpoint
from .sources import Environment, ResolvedSetting, SecretText

# All SDKs have replaced their legacy mode by the standard one.
_RETRY_MODES: Final[Mapping[str, RetryMode]] = {**{mode: mode for mode in get_args(RetryMode)}, "legacy": "standard"}


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


@frozen(kw_only=True, eq=False)
class Settings:
    """The resolved settings of a client."""

    region_name: str
    endpoint: Endpoint
    proxy_url: str | None = field(repr=False)
    """Begins with its scheme, and may hold a password."""
    proxy_origin: str | None
    """The variable or the argument that names the proxy."""
    ca_file: str | None
    user_agent_app_id: str | None
    retry_mode: RetryMode
    max_attempts: int
    correct_clock_skew: bool


def check(arguments: ClientArguments) -> None:
    """Raise ConfigurationError for an argument that is unusable whatever the environment and the files say."""
    for name, expected in _TYPES.items():
        # The value is in no variable: a traceback might show it.
        if name != "retry_mode" and not isinstance(getattr(arguments, name), expected):
            types, kind = ClientArguments.__annotations__[name], getattr(arguments, name).__class__.__name__
            raise ConfigurationError(f"{name} must be {types.replace(' | ', ' or ')}, not {kind}")
    if arguments.verify is False:
        raise ConfigurationError("verify=False is not supported: give the path of the CA file to trust")
    modes = get_args(RetryMode)
    if arguments.retry_mode not in (None, *modes):
        raise ConfigurationError(f"retry_mode must be {' or '.join(modes)}, not {arguments.retry_mode!r}")
    if arguments.max_attempts is not None:
        count_of("max_attempts", arguments.max_attempts)
    if arguments.region_name is not None:
        endpoints.check_region(arguments.region_name)
    if arguments.endpoint_url is not None:
        _endpoint(arguments, Environment({}), "us-east-1")  # any region: it does not matter beside a URL
    if arguments.proxy is not None:
        endpoints.parse_proxy(arguments.proxy, "proxy")


def resolve(arguments: ClientArguments, environ: Environment) -> Settings:
    """Return all settings after `check`, each from the first place that has it. ConfigurationError names the place."""
    environ = environ.with_profile(arguments.profile_name)
    region = environ.text(arguments.region_name, "AWS_REGION", "AWS_DEFAULT_REGION", "region")
    if region.value is None:
        raise ConfigurationError(
            f"no region: neither region_name, AWS_REGION, AWS_DEFAULT_REGION nor {environ.called('region')} is set; "
            "give region_name, or set AWS_REGION, such as 'us-east-1'"
        )
    endpoints.check_region(region.value, origin=region.origin)
    endpoint = _endpoint(arguments, environ, region.value)
    proxy_url, proxy_origin = _proxy(arguments, environ, endpoint)
    uses_tls = "https" in (endpoint.url.scheme, urlsplit(proxy_url or "").scheme)
    app_id = environ.text(arguments.user_agent_app_id, "AWS_SDK_UA_APP_ID", "sdk_ua_app_id")
    modes, read_mode = "standard, adaptive or off", _RETRY_MODES.get
    mode: ResolvedSetting[RetryMode] = environ.value("retry_mode", arguments.retry_mode, "standard", read_mode, modes)
    attempts = environ.value("max_attempts", arguments.max_attempts, 3, _count, "a whole number from 1 to 9999")
    return Settings(
        region_name=region.value,
        endpoint=endpoint,
        proxy_url=proxy_url,
        proxy_origin=proxy_origin,
        ca_file=_ca_file(arguments, environ) if uses_tls else None,
        user_agent_app_id=app_id.value or None,
        retry_mode=mode.value,
        max_attempts=attempts.value,
        correct_clock_skew=not environ.switch("disable_clock_skew_correction").value,
    )


def _count(text: str) -> int | None:
    return int(text) if re.fullmatch("0*[1-9][0-9]{0,3}", text) else None


def _endpoint(arguments: ClientArguments, environ: Environment, region_name: str) -> Endpoint:
    places = "AWS_ENDPOINT_URL_CODEPIPELINE", "AWS_ENDPOINT_URL", "services.codepipeline.endpoint_url", "endpoint_url"
    is_ignored = arguments.endpoint_url is None and environ.switch("ignore_configured_endpoint_urls").value
    url = environ.text(arguments.endpoint_url, *(() if is_ignored else places))
    fips = environ.switch("use_fips_endpoint", arguments.use_fips_endpoint)
    dualstack = environ.switch("use_dualstack_endpoint", arguments.use_dualstack_endpoint)
    switches = (("use_fips_endpoint", fips), ("use_dualstack_endpoint", dualstack))
    return endpoints.resolve(region_name, url, {name: each.origin for name, each in switches if each.value})


def _proxy(arguments: ClientArguments, environ: Environment, endpoint: Endpoint) -> tuple[str, str] | tuple[None, None]:
    """Return the URL of the proxy, and what names it."""
    if arguments.proxy is not None:
        return endpoints.parse_proxy(arguments.proxy, "proxy"), "proxy"
    if not arguments.trust_env or endpoint.is_loopback or arguments.has_transport:
        return None, None
    name = endpoints.proxy_variable(endpoint.url.scheme, endpoint.url.netloc.decode("ascii"), environ.variables)
    return (None, None) if name is None else (endpoints.parse_proxy(SecretText(environ.variables[name]), name), name)


def _ca_file(arguments: ClientArguments, environ: Environment) -> str | None:
    if isinstance(arguments.verify, ssl.SSLContext) or arguments.has_transport:
        return None
    argument = arguments.verify if isinstance(arguments.verify, str) else None
    everywhere = "AWS_CA_BUNDLE", "ca_bundle", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR"
    found = environ.text(argument, *(everywhere if arguments.trust_env else everywhere[1:2]))
    if found.value is None:
        return None
    path = os.path.expanduser(found.value)  # noqa: PTH111 - Path raises when there is no home
    if not any(map(os.path.exists, [path, *path.split(os.pathsep)])):  # SSL_CERT_DIR may be a list
        raise ConfigurationError(f"the CA file {path!r} does not exist{found.origin or ' (from verify)'}")
    return path
