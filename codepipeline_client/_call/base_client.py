"""
The arguments of both clients, their checks, and the start of a call.

Creating a client reads no file: the first call reads the settings, once for all calls.
"""

from __future__ import annotations

import os
import ssl
from base64 import b64encode
from collections.abc import Callable
from contextlib import suppress
from functools import update_wrapper
from types import FunctionType
from typing import Any, Final, Generic, Never, TypeVar

import httpx

from .._config.arguments import NotGiven, RetryMode, Timeout, count_of, plain_function, seconds_of
from .._config.settings import ClientArguments, check, resolve
from .._config.sources import Environment
from .._credentials.cache import CachedCredentials
from .._credentials.providers import AsyncCredentialsLike, CredentialsLike
from .._http import AsyncPooledTransport, PooledTransport, TransportOptions
from .._protocol.shapes import OperationInput
from .._protocol.sigv4 import Credentials
from .._protocol.user_agent import user_agent
from .._threads import ProcessLock, SharedFuture, run_in_thread, wait
from ..clock import Clock, ClosableClock, Deadline, SystemClock
from ..errors import ConfigurationError, ParameterValidationError
from ..operations import InputT, Operation, OutputT
from ..transport import AsyncSigV4Transport, SigV4Transport
from .driver import Call, ClientRuntime, TransportT, closed, drive, drive_async
from .exchange import CallDefaults, Skew
from .reports import OnAttempt
from .retry import RetryPolicy

CredentialsT = TypeVar("CredentialsT")
T = TypeVar("T")

_MOST_CONNECTIONS: Final = 64


