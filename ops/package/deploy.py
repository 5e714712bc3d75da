"""From a build to a running stack, through CloudFormation and nothing else.

The same code runs against AWS and against the emulator that the tests start; only the clients differ.
"""

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from botocore.exceptions import ClientError

from chalicelib.foundation.secrets import new_secrets
from ops.package.facts import APP, stack_name

_PAUSE_SECONDS = 0.5
_PATIENCE = 3600  # pauses: half an hour, longer than an index of a large table takes to be built

Say = Callable[[str], None]


class Clients(Protocol):
    """Where AWS clients come from: a boto3 session, or one that points at an emulator."""

    def client(self, service: str) -> Any:
        """A client of this service in the stage's region."""


class DeploymentError(Exception):
    """CloudFormation refused or rolled back; the message says at which resource and why."""


@dataclass(frozen=True)
class Change:
    """One line of what a deployment would do."""

    action: str
    resource: str
    kind: str
    replacement: str


def deploy(
    clients: Clients,
    stage: str,
    template: Path,
    zip_: Path,
    *,
    now: datetime,
    bucket: str | None = None,
    parameters: Mapping[str, str] | None = None,
    review: Callable[[list[Change]], bool] = lambda _: True,
    say: Say = lambda _: None,
) -> dict[str, str]:
    """Bring the stack to what the build says; the stack's outputs. Does nothing where nothing changed.

    `review` sees the changes before they are made and may refuse them. `parameters` that aren't given keep their values.
    Raises DeploymentError.
    """
    bucket = bucket or code_bucket(clients)
    location = upload(clients, bucket, stage, zip_)
    say(f"Code at {location}")
    url = upload_template(clients, bucket, stage, with_code_at(json.loads(template.read_text()), location))
    given = dict(parameters or {})
    outputs = apply(clients, stack_name(stage), url, given, review, say)
    if seed_secret(clients, outputs["SecretName"], now):
        say("Wrote the stage's first signing keys.")
    if not parameter(clients, stack_name(stage), "PublicUrl"):
        # The API's address is made by the first deployment; functions can't refer to it, for the API refers to them.
        say("Telling the functions the API's address.")
        given["PublicUrl"] = outputs["EndpointURL"].rstrip("/")
        outputs = apply(clients, stack_name(stage), url, given, lambda _: True, say)
    return outputs


def code_bucket(clients: Clients) -> str:
    """This account's bucket for deployments, made when there is none: private, encrypted, versions kept."""
    account = clients.client("sts").get_caller_identity()["Account"]
    s3 = clients.client("s3")
    region = s3.meta.region_name
    name = f"{APP}-deployments-{account}-{region}"
    try:
        s3.head_bucket(Bucket=name)
    except ClientError:
        where = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        s3.create_bucket(Bucket=name, **where)
        s3.put_public_access_block(
            Bucket=name,
            PublicAccessBlockConfiguration={
                "BlockPublicAcls": True, "IgnorePublicAcls": True, "BlockPublicPolicy": True, "RestrictPublicBuckets": True,
            },
        )  # fmt: skip
        s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    return name


def upload(clients: Clients, bucket: str, stage: str, zip_: Path) -> str:
    """Put the zip under its own hash, so that the same code is never a change. Returns its s3:// address."""
    content = zip_.read_bytes()
    key = f"{stage}/{hashlib.sha256(content).hexdigest()}.zip"
    clients.client("s3").put_object(Bucket=bucket, Key=key, Body=content)
    return f"s3://{bucket}/{key}"


