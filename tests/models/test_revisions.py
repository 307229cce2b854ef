"""
What a revision tells, in each shape that a source's provider gives it: nothing odd raises, nothing unsafe is a link.

The shapes are those that the service is known to send; names, hashes and accounts are made up.
"""

from __future__ import annotations

import json
from urllib.parse import urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from codepipeline_client import ArtifactRevision

HASH = "5f2c9d1e8b7a60413c2d4e6f8091a2b3c4d5e6f7"
LONG_HASH = HASH + "0123456789abcdef01234567"
CONNECTION = "arn:aws:codestar-connections:us-west-2:111122223333:connection/0f4c2b6a-9d1e-4a35-8c7b-5e6f70819203"
REDIRECT = (
    "https://us-west-2.console.aws.amazon.com/codesuite/settings/connections/redirect"
    f"?connectionArn={CONNECTION}&referenceType=COMMIT&FullRepositoryId=example/web&Commit={HASH}"
)
CODECOMMIT = f"https://us-west-2.console.aws.amazon.com/codecommit/home#/repository/web/commit/{HASH}"
CODESUITE = f"https://cn-north-1.console.amazonaws.cn/codesuite/codecommit/repositories/web/commit/{HASH}?region=a"
S3_VERSION = "CXkyGc4T_6.0ZrS3vwWYfF1NHHYqGtmh"


def connection_summary(provider: str, message: str) -> str:
    return json.dumps({"ProviderType": provider, "CommitMessage": message}, separators=(",", ":"))


@pytest.mark.parametrize(
    ("url", "provider", "repository", "commit"),
    [
        pytest.param(f"https://github.com/example/web/commit/{HASH}", "GitHub", "example/web", HASH, id="github"),
        pytest.param(f"https://gitlab.com/a/b/web/-/commit/{HASH}", "GitLab", "a/b/web", HASH, id="gitlab"),
        pytest.param(f"https://gitlab.com/example/web/commit/{HASH}", "GitLab", "example/web", HASH, id="gitlab-old"),
        pytest.param(f"https://bitbucket.org/example/web/commits/{HASH}", "Bitbucket", "example/web", HASH, id="bit"),
        pytest.param(REDIRECT, None, "example/web", HASH, id="connection"),
        pytest.param(REDIRECT.replace("/web", "%2Fteam%2Fweb"), None, "example/team/web", HASH, id="subgroups"),
        pytest.param(CODECOMMIT, "CodeCommit", "web", HASH, id="codecommit"),
        pytest.param(CODESUITE, "CodeCommit", "web", HASH, id="codecommit-in-china"),
        pytest.param("https://console.amazonaws-us-gov.com/codecommit/home", "CodeCommit", None, None, id="govcloud"),
        pytest.param("https://s3.console.aws.amazon.com/s3/object/b", "S3", None, None, id="s3-by-its-own-host"),
        pytest.param("https://1-a.us-east-1.console.aws.amazon.com/ecr/x", "ECR", None, None, id="session"),
        pytest.param(f"https://GitHub.com/Example/Web/commit/{HASH}", "GitHub", "Example/Web", HASH, id="capitals"),
        pytest.param("https://github.com/example/web/commit/5f2c9d1e", "GitHub", "example/web", None, id="short-hash"),
        pytest.param("https://github.com/example/web", "GitHub", None, None, id="no-commit"),
        pytest.param("https://api.github.com/repos/a/b/commits/main", "GitHub", "a/b", None, id="api-without-a-hash"),
        pytest.param(f"https://github.com/../web/commit/{HASH}", "GitHub", None, HASH, id="way-out"),
        pytest.param(f"https://github.com/a/%2e%2e/commit/{HASH}", "GitHub", None, HASH, id="escaped-way-out"),
        pytest.param(f"https://github.com/a/%00/commit/{HASH}", "GitHub", None, HASH, id="escaped-null"),
        pytest.param(f"https://github.com.evil.example/a/b/commit/{HASH}", None, None, None, id="another-host"),
        pytest.param(f"https://evilgithub.com/a/b/commit/{HASH}", None, None, None, id="another-host-before"),
        pytest.param("http://[::1]:8080/", None, None, None, id="ipv6"),
        pytest.param("https://code.example/?FullRepositoryId=/example", None, None, None, id="way-to-the-root"),
        pytest.param("https://code.example/?FullRepositoryId=a%2Fb+c", None, "a/b c", None, id="blank-in-a-name"),
        pytest.param("https://console.aws.amazon.com.evil.example/s3/", None, None, None, id="another-console"),
    ],
)
def test_a_page_is_told_by_its_whole_host_and_path(
    url: str, provider: str | None, repository: str | None, commit: str | None
) -> None:
    revision = ArtifactRevision(revision_url=url)
    assert revision.commit_url == url
    assert (revision.provider_type, revision.repository, revision.commit_id) == (provider, repository, commit)


