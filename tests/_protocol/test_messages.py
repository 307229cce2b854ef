"""The repr of a response and of an attempt shows no secret."""

from __future__ import annotations

from codepipeline_client import Credentials
from codepipeline_client._protocol.messages import Attempt, Request, Response

PLANTED = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
CREDENTIALS = Credentials(access_key_id="AKIAIOSFODNN7EXAMPLE", secret_access_key=PLANTED, session_token=PLANTED)


def test_a_response_shows_its_status_alone() -> None:
    """Headers and body may quote what was signed."""
    response = Response(status_code=403, headers={"x-echo": PLANTED}, body=PLANTED.encode(), credentials=CREDENTIALS)
    assert repr(response) == "Response(status_code=403)"


def test_an_attempt_shows_no_secret() -> None:
    """It carries the credentials that the service called expired."""
    request = Request(method="POST", url="https://codepipeline.eu-west-1.amazonaws.com", headers=(), body=b"{}")
    assert PLANTED not in repr(Attempt(request=request, number=2, stale=CREDENTIALS))
