"""Aggregates: exact under replays, gaps, any order and any cut; rebuilt while the stage lives."""

import json
import random
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib.foundation import projections, streams
from chalicelib.foundation.manifest import Pack, Projection
from chalicelib.foundation.projections import ContributionRegistry
from chalicelib.foundation.store.codec import decode_item
from ops.projections import find_drift, rebuild
from ops.redrive import redrive_projection
from tests.conftest import TABLE
from tests.fault_injection import FaultInjectingClient, LostResponses, Throttles, client_error
from tests.streams.schedules import changes, play
from tests.streams.stream_feeder import ExpiringContext, deliver, shuffled


def recount(world):
    """Independently of the engine: from the things as they lie in the table."""
    groups, noted, total, count = {}, 0, Decimal(0), 0
    for raw in world.rows("thing_"):
        row = decode_item(raw)
        if row["kind"] != "thing" or "deleted_at" in row:
            continue
        number, amount = groups.get(row["group"], (0, Decimal(0)))
        groups[row["group"]] = (number + 1, amount + row["amount"])
        count, total, noted = count + 1, total + row["amount"], noted + bool(row.get("notes"))
    return groups, (count, total, noted)


def kept(world):
    store = world.runtime.store()
    groups = {name: (row.get("count", 0), row.get("amount", 0)) for name, row in projections.read_aggregates(store, "GROUPS").items()}
    everything = projections.read_aggregates(store, "ALL").get("all", {})
    return (
        {name: value for name, value in groups.items() if value != (0, 0)},
        (everything.get("count", 0), everything.get("amount", 0), everything.get("noted", 0)),
    )


# -- what is applied


def test_counts_and_sums_follow_every_change(world):
    one = world.create(group="a", amount=Decimal("10.50"))
    two = world.create(group="a", amount=Decimal("5"))
    one = world.edit(one, group="b", notes="moved")
    deliver(world.project(), world.feed.entities())
    assert kept(world) == ({"a": (1, 5), "b": (1, Decimal("10.50"))}, (2, Decimal("15.50"), 1))
    world.delete(two)
    world.purge(one)
    deliver(world.project(), world.feed.entities())
    assert kept(world) == recount(world) == ({}, (0, 0, 0))


def test_a_batch_is_two_round_trips_however_many_records_it_has(world):
    things = [world.create(group="ab"[place % 2]) for place in range(10)]
    for thing in things:
        world.edit(thing, amount=7)
    seen = world.feed.entities()
    faulty = world.runtime.dynamodb = FaultInjectingClient(world.table)
    assert world.project()({"Records": seen}, None) == {"batchItemFailures": []}
    assert faulty.calls == {"batch_get_item": 1, "transact_write_items": 1}


def test_a_batch_that_is_too_wide_for_one_transaction_takes_several(world, monkeypatch):
    monkeypatch.setattr(projections, "MAX_ACTIONS", 20)  # DynamoDB's own is 100
    for place in range(12):
        world.create(group=f"g{place}", amount=place + 1)
    seen = world.feed.entities()
    faulty = world.runtime.dynamodb = FaultInjectingClient(world.table)
    assert world.project()({"Records": seen}, None) == {"batchItemFailures": []}
    assert faulty.calls["transact_write_items"] == 2
    assert kept(world) == recount(world)


def test_a_change_that_moves_no_number_is_not_written(world):
    thing = world.edit(world.create(), owner="user_ann")
    one, two = world.feed.entities()
    deliver(world.project(), [one])
    faulty = world.runtime.dynamodb = FaultInjectingClient(world.table)
    deliver(world.project(), [two])
    assert faulty.calls == {"batch_get_item": 1}
    world.edit(world.edit(thing, owner="user_ben"), owner="user_cay")
    deliver(world.project(), world.feed.entities())
    (memory,) = world.rows("SEEN#")
    assert memory["v"]["N"] == "4"  # two behind: what is older than that must stay so


def test_an_alike_image_after_a_gap_is_remembered_so_that_the_gap_stays_closed(world):
    thing = world.edit(world.create(group="a"), group="b")
    world.edit(thing, group="a")
    one, two, three = world.feed.entities()
    deliver(world.project(), [one, three])
    deliver(world.project(), [two])
    assert kept(world) == recount(world)


def test_what_concerns_no_aggregate_costs_nothing(world):
    world.table.put_item(TableName=TABLE, Item={"pk": {"S": "RATE#x"}, "sk": {"S": "R"}})
    world.table.put_item(TableName=TABLE, Item={"pk": {"S": "x"}, "sk": {"S": "~"}, "t": {"S": "e"}, "kind": {"S": "part"}})
    faulty = world.runtime.dynamodb = FaultInjectingClient(world.table)
    deliver(world.project(), world.feed.take())
    assert faulty.calls == {}


