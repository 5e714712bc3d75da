"""Many rows in one request: each has its own result, and a repetition has the same ones."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from chalicelib.foundation import access, bulk
from chalicelib.foundation.bulk import BulkOperation, Step
from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import Conflict, IdempotencyMismatch, TooLarge, Unavailable, ValidationFailed, VersionConflict
from chalicelib.foundation.idempotency import IdempotencyRecordKey, IdempotentReplay
from chalicelib.foundation.ids import ItemKey
from chalicelib.foundation.store.codec import encode_item
from chalicelib.foundation.store.expressions import ROW_ABSENT
from chalicelib.foundation.store.store import Store, encode_key
from chalicelib.foundation.store.unique import UniqueValue
from tests.fault_injection import FaultInjectingClient, Throttles

LABEL = UniqueValue.by_digest("box-label")


@dataclass
class Box:
    id: str
    label: str | None
    owner: str | None = None


@dataclass
class CreateBoxes(BulkOperation[Box]):
    """Boxes with a label, and an owner who must be an active user."""

    reference = LABEL
    numbers: list[int] = field(default_factory=list)
    failing: set[str] = field(default_factory=set)
    run: str = "a"

    def parse(self, ctx: Context, item: Mapping[str, object]) -> Box:
        if item.get("bad"):
            raise ValidationFailed.field("bad", "it is bad")
        self.numbers.append(1)
        return Box(f"box_{self.run}{len(self.numbers)}", item.get("label"), item.get("owner"))

    def id_of(self, row: Box) -> str:
        return row.id

    def reference_of(self, row: Box) -> str | None:
        return row.label

    def keys(self, ctx, row):
        return [access.user_key(row.owner)] if row.owner else []

    def check(self, ctx, row, items):
        if row.owner and not access.is_active_user(items.get(access.user_key(row.owner))):
            return access.unknown_user_error()
        return None

    def add(self, ctx, tx, row):
        if row.label in self.failing:
            raise Conflict("Refused when it is written.")
        if row.label:
            LABEL.claim(ctx, tx, row.label, row.id, lambda owner: Conflict("Taken.", code="label_taken", id=owner))
        tx.put_values(ItemKey(row.id, "~"), {"label": row.label, "request_id": ctx.request_id}, ROW_ABSENT)


def keyed(ctx, items, key="k1"):
    ctx.idempotency = IdempotencyRecordKey.from_request("user_someone", ctx.actor.roles, key, "POST", "/boxes/bulk", {"items": items})
    return ctx


NO_OBJECTS = ["a", 5, None, True, [], [{"label": "a"}]]


def boxes(ctx):
    pages = ctx.store.call("scan", TableName=ctx.store.table)["Items"]
    return {item["pk"]["S"] for item in pages if item["pk"]["S"].startswith("box_")}


def statuses(results):
    assert [result["index"] for result in results] == list(range(len(results)))
    return [result["status"] for result in results]


def test_each_row_has_its_own_result(context):
    ctx = context("operator")
    ctx.store.call("put_item", TableName=ctx.store.table, Item=encode_key(access.user_key("user_1")) | encode_item({"is_active": True}))
    items = [{"label": "a"}, {"bad": 1}, {}, {"label": "a"}, {"owner": "user_1"}, {"owner": "user_gone"}]
    results = bulk.run(ctx, items, CreateBoxes())
    assert statuses(results) == [201, 422, 201, 200, 201, 422]
    assert results[3]["id"] == results[0]["id"]
    assert results[1]["problem"]["errors"][0]["loc"] == ["bad"]
    assert boxes(ctx) == {results[0]["id"], results[2]["id"], results[4]["id"]}


def test_a_known_reference_is_what_has_it(context):
    first = bulk.run(context("operator"), [{"label": "a"}], CreateBoxes())
    again = bulk.run(context("operator"), [{"label": "a"}, {"label": "b"}], CreateBoxes(run="b"))
    assert again[0] == {"index": 0, "status": 200, "id": first[0]["id"]}
    assert again[1]["status"] == 201


def test_a_hundred_rows_are_six_round_trips(context):
    ctx = context("operator")
    results = bulk.run(ctx, [{"label": str(number)} for number in range(100)], CreateBoxes())
    assert statuses(results) == [201] * 100
    assert ctx.store.round_trips == 1 + 5


def test_too_many_rows_are_refused(context):
    with pytest.raises(TooLarge, match="At most 3 rows in one request; these are 4") as refused:
        bulk.run(context("operator"), [{}] * 4, CreateBoxes(), max_rows=3)
    assert refused.value.members == {"limit": 3}


@pytest.mark.parametrize("row", NO_OBJECTS)
def test_a_row_that_is_no_object_refuses_itself(context, row):
    ctx = keyed(context("operator"), [row])
    results = bulk.run(ctx, [{"label": "a"}, row, {"label": "b"}], CreateBoxes())
    assert statuses(results) == [201, 422, 201]
    assert results[1]["problem"]["errors"] == [{"loc": [], "message": "a JSON object is needed", "type": "model_type"}]
    assert len(boxes(ctx)) == 2


def test_where_one_of_a_batch_is_refused_the_others_are_written(context):
    ctx = context("operator")
    results = bulk.run(ctx, [{"label": label} for label in "abc"], CreateBoxes(failing={"b"}))
    assert statuses(results) == [201, 409, 201]
    assert len(boxes(ctx)) == 2


def test_a_dry_run_writes_nothing(context):
    items = [{"label": "a"}, {"bad": 1}, {"label": "a"}]
    ctx = keyed(context("operator"), items)
    assert statuses(bulk.run(ctx, items, CreateBoxes(), dry_run=True)) == [200, 422, 200]
    assert not boxes(ctx)
    assert statuses(bulk.run(ctx, items, CreateBoxes())) == [201, 422, 200]  # it didn't use the key up


def test_one_created_meanwhile_is_what_has_the_reference(context, monkeypatch):
    first = bulk.run(context("operator"), [{"label": "a"}], CreateBoxes())
    ctx = context("operator")
    monkeypatch.setattr(ctx.store, "batch_get", lambda keys: {})  # read before the other one came
    again = bulk.run(ctx, [{"label": "a"}, {"label": "b"}], CreateBoxes(run="b"))
    assert again[0] == {"index": 0, "status": 200, "id": first[0]["id"]}
    assert again[1]["status"] == 201


def test_a_repetition_has_the_same_results(context):
    items = [{"label": "a"}, {}, {"bad": 1}, {"label": "a"}]
    results = bulk.run(keyed(context("operator"), items), items, CreateBoxes())
    with pytest.raises(IdempotentReplay) as replay:
        bulk.run(keyed(context("operator"), items), items, CreateBoxes(run="b"))
    assert [{**row, "problem": None} for row in replay.value.body["results"]] == [{**row, "problem": None} for row in results]
    with pytest.raises(IdempotencyMismatch):
        bulk.run(keyed(context("operator"), []), [], CreateBoxes())


def test_a_repetition_after_a_crash_writes_the_rest(context):
    class Crashing(CreateBoxes):
        def add(self, ctx, tx, row):
            if row.label == "25":
                raise KeyboardInterrupt
            super().add(ctx, tx, row)

    items = [{"label": str(number)} for number in range(30)]
    with pytest.raises(KeyboardInterrupt):
        bulk.run(keyed(context("operator"), items), items, Crashing())
    ctx = context("operator")
    assert len(boxes(ctx)) == 20
    with pytest.raises(IdempotentReplay) as replay:
        bulk.run(keyed(ctx, items), items, CreateBoxes(run="b"))
    assert statuses(replay.value.body["results"]) == [201] * 30
    assert len(boxes(ctx)) == 30


def test_records_of_rows_are_known_by_reference_or_number(context):
    """The keys of records that are stored: a repetition during a deployment must find them."""
    items = [{"label": "a"}, {}]
    ctx = keyed(context("operator"), items)
    bulk.run(ctx, items, CreateBoxes())
    base = ctx.idempotency.key.pk
    names = (f"{base}#{LABEL.key('a').pk}", f"{base}#row 1", base)
    assert all(ctx.store.get_item(ItemKey(name, "I")) for name in names)


DAY = timedelta(hours=24, seconds=1)


def test_a_record_that_has_ended_is_no_repetition(context):
    """Yesterday's key on the same body, whose rows' records the table has not yet removed."""
    items = [{"label": "a"}, {}]
    bulk.run(keyed(context("operator"), items), items, CreateBoxes())
    ctx = keyed(context("operator"), items)
    ctx.now += DAY
    assert statuses(bulk.run(ctx, items, CreateBoxes(run="b"))) == [200, 201]


def test_yesterdays_rows_are_not_the_results_of_another_body_that_crashed(context):
    """The key is used again a day later; its first run ends before its rows are written, its second finds yesterday's records."""
    yesterday = [{}, {}]
    bulk.run(keyed(context("operator"), yesterday), yesterday, CreateBoxes())

    class Crashing(CreateBoxes):
        def add(self, ctx, tx, row):
            raise KeyboardInterrupt

    def today():
        ctx = keyed(context("operator"), [{"label": "new"}, {}])
        ctx.now += DAY
        return ctx

    with pytest.raises(KeyboardInterrupt):
        bulk.run(today(), [{"label": "new"}, {}], Crashing())
    with pytest.raises(IdempotentReplay) as replay:
        bulk.run(today(), [{"label": "new"}, {}], CreateBoxes(run="b"))
    assert {row["id"] for row in replay.value.body["results"]} == {"box_b1", "box_b2"}


