"""The store under faults: what is acknowledged is there once, what is refused is not there at all."""

from datetime import timedelta

import pytest
from botocore.exceptions import ClientError

from chalicelib.foundation.dates import format_timestamp
from chalicelib.foundation.errors import Conflict, NotFound, Unavailable, VersionConflict
from chalicelib.foundation.ids import ItemKey
from chalicelib.foundation.store import keys, references
from chalicelib.foundation.store.expressions import ROW_ABSENT, ROW_EXISTS
from chalicelib.foundation.store.store import Store, encode_key
from chalicelib.foundation.store.transactions import Transaction
from tests.fault_injection import (
    WRITES,
    Conflicts,
    FaultInjectingClient,
    LaggingIndexes,
    LostResponses,
    ServerErrors,
    ShortPages,
    Throttles,
    Unprocessed,
    Unreachable,
)
from tests.store.sample_entities import SampleRoot, plain_values


@pytest.fixture
def faulty(context):
    """`faulty(fault, …)`: a context whose store meets these faults."""

    def make(*faults, **store):
        ctx = context("operator")
        ctx.store = Store(FaultInjectingClient(ctx.store.client, *faults), ctx.store.table, sleep=lambda _: None, **store)
        return ctx

    return make


@pytest.mark.parametrize("fault", [Throttles, ServerErrors, Unreachable, LostResponses])
@pytest.mark.parametrize("times", [1, 4])
def test_a_save_lands_once_whatever_happens_to_its_answer(faulty, context, fault, times):
    thing = SampleRoot.new(context("operator"), **plain_values())
    ctx = faulty(fault(times=times, only=frozenset({"put_item"})))
    ctx.store.client.client.put_item(TableName=ctx.store.table, Item=thing.to_item())
    ctx.store.save(thing.with_changes(ctx, name="desk"))
    found = ctx.store.find(SampleRoot, thing.id)
    assert (found.name, found.revision) == ("desk", 2)
    assert ctx.store.client.calls["put_item"] == times + 1


@pytest.mark.parametrize("fault", [Throttles, Unreachable, LostResponses, Conflicts])
def test_a_transaction_lands_once_whatever_happens_to_its_answer(faulty, fault):
    ctx = faulty(fault(times=3, only=frozenset({"transact_write_items"})))
    thing = SampleRoot.new(ctx, **plain_values())
    tx = Transaction(ctx.store)
    tx.create(thing, Conflict("it was there"))
    tx.update(ItemKey("COUNT", "C"), add={"made": 1})
    tx.commit()
    assert ctx.store.find(SampleRoot, thing.id).revision == 1
    assert ctx.store.get_item(ItemKey("COUNT", "C"))["made"] == {"N": "1"}


def test_another_requests_row_is_never_taken_for_our_own(faulty, context):
    first = context("operator")
    thing = SampleRoot.new(first, **plain_values())
    Transaction(first.store).put(thing)
    first.store.call("put_item", TableName=first.store.table, Item=thing.to_item())
    ctx = faulty(LostResponses(times=1))
    again = SampleRoot.new(ctx, id=thing.id, **plain_values(name="impostor"))
    tx = Transaction(ctx.store)
    tx.create(again, Conflict("taken"))
    with pytest.raises(Conflict, match="taken"):
        tx.commit()
    assert ctx.store.find(SampleRoot, thing.id).name == "lamp"


def test_a_save_that_lost_its_answer_and_then_the_race_is_stale(faulty, context):
    thing = SampleRoot.new(context("operator"), **plain_values())
    other = context("operator")
    other.store.call("put_item", TableName=other.store.table, Item=thing.to_item())
    other.store.save(thing.with_changes(other, name="theirs"))
    ctx = faulty(LostResponses(times=1, only=WRITES))
    with pytest.raises(VersionConflict):
        ctx.store.save(thing.with_changes(ctx, name="ours"))
    assert ctx.store.find(SampleRoot, thing.id).name == "theirs"


