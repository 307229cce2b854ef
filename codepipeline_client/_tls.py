"""
TLS as steps of bytes to send and bytes that arrive; and which failures, of TLS or before it, can never pass.

Waits for nothing and has no socket, and so serves threads and tasks alike.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Generator
from typing import Final, TypeVar

T = TypeVar("T")
Steps = Generator[bytes, bytes, T]
"""Yields bytes to send, or none to be sent the bytes that arrive next."""

RECORD: Final = 64 * 1024
"""Bytes to read at once."""

# As OpenSSL names them. All come from peers that speak another TLS than we do, or none.
_HOPELESS: Final = frozenset(
    {
        "BAD_PROTOCOL_VERSION_NUMBER",
        "HTTP_REQUEST",
        "HTTPS_PROXY_REQUEST",
        "NO_CIPHERS_AVAILABLE",
        "NO_PROTOCOLS_AVAILABLE",
        "NO_SHARED_CIPHER",
        "PACKET_LENGTH_TOO_LONG",
        "RECORD_LAYER_FAILURE",
        "SSLV3_ALERT_HANDSHAKE_FAILURE",
        "TLSV1_ALERT_INSUFFICIENT_SECURITY",
        "TLSV1_ALERT_PROTOCOL_VERSION",
        "TLSV1_ALERT_UNKNOWN_CA",
        "TLSV1_UNRECOGNIZED_NAME",
        "TLSV13_ALERT_CERTIFICATE_REQUIRED",
        "UNKNOWN_PROTOCOL",
        "UNSUPPORTED_PROTOCOL",
        "VERSION_TOO_LOW",
        "WRONG_SSL_VERSION",
        "WRONG_VERSION_NUMBER",
    }
)
_BEGINNINGS: Final = (b"", b"\x15", b"\x16")
"""What a peer that speaks TLS begins with, if it begins: an alert, a handshake."""
_UNKNOWN_HOST: Final = frozenset(getattr(socket, name, socket.EAI_NONAME) for name in ("EAI_NONAME", "EAI_NODATA"))


class Closed(ConnectionAbortedError):
    """The client was closed while a call was under way, or before it began."""

    def __init__(self) -> None:
        super().__init__("the client was closed")


def may_pass(error: BaseException) -> bool:
    """
    Return whether the failure may be gone when the same is tried again.

    It never is for a certificate that is not trusted, a peer that speaks another TLS or none, a host that does not
    exist, a client that is closed.
    """
    link: BaseException | None = error
    while link is not None:
        if isinstance(link, Closed | ssl.SSLCertVerificationError):
            return False
        if isinstance(link, ssl.SSLError) and getattr(link, "reason", None) in _HOPELESS:
            return False
        if isinstance(link, socket.gaierror) and link.errno in _UNKNOWN_HOST:
            return False
        link = link.__cause__ or link.__context__
    return True


class Tls:
    """TLS as steps of bytes to send and bytes that arrive, and so for every kind of waiting, and over itself too."""

    def __init__(self, context: ssl.SSLContext, server_hostname: str | None) -> None:
        self._arrived, self._to_send = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.object: Final = context.wrap_bio(self._arrived, self._to_send, server_hostname=server_hostname)

    @property
    def has_unread(self) -> bool:
        """Whether anything arrived that was not read yet."""
        return bool(self._arrived.pending or self.object.pending())

    def handshake(self) -> Steps[None]:
        """Agree with the peer. Tells one that speaks no TLS by its first byte."""
        steps, heard = self._steps(self.object.do_handshake), b""
        try:
            content = next(steps)
            while True:
                arrived = yield content
                heard = heard or arrived or b""
                content = steps.send(arrived)
        except StopIteration:
            return
        except ssl.SSLEOFError as error:  # OpenSSL wants five bytes, and calls less a connection that broke
            if heard[:1] not in _BEGINNINGS:
                error.reason = "WRONG_VERSION_NUMBER"
            raise

    def sending(self, content: bytes) -> Steps[int]:
        """Send all of *content*."""
        return self._steps(lambda: self.object.write(content))

    def receiving(self) -> Steps[bytes]:
        """Receive some bytes, or none when the peer has said that no more will come."""
        return self._steps(lambda: self.object.read(RECORD))

    def _steps(self, step: Callable[[], T]) -> Steps[T]:
        while True:
            try:
                result = step()
            except ssl.SSLWantReadError:
                if self._to_send.pending:
                    yield self._to_send.read()
                arrived = yield b""
                if arrived:
                    self._arrived.write(arrived)
                else:
                    self._arrived.write_eof()
            else:
                if self._to_send.pending:
                    yield self._to_send.read()
                return result