def test_a_removed_item_is_remembered_for_longer_than_its_records_are_parked(world):
    thing = world.create()
    world.purge(thing)
    one, gone = world.feed.entities()
    deliver(world.project(), [gone])
    deliver(world.project(), [one])
    assert kept(world) == ({}, (0, 0, 0))
    (memory,) = world.rows("SEEN#")
    assert int(memory["ttl"]["N"]) > (world.runtime.clock() + streams.PARKED_TTL).timestamp()


# -- failures


def test_time_that_runs_out_is_reported_and_what_landed_counts_once(world):
    for place in range(6):
        world.create(group=f"g{place}")
    seen = world.feed.entities()
    world.runtime.dynamodb = FaultInjectingClient(world.table, Throttles(0.6, seed=1))
    answer = world.project()({"Records": seen}, ExpiringContext(1))
    assert answer["batchItemFailures"] == [{"itemIdentifier": seen[0]["dynamodb"]["SequenceNumber"]}]
    deliver(world.project(), seen, context=lambda: ExpiringContext(4))
    world.runtime.dynamodb = world.table
    assert kept(world) == recount(world)


def test_a_lost_answer_counts_once(world):
    world.create(amount=3)
    seen = world.feed.entities()
    fault = LostResponses(times=2, only=frozenset({"transact_write_items"}))
    world.runtime.dynamodb = FaultInjectingClient(world.table, fault)
    deliver(world.project(), seen)
    assert fault.occurrences >= 1
    world.runtime.dynamodb = world.table
    assert kept(world) == recount(world)


def test_a_poisoned_record_is_parked_and_blocks_nobody(world):
    bad, good = world.create(notes="poison"), world.create()
    seen = world.feed.entities()
    unreadable = json.loads(json.dumps(seen[1]))
    del unreadable["dynamodb"]["NewImage"]["revision"]
    unreadable["eventID"] = "unreadable"
    assert world.project()({"Records": [*seen, unreadable]}, None) == {"batchItemFailures": []}
    assert kept(world)[1][0] == 1
    assert {row["pk"]["S"] for row in world.rows("PARK#")} == {f"PARK#projection#{bad.id}", f"PARK#projection#{good.id}"}
    left = redrive_projection(world.ctx, world.contributions, bad.id)
    assert (left.done, len(left.remaining)) == (0, 1)
    assert "unreadable notes" in left.remaining[0].reason
    mended = ContributionRegistry(
        [Pack("T", "t", "t", "t", projections=(Projection("thing", "tests.streams.sample_entities.by_group", ("GROUPS", "ALL")),))]
    )
    left = redrive_projection(world.ctx, mended, bad.id)
    assert (left.done, left.remaining) == (1, [])
    assert kept(world)[1][0] == 2


def test_a_redriven_record_that_is_older_than_what_was_applied_changes_nothing(world):
    thing = world.create(notes="poison", group="a")
    deliver(world.project(), world.feed.entities())
    world.edit(thing, notes=None, group="b")
    deliver(world.project(), world.feed.entities())
    left = redrive_projection(world.ctx, world.contributions, thing.id)
    assert (left.done, left.remaining) == (1, [])
    assert kept(world) == recount(world) == ({"b": (1, 1)}, (1, 1, 0))


def test_a_number_that_the_table_refuses_is_refused_alone(world, monkeypatch):
    bad, good = world.create(amount=666), world.create(amount=5)
    from tests.streams import sample_entities

    real = sample_entities.by_group
    monkeypatch.setattr(
        sample_entities, "by_group", lambda image: {("GROUPS", ""): {"count": 1}} if image["amount"] == 666 else real(image)
    )
    original = world.table.transact_write_items

    class Strict:
        """DynamoDB refuses what moto lets pass: a number out of its range, here an odd key."""

        def __getattr__(self, name):
            return getattr(world.table, name)

        def transact_write_items(self, **arguments):
            from tests.fault_injection import client_error

            keys = [one["Update"]["Key"]["sk"]["S"] for one in arguments["TransactItems"] if "Update" in one]
            if "@1" in keys:
                reasons = [{"Code": "ValidationError"}]
                raise client_error("transact_write_items", "TransactionCanceledException", CancellationReasons=reasons)
            return original(**arguments)

    world.runtime.dynamodb = Strict()
    assert world.project()({"Records": world.feed.entities()}, None) == {"batchItemFailures": []}
    assert [row["pk"]["S"] for row in world.rows("PARK#")] == [f"PARK#projection#{bad.id}"]
    assert kept(world)[0] == {"a": (1, 5)}
    assert good.id


