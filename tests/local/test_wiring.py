import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from botocore.session import Session

from chalicelib.foundation import aws
from chalicelib.foundation.actor import system_actor
from chalicelib.foundation.auth import tokens, users
from chalicelib.foundation.aws import client
from chalicelib.foundation.context import Context
from chalicelib.foundation.ids import ItemKey
from chalicelib.foundation.runtime import Runtime
from chalicelib.foundation.secret_store import SecretStore, new_secrets
from chalicelib.foundation.settings import Settings
from chalicelib.functions.registration import QUEUE_CONSUMERS
from chalicelib.packs import PACKS
from local import sqs, wiring
from local.engine import REGION, Engine, EngineClient
from local.workspace import Workspace

NOW = datetime.now(UTC)


@pytest.fixture
def ctx(engine: Engine, engine_client: EngineClient, table: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Context]:
    """A context on the embedded engine."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", engine.access_key)
    monkeypatch.setattr(aws, "_SESSION", Session())  # credentials are read once a session
    url = sqs.create_queues(engine_client, QUEUE_CONSUMERS[0])
    settings = Settings(stage="local", table=table, region=REGION, secrets="file:/dev/null", aws_endpoint=engine.url, outbox_queue=url)
    secrets = new_secrets(NOW)
    runtime = Runtime(settings, packs=PACKS, secrets=SecretStore(settings, lambda: secrets))
    yield runtime.context(request_id="test", actor=system_actor("test"))
    for service in ("dynamodb", "sqs"):
        client(service, settings).close()


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path)


def claims(ctx: Context, workspace: Workspace) -> tokens.Claims:
    return tokens.verify(workspace.admin_token.read_text(), ctx.settings, ctx.secrets, ctx.now)


def test_the_first_start_makes_an_administrator_and_the_next_ones_leave_them(ctx: Context, workspace: Workspace) -> None:
    wiring.create_administrator(ctx, workspace)
    password = workspace.admin_password.read_text()
    made = users.by_email(ctx, wiring.ADMINISTRATOR)
    assert made is not None
    wiring.create_administrator(ctx, workspace)
    again = users.by_email(ctx, wiring.ADMINISTRATOR)
    assert again is not None
    assert (again.id, again.revision) == (made.id, made.revision)
    assert workspace.admin_password.read_text() == password
    assert stat.S_IMODE(workspace.admin_password.stat().st_mode) == 0o600


def test_the_token_is_the_administrators_and_outlives_a_working_day(ctx: Context, workspace: Workspace) -> None:
    wiring.create_administrator(ctx, workspace)
    wiring.write_token(ctx, workspace)
    found = claims(ctx, workspace)
    made = users.by_email(ctx, wiring.ADMINISTRATOR)
    assert made is not None
    assert (found.user_id, "admin" in found.roles) == (made.id, True)
    assert (found.expires_at - ctx.now).days >= 29
    assert stat.S_IMODE(workspace.admin_token.stat().st_mode) == 0o600
    assert ctx.store.get_item(ItemKey(made.id, f"F#{found.session}")) is not None, "a session that can be seen and ended"


def test_without_that_administrator_there_is_no_token(ctx: Context, workspace: Workspace) -> None:
    workspace.write_private(workspace.admin_token, "an old one")
    wiring.write_token(ctx, workspace)
    assert not workspace.admin_token.exists()
