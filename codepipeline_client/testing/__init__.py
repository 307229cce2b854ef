"""
Run code that calls CodePipeline in tests, without an account and a network. Only names, no code.

`LocalCodePipeline` is the service on this machine, `make_pipeline_execution` makes the executions that it returns,
`faults` are the failures to inject, and `FakeClock` makes waiting take no time.
The fixtures are in `codepipeline_client.testing.pytest_plugin`, which pytest finds by itself.
"""

from .executions import ArtifactRevisionFields as ArtifactRevisionFields
from .executions import ExecutionTriggerFields as ExecutionTriggerFields
from .executions import PipelineRollbackMetadataFields as PipelineRollbackMetadataFields
from .executions import ResolvedPipelineVariableFields as ResolvedPipelineVariableFields
from .executions import ScriptStep as ScriptStep
from .executions import Shown as Shown
from .executions import make_action_execution as make_action_execution
from .executions import make_pipeline_execution as make_pipeline_execution
from .fake_clock import FakeClock as FakeClock
from .local_codepipeline import LocalCodePipeline as LocalCodePipeline
from .messages import IncomingRequest as IncomingRequest
from .messages import ReceivedRequest as ReceivedRequest
