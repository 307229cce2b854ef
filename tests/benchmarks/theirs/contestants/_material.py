"""What is signed and decoded by itself, the same for all."""

from __future__ import annotations

import json

ACCESS_KEY_ID = "AKIAIOSFODNN7EXAMPLE"
SECRET_ACCESS_KEY = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
HOST = "codepipeline.eu-west-1.amazonaws.com"
HEADERS = {
    "Content-Type": "application/x-amz-json-1.1",
    "X-Amz-Target": "CodePipeline_20150709.GetPipelineExecution",
    "User-Agent": "codepipeline-client/0.1.0 ua/2.1 os/linux#6.18.44 md/arch#x86_64 lang/python#3.11.7",
}
BODY = b'{"pipelineExecutionId":"7f3a1c52-9b0e-4d68-a1f4-2c6e8d0b9a31","pipelineName":"web"}'

COMMIT = "b3c1f7d2a9e84605c1d27f3ab8e09d4415c6a7f0"
CONNECTION = "arn:aws:codestar-connections:eu-west-1:123456789012:connection/0f7d5c1e-2a4b-4c8d-9e6f-1b3a5d7c9e0f"
EXECUTION = {
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
    "pipelineExecutionId": "7f3a1c52-9b0e-4d68-a1f4-2c6e8d0b9a31",
    "pipelineName": "web",
    "pipelineVersion": 7,
    "status": "Succeeded",
    "trigger": {"triggerDetail": CONNECTION, "triggerType": "WebhookV2"},
    "variables": [{"name": "stage", "resolvedValue": "live"}, {"name": "canary", "resolvedValue": "10"}],
}
ANSWER = json.dumps({"pipelineExecution": EXECUTION}, separators=(",", ":")).encode()
ANSWER_HEADERS = {"content-type": "application/x-amz-json-1.1", "content-length": str(len(ANSWER))}
