"""
Read what a source's provider put into a revision: a summary that may be a JSON object, and a URL.

Pure, and raises nothing: a value that cannot be read is None.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Final, NamedTuple, cast
from urllib.parse import SplitResult, parse_qs, quote, unquote, urlsplit

CONSOLE_HOSTS: Final = {
    "cn-": "console.amazonaws.cn",
    "us-gov-": "console.amazonaws-us-gov.com",
    "eusc-": "console.amazonaws-eusc.eu",
    "": "console.aws.amazon.com",
}
"""By the prefix of the region's name. In a URL, a region's name and other labels may precede the host."""
_URL: Final = r"[!#-;=?-\[\]_a-z~]+"
"""The characters of RFC 3986. A browser, a terminal or a chat may read any other as something else."""
_HOST: Final = r"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]+"
# Strings, compiled by re at the first use: compiling takes milliseconds, and many programs read no revision.

_CONSOLE: Final = rf"(?:[\w-]+\.)*(?:{'|'.join(map(re.escape, CONSOLE_HOSTS.values()))})"
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
"""By host, path and fragment: the provider whose page a URL is, and the repository and commit of a commit's page."""


class Reading(NamedTuple):
    """What can be read out of a revision."""

    provider_type: str | None = None
    repository: str | None = None
    commit_id: str | None = None
    commit_message: str | None = None
    url: str | None = None
    """The page for a browser. None without one, or when opening it would not be safe."""


def read(revision_id: str | None, summary: str | None, url: str | None) -> Reading:
    """Read what the service gives for a revision."""
    provider, message = _read_summary(summary, revision_id)
    commit = _commit_id(revision_id)
    parts = _split(url)
    if parts is None:
        return Reading(provider_type=provider, commit_id=commit, commit_message=message)
    page_provider, repository, page_commit = _commit_page(f"{parts.hostname}{parts.path}#{parts.fragment}")
    if repository is None:  # a connection's URL redirects to the provider's page, which its query names
        query = parse_qs(parts.query)
        repository, page_commit = (query.get(name, [None])[0] for name in ("FullRepositoryId", "Commit"))
    if not repository or not repository.isprintable() or {"", ".", ".."} & {*repository.split("/")}:
        repository = None  # it would change the path of a URL that it is put into
    page_commit = _commit_id(page_commit)
    if parts.hostname == "api.github.com" and repository and page_commit:
        url = f"https://github.com/{quote(repository)}/commit/{page_commit}"  # not the JSON of the API
    return Reading(provider or page_provider, repository, commit or page_commit, message, url)


def _commit_id(text: str | None) -> str | None:
    return text if text and re.fullmatch("[0-9A-Fa-f]{40}|[0-9A-Fa-f]{64}", text) else None


def _split(url: str | None) -> SplitResult | None:
    """Return the parts of a URL that is complete and safe to open. None for any other."""
    if not url or not re.fullmatch(_URL, url):
        return None
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    plain = "@" not in parts.netloc and re.fullmatch(_HOST, parts.hostname or "") and port != 0
    return parts if plain and parts.scheme in ("http", "https") else None


def _commit_page(address: str) -> tuple[str | None, str | None, str | None]:
    """Return the provider, the repository and the commit that *address* names, as far as it does."""
    for provider, pattern in _PAGES:
        if match := re.match(pattern, address):
            groups = match.groupdict()
            return provider, unquote(groups.get("repository") or "") or None, groups.get("commit")
    return None, None, None


def _read_summary(text: str | None, revision_id: str | None) -> tuple[str | None, str | None]:
    """Return the provider and the commit message."""
    members = _members((text or "").strip())
    if "ProviderType" in members or "CommitMessage" in members:
        return _text(members.get("ProviderType")), _text(members.get("CommitMessage"))
    message = _text(text)
    if message == f"Amazon S3 version id: {revision_id}":  # S3's own text for an object without user metadata
        return "S3", None
    return None, message


def _members(text: str) -> Mapping[str, object]:
    """Return the JSON object in *text*, even if it was cut off inside its last string. Empty if there is no object."""
    if not text.startswith("{"):
        return {}
    without_half_an_escape = re.sub(r"([^\\](?:\\\\)*)\\(?:u[0-9A-Fa-f]{0,3})?\Z", r"\1", text)
    for candidate in (text, without_half_an_escape + '"}'):
        with suppress(ValueError, RecursionError):
            return cast("dict[str, object]", json.loads(candidate))  # JSON that begins with a brace is an object
    return {}


def _text(value: object) -> str | None:
    """Return a string stripped, None for an empty one. A lone surrogate becomes U+FFFD."""
    if not isinstance(value, str):
        return None
    return value.strip().encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace") or None
