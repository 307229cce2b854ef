"""An execution and its parts, as frozen attrs classes. No wire name and no client is known here."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final, Self, cast
from urllib.parse import quote

from attrs import AttrsInstance, asdict, field, frozen
from attrs.filters import exclude

from .. import errors
from ..errors import shorten
from .enums import ExecutionMode, ExecutionType, OpenEnum, PipelineExecutionStatus, TriggerType
from .revisions import CONSOLE_HOSTS, Reading, read

_REGION: Final = "(?!us-iso|eu-iso)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
"""A region whose console has a public address, if it exists: no isolated one has."""


@frozen(kw_only=True)
class ArtifactRevision:
    """
    One source revision that went into an execution.

    https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_ArtifactRevision.html
    """

    name: str | None = None
    """The name of the artifact, such as ``SourceArtifact``. None when the service gave none."""
    revision_id: str | None = None
    """The provider's id: a commit hash, an S3 version. None when the provider gave none."""
    revision_change_identifier: str | None = None
    """A commit's date, or an S3 ETag. None when the provider gave none."""
    revision_summary: str | None = None
    """A commit message, or an S3 object's metadata; from some providers JSON. None when the provider gave none."""
    created: datetime | None = None
    """When the revision was made: aware, in UTC. None when the provider did not say."""
    revision_url: str | None = None
    """The commit's page. None or empty when the provider has none."""

    @property
    def commit_id(self) -> str | None:
        """The whole hash of the commit, from ``revision_id`` or the URL. None if the revision is not a commit."""
        return self._reading.commit_id

    @property
    def commit_message(self) -> str | None:
        """
        The commit message: the whole summary, or the message in it if the summary is a provider's JSON object.

        Surrounding blanks are removed. None if there is no message, or only the version id that S3 writes.
        """
        return self._reading.commit_message

    @property
    def provider_type(self) -> str | None:
        """
        Where the revision comes from, such as ``GitHub``, ``Bitbucket``, ``GitLab``, ``CodeCommit`` or ``S3``.

        From the summary, in the provider's spelling; otherwise from the URL. None if neither names a provider.
        """
        return self._reading.provider_type

    @property
    def repository(self) -> str | None:
        """The repository's name as its provider writes it, such as ``owner/name``. None if the URL does not have it."""
        return self._reading.repository

    @property
    def commit_url(self) -> str | None:
        """The page to open in a browser. None without a URL, and for a URL that is not plain http or https."""
        return self._reading.url

    def to_dict(self) -> dict[str, object]:
        """Return a dict for `json.dumps`: the fields, commit_id, commit_message, repository and commit_url."""
        names = ("commit_id", "commit_message", "repository", "commit_url")
        return json_members(self) | {name: getattr(self, name) for name in names}

    @property
    def _reading(self) -> Reading:
        return read(self.revision_id, self.revision_summary, self.revision_url)


@frozen(kw_only=True)
class PipelineRollbackMetadata:
    """What a rollback returns to."""

    rollback_target_pipeline_execution_id: str | None = None
    """The execution that the rollback restores. None when the service did not say."""


@frozen(kw_only=True)
class ExecutionTrigger:
    """Why an execution started."""

    trigger_type: TriggerType | None = None
    """What kind of event it was. None when the service did not say."""
    trigger_detail: str | None = None
    """Which one: the ARN of a user or a rule, a webhook's name. None when the service did not say."""


@frozen(kw_only=True)
class ResolvedPipelineVariable:
    """A pipeline variable, with the value that this execution has for it."""

    name: str | None = None
    """The variable's name. None when the service gave none."""
    resolved_value: str | None = None
    """Its value in this execution. None when the service gave none."""


