"""
Run by moto's Python: a moto server with one execution on it, started through boto3.

Prints one JSON line that says where it is, then serves until its stdin ends.
From that line on the server wants every request signed by the user it names, and checks the signature.
"""

from __future__ import annotations

import importlib
import json
import sys
import urllib.request

REGION = "eu-west-1"
ASSUMED_BY_CODEPIPELINE = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "codepipeline.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ],
}
MAY_READ = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "codepipeline:*", "Resource": "*"}]}


def stage(name: str, category: str, provider: str, settings: dict[str, str]) -> dict[str, object]:
    kind = {"category": category, "owner": "AWS", "provider": provider, "version": "1"}
    return {"name": name, "actions": [{"name": name, "actionTypeId": kind, "configuration": settings}]}


def main() -> None:
    # By name: the type checkers run where neither of them is installed.
    boto3 = importlib.import_module("boto3")
    moto_server = importlib.import_module("moto.server")

    server = moto_server.ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint_url = f"http://{host}:{port}"
    session = boto3.Session(aws_access_key_id="setup", aws_secret_access_key="setup", region_name=REGION)

    iam = session.client("iam", endpoint_url=endpoint_url)
    role = iam.create_role(RoleName="pipeline", AssumeRolePolicyDocument=json.dumps(ASSUMED_BY_CODEPIPELINE))["Role"]
    iam.create_user(UserName="reader")
    iam.put_user_policy(UserName="reader", PolicyName="read", PolicyDocument=json.dumps(MAY_READ))
    key = iam.create_access_key(UserName="reader")["AccessKey"]

    codepipeline = session.client("codepipeline", endpoint_url=endpoint_url)
    codepipeline.create_pipeline(
        pipeline={
            "name": "web",
            "roleArn": role["Arn"],
            "artifactStore": {"type": "S3", "location": "artifacts"},
            "pipelineType": "V2",
            "variables": [{"name": "stage", "defaultValue": "test"}],
            "stages": [
                stage("Source", "Source", "S3", {"S3Bucket": "sources", "S3ObjectKey": "web.zip"}),
                stage("Approve", "Approval", "Manual", {}),
            ],
        }
    )
    started = codepipeline.start_pipeline_execution(name="web", variables=[{"name": "stage", "value": "live"}])

    check_from_now_on = urllib.request.Request(
        f"{endpoint_url}/moto-api/reset-auth", data=b"0", headers={"Content-Type": "text/plain"}
    )
    with urllib.request.urlopen(check_from_now_on, timeout=10):
        pass
    facts = {
        "endpoint_url": endpoint_url,
        "region_name": REGION,
        "access_key_id": key["AccessKeyId"],
        "secret_access_key": key["SecretAccessKey"],
        "pipeline_name": "web",
        "pipeline_execution_id": started["pipelineExecutionId"],
    }
    print(json.dumps(facts), flush=True)
    sys.stdin.read()
    server.stop()


main()