def test_a_commit_of_githubs_api_is_shown_on_its_page() -> None:
    """The API's URL shows JSON."""
    revision = ArtifactRevision(revision_url=f"https://api.github.com/repos/example/web/git/commits/{HASH}")
    assert revision.commit_url == f"https://github.com/example/web/commit/{HASH}"
    assert (revision.provider_type, revision.repository, revision.commit_id) == ("GitHub", "example/web", HASH)


@pytest.mark.parametrize(
    ("revision_id", "commit"),
    [
        pytest.param(HASH, HASH, id="sha-1"),
        pytest.param(HASH.upper(), HASH.upper(), id="capitals"),
        pytest.param(LONG_HASH, LONG_HASH, id="sha-256"),
        pytest.param(f"{HASH}0", None, id="between-the-two"),
        pytest.param(f"{HASH}\n", None, id="line-break-at-the-end"),
        pytest.param("g" * 40, None, id="other-letters"),
        pytest.param("٣" * 40, None, id="other-digits"),
    ],
)
def test_a_commit_id_is_a_whole_hash(revision_id: str, commit: str | None) -> None:
    assert ArtifactRevision(revision_id=revision_id).commit_id == commit


def test_the_service_knows_the_commit_better_than_the_url() -> None:
    other = HASH[::-1]
    assert ArtifactRevision(revision_id=other, revision_url=REDIRECT).commit_id == other
    assert ArtifactRevision(revision_url=REDIRECT.replace(HASH, HASH[:7])).commit_id is None


@pytest.mark.parametrize(
    ("summary", "provider", "message"),
    [
        pytest.param(connection_summary("Bitbucket", "A\n\nB.\n"), "Bitbucket", "A\n\nB.", id="connection"),
        pytest.param(f"Amazon S3 version id: {S3_VERSION}", "S3", None, id="version-id-that-s3-writes"),
        pytest.param("Amazon S3 version id: X", None, "Amazon S3 version id: X", id="another-version-id"),
        pytest.param('{"ProviderType":"GitHub","CommitMessage":null}', "GitHub", None, id="null-message"),
        pytest.param('{"ProviderType":"GitHub"}', "GitHub", None, id="no-message"),
        pytest.param('{"CommitMessage":"Go"}', None, "Go", id="no-provider"),
        pytest.param(' {"CommitMessage":"Go"}\n', None, "Go", id="blanks-around"),
        pytest.param('{"CommitMessage":"\\ud83d\\ude80 \\ud83d"}', None, "\U0001f680 \ufffd", id="half-a-character"),
        pytest.param('{"key":"value"}', None, '{"key":"value"}', id="json-of-its-user"),
        pytest.param("{wip} Go", None, "{wip} Go", id="a-message-with-a-brace"),
        pytest.param(" \n ", None, None, id="nothing-but-blanks"),
        pytest.param('{"ProviderType":"GitHub","CommitMessage":"Go on and', "GitHub", "Go on and", id="cut-off"),
        pytest.param('{"ProviderType":"GitHub","CommitMessage":"Go\\', "GitHub", "Go", id="cut-in-an-escape"),
        pytest.param('{"CommitMessage":"Go\\\\\\', None, "Go\\", id="cut-in-an-escape-after-another"),
        pytest.param('{"CommitMessage":"Go\\\\u00e', None, "Go\\u00e", id="cut-after-what-is-no-number"),
        pytest.param('{"ProviderType":"GitHub","Com', None, '{"ProviderType":"GitHub","Com', id="cut-too-early"),
    ],
)
def test_a_summary_is_read_as_what_it_is(summary: str, provider: str | None, message: str | None) -> None:
    revision = ArtifactRevision(revision_id=S3_VERSION, revision_summary=summary, revision_url=REDIRECT)
    assert (revision.provider_type, revision.commit_message) == (provider, message)