# -- more than a transaction takes


class StrictAboutExpressions:
    """A fault: DynamoDB refuses an expression of more than 4 KB, which moto takes."""

    def __call__(self, operation, arguments, send):
        for action in arguments.get("TransactItems", ()):
            if len(action.get("Update", {}).get("UpdateExpression", "")) > 4096:
                raise client_error(operation, "ValidationException")
        return send(arguments)


class StopsAt:
    """A fault: the process is gone at a transaction, before or after it lands."""

    def __init__(self, number, *, landed):
        self.left, self.landed = number, landed

    def __call__(self, operation, arguments, send):
        if operation == "transact_write_items":
            self.left -= 1
            if self.left == 0:
                if self.landed:
                    send(arguments)
                raise KeyboardInterrupt
        return send(arguments)


@pytest.fixture
def wide(world):
    """A world in which a thing contributes to 700 fields of one row, and to 120 others."""
    world.contributions = ContributionRegistry(
        [Pack("T", "t", "t", "t", projections=(Projection("thing", "tests.streams.sample_entities.by_day"),))]
    )
    world.runtime.dynamodb = FaultInjectingClient(world.table, StrictAboutExpressions())
    return world


def days(world):
    rows = projections.read_aggregates(world.runtime.store(), "DAYS")
    return set(rows.pop("all").values()), len(rows), {row["count"] for row in rows.values()}


def test_a_difference_that_is_too_large_for_an_update_is_applied_in_parts(wide):
    thing = wide.create(amount=3)
    deliver(wide.project(), wide.feed.entities())
    assert days(wide) == ({3}, 120, {1})
    wide.edit(thing, amount=8)
    deliver(wide.project(), wide.feed.entities())
    assert days(wide) == ({8}, 120, {1})
    assert wide.rows("PARK#") == []
    (checkpoint,) = wide.rows("SEEN#")
    assert (checkpoint["v"]["N"], "p" in checkpoint) == ("2", False)
    rebuild(wide.runtime.store, wide.contributions, wide.runtime.clock())
    assert days(wide) == ({8}, 120, {1})
    assert find_drift(wide.runtime.store, wide.contributions) == []


@pytest.mark.parametrize("landed", [False, True])
@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_a_crash_between_parts_loses_and_doubles_nothing(wide, number, landed):
    thing = wide.create(amount=3)
    records = wide.feed.entities()
    wide.runtime.dynamodb.faults.append(StopsAt(number, landed=landed))
    with pytest.raises(KeyboardInterrupt):
        wide.project()({"Records": records}, None)
    wide.edit(thing, amount=8)
    newer = wide.feed.entities()
    if number % 2:
        records = newer  # the older one never comes again
    deliver(wide.project(), [*records, *newer, *records])
    assert days(wide) == ({8}, 120, {1})


def test_another_worker_between_the_parts_loses_and_doubles_nothing(wide):
    thing = wide.create(amount=3)
    old = wide.feed.entities()
    wide.edit(thing, amount=8)
    new = wide.feed.entities()
    meant = iter([old, new, old])
    faulty = wide.runtime.dynamodb

    def other_worker(operation, arguments, send):
        if operation == "transact_write_items" and (records := next(meant, None)):
            deliver(wide.project(), records)
        return send(arguments)

    faulty.faults.append(other_worker)
    deliver(wide.project(), old)
    deliver(wide.project(), new)
    assert next(meant, None) is None
    assert days(wide) == ({8}, 120, {1})


def test_items_that_fit_one_by_one_but_not_together_are_applied_apart(world, monkeypatch):
    monkeypatch.setattr(projections, "MAX_FIELDS", 2)
    monkeypatch.setattr(
        "tests.streams.sample_entities.by_group", lambda image: {("ALL", "all"): {f"of {image['group']}": image["amount"], "count": 1}}
    )
    for group in "abc":
        world.create(group=group, amount=5)
    deliver(world.project(), world.feed.entities())
    everything = projections.read_aggregates(world.runtime.store(), "ALL")["all"]
    assert everything == {"count": 3, "of a": 5, "of b": 5, "of c": 5}


# -- any schedule


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(written=changes, seed=st.integers(0, 2**32))
def test_gaps_heal_with_the_newest_image(world, written, seed):
    world.empty()
    play(world, written)
    chance = random.Random(seed)
    seen = world.feed.entities()
    newest = {str(record["dynamodb"]["Keys"]): record for record in seen}
    delivered = [record for record in seen if record in newest.values() or chance.random() < 0.5]
    chance.shuffle(delivered)
    deliver(world.project(), delivered, batch=chance.randrange(1, 20))
    assert kept(world) == recount(world)