class BaseClient(Generic[TransportT, CredentialsT]):
    """The arguments of a client, and what follows from them without waiting."""

    _transport_kind: type[httpx.BaseTransport | httpx.AsyncBaseTransport]
    _pooled_transport: Callable[[TransportOptions], TransportT]
    _signing_transport: Callable[..., TransportT]

    def __init__(
        self,
        *,
        region_name: str | None = None,
        profile_name: str | None = None,
        credentials: CredentialsT | None = None,
        endpoint_url: str | None = None,
        use_fips_endpoint: bool | None = None,
        use_dualstack_endpoint: bool | None = None,
        retry_mode: RetryMode | None = None,
        max_attempts: int | None = None,
        timeout: Timeout = 60.0,
        connect_timeout: Timeout = 5.0,
        read_timeout: Timeout = 20.0,
        max_connections: int = _MOST_CONNECTIONS,
        proxy: str | None = None,
        trust_env: bool = True,
        verify: bool | str | ssl.SSLContext = True,
        parameter_validation: bool = True,
        user_agent_app_id: str | None = None,
        transport: TransportT | None = None,
        clock: Clock | None = None,
        on_attempt: OnAttempt | None = None,
    ) -> None:
        """
        Creating a client reads no file and opens no connection: the first call does.

        Raises ConfigurationError for an unusable argument. If a setting from elsewhere is missing or unusable, the
        first call raises ConfigurationError. Defaults are in order of precedence.

        Args:
            region_name: Such as ``eu-west-1``. Default: ``AWS_REGION``, ``AWS_DEFAULT_REGION``, then the profile.
            profile_name: The profile of the shared config files. A profile named here takes precedence over
                credentials in the environment. Default: ``AWS_DEFAULT_PROFILE`` (first, as in botocore),
                ``AWS_PROFILE``, then ``default``.
            credentials: A `Credentials`, a function that returns one (the async client also accepts an async
                function), or botocore's credentials object. Default: the environment, then botocore's chain of
                sources, in the order of the AWS CLI.
            endpoint_url: The endpoint to use instead of the region's. Default: ``AWS_ENDPOINT_URL_CODEPIPELINE``,
                ``AWS_ENDPOINT_URL``, then the profile.
            use_fips_endpoint: True for the FIPS endpoint. Default: ``AWS_USE_FIPS_ENDPOINT``, the profile, then False.
            use_dualstack_endpoint: True for the endpoint that also has IPv6. Default:
                ``AWS_USE_DUALSTACK_ENDPOINT``, the profile, then False.
            retry_mode: ``standard``, ``adaptive`` (also sends fewer requests when the service throttles) or ``off``.
                Default: ``AWS_RETRY_MODE``, the profile, then ``standard``.
            max_attempts: The most requests that a call sends, the first one included. One more is sent if the service
                rejects the credentials as expired and the provider has others. Default: ``AWS_MAX_ATTEMPTS``, the
                profile, then 3.
            timeout: The limit of a whole call, in seconds or as a timedelta. It includes fetching credentials, every
                attempt and every pause. None for no limit.
            connect_timeout: The limit for opening a connection, in seconds or as a timedelta. None for no limit.
            read_timeout: How long the service may send nothing, in seconds or as a timedelta. None for no limit.
            max_connections: The most connections that are open at once.
            proxy: The URL of a proxy. Default: ``HTTPS_PROXY``, ``HTTP_PROXY``, ``ALL_PROXY`` and ``NO_PROXY``, which
                are ignored for a loopback endpoint.
            trust_env: False to ignore proxies and CA files from the environment.
            verify: True for the usual CA files (``AWS_CA_BUNDLE`` first), the path of a CA file, or an SSL context.
            parameter_validation: False to let the service check names and ids.
            user_agent_app_id: A name for your application in the User-Agent. Default: ``AWS_SDK_UA_APP_ID``, then
                the profile.
            transport: An httpx transport to use instead of the client's own connections. Closing the client closes it.
            clock: A `Clock` to use instead of the machine's clock.
            on_attempt: A plain function that is called with an `AttemptReport` after each attempt, in the thread or the
                task of the call. An error in it is logged and does not affect the call.
        """
        self._arguments = arguments = ClientArguments(
            region_name=region_name,
            profile_name=profile_name,
            endpoint_url=endpoint_url,
            use_fips_endpoint=use_fips_endpoint,
            use_dualstack_endpoint=use_dualstack_endpoint,
            proxy=proxy,
            trust_env=trust_env,
            verify=verify,
            has_transport=transport is not None,
            user_agent_app_id=user_agent_app_id,
            retry_mode=retry_mode,
            max_attempts=max_attempts,
        )
        del proxy, endpoint_url  # a traceback may show local variables, and these may hold passwords
        try:
            self._clock = ClosableClock(SystemClock() if clock is None else clock)
            self._credentials = CachedCredentials(
                credentials,
                profile_name=profile_name,
                region_name=region_name,
                now=self._clock.time,
                allow_async=self._transport_kind is httpx.AsyncBaseTransport,
            )
        finally:
            del credentials
        check(arguments)
        if transport is not None:
            if not isinstance(transport, self._transport_kind):
                raise ConfigurationError(
                    f"transport must be an httpx.{self._transport_kind.__name__}, not {type(transport).__name__}"
                )
            if arguments.proxy is not None or arguments.verify is not True or max_connections != _MOST_CONNECTIONS:
                raise ConfigurationError("configure proxy, verify and max_connections on the transport, not the client")
        if parameter_validation not in (True, False):
            raise ConfigurationError(f"parameter_validation must be True or False, not {parameter_validation!r}")
        if on_attempt is not None:
            plain_function("on_attempt", on_attempt)
        self._timeout = seconds_of("timeout", timeout)
        self._connect_timeout = seconds_of("connect_timeout", connect_timeout)
        self._read_timeout = seconds_of("read_timeout", read_timeout)
        self._max_connections = count_of("max_connections", max_connections)
        self._environ = Environment(dict(os.environ))
        self._parameter_validation = parameter_validation
        self._transport: TransportT | None = transport
        self._on_attempt = on_attempt
        self._runtime: ClientRuntime[TransportT] | None = None
        self._lock = ProcessLock()
        self._pending: dict[int, SharedFuture[ClientRuntime[TransportT]]] = {}

    def __repr__(self) -> str:
        """Return the region and the profile; nothing that could be secret."""
        given = self._arguments
        return f"{type(self).__name__}(region_name={given.region_name!r}, profile_name={given.profile_name!r})"

    def __reduce__(self) -> Never:
        """Refuse to be pickled, which threads and connections cannot be."""
        raise TypeError(f"{type(self).__name__} objects cannot be pickled or copied: make one in each process")

    def _new_runtime(self) -> ClientRuntime[TransportT]:
        """Read the settings. Raises ConfigurationError when one is missing or unusable."""
        settings = resolve(self._arguments, self._environ)
        url, is_loopback = settings.endpoint
        options = TransportOptions(
            verify=settings.ca_file or self._arguments.verify,
            proxy=settings.proxy_url,
            max_connections=self._max_connections,
            monotonic=self._clock.monotonic,
        )
        proxy = options.proxy
        runtime = ClientRuntime(
            defaults=CallDefaults(
                headers=(("User-Agent", user_agent(settings.user_agent_app_id)), ("Accept-Encoding", "identity")),
                retry=RetryPolicy(settings.retry_mode, settings.max_attempts, self._clock.monotonic),
                skew=Skew(is_corrected=settings.correct_clock_skew),
                lifetime=lambda: self._clock.time() + (self._read_timeout or 0.0),
                region_name=settings.region_name,
            ),
            url=url.copy_with(raw_path=url.raw_path),  # "/" is written out, so that the exact URL of a mock matches
            transport=self._signing_transport(
                self._pooled_transport(options) if self._transport is None else self._transport,
                service_name="codepipeline",
                region_name=settings.region_name,
                credentials=self._credentials,
                now=self._clock.time,
            ),
            keeps_deadline=self._transport is None,
            clock=self._clock,
            connect_timeout=self._connect_timeout,
            read_timeout=self._read_timeout,
            host=url.netloc.decode("ascii"),
            proxy="" if proxy is None else f"{proxy.url.netloc.decode('ascii')} (from {settings.proxy_origin})",
            proxy_login=_login(proxy) if url.scheme == "http" else None,
            on_attempt=self._on_attempt,
            insecure_url=str(url) if url.scheme == "http" and not is_loopback else None,
        )
        with self._lock():  # two event loops may make one each, and all calls must share one
            self._runtime = self._runtime or runtime
        return self._runtime

    def _new_call(
        self, operation: Operation[InputT, OutputT], request: InputT, timeout: Timeout | NotGiven, is_poll: bool
    ) -> Call[InputT, OutputT]:
        """Return a call, if it is valid. A poll may take as long as a call, but no longer than its *timeout*."""
        self._check(operation.name, request)
        seconds = self._timeout if isinstance(timeout, NotGiven) else seconds_of("timeout", timeout)
        if is_poll and self._timeout is not None:
            seconds = self._timeout if seconds is None else min(seconds, self._timeout)
        return Call(operation, request, Deadline(seconds, self._clock.monotonic), is_poll)

    def _check(self, operation_name: str, request: OperationInput) -> None:
        """Raise for a closed client or an invalid input, before anything is read or sent."""
        self._check_open()
        violations = request.violations(self._parameter_validation)
        if violations:
            raise ParameterValidationError(operation_name, violations)

    def _check_open(self) -> None:
        if self._clock.is_closed:
            raise ConfigurationError(f"this {type(self).__name__} is closed: create a new one")

    def _end(self) -> TransportT | None:
        """End all waits, and return the transport to close."""
        self._clock.close()
        self._credentials.close()
        return self._transport if self._runtime is None else self._runtime.transport


