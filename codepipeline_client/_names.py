"""
The addresses of a host, for those who cannot wait for ever to learn them.

Opens no connection.
"""

from __future__ import annotations

import socket
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from typing import TypeAlias

from ._futures import Once

Address: TypeAlias = tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]
Addresses: TypeAlias = list[tuple[int, Address]]
"""Each with its family."""


class Names:
    """Looks hosts up, each in a thread of its own: a lookup that hangs cannot be ended, but it can be left alone."""

    def __init__(self) -> None:
        self._under_way: dict[tuple[str, int], Once[Addresses]] = {}

    def look_up(self, host: str, port: int) -> Addresses | Future[Addresses]:
        """Return a host's addresses: at once if it is one, else in the future. Never asks the same twice at a time."""
        plain = _plain_address(host, port)
        if plain is not None:
            return [plain]
        try:
            return _addresses(host, port, socket.AI_NUMERICHOST)
        except UnicodeError as error:
            raise socket.gaierror(socket.EAI_NONAME, f"{host} is no host's name") from error
        except socket.gaierror:
            key = (host, port)
        found = self._under_way.setdefault(key, Once(partial(_addresses, host, port))).started()
        found.add_done_callback(lambda _: self._under_way.pop(key, None))
        return found


def _plain_address(host: str, port: int) -> tuple[int, Address] | None:
    """Return what needs no resolver, nor all that Python loads for international names before it asks one."""
    for family, address in ((socket.AF_INET, (host, port)), (socket.AF_INET6, (host, port, 0, 0))):
        with suppress(OSError, ValueError):
            socket.inet_pton(family, host)
            return family, address
    return None


def _addresses(host: str, port: int, flags: int = 0) -> Addresses:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)
    return [(family, address) for family, _, _, _, address in found]
