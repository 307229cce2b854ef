"""
StartPipelineExecution: its input with the rules for it, and its output.

https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_StartPipelineExecution.html
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any, cast
from uuid import uuid4

from attrs import field, frozen

from .._protocol.shapes import EXECUTION_ID, NAME, OperationInput, OperationOutput, list_of, one_of, text
from .._protocol.strict_json import JsonObject
from ..models import OpenEnum, ResponseMetadata


class SourceRevisionType(OpenEnum):
    """What identifies a source revision: a commit's hash, an image's digest, or the version or key of an S3 object."""

    COMMIT_ID = "COMMIT_ID"
    IMAGE_DIGEST = "IMAGE_DIGEST"
    S3_OBJECT_VERSION_ID = "S3_OBJECT_VERSION_ID"
    S3_OBJECT_KEY = "S3_OBJECT_KEY"


@frozen(kw_only=True)
class PipelineVariable:
    """A value for a pipeline variable, for one execution."""

    name: str = field(metadata=text(128, "@-_"))
    """The variable's name: 1 to 128 characters out of ``A-Z a-z 0-9 @ - _``."""
    value: str = field(repr=False, metadata=text(1000, is_line=True))
    """The value: 1 to 1,000 characters in one line."""


def _revision_type(given: SourceRevisionType | str) -> SourceRevisionType:
    with suppress(ValueError):  # of another type, which the rule refuses
        return SourceRevisionType(given)
    return cast("SourceRevisionType", given)


@frozen(kw_only=True)
class SourceRevisionOverride:
    """A source revision that an execution uses in place of the latest one."""

    action_name: str = field(metadata=NAME)
    """The source action: 1 to 100 characters out of ``A-Z a-z 0-9 . @ - _``."""
    revision_type: SourceRevisionType = field(converter=_revision_type, metadata=one_of(SourceRevisionType))
    """What the value identifies. A string is taken, too."""
    revision_value: str = field(metadata=text(1500))
    """The commit's hash, the image's digest, the object's version or key: 1 to 1,500 characters."""


def _variables(given: Any) -> tuple[Any, ...]:
    if isinstance(given, Mapping):
        values = cast("Mapping[str, str]", given)
        return tuple([PipelineVariable(name=name, value=value) for name, value in values.items()])
    return _elements(given)


def _elements(given: Any) -> tuple[Any, ...]:
    is_one = isinstance(cast("object", given), str | bytes | Mapping) or not isinstance(cast("object", given), Iterable)
    return (given,) if is_one else tuple(given)  # the rule refuses what is no element


def _token(given: str | None) -> str:
    return str(uuid4()) if given is None else given


@frozen
class StartPipelineExecutionInput(OperationInput):
    """Which pipeline to start, and what its new execution is given."""

    pipeline_name: str = field(metadata={**NAME, "name": "name"})
    """The pipeline's name: 1 to 100 characters out of ``A-Z a-z 0-9 . @ - _``."""
    variables: tuple[PipelineVariable, ...] = field(
        default=(), converter=_variables, metadata=list_of(PipelineVariable)
    )
    """Values for pipeline variables, at most 50. The others have their defaults."""
    source_revisions: tuple[SourceRevisionOverride, ...] = field(
        default=(), converter=_elements, metadata=list_of(SourceRevisionOverride)
    )
    """Revisions in place of the latest ones, at most 50."""
    client_request_token: str = field(default=None, converter=_token, metadata=text(128, "-"))
    """The idempotency token of all attempts: 1 to 128 characters out of ``A-Z a-z 0-9 -``. A new one for None."""


@frozen(kw_only=True)
class StartPipelineExecutionOutput(OperationOutput[StartPipelineExecutionInput]):
    """The execution that was started. Every method that waits takes it."""

    pipeline_name: str
    """The pipeline's name, from the request."""
    pipeline_execution_id: str = field(metadata=EXECUTION_ID)
    """The new execution's id, a UUID in lower case."""
    response_metadata: ResponseMetadata
    """Request id, HTTP status and headers, attempts."""
    raw: JsonObject = field(hash=False, repr=False)
    """The decoded JSON, for a member that is newer than this release. Read it, do not change it."""