@frozen(kw_only=True)
class PipelineExecution:
    """
    One run of a pipeline, as the service saw it at one moment.

    https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_PipelineExecution.html
    """

    pipeline_name: str
    """The pipeline that ran."""
    pipeline_execution_id: str
    """The execution's id, a UUID in lower case."""
    status: PipelineExecutionStatus
    """The status, which may be newer than this release."""
    pipeline_version: int | None = None
    """Which version of the pipeline's definition ran, from 1. None when the service did not say."""
    status_summary: str | None = None
    """Why the status is as it is, such as the reason given for a stop. None when the service gave none."""
    artifact_revisions: tuple[ArtifactRevision, ...] = ()
    """The source revisions that went into it. Empty while no source action has run."""
    variables: tuple[ResolvedPipelineVariable, ...] = ()
    """The pipeline's variables. Empty when it has none."""
    trigger: ExecutionTrigger | None = None
    """Why it started. None when the service did not say."""
    execution_mode: ExecutionMode | None = None
    """How it runs alongside other executions. None when the service did not say."""
    execution_type: ExecutionType | None = None
    """Standard or a rollback. None when the service did not say."""
    rollback_metadata: PipelineRollbackMetadata | None = None
    """Where it rolls back to. None unless it is a rollback."""
    region_name: str | None = field(default=None, eq=False, repr=False)
    """The region it was read from; not compared. None when it was built by hand."""

    @property
    def console_url(self) -> str | None:
        """The execution's page in the AWS console. None without a region, and in AWS's isolated partitions."""
        region = (self.region_name or "").lower()
        names = (self.pipeline_name, self.pipeline_execution_id)
        if not re.fullmatch(_REGION, region) or {*names} & {"", ".", ".."}:  # no URL can hold these names
            return None
        host = next(host for prefix, host in CONSOLE_HOSTS.items() if region.startswith(prefix))
        pipeline, execution = (quote(name, safe="", errors="replace") for name in names)
        page = f"codesuite/codepipeline/pipelines/{pipeline}/executions/{execution}/visualization"
        return f"https://{region}.{host}/{page}?region={region}"

    @property
    def variable_values(self) -> Mapping[str, str]:
        """
        The pipeline's variables by name; read-only.

        Variables without a name or a value are left out. If a name occurs twice, the last one counts.
        """
        named = {each.name: each.resolved_value for each in self.variables}
        return MappingProxyType(
            {name: value for name, value in named.items() if name is not None and value is not None}
        )

    def artifact_revision(self, name: str) -> ArtifactRevision:
        """
        Return the revision of the artifact *name*, such as ``SourceArtifact``.

        Raises ArtifactRevisionLookupError, which is a LookupError, unless there is exactly one.
        """
        found = tuple([each for each in self.artifact_revisions if each.name == name])
        if len(found) == 1:
            return found[0]
        names = ", ".join([repr(each.name) for each in self.artifact_revisions if each.name is not None])
        artifact = shorten(repr(name))
        if found:
            problem = f"has {len(found)} revisions of the artifact {artifact}: choose from its artifact_revisions"
        else:
            others = f", only of {shorten(names)}" if names else " and no other revisions: source actions add them"
            problem = f"has no revision of an artifact {artifact}{others}"
        raise errors.ArtifactRevisionLookupError(f"{self._description} {problem}", artifact_name=name, candidates=found)

    def raise_for_status(
        self, ok: PipelineExecutionStatus | str | Iterable[PipelineExecutionStatus | str] = "Succeeded"
    ) -> Self:
        """
        Return the execution itself if its status is *ok*: a status or several, also as plain strings.

        Raises PipelineExecutionFailedError, PipelineExecutionStoppedError, PipelineExecutionSupersededError or
        PipelineExecutionCancelledError, by status; for an unfinished execution, their base class,
        PipelineExecutionOutcomeError. Raises ConfigurationError for an unknown string in *ok*, probably a typo.
        Pass a status newer than this release as ``PipelineExecutionStatus("…")``.
        """
        accepted = _statuses(ok)
        if self.status in accepted:
            return self
        status, summary = shorten(self.status), shorten(self.status_summary or "")
        reason = f": {summary}" if summary else ""
        if self.status.is_terminal:
            problem = f"ended as {status}, not as {' or '.join(map(shorten, accepted))}{reason}"
        else:
            newer = "" if self.status.is_known else ", a status newer than this release,"
            problem = f"is {status}{newer} and has not finished{reason}; wait for it with wait_for_pipeline_execution"
        where = f"; see {self.console_url}" if self.console_url else ""
        base = errors.PipelineExecutionOutcomeError
        kind: type[errors.PipelineExecutionOutcomeError] = getattr(errors, f"PipelineExecution{self.status}Error", base)
        raise kind(f"{self._description} {problem}{where}", execution=self)

    def to_dict(self) -> dict[str, object]:
        """
        Return the execution as a dict for `json.dumps`, with the Python field names.

        Times are ISO 8601 in UTC, such as ``2026-01-02T03:04:05Z``, and missing values are None. The dict also has
        ``console_url``, and each revision ``commit_id``, ``commit_message``, ``repository`` and ``commit_url``.
        """
        revisions = [each.to_dict() for each in self.artifact_revisions]
        return json_members(self) | {"artifact_revisions": revisions, "console_url": self.console_url}

    @property
    def _description(self) -> str:
        return f"execution {shorten(self.pipeline_execution_id)} of pipeline {shorten(self.pipeline_name)}"

    def _repr_html_(self) -> str:
        """Return a small table, which notebooks display."""
        from .notebook import table  # here, since a program's start should not wait for it

        return table(self)


