"""
httpx transports over a pool of this package's own connections, for threads and for tasks.

A response is read to its end, and its connection given back, before it is returned. Failures become httpx's errors.
"""

from __future__ import annotations

import os
import sys
import weakref
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, suppress
from functools import partial
from typing import Any, Final, NoReturn, TypeAlias

import anyio
import httpx

from .._threads import call_soon, wait
from ..operations import IDEMPOTENT
from .connection import AsyncConnection, Connection, StepTimer, wait_in_thread, wait_until
from .interception import AsyncHttpxConnection, HttpxConnection, is_intercepted
from .network import PooledConnection, Resolver, TransportOptions
from .pool import ConnectionPool, Key, Lease, PoolClosed

_Pool: TypeAlias = ConnectionPool[Connection | HttpxConnection]
_Lease: TypeAlias = Lease[Connection | HttpxConnection]
_AsyncPool: TypeAlias = ConnectionPool[AsyncConnection | AsyncHttpxConnection]
_AsyncLease: TypeAlias = Lease[AsyncConnection | AsyncHttpxConnection]

_BROKEN: Final = (OSError, anyio.BrokenResourceError, anyio.EndOfStream, UnicodeError)


class PooledTransport(httpx.BaseTransport):
    """Sends from threads, over at most `max_connections`. Closing it ends the requests that are in flight."""

    def __init__(self, options: TransportOptions) -> None:
        self._options = options
        self._resolver = Resolver(options)
        self._pools: dict[int, _Pool] = {}
        weakref.finalize(self, _close_idle, self._pools)  # at the program's exit, too: some still send then

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send *request* and return the whole response, within its timeouts and `Deadline`. Raises TransportError."""
        timer, pool = StepTimer(request), self._here()
        lease: _Lease = Lease(_key(request, self._options, is_async=False))
        try:
            if not pool.enter(lease):
                timer.begin("pool")
                wait_until(partial(pool.is_granted, lease), timer, lease)
            response = self._send(request, timer, pool, lease)
            if response.status_code < 500:
                pool.keep(lease)
            return response
        except _failures() as error:
            _raise_as_httpx(error, timer, lease)
        finally:
            try:
                if lease.connection is not None:
                    lease.connection.close()
            finally:
                pool.release(lease)
            _close_expired(pool)

    def close(self) -> None:
        """Close all connections. Requests that are in flight fail, and so do later ones."""
        pool = self._here()  # so that later requests find a pool that is closed
        pool.close()
        _close_expired(pool)

    def _here(self) -> _Pool:
        """Return the pool of this process: a forked one must not use its parent's."""
        here = self._pools.get(os.getpid())
        if here is None:
            for parents in tuple(self._pools.values()):
                for connection in parents.connections():
                    connection.close()
            here = self._pools.setdefault(os.getpid(), ConnectionPool(self._options))
        return here

    def _send(self, request: httpx.Request, timer: StepTimer, pool: _Pool, lease: _Lease) -> httpx.Response:
        if (used := pool.take(lease)) is not None:
            try:
                return used.send(request, timer, lease)
            except _failures() as error:
                if not _is_race(error, used, request):
                    raise
            used.close()
        _close_expired(pool)
        timer.begin("connect")
        context = wait_in_thread(self._resolver.context(request.url), timer, lease)
        if lease.key[-1]:
            lease.connection = HttpxConnection(self._options, context)
        else:
            lease.connection = connection = Connection(request.url, self._options.proxy)
            connection.open(context, self._resolver, timer, lease)
        return lease.connection.send(request, timer, lease)


