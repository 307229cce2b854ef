"""
A request and an answer in transit: what connections need of httpx's, for calls that do without httpx.

httpx takes longer to load than all of this package. It comes in with a transport of the user's own, see `_foreign`.
"""

from __future__ import annotations

import socket
from collections.abc import MutableMapping
from contextlib import suppress
from functools import lru_cache
from string import ascii_letters, ascii_lowercase, digits
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Iterator
    from typing import Protocol, TypeAlias

    import httpx

    class Stream(Protocol):
        """A body that threads read."""

        def __iter__(self) -> Iterator[bytes]:
            """Return what yields it, as it comes."""
            ...

        def close(self) -> None:
            """Read no more."""
            ...

    class AsyncStream(Protocol):
        """A body that tasks read."""

        def __aiter__(self) -> AsyncIterator[bytes]:
            """Return what yields it, as it comes."""
            ...

        def aclose(self) -> Awaitable[None]:
            """Read no more."""
            ...

    class Carrier(Protocol):
        """What signs and sends, for threads."""

        def handle_request(self, request: TransitRequest) -> TransitResponse[Stream]:
            """Return the answer, its body still to be read."""
            ...

        def close(self) -> None:
            """Let go of all connections."""
            ...

    class AsyncCarrier(Protocol):
        """What signs and sends, for tasks."""

        def handle_async_request(self, request: TransitRequest) -> Awaitable[TransitResponse[AsyncStream]]:
            """Return the answer, its body still to be read."""
            ...

        def aclose(self) -> Awaitable[None]:
            """Let go of all connections."""
            ...

    AnyUrl: TypeAlias = "Url | httpx.URL"

StreamT = TypeVar("StreamT")
StreamT_co = TypeVar("StreamT_co", covariant=True)

_PORTS: Final = {"http": 80, "https": 443}
_IN_HOST: Final = frozenset(ascii_lowercase + digits + "-.")
_IN_PATH: Final = frozenset(ascii_letters + digits + "-._~!$&'()*+,;=:@/")
_LONGEST: Final = 2000
_HIGHEST_PORT: Final = 65535


class Url:
    """Where a request goes, in the parts that httpx has."""

    __slots__ = ("_text", "netloc", "port", "raw_host", "raw_path", "raw_scheme")

    def __init__(self, text: str, scheme: str, host: str, port: int | None, path: str) -> None:
        self._text = text
        self.raw_scheme: Final = scheme.encode("ascii")
        self.raw_host: Final = host.encode("ascii")
        self.port: Final = port
        """None for the scheme's own."""
        self.netloc: Final = self.raw_host if port is None else b"%b:%d" % (self.raw_host, port)
        self.raw_path: Final = path.encode("ascii")

    def __str__(self) -> str:
        """Return the whole address."""
        return self._text


@lru_cache(maxsize=64)
def parsed(text: str) -> AnyUrl:
    """Return the parts of a URL. httpx takes those to pieces that have anything to decode. Raises what it raises."""
    url = _plain(text)
    if url is not None:
        return url
    import httpx

    return httpx.URL(text)


def is_parsable(text: str) -> bool:
    """Return whether a request can be sent to the URL: httpx refuses some hosts only when it is asked for them."""
    if _plain(text) is not None:
        return True
    import httpx

    try:
        return bool(httpx.URL(text).host)
    except (httpx.InvalidURL, ValueError):
        return False


def _plain(text: str) -> Url | None:
    """Return the parts of a URL in which there is nothing to interpret."""
    scheme, _, rest = text.partition("://")
    netloc, _, path = rest.partition("/")
    host, colon, port = netloc.partition(":")
    if (
        scheme not in _PORTS
        or len(text) > _LONGEST
        or not host
        or not _IN_HOST.issuperset(host)
        or "xn--" in host
        or not _IN_PATH.issuperset(path)
        or "/." in rest
    ):
        return None
    if host[0].isdigit() and host[-1].isdigit() and not _is_address(host):
        return None  # who takes it for a name, and who for an address, is httpx's to say
    if not colon:
        return Url(text, scheme, host, None, f"/{path}")
    if not port.isascii() or not port.isdigit() or port[0] == "0" or int(port) > _HIGHEST_PORT:
        return None
    return Url(text, scheme, host, None if int(port) == _PORTS[scheme] else int(port), f"/{path}")


def _is_address(host: str) -> bool:
    with suppress(OSError):
        return bool(socket.inet_pton(socket.AF_INET, host))
    return False


class RawHeaders:
    """Headers as they are on the wire, in their order."""

    __slots__ = ("raw",)

    def __init__(self, raw: list[tuple[bytes, bytes]]) -> None:
        self.raw: Final = raw


class TransitRequest:
    """A request on its way."""

    __slots__ = ("content", "extensions", "headers", "method", "url")

    def __init__(
        self, *, method: str, url: AnyUrl, headers: RawHeaders, content: bytes, extensions: MutableMapping[str, Any]
    ) -> None:
        self.method: Final = method
        self.url: Final = url
        self.headers = headers
        self.content: Final = content
        self.extensions: Final = extensions
        """What goes with it and not on the wire, as in httpx."""


class TransitResponse(Generic[StreamT_co]):
    """An answer on its way, its body still to come."""

    __slots__ = ("extensions", "headers", "status_code", "stream")

    def __init__(
        self, *, status_code: int, headers: RawHeaders, stream: StreamT_co, extensions: MutableMapping[str, Any]
    ) -> None:
        self.status_code: Final = status_code
        self.headers: Final = headers
        self.stream: Final = stream
        """The body, to be read once and to be closed."""
        self.extensions: Final = extensions
        """What came with it and not on the wire, as in httpx."""
