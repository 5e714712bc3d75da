"""Mail and files on the embedded engine, through the system's own client of each: what bounces is heard of, what was put is there."""

import hashlib
import http.client
import json
from typing import Any
from urllib.parse import urlsplit

import pytest

from chalicelib.foundation import files, outbox
from chalicelib.foundation.context import Context
from chalicelib.foundation.mail_events import MailEvent
from chalicelib.foundation.manifest import Pack
from chalicelib.foundation.pack_registry import PackRegistry
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.functions import outbox as worker
from local.engine import Engine, EngineClient

TOLD: list[tuple[str, str, MailEvent]] = []


def hear(ctx: Context, about: str, purpose: str, event: MailEvent) -> None:
    TOLD.append((about, purpose, event))


class _Runtime:
    """The worker's runtime: one context for all of its messages."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx

    def context(self, **_: Any) -> Context:
        return self._ctx


def work(ctx: Context, *bodies: str) -> Any:
    return worker.work(_Runtime(ctx), {"Records": [{"messageId": str(n), "body": body} for n, body in enumerate(bodies)]})  # type: ignore[arg-type]


def received(ctx: Context, client: EngineClient) -> list[str]:
    bodies = []
    while messages := client.call("AmazonSQS.ReceiveMessage", {"QueueUrl": ctx.settings.outbox_queue}).get("Messages"):
        for message in messages:
            bodies.append(message["Body"])
            client.call("AmazonSQS.DeleteMessage", {"QueueUrl": ctx.settings.outbox_queue, "ReceiptHandle": message["ReceiptHandle"]})
    return bodies


@pytest.fixture
def letters(ctx: Context, engine_client: EngineClient) -> Context:
    TOLD.clear()
    received(ctx, engine_client)
    ctx.packs = PackRegistry([Pack("Ä", "letters", "Letters", "tests", mail_events={"ltr": f"{__name__}.hear"})])
    return ctx


def send(ctx: Context, to: str) -> Any:
    tx = Transaction(ctx.store)
    key = outbox.add_mail(tx, ctx, to=to, subject="A letter", text="Read it", about="ltr_w01K", purpose="sign")
    tx.commit()
    return work(ctx, json.dumps({"kind": "mail", "pk": key.pk, "sk": key.sk}))


@pytest.mark.parametrize(
    ("address", "kinds"),
    [
        ("bounce@simulator.amazonses.com", ["hard"]),
        ("Bounce+label@simulator.amazonses.com", ["hard"]),
        ("suppressionlist@simulator.amazonses.com", ["hard"]),
        ("complaint@simulator.amazonses.com", ["complaint"]),
        ("success@simulator.amazonses.com", []),
        ("bounce@example.com", []),
    ],
)
def test_mail_to_the_simulator_ends_as_its_address_says(
    letters: Context, engine: Engine, engine_client: EngineClient, address: str, kinds: list[str]
) -> None:
    assert send(letters, address) == {"batchItemFailures": []}
    bodies = received(letters, engine_client)
    assert work(letters, *bodies) == {"batchItemFailures": []}
    assert [(about, purpose, event.kind, event.address) for about, purpose, event in TOLD] == [
        ("ltr_w01K", "sign", kind, address) for kind in kinds
    ]


def test_a_file_goes_to_the_engine_and_back(ctx: Context) -> None:
    body, name = b"%PDF-1.7", "letters/ltr_w01K/1"
    allowed = files.presigned_put(ctx, name, content_type="application/pdf", size=len(body), sha256=hashlib.sha256(body).hexdigest())
    assert exchange(allowed["method"], allowed["url"], allowed["headers"], body)[0] == 200
    assert exchange(allowed["method"], allowed["url"], allowed["headers"], body)[0] == 412
    stored = files.head(ctx, name)
    assert stored is not None
    assert stored.sha256 == hashlib.sha256(body).hexdigest()
    url = files.presigned_get(ctx, name, version_id=stored.version_id, filename="Vertrag Grün.pdf", content_type="application/pdf")
    status, headers, found = exchange("GET", url)
    assert (status, found) == (200, body)
    assert headers["content-disposition"].endswith("filename*=UTF-8''Vertrag%20Gr%C3%BCn.pdf")


def test_a_seal_stays(ctx: Context, request: pytest.FixtureRequest) -> None:
    name = f"seals/{request.node.name}.json"
    first = files.put_locked(ctx, name, b"{}", content_type="application/json")
    assert files.put_locked(ctx, name, b"[]", content_type="application/json") == first
    assert files.get_locked(ctx, name) == b"{}"


def exchange(method: str, url: str, headers: dict[str, str] | None = None, body: bytes = b"") -> tuple[int, dict[str, str], bytes]:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=10)
    connection.request(method, f"{parts.path}?{parts.query}", body or None, headers or {})
    response = connection.getresponse()
    answer = response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
    connection.close()
    return answer