def test_settling_reads_again_until_it_wins(context):
    ctx = context("operator")
    thing = SampleRoot.new(ctx, **plain_values(count=0))
    ctx.store.call("put_item", TableName=ctx.store.table, Item=thing.to_item())
    interruptions = iter([True, True, False])

    def step():
        found = ctx.store.find(SampleRoot, thing.id)
        if next(interruptions):
            rival = context("operator")
            rival.store.save(found.with_changes(rival, count=found.count + 10))
        ctx.store.save(found.with_changes(ctx, count=found.count + 1))

    ctx.store.retry_on_conflict(step)
    assert ctx.store.find(SampleRoot, thing.id).count == 21


def test_time_running_out_is_unavailable(faulty):
    ctx = faulty(Throttles(), remaining_seconds=lambda: 0.0)
    with pytest.raises(Unavailable):
        ctx.store.get_item(ItemKey("A", "B"))
    assert ctx.store.client.calls["get_item"] == 1


def test_what_repeating_would_not_mend_is_not_repeated(faulty):
    ctx = faulty()
    with pytest.raises(ClientError):
        ctx.store.call("get_item", TableName="no-such-table", Key=encode_key(ItemKey("A", "B")))
    assert ctx.store.client.calls["get_item"] == 1


def test_batches_are_asked_for_until_they_are_whole(faulty):
    ctx = faulty(Unprocessed(times=5))
    keys = [ItemKey(f"ROW#{n}", "R") for n in range(12)]
    for key in keys:
        ctx.store.call("put_item", TableName=ctx.store.table, Item=encode_key(key))
    assert set(ctx.store.batch_get(keys)) == set(keys)
    assert ctx.store.client.calls["batch_get_item"] == 6


def test_many_rows_are_removed_25_at_a_time_and_none_is_forgotten(faulty):
    ctx = faulty(Unprocessed(times=2))
    keys = [ItemKey("MANY", f"{number:03}") for number in range(60)]
    for key in keys:
        ctx.store.call("put_item", TableName=ctx.store.table, Item=encode_key(key))
    assert ctx.store.batch_delete(iter(keys[:-1])) == 59
    assert list(ctx.store.batch_get(keys)) == [keys[-1]]
    assert ctx.store.client.calls["batch_write_item"] == 3 + 2


@pytest.mark.parametrize("seed", range(6))
def test_a_stormy_day_loses_and_doubles_nothing(context, faulty, seed):
    """Creations through every fault at once, conflicts at 20 %: each is there once, and the count says so."""
    ctx = faulty(
        Throttles(0.1, seed=seed), Unreachable(0.1, seed=seed + 1), LostResponses(0.15, seed=seed + 2), Conflicts(0.2, seed=seed + 3)
    )
    tally, made = ItemKey("TALLY", "C"), []
    for number in range(10):
        ctx.request_id = f"request-{number}"
        thing = SampleRoot.new(ctx, **plain_values(count=number))
        tx = Transaction(ctx.store)
        tx.create(thing)
        tx.update(tally, add={"n": 1})
        tx.commit()
        made.append(thing)
    assert sum(fault.occurrences for fault in ctx.store.client.faults) > 2
    quiet = context("operator").store
    assert quiet.get_item(tally)["n"] == {"N": "10"}
    assert len(quiet.batch_get([thing.key for thing in made])) == 10


# -- the refusals of transactions


def refusal_of(ctx, *failing):
    """Commit five actions of which those at `failing` can't stand; each names its place."""
    tx = Transaction(ctx.store)
    ctx.store.call("put_item", TableName=ctx.store.table, Item=encode_key(ItemKey("TAKEN", "T")) | {"owner": {"S": "somebody"}})
    for place in range(5):
        sk = "T" if place in failing else f"free{place}"
        pk = "TAKEN" if place in failing else f"FREE#{ctx.request_id}"
        if place in failing:
            pk, sk = f"TAKEN#{place}", "T"
            ctx.store.call("put_item", TableName=ctx.store.table, Item=encode_key(ItemKey(pk, sk)) | {"owner": {"S": f"owner {place}"}})
        tx.put_values(ItemKey(pk, sk), {"n": place}, ROW_ABSENT, lambda row, place=place: Conflict(f"{place}: {row['owner']['S']}"))
    with pytest.raises(Conflict) as caught:
        tx.commit()
    return caught.value.detail


@pytest.mark.parametrize("place", range(5))
def test_each_refusal_is_known_by_its_place_and_told_what_stands_there(context, place):
    assert refusal_of(context("operator"), place) == f"{place}: owner {place}"


