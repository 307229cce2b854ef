"""
The service that all clients call, in a process of its own: one response for each operation, as fast as Python can.

Prints its URL, then serves until its stdin ends. It checks no signature and injects no faults.
"""

from __future__ import annotations

import asyncio
import json
import sys
from email.utils import formatdate
from typing import Final
from uuid import uuid4

from clients import WIRE_INPUT

COMMIT: Final = "b3c1f7d2a9e84605c1d27f3ab8e09d4415c6a7f0"
CONNECTION: Final = (
    "arn:aws:codestar-connections:eu-west-1:123456789012:connection/0f7d5c1e-2a4b-4c8d-9e6f-1b3a5d7c9e0f"
)
EXECUTION: Final = {
    "artifactRevisions": [
        {
            "created": 1763812011.427,
            "name": "SourceArtifact",
            "revisionChangeIdentifier": "2025-11-22T11:46:51Z",
            "revisionId": COMMIT,
            "revisionSummary": '{"ProviderType":"GitHub","CommitMessage":"Answer faster, and say why"}',
            "revisionUrl": (
                "https://eu-west-1.console.aws.amazon.com/codesuite/settings/connections/redirect?connectionArn="
                f"{CONNECTION}&referenceType=COMMIT&FullRepositoryId=example/web&Commit={COMMIT}"
            ),
        }
    ],
    "executionMode": "QUEUED",
    "executionType": "STANDARD",
    **WIRE_INPUT,
    "pipelineVersion": 7,
    "status": "Succeeded",
    "trigger": {"triggerDetail": CONNECTION, "triggerType": "WebhookV2"},
    "variables": [{"name": "stage", "resolvedValue": "live"}, {"name": "canary", "resolvedValue": "10"}],
}
QUEUE: Final = {"QueueUrl": "https://sqs.eu-west-1.amazonaws.com/123456789012/web"}
RESPONSES: Final = {
    target: (version, json.dumps(body, separators=(",", ":")).encode())
    for target, version, body in (
        (b"codepipeline_20150709.getpipelineexecution", "1.1", {"pipelineExecution": EXECUTION}),
        (b"amazonsqs.getqueueurl", "1.0", QUEUE),
    )
}
"""By X-Amz-Target, in lower case: the version of AWS JSON, and the body."""
DATE: Final = formatdate(usegmt=True)


class Connection(asyncio.Protocol):
    """Responds to one request after the other."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._received = b""

    def data_received(self, data: bytes) -> None:
        self._received += data
        while True:
            head, blank, rest = self._received.partition(b"\r\n\r\n")
            head = head.lower()
            length = int(_header(head, b"content-length") or 0)
            if not blank or len(rest) < length:
                return
            self._received = rest[length:]
            self._transport.write(_response(*RESPONSES[_header(head, b"x-amz-target")]))


def _header(head: bytes, name: bytes) -> bytes:
    return head.partition(b"\r\n" + name + b":")[2].partition(b"\r\n")[0].strip()


def _response(version: str, body: bytes) -> bytes:
    head = (
        f"HTTP/1.1 200 OK\r\nx-amzn-RequestId: {uuid4()}\r\nDate: {DATE}\r\n"
        f"Content-Type: application/x-amz-json-{version}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def main() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Connection, "127.0.0.1", 0, backlog=1024)
    host, port = server.sockets[0].getsockname()
    print(f"http://{host}:{port}", flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


asyncio.run(main())
