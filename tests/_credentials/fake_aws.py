"""The sources of botocore's chain, each prepared for a test."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from attrs import define

from tests._credentials.support import OTHER, SECRET, TOKEN

END: Final = "2040-01-01T00:00:00Z"
CONTAINER: Final = {"AccessKeyId": "ASIA8", "SecretAccessKey": SECRET, "Token": TOKEN, "Expiration": END}
PROCESS: Final = {"Version": 1, **CONTAINER, "SessionToken": TOKEN}
DENIED: Final = (
    "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>not you</Message></Error>"
    "<RequestId>r</RequestId></ErrorResponse>"
)
ASSUMED: Final = (
    '<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult>'
    "<AssumedRoleUser><Arn>arn:aws:sts::123456789012:assumed-role/r/s</Arn><AssumedRoleId>A:s</AssumedRoleId>"
    f"</AssumedRoleUser><Credentials><AccessKeyId>ASIA7</AccessKeyId><SecretAccessKey>{SECRET}</SecretAccessKey>"
    f"<SessionToken>{TOKEN}</SessionToken><Expiration>{END}</Expiration></Credentials></AssumeRoleResult>"
    "<ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></AssumeRoleResponse>"
)


def process_text(**members: object) -> str:
    """Return what a credential process prints, with some *members* replaced; None to leave one out."""
    return json.dumps({name: value for name, value in {**PROCESS, **members}.items() if value is not None})


@define
class FakeAws:
    """What the sources look into: files, the environment, and AWS on loopback."""

    home: Path
    setenv: Callable[[str, str], None]
    url: str
    responses: dict[str, tuple[int, str]]
    authorizations: list[str]

    def write(self, name: str, text: str) -> Path:
        path = self.home / name
        path.write_text(text, encoding="utf-8")
        return path

    def config(self, text: str) -> None:
        self.setenv("AWS_CONFIG_FILE", str(self.write("config", text)))

    def shared_credentials(self, text: str) -> None:
        self.setenv("AWS_SHARED_CREDENTIALS_FILE", str(self.write("credentials", text)))

    def environment(self, **variables: str) -> None:
        for name, value in variables.items():
            self.setenv(f"AWS_{name}", value)

    def in_environment(self) -> None:
        self.environment(
            ACCESS_KEY_ID="AKIA1", SECRET_ACCESS_KEY=SECRET, SESSION_TOKEN=TOKEN, CREDENTIAL_EXPIRATION=END
        )

    def in_credentials_file(self) -> None:
        self.shared_credentials(
            f"[default]\naws_access_key_id = AKIA2\naws_secret_access_key = {SECRET}\naws_session_token = {TOKEN}\n"
            f"[named]\naws_access_key_id = AKIA3\naws_secret_access_key = {OTHER}\n"
        )

    def by_process(self, program: str = f"print({process_text()!r})") -> None:
        command = f'"{sys.executable}" "{self.write("script.py", program)}"'.replace("\\", "/")
        self.config(f"[default]\ncredential_process = {command}\n")

    def by_role(self, status: int = 200, text: str = ASSUMED, extra: str = "") -> None:
        self.config(f"[default]\nrole_arn = arn:aws:iam::123456789012:role/deployer\nsource_profile = other\n{extra}")
        self.shared_credentials(f"[other]\naws_access_key_id = AKIA5\naws_secret_access_key = {OTHER}\n")
        self.responses["AssumeRole"] = status, text
        self.environment(ENDPOINT_URL_STS=self.url)

    def by_container(self) -> None:
        self.environment(CONTAINER_CREDENTIALS_FULL_URI=f"{self.url}/keys", CONTAINER_AUTHORIZATION_TOKEN=OTHER)
        self.responses["/keys"] = 200, json.dumps(CONTAINER)

    def by_instance(self) -> None:
        self.environment(EC2_METADATA_DISABLED="false", EC2_METADATA_SERVICE_ENDPOINT=self.url)
        role = "/latest/meta-data/iam/security-credentials/"
        self.responses |= {"/latest/api/token": (200, OTHER), role: (200, "web")}
        self.responses[f"{role}web"] = 200, json.dumps({"Code": "Success", **CONTAINER})


SOURCES: Final[dict[str, tuple[Callable[[FakeAws], None], str | None]]] = {
    "environment": (FakeAws.in_environment, END),
    "credentials-file": (FakeAws.in_credentials_file, None),
    "process": (FakeAws.by_process, END),
    "process-without-end": (lambda aws: aws.by_process(f"print({process_text(Expiration=None)!r})"), None),
    "role": (FakeAws.by_role, END),
    "container": (FakeAws.by_container, END),
    "instance": (FakeAws.by_instance, END),
}
"""Each source alone, and when its credentials expire."""
