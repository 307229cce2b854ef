"""The console's page of an execution: for each partition its host, and no address where none is known."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codepipeline_client.testing import make_pipeline_execution
from tests._config.test_endpoint import PARTITIONS

ID = "3137f7cb-7cf7-4039-8583-d7eb3a1c2f3e"


def page_of(region_name: str | None, pipeline_name: str = "web", execution_id: str = ID) -> str | None:
    return make_pipeline_execution(
        pipeline_name=pipeline_name, pipeline_execution_id=execution_id, region_name=region_name
    ).console_url


@pytest.mark.parametrize(
    ("region_name", "host"),
    [
        pytest.param("mars-north-1", "mars-north-1.console.aws.amazon.com", id="newer-than-the-release"),
        pytest.param("EU-West-1", "eu-west-1.console.aws.amazon.com", id="capitals"),
        pytest.param(None, None, id="built-by-hand"),
        pytest.param("eu-west-1.evil.example/", None, id="another-host"),
        pytest.param("eu-west-1\n", None, id="line-break"),
        pytest.param("-eu", None, id="no-label"),
        pytest.param("x" * 64, None, id="too-long"),
    ],
)
def test_the_region_tells_the_host(region_name: str | None, host: str | None) -> None:
    url = page_of(region_name)
    assert (None if url is None else urlsplit(url).hostname) == host


HOST_OF = {
    "aws": "console.aws.amazon.com",
    "aws-cn": "console.amazonaws.cn",
    "aws-us-gov": "console.amazonaws-us-gov.com",
    "aws-eusc": "console.amazonaws-eusc.eu",
}


@pytest.mark.parametrize("partition", [pytest.param(each, id=each["id"]) for each in PARTITIONS["partitions"]])
def test_every_region_that_botocore_knows_has_the_console_of_its_partition(partition: dict[str, Any]) -> None:
    """The isolated partitions have none that is public."""
    host = HOST_OF.get(partition["id"])
    regions: list[str] = [region for region in partition["regions"] if not region.endswith("-global")]
    assert regions or host is None
    for region in regions:
        url = page_of(region)
        assert (url and urlsplit(url).hostname) == (host and f"{region}.{host}")


NAMES = st.text(st.characters()) | st.sampled_from(
    ["a/b", "../..", "..", ".", "a?b=c", "a#b", "%2e%2e", "a@b", "\ud83d"]
)


@given(NAMES, NAMES)
def test_no_text_breaks_out_of_the_address(pipeline_name: str, execution_id: str) -> None:
    url = page_of("eu-west-1", pipeline_name, execution_id)
    if {pipeline_name, execution_id} & {"", ".", ".."}:  # a browser would take these out of the path
        assert url is None
        return
    assert url is not None
    parts = urlsplit(url)
    assert url.isascii()
    assert (parts.hostname, parts.query, parts.fragment) == ("eu-west-1.console.aws.amazon.com", "region=eu-west-1", "")
    *_, pipelines, name, executions, shown_id, page = parts.path.split("/")
    assert (pipelines, executions, page) == ("pipelines", "executions", "visualization")
    assert [unquote(name), unquote(shown_id)] == [
        text.encode("utf-8", "replace").decode() for text in (pipeline_name, execution_id)
    ]
