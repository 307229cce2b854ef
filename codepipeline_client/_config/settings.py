"""
Resolve the settings of a client: argument, then environment, then profile, then default.

Lists what each setting is. How they are looked up is in `sources`; credentials are not settings.
"""

from __future__ import annotations

import os
import re
import ssl
from urllib.parse import urlsplit

from attrs import field, frozen

from ..errors import ConfigurationError
from . import endpoint as endpoints
from . import proxy as proxies
from .arguments import RETRY_MODES, ClientArguments, RetryMode
from .endpoint import Endpoint
from .sources import Environment, SecretText


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


def resolve(arguments: ClientArguments, environ: Environment) -> Settings:
    """
    Return every setting, from the first place that has it; *arguments* have passed their `check`.

    Raises ConfigurationError when a setting is missing or unusable, and says where it came from.
    """
    environ = environ.with_profile(arguments.profile_name)
    region_name = _region(arguments, environ)
    endpoint = _endpoint(arguments, environ, region_name)
    proxy_url, proxy_origin = _proxy(arguments, environ, endpoint)
    uses_tls = "https" in (endpoint.scheme, urlsplit(proxy_url or "").scheme)
    app_id = environ.text("user_agent_app_id", arguments.user_agent_app_id, "AWS_SDK_UA_APP_ID", "sdk_ua_app_id")
    standard, rule = RETRY_MODES["standard"], "standard, adaptive or off"
    return Settings(
        region_name=region_name,
        endpoint=endpoint,
        proxy_url=proxy_url,
        proxy_origin=proxy_origin,
        ca_file=_ca_file(arguments, environ) if uses_tls else None,
        user_agent_app_id=app_id.value or None,
        retry_mode=environ.value("retry_mode", arguments.retry_mode, standard, _retry_mode, rule).value,
        max_attempts=environ.value("max_attempts", arguments.max_attempts, 3, _count, "a whole number from 1").value,
        correct_clock_skew=not environ.switch("disable_clock_skew_correction").value,
    )


def _retry_mode(text: str) -> RetryMode | None:
    # All SDKs have replaced their legacy mode by the standard one.
    return RETRY_MODES.get(text.lower().replace("legacy", "standard"))


def _count(text: str) -> int | None:
    return int(text) if re.fullmatch("0*[1-9][0-9]{0,3}", text) else None


def _region(arguments: ClientArguments, environ: Environment) -> str:
    found = environ.text("region_name", arguments.region_name, "AWS_REGION", "AWS_DEFAULT_REGION", "region")
    if found.value is None:
        raise ConfigurationError(
            f"no region: neither region_name, AWS_REGION, AWS_DEFAULT_REGION nor {environ.called('region')} is set; "
            "give region_name, or set AWS_REGION, such as 'us-east-1'"
        )
    endpoints.check_region(found.value, origin=found.origin)
    return found.value


def _endpoint(arguments: ClientArguments, environ: Environment, region_name: str) -> Endpoint:
    places = "AWS_ENDPOINT_URL_CODEPIPELINE", "AWS_ENDPOINT_URL", "services.codepipeline.endpoint_url", "endpoint_url"
    is_ignored = arguments.endpoint_url is None and environ.switch("ignore_configured_endpoint_urls").value
    return endpoints.resolve(
        region_name,
        fips=environ.switch("use_fips_endpoint", arguments.use_fips_endpoint),
        dualstack=environ.switch("use_dualstack_endpoint", arguments.use_dualstack_endpoint),
        url=environ.text("endpoint_url", arguments.endpoint_url, *(() if is_ignored else places)),
    )


def _proxy(arguments: ClientArguments, environ: Environment, endpoint: Endpoint) -> tuple[str, str] | tuple[None, None]:
    """Return the URL of the proxy, and what names it."""
    if arguments.proxy is not None:
        return proxies.parse(arguments.proxy, "proxy"), "proxy"
    if not arguments.trust_env or endpoint.is_loopback or arguments.has_transport:
        return None, None
    name = proxies.variable_for(endpoint.scheme, endpoint.host, environ.variables)
    return (None, None) if name is None else (proxies.parse(SecretText(environ.variables[name]), name), name)


def _ca_file(arguments: ClientArguments, environ: Environment) -> str | None:
    if isinstance(arguments.verify, ssl.SSLContext) or arguments.has_transport:
        return None
    argument = arguments.verify if isinstance(arguments.verify, str) else None
    everywhere = "AWS_CA_BUNDLE", "ca_bundle", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR"
    found = environ.text("verify", argument, *(everywhere if arguments.trust_env else everywhere[1:2]))
    if found.value is None:
        return None
    path = os.path.expanduser(found.value)  # noqa: PTH111 - Path raises when there is no home
    if not os.path.exists(path):  # noqa: PTH110 - Path raises when it may not look
        raise ConfigurationError(f"the CA file {path!r} does not exist{found.origin or ' (from verify)'}")
    return path
