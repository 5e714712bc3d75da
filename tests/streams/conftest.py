"""A table with its stream, and the two handlers on it."""

from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.foundation.context import Actor, Context
from chalicelib.foundation.manifest import Pack
from chalicelib.foundation.projections import Contributions
from chalicelib.foundation.runtime import Runtime
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.functions.streams import audit, project
from chalicelib.packs import PACKS
from chalicelib.packs.auditor import trail
from tests.conftest import TABLE
from tests.streams import things
from tests.streams.feed import Feed, Handler
from tests.streams.things import Thing

ALL: tuple[Pack, ...] = (*PACKS, things.PACK)


class World:
    """Everything that a stream test touches, on one table."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self.table = runtime.dynamodb  # without the faults that a test may put before the runtime's
        self.feed = Feed(runtime.dynamodb, TABLE)
        self.kinds = trail.kinds(ALL)
        self.contributions = Contributions(ALL)
        self._made = 0

    def ctx(self, user: str = "user_ann") -> Context:
        self._made += 1
        return self.runtime.context(request_id=f"req-{self._made}", actor=Actor(id=user))

    def audit(self, runtime: Runtime | None = None) -> Handler:
        return lambda event, context: audit(runtime or self.runtime, event, context, kinds=self.kinds, workers=1)

    def project(self, runtime: Runtime | None = None) -> Handler:
        return lambda event, context: project(runtime or self.runtime, event, context, self.contributions)

    # -- writes

    def create(self, **values: Any) -> Thing:
        ctx = self.ctx()
        thing = Thing.fresh(ctx, **{"group": "a", "amount": 1, **values})
        tx = Transaction(ctx.store)
        tx.create(thing)
        tx.commit()
        return thing

    def edit(self, thing: Thing, user: str = "user_ben", **values: Any) -> Thing:
        ctx = self.ctx(user)
        changed = thing.changed(ctx, **values)
        ctx.store.save(changed)
        return changed

    def delete(self, thing: Thing) -> Thing:
        ctx = self.ctx("user_cay")
        gone = thing.deleted(ctx)
        ctx.store.save(gone)
        return gone

    def purge(self, thing: Thing) -> None:
        self.table.delete_item(TableName=TABLE, Key={"pk": {"S": thing.key.pk}, "sk": {"S": thing.key.sk}})

    # -- looks

    def rows(self, prefix: str = "") -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        start: dict[str, Any] = {}
        while True:
            answer = self.table.scan(TableName=TABLE, **start)
            found += [raw for raw in answer["Items"] if raw["pk"]["S"].startswith(prefix)]
            if "LastEvaluatedKey" not in answer:
                return found
            start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}


@pytest.fixture
def world(runtime: Runtime) -> World:
    return World(runtime)


@pytest.fixture
def make_world(settings: Any, clock: Any) -> Callable[[], Any]:
    """`with make_world() as world`: a world on a fresh table, for tests that need one an example."""
    from contextlib import contextmanager

    from moto import mock_aws

    from chalicelib.foundation.aws import client
    from chalicelib.foundation.secrets import SecretStore
    from chalicelib.foundation.store import table
    from tests.conftest import SECRETS

    @contextmanager
    def make() -> Any:
        with mock_aws():
            client.cache_clear()
            dynamodb = client("dynamodb", settings)
            table.create(dynamodb, TABLE)
            secrets = SecretStore(settings, lambda: SECRETS)
            yield World(Runtime(settings, dynamodb=dynamodb, secrets=secrets, clock=clock, sleep=lambda _: None))
        client.cache_clear()

    return make
