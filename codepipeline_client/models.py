"""
What the service tells about an execution, as values.

Frozen and complete in themselves: no wire name, no client. What takes some reading is a property here, and read in a
station of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Self

from attrs import field, frozen

from . import _refusals
from ._console import execution_page
from ._open_enums import ExecutionMode, ExecutionType, OpenEnum, PipelineExecutionStatus, TriggerType
from ._values import Value

if TYPE_CHECKING:
    from ._revisions import Page, Summary

__all__ = [
    "ArtifactRevision",
    "ExecutionMode",
    "ExecutionTrigger",
    "ExecutionType",
    "OpenEnum",
    "PipelineExecution",
    "PipelineExecutionStatus",
    "PipelineRollbackMetadata",
    "ResolvedPipelineVariable",
    "ResponseMetadata",
    "TriggerType",
]


@frozen(kw_only=True, eq=False, repr=False)
class ArtifactRevision(Value):
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
    """A commit message, or an S3 object's metadata; from some providers a JSON object. None when there is none."""
    created: datetime | None = None
    """When the revision was made: aware, in UTC. None when the provider did not say."""
    revision_url: str | None = None
    """The commit's page. None or empty when the provider has none."""

    @property
    def commit_id(self) -> str | None:
        """The whole hash of the commit, from ``revision_id`` or else from the URL. None for what is no commit."""
        from ._revisions import commit_id_of  # here and below, since many programs do without

        return commit_id_of(self.revision_id) or self._page.commit_id

    @property
    def commit_message(self) -> str | None:
        """
        The summary's text, or the commit message in it where it is a provider's JSON object.

        Without the blanks around it. None when there is none, and for the version id that S3 writes there itself.
        """
        return self._summary.commit_message

    @property
    def provider_type(self) -> str | None:
        """
        Where the revision comes from, such as ``GitHub``, ``Bitbucket``, ``GitLab``, ``CodeCommit`` or ``S3``.

        In the provider's own word where the summary has it, else by the URL. None when nothing tells for certain.
        """
        return self._summary.provider_type or self._page.provider_type

    @property
    def repository(self) -> str | None:
        """The repository's name as its provider writes it, such as ``owner/name``. None when the URL does not tell."""
        return self._page.repository

    @property
    def commit_url(self) -> str | None:
        """The page to open in a browser. None when there is none, and for a URL that is not plain http or https."""
        return self._page.url

    @property
    def _page(self) -> Page:
        from ._revisions import page_of

        return page_of(self.revision_url)

    @property
    def _summary(self) -> Summary:
        from ._revisions import summary_of

        return summary_of(self.revision_summary, self.revision_id)


@frozen(kw_only=True, eq=False, repr=False)
class PipelineRollbackMetadata(Value):
    """Where a rollback goes back to."""

    rollback_target_pipeline_execution_id: str | None = None
    """The execution whose result is brought back. None when the service did not say."""


@frozen(kw_only=True, eq=False, repr=False)
class ExecutionTrigger(Value):
    """Why an execution started."""

    trigger_type: TriggerType | None = None
    """What kind of event it was. None when the service did not say."""
    trigger_detail: str | None = None
    """Which one: the ARN of a user or a rule, a webhook's name. None when the service did not say."""


@frozen(kw_only=True, eq=False, repr=False)
class ResolvedPipelineVariable(Value):
    """A pipeline variable, with the value that this execution has for it."""

    name: str | None = None
    """The variable's name. None when the service gave none."""
    resolved_value: str | None = None
    """Its value in this execution. None when it has none."""


@frozen(kw_only=True, eq=False, repr=False)
class PipelineExecution(Value):
    """
    One run of a pipeline, as the service saw it at one moment.

    https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_PipelineExecution.html
    """

    pipeline_name: str
    """The pipeline that ran."""
    pipeline_execution_id: str
    """The execution's id, a UUID in lower case."""
    status: PipelineExecutionStatus
    """How far it has come."""
    pipeline_version: int | None = None
    """Which version of the pipeline's definition ran, from 1. None when the service did not say."""
    status_summary: str | None = None
    """Why the status is as it is, such as the reason given for a stop. None when there is none."""
    artifact_revisions: tuple[ArtifactRevision, ...] = ()
    """The source revisions that went into it. Empty while no source action has run."""
    variables: tuple[ResolvedPipelineVariable, ...] = ()
    """The pipeline's variables. Empty when it has none."""
    trigger: ExecutionTrigger | None = None
    """Why it started. None when the service did not say."""
    execution_mode: ExecutionMode | None = None
    """What it does about other executions. None when the service did not say."""
    execution_type: ExecutionType | None = None
    """Standard or a rollback. None when the service did not say."""
    rollback_metadata: PipelineRollbackMetadata | None = None
    """Where it rolls back to. None unless it is a rollback."""
    region_name: str | None = field(default=None, eq=False, repr=False)
    """The region it was read from; not compared. None when it was built by hand."""

    @property
    def console_url(self) -> str | None:
        """The execution's page in the AWS console. None without a region, and where consoles have no public address."""
        return execution_page(self.region_name, self.pipeline_name, self.pipeline_execution_id)

    @property
    def variable_values(self) -> Mapping[str, str]:
        """
        The pipeline's variables by name; read-only.

        Without those that have no name or no value. The last one counts if the service gives a name twice.
        """
        named = {each.name: each.resolved_value for each in self.variables}
        return MappingProxyType(
            {name: value for name, value in named.items() if name is not None and value is not None}
        )

    def artifact_revision(self, name: str) -> ArtifactRevision:
        """
        Return the revision of the artifact *name*, such as ``SourceArtifact``.

        Raises ArtifactRevisionLookupError, also a LookupError, when there is none or more than one.
        """
        found = tuple([each for each in self.artifact_revisions if each.name == name])
        if len(found) != 1:
            raise _refusals.not_one_revision(self, name, found)
        return found[0]

    def raise_for_status(
        self,
        ok: PipelineExecutionStatus | str | Iterable[PipelineExecutionStatus | str] = (
            PipelineExecutionStatus.SUCCEEDED,
        ),
    ) -> Self:
        """
        Return the execution itself if its status is *ok*: a status or several, also as plain strings.

        Raises PipelineExecutionFailedError, PipelineExecutionStoppedError, PipelineExecutionSupersededError or
        PipelineExecutionCancelledError for such an end, and their parent, PipelineExecutionOutcomeError, for an
        execution that has not ended. Raises ConfigurationError for a string in *ok* that is no status: a typing error
        must not pass as one. A status newer than this release is given as ``PipelineExecutionStatus("…")``.
        """
        accepted = _refusals.statuses(ok)
        if self.status not in accepted:
            raise _refusals.unwanted_outcome(self, accepted)
        return self

    def _repr_html_(self) -> str:
        """Return a small table: notebooks ask for it."""
        from ._notebook import table

        return table(self)


@frozen(kw_only=True, eq=False, repr=False)
class ResponseMetadata(Value):
    """How an answer came: what AWS Support asks for, and how hard it was to get."""

    request_id: str | None
    """The service's id for the request. None when the answer had none."""
    http_status_code: int
    """The answer's HTTP status."""
    http_headers: Mapping[str, str] = field(hash=False, repr=False)
    """The answer's headers, by name in lower case."""
    attempts: int
    """How many requests the call sent, the last one included."""