def upload_template(clients: Clients, bucket: str, stage: str, template: Mapping[str, Any]) -> str:
    """Put the template beside the code (CloudFormation takes 51,200 bytes by hand, 1 MB from there). Returns its URL."""
    content = json.dumps(template, separators=(",", ":"), sort_keys=True).encode()
    s3 = clients.client("s3")
    key = f"{stage}/{hashlib.sha256(content).hexdigest()}.template.json"
    s3.put_object(Bucket=bucket, Key=key, Body=content)
    return str(s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": key})).partition("?")[0]


def with_code_at(template: dict[str, Any], location: str) -> dict[str, Any]:
    """The template with every function's code there."""
    resources = {
        name: {**said, "Properties": {**said["Properties"], "CodeUri": location}} if said["Type"] == "AWS::Serverless::Function" else said
        for name, said in template["Resources"].items()
    }
    return {**template, "Resources": resources}


def apply(
    clients: Clients, stack: str, template_url: str, given: Mapping[str, str], review: Callable[[list[Change]], bool], say: Say
) -> dict[str, str]:
    """Make and execute one change set; the stack's outputs."""
    cloudformation = clients.client("cloudformation")
    existing = _described(cloudformation, stack)
    change_set = f"valhalla-{hashlib.sha256((template_url + json.dumps(given, sort_keys=True)).encode()).hexdigest()[:16]}"
    kept = {one["ParameterKey"] for one in (existing or {}).get("Parameters", [])} - set(given)
    cloudformation.create_change_set(
        StackName=stack,
        ChangeSetName=change_set,
        ChangeSetType="UPDATE" if existing else "CREATE",
        TemplateURL=template_url,
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
        Parameters=[
            *({"ParameterKey": name, "ParameterValue": value} for name, value in sorted(given.items())),
            *({"ParameterKey": name, "UsePreviousValue": True} for name in sorted(kept)),
        ],
    )
    described = _wait_for_change_set(cloudformation, stack, change_set)
    if described is None:
        say(f"{stack} is as it should be; nothing to do.")
        return _outputs(existing or {})
    if not review(_changes(described)):
        cloudformation.delete_change_set(StackName=stack, ChangeSetName=change_set)
        raise DeploymentError("Not deployed: the changes were refused.")
    cloudformation.execute_change_set(StackName=stack, ChangeSetName=change_set)
    say(f"{stack} is {'changed' if existing else 'made'}; this can take minutes.")
    return _outputs(_wait_for_stack(cloudformation, stack))


def _described(cloudformation: Any, stack: str) -> dict[str, Any] | None:
    """The stack as it stands; None where there is none, or only an empty shell of a change set that was never executed."""
    try:
        (found,) = cloudformation.describe_stacks(StackName=stack)["Stacks"]
    except ClientError as error:
        if "does not exist" in str(error):
            return None
        raise
    return None if found["StackStatus"] == "REVIEW_IN_PROGRESS" else dict(found)


def _outputs(stack: Mapping[str, Any]) -> dict[str, str]:
    return {one["OutputKey"]: one["OutputValue"] for one in stack.get("Outputs", [])}


def parameter(clients: Clients, stack: str, name: str) -> str:
    """The present value of a stack's parameter; empty where it has none."""
    described = _described(clients.client("cloudformation"), stack) or {}
    return next((one["ParameterValue"] for one in described.get("Parameters", []) if one["ParameterKey"] == name), "")


def _changes(described: Mapping[str, Any]) -> list[Change]:
    changes = [one["ResourceChange"] for one in described.get("Changes", [])]
    return [Change(one["Action"], one["LogicalResourceId"], one["ResourceType"], one.get("Replacement", "")) for one in changes]


def _wait_for_change_set(cloudformation: Any, stack: str, change_set: str) -> dict[str, Any] | None:
    """The change set when it is ready; None where it is empty. Raises DeploymentError."""
    for _ in range(_PATIENCE):
        described: dict[str, Any] = cloudformation.describe_change_set(StackName=stack, ChangeSetName=change_set)
        if described["Status"] == "CREATE_COMPLETE":
            return described
        if described["Status"] == "FAILED":
            reason = described.get("StatusReason", "")
            cloudformation.delete_change_set(StackName=stack, ChangeSetName=change_set)
            if "didn't contain changes" in reason or "No updates are to be performed" in reason:
                return None
            raise DeploymentError(reason)
        time.sleep(_PAUSE_SECONDS)
    raise DeploymentError(f"The change set of {stack} was not ready in time.")


def _wait_for_stack(cloudformation: Any, stack: str) -> dict[str, Any]:
    """The stack when it is complete. Raises DeploymentError with the first reasons that CloudFormation gives."""
    for _ in range(_PATIENCE):
        described = _described(cloudformation, stack) or {"StackStatus": "REVIEW_IN_PROGRESS"}
        status = described["StackStatus"]
        if status in {"CREATE_COMPLETE", "UPDATE_COMPLETE"}:
            return described
        if not status.endswith("_IN_PROGRESS"):
            raise DeploymentError(f"{stack} is {status}: {_reasons(cloudformation, stack)}")
        time.sleep(_PAUSE_SECONDS)
    raise DeploymentError(f"{stack} did not settle in time.")


def _reasons(cloudformation: Any, stack: str) -> str:
    events = cloudformation.describe_stack_events(StackName=stack)["StackEvents"]
    failed = [one for one in events if one["ResourceStatus"].endswith("_FAILED") and "cancelled" not in one.get("ResourceStatusReason", "")]
    return "; ".join(f"{one['LogicalResourceId']}: {one.get('ResourceStatusReason', '?')}" for one in reversed(failed[-3:]))


def seed_secret(clients: Clients, name: str, now: datetime) -> bool:
    """Write the stage's first secrets where there are none; whether it did. One that has a value is never touched."""
    secrets = clients.client("secretsmanager")
    try:
        present = secrets.get_secret_value(SecretId=name)["SecretString"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise
        present = ""
    if not present:
        secrets.put_secret_value(SecretId=name, SecretString=new_secrets(now))
    return not present
