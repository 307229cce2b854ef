"""
Run code that calls CodePipeline in tests, without an account and a network. Only names, no code.

`LocalCodePipeline` is the service on this machine, `make_pipeline_execution` makes the executions that it returns,
`faults` are the failures to inject, and `FakeClock` makes waiting take no time.
The fixtures are in `codepipeline_client.testing.pytest_plugin`, which pytest finds by itself.
"""

from __future__ import annotations

from .executions import (
    ArtifactRevisionFields,
    ExecutionTriggerFields,
    PipelineRollbackMetadataFields,
    ResolvedPipelineVariableFields,
    ScriptStep,
    Shown,
    make_pipeline_execution,
)
from .fake_clock import FakeClock
from .local_codepipeline import LocalCodePipeline
from .messages import IncomingRequest, ReceivedRequest

__all__ = [
    "ArtifactRevisionFields",
    "ExecutionTriggerFields",
    "FakeClock",
    "IncomingRequest",
    "LocalCodePipeline",
    "PipelineRollbackMetadataFields",
    "ReceivedRequest",
    "ResolvedPipelineVariableFields",
    "ScriptStep",
    "Shown",
    "make_pipeline_execution",
]