def test_hostile_json_is_a_plain_summary() -> None:
    """It takes no stack and no time: what json refuses stays the text that it is."""
    for summary in ('{"a":' * 100_000, '{"CommitMessage":' + "9" * 100_000 + "}", '{"a":"' + "\\" * 1_000_001):
        assert ArtifactRevision(revision_summary=summary).commit_message == summary


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("JavaScript://github.com/%0aalert(1)", id="script-in-disguise"),
        pytest.param("//github.com/example/web", id="no-scheme"),
        pytest.param("https:///example/web", id="no-host"),
        pytest.param("https://github.com@evil.example/example/web", id="userinfo"),
        pytest.param("https://github.com\\@evil.example/", id="backslash"),
        pytest.param("https://github.com:99999/example/web", id="port-too-high"),
        pytest.param("https://github.com:0/example/web", id="port-zero"),
        pytest.param("https://[github.com]/example", id="bracketed-name"),
        pytest.param("https://[fe80::1%25eth0]/", id="zone"),
        pytest.param("https://git%68ub.com/", id="escaped-host"),
        pytest.param("https://github.com/a\nb", id="line-break"),
        pytest.param('https://github.com/"onclick="x', id="quote"),
        pytest.param("https://g\u0456thub.com/example/web", id="cyrillic-letter"),
        pytest.param("https://github.com/\ud83d", id="half-a-character"),
    ],
)
def test_a_url_that_is_not_safe_to_open_tells_nothing(url: str) -> None:
    revision = ArtifactRevision(revision_url=url)
    assert (revision.commit_url, revision.repository, revision.provider_type, revision.commit_id) == (None,) * 4


HOSTS = "github.com api.github.com bitbucket.org gitlab.com us-west-2.console.aws.amazon.com"
PATHS = "/codesuite/codecommit/repositories/ /codecommit/home #/repository/ /repos/ /commit/ /commits/ /- owner"
SIGNS = "/ ? # & : @ % %2e .. [ ] FullRepositoryId= Commit= 99999"
PIECES = st.sampled_from(["https://", "http://", "javascript:", HASH, *f"{HOSTS} {PATHS} {SIGNS}".split()])
TEXTS = st.text(st.characters())
URLS = st.lists(PIECES | st.text(max_size=3), max_size=12).map("".join)
NAMES = st.sampled_from(["ProviderType", "CommitMessage"]) | st.text(max_size=5)
SCALARS = st.none() | st.integers() | TEXTS
JSONS = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(NAMES, inner))
SUMMARIES = TEXTS | JSONS.map(json.dumps) | TEXTS.map(lambda text: '{"CommitMessage":"' + text)


@given(st.none() | TEXTS, st.none() | SUMMARIES, st.none() | TEXTS | URLS)
@example(None, "{", "https://[::1")
def test_no_text_raises_and_what_is_told_is_fit_for_use(
    revision_id: str | None, summary: str | None, url: str | None
) -> None:
    revision = ArtifactRevision(revision_id=revision_id, revision_summary=summary, revision_url=url)
    for told in (revision.commit_message, revision.provider_type, revision.repository, revision.commit_id):
        assert told is None or told.encode().strip()
    if revision.commit_url is not None:
        parts = urlsplit(revision.commit_url)
        assert revision.commit_url.isascii()
        assert revision.commit_url.isprintable()
        assert parts.scheme in ("http", "https")
        assert parts.hostname
        assert parts.username is None
    if revision.repository is not None:
        assert not {"", ".", ".."} & {*revision.repository.split("/")}
        assert revision.repository.isprintable()
    if revision.commit_id is not None:
        assert len(bytes.fromhex(revision.commit_id)) in (20, 32)


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), st.data())
def test_a_message_that_was_cut_off_is_read_as_far_as_it_goes(message: str, data: st.DataObject) -> None:
    """Wherever the cut is, in the middle of an escape or of a pair of them."""
    whole = connection_summary("GitHub", message)
    begins = whole.index('"CommitMessage":"') + len('"CommitMessage":"')
    cut = data.draw(st.integers(begins, len(whole) - 3))
    revision = ArtifactRevision(revision_summary=whole[:cut])
    assert revision.provider_type == "GitHub"
    assert message.strip().startswith((revision.commit_message or "").rstrip("\ufffd").strip())
