"""
What a fuzzer starts from: responses of the test kit's endpoint, as they came over a socket, and odd ones.

Each is an input for the target, and so are the mutations of them that the suite runs.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import product
from random import Random
from socket import SHUT_WR
from typing import Final

from codepipeline_client.errors import SERVICE_ERRORS
from codepipeline_client.testing import LocalCodePipeline, faults, make_pipeline_execution

from ..testing.endpoint_client import FULL, NOW, REQUEST_BYTES, connected
from .target import GOOD, GOOD_BODY, TOKEN, encode

TOKENS: Final = (
    *(b"HTTP/1.1 ", b"HTTP/1.0 ", b"200", b"204", b"100", b"101", b"199", b"503", b"099", b" ", b"\r\n", b"\n", b"\r"),
    *(b": ", b":", b"\t", b"\r\n\r\n", b"\x00", b"\xff", b"{", b"}", b"[", b'"', b",", b"null", b"true", b"1e999"),
    *(b"NaN", b"-1", b"9" * 30, b"1" * 5000, b"ffffffffffffffff", b"0\r\n\r\n", b"5\r\n", b"%x\r\n" % len(GOOD_BODY)),
    *(b"Content-Length", b"Content-Length: 0\r\n", b"Transfer-Encoding: chunked\r\n", b"Content-Encoding: gzip\r\n"),
    *(b"Connection: close\r\n", b"Connection: upgrade\r\nUpgrade: x\r\n", b"x-amzn-RequestId: ", b"X-Amzn-ErrorType: "),
    *(b"Date: ", b"Location: ", b"x-amz-retry-after: ", b'"message"', b'"__type"', b'"code"', b'"pipelineExecution":'),
    *(b'"status":', b'"created":', b'"artifactRevisions":', b'"variables":', b'"trigger":', b'"pipelineVersion":'),
    *(b"\\ud800", b"\\u0000", b"\xed\xa0\x80", b"#", b"253402300800"),
)
"""Text that responses are made of, and text that they should not have."""

_MEMBERS: Final = {
    "%s": "pipelineName pipelineExecutionId pipelineVersion status statusSummary artifactRevisions variables trigger",
    '"executionMode":"NEW",%s': "executionMode executionType rollbackMetadata",
    '"artifactRevisions":[null,{%s}]': "created name revisionId revisionSummary revisionUrl",
    '"variables":[{%s}]': "name resolvedValue",
    '"trigger":{%s}': "triggerType triggerDetail",
}
_ODD_VALUES: Final = ("null", '"\\ud800x"', "true", "-1", "1e300", "[]", "{}", "[[]]", "[{},{}]")
_FAULTS: Final = (
    *(faults.Throttling(retry_after=4), faults.Throttling(code=None), faults.ServerError(status_code=503, body="busy")),
    *(faults.HtmlBody(), faults.Redirect(location="https://example.com/"), faults.ClockSkew(seconds=3600)),
    *(faults.WrongExecution(), faults.UnsolicitedAnswer(), faults.GarbageStatusLine()),
    *(faults.OversizeHeaders(size=110_000), faults.ConflictingLengths(), faults.InvalidGzip()),
    *(faults.OversizeBody(size=5_000), faults.CloseBeforeAnswer(), faults.TruncatedHeaders(), faults.TruncatedBody()),
    *(faults.TruncatedChunk(), faults.CloseAfterAnswer()),
)


def seeds() -> Iterator[bytes]:
    """Return inputs for the target."""
    for response in (*_recorded(), *_odd()):
        yield encode(response)
        yield encode(response, pieces=7)
        head, end, body = response.partition(b"\r\n\r\n")
        if end and body:
            # Without a length, so that a body which the fuzzer has changed is read all the same.
            yield encode(head.partition(b"\r\n")[0] + end + body)
    yield from (encode(b"HTTP/1.1 200 OK\r\n\r\n" + body.encode()) for body in _odd_bodies())


def mutations(inputs: list[bytes], *, count: int, seed: int) -> Iterator[bytes]:
    """Return so many inputs that are made out of *inputs*, the same for the same *seed*."""
    random = Random(seed)
    for _ in range(count):
        content = random.choice(inputs)[1:]
        for _ in range(random.randint(1, 5)):
            start = random.randint(0, len(content))
            end = start + random.choice((0, 0, 1, 2, 5, 40, len(content)))
            token, noise, other = random.choice(TOKENS), random.randbytes(random.randint(0, 4)), random.choice(inputs)
            content = content[:start] + random.choice((b"", token, token, noise, other[start:])) + content[end:]
        yield encode(content, pieces=random.choice((1, 1, 2, 7, 255)))


def _recorded() -> list[bytes]:
    """Return what the test kit's endpoint responds: executions, errors and faults."""
    responses: list[bytes] = []

    def record() -> None:
        with connected(endpoint) as connection:
            connection.sock.sendall(REQUEST_BYTES)
            connection.sock.shutdown(SHUT_WR)
            responses.append(connection.read_to_end()[0])

    with LocalCodePipeline(now=lambda: NOW) as endpoint:
        record()  # no such pipeline
        for execution in (FULL, make_pipeline_execution(status="InProgress", trigger=None, artifact_revisions=())):
            endpoint.put_execution(execution)
            record()
        for fault in (*(faults.ErrorResponse(code=code, message="Refused") for code in SERVICE_ERRORS), *_FAULTS):
            endpoint.inject(fault)
            record()
    return responses


def _odd() -> Iterator[bytes]:
    """Return what the endpoint does not respond: allowed and refused, whole and cut short, long and short."""
    yield GOOD
    yield GOOD.replace(b"1.1", b"1.0")
    yield GOOD + GOOD
    yield GOOD + b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"
    yield b"HTTP/1.1 103 Early Hints\r\nLink: <a>; rel=b\r\n\r\n" + GOOD
    yield b"HTTP/1.1 199 X\r\nContent-Length: 2\r\n\r\n{}" + GOOD
    yield b"HTTP/1.1 100 Continue\r\n\r\n" * 4_300 + GOOD
    yield b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"
    yield b"HTTP/1.1 204 No Content\r\n\r\n"
    yield b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n[1]"
    yield b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n"
    yield b"HTTP/1.1 200 OK\nContent-Length: 0\n\n"
    yield b"HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n" + GOOD_BODY
    chunks = b"%x;a=b\r\n%b\r\n0\r\nX-Trailer: 1\r\n\r\n" % (len(GOOD_BODY), GOOD_BODY)
    yield b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks
    yield b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\n \r\n" * 18_000
    yield b"HTTP/1.1 403 Forbidden\r\n\r\n" + json.dumps({"message": f"'{TOKEN}'", "__type": "a#b"}).encode()
    yield b"HTTP/1.1 200 OK\r\n\r\n" + b"[" * 90_000
    yield b""


def _odd_bodies() -> Iterator[str]:
    """Return an execution, with each of its members in turn as another type or out of range."""
    body = '{"pipelineExecution":{"status":"Failed",%s}}'
    for place, names in _MEMBERS.items():
        for name, value in product(names.split(), _ODD_VALUES):
            yield body % place % f'"{name}":{value}'
    yield body % f'"variables":[{"{}," * 10_000}{{}}]'
