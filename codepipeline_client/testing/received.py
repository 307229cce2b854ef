"""
What the endpoint was asked, for tests to look at and for rules to judge.
"""

from __future__ import annotations

from collections.abc import Mapping

from attrs import field, frozen

from .faults import Fault


@frozen(kw_only=True)
class IncomingRequest:
    """One request that reached the endpoint, before it is answered."""

    number: int
    """Counted in the order in which the requests arrived, from 1."""
    connection_number: int
    """The connection that it came on, counted in the order in which they were accepted, from 1."""
    method: str
    """The HTTP method."""
    path: str
    """The path as on the wire, the query included."""
    headers: Mapping[str, str] = field(repr=False)
    """By name in lower case; a header that came several times is joined with a comma."""
    body: bytes
    """The body as on the wire."""
    input: Mapping[str, object] | None
    """The operation's input by its names on the wire. None when the body was not a JSON object."""


@frozen(kw_only=True)
class ReceivedRequest(IncomingRequest):
    """One request that reached the endpoint, and how it was answered."""

    status_code: int
    """The HTTP status of the answer. The answer may not have arrived: see `fault`."""
    error_code: str | None
    """What it was refused with. None when it went well, and for an answer that came from `put_response`."""
    fault: Fault | None
    """What was injected. None when nothing was."""


def answered_with(
    status_code: int, error_code: str | None, fault: Fault | None, request: IncomingRequest
) -> ReceivedRequest:
    """Return *request* with what became of it."""
    return ReceivedRequest(
        number=request.number,
        connection_number=request.connection_number,
        method=request.method,
        path=request.path,
        headers=request.headers,
        body=request.body,
        input=request.input,
        status_code=status_code,
        error_code=error_code,
        fault=fault,
    )
