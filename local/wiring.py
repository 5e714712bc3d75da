"""The real components of the local run: the application, its stream functions, its schedules, its administrator."""

import contextlib
import secrets
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

from chalicelib.foundation.aws import client
from chalicelib.foundation.manifest import QueueConsumer, Schedule, StreamConsumer, import_string
from local.clock import LocalClock
from local.components import Components
from local.workspace import Workspace

if TYPE_CHECKING:
    from chalicelib.foundation.context import Context
    from local.consumers import Handler
    from local.gateway import App

ADMINISTRATOR = "admin@example.com"
_TOKEN_LIFE = timedelta(days=30)


def real_components() -> Components:
    """What `python -m local` runs. Nothing of the application is imported before its environment is there."""
    from chalicelib.foundation.store.table import TTL_ATTRIBUTE, table_definition

    return Components(
        table=table_definition("valhalla"),
        ttl_attribute=TTL_ATTRIBUTE,
        app=_app,
        consumers=_consumers,
        queues=_queues,
        schedules=_schedules,
        use_clock=_use_clock,
        prepare=_prepare,
        search_gaps=_search_gaps,
    )


def _app() -> "App":
    from app import app

    app.warm_up()
    return app


def _consumers() -> "list[tuple[StreamConsumer, Handler]]":
    from chalicelib.functions.streams import CONSUMERS

    return [(consumer, import_string(consumer.function)) for consumer in CONSUMERS]


def _queues() -> "list[tuple[QueueConsumer, Handler]]":
    from chalicelib.functions.registration import QUEUE_CONSUMERS

    return [(consumer, import_string(consumer.function)) for consumer in QUEUE_CONSUMERS]


def _schedules() -> list[Schedule]:
    from chalicelib.functions.schedules import SCHEDULES

    return list(SCHEDULES)


def _use_clock(clock: LocalClock) -> None:
    from chalicelib.functions import process_runtime

    process_runtime.runtime().clock = clock


def _context() -> "Context":
    from chalicelib.foundation.actor import system_actor
    from chalicelib.functions import process_runtime

    return process_runtime.runtime().context(request_id=f"local-{uuid4()}", actor=system_actor("local"))


def _prepare(workspace: Workspace) -> None:
    ctx = _context()
    client("sesv2", ctx.settings).create_email_identity(EmailIdentity=ctx.settings.mail_sender)
    create_administrator(ctx, workspace)
    write_token(ctx, workspace)


def _search_gaps() -> tuple[str, ...]:
    from chalicelib.foundation import table_pass
    from chalicelib.packs.audit.schedules import NAME

    table_pass.restart(_context(), NAME)
    return (NAME, "outbox-requeue")


def create_administrator(ctx: "Context", workspace: Workspace) -> None:
    """The first administrator, if there is none; their password is in the workspace before they exist, so that it can't be lost."""
    from chalicelib.foundation.auth.bootstrap import create_first_admin
    from chalicelib.foundation.errors import Conflict

    if not workspace.admin_password.exists():
        workspace.write_private(workspace.admin_password, secrets.token_urlsafe(18))
    with contextlib.suppress(Conflict):
        create_first_admin(ctx, ADMINISTRATOR, "Administrator", workspace.admin_password.read_text())


def write_token(ctx: "Context", workspace: Workspace) -> None:
    """A session of the administrator's, and an access token of it that outlives a working day: 30 days, new at each start."""
    from chalicelib.foundation.auth import sessions, tokens, users
    from chalicelib.foundation.store.transactions import Transaction

    user = users.by_email(ctx, ADMINISTRATOR)
    if user is None or not user.is_active:
        workspace.admin_token.unlink(missing_ok=True)  # renamed or deactivated by whoever runs this: theirs to sign in
        return
    tx = Transaction(ctx.store)
    pair = sessions.create_session(ctx, tx, user)
    tx.commit()
    session = sessions.RefreshToken.parse(pair["refresh_token"]).session_id
    roles = [*user.roles, *user.governance_roles]
    token = tokens.issue(ctx.settings, ctx.secrets, ctx.now, user_id=user.id, roles=roles, session=session, ttl=_TOKEN_LIFE)
    workspace.write_private(workspace.admin_token, token)
