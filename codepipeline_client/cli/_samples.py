"""
Executions to try the client on when there is no pipeline at hand.

Made up and always the same. Imported by the commands that run the local endpoint, and by no other.
"""

from __future__ import annotations

from typing import Final

from attrs import evolve, frozen

from ..models import ExecutionType, PipelineExecution, PipelineExecutionStatus, TriggerType
from ..testing import Shown, make_pipeline_execution

SUCCEEDED: Final = make_pipeline_execution(
    pipeline_execution_id="7f3a1c52-9b0e-4d68-a1f4-2c6e8d0b9a31",
    pipeline_version=3,
    variables=[{"name": "BRANCH", "resolved_value": "main"}],
)

SAMPLES: Final[tuple[PipelineExecution, ...]] = (
    SUCCEEDED,
    make_pipeline_execution(
        pipeline_execution_id="b24d9e07-3c1f-4f5a-8e62-91a7c0d4f583",
        status=PipelineExecutionStatus.IN_PROGRESS,
        pipeline_version=3,
        artifact_revisions=[
            {
                "name": "SourceArtifact",
                "revision_id": "c81e728d9d4c2f636f067f89cc14862c1f0e3dad",
                "revision_summary": "Ask less often\n\nThe page shows minutes, so it need not ask every second.",
                "revision_url": "https://github.com/example/web/commit/c81e728d9d4c2f636f067f89cc14862c1f0e3dad",
            }
        ],
        variables=[{"name": "BRANCH", "resolved_value": "main"}],
    ),
    make_pipeline_execution(
        pipeline_execution_id="e90c47b6-58d2-4a1b-b3f7-06d5a8e2c914",
        status=PipelineExecutionStatus.FAILED,
        pipeline_version=3,
        status_summary="The action Smoke of the stage Deploy failed: 1 of 24 checks",
        variables=[{"name": "BRANCH", "resolved_value": "main"}],
    ),
    make_pipeline_execution(
        pipeline_execution_id="1d6b83fa-c720-49e5-9f08-e4b35a7d2c60",
        pipeline_version=3,
        trigger={
            "trigger_type": TriggerType.AUTOMATED_ROLLBACK,
            "trigger_detail": "FailedPipelineExecutionId: e90c47b6-58d2-4a1b-b3f7-06d5a8e2c914",
        },
        execution_type=ExecutionType.ROLLBACK,
        rollback_metadata={"rollback_target_pipeline_execution_id": SUCCEEDED.pipeline_execution_id},
    ),
    make_pipeline_execution(
        pipeline_execution_id="5a0f2e91-d843-4b7c-a6d5-3e9c71b08f24",
        status=PipelineExecutionStatus.STOPPED,
        pipeline_version=2,
        status_summary="Stopped by hand: the wrong branch",
        artifact_revisions=[],
        trigger={
            "trigger_type": TriggerType.START_PIPELINE_EXECUTION,
            "trigger_detail": "arn:aws:iam::111122223333:user/alex",
        },
        variables=[{"name": "BRANCH", "resolved_value": "trial"}],
    ),
)
"""One execution of the pipeline ``web`` for each way that things can go."""


@frozen
class Journey:
    """An execution that goes on while it is asked for: it begins with the first request, without a revision yet."""

    kind: str
    """How it goes on, for a list of samples."""
    seconds: float
    """How long it is InProgress."""
    end: PipelineExecution
    """How it is in the end."""

    @property
    def steps(self) -> tuple[Shown | PipelineExecution, ...]:
        """The steps, for the local endpoint."""
        running = evolve(self.end, status=PipelineExecutionStatus.IN_PROGRESS, status_summary=None)
        return Shown(evolve(running, artifact_revisions=()), polls=1), Shown(running, seconds=self.seconds), self.end


JOURNEYS: Final = (
    Journey(
        "Succeeds in a minute",
        60.0,
        evolve(SUCCEEDED, pipeline_execution_id="0c7be3d4-81f6-4e29-b5a0-7d4f92c6e138"),
    ),
    Journey(
        "Fails in 30 seconds",
        30.0,
        make_pipeline_execution(
            pipeline_execution_id="9f15d062-4ae7-4c3b-8d90-2b6c71e5fa43",
            status=PipelineExecutionStatus.FAILED,
            pipeline_version=3,
            status_summary="The action Smoke of the stage Deploy failed: 1 of 24 checks",
            variables=[{"name": "BRANCH", "resolved_value": "main"}],
        ),
    ),
)
"""Executions of the pipeline ``web`` to wait for."""

DEMONSTRATION: Final = Journey("Succeeds in 3 seconds", 3.0, SUCCEEDED)
"""What there is to see in a few seconds."""