@frozen(kw_only=True)
class SourceRevision:
    """The source revision that one source action gave to an execution."""

    action_name: str | None = None
    """The source action. None when the service did not say."""
    revision_id: str | None = None
    """The provider's id: a commit hash, an S3 version. None when the provider gave none."""
    revision_summary: str | None = None
    """A commit message, or an S3 object's metadata. None when absent."""
    revision_url: str | None = None
    """The revision's page. None when absent."""


@frozen(kw_only=True)
class StopExecutionTrigger:
    """Why an execution was stopped: the reason that was given. None when none was."""

    reason: str | None = None


@frozen(kw_only=True)
class PipelineExecutionSummary:
    """One execution in a list of executions."""

    pipeline_name: str
    """The pipeline that runs, from the request."""
    pipeline_execution_id: str
    """The execution's id, a UUID in lower case."""
    status: PipelineExecutionStatus
    """How far it has come."""
    status_summary: str | None = None
    """Why the status is as it is. None when there is no reason."""
    start_time: datetime | None = None
    """When it started: aware, in UTC. None when the service did not say."""
    last_update_time: datetime | None = None
    """When it last changed: aware, in UTC. None when the service did not say."""
    source_revisions: tuple[SourceRevision, ...] = ()
    """The source revisions that went into it. Empty while no source action has run."""
    trigger: ExecutionTrigger | None = None
    """Why it started. None when the service did not say."""
    stop_trigger: StopExecutionTrigger | None = None
    """Why it was stopped. None unless it was."""
    execution_mode: ExecutionMode | None = None
    """What it does about other executions. None when the service did not say."""
    execution_type: ExecutionType | None = None
    """Standard or a rollback. None when the service did not say."""
    rollback_metadata: PipelineRollbackMetadata | None = None
    """Where it rolls back to. None unless it is a rollback."""

    def to_dict(self) -> dict[str, object]:
        """Return the fields as a dict for `json.dumps`, with the times in ISO 8601 and UTC."""
        return json_members(self)


@frozen(kw_only=True)
class ResponseMetadata:
    """Facts about a response: the request id that AWS Support needs, HTTP status and headers, number of attempts."""

    request_id: str | None
    """The service's id for the request. None when the response had none."""
    http_status_code: int
    """The response's HTTP status."""
    http_headers: Mapping[str, str] = field(hash=False, repr=False)
    """The response's headers, by name in lower case."""
    attempts: int
    """How many requests the call sent, retries included."""

    def to_dict(self) -> dict[str, object]:
        """Return the metadata as a dict for `json.dumps`, without the headers."""
        return asdict(self, filter=exclude("http_headers"))


def json_members(value: AttrsInstance) -> dict[str, object]:
    """Return the fields as a dict for `json.dumps`: times in ISO 8601 and UTC."""

    def plain(_instance: object, _field: object, member: object) -> object:
        if isinstance(member, datetime):
            return member.astimezone(UTC).isoformat().replace("+00:00", "Z")
        if isinstance(member, tuple):
            return [*cast("tuple[object, ...]", member)]
        return member.value if isinstance(member, OpenEnum) else member

    return asdict(value, value_serializer=plain)


def _statuses(ok: object) -> list[PipelineExecutionStatus]:
    """Return the statuses that *ok* names, one or several. Raises ConfigurationError for what is no status."""
    several = isinstance(ok, Iterable) and not isinstance(ok, str)
    given: list[object] = [*cast("Iterable[object]", ok)] if several else [ok]  # isinstance leaves the elements unknown
    if not given:
        raise errors.ConfigurationError("ok is empty, so no status is accepted: give at least one")
    for each in given:
        if each not in [*PipelineExecutionStatus] and not isinstance(each, PipelineExecutionStatus):
            raise errors.ConfigurationError(
                f"ok cannot be {repr(each)[:100]}, which is not one of {', '.join(PipelineExecutionStatus)}: "
                f"if it is a status newer than this release, pass PipelineExecutionStatus(…)"
            )
    return [PipelineExecutionStatus(str(each)) for each in given]
