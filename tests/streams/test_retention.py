"""Purging what was deleted: after its term, children first, with what is parked of it, and told by the trail."""

import json
from datetime import timedelta

import pytest

from chalicelib.foundation import retention, streams, table_pass
from chalicelib.foundation.schedules import RunStats
from chalicelib.foundation.store import keys
from ops.trail import verify
from tests.conftest import TABLE
from tests.fault_injection import Conflicts, FaultInjectingClient
from tests.streams.sample_entities import SampleChild
from tests.streams.stream_feeder import deliver
from tests.streams.test_gaps import find
from tests.streams.test_projections import kept, recount


def add_part(world, thing, maker="Bo"):
    ctx = world.ctx()
    part = SampleChild.new(ctx, id=SampleChild.ID.new(ctx.now, thing.id), maker=maker)
    world.table.put_item(TableName=TABLE, Item=part.to_item())
    return part


def put(world, pk, sk, **values):
    world.table.put_item(TableName=TABLE, Item={"pk": {"S": pk}, "sk": {"S": sk}, "kind": {"S": "plain"}, **values})


def run(world, remaining=None):
    ctx, stats = world.ctx(), RunStats()
    if remaining is not None:
        ctx.store.remaining_seconds = remaining
    retention.purge_deleted(ctx, stats)
    return stats


def follow(world):
    seen = world.feed.entities()
    deliver(world.audit(), seen)
    deliver(world.project(), seen)


@pytest.fixture
def over(clock):
    """Let the term run out."""

    def wait():
        clock.now += retention.DELETED_TERM + timedelta(minutes=1)

    return wait


def test_what_was_deleted_is_purged_with_its_partition_and_the_trail_tells_of_it(world, clock, over):
    thing, other = world.create(holder={"name": "Ida Wells"}), world.create()
    part = add_part(world, thing)
    put(world, thing.id, "!", refs={"N": "0"})
    put(world, thing.id, "H#1", note={"S": "a plain row"})
    put(world, thing.id, "S@1", t={"S": "a"}, g={"N": "1"}, count={"N": "3"})
    thing = world.delete(thing)
    follow(world)
    clock.now += retention.DELETED_TERM - timedelta(minutes=1)
    assert run(world).found == 0
    over()
    stats = run(world)
    assert (stats.found, stats.done, stats.details) == (1, 1, {"purged": {"thing": 1, "part": 1}})
    assert [row["sk"]["S"] for row in world.rows(thing.id)] == ["S@1"]
    assert len(world.rows(other.id)) == 1
    follow(world)
    assert kept(world) == recount(world)
    for id, count in ((thing.id, 3), (part.id, 2)):
        verdict = verify(world.ctx, id)
        assert (verdict["valid"], verdict["checked"]) == (True, count)
    assert json.loads(world.rows(f"AUD#{thing.id}")[-1]["body"]["S"])["actor"] == "system:retention"
    assert run(world).found == 0


def test_a_root_that_is_referred_to_waits(world, over):
    thing = world.delete(world.create())
    put(world, thing.id, keys.reference_counter(thing.id).sk, refs={"N": "1"})
    over()
    assert (run(world).done, len(world.rows(thing.id))) == (0, 2)


def test_a_child_that_was_deleted_leaves_its_root(world, over):
    thing = world.create()
    part, stays = add_part(world, thing), add_part(world, thing)
    ctx = world.ctx()
    ctx.store.save(part.soft_deleted(ctx))
    over()
    assert run(world).details == {"purged": {"part": 1}}
    assert {row["id"]["S"] for row in world.rows(thing.id)} == {thing.id, stays.id}


def test_what_is_parked_of_it_goes_with_it(world, over):
    thing = world.delete(world.create(holder={"name": "Ida Wells"}))
    part = add_part(world, thing)
    seen = world.feed.entities()
    for id, record in ((thing.id, seen[0]), (part.id, seen[2])):
        for stream in (streams.TRAIL, streams.AGGREGATES):
            key = streams.park_record(world.runtime.store(), stream, record, "for a test", world.runtime.clock() + timedelta(days=20))
            assert key.pk.endswith(id)
    stranger = world.create()
    streams.park_record(world.runtime.store(), streams.TRAIL, world.feed.entities()[0], "another's", world.runtime.clock())
    over()
    run(world)
    assert [row["entity"]["S"] for row in world.rows("PARK#")] == [stranger.id]


def test_a_large_partition_is_purged_in_portions_and_its_root_last(world, over):
    thing = world.create()
    for _ in range(250):
        add_part(world, thing)
    world.delete(thing)
    over()
    real, removed = world.table.transact_write_items, []

    class Breaking:
        """Breaks off after the second transaction."""

        def __getattr__(self, name):
            return getattr(world.table, name)

        def transact_write_items(self, **arguments):
            if len(removed) == 2:
                raise ZeroDivisionError
            removed.append(len(arguments["TransactItems"]))
            return real(**arguments)

    world.runtime.dynamodb = Breaking()
    stats = run(world)
    assert (stats.failed, max(removed)) == (1, 100)
    left = world.rows(thing.id)
    assert any(row["sk"]["S"] == "~" for row in left)
    assert 0 < len(left) < 251
    world.runtime.dynamodb = world.table
    assert run(world).done == 1
    assert world.rows(thing.id) == []


def test_two_runs_purge_once(world, over):
    thing = world.delete(world.create())
    over()
    world.runtime.dynamodb = FaultInjectingClient(world.table, Conflicts(0.5, seed=1))
    assert run(world).done + run(world).done == 1
    assert world.rows(thing.id) == []


def test_a_run_without_time_says_so(world, over):
    world.delete(world.create())
    over()
    assert run(world, lambda: 0.0).has_more


def test_a_purged_entity_leaves_no_gap(world, over):
    world.delete(world.create())
    follow(world)
    over()
    run(world)
    follow(world)
    over()
    assert find(world) == []
    table_pass.restart(world.ctx(), "find-gaps")
