"""The real parts of the local run: the application, its stream functions, its schedules, its administrator."""

import contextlib
import os
import secrets
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from chalicelib.foundation.aws import client
from chalicelib.foundation.ids import Key
from chalicelib.foundation.manifest import QueueConsumer, Schedule, StreamConsumer, load
from local.home import Home
from local.system import Parts

if TYPE_CHECKING:
    from chalicelib.foundation.context import Context
    from local.consumers import Handler
    from local.gateway import App

ADMINISTRATOR = "admin@example.com"
_TOKEN_LIFE = timedelta(days=30)


def real_parts() -> Parts:
    """What `python -m local` runs. Nothing of the application is imported before its environment is there."""
    from chalicelib.foundation.store.table import TTL_ATTRIBUTE, table_definition

    return Parts(
        table=table_definition("valhalla"),
        ttl_attribute=TTL_ATTRIBUTE,
        app=_app,
        consumers=_consumers,
        queues=_queues,
        schedules=_schedules,
        prepare=_prepare,
    )


def _app() -> "App":
    from app import app

    app.warm_up()
    return app


def _consumers() -> "list[tuple[StreamConsumer, Handler]]":
    from chalicelib.functions.streams import CONSUMERS

    return [(consumer, load(consumer.function)) for consumer in CONSUMERS]


def _queues() -> "list[tuple[QueueConsumer, Handler]]":
    from chalicelib.functions.registration import QUEUE_CONSUMERS

    return [(consumer, load(consumer.function)) for consumer in QUEUE_CONSUMERS]


def _schedules() -> list[Schedule]:
    from chalicelib.packs import PACKS

    return [schedule for pack in PACKS for schedule in pack.schedules]


def _prepare(home: Home, after_kill: bool) -> None:
    from chalicelib.foundation.context import system
    from chalicelib.foundation.runtime import Runtime

    runtime = Runtime.from_environment(os.environ)
    client("sesv2", runtime.settings).create_email_identity(EmailIdentity=runtime.settings.mail_sender)
    ctx = runtime.context(request_id=f"local-{uuid4()}", actor=system("local"))
    make_administrator(ctx, home)
    write_token(ctx, home)
    if after_kill:
        queue_waiting_mail(ctx)


def make_administrator(ctx: "Context", home: Home) -> None:
    """The first administrator, if there is none; their password lies in the home before they exist, so that it can't be lost."""
    from chalicelib.foundation.auth.bootstrap import first_administrator
    from chalicelib.foundation.errors import Conflict

    if not home.admin_password.exists():
        home.write_private(home.admin_password, secrets.token_urlsafe(18))
    with contextlib.suppress(Conflict):
        first_administrator(ctx, ADMINISTRATOR, "Administrator", home.admin_password.read_text())


def write_token(ctx: "Context", home: Home) -> None:
    """A session of the administrator's, and an access token of it that outlives a working day: 30 days, new at each start."""
    from chalicelib.foundation.auth import sessions, tokens, users
    from chalicelib.foundation.store.transactions import Transaction

    user = users.by_email(ctx, ADMINISTRATOR)
    if user is None or not user.is_active:
        home.admin_token.unlink(missing_ok=True)  # renamed or deactivated by whoever runs this: theirs to sign in
        return
    tx = Transaction(ctx.store)
    pair = sessions.begin(ctx, tx, user)
    tx.commit()
    session = sessions.RefreshToken.parse(pair["refresh_token"]).session_id
    roles = [*user.roles, *user.governance_roles]
    token = tokens.issue(ctx.settings, ctx.secrets, ctx.now, user_id=user.id, roles=roles, session=session, life=_TOKEN_LIFE)
    home.write_private(home.admin_token, token)


def queue_waiting_mail(ctx: "Context") -> None:
    """Put mail that was not sent on the queue again: the embedded queue, unlike SQS, forgets in a kill. Twice does no harm."""
    from chalicelib.foundation import outbox

    waiting: list[Key] = []
    start: dict[str, Any] = {}
    while True:
        answer = ctx.store.call(
            "scan",
            TableName=ctx.store.table,
            FilterExpression="#t = :mail AND #state = :queued",
            ExpressionAttributeNames={"#t": "t", "#state": "state"},
            ExpressionAttributeValues={":mail": {"S": outbox.MAIL}, ":queued": {"S": "queued"}},
            **start,
        )
        waiting += [Key(raw["pk"]["S"], raw["sk"]["S"]) for raw in answer["Items"]]
        if "LastEvaluatedKey" not in answer:
            break
        start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}
    outbox.enqueue(ctx.settings, waiting)
