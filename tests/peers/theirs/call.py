"""
Run by a peer's Python, with the peer's name, a method's name and its arguments as JSON.

Calls the endpoint that the environment names, and prints one JSON line: the response, or the error.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import sys
from typing import Any


def by_boto3(method: str, arguments: dict[str, Any]) -> Any:
    # By name, here and below: the type checkers run where it is not installed.
    return getattr(importlib.import_module("boto3").client("codepipeline"), method)(**arguments)


async def by_aiobotocore(method: str, arguments: dict[str, Any]) -> Any:
    session = importlib.import_module("aiobotocore.session").get_session()
    async with session.create_client("codepipeline") as client:
        return await getattr(client, method)(**arguments)


def main(peer: str, method: str, arguments: str) -> None:
    call = method, json.loads(arguments)
    client_error = importlib.import_module("botocore.exceptions").ClientError
    try:
        response = by_boto3(*call) if peer == "boto3" else asyncio.run(by_aiobotocore(*call))
    except client_error as error:
        response = error.response
    print(json.dumps(response, default=lambda created: created.timestamp()))


main(*sys.argv[1:])
