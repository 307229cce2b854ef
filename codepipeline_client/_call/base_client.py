"""
The arguments of both clients, their checks, and the start of a call.

Making a client reads no file: the first call reads the settings, once for all calls.
"""

from __future__ import annotations

import os
import ssl
import warnings
from abc import ABC, abstractmethod
from typing import Final, Generic, TypeVar

import httpx

from .._config.arguments import ClientArguments, NotGiven, RetryMode, check, count_of, seconds_of
from .._config.sources import Environment
from .._credentials import AsyncCredentialsLike, CachedCredentials, CredentialsLike
from .._http import AsyncPooledTransport, PooledTransport, TransportOptions
from .._threads import ProcessLock, SharedFuture, run_in_thread, wait
from ..clock import Clock, ClosableClock, Deadline, SystemClock
from ..errors import ConfigurationError, InsecureEndpointWarning, ParameterValidationError
from ..operations import InputT, Operation, OutputT
from ..transport import AsyncSigV4Transport, SigV4Transport
from .context import CallContext, Limits, OnAttempt, closed, invocation_id, late
from .driver import drive, drive_async
from .exchange import exchange
from .runtime import ClientRuntime, new_runtime

TransportT = TypeVar("TransportT")
CredentialsT = TypeVar("CredentialsT")

_SIGNING_NAME: Final = "codepipeline"
_MOST_CONNECTIONS: Final = 64


