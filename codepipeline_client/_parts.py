"""
The parts that the calls of a client go through, put together from its arguments and the settings around it.

Reads the settings, which may be in files, and opens nothing: whoever asks does so in a thread.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Generic, NamedTuple, TypeVar

import httpx

from ._call.clock_skew import Skew
from ._config.arguments import ClientArguments
from ._config.settings import resolve
from ._config.sources import Environment
from ._exchange import Route
from ._http import TransportOptions
from ._pauses import ClosableClock
from ._protocol.user_agent import user_agent
from ._reports import OnAttempt, Watch
from ._retry import policy
from ._run import Limits
from .errors import ConfigurationError

TransportT = TypeVar("TransportT")


class Parts(NamedTuple, Generic[TransportT]):
    """What a call goes through."""

    route: Route
    polling: Route
    """The same for a poll of a wait, which need not retry all that a call must."""
    transport: TransportT
    """Signs and sends."""
    watch: Watch
    is_insecure: bool
    """Whether requests go to another machine as plain http."""


def assembled(
    given: ClientArguments,
    environ: Environment,
    *,
    clock: ClosableClock,
    limits: Limits,
    max_connections: int,
    on_attempt: OnAttempt | None,
    transport: Callable[[TransportOptions, str], TransportT],
) -> Parts[TransportT]:
    """
    Return the parts. *transport* makes what sends by the options, and signs for the region.

    Raises ConfigurationError when a setting is missing or unusable.
    """
    settings = resolve(given, environ)
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
    route = Route(
        url=endpoint.url,
        headers=headers,
        retry=retry,
        skew=skew,
        lifetime=lambda: clock.time() + (limits.read or 0.0),
        region_name=settings.region_name,
    )
    polling = route._replace(retry=retry._replace(retries_throttling=False))
    options = TransportOptions(
        verify=settings.ca_file or given.verify,
        proxy=settings.proxy_url,
        max_connections=max_connections,
        monotonic=clock.monotonic,
    )
    watch = Watch(host=endpoint.host, on_attempt=on_attempt)
    is_insecure = endpoint.scheme == "http" and not endpoint.is_loopback
    return Parts(route, polling, transport(options, settings.region_name), watch, is_insecure)
