"""A table with its stream, and the two handlers on it."""

from typing import Any

import pytest

from chalicelib.foundation.actor import Actor
from chalicelib.foundation.context import Context
from chalicelib.foundation.manifest import Pack
from chalicelib.foundation.pack_registry import PackRegistry
from chalicelib.foundation.projections import ContributionRegistry
from chalicelib.foundation.runtime import Runtime
from chalicelib.functions.streams import audit, project
from chalicelib.packs import PACKS
from chalicelib.packs.audit import writer
from tests import moto_tables
from tests.conftest import TABLE
from tests.streams import sample_entities
from tests.streams.sample_entities import SampleRoot
from tests.streams.stream_feeder import Handler, StreamFeeder

ALL: tuple[Pack, ...] = (*PACKS, sample_entities.PACK)


class World:
    """Everything that a stream test touches, on one table."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self.table = runtime.dynamodb  # without the faults that a test may put before the runtime's
        self.feed = StreamFeeder(runtime.dynamodb, TABLE)
        self.kinds = writer.entity_resolver(ALL)
        self.contributions = ContributionRegistry(ALL)
        self._made = 0

    def ctx(self, user: str = "user_ann") -> Context:
        self._made += 1
        return self.runtime.context(request_id=f"req-{self._made}", actor=Actor(id=user))

    def audit(self, runtime: Runtime | None = None) -> Handler:
        return lambda event, context: audit(runtime or self.runtime, event, context, kinds=self.kinds, workers=1)

    def project(self, runtime: Runtime | None = None) -> Handler:
        return lambda event, context: project(runtime or self.runtime, event, context, self.contributions)

    # -- writes

    def create(self, **values: Any) -> SampleRoot:
        ctx = self.ctx()
        thing = SampleRoot.new(ctx, **{"group": "a", "amount": 1, **values})
        self.table.put_item(TableName=TABLE, Item=thing.to_item())
        return thing

    def edit(self, thing: SampleRoot, user: str = "user_ben", **values: Any) -> SampleRoot:
        ctx = self.ctx(user)
        changed = thing.with_changes(ctx, **values)
        ctx.store.save(changed)
        return changed

    def delete(self, thing: SampleRoot) -> SampleRoot:
        ctx = self.ctx("user_cay")
        gone = thing.soft_deleted(ctx)
        ctx.store.save(gone)
        return gone

    def purge(self, thing: SampleRoot) -> None:
        self.table.delete_item(TableName=TABLE, Key={"pk": {"S": thing.key.pk}, "sk": {"S": thing.key.sk}})

    def empty(self) -> None:
        """Begin anew, as each example of a property does."""
        self.runtime.dynamodb = self.table
        moto_tables.create_table(self.table, self.runtime.settings.region, TABLE)
        self.feed = StreamFeeder(self.table, TABLE)

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
    """A world in which things are installed beside the packs."""
    runtime.packs = PackRegistry(ALL)
    return World(runtime)