class BaseClient(ABC, Generic[TransportT, CredentialsT]):
    """The arguments of a client, and what follows from them without waiting."""

    _transport_kind: type[httpx.BaseTransport | httpx.AsyncBaseTransport]
    """What a transport must be."""
    _accepts_async_providers: bool

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
        timeout: float | None = 60.0,
        connect_timeout: float | None = 5.0,
        read_timeout: float | None = 20.0,
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
        Check the arguments. Reads no file and connects to nothing: the first call does.

        Raises ConfigurationError when an argument is unusable. A setting from elsewhere that is missing or unusable
        is a ConfigurationError of the first call.

        Args:
            region_name: The region, such as ``eu-west-1``. Else ``AWS_REGION``, ``AWS_DEFAULT_REGION``, the profile's.
            profile_name: The profile of the shared config files. Else ``AWS_DEFAULT_PROFILE`` (first in
                botocore, too), ``AWS_PROFILE``, or ``default``. One that is named here wins over keys in the
                environment.
            credentials: A `Credentials`, a function that returns one (for the async client an async one will do),
                or botocore's credentials object. Else the environment, and then botocore's chain of sources, as the
                AWS CLI would find them.
            endpoint_url: Where to send, in the place of the region's endpoint. Else
                ``AWS_ENDPOINT_URL_CODEPIPELINE``, ``AWS_ENDPOINT_URL``, the profile's.
            use_fips_endpoint: Whether to use the FIPS endpoint. Else ``AWS_USE_FIPS_ENDPOINT``, the profile's, or no.
            use_dualstack_endpoint: Whether to use the endpoint that has IPv6 too. Else
                ``AWS_USE_DUALSTACK_ENDPOINT``, the profile's, or no.
            retry_mode: ``standard``, ``adaptive`` (also slows down by itself when it is throttled) or ``off``. Else
                ``AWS_RETRY_MODE``, the profile's, or ``standard``.
            max_attempts: How many requests a call may send, the first one included; one more if the service calls
                the keys expired, and there are others. Else ``AWS_MAX_ATTEMPTS``, the profile's, or 3.
            timeout: How long a whole call may take, in seconds: credentials, every attempt and every pause included.
                None for no limit.
            connect_timeout: How long making a connection may take, in seconds. None for no limit.
            read_timeout: How long the service may be silent, in seconds. None for no limit.
            max_connections: How many connections may be open at once.
            proxy: The URL of a proxy. Else ``HTTPS_PROXY``, ``HTTP_PROXY``, ``ALL_PROXY`` and ``NO_PROXY``, which a
                loopback endpoint does not heed.
            trust_env: False to take neither proxies nor CA files from the environment.
            verify: True for the usual CA files (``AWS_CA_BUNDLE`` first), the path of a CA file, or an SSL context.
            parameter_validation: False to leave the checking of names and ids to the service.
            user_agent_app_id: A name for your application in the User-Agent. Else ``AWS_SDK_UA_APP_ID``, the
                profile's.
            transport: An httpx transport to send through, in the place of the client's own connections. Closing the
                client closes it.
            clock: What tells the time and sleeps, in the place of the machine's clock.
            on_attempt: A function that is called with an `AttemptReport` after each attempt, in the thread or the
                task of the call. An error in it is logged, and harms no call.
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
            user_agent_app_id=user_agent_app_id,
            retry_mode=retry_mode,
            max_attempts=max_attempts,
        )
        del proxy, endpoint_url  # a traceback may show local variables, and these may hold passwords
        try:
            self._clock = ClosableClock(_clock(clock))
            self._credentials = CachedCredentials(
                credentials,
                profile_name=profile_name,
                region_name=region_name,
                now=self._clock.time,
                allow_async=self._accepts_async_providers,
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
                raise ConfigurationError(
                    "proxy, verify and max_connections are a transport's own: give them to it, not beside it"
                )
        if parameter_validation not in (True, False):
            raise ConfigurationError(f"parameter_validation must be True or False, not {parameter_validation!r}")
        self._timeout = seconds_of("timeout", timeout)
        self._limits = Limits(
            connect=seconds_of("connect_timeout", connect_timeout), read=seconds_of("read_timeout", read_timeout)
        )
        self._max_connections = count_of("max_connections", max_connections)
        self._environ = Environment(os.environ)
        self._parameter_validation = parameter_validation
        self._transport: TransportT | None = transport
        self._on_attempt = on_attempt
        self._runtime: ClientRuntime[TransportT] | None = None
        self._lock = ProcessLock()
        self._pending: dict[int, SharedFuture[ClientRuntime[TransportT]]] = {}

    def __repr__(self) -> str:
        """Return what the client was told about where to call; nothing that could be secret."""
        told = self._arguments
        return f"{type(self).__name__}(region_name={told.region_name!r}, profile_name={told.profile_name!r})"

    @abstractmethod
    def _signing_transport(self, options: TransportOptions, region_name: str) -> TransportT:
        """Return what signs and sends, through the user's transport or over connections by *options*."""

    def _new_runtime(self) -> ClientRuntime[TransportT]:
        self._runtime = runtime = new_runtime(
            self._arguments,
            self._environ,
            clock=self._clock,
            limits=self._limits,
            max_connections=self._max_connections,
            on_attempt=self._on_attempt,
            transport=self._signing_transport,
        )
        return runtime

    def _deadline(self, timeout: float | NotGiven | None) -> Deadline:
        seconds = self._timeout if isinstance(timeout, NotGiven) else seconds_of("timeout", timeout)
        return Deadline(seconds, self._clock.monotonic)

    def _poll_timeout(self, left: float | None) -> float | None:
        """Return how many seconds a poll may take: as many as a call, and not more than are *left* of the wait."""
        limits = [limit for limit in (left, self._timeout) if limit is not None]
        return min(limits, default=None)

    def _context(
        self,
        operation: Operation[InputT, OutputT],
        asked: InputT,
        runtime: ClientRuntime[TransportT],
        deadline: Deadline,
        *,
        is_poll: bool,
    ) -> CallContext[OutputT]:
        if runtime.is_insecure:
            warnings.warn(
                f"requests go to {runtime.defaults.url} unencrypted: use https, or http with a loopback address only",
                InsecureEndpointWarning,
                stacklevel=6 if is_poll else 4,
            )
        defaults = runtime.poll_defaults if is_poll else runtime.defaults
        return CallContext(
            operation_name=operation.name,
            exchange=exchange(operation, asked, defaults, invocation_id=invocation_id()),
            clock=self._clock,
            limits=self._limits,
            deadline=deadline,
            reporter=runtime.reporter,
        )

    def _check(self, operation: Operation[InputT, OutputT], asked: InputT) -> None:
        """Refuse what needs no waiting to be refused."""
        self._check_open()
        violations = operation.violations(asked, self._parameter_validation)
        if violations:
            raise ParameterValidationError(operation.name, violations)

    def _check_open(self) -> None:
        if self._clock.is_closed:
            raise ConfigurationError(f"this {type(self).__name__} is closed: make a new one")

    def _end(self) -> TransportT | None:
        """End all that waits, and return the transport, to be closed."""
        self._clock.close()
        self._credentials.close()
        return self._transport if self._runtime is None else self._runtime.transport


class BaseSyncClient(BaseClient[httpx.BaseTransport, CredentialsLike]):
    """How a call begins in a thread."""

    _transport_kind = httpx.BaseTransport
    _accepts_async_providers = False

    def _call(
        self,
        operation: Operation[InputT, OutputT],
        asked: InputT,
        timeout: float | NotGiven | None,
        *,
        is_poll: bool = False,
    ) -> OutputT:
        self._check(operation, asked)
        deadline = self._deadline(timeout)
        runtime = self._runtime
        if runtime is None:
            lock, left = self._lock(), deadline.within(None)
            if not lock.acquire(timeout=-1 if left is None else left):
                raise late(operation.name, deadline)
            try:
                runtime = self._runtime or self._new_runtime()
            finally:
                lock.release()
        return drive(self._context(operation, asked, runtime, deadline, is_poll=is_poll), runtime.transport)

    def _signing_transport(self, options: TransportOptions, region_name: str) -> httpx.BaseTransport:
        return SigV4Transport(
            PooledTransport(options) if self._transport is None else self._transport,
            service_name=_SIGNING_NAME,
            region_name=region_name,
            credentials=self._credentials,
            now=self._clock.time,
        )


class BaseAsyncClient(BaseClient[httpx.AsyncBaseTransport, AsyncCredentialsLike]):
    """How a call begins in a task."""

    _transport_kind = httpx.AsyncBaseTransport
    _accepts_async_providers = True

    async def _call(
        self,
        operation: Operation[InputT, OutputT],
        asked: InputT,
        timeout: float | NotGiven | None,
        *,
        is_poll: bool = False,
    ) -> OutputT:
        self._check(operation, asked)
        deadline = self._deadline(timeout)
        runtime = self._runtime or await self._prepared(operation.name, deadline)
        context = self._context(operation, asked, runtime, deadline, is_poll=is_poll)
        return await drive_async(context, runtime.transport, keeps_deadline=self._transport is None)

    async def _prepared(self, operation_name: str, deadline: Deadline) -> ClientRuntime[httpx.AsyncBaseTransport]:
        """Return the runtime, which is made in a thread: settings may be in files."""
        pending = self._pending.get(os.getpid())
        if pending is None or pending.done():
            try:
                pending = run_in_thread(self._new_runtime, name="codepipeline_client-settings")
            except RuntimeError as error:
                raise ConfigurationError(f"no thread could be started to read the settings: {error}") from error
            self._pending[os.getpid()] = pending
        runtime = await self._clock.wait(wait(pending), deadline.left())
        if runtime is None:
            raise closed() if self._clock.is_closed else late(operation_name, deadline)
        return runtime

    def _signing_transport(self, options: TransportOptions, region_name: str) -> httpx.AsyncBaseTransport:
        return AsyncSigV4Transport(
            AsyncPooledTransport(options) if self._transport is None else self._transport,
            service_name=_SIGNING_NAME,
            region_name=region_name,
            credentials=self._credentials,
            now=self._clock.time,
        )


def _clock(given: object) -> Clock:
    if given is None:
        return SystemClock()
    if not isinstance(given, Clock):
        raise ConfigurationError(f"clock must have time, monotonic, sleep and sleep_async, not {type(given).__name__}")
    return given