@pytest.mark.parametrize("written", [0, 2])
def test_rows_on_a_busy_store_are_not_tried_one_by_one(context, written):
    ctx = context("operator")
    faulty = FaultInjectingClient(ctx.store.client)
    ctx.store = Store(faulty, ctx.store.table, sleep=lambda _: None)

    class BusyAfterSome(CreateBoxes):
        def add(self, ctx, tx, row):
            if len(boxes(ctx)) == written * 20:
                faulty.faults[:] = [Throttles(only=frozenset({"transact_write_items"}))]
            super().add(ctx, tx, row)

    items = [{"label": str(number)} for number in range(100)]
    if written:
        assert statuses(bulk.run(ctx, items, BusyAfterSome())) == [201] * 40 + [503] * 60
    else:
        with pytest.raises(Unavailable):
            bulk.run(ctx, items, BusyAfterSome())
    assert faulty.calls["transact_write_items"] == written + ctx.store.policy.attempts


# -- rows that build on each other


@dataclass
class Queue:
    """Puts each name at the next place of a queue, whose length is read in each step."""

    ctx: Context
    planned: int = 0
    crash_at: int | None = None
    conflicts: int = 0

    def plan(self) -> list[str]:
        self.planned += 1
        return [f"name-{number}" for number in range(7)]

    def decide(self, names: list[str], first: int) -> Step[dict[str, object]]:
        if first == self.crash_at:
            raise Unavailable
        item = self.ctx.store.get_item(ItemKey("QUEUE", "Q"))
        length = int(item["n"]["N"]) if item else 0
        results = [{"index": first + at, "place": length + at, "name": name} for at, name in enumerate(names)]

        def add(tx):
            if self.conflicts:
                self.conflicts -= 1
                raise VersionConflict
            tx.put_values(ItemKey("QUEUE", "Q"), {"n": length + len(names), "request_id": self.ctx.request_id})

        return Step(results, add)

    def run(self, *, dry_run=False):
        return bulk.run_in_steps(self.ctx, self.plan, self.decide, dry_run=dry_run, rows_per_step=2)