def test_the_first_refusal_in_order_speaks(context):
    assert refusal_of(context("operator"), 1, 3) == "1: owner 1"


def test_a_refused_transaction_changes_nothing(context):
    ctx = context("operator")
    tx = Transaction(ctx.store)
    tx.put_values(ItemKey("A", "A"), {"n": 1})
    tx.condition_check(ItemKey("NOBODY", "N"), ROW_EXISTS, NotFound("row"))
    with pytest.raises(NotFound):
        tx.commit()
    assert ctx.store.get_item(ItemKey("A", "A")) is None


def test_a_condition_without_a_named_refusal_is_stale(context):
    ctx = context("operator")
    tx = Transaction(ctx.store)
    tx.save(SampleRoot.new(ctx, **plain_values()).with_changes(ctx, name="never saved"))
    with pytest.raises(VersionConflict):
        tx.commit()


# -- gates, one after the other


def test_a_gate_counts_refuses_and_closes(context):
    ctx = context("operator")
    thing = SampleRoot.new(ctx, **plain_values())

    def commit(*steps):
        tx = Transaction(ctx.store)
        for step in steps:
            step(tx)
        tx.commit()

    with pytest.raises(NotFound):
        commit(lambda tx: references.add_reference(tx, SampleRoot.ID, thing.id))
    commit(lambda tx: references.add_counter(tx, thing.id, ctx.now))
    commit(lambda tx: references.add_reference(tx, SampleRoot.ID, thing.id))
    with pytest.raises(Conflict, match="1 other thing"):
        commit(lambda tx: references.close_if_unreferenced(ctx, tx, SampleRoot, thing.id))
    commit(lambda tx: references.add_reference(tx, SampleRoot.ID, thing.id, 2, set={"seen_at": ctx.now}))
    assert ctx.store.get_item(keys.reference_counter(thing.id))["seen_at"] == {"S": format_timestamp(ctx.now)}
    with pytest.raises(Conflict, match="3 other thing"):
        commit(lambda tx: references.close_if_unreferenced(ctx, tx, SampleRoot, thing.id))
    commit(lambda tx: references.remove_reference(tx, SampleRoot.ID, thing.id, 3))
    commit(lambda tx: references.close_if_unreferenced(ctx, tx, SampleRoot, thing.id))
    with pytest.raises(Conflict, match="deleted"):
        commit(lambda tx: references.add_reference(tx, SampleRoot.ID, thing.id))


# -- the injector itself


def test_a_lagging_index_shows_what_was_there_before(faulty, context):
    ctx = faulty()
    old = SampleRoot.new(ctx, **plain_values(name="old"))
    ctx.store.call("put_item", TableName=ctx.store.table, Item=old.to_item())
    lag = LaggingIndexes().attach(ctx.store.client)

    def shelf(name):
        answer = ctx.store.query(
            IndexName="gsi1", KeyConditionExpression="gsi1pk = :pk", ExpressionAttributeValues={":pk": {"S": f"THING#{name}"}}
        )
        return [row["view"]["S"] for row in answer["Items"]]

    ctx.store.save(old.with_changes(ctx, name="moved", shelf="south"))
    later = context("operator")
    later.now += timedelta(seconds=1)
    ctx.store.call("put_item", TableName=ctx.store.table, Item=SampleRoot.new(later, **plain_values(name="new")).to_item())
    assert ["old" in view for view in shelf("north")] == [True]
    assert shelf("south") == []
    assert ctx.store.find(SampleRoot, old.id).name == "moved"
    lag.catch_up()
    assert ["new" in view for view in shelf("north")] == [True]
    assert ["moved" in view for view in shelf("south")] == [True]


def test_short_pages_still_lead_on(faulty):
    ctx = faulty(ShortPages(2))
    for n in range(5):
        ctx.store.call("put_item", TableName=ctx.store.table, Item=encode_key(ItemKey("PAGE", str(n))))
    asked = {"KeyConditionExpression": "pk = :pk", "ExpressionAttributeValues": {":pk": {"S": "PAGE"}}}
    first = ctx.store.query(**asked)
    second = ctx.store.query(**asked, ExclusiveStartKey=first["LastEvaluatedKey"])
    assert [len(first["Items"]), len(second["Items"])] == [2, 2]
    assert "LastEvaluatedKey" in second
