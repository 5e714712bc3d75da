import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from chalicelib.foundation.auth import tokens, users
from chalicelib.foundation.aws import client
from chalicelib.foundation.context import Context, system
from chalicelib.foundation.ids import Key
from chalicelib.foundation.outbox import key_of
from chalicelib.foundation.runtime import Runtime
from chalicelib.foundation.secrets import SecretStore, new_secrets
from chalicelib.foundation.settings import Settings
from chalicelib.foundation.store.codec import wire
from chalicelib.functions.registration import QUEUE_CONSUMERS
from local import parts, queues
from local.engine import REGION, Engine, EngineLine
from local.home import Home

NOW = datetime.now(UTC)


@pytest.fixture
def ctx(engine: Engine, line: EngineLine, table: str) -> Iterator[Context]:
    """A context on the embedded engine."""
    url = queues.make(line, QUEUE_CONSUMERS[0])
    settings = Settings(stage="local", table=table, region=REGION, secrets="file:/dev/null", aws_endpoint=engine.url, outbox_queue=url)
    secrets = new_secrets(NOW)
    runtime = Runtime(settings, secrets=SecretStore(settings, lambda: secrets))
    yield runtime.context(request_id="test", actor=system("test"))
    for service in ("dynamodb", "sqs"):
        client(service, settings).close()


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def claims(ctx: Context, home: Home) -> tokens.Claims:
    return tokens.verify(home.admin_token.read_text(), ctx.settings, ctx.secrets, ctx.now)


def test_the_first_start_makes_an_administrator_and_the_next_ones_leave_them(ctx: Context, home: Home) -> None:
    parts.make_administrator(ctx, home)
    password = home.admin_password.read_text()
    made = users.by_email(ctx, parts.ADMINISTRATOR)
    assert made is not None
    parts.make_administrator(ctx, home)
    again = users.by_email(ctx, parts.ADMINISTRATOR)
    assert again is not None
    assert (again.id, again.revision) == (made.id, made.revision)
    assert home.admin_password.read_text() == password
    assert stat.S_IMODE(home.admin_password.stat().st_mode) == 0o600


def test_the_token_is_the_administrators_and_outlives_a_working_day(ctx: Context, home: Home) -> None:
    parts.make_administrator(ctx, home)
    parts.write_token(ctx, home)
    found = claims(ctx, home)
    made = users.by_email(ctx, parts.ADMINISTRATOR)
    assert made is not None
    assert (found.user_id, "admin" in found.roles) == (made.id, True)
    assert (found.expires_at - ctx.now).days >= 29
    assert stat.S_IMODE(home.admin_token.stat().st_mode) == 0o600
    assert ctx.store.get_raw(Key(made.id, f"F#{found.session}")) is not None, "a session that can be seen and ended"


def test_without_that_administrator_there_is_no_token(ctx: Context, home: Home) -> None:
    home.write_private(home.admin_token, "an old one")
    parts.write_token(ctx, home)
    assert not home.admin_token.exists()


def test_only_mail_that_waits_is_queued_again(ctx: Context, line: EngineLine) -> None:
    rows: dict[str, dict[str, Any]] = {
        "MAIL#waits": {"t": "m", "state": "queued"},
        "MAIL#sent": {"t": "m", "state": "sent"},
        "MAIL#void": {"state": "void"},
        "pipe_1": {"t": "e", "state": "queued"},
    }
    for pk, row in rows.items():
        ctx.store.call("put_item", TableName=ctx.store.table, Item=wire({"pk": pk, "sk": "M", **row}))
    parts.queue_waiting_mail(ctx)
    wanted = {"QueueUrl": ctx.settings.outbox_queue, "MaxNumberOfMessages": 10}
    bodies = [message["Body"] for message in line.call("AmazonSQS.ReceiveMessage", wanted).get("Messages", ())]
    assert [key_of(body) for body in bodies] == [("mail", Key("MAIL#waits", "M"))]
