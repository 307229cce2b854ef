"""
What the calls of one client share, put together from its arguments and the settings around it.

Reads the settings, which may be in files, and connects to nothing.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Generic, NamedTuple, TypeVar

import httpx

from .._config.arguments import ClientArguments
from .._config.settings import resolve
from .._config.sources import Environment
from .._http import TransportOptions
from .._protocol.user_agent import user_agent
from ..clock import ClosableClock
from ..errors import ConfigurationError
from .context import AttemptReporter, Limits, OnAttempt
from .exchange import CallDefaults, Skew
from .retry import policy

TransportT = TypeVar("TransportT")


class ClientRuntime(NamedTuple, Generic[TransportT]):
    """What the calls of one client share: it is made at the first call, from the arguments and the settings."""

    defaults: CallDefaults
    poll_defaults: CallDefaults
    """The same for a poll of a wait, which need not retry all that a call must."""
    transport: TransportT
    """Signs and sends."""
    reporter: AttemptReporter
    is_insecure: bool
    """Whether requests go to another machine as plain http."""


def new_runtime(
    arguments: ClientArguments,
    environ: Environment,
    *,
    clock: ClosableClock,
    limits: Limits,
    max_connections: int,
    on_attempt: OnAttempt | None,
    transport: Callable[[TransportOptions, str], TransportT],
) -> ClientRuntime[TransportT]:
    """
    Read the settings and return the runtime. *transport* makes what sends by the options, and signs for the region.

    Raises ConfigurationError when a setting is missing or unusable.
    """
    settings = resolve(arguments, environ)
    endpoint = settings.endpoint
    try:
        host = httpx.URL(endpoint.url).host  # httpx refuses some only when it is asked for them
    except (httpx.InvalidURL, ValueError):
        host = ""
    if not host:
        raise ConfigurationError("endpoint_url cannot be used: its host or its length is not valid")
    retry = policy(
        settings.retry_mode,
        max_attempts=settings.max_attempts,
        chance=random.random,
        monotonic=clock.monotonic,
    )
    headers = (("User-Agent", user_agent(settings.user_agent_app_id)), ("Accept-Encoding", "identity"))
    skew = Skew() if settings.correct_clock_skew else None
    defaults = CallDefaults(
        url=endpoint.url,
        headers=headers,
        retry=retry,
        skew=skew,
        lifetime=lambda: clock.time() + (limits.read or 0.0),
        region_name=settings.region_name,
    )
    poll_defaults = defaults._replace(retry=retry._replace(retries_throttling=False))
    options = TransportOptions(
        verify=settings.ca_file or arguments.verify,
        proxy=settings.proxy_url,
        max_connections=max_connections,
        monotonic=clock.monotonic,
    )
    reporter = AttemptReporter(host=endpoint.host, on_attempt=on_attempt)
    is_insecure = endpoint.scheme == "http" and not endpoint.is_loopback
    sender = transport(options, settings.region_name)
    return ClientRuntime(defaults, poll_defaults, sender, reporter, is_insecure)