# -- generations


@pytest.fixture
def _small_batches(monkeypatch):
    monkeypatch.setattr("ops.projections.BATCH", 8)


@pytest.mark.usefixtures("_small_batches")
def test_a_rebuild_ends_in_what_the_items_add_up_to(world):
    things = [world.create(group="ab"[place % 2], amount=place) for place in range(10)]
    world.delete(things[3])
    deliver(world.project(), world.feed.entities())
    world.table.update_item(
        TableName=TABLE,
        Key={"pk": {"S": "GROUPS"}, "sk": {"S": "a@1"}},
        UpdateExpression="ADD amount :n",
        ExpressionAttributeValues={":n": {"N": "100"}},
    )
    assert [(one.row, one.field, one.expected - one.stored) for one in find_drift(world.runtime.store, world.contributions)] == [
        (("GROUPS", "a"), "amount", -100)
    ]
    told = []
    done = rebuild(world.runtime.store, world.contributions, world.runtime.clock(), on_progress=told.append)
    assert (done.generation, done.items, done.refused) == (2, 10, {})
    assert told == [8, 10]
    assert kept(world) == recount(world)
    assert find_drift(world.runtime.store, world.contributions) == []
    assert {raw["g"]["N"] for raw in world.rows() if "g" in raw} == {"2"}
    world.edit(things[0], group="c")
    deliver(world.project(), world.feed.entities())
    assert kept(world) == recount(world)


@pytest.mark.usefixtures("_small_batches")
def test_the_stage_is_written_to_while_it_is_rebuilt(world):
    things = [world.create(group="a", amount=place) for place in range(10)]
    deliver(world.project(), world.feed.entities())
    seen_before = [world.edit(things[place], group="b") for place in (0, 9)]
    late = world.feed.entities()  # written before the rebuild, delivered in its midst
    shown = []

    def meanwhile(items):
        deliver(world.project(), late)
        shown.append(kept(world) == recount(world))
        if items == 8:
            for place in range(3, 8):  # the scan has passed some of them, and will meet others
                world.edit(things[place], group="during")
            world.purge(things[2])
        deliver(world.project(), world.feed.entities())
        shown.append(kept(world) == recount(world))

    rebuild(world.runtime.store, world.contributions, world.runtime.clock(), on_progress=meanwhile)
    assert shown
    assert all(shown)
    assert seen_before
    assert kept(world) == recount(world)


def test_readers_see_one_generation_at_any_time(world):
    world.create(group="a", amount=5)
    deliver(world.project(), world.feed.entities())
    faulty = world.runtime.dynamodb = FaultInjectingClient(world.table)
    assert projections.read_aggregates(world.runtime.store(), "GROUPS") == {"a": {"count": 1, "amount": 5}}
    assert faulty.calls == {"query": 1}
    projections.set_generations(world.runtime.store(), [1, 2])
    world.create(group="a", amount=6)
    deliver(world.project(), world.feed.entities())
    assert projections.read_aggregates(world.runtime.store(), "GROUPS") == {"a": {"count": 2, "amount": 11}}
    projections.set_generations(world.runtime.store(), [2])
    assert projections.read_aggregates(world.runtime.store(), "GROUPS") == {"a": {"count": 1, "amount": 6}}
    assert projections.read_aggregates(world.runtime.store(), "GROUPS", "b") == {}


def test_a_rebuild_that_was_broken_off_leaves_nothing_to_repair(world):
    for place in range(5):
        world.create(amount=place)
    deliver(world.project(), world.feed.entities())

    def stop(items):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rebuild(world.runtime.store, world.contributions, world.runtime.clock(), on_progress=stop)
    world.create(group="z")
    deliver(world.project(), world.feed.entities())
    assert kept(world) == recount(world)
    assert rebuild(world.runtime.store, world.contributions, world.runtime.clock()).generation == 3
    assert kept(world) == recount(world)
    assert {raw["g"]["N"] for raw in world.rows() if "g" in raw} == {"3"}


def test_what_the_stream_still_has_to_bring_is_no_drift(world):
    world.create(amount=5)
    late = world.feed.entities()
    assert find_drift(world.runtime.store, world.contributions, pause=lambda: deliver(world.project(), late) and None) == []


def test_shuffled_items_end_alike(world):
    things = [world.create(group="a", amount=place) for place in range(8)]
    for thing in things:
        world.edit(world.edit(thing, group="b"), amount=1)
    seen = world.feed.entities()
    deliver(world.project(), shuffled(seen, random.Random(5)), batch=3)
    assert kept(world) == recount(world)
