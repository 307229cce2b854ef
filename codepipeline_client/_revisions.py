"""
Read what a source's provider put into a revision: a summary that may be a JSON object, a URL that tells much.

Knows texts only. Nothing in them is an error here: what cannot be read is absent.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Final, cast
from urllib.parse import SplitResult, parse_qs, quote, unquote, urlsplit

from attrs import frozen

from ._console import CONSOLE_HOSTS

_of_url: Final = re.compile(r"[!#-;=?-\[\]_a-z~]+").fullmatch
"""The characters of RFC 3986. Any other may be read as something else by a browser, a terminal or a chat."""
_host: Final = re.compile(r"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]+").fullmatch
_hash: Final = re.compile("[0-9A-Fa-f]{40}|[0-9A-Fa-f]{64}").fullmatch

_CONSOLE: Final = rf"(?:[\w-]+\.)*(?:{'|'.join(map(re.escape, CONSOLE_HOSTS))})"
_NAME: Final = "(?P<repository>[^/#]+)"
_OWNED: Final = "(?P<repository>[^/#]+/[^/#]+)"
_COMMIT: Final = "(?P<commit>[^/#]+)"
_PAGES: Final = (
    ("GitHub", rf"(?:www\.)?github\.com/(?:{_OWNED}/commit/{_COMMIT})?"),
    ("GitHub", rf"api\.github\.com/(?:repos/{_OWNED}/(?:git/)?commits/{_COMMIT})?"),
    ("Bitbucket", rf"bitbucket\.org/(?:{_OWNED}/commits/{_COMMIT})?"),
    ("GitLab", rf"gitlab\.com/(?:(?P<repository>[^/#]+(?:/[^/#]+)+?)(?:/-)?/commit/{_COMMIT})?"),
    ("CodeCommit", rf"{_CONSOLE}/codesuite/codecommit/(?:repositories/{_NAME}/commit/{_COMMIT})?"),
    ("CodeCommit", rf"{_CONSOLE}/codecommit/home(?:#/repository/{_NAME}/commit/{_COMMIT})?"),
    ("S3", rf"{_CONSOLE}/s3/"),
    ("ECR", rf"{_CONSOLE}/ecr/"),
)
"""By host, path and fragment, whose page an address is; then, where it is a commit's page, of which one."""


@frozen(kw_only=True)
class Page:
    """What the URL of a revision tells."""

    url: str | None = None
    """Where a person can look at it. None when there is none, or when opening it would not be safe."""
    provider_type: str | None = None
    repository: str | None = None
    commit_id: str | None = None


@frozen(kw_only=True)
class Summary:
    """What the summary of a revision tells."""

    provider_type: str | None = None
    commit_message: str | None = None


def commit_id_of(text: str | None) -> str | None:
    """Return *text* if it is a whole commit hash, of SHA-1 or SHA-256."""
    return text if text is not None and _hash(text) else None


def page_of(url: str | None) -> Page:
    """Read the URL of a revision."""
    parts = _split(url)
    if parts is None:
        return Page()
    provider, repository, commit = _place(f"{parts.hostname}{parts.path}#{parts.fragment}")
    if repository is None:  # a connection redirects to the provider's page, and says which in its query
        query = parse_qs(parts.query)
        repository, commit = (query.get(name, [None])[0] for name in ("FullRepositoryId", "Commit"))
    repository, commit = _safe_path(repository), commit_id_of(commit)
    if parts.hostname == "api.github.com" and repository and commit:
        url = f"https://github.com/{quote(repository)}/commit/{commit}"  # the API's own answer is for programs
    return Page(url=url, provider_type=provider, repository=repository, commit_id=commit)


def summary_of(text: str | None, revision_id: str | None) -> Summary:
    """Read the summary of a revision."""
    members = _members((text or "").strip())
    if "ProviderType" in members or "CommitMessage" in members:
        provider, message = members.get("ProviderType"), members.get("CommitMessage")
        return Summary(provider_type=_text(provider), commit_message=_text(message))
    message = _text(text)
    if message == f"Amazon S3 version id: {revision_id}":  # S3's own words, where the object has none of its user's
        return Summary(provider_type="S3")
    return Summary(commit_message=message)


def _split(url: str | None) -> SplitResult | None:
    """Return the parts of a URL that is whole, and safe to open."""
    if not url or not _of_url(url):
        return None
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    plain = "@" not in parts.netloc and _host(parts.hostname or "") and port != 0
    return parts if plain and parts.scheme in ("http", "https") else None


def _place(address: str) -> tuple[str | None, str | None, str | None]:
    for provider, shape in _PAGES:
        if match := re.match(shape, address):
            found = match.groupdict()
            return provider, unquote(found.get("repository") or "") or None, found.get("commit")
    return None, None, None


def _safe_path(name: str | None) -> str | None:
    """Return a repository's name. None for what would lead to another place when it becomes part of an address."""
    return name if name and name.isprintable() and not {"", ".", ".."} & {*name.split("/")} else None


def _members(text: str) -> Mapping[str, object]:
    """Return the JSON object that *text* is, even if it was cut off in its last text; empty when it is none."""
    if not text.startswith("{"):
        return {}
    for candidate in (text, _closed(text)):
        with suppress(ValueError, RecursionError):
            return cast("dict[str, object]", json.loads(candidate))  # what begins with a brace is an object, or no JSON
    return {}


def _closed(text: str) -> str:
    """Return what was cut off inside a text, up to the last whole letter, and closed."""
    return re.sub(r"([^\\](?:\\\\)*)\\(?:u[0-9A-Fa-f]{0,3})?\Z", r"\1", text) + '"}'


def _text(value: object) -> str | None:
    """Return a text without the blanks around it, None for an empty one. Half a surrogate pair becomes U+FFFD."""
    if not isinstance(value, str):
        return None
    return value.strip().encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace") or None
