"""The values that travel show no more of themselves than may be seen."""

from __future__ import annotations

from codepipeline_client import Credentials
from codepipeline_client._protocol.messages import Attempt, Request, Response

PLANTED = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
KEYS = Credentials(access_key_id="AKIAIOSFODNN7EXAMPLE", secret_access_key=PLANTED, session_token=PLANTED)


def test_an_answer_shows_its_status_alone() -> None:
    """What is in it may be a page of someone else's, or quote what was signed."""
    answer = Response(status_code=403, headers={"x-echo": PLANTED}, body=PLANTED.encode(), credentials=KEYS)
    assert repr(answer) == "Response(status_code=403)"


def test_an_attempt_shows_no_keys() -> None:
    """Those that were called expired go with it."""
    request = Request(method="POST", url="https://codepipeline.eu-west-1.amazonaws.com", headers=(), body=b"{}")
    assert PLANTED not in repr(Attempt(request=request, number=2, stale=KEYS))
