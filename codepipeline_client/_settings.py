"""
What each setting is, and where it came from: argument > environment > shared config > default.

The list of settings, and what each must be. How a place is looked into is in `_sources`; keys are not settings.
"""

from __future__ import annotations

import logging
import os
import re
import ssl
from collections.abc import Mapping
from types import NoneType
from typing import Final
from urllib.parse import urlsplit

from . import _endpoint, _proxy
from ._given import Given, Settings
from ._retry import Mode as RetryMode
from ._sources import Setting, Sources, with_profile
from .errors import ConfigurationError

_LOGGER: Final = logging.getLogger(__name__)
_LONGEST_APP_ID: Final = 50


def _boolean(text: str) -> bool | None:
    return {"true": True, "false": False}.get(text.lower())


def _mode(text: str) -> RetryMode | None:
    # What older SDKs call legacy has been replaced by standard in all of them.
    return _RETRY_MODES.get(text.lower().replace("legacy", "standard"))


def _count(text: str) -> int | None:
    return int(text) if re.fullmatch("0*[1-9][0-9]{0,3}", text) else None


# botocore takes its keys from the profile in AWS_DEFAULT_PROFILE before the one in AWS_PROFILE: the rest must follow.
_PROFILE: Final = Setting("profile_name", ("AWS_DEFAULT_PROFILE", "AWS_PROFILE"), str)
_REGION: Final = Setting("region_name", ("AWS_REGION", "AWS_DEFAULT_REGION", "region"), str)
_URL: Final = Setting(
    "endpoint_url",
    ("AWS_ENDPOINT_URL_CODEPIPELINE", "AWS_ENDPOINT_URL", "services.codepipeline.endpoint_url", "endpoint_url"),
    str,
)
_IGNORE_URLS: Final = Setting(
    "ignore_configured_endpoint_urls",
    ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "ignore_configured_endpoint_urls"),
    _boolean,
    "true or false",
)
_FIPS: Final = Setting("use_fips_endpoint", ("AWS_USE_FIPS_ENDPOINT", "use_fips_endpoint"), _boolean, "true or false")
_DUALSTACK: Final = Setting(
    "use_dualstack_endpoint", ("AWS_USE_DUALSTACK_ENDPOINT", "use_dualstack_endpoint"), _boolean, "true or false"
)
_RETRY_MODES: Final[Mapping[str, RetryMode]] = {"standard": "standard", "adaptive": "adaptive", "off": "off"}
_RETRY_MODE: Final[Setting[RetryMode]] = Setting(
    "retry_mode", ("AWS_RETRY_MODE", "retry_mode"), _mode, "standard, adaptive or off"
)
_MAX_ATTEMPTS: Final = Setting("max_attempts", ("AWS_MAX_ATTEMPTS", "max_attempts"), _count, "a whole number from 1")
_NO_SKEW: Final = Setting(
    "disable_clock_skew_correction",
    ("AWS_DISABLE_CLOCK_SKEW_CORRECTION", "disable_clock_skew_correction"),
    _boolean,
    "true or false",
)
_APP_ID: Final = Setting("user_agent_app_id", ("AWS_SDK_UA_APP_ID", "sdk_ua_app_id"), str)
_CA: Final = Setting(
    "verify", ("AWS_CA_BUNDLE", "ca_bundle", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR"), str
)
_CA_OF_PROFILE: Final = Setting("verify", ("ca_bundle",), str)

_KINDS: Final = (
    ("region_name", (str, NoneType), "a string"),
    ("profile_name", (str, NoneType), "a string"),
    ("endpoint_url", (str, NoneType), "a string"),
    ("use_fips_endpoint", (bool, NoneType), "True or False"),
    ("use_dualstack_endpoint", (bool, NoneType), "True or False"),
    ("proxy", (str, NoneType), "a string"),
    ("trust_env", (bool,), "True or False"),
    ("verify", (bool, str, ssl.SSLContext), "True, the path of a CA file as text, or an ssl.SSLContext"),
    ("user_agent_app_id", (str, NoneType), "a string"),
    ("max_attempts", (int, NoneType), "a whole number from 1"),
)


def check(given: Given) -> None:
    """Raise ConfigurationError for an argument that no environment and no file can make usable. Reads neither."""
    for name, kinds, words in _KINDS:
        kind: type[object] = getattr(given, name).__class__
        if not issubclass(kind, kinds):
            raise ConfigurationError(f"{name} must be {words}, not {kind.__name__}")
    if given.verify is False:
        raise ConfigurationError(
            "verify=False is not offered: give the path of a CA file that vouches for the endpoint"
        )
    if given.retry_mode is not None and given.retry_mode not in _RETRY_MODES:
        raise ConfigurationError(f"retry_mode must be {', '.join(_RETRY_MODES)}, not {given.retry_mode!r}")
    if given.max_attempts is not None and (given.max_attempts is True or given.max_attempts < 1):
        raise ConfigurationError(f"max_attempts must be a whole number from 1, not {given.max_attempts!r}")
    if given.region_name is not None:
        _endpoint.check_region(given.region_name)
    if given.endpoint_url is not None:
        _endpoint.resolve(
            region_name="us-east-1",  # any will do: a URL of one's own does not depend on it
            use_fips=given.use_fips_endpoint is True,
            use_dualstack=given.use_dualstack_endpoint is True,
            endpoint_url=given.endpoint_url,
        )
    if given.proxy is not None and (problem := _proxy.problem(given.proxy)):
        raise ConfigurationError(f"proxy cannot be used: {problem}")


def resolve(given: Given, environ: Mapping[str, str]) -> Settings:
    """
    Return every setting, from the first place that has it; *given* has passed `check`. An empty text is none.

    Raises ConfigurationError when a setting is missing or unusable, and says where it came from.
    """
    sources = Sources(environ)
    del environ  # keys are in it, which must not be seen among the variables of a traceback
    sources = with_profile(sources, sources.find(_PROFILE, given.profile_name))
    region = sources.find(_REGION, given.region_name)
    if region is None:
        raise ConfigurationError(
            f"no region: neither region_name, {', '.join(_REGION.places[:-1])} nor {sources.called('region')} is set; "
            f"give region_name, or set AWS_REGION, such as 'us-east-1'"
        )
    fips = sources.find(_FIPS, given.use_fips_endpoint)
    dualstack = sources.find(_DUALSTACK, given.use_dualstack_endpoint)
    ignored = sources.find(_IGNORE_URLS) if given.endpoint_url is None else None
    url = None if ignored and ignored.value else sources.find(_URL, given.endpoint_url)
    endpoint = _endpoint.resolve(
        region_name=region.value,
        use_fips=fips is not None and fips.value,
        use_dualstack=dualstack is not None and dualstack.value,
        endpoint_url=url.value if url else None,
        sources={found.name: found.source for found in (region, fips, dualstack, url) if found and found.source},
    )
    proxy_url = _proxy_url(given, sources, endpoint)
    secure = "https" in (endpoint.scheme, urlsplit(proxy_url or "").scheme)
    return Settings(
        region_name=region.value,
        profile_name=sources.profile_name,
        endpoint=endpoint,
        proxy_url=proxy_url,
        ca_file=_ca_file(given, sources) if secure else None,
        user_agent_app_id=_app_id(given, sources),
        retry_mode=_retry_mode(given, sources),
        max_attempts=most.value if (most := sources.find(_MAX_ATTEMPTS, given.max_attempts)) else 3,
        correct_clock_skew=not ((off := sources.find(_NO_SKEW)) and off.value),
    )


def _proxy_url(given: Given, sources: Sources, endpoint: _endpoint.Endpoint) -> str | None:
    if given.proxy is not None:
        return _proxy.with_scheme(given.proxy)
    if not given.trust_env or endpoint.is_loopback:
        return None
    variables = _proxy.variables(sources.environ)
    name = variables.get(endpoint.scheme) or variables.get("all")
    if name is None or _proxy.is_excluded(endpoint.host, sources.environ.get(variables.get("no", ""), "")):
        return None
    if problem := _proxy.problem(sources.environ[name]):
        raise ConfigurationError(f"{name} cannot be used: {problem}")
    return _proxy.with_scheme(sources.environ[name])


def _ca_file(given: Given, sources: Sources) -> str | None:
    if isinstance(given.verify, ssl.SSLContext):
        return None
    argument = given.verify if isinstance(given.verify, str) else None
    found = sources.find(_CA if given.trust_env else _CA_OF_PROFILE, argument)
    if found is None:
        return None
    path = os.path.expanduser(found.value)  # noqa: PTH111 - Path raises when there is no home
    if not os.path.exists(path):  # noqa: PTH110 - Path raises when it may not look
        raise ConfigurationError(f"the CA file {path!r} does not exist (from {found.source or 'verify'})")
    return path


def _retry_mode(given: Given, sources: Sources) -> RetryMode:
    found = sources.find(_RETRY_MODE, given.retry_mode)
    return "standard" if found is None else found.value


def _app_id(given: Given, sources: Sources) -> str | None:
    found = sources.find(_APP_ID, given.user_agent_app_id)
    if found is None or not found.value:
        return None
    if len(found.value) > _LONGEST_APP_ID:
        _LOGGER.warning("user_agent_app_id is longer than the %d characters that AWS asks for", _LONGEST_APP_ID)
    return found.value
