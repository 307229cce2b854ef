"""
What an action execution read, did and wrote, and why it failed. No wire name is known here.

https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_ActionExecutionDetail.html
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

from attrs import field, frozen

from .enums import OpenEnum
from .executions import json_members


class ActionExecutionStatus(OpenEnum):
    """How far an action execution has come."""

    IN_PROGRESS = "InProgress"
    """It is running, or waits for an approval."""
    ABANDONED = "Abandoned"
    """The execution was stopped and did not wait for the action."""
    SUCCEEDED = "Succeeded"
    """It completed."""
    FAILED = "Failed"
    """It did not complete. A rejected approval is a failure, too."""


class ActionCategory(OpenEnum):
    """What an action does: Invoke calls a function, Approval waits for a person's decision, Compute runs commands."""

    SOURCE = "Source"
    BUILD = "Build"
    DEPLOY = "Deploy"
    TEST = "Test"
    INVOKE = "Invoke"
    APPROVAL = "Approval"
    COMPUTE = "Compute"


class ActionOwner(OpenEnum):
    """Who made an action type: AWS, a partner of AWS, or the account itself, which is Custom."""

    AWS = "AWS"
    THIRD_PARTY = "ThirdParty"
    CUSTOM = "Custom"


@frozen(kw_only=True)
class ActionTypeId:
    """Which implementation an action uses, such as AWS CodeBuild, version 1. What the service did not say is None."""

    category: ActionCategory | None = None
    owner: ActionOwner | None = None
    provider: str | None = None
    version: str | None = None


@frozen(kw_only=True)
class S3Location:
    """The bucket and the key of an object in Amazon S3. What the service did not say is None."""

    bucket: str | None = None
    key: str | None = None


@frozen(kw_only=True)
class ArtifactDetail:
    """The name of an artifact that an action read or wrote, and its place. What the service did not say is None."""

    name: str | None = None
    s3location: S3Location | None = None


@frozen(kw_only=True)
class ActionExecutionInput:
    """What an action execution worked with. What the service did not say is None."""

    action_type_id: ActionTypeId | None = None
    configuration: Mapping[str, str] = field(factory=dict[str, str], hash=False, repr=False)
    """The action's configuration as the pipeline has it, with its variables unresolved. Empty by default."""
    resolved_configuration: Mapping[str, str] = field(factory=dict[str, str], hash=False, repr=False)
    """The same with the values of the variables. Empty by default."""
    role_arn: str | None = None
    """The IAM role that the action ran as. None for the pipeline's own."""
    region: str | None = None
    input_artifacts: tuple[ArtifactDetail, ...] = ()
    """The artifacts that it read."""
    namespace: str | None = None
    """The namespace of its output variables. None when absent."""


@frozen(kw_only=True)
class ErrorDetails:
    """Why an action failed: a code such as ``JobFailed``, and the words of its provider. Each is None when absent."""

    code: str | None = None
    message: str | None = None


@frozen(kw_only=True)
class ActionExecutionResult:
    """What the action's provider reported."""

    external_execution_id: str | None = None
    """The provider's id, such as a CodeBuild build id. None when absent."""
    external_execution_summary: str | None = None
    """The provider's summary, such as an approval's comment. None when absent."""
    external_execution_url: str | None = None
    """The provider's page. None when absent."""
    error_details: ErrorDetails | None = None
    """Why it failed. None when it did not, or when nothing is known."""
    log_stream_arn: str | None = None
    """The ARN of the CloudWatch log stream. None when the action writes none."""


@frozen(kw_only=True)
class ActionExecutionOutput:
    """What an action execution produced."""

    output_artifacts: tuple[ArtifactDetail, ...] = ()
    """The artifacts that it wrote."""
    execution_result: ActionExecutionResult | None = None
    """What the provider reported. None when it reported nothing."""
    output_variables: Mapping[str, str] = field(factory=dict[str, str], hash=False, repr=False)
    """The variables that it set. Empty by default."""


@frozen(kw_only=True)
class ActionExecutionDetail:
    """One run of one action, in one execution of a pipeline. What the service did not say is None."""

    pipeline_execution_id: str | None = None
    action_execution_id: str | None = None
    """The id of this run of the action."""
    pipeline_version: int | None = None
    """The version of the pipeline's definition."""
    stage_name: str | None = None
    action_name: str | None = None
    start_time: datetime | None = None
    """When it started: aware, in UTC. None when it did not start."""
    last_update_time: datetime | None = None
    """When it last changed: aware, in UTC."""
    updated_by: str | None = None
    """The ARN of the user who changed it last, such as who approved. None when nobody did."""
    status: ActionExecutionStatus | None = None
    input: ActionExecutionInput | None = None
    """What it worked with."""
    output: ActionExecutionOutput | None = None
    """What it produced. None when it has not produced anything."""

    def to_dict(self) -> dict[str, object]:
        """Return the fields as a dict for `json.dumps`, with the times in ISO 8601 and UTC. May have secrets."""
        return json_members(self)


@frozen(kw_only=True)
class FailedAction:
    """One run of an action that failed, and why."""

    stage_name: str | None
    """The stage. None when the service did not say, as for the action and both times."""
    action_name: str | None
    attempt: int
    """Which run of the action in its execution it was, from 1: a stage can be retried."""
    error_code: str | None
    """The code, such as ``JobFailed``. None when absent."""
    error_message: str | None
    """What the action's provider says, or else its summary. None when it says nothing."""
    url: str | None
    """The provider's page, such as a CodeBuild build. None when absent."""
    log_stream_arn: str | None
    """The ARN of the CloudWatch log stream. None when the action writes none."""
    start_time: datetime | None
    """When it started: aware, in UTC."""
    end_time: datetime | None
    """When it failed: aware, in UTC."""

    def to_dict(self) -> dict[str, object]:
        """Return the fields as a dict for `json.dumps`, with the times in ISO 8601 and UTC."""
        return json_members(self)


def failures_of(details: Sequence[ActionExecutionDetail]) -> Iterator[FailedAction]:
    """Yield the failed ones of all action executions of one execution, newest first."""
    runs = Counter([(each.stage_name, each.action_name) for each in details])
    for each in sorted(details, key=lambda each: each.start_time or datetime.min.replace(tzinfo=UTC), reverse=True):
        if each.status == ActionExecutionStatus.FAILED:
            result = (each.output and each.output.execution_result) or ActionExecutionResult()
            error = result.error_details or ErrorDetails()
            yield FailedAction(
                stage_name=each.stage_name,
                action_name=each.action_name,
                attempt=runs[each.stage_name, each.action_name],
                error_code=error.code,
                error_message=error.message or result.external_execution_summary,
                url=result.external_execution_url,
                log_stream_arn=result.log_stream_arn,
                start_time=each.start_time,
                end_time=each.last_update_time,
            )
        runs[each.stage_name, each.action_name] -= 1
