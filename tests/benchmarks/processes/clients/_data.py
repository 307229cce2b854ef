"""What every client asks for, and what is signed."""

from __future__ import annotations

from typing import Final, TypedDict


class Input(TypedDict):
    """The input by the names of the typed clients."""

    pipeline_name: str
    pipeline_execution_id: str


INPUT: Final = Input(pipeline_name="web", pipeline_execution_id="7f3a1c52-9b0e-4d68-a1f4-2c6e8d0b9a31")
WIRE_INPUT: Final = {"pipelineName": INPUT["pipeline_name"], "pipelineExecutionId": INPUT["pipeline_execution_id"]}
BODY: Final = b'{"pipelineExecutionId":"7f3a1c52-9b0e-4d68-a1f4-2c6e8d0b9a31","pipelineName":"web"}'
HEADERS: Final = {
    "Content-Type": "application/x-amz-json-1.1",
    "X-Amz-Target": "CodePipeline_20150709.GetPipelineExecution",
}

ACCESS_KEY_ID: Final = "AKIAIOSFODNN7EXAMPLE"
SECRET_ACCESS_KEY: Final = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
HOST: Final = "codepipeline.eu-west-1.amazonaws.com"
HEADERS_TO_SIGN: Final = {**HEADERS, "User-Agent": "codepipeline-client/0.1.0 ua/2.1 os/linux#6.18.44 md/arch#x86_64"}
