"""Deploy a build as a stack, by CloudFormation alone.

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

from chalicelib.foundation.secret_store import new_secrets
from ops.package.inventory import APP, stack_name

_POLL_SECONDS = 0.5
_MAX_POLLS = 3600  # half an hour, longer than an index of a large table takes to build

PrintLine = Callable[[str], None]


class Clients(Protocol):
    """A source of AWS clients: a boto3 session, or one for an emulator."""

    def client(self, service: str) -> Any:
        """A client of this service in the stage's region."""


class DeploymentError(Exception):
    """CloudFormation refused or rolled back; the message says at which resource and why."""


@dataclass(frozen=True)
class Change:
    """One change of a resource in a change set."""

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
    print_line: PrintLine = lambda _: None,
) -> dict[str, str]:
    """Create or update the stack; returns its outputs. Does nothing where nothing changed.

    `review` gets the changes before they are executed and may refuse them. Omitted `parameters` keep their values.
    Raises DeploymentError.
    """
    bucket = bucket or code_bucket(clients)
    location = upload(clients, bucket, stage, zip_)
    print_line(f"Code at {location}")
    url = upload_template(clients, bucket, stage, set_code_location(json.loads(template.read_text()), location))
    overrides = dict(parameters or {})
    outputs = apply_change_set(clients, stack_name(stage), url, overrides, review, print_line)
    if seed_secret(clients, outputs["SecretName"], now):
        print_line("Wrote the stage's first signing keys.")
    if not stack_parameter(clients, stack_name(stage), "PublicUrl"):
        # The API's URL is known after the first deployment; functions can't refer to it, since the API refers to them.
        print_line("Setting the API's URL on the functions.")
        overrides["PublicUrl"] = outputs["EndpointURL"].rstrip("/")
        outputs = apply_change_set(clients, stack_name(stage), url, overrides, lambda _: True, print_line)
    return outputs


def code_bucket(clients: Clients) -> str:
    """This account's bucket for deployments, created where there is none: private, encrypted, versioned."""
    account = clients.client("sts").get_caller_identity()["Account"]
    s3 = clients.client("s3")
    region = s3.meta.region_name
    name = f"{APP}-deployments-{account}-{region}"
    try:
        s3.head_bucket(Bucket=name)
    except ClientError:
        configuration = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        s3.create_bucket(Bucket=name, **configuration)
        s3.put_public_access_block(
            Bucket=name,
            PublicAccessBlockConfiguration={
                "BlockPublicAcls": True, "IgnorePublicAcls": True, "BlockPublicPolicy": True, "RestrictPublicBuckets": True,
            },
        )  # fmt: skip
        s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    return name


def upload(clients: Clients, bucket: str, stage: str, zip_: Path) -> str:
    """Upload the zip under its own hash, so that the same code is never a change. Returns its s3:// URL."""
    content = zip_.read_bytes()
    key = f"{stage}/{hashlib.sha256(content).hexdigest()}.zip"
    clients.client("s3").put_object(Bucket=bucket, Key=key, Body=content)
    return f"s3://{bucket}/{key}"


