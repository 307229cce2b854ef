"""
Resolve the settings of a client: argument, then environment, then profile, then default.

Lists what each setting is. Where they are looked up is in `sources`; credentials are not settings.
"""

from __future__ import annotations

import logging
import os
import re
import ssl
from typing import Final
from urllib.parse import urlsplit

from attrs import field, frozen

from ..errors import ConfigurationError
from . import endpoint as endpoints
from . import proxy as proxies
from .arguments import RETRY_MODES, ClientArguments, RetryMode, SecretText
from .endpoint import Endpoint
from .sources import Environment, ResolvedSetting, Setting, Sources

_LOGGER: Final = logging.getLogger(__name__)
_MAX_APP_ID: Final = 50


@frozen(kw_only=True, eq=False)
class Settings:
    """The resolved settings of a client."""

    region_name: str
    profile_name: str | None
    """None when no profile was named: then "default" counts, if there is one."""
    endpoint: Endpoint
    proxy_url: str | None = field(repr=False)
    """Begins with its scheme, and may hold a password."""
    ca_file: str | None
    """The file or folder of the authorities to trust. None for the usual ones, and beside an SSL context."""
    user_agent_app_id: str | None
    retry_mode: RetryMode
    max_attempts: int
    """The first attempt included."""
    correct_clock_skew: bool


def _boolean(text: str) -> bool | None:
    return {"true": True, "false": False}.get(text.lower())


def _retry_mode(text: str) -> RetryMode | None:
    # All SDKs have replaced their legacy mode by the standard one.
    return RETRY_MODES.get(text.lower().replace("legacy", "standard"))


def _count(text: str) -> int | None:
    return int(text) if re.fullmatch("0*[1-9][0-9]{0,3}", text) else None


def _switch(name: str) -> Setting[bool]:
    return Setting(name, (f"AWS_{name.upper()}", name), _boolean, "true or false")


# botocore looks into AWS_DEFAULT_PROFILE before AWS_PROFILE for credentials, so the settings must too.
_PROFILE: Final = Setting("profile_name", ("AWS_DEFAULT_PROFILE", "AWS_PROFILE"), str)
_REGION: Final = Setting("region_name", ("AWS_REGION", "AWS_DEFAULT_REGION", "region"), str)
_URL: Final = Setting[str](
    "endpoint_url",
    ("AWS_ENDPOINT_URL_CODEPIPELINE", "AWS_ENDPOINT_URL", "services.codepipeline.endpoint_url", "endpoint_url"),
    SecretText,
)
_IGNORE_URLS: Final = _switch("ignore_configured_endpoint_urls")
_FIPS: Final = _switch("use_fips_endpoint")
_DUALSTACK: Final = _switch("use_dualstack_endpoint")
_RETRY_MODE: Final = Setting[RetryMode](
    "retry_mode", ("AWS_RETRY_MODE", "retry_mode"), _retry_mode, "standard, adaptive or off"
)
_MAX_ATTEMPTS: Final = Setting("max_attempts", ("AWS_MAX_ATTEMPTS", "max_attempts"), _count, "a whole number from 1")
_NO_SKEW: Final = _switch("disable_clock_skew_correction")
_APP_ID: Final = Setting("user_agent_app_id", ("AWS_SDK_UA_APP_ID", "sdk_ua_app_id"), str)
_CA: Final = Setting(
    "verify", ("AWS_CA_BUNDLE", "ca_bundle", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR"), str
)
_CA_OF_PROFILE: Final = Setting("verify", ("ca_bundle",), str)


def resolve(arguments: ClientArguments, environ: Environment) -> Settings:
    """
    Return every setting, from the first place that has it; *arguments* have passed their `check`.

    Raises ConfigurationError when a setting is missing or unusable, and says where it came from.
    """
    sources = Sources(environ=environ.variables)
    sources = sources.with_profile(sources.find(_PROFILE, arguments.profile_name))
    region = sources.find(_REGION, arguments.region_name)
    if region is None:
        raise ConfigurationError(
            f"no region: neither region_name, {', '.join(_REGION.places[:-1])} nor {sources.called('region')} is set; "
            f"give region_name, or set AWS_REGION, such as 'us-east-1'"
        )
    endpoint = _endpoint(arguments, sources, region)
    proxy_url = _proxy_url(arguments, sources, endpoint)
    uses_tls = "https" in (endpoint.scheme, urlsplit(proxy_url or "").scheme)
    retry_mode = sources.find(_RETRY_MODE, arguments.retry_mode)
    max_attempts = sources.find(_MAX_ATTEMPTS, arguments.max_attempts)
    return Settings(
        region_name=region.value,
        profile_name=sources.profile_name,
        endpoint=endpoint,
        proxy_url=proxy_url,
        ca_file=_ca_file(arguments, sources) if uses_tls else None,
        user_agent_app_id=_app_id(arguments, sources),
        retry_mode=retry_mode.value if retry_mode else "standard",
        max_attempts=max_attempts.value if max_attempts else 3,
        correct_clock_skew=not _is_on(sources.find(_NO_SKEW)),
    )


def _endpoint(arguments: ClientArguments, sources: Sources, region: ResolvedSetting[str]) -> Endpoint:
    fips = sources.find(_FIPS, arguments.use_fips_endpoint)
    dualstack = sources.find(_DUALSTACK, arguments.use_dualstack_endpoint)
    is_ignored = arguments.endpoint_url is None and _is_on(sources.find(_IGNORE_URLS))
    url = None if is_ignored else sources.find(_URL, arguments.endpoint_url)
    return endpoints.resolve(
        region_name=region.value,
        use_fips=_is_on(fips),
        use_dualstack=_is_on(dualstack),
        endpoint_url=url.value if url else None,
        sources={found.name: found.source for found in (region, fips, dualstack, url) if found and found.source},
    )


def _is_on(switch: ResolvedSetting[bool] | None) -> bool:
    return switch is not None and switch.value


def _proxy_url(arguments: ClientArguments, sources: Sources, endpoint: Endpoint) -> str | None:
    if arguments.proxy is not None:
        return SecretText(proxies.with_scheme(arguments.proxy))
    if not arguments.trust_env or endpoint.is_loopback:
        return None
    name = proxies.variable_for(endpoint.scheme, endpoint.host, sources.environ)
    if name is None:
        return None
    if problem := proxies.problem(sources.environ[name]):
        raise ConfigurationError(f"{name} cannot be used: {problem}")
    return SecretText(proxies.with_scheme(sources.environ[name]))


def _ca_file(arguments: ClientArguments, sources: Sources) -> str | None:
    if isinstance(arguments.verify, ssl.SSLContext):
        return None
    argument = arguments.verify if isinstance(arguments.verify, str) else None
    found = sources.find(_CA if arguments.trust_env else _CA_OF_PROFILE, argument)
    if found is None:
        return None
    path = os.path.expanduser(found.value)  # noqa: PTH111 - Path raises when there is no home
    if not os.path.exists(path):  # noqa: PTH110 - Path raises when it may not look
        raise ConfigurationError(f"the CA file {path!r} does not exist (from {found.source or 'verify'})")
    return path


def _app_id(arguments: ClientArguments, sources: Sources) -> str | None:
    found = sources.find(_APP_ID, arguments.user_agent_app_id)
    if found is None or not found.value:
        return None
    if len(found.value) > _MAX_APP_ID:
        _LOGGER.warning("user_agent_app_id is longer than the %d characters that AWS asks for", _MAX_APP_ID)
    return found.value