class BaseSyncClient(BaseClient[httpx.BaseTransport, CredentialsLike]):
    """The start of a call in a thread."""

    _transport_kind = httpx.BaseTransport
    _pooled_transport = PooledTransport
    _signing_transport = SigV4Transport

    def _call(
        self, operation: Operation[InputT, OutputT], request: InputT, timeout: Timeout | NotGiven, is_poll: bool = False
    ) -> OutputT:
        call = self._new_call(operation, request, timeout, is_poll)
        return drive(call, self._runtime or self._prepared(call))

    def _prepared(self, call: Call[InputT, OutputT]) -> ClientRuntime[httpx.BaseTransport]:
        """Return the runtime, which one thread makes while the others wait."""
        lock, left = self._lock(), call.deadline.within(None)
        try:
            if not lock.acquire(timeout=-1 if left is None else left):
                raise call.late()
            return self._runtime or self._new_runtime()
        finally:
            with suppress(RuntimeError):  # it may not be ours: the time may be over, or a signal may interrupt
                lock.release()


class BaseAsyncClient(BaseClient[httpx.AsyncBaseTransport, AsyncCredentialsLike]):
    """The start of a call in a task."""

    _transport_kind = httpx.AsyncBaseTransport
    _pooled_transport = AsyncPooledTransport
    _signing_transport = AsyncSigV4Transport

    async def _call(
        self, operation: Operation[InputT, OutputT], request: InputT, timeout: Timeout | NotGiven, is_poll: bool = False
    ) -> OutputT:
        call = self._new_call(operation, request, timeout, is_poll)
        return await drive_async(call, self._runtime or await self._prepared(call))

    async def _prepared(self, call: Call[InputT, OutputT]) -> ClientRuntime[httpx.AsyncBaseTransport]:
        """Return the runtime, which is made in a thread: settings may be in files."""
        pending = self._pending.get(os.getpid())
        if pending is None or pending.done():
            try:
                pending = run_in_thread(self._new_runtime, name="codepipeline_client-settings")
            except RuntimeError as error:
                raise ConfigurationError(f"no thread could be started to read the settings: {error}") from error
            self._pending[os.getpid()] = pending
        runtime = await self._clock.wait(wait(pending), call.deadline.left())
        if runtime is None:
            raise closed() if self._clock.is_closed else call.late()
        return runtime


def _login(proxy: httpx.Proxy | None) -> Credentials | None:
    """Return the password of *proxy*, as it is and as it is sent."""
    if proxy is None or proxy.raw_auth is None:
        return None
    sent = b64encode(b":".join(proxy.raw_auth)).decode()
    return Credentials(access_key_id="", secret_access_key=proxy.raw_auth[1].decode(), session_token=sent)


def own_init(kind: type[T]) -> type[T]:
    """Give a class a copy of the ``__init__`` that it inherits: Python's errors about arguments name the class then."""
    inherited: Any = kind.__init__
    init = FunctionType(inherited.__code__, inherited.__globals__)
    init.__kwdefaults__ = inherited.__kwdefaults__
    update_wrapper(init, inherited)
    init.__qualname__ = f"{kind.__qualname__}.__init__"
    kind.__init__ = init  # type: ignore[method-assign]  # the same function under the name of the class
    return kind
