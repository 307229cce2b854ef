"""
What signing does to a request, but for the waiting: which keys, which headers, and when it goes out.

Signs httpx's requests and those of calls that do without httpx alike.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, TypeAlias

from ._clock import DEADLINE, Deadline
from ._credentials import CredentialsCache
from ._message import Credentials
from ._roundtrip import SENDING, SKEW, STALE_CREDENTIALS, Sending
from ._signing import replaced, sign
from ._transit import TransitRequest
from .errors import ConfigurationError

if TYPE_CHECKING:
    import httpx

    AnyRequest: TypeAlias = TransitRequest | httpx.Request


def time_left(request: AnyRequest) -> float | None:
    """Return how many seconds the request's call has left. None for no limit."""
    deadline = request.extensions.get(DEADLINE)
    return deadline.within(None) if isinstance(deadline, Deadline) else None


class Stamp:
    """The keys and the scope of all signatures of one sender."""

    __slots__ = ("_credentials", "_now", "_region_name", "_replaced", "_service_name")

    def __init__(
        self, *, service_name: str, region_name: str, credentials: CredentialsCache, now: Callable[[], float]
    ) -> None:
        _check_scope(service_name, region_name)
        self._service_name = service_name
        self._region_name = region_name
        self._credentials = credentials
        self._now = now
        self._replaced = frozenset([name.encode() for name in replaced(service_name)])

    def find(self, request: AnyRequest) -> Credentials | Future[Credentials]:
        """Return the keys to sign with, at once or in the future."""
        stale = request.extensions.get(STALE_CREDENTIALS)
        return self._credentials.renew(stale) if isinstance(stale, Credentials) else self._credentials.lease()

    def signed(self, request: AnyRequest, credentials: Credentials) -> list[tuple[bytes, bytes]]:
        """Return the request's headers with the signature's among them, and take note that it goes out now."""
        now = self._now()
        kept = [pair for pair in request.headers.raw if pair[0].lower() not in self._replaced]
        signature = sign(
            method=request.method,
            target=request.url.raw_path.decode("ascii"),
            headers=[(name.decode("ascii"), value.decode("utf-8", "replace")) for name, value in kept],
            body=request.content,
            credentials=credentials,
            region_name=self._region_name,
            service_name=self._service_name,
            now=now + _skew(request),
        )
        sending = request.extensions.get(SENDING)
        if isinstance(sending, Sending):
            sending.began = now
        # All anew: each header that is set or dropped by itself makes httpx look through all the others.
        return [*kept, *((name.encode("ascii"), value.encode()) for name, value in signature)]


def _skew(request: AnyRequest) -> float:
    skew = request.extensions.get(SKEW)
    return skew if isinstance(skew, float) else 0.0


def _check_scope(service_name: object, region_name: object) -> None:
    for argument, value in (("service_name", service_name), ("region_name", region_name)):
        if not isinstance(value, str) or not re.fullmatch("[A-Za-z0-9-]+", value):
            raise ConfigurationError(f"{argument} must be letters, digits and hyphens, not {value!r}")
