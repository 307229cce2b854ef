"""
What a test needs to run code that calls CodePipeline, with no account and no network: the front door, nothing else.

`LocalCodePipeline` is the service on this machine, `make_pipeline_execution` makes what it answers with.
The fixtures are in `codepipeline_client.testing.pytest_plugin`, which pytest finds by itself.
"""

from __future__ import annotations

from .executions import (
    ArtifactRevisionFields,
    ExecutionTriggerFields,
    PipelineRollbackMetadataFields,
    ResolvedPipelineVariableFields,
    make_pipeline_execution,
)
from .local_codepipeline import LocalCodePipeline, ReceivedRequest

__all__ = [
    "ArtifactRevisionFields",
    "ExecutionTriggerFields",
    "LocalCodePipeline",
    "PipelineRollbackMetadataFields",
    "ReceivedRequest",
    "ResolvedPipelineVariableFields",
    "make_pipeline_execution",
]
