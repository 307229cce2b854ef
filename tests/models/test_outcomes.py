"""How an execution is refused: for how it ended, and for a revision that it has not, or not only once."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codepipeline_client import ArtifactRevision, PipelineExecutionStatus, errors
from codepipeline_client.testing import make_pipeline_execution

ID = "3137f7cb-7cf7-4039-8583-d7eb3a1c2f3e"
STATUS = PipelineExecutionStatus


@pytest.mark.parametrize(
    ("status", "error", "text"),
    [
        ("Failed", errors.PipelineExecutionFailedError, "ended as Failed, not as Succeeded"),
        ("Stopped", errors.PipelineExecutionStoppedError, "ended as Stopped, not as Succeeded"),
        ("Superseded", errors.PipelineExecutionSupersededError, "ended as Superseded, not as Succeeded"),
        ("Cancelled", errors.PipelineExecutionCancelledError, "ended as Cancelled, not as Succeeded"),
        ("InProgress", errors.PipelineExecutionOutcomeError, "is InProgress"),
        ("Paused", errors.PipelineExecutionOutcomeError, "is Paused, a status newer than this release,"),
    ],
)
def test_each_other_end_than_success_is_an_error_of_its_own(
    status: str, error: type[errors.PipelineExecutionOutcomeError], text: str
) -> None:
    """Which says name, id, status and reason, and where to look, as far as they are known."""
    execution = make_pipeline_execution(
        pipeline_execution_id=ID, status=STATUS(status), status_summary="1 of 24\nchecks", region_name="eu-west-1"
    )
    advice = "" if execution.status.is_terminal else "; wait for it with wait_for_pipeline_execution"
    with pytest.raises(errors.PipelineExecutionOutcomeError) as caught:
        execution.raise_for_status()
    assert type(caught.value) is error
    assert caught.value.execution is execution
    message = f"execution {ID} of pipeline web {text}{'' if execution.status.is_terminal else ' and has not finished'}"
    assert str(caught.value) == f"{message}: 1 of 24 checks{advice}; see {execution.console_url}"
    for summary, shown in ((" \n", advice), ("no " * 1000, f": {'no ' * 99}no…{advice}")):
        with pytest.raises(errors.PipelineExecutionOutcomeError) as caught:
            make_pipeline_execution(
                pipeline_execution_id=ID, status=STATUS(status), status_summary=summary
            ).raise_for_status()
        assert str(caught.value) == message + shown


@pytest.mark.parametrize(
    ("status", "ok"),
    [
        pytest.param("Succeeded", STATUS.SUCCEEDED, id="one"),
        pytest.param("Succeeded", "Succeeded", id="one-as-text"),
        pytest.param("Stopped", ("Succeeded", STATUS.STOPPED), id="several-of-both-kinds"),
        pytest.param("Superseded", iter(["Succeeded", "Superseded"]), id="an-iterator"),
        pytest.param("InProgress", STATUS.IN_PROGRESS, id="not-ended-and-that-is-fine"),
        pytest.param("Paused", STATUS("Paused"), id="newer-than-the-release"),
    ],
)
def test_a_status_that_is_ok_gives_the_execution_back(status: str, ok: Any) -> None:
    execution = make_pipeline_execution(status=STATUS(status))
    assert execution.raise_for_status(ok=ok) is execution


def test_success_is_ok_unless_others_are_given() -> None:
    execution = make_pipeline_execution()
    assert execution.raise_for_status() is execution
    with pytest.raises(errors.PipelineExecutionOutcomeError, match=r"ended as Succeeded, not as Failed or Paused$"):
        execution.raise_for_status([STATUS.FAILED, STATUS("Paused")])


@pytest.mark.parametrize(
    ("ok", "problem"),
    [
        pytest.param(
            "SUCCEEDED", r"ok cannot be 'SUCCEEDED'.*release, pass PipelineExecutionStatus\(…\)$", id="capitals"
        ),
        pytest.param(["Succeeded", "stopped"], "ok cannot be 'stopped', which is not one of Can", id="among-several"),
        pytest.param((), "ok is empty", id="nothing"),
        pytest.param(7, "ok cannot be 7", id="number"),
        pytest.param("x" * 5000, "ok cannot be 'x{99},", id="long-values-are-cut"),
    ],
)
@pytest.mark.parametrize("status", ["Succeeded", "Failed"])
def test_what_is_no_status_is_refused_whatever_the_end(status: str, ok: Any, problem: str) -> None:
    """A typing error shows in the first run, and not in the first bad end."""
    with pytest.raises(errors.ConfigurationError, match=problem):
        make_pipeline_execution(status=status).raise_for_status(ok)


def test_the_revision_of_an_artifact_is_found_by_name() -> None:
    execution = make_pipeline_execution(artifact_revisions=[{"name": "Source"}, {"name": None}, {"name": "Config"}])
    assert execution.artifact_revision("Config") is execution.artifact_revisions[2]


@pytest.mark.parametrize(
    ("names", "problem"),
    [
        (["Source", "Config", None], "has no revision of an artifact 'Sorce', only of 'Source', 'Config'"),
        (["Sorce", "Config", "Sorce"], "has 2 revisions of the artifact 'Sorce': choose from its artifact_revisions"),
        ([None], "has no revision of an artifact 'Sorce' and no other revisions: source actions add them"),
    ],
    ids=["typo", "several", "nameless"],
)
def test_there_must_be_one_revision_of_the_name(names: list[str | None], problem: str) -> None:
    execution = make_pipeline_execution(
        pipeline_execution_id=ID, artifact_revisions=[ArtifactRevision(name=name) for name in names]
    )
    with pytest.raises(LookupError) as caught:
        execution.artifact_revision("Sorce")
    error = caught.value
    assert isinstance(error, errors.ArtifactRevisionLookupError)
    assert str(error) == f"execution {ID} of pipeline web {problem}"
    assert error.artifact_name == "Sorce"
    assert error.candidates == tuple(each for each in execution.artifact_revisions if each.name == "Sorce")


TEXTS = st.text(st.characters())


@given(TEXTS, st.none() | TEXTS, st.lists(st.none() | TEXTS, max_size=3))
def test_whatever_the_texts_hold_the_message_is_one_line_that_can_be_written(
    text: str, summary: str | None, artifacts: list[str | None]
) -> None:
    execution = make_pipeline_execution(
        pipeline_name=text,
        pipeline_execution_id=text,
        status=STATUS(f"New{text}"),
        status_summary=summary,
        artifact_revisions=[{"name": each} for each in artifacts],
        region_name="eu-west-1",
    )
    with pytest.raises(errors.PipelineExecutionOutcomeError) as outcome:
        execution.raise_for_status()
    with pytest.raises(errors.ArtifactRevisionLookupError) as lookup:
        execution.artifact_revision("".join(each or "" for each in artifacts) + "!")
    for error in (outcome.value, lookup.value):
        assert str(error).isprintable()
        str(error).encode()
