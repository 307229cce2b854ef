"""An execution in a notebook: a table that says what is known, and that no text can turn into something else."""

from __future__ import annotations

from xml.etree.ElementTree import Element, fromstring

from hypothesis import example, given
from hypothesis import strategies as st

from codepipeline_client import ArtifactRevision, PipelineExecution, PipelineExecutionStatus, TriggerType
from codepipeline_client.testing import make_pipeline_execution

HASH = "5f2c9d1e8b7a60413c2d4e6f8091a2b3c4d5e6f7"


def shown(execution: PipelineExecution) -> Element:
    """Return the table, which is well-formed XML too."""
    return fromstring(execution._repr_html_())  # pyright: ignore[reportPrivateUsage]  # the name is the notebooks'


def rows(table: Element) -> list[list[str]]:
    return [["".join(cell.itertext()) for cell in row] for row in table.iter("tr")]


def links(table: Element) -> list[str | None]:
    return [link.get("href") for link in table.iter("a")]


def test_the_table_says_what_is_known_of_the_execution() -> None:
    execution = make_pipeline_execution(
        pipeline_execution_id="7f3a1c52-9b0e-4d68-a1f4-2c6e8d0b9a31",
        status="Failed",
        status_summary="1 of 24\nchecks <failed>",
        artifact_revisions=[
            {
                "name": "Source",
                "revision_id": HASH,
                "revision_summary": "Answer & faster\n\nAt last.",
                "revision_url": f"https://github.com/example/web/commit/{HASH}",
            },
            {"name": "Config", "revision_id": "v7"},
        ],
        variables=[{"name": "stage", "resolved_value": "prod=="}, {"name": "empty"}],
        trigger={"trigger_type": "Webhook", "trigger_detail": "hook"},
        region_name="eu-west-1",
    )
    table = shown(execution)
    assert rows(table) == [
        ["Pipeline", "web"],
        ["Execution", "7f3a1c52-9b0e-4d68-a1f4-2c6e8d0b9a31"],
        ["Status", "Failed"],
        ["Summary", "1 of 24 checks <failed>"],
        ["Trigger", "Webhook hook"],
        ["Revision", "Source 5f2c9d1e Answer & faster"],
        ["Revision", "Config v7"],
        ["Variable", "stage = prod=="],
        ["Variable", "empty ="],
        ["Console", "Open"],
    ]
    assert links(table) == [f"https://github.com/example/web/commit/{HASH}", execution.console_url]
    assert [status.get("style") for status in table.iter("strong")] == ["color:#dc3545"]


def test_what_is_not_known_has_no_row() -> None:
    """A page without an id can still be opened, and a long text is cut."""
    revisions = [ArtifactRevision(revision_url="https://console.aws.amazon.com/s3/"), ArtifactRevision()]
    execution = make_pipeline_execution(status_summary="no " * 1000, artifact_revisions=revisions, trigger=None)
    assert [label for label, _ in rows(shown(execution))] == ["Pipeline", "Execution", "Status", "Summary", "Revision"]
    assert ["Revision", "Open"] in rows(shown(execution))
    assert len(rows(shown(execution))[3][1]) == 300


TAGS = {"table", "tbody", "tr", "th", "td", "strong", "a"}
ATTRIBUTES = {"class", "scope", "style", "href", "target", "rel"}
TEXTS = st.text(st.characters()) | st.sampled_from(
    ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "&lt;b&gt;", "javascript:alert(1)", "\u202egpj"]
)
OPTIONAL = st.none() | TEXTS


@given(TEXTS, OPTIONAL, OPTIONAL | TEXTS.map(lambda tail: f"https://github.com/{tail}"))
@example("", None, "https://github.com/?a=1&lt;b=2&amp=c")
@example("", None, "https://github.com/?'onclick='alert(1)")
def test_no_text_becomes_a_tag_or_an_unsafe_link(text: str, other: str | None, url: str | None) -> None:
    """Nor anything that is fetched, run, or read in another order than it stands in."""
    revision = ArtifactRevision(name=other, revision_id=text, revision_summary=other, revision_url=url)
    execution = make_pipeline_execution(
        pipeline_name=text,
        pipeline_execution_id=text,
        status=PipelineExecutionStatus(text),
        status_summary=other,
        artifact_revisions=[revision],
        variables=[{"name": other, "resolved_value": text}],
        trigger={"trigger_type": None if other is None else TriggerType(other), "trigger_detail": text},
        region_name="eu-west-1",
    )
    table = shown(execution)
    assert {element.tag for element in table.iter()} <= TAGS
    assert {name for element in table.iter() for name in element.attrib} <= ATTRIBUTES
    assert links(table) == [url for url in (revision.commit_url, execution.console_url) if url is not None]
    assert all(str(link).lower().startswith(("https://", "http://")) for link in links(table))
    assert all(link.get("rel") == "noopener noreferrer" for link in table.iter("a"))
    assert "url(" not in "".join(str(element.get("style")) for element in table.iter())
    assert all(len(row) == 2 and "".join(row).isprintable() for row in rows(table))
