"""
httpx transports over a pool of this package's own connections, for threads and for tasks.

A response is read to its end here, and the connection is given back before the response is. All that fails becomes
one of httpx's errors here.
"""

from __future__ import annotations

import os
import ssl
import weakref
from collections.abc import AsyncGenerator, Iterable
from contextlib import suppress
from functools import partial
from queue import SimpleQueue
from typing import Any, Final, TypeAlias

import anyio
import httpx
from anyio.lowlevel import EventLoopToken, current_token

from .._threads import SharedFuture, call_soon, wait
from ..operations import READ_ONLY
from .connection import AsyncConnection, Connection, connect, connect_async, wait_for_wake, wait_in_thread
from .interception import AsyncHttpxConnection, HttpxConnection, is_intercepted
from .lookup import Lookups, in_thread
from .options import Origin, Route, TransportOptions
from .pool import ConnectionPool, Lease, PoolClosed
from .request import StepScope, StepTimer

_Pool: TypeAlias = ConnectionPool[Connection | HttpxConnection]
_Lease: TypeAlias = Lease[Connection | HttpxConnection]
_AsyncPool: TypeAlias = ConnectionPool[AsyncConnection | AsyncHttpxConnection]
_AsyncLease: TypeAlias = Lease[AsyncConnection | AsyncHttpxConnection]

_BROKEN: Final = (OSError, anyio.BrokenResourceError, anyio.EndOfStream, UnicodeError)
_RACES: Final = (*_BROKEN, httpx.RemoteProtocolError)
"""How a request fails on an idle connection that the server closes at the same moment."""


class _Resolver:
    """The lookups and the TLS context of one process: a forked one has no use for its parent's threads."""

    def __init__(self, options: TransportOptions) -> None:
        self.lookups: Final = Lookups()
        self._options = options
        self._context: SharedFuture[ssl.SSLContext] | None = None

    def context(self) -> SharedFuture[ssl.SSLContext]:
        """Return the TLS context to come. One that could not be made is tried again."""
        if self._context is None or (self._context.done() and self._context.exception() is not None):
            self._context = in_thread(self._options.tls_context)
        return self._context


class PooledTransport(httpx.BaseTransport):
    """Sends from threads, over at most `max_connections`. Closing it ends the requests that are in flight."""

    def __init__(self, options: TransportOptions) -> None:
        self._options = options
        self._is_closed = False
        self._processes: dict[int, tuple[_Pool, _Resolver]] = {}
        weakref.finalize(self, _close, self._processes)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """
        Send *request* and return the whole response.

        Takes no longer than the request's timeouts, and its `Deadline` if it has one. Raises httpx.TransportError.
        """
        timer, woken = StepTimer(request), SimpleQueue[None]()
        pool, resolver = self._here()
        lease = _Lease(partial(woken.put, None))
        try:
            if not pool.enter(lease):
                timer.begin("pool")
                while not pool.is_granted(lease):
                    wait_for_wake(woken, timer)
            response = self._send(request, timer, pool, resolver, lease)
            if response.status_code < 500 and lease.connection is not None and lease.connection.allows_reuse:
                pool.keep(lease)
            return response
        except (*_BROKEN, httpx.TransportError) as error:
            raise _as_httpx(error, timer, lease)  # noqa: B904 - it has its cause
        finally:
            try:
                if lease.connection is not None:
                    lease.connection.close()
            finally:
                pool.release(lease)
            _close_all(pool.expired())

    def close(self) -> None:
        """Close all connections. Requests that are in flight fail, and so do later ones."""
        self._is_closed = True
        self._here()  # so that later requests find a pool that is closed
        _close(self._processes)

    def _here(self) -> tuple[_Pool, _Resolver]:
        here = self._processes.get(os.getpid())
        if here is None:
            _close_all([each for pool, _ in tuple(self._processes.values()) for each in pool.abandon()])
            here = self._processes.setdefault(os.getpid(), (_new_pool(self._options), _Resolver(self._options)))
            if self._is_closed:
                here[0].is_closed = True
        return here

    def _send(
        self, request: httpx.Request, timer: StepTimer, pool: _Pool, resolver: _Resolver, lease: _Lease
    ) -> httpx.Response:
        origin = Origin.of(request.url)
        key = (origin, self._options.needs_httpx or is_intercepted(is_async=False))
        while not pool.take(lease, key) and lease.connection is not None:
            lease.connection.close()
            lease.connection = None
        used = lease.connection
        if used is not None:
            try:
                return used.send(request, timer, lease)
            except TimeoutError:
                raise
            except _RACES:
                if used.has_received or lease.is_closed or not request.extensions.get(READ_ONLY, True):
                    raise
            used.close()
            lease.connection = None
        timer.begin("connect")
        context = wait_in_thread(resolver.context(), timer, lease) if self._options.needs_tls(origin) else None
        if key[1]:
            lease.connection = HttpxConnection(key, self._options, context)
        else:
            route = Route(origin, self._options.proxy)
            lease.connection = connect(key, route, context, resolver.lookups, timer, lease)
        return lease.connection.send(request, timer, lease)


