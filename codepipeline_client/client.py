"""
The clients: one short method for each operation.

The parts come from `_setup`; how a call goes is in `_exchange`, and how it waits in `_driver`. The two clients are
twins, and differ in what they wait with only.
"""

from __future__ import annotations

from types import TracebackType
from typing import Self

import httpx

from ._async_following import AsyncFollows
from ._config.arguments import NOT_GIVEN, NotGiven
from ._credentials import AsyncCredentialsLike, CredentialsLike
from ._driver import drive, drive_async, prepared, prepared_async
from ._following import Follows
from ._http import AsyncPooledTransport, PooledTransport, TransportOptions
from ._setup import SIGNING_NAME
from ._wait import asking_for
from .operations import GET_PIPELINE_EXECUTION, InputT, Operation, OutputT
from .operations.get_pipeline_execution import GetPipelineExecutionInput, GetPipelineExecutionOutput
from .transport import AsyncSigV4Transport, SigV4Transport
from .waiting import PipelineExecutionReference


class CodePipelineClient(Follows[httpx.BaseTransport, CredentialsLike]):
    """
    Asks CodePipeline about executions, and follows them to their end. Threads may share one.

    Use it in a ``with`` block, or close it: it keeps connections open between calls.
    """

    _transport_kind = httpx.BaseTransport
    _accepts_async_providers = False

    def get_pipeline_execution(
        self, *, pipeline_name: str, pipeline_execution_id: str, timeout: float | NotGiven | None = NOT_GIVEN
    ) -> GetPipelineExecutionOutput:
        """
        Return an execution as it is now: status, revisions, variables.

        *timeout* is in seconds, for the whole call: else the client's. None for no limit.

        Raises:
            ParameterValidationError: The name or the id breaks a rule. Nothing was sent.
            PipelineNotFoundException: There is no such pipeline in this account and region.
            PipelineExecutionNotFoundException: The pipeline has no such execution.
            ServiceError: The service refused or failed; each documented code has a class of its own.
            ResponseDecodeError: The answer cannot be trusted.
            TransportError: No answer came.
            CredentialsError: There are no keys to sign with.
            ConfigurationError: A setting is missing or unusable.

        https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_GetPipelineExecution.html
        """
        asked = GetPipelineExecutionInput(pipeline_name=pipeline_name, pipeline_execution_id=pipeline_execution_id)
        return self._call(GET_PIPELINE_EXECUTION, asked, timeout)

    def close(self) -> None:
        """
        Close the connections. Calls after this are a ConfigurationError.

        Calls under way, those too that pause or wait for settings or keys, end as a ConnectionFailedError.
        """
        self._clock.close()
        self._parts.close()
        self._credentials.close()
        parts = self._parts.value
        transport = self._transport if parts is None else parts.transport
        if transport is not None:
            transport.close()

    def __enter__(self) -> Self:
        """Return the client."""
        self._check_open()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        """Close the client."""
        self.close()

    def _poll(self, reference: PipelineExecutionReference, timeout: float | None) -> GetPipelineExecutionOutput:
        asked, limit = asking_for(reference), self._within(timeout)
        return self._call(GET_PIPELINE_EXECUTION, asked, limit, is_poll=True)

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
        parts = self._parts.value
        if parts is None:
            parts = self._accept(prepared(self._parts, operation.name, deadline), is_poll=is_poll)
        return drive(self._run(operation, asked, parts, deadline, is_poll=is_poll), parts.transport)

    def _signing_transport(self, options: TransportOptions, region_name: str) -> httpx.BaseTransport:
        return SigV4Transport(
            PooledTransport(options) if self._transport is None else self._transport,
            service_name=SIGNING_NAME,
            region_name=region_name,
            credentials=self._credentials,
            now=self._clock.time,
        )


class AsyncCodePipelineClient(AsyncFollows[httpx.AsyncBaseTransport, AsyncCredentialsLike]):
    """
    Asks CodePipeline about executions, and follows them to their end, on asyncio or trio. Tasks may share one.

    Use it in an ``async with`` block, or close it: it keeps connections open between calls.
    """

    _transport_kind = httpx.AsyncBaseTransport
    _accepts_async_providers = True

    async def get_pipeline_execution(
        self, *, pipeline_name: str, pipeline_execution_id: str, timeout: float | NotGiven | None = NOT_GIVEN
    ) -> GetPipelineExecutionOutput:
        """
        Return an execution as it is now: status, revisions, variables.

        *timeout* is in seconds, for the whole call: else the client's. None for no limit.

        Raises:
            ParameterValidationError: The name or the id breaks a rule. Nothing was sent.
            PipelineNotFoundException: There is no such pipeline in this account and region.
            PipelineExecutionNotFoundException: The pipeline has no such execution.
            ServiceError: The service refused or failed; each documented code has a class of its own.
            ResponseDecodeError: The answer cannot be trusted.
            TransportError: No answer came.
            CredentialsError: There are no keys to sign with.
            ConfigurationError: A setting is missing or unusable.

        https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_GetPipelineExecution.html
        """
        asked = GetPipelineExecutionInput(pipeline_name=pipeline_name, pipeline_execution_id=pipeline_execution_id)
        return await self._call(GET_PIPELINE_EXECUTION, asked, timeout)

    async def aclose(self) -> None:
        """
        Close the connections. Calls after this are a ConfigurationError.

        Calls under way, those too that pause or wait for settings or keys, end as a ConnectionFailedError.
        """
        self._clock.close()
        self._parts.close()
        self._credentials.close()
        parts = self._parts.value
        transport = self._transport if parts is None else parts.transport
        if transport is not None:
            await transport.aclose()

    async def __aenter__(self) -> Self:
        """Return the client."""
        self._check_open()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        """Close the client."""
        await self.aclose()

    async def _poll(self, reference: PipelineExecutionReference, timeout: float | None) -> GetPipelineExecutionOutput:
        asked, limit = asking_for(reference), self._within(timeout)
        return await self._call(GET_PIPELINE_EXECUTION, asked, limit, is_poll=True)

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
        parts = self._parts.value
        if parts is None:
            parts = self._accept(await prepared_async(self._parts, operation.name, deadline), is_poll=is_poll)
        run = self._run(operation, asked, parts, deadline, is_poll=is_poll)
        return await drive_async(run, parts.transport, keeps_deadline=self._transport is None)

    def _signing_transport(self, options: TransportOptions, region_name: str) -> httpx.AsyncBaseTransport:
        return AsyncSigV4Transport(
            AsyncPooledTransport(options) if self._transport is None else self._transport,
            service_name=SIGNING_NAME,
            region_name=region_name,
            credentials=self._credentials,
            now=self._clock.time,
        )
