import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from chalicelib.foundation.auth import tokens, users
from chalicelib.foundation.aws import client
from chalicelib.foundation.context import Context, system_actor
from chalicelib.foundation.ids import ItemKey
from chalicelib.foundation.outbox import parse_message
from chalicelib.foundation.runtime import Runtime
from chalicelib.foundation.secret_store import SecretStore, new_secrets
from chalicelib.foundation.settings import Settings
from chalicelib.foundation.store.codec import encode_item
from chalicelib.functions.registration import QUEUE_CONSUMERS
from local import sqs, wiring
from local.engine import REGION, Engine, EngineClient
from local.workspace import Workspace

NOW = datetime.now(UTC)


@pytest.fixture
def ctx(engine: Engine, line: EngineClient, table: str) -> Iterator[Context]:
    """A context on the embedded engine."""
    url = sqs.create_queues(line, QUEUE_CONSUMERS[0])
    settings = Settings(stage="local", table=table, region=REGION, secrets="file:/dev/null", aws_endpoint=engine.url, outbox_queue=url)
    secrets = new_secrets(NOW)
    runtime = Runtime(settings, secrets=SecretStore(settings, lambda: secrets))
    yield runtime.context(request_id="test", actor=system_actor("test"))
    for service in ("dynamodb", "sqs"):
        client(service, settings).close()


@pytest.fixture
def home(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path)


def claims(ctx: Context, home: Workspace) -> tokens.Claims:
    return tokens.verify(home.admin_token.read_text(), ctx.settings, ctx.secrets, ctx.now)


def test_the_first_start_makes_an_administrator_and_the_next_ones_leave_them(ctx: Context, home: Workspace) -> None:
    wiring.create_administrator(ctx, home)
    password = home.admin_password.read_text()
    made = users.by_email(ctx, wiring.ADMINISTRATOR)
    assert made is not None
    wiring.create_administrator(ctx, home)
    again = users.by_email(ctx, wiring.ADMINISTRATOR)
    assert again is not None
    assert (again.id, again.revision) == (made.id, made.revision)
    assert home.admin_password.read_text() == password
    assert stat.S_IMODE(home.admin_password.stat().st_mode) == 0o600


def test_the_token_is_the_administrators_and_outlives_a_working_day(ctx: Context, home: Workspace) -> None:
    wiring.create_administrator(ctx, home)
    wiring.write_token(ctx, home)
    found = claims(ctx, home)
    made = users.by_email(ctx, wiring.ADMINISTRATOR)
    assert made is not None
    assert (found.user_id, "admin" in found.roles) == (made.id, True)
    assert (found.expires_at - ctx.now).days >= 29
    assert stat.S_IMODE(home.admin_token.stat().st_mode) == 0o600
    assert ctx.store.get_item(ItemKey(made.id, f"F#{found.session}")) is not None, "a session that can be seen and ended"


def test_without_that_administrator_there_is_no_token(ctx: Context, home: Workspace) -> None:
    home.write_private(home.admin_token, "an old one")
    wiring.write_token(ctx, home)
    assert not home.admin_token.exists()


def test_only_mail_that_waits_is_queued_again(ctx: Context, line: EngineClient) -> None:
    rows: dict[str, dict[str, Any]] = {
        "MAIL#waits": {"t": "m", "state": "queued"},
        "MAIL#sent": {"t": "m", "state": "sent"},
        "MAIL#void": {"state": "void"},
        "pipe_1": {"t": "e", "state": "queued"},
    }
    for pk, row in rows.items():
        ctx.store.call("put_item", TableName=ctx.store.table, Item=encode_item({"pk": pk, "sk": "M", **row}))
    wiring.queue_waiting_mail(ctx)
    wanted = {"QueueUrl": ctx.settings.outbox_queue, "MaxNumberOfMessages": 10}
    bodies = [message["Body"] for message in line.call("AmazonSQS.ReceiveMessage", wanted).get("Messages", ())]
    assert [parse_message(body) for body in bodies] == [("mail", ItemKey("MAIL#waits", "M"))]