class AsyncPooledTransport(httpx.AsyncBaseTransport):
    """
    Sends from tasks, over at most `max_connections` for each event loop. Closing it ends requests in flight.

    What is idle in another event loop than the one that closes it is closed when that one ends.
    """

    def __init__(self, options: TransportOptions) -> None:
        self._options = options
        self._is_closed = False
        self._resolvers: dict[int, _Resolver] = {}
        self._loops: dict[tuple[int, object], tuple[_AsyncPool, EventLoopToken, AsyncGenerator[None]]] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """
        Send *request* and return the whole response.

        Takes no longer than the request's timeouts, and its `Deadline` if it has one. Raises httpx.TransportError.
        """
        steps = StepScope(request)
        pool = await self._here()
        lease = _AsyncLease()
        try:
            with steps.scope:
                if not pool.enter(lease):
                    granted = anyio.Event()
                    lease.wake_by(granted.set)
                    steps.begin_step("pool")
                    await granted.wait()
                    pool.is_granted(lease)  # raises when the pool was closed
                    steps.begin_step("read")
                lease.wake_by(steps.scope.cancel)
                response = await self._send(request, steps, pool, lease)
                if response.status_code < 500 and lease.connection is not None and lease.connection.allows_reuse:
                    pool.keep(lease)
                return response
            raise PoolClosed if lease.is_closed else TimeoutError
        except (*_BROKEN, httpx.TransportError) as error:
            raise _as_httpx(error, steps, lease)  # noqa: B904 - it has its cause
        finally:
            try:
                if lease.connection is not None:
                    await lease.connection.aclose()
            finally:
                pool.release(lease)
            await _aclose_all(pool.expired())

    async def aclose(self) -> None:
        """Close all connections. Requests that are in flight fail, and so do later ones."""
        self._is_closed = True
        here = os.getpid(), current_token().native_token
        for key, (pool, token, end) in tuple(self._loops.items()):
            if key == here:
                pool.close()
                await _aclose_all(pool.expired())
                with suppress(RuntimeError):  # the event loop ends, and is at it already
                    await end.aclose()
            else:
                call_soon(token, pool.close)

    async def _here(self) -> _AsyncPool:
        token = current_token()
        key = os.getpid(), token.native_token
        here = self._loops.get(key)
        if here is not None and (self._is_closed or not here[0].is_closed):
            return here[0]
        pool: _AsyncPool = _new_pool(self._options)
        pool.is_closed = self._is_closed
        for other, (left, _, _) in tuple(self._loops.items()):
            if other[0] != key[0] or _has_ended(left, other[1]):
                for connection in left.abandon():
                    connection.drop()
                if other[0] == key[0]:  # a parent's loop would be woken by what is destroyed
                    self._loops.pop(other, None)
        end = _close_at_end(pool)
        self._loops[key] = pool, token, end
        await anext(end)
        return pool

    async def _send(
        self, request: httpx.Request, steps: StepScope, pool: _AsyncPool, lease: _AsyncLease
    ) -> httpx.Response:
        origin = Origin.of(request.url)
        key = (origin, self._options.needs_httpx or is_intercepted(is_async=True))
        while not pool.take(lease, key) and lease.connection is not None:
            await lease.connection.aclose()
            lease.connection = None
        used = lease.connection
        if used is not None:
            try:
                return await used.send(request, steps)
            except _RACES:
                if used.has_received or not request.extensions.get(READ_ONLY, True):
                    raise
            await used.aclose()
            lease.connection = None
        steps.begin_step("connect")
        resolver = self._resolvers.setdefault(os.getpid(), _Resolver(self._options))
        context = None
        if self._options.needs_tls(origin):
            context = await wait(resolver.context())
        if key[1]:
            lease.connection = AsyncHttpxConnection(key, self._options, context)
        else:
            route = Route(origin, self._options.proxy)
            lease.connection = await connect_async(key, route, context, resolver.lookups, steps)
        steps.begin_step("read")
        return await lease.connection.send(request, steps)


def _as_httpx(error: Exception, timer: StepTimer, lease: _Lease | _AsyncLease) -> httpx.TransportError:
    """Return *error* as httpx has it, with what the system or TLS says as its cause."""
    failure: httpx.TransportError
    cause: BaseException | None
    if lease.is_closed or isinstance(error, PoolClosed):  # which ends a call in many ways
        failure, cause = httpx.ReadError(str(PoolClosed())), PoolClosed()
    elif isinstance(error, httpx.TransportError):
        return error
    elif isinstance(error, TimeoutError):
        failure, cause = timer.error(), None
    else:
        cause = error.__cause__ or error  # anyio wraps it
        words = str(cause) or "the connection was closed"
        if isinstance(cause, ConnectionError) and cause.errno:  # asyncio has other words for what the system says
            words = os.strerror(cause.errno)
        failure = httpx.ConnectError(words) if timer.step == "connect" else httpx.ReadError(words)
    failure.__cause__ = cause
    return failure


def _new_pool(options: TransportOptions) -> ConnectionPool[Any]:
    return ConnectionPool(
        max_connections=options.max_connections, idle_seconds=options.idle_seconds, monotonic=options.monotonic
    )


async def _close_at_end(pool: _AsyncPool) -> AsyncGenerator[None]:
    """Close what an event loop has left when it ends: then it ends all generators that are suspended."""
    try:
        yield
    finally:
        pool.close()
        await _aclose_all(pool.expired())


def _has_ended(pool: _AsyncPool, loop: Any) -> bool:
    return pool.is_closed or (hasattr(loop, "is_closed") and bool(loop.is_closed()))  # asyncio's tells


def _close(processes: dict[int, tuple[_Pool, _Resolver]]) -> None:
    here = processes.get(os.getpid())
    if here is not None:
        here[0].close()
        _close_all(here[0].expired())


def _close_all(connections: Iterable[Connection | HttpxConnection]) -> None:
    for connection in connections:
        connection.close()


async def _aclose_all(connections: Iterable[AsyncConnection | AsyncHttpxConnection]) -> None:
    """Close all, also when a task is cancelled meanwhile: then what is left is closed without waiting."""
    failure: BaseException | None = None
    for connection in connections:
        try:
            await connection.aclose()
        except BaseException as error:  # noqa: BLE001 - raised when all are closed
            failure = error
    if failure is not None:
        raise failure
