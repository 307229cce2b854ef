"""Credentials that a text quotes are removed from it, in whatever form; nothing else is."""

from __future__ import annotations

import html
import json
from collections.abc import Callable
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codepipeline_client import Credentials
from codepipeline_client._protocol.redaction import redact

SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
TOKEN = "IQoJb3JpZ2luX2VjEOv//////////wEaCXVzLWVhc3QtMSJHMEUCIQDx+1zGk==" * 4
CREDENTIALS = Credentials(access_key_id="AKID", secret_access_key=SECRET, session_token=TOKEN)


@pytest.mark.parametrize("secret", [SECRET, TOKEN])
@pytest.mark.parametrize(
    "form",
    [
        pytest.param(str, id="plain"),
        pytest.param(lambda text: quote(text, safe=""), id="url"),
        pytest.param(lambda text: text.replace("+", "%2b"), id="url-in-part"),
        pytest.param(lambda text: quote(quote(text, safe=""), safe=""), id="url-twice"),
        pytest.param(lambda text: text.replace("+", "&#43;").replace("/", "&#x2F;").replace("=", "&#61;"), id="html"),
        pytest.param(lambda text: text.replace("/", "&sol;").replace("+", "&plus;"), id="html-names"),
        pytest.param(lambda text: json.dumps(text).strip('"').replace("/", "\\/"), id="json"),
        pytest.param(lambda text: text.replace("+", "\\u002b").replace("=", "\\u003D"), id="json-numbers"),
        pytest.param(lambda text: text[:20], id="its-beginning"),
        pytest.param(lambda text: text[7:23], id="a-part"),
    ],
)
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


@given(st.text(), st.text())
def test_no_part_of_a_secret_stays_that_is_long_enough(before: str, after: str) -> None:
    assert SECRET[:16] not in redact(before + SECRET + after, CREDENTIALS)