def upload_template(clients: Clients, bucket: str, stage: str, template: Mapping[str, Any]) -> str:
    """Upload the template (CloudFormation accepts 51,200 bytes inline, 1 MB from S3). Returns its URL."""
    content = json.dumps(template, separators=(",", ":"), sort_keys=True).encode()
    s3 = clients.client("s3")
    key = f"{stage}/{hashlib.sha256(content).hexdigest()}.template.json"
    s3.put_object(Bucket=bucket, Key=key, Body=content)
    return str(s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": key})).partition("?")[0]


def set_code_location(template: dict[str, Any], location: str) -> dict[str, Any]:
    """The template with this location of every function's code."""
    resources = {
        name: {**resource, "Properties": {**resource["Properties"], "CodeUri": location}}
        if resource["Type"] == "AWS::Serverless::Function"
        else resource
        for name, resource in template["Resources"].items()
    }
    return {**template, "Resources": resources}


def apply_change_set(
    clients: Clients,
    stack: str,
    template_url: str,
    parameters: Mapping[str, str],
    review: Callable[[list[Change]], bool],
    print_line: PrintLine,
) -> dict[str, str]:
    """Create and execute one change set; returns the stack's outputs. Raises DeploymentError."""
    cloudformation = clients.client("cloudformation")
    existing = _describe_stack(cloudformation, stack)
    change_set = f"valhalla-{hashlib.sha256((template_url + json.dumps(parameters, sort_keys=True)).encode()).hexdigest()[:16]}"
    unchanged = {parameter["ParameterKey"] for parameter in (existing or {}).get("Parameters", [])} - set(parameters)
    cloudformation.create_change_set(
        StackName=stack,
        ChangeSetName=change_set,
        ChangeSetType="UPDATE" if existing else "CREATE",
        TemplateURL=template_url,
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
        Parameters=[
            *({"ParameterKey": name, "ParameterValue": value} for name, value in sorted(parameters.items())),
            *({"ParameterKey": name, "UsePreviousValue": True} for name in sorted(unchanged)),
        ],
    )
    described = _wait_for_change_set(cloudformation, stack, change_set)
    if described is None:
        print_line(f"{stack} is up to date; nothing to do.")
        return _outputs(existing or {})
    if not review(_changes(described)):
        cloudformation.delete_change_set(StackName=stack, ChangeSetName=change_set)
        raise DeploymentError("Not deployed: the changes were refused.")
    cloudformation.execute_change_set(StackName=stack, ChangeSetName=change_set)
    print_line(f"{stack} is being {'updated' if existing else 'created'}; this can take minutes.")
    return _outputs(_wait_for_stack(cloudformation, stack))


def _describe_stack(cloudformation: Any, stack: str) -> dict[str, Any] | None:
    """The stack; None where there is none, or only a change set that was never executed."""
    try:
        (description,) = cloudformation.describe_stacks(StackName=stack)["Stacks"]
    except ClientError as error:
        if "does not exist" in str(error):
            return None
        raise
    return None if description["StackStatus"] == "REVIEW_IN_PROGRESS" else dict(description)


def _outputs(stack: Mapping[str, Any]) -> dict[str, str]:
    return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}


def stack_parameter(clients: Clients, stack: str, name: str) -> str:
    """The value of a stack's parameter; empty where it has none."""
    described = _describe_stack(clients.client("cloudformation"), stack) or {}
    return next((parameter["ParameterValue"] for parameter in described.get("Parameters", []) if parameter["ParameterKey"] == name), "")


def _changes(described: Mapping[str, Any]) -> list[Change]:
    changes = [change["ResourceChange"] for change in described.get("Changes", [])]
    return [
        Change(change["Action"], change["LogicalResourceId"], change["ResourceType"], change.get("Replacement", "")) for change in changes
    ]


def _wait_for_change_set(cloudformation: Any, stack: str, change_set: str) -> dict[str, Any] | None:
    """Wait for the change set; None where it is empty. Raises DeploymentError."""
    for _ in range(_MAX_POLLS):
        described: dict[str, Any] = cloudformation.describe_change_set(StackName=stack, ChangeSetName=change_set)
        if described["Status"] == "CREATE_COMPLETE":
            return described
        if described["Status"] == "FAILED":
            reason = described.get("StatusReason", "")
            cloudformation.delete_change_set(StackName=stack, ChangeSetName=change_set)
            if "didn't contain changes" in reason or "No updates are to be performed" in reason:
                return None
            raise DeploymentError(reason)
        time.sleep(_POLL_SECONDS)
    raise DeploymentError(f"The change set of {stack} was not ready in time.")


def _wait_for_stack(cloudformation: Any, stack: str) -> dict[str, Any]:
    """Wait for the stack to complete. Raises DeploymentError with the first reasons that CloudFormation gives."""
    for _ in range(_MAX_POLLS):
        described = _describe_stack(cloudformation, stack) or {"StackStatus": "REVIEW_IN_PROGRESS"}
        status = described["StackStatus"]
        if status in {"CREATE_COMPLETE", "UPDATE_COMPLETE"}:
            return described
        if not status.endswith("_IN_PROGRESS"):
            raise DeploymentError(f"{stack} is {status}: {_failure_reasons(cloudformation, stack)}")
        time.sleep(_POLL_SECONDS)
    raise DeploymentError(f"{stack} did not complete in time.")


def _failure_reasons(cloudformation: Any, stack: str) -> str:
    events = cloudformation.describe_stack_events(StackName=stack)["StackEvents"]
    failed = [
        event
        for event in events
        if event["ResourceStatus"].endswith("_FAILED") and "cancelled" not in event.get("ResourceStatusReason", "")
    ]
    return "; ".join(f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason', '?')}" for event in reversed(failed[-3:]))


def seed_secret(clients: Clients, name: str, now: datetime) -> bool:
    """Write the stage's first secrets where there are none; returns whether it did. An existing value is never changed."""
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