def queue(context, *, key: bool = True, **options):
    ctx = context("operator")
    return Queue(keyed(ctx, []) if key else ctx, **options)


def places(results):
    assert [result["name"] for result in results] == [f"name-{number}" for number in range(7)]
    return [result["place"] for result in results]


def test_each_step_sees_the_one_before(context):
    work = queue(context, key=False, conflicts=2)
    assert places(work.run()) == list(range(7))
    assert places(work.run()) == list(range(7, 14))


@pytest.mark.parametrize("crash_at", [0, 2, 4, 6])
def test_a_repetition_goes_on_where_it_stopped(context, crash_at):
    with pytest.raises(Unavailable):
        queue(context, crash_at=crash_at).run()
    again = queue(context)
    assert places(again.run()) == list(range(7))
    assert again.planned == (1 if crash_at == 0 else 0)


def test_a_whole_repetition_is_a_replay(context):
    first = queue(context).run()
    again = queue(context)
    with pytest.raises(IdempotentReplay) as replay:
        again.run()
    assert replay.value.body == {"results": first}
    assert int(again.ctx.store.get_item(ItemKey("QUEUE", "Q"))["n"]["N"]) == 7


def test_steps_of_a_key_that_has_ended_are_run_anew(context):
    first = queue(context).run()
    again = queue(context)
    again.ctx.now += DAY
    assert places(again.run()) == [place + 7 for place in places(first)]
    assert again.planned == 1


def test_steps_of_another_request_are_no_progress(context):
    with pytest.raises(Unavailable):
        queue(context, crash_at=4).run()
    ctx = context("operator")
    ctx.idempotency = IdempotencyRecordKey.from_request(
        "user_someone", ctx.actor.roles, "k1", "POST", "/boxes/bulk", {"items": ["another"]}
    )
    with pytest.raises(IdempotencyMismatch):
        Queue(ctx).run()


def test_a_dry_run_of_steps_writes_nothing(context):
    work = queue(context)
    assert len(work.run(dry_run=True)) == 7
    assert work.ctx.store.get_item(ItemKey("QUEUE", "Q")) is None
    assert work.ctx.store.get_item(work.ctx.idempotency.key) is None
