"""Credentials that a text quotes are removed from it, in whatever form, and no repr shows any."""

from __future__ import annotations

import html
from collections.abc import Callable
from typing import Final
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codepipeline_client import Credentials
from codepipeline_client._protocol.messages import Attempt, Response, redact

SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
TOKEN = "IQoJb3JpZ2luX2VjEOv//////////wEaCXVzLWVhc3QtMSJHMEUCIQDx+1zGk==" * 4
CREDENTIALS = Credentials(access_key_id="AKID", secret_access_key=SECRET, session_token=TOKEN)
FORMS: Final[dict[str, Callable[[str], str]]] = {
    "plain": str,
    "url": lambda text: quote(text, safe=""),
    "url-in-part": lambda text: text.replace("+", "%2b"),
    "url-twice": lambda text: quote(quote(text, safe=""), safe=""),
    "html": lambda text: text.replace("+", "&#43;").replace("/", "&#x2F;").replace("=", "&#61;"),
    "html-names": lambda text: text.replace("/", "&sol;").replace("+", "&plus;"),
    "json": lambda text: text.replace("/", "\\/"),
    "json-numbers": lambda text: text.replace("+", "\\u002b").replace("=", "\\u003D"),
    "its-beginning": lambda text: text[:20],
    "a-part": lambda text: text[7:23],
}


@pytest.mark.parametrize("secret", [SECRET, TOKEN], ids=["secret-access-key", "session-token"])
@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_a_secret_is_removed_in_each_form(secret: str, form: Callable[[str], str]) -> None:
    assert redact(f"<p>bad header: {form(secret)}</p> 100%", CREDENTIALS) == "<p>bad header: [secret]</p> 100%"


@pytest.mark.parametrize("secret", ["testing", "", "fifteen-letters"])
def test_what_is_too_short_for_a_secret_stays(secret: str) -> None:
    """As with the credentials of an emulator."""
    short = Credentials(access_key_id="AKID", secret_access_key=secret, session_token=secret or None)
    text = "The account does not have a pipeline with name 'testing-web' of fifteen-letters"
    assert redact(text, short) == text


@given(st.text() | st.text("%&#;\\u2fabc/+=").map(html.escape))
def test_another_text_stays(text: str) -> None:
    assert redact(text, CREDENTIALS) == text
    assert redact(text, None) == text


@given(st.text(), st.integers(0, len(SECRET) - 16), st.text())
def test_no_part_of_a_secret_stays_that_is_long_enough(before: str, start: int, after: str) -> None:
    part = SECRET[start : start + 16]
    assert part not in redact(f"{before} {part} {after}", CREDENTIALS)


def test_a_repr_shows_no_secret() -> None:
    """Headers and body may quote what was signed; an attempt has the credentials that the service called expired."""
    response = Response(status_code=403, headers={"x-echo": SECRET}, body=TOKEN.encode(), credentials=CREDENTIALS)
    assert repr(response) == "Response(status_code=403)"
    attempt = repr(Attempt(headers=(), body=b"{}", number=2, stale=CREDENTIALS))
    assert SECRET not in attempt
    assert TOKEN not in attempt
