"""Files of the deployed stage: put and got by presigned URLs at its own buckets; and what becomes of mail reaches its worker."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from botocore.exceptions import ClientError

from chalicelib.foundation import files
from chalicelib.foundation.context import Context
from chalicelib.foundation.runtime import Runtime
from chalicelib.foundation.secret_store import SecretStore
from chalicelib.packs import PACKS
from local.emulator import ses_events
from tests.deployed.conftest import Stack

pytestmark = pytest.mark.deployed

BODY, PDF = b"%PDF-1.7 a contract", "application/pdf"


@pytest.fixture
def ctx(stack: Stack) -> Context:
    """A context with the settings of the API's own function; its endpoint stands in the function's environment."""
    settings, secrets = replace(stack.settings, aws_endpoint=stack.emulator.url), stack.secrets
    runtime = Runtime(settings, packs=PACKS, dynamodb=stack.emulator.client("dynamodb"), secrets=SecretStore(settings, lambda: secrets))
    return runtime.context(request_id="deployed")


def upload(ctx: Context, key: str, body: bytes = BODY, sent: bytes | None = None, headers: dict[str, str] | None = None) -> httpx.Response:
    allowed = files.presigned_put(ctx, key, content_type=PDF, size=len(body), sha256=hashlib.sha256(body).hexdigest())
    return httpx.request(allowed["method"], allowed["url"], headers=allowed["headers"] | (headers or {}), content=sent or body)


def test_a_file_goes_up_once_and_comes_down_under_its_name(ctx: Context) -> None:
    key = f"contracts/{uuid4().hex}"
    assert files.head(ctx, key) is None
    assert upload(ctx, key).status_code == 200
    assert upload(ctx, key).status_code == 412
    stored = files.head(ctx, key)
    assert stored is not None
    assert (stored.size, stored.sha256, stored.content_type) == (len(BODY), hashlib.sha256(BODY).hexdigest(), PDF)
    assert stored.version_id
    url = files.presigned_get(ctx, key, version_id=stored.version_id, filename="Vertrag Grün.pdf", content_type=PDF)
    found = httpx.get(url)
    assert (found.status_code, found.content, found.headers["content-type"]) == (200, BODY, PDF)
    # The emulator answers without the headers that a URL asks for, but they are signed.
    assert "response-content-disposition=attachment" in url
    assert httpx.get(url.replace("Vertrag", "Invoice")).status_code == 403


@pytest.mark.parametrize(
    ("sent", "headers", "status"),
    [(BODY[:-1] + b"!", {}, 400), (BODY, {"Content-Type": "text/html"}, 403), (BODY, {"If-None-Match": "x"}, 403)],
    ids=["bytes", "type", "condition"],
)
def test_nothing_else_goes_up(ctx: Context, sent: bytes, headers: dict[str, str], status: int) -> None:
    key = f"contracts/{uuid4().hex}"
    assert upload(ctx, key, sent=sent, headers=headers).status_code == status
    assert files.head(ctx, key) is None


def test_a_version_stays_what_it_is(ctx: Context) -> None:
    key = f"contracts/{uuid4().hex}"
    first, second = (files.put(ctx, key, body, content_type=PDF) for body in (BODY, b"another"))
    assert files.get(ctx, key) == b"another"
    assert files.get(ctx, key, first.version_id) == BODY
    assert first.version_id != second.version_id


def test_a_browser_may_come_from_the_stages_origins(stack: Stack, ctx: Context) -> None:
    (rule,) = stack.emulator.client("s3").get_bucket_cors(Bucket=stack.outputs["FilesBucket"])["CORSRules"]
    assert tuple(rule["AllowedOrigins"]) == ctx.settings.cors_origins
    assert set(rule["AllowedMethods"]) == {"GET", "HEAD", "PUT"}


def test_a_seal_stays(stack: Stack, ctx: Context) -> None:
    """The emulator's CloudFormation makes a bucket without its lock, so the template's is put on here."""
    s3, bucket = stack.emulator.client("s3"), stack.outputs["SealsBucket"]
    template = stack.template["Resources"]["Seals"]["Properties"]["ObjectLockConfiguration"]
    days = stack.template["Parameters"]["SealRetentionDays"]["Default"]
    rule = {"DefaultRetention": {**template["Rule"]["DefaultRetention"], "Days": days}}
    s3.put_object_lock_configuration(Bucket=bucket, ObjectLockConfiguration={**template, "Rule": rule})
    name = f"seals/{uuid4().hex}.json"
    first = files.put_locked(ctx, name, b"{}", content_type="application/json", until=datetime.now(UTC) + timedelta(days=400))
    assert files.put_locked(ctx, name, b"[]", content_type="application/json") == first
    assert files.get_locked(ctx, name) == b"{}"
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.delete_object(Bucket=bucket, Key=name, VersionId=first.version_id)
    by_default = files.put_locked(ctx, f"{name}2", b"{}", content_type="application/json")
    retention = s3.get_object_retention(Bucket=bucket, Key=f"{name}2", VersionId=by_default.version_id)["Retention"]
    assert (retention["Mode"], retention["RetainUntilDate"] > datetime.now(UTC) + timedelta(days=days - 1)) == ("COMPLIANCE", True)


def test_what_becomes_of_mail_reaches_the_worker(stack: Stack, eventually: Callable[..., Any]) -> None:
    """By the stage's topic and its subscription. The emulator's SES tells topics of identities only, so the event is published here."""
    at = datetime.now(UTC)
    mail = ses_events.mail_object(uuid4().hex, "a@example.com", ["b@example.com"], {}, stack.settings.mail_configuration_set or "", at)
    topic = stack.resources["MailEvents"]
    (subscription,) = stack.emulator.client("sns").list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    assert (subscription["Protocol"], subscription["Endpoint"].rpartition(":")[2]) == (
        "sqs",
        stack.settings.outbox_queue.rpartition("/")[2],
    )
    stack.emulator.client("sns").publish(TopicArn=topic, Message=json.dumps(ses_events.bounce(mail, "b@example.com")))
    logs, group = stack.emulator.client("logs"), f"/aws/lambda/{stack.resources['OutboxWorker']}"
    since = int(at.timestamp() * 1000)

    def heard() -> list[str]:
        return [
            event["message"]
            for event in logs.filter_log_events(logGroupName=group, startTime=since)["events"]
            if "ignored" in event["message"]
        ]

    assert eventually(heard, bool), "a mail of nothing is nobody's"


def test_the_configuration_set_tells_the_topic(stack: Stack) -> None:
    ses = stack.emulator.client("sesv2")
    (destination,) = ses.get_configuration_set_event_destinations(ConfigurationSetName=stack.settings.mail_configuration_set)[
        "EventDestinations"
    ]
    assert {kind.upper() for kind in destination["MatchingEventTypes"]} == {"BOUNCE", "COMPLAINT"}
    assert destination["SnsDestination"]["TopicArn"] == stack.resources["MailEvents"]