class AsyncPooledTransport(httpx.AsyncBaseTransport):
    """The same for tasks, with a pool for each process and event loop. When a loop ends, its connections are closed."""

    def __init__(self, options: TransportOptions) -> None:
        self._options = options
        self._is_closed = False
        self._resolver = Resolver(options)
        self._loops: dict[
            tuple[int, object], tuple[_AsyncPool, anyio.lowlevel.EventLoopToken, AsyncGenerator[None]]
        ] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send *request* and return the whole response, within its timeouts and `Deadline`. Raises TransportError."""
        scope = anyio.CancelScope()
        timer, pool = StepTimer(request, scope), await self._here()
        lease: _AsyncLease = Lease(_key(request, self._options, is_async=True))
        try:
            with scope:
                if not pool.enter(lease):
                    granted = anyio.Event()
                    lease.wake_by(granted.set)
                    timer.begin("pool")
                    await granted.wait()
                    timer.begin("read")
                lease.wake_by(scope.cancel)
                response = await self._send(request, timer, pool, lease)
                if response.status_code < 500:
                    pool.keep(lease)
                return response
            raise TimeoutError
        except _failures() as error:
            _raise_as_httpx(error, timer, lease)
        finally:
            try:
                if lease.connection is not None:
                    await lease.connection.aclose()
            finally:
                pool.release(lease)
            await _aclose_expired(pool)

    async def aclose(self) -> None:
        """Close all connections. Requests that are in flight fail, and so do later ones."""
        self._is_closed = True
        here = os.getpid(), anyio.lowlevel.current_token().native_token
        for key, (pool, token, end) in tuple(self._loops.items()):
            if key == here:
                with suppress(RuntimeError):  # the event loop ends, and is at it already
                    await end.aclose()
            else:
                call_soon(token, pool.close)

    async def _here(self) -> _AsyncPool:
        """Return the pool of this event loop. Those of loops that have ended are forgotten."""
        token = anyio.lowlevel.current_token()
        key = os.getpid(), token.native_token
        here = self._loops.get(key)
        if here is not None and (self._is_closed or not here[0].is_closed):
            return here[0]
        for other, (ended, _, _) in tuple(self._loops.items()):
            if ended.is_closed or getattr(other[1], "is_closed", lambda: False)():  # trio's tokens do not tell
                self._loops.pop(other, None)
        pool: _AsyncPool = ConnectionPool(self._options)
        end = _close_at_end(pool)
        self._loops[key] = pool, token, end
        pool.is_closed = self._is_closed  # now that a close in another thread finds the pool
        await anext(end)
        return pool

    async def _send(
        self, request: httpx.Request, timer: StepTimer, pool: _AsyncPool, lease: _AsyncLease
    ) -> httpx.Response:
        if (used := pool.take(lease)) is not None:
            try:
                return await used.send(request, timer)
            except _failures() as error:
                if not _is_race(error, used, request):
                    raise
            await used.aclose()
        await _aclose_expired(pool)
        timer.begin("connect")
        context = await wait(self._resolver.context(request.url))
        if lease.key[-1]:
            lease.connection = AsyncHttpxConnection(self._options, context)
        else:
            lease.connection = connection = AsyncConnection(request.url, self._options.proxy)
            await connection.open(context, self._resolver, timer)
        timer.begin("read")
        return await lease.connection.send(request, timer)


def _key(request: httpx.Request, options: TransportOptions, *, is_async: bool) -> Key:
    is_foreign = options.proxy is not None and options.proxy.url.scheme != "http"
    return request.url.raw_scheme, request.url.netloc, is_foreign or is_intercepted(is_async=is_async)


def _is_race(error: Exception, used: PooledConnection, request: httpx.Request) -> bool:
    """Return whether a server that closes an idle connection explains *error*, and the request can be sent again."""
    is_silent = used.parser is not None and not used.parser.received
    return is_silent and not isinstance(error, TimeoutError) and request.extensions.get(IDEMPOTENT, True)


def _failures() -> tuple[type[Exception], ...]:
    """Return what a request fails with. httpx loads socksio for a SOCKS proxy, and lets its error pass."""
    return (*_BROKEN, httpx.TransportError, getattr(sys.modules.get("socksio"), "ProtocolError", OSError))


def _raise_as_httpx(error: Exception, timer: StepTimer, lease: Lease[Any]) -> NoReturn:
    """Raise *error* as httpx has it, from what the system or TLS says."""
    if lease.is_closed or isinstance(error, PoolClosed):  # which ends a call in many ways
        raise httpx.ReadError("the client was closed") from PoolClosed()
    if isinstance(error, httpx.TransportError):
        raise error
    if isinstance(error, TimeoutError):
        kinds = {"pool": httpx.PoolTimeout, "connect": httpx.ConnectTimeout, "write": httpx.WriteTimeout}
        words = str(error) if timer.step == "call" else ""  # those of a mock
        raise kinds.get(timer.step, httpx.ReadTimeout)(words) from None
    if not isinstance(error, _BROKEN):
        raise httpx.ProxyError(f"it does not speak SOCKS5: {error}") from None
    cause = error.__cause__ or error  # anyio wraps it
    words = str(cause) or "the connection was closed"
    if isinstance(cause, ConnectionError) and cause.errno:  # asyncio has other words for what the system says
        words = os.strerror(cause.errno)
    raise (httpx.ConnectError if timer.step == "connect" else httpx.ReadError)(words) from cause


async def _close_at_end(pool: _AsyncPool) -> AsyncGenerator[None]:
    """Close what an event loop has left when it ends: then it ends all generators that are suspended."""
    try:
        yield
    finally:
        pool.close()
        with suppress(RuntimeError):  # collected as garbage, without a loop: those of nest_asyncio end no generators
            await _aclose_expired(pool)


def _close_idle(pools: dict[int, _Pool]) -> None:
    if (here := pools.get(os.getpid())) is not None:
        _close_expired(here, any_idle=True)


def _close_expired(pool: _Pool, *, any_idle: bool = False) -> None:
    while (connection := pool.expired(any_idle=any_idle)) is not None:
        connection.close()


async def _aclose_expired(pool: _AsyncPool) -> None:
    """Close all of them, also when the task is cancelled."""
    if (connection := pool.expired()) is not None:
        async with AsyncExitStack() as stack:
            while connection is not None:
                stack.push_async_callback(connection.aclose)
                connection = pool.expired()
