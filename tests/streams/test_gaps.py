"""Gaps that the stream left, in the trail and in the aggregates: found, closed as far as that is possible, and recorded as gaps."""

import threading
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from chalicelib.foundation import streams, table_pass
from chalicelib.foundation.aws_json import JsonClient
from chalicelib.foundation.json_codec import loads
from chalicelib.foundation.schedules import RunStats
from chalicelib.packs.audit import service
from chalicelib.packs.audit.gaps import GapFinder
from chalicelib.packs.audit.recovery import SETTLED
from ops.gaps import find_gaps
from ops.trail import broken_chains, verify
from tests.conftest import NOW
from tests.fault_injection import FaultInjectingClient, Throttles
from tests.streams.chains import list_entities
from tests.streams.schedules import changes, play
from tests.streams.stream_feeder import deliver
from tests.streams.test_projections import kept, recount


def find(world, *, close=False):
    return [(gap.where, gap.entity_id, gap.outcome) for gap in find_gaps(world.ctx, world.contributions, world.kinds, close=close)]


def contents(world, entity):
    return [loads(row["body"]["S"]) for row in world.rows(f"AUD#{entity}")]


def summary(world, entity):
    return [(record["seq"], record["action"], record.get("recovered", False)) for record in contents(world, entity)]


def of(records, thing):
    return [record for record in records if record["dynamodb"]["Keys"]["pk"]["S"] == thing.id]


@pytest.fixture
def settled(clock):
    """Let so much time pass that nothing can come from the stream any more."""

    def wait():
        clock.now += SETTLED + timedelta(minutes=1)

    return wait


# -- the trail


def test_a_complete_table_has_no_gaps(world, settled):
    things = [world.edit(world.create(), notes="x") for _ in range(3)]
    world.purge(world.delete(things[0]))
    seen = world.feed.entities()
    deliver(world.audit(), seen)
    deliver(world.project(), seen)
    settled()
    assert find(world) == []


def test_a_creation_that_was_lost_is_recovered_exactly(world, settled):
    thing = world.create(notes="first", holder={"name": "Ida Wells"}, pin="hunter2")
    world.feed.entities()
    settled()
    assert find(world) == [("trail", thing.id, "open"), ("aggregates", thing.id, "open")]
    assert {outcome for _, _, outcome in find(world, close=True)} == {"closed"}
    (record,) = contents(world, thing.id)
    assert (record["action"], record["actor"], record["request_id"], record["recovered"]) == ("created", "user_ann", "req-1", True)
    assert record["changes"]["notes"] == {"old": None, "new": "first"}
    assert record["changes"]["pin"] == {"changed": True}
    assert "Wells" not in str(world.rows("AUD#"))
    assert find(world) == []
    assert verify(world.ctx, thing.id)["valid"]


def test_what_nobody_knows_any_more_is_recorded_as_lost(world, settled):
    thing = world.create(notes="one")
    deliver(world.audit(), world.feed.entities())
    for notes in ("two", "three", "four"):
        thing = world.edit(thing, notes=notes)
    world.feed.entities()
    settled()
    find(world, close=True)
    assert summary(world, thing.id) == [(1, "created", False), (2, "lost", False), (3, "lost", False), (4, "updated", True)]
    lost, last = contents(world, thing.id)[1], contents(world, thing.id)[3]
    assert (lost["actor"], lost["changes"]) == ("user_ann", {})  # who closed the gap
    assert (last["actor"], last["changes"]["notes"]) == ("user_ben", {"old": None, "new": "four"})
    assert verify(world.ctx, thing.id)["valid"]
    (event,) = world.rows("evt_")
    assert event["event"]["S"] == "trail.gap_closed"
    # The chain goes on from there.
    world.edit(thing, notes="five")
    deliver(world.audit(), world.feed.entities())
    assert summary(world, thing.id)[-1] == (5, "updated", False)
    assert world.rows("PARK#") == []


def test_while_the_stream_may_bring_it_a_gap_stays_open(world, clock):
    thing = world.create()
    seen = world.feed.entities()
    clock.now += timedelta(hours=24)
    assert find(world, close=True)[0][2].startswith("waits")
    assert world.rows("AUD#") == []
    deliver(world.audit(), seen)
    assert summary(world, thing.id) == [(1, "created", False)]


def test_images_of_parked_changes_are_used_and_the_parked_follow(world, settled):
    thing = world.create(notes="one")
    for notes in ("two", "three", "four", "five"):
        thing = world.edit(thing, notes=notes)
    one, _two, _three, four, five = world.feed.entities()
    deliver(world.audit(), [one, four, five])
    settled()
    find(world, close=True)
    assert summary(world, thing.id) == [
        (1, "created", False), (2, "lost", False), (3, "updated", True), (4, "updated", False), (5, "updated", False),
    ]  # fmt: skip
    assert [record["changes"].get("notes", {}).get("new") for record in contents(world, thing.id)] == ["one", None, "three", "four", "five"]
    assert world.rows("PARK#") == []
    assert verify(world.ctx, thing.id)["valid"]


def test_a_removal_that_was_lost_is_recorded_a_day_after_it_was_noticed(world, clock, settled):
    thing = world.delete(world.create())
    deliver(world.audit(), world.feed.entities())
    world.purge(thing)
    late = world.feed.entities()
    settled()
    assert find(world, close=True)[0][2].startswith("waits")
    settled()
    assert find(world, close=True) == [("trail", thing.id, "closed")]
    assert summary(world, thing.id)[-1] == (3, "purged", True)
    assert verify(world.ctx, thing.id)["valid"]
    deliver(world.audit(), late, attempts=3)  # it can't come any more; if it did, it would be reported
    assert world.rows("PARK#")


def test_the_chain_of_an_erased_subject_is_completed_without_its_values(world, settled):
    thing = world.create(holder={"name": "Ida Wells"})
    world.feed.entities()
    service.erase(world.ctx(), thing.id)
    world.feed.entities()
    settled()
    find(world, close=True)
    assert contents(world, thing.id)[0]["changes"]["holder"] == {"personal": True, "old": None}


def test_a_live_worker_wins(world, settled, monkeypatch):
    """Another worker writes the same record just before: nothing is overwritten, and no alarm goes off."""
    thing = world.create()
    seen = world.feed.entities()
    settled()
    from chalicelib.packs.audit import repository

    real = repository.create_records

    def meanwhile(store, chain):
        monkeypatch.setattr(repository, "create_records", real)
        deliver(world.audit(), seen)
        real(store, chain)

    monkeypatch.setattr(repository, "create_records", meanwhile)
    find(world, close=True)
    assert summary(world, thing.id) == [(1, "created", False)]
    assert [row for row in world.rows("evt_") if row["event"]["S"] == "trail.chain_broken"] == []


# -- the aggregates


def test_items_that_the_aggregates_miss_are_applied_once(world, settled):
    things = [world.create(amount=5) for _ in range(3)]
    deliver(world.project(), world.feed.entities())
    world.edit(things[0], amount=7)
    world.purge(things[1])
    world.feed.entities()
    assert kept(world) != recount(world)
    settled()
    found = {entity for where, entity, _ in find(world, close=True) if where == "aggregates"}
    assert found == {things[0].id, things[1].id}
    assert kept(world) == recount(world)
    assert [gap for gap in find(world) if gap[0] == "aggregates"] == []


def test_an_item_that_cannot_be_counted_is_named(world, settled):
    thing = world.create(notes="poison")
    world.feed.entities()
    settled()
    gaps = find(world, close=True)
    assert ("aggregates", thing.id, "tests.streams.sample_entities.with_notes: ValueError unreadable notes") in gaps


# -- portions


def run(world, context=None):
    """One run of the schedule."""
    from chalicelib.packs.audit import schedules

    ctx = world.ctx()
    if context:
        ctx.store.remaining_seconds = context
    stats = RunStats()
    schedules.stream_gaps(ctx, stats)
    return stats


@pytest.fixture
def small_pages(monkeypatch):
    monkeypatch.setattr(table_pass, "PAGE_SIZE", 3)


def test_a_run_stops_in_time_and_the_next_goes_on(world, settled, small_pages):
    things = [world.create() for _ in range(10)]
    world.feed.entities()
    settled()
    runs = 0
    while True:
        left = [1000.0] * 2  # enough for a page or two
        stats = run(world, lambda left=left: left.pop() if left else 0.0)
        runs += 1
        if not stats.has_more:
            break
        assert runs < 50
    assert runs > 1
    assert {row["pk"]["S"] for row in world.rows("AUD#thing")} == {f"AUD#{thing.id}" for thing in things}
    assert kept(world) == recount(world)


def test_the_schedule_reads_the_table_once_a_day(world, clock):
    world.create()
    run(world)
    scans = []
    real = world.table.scan

    class Counting:
        def __getattr__(self, name):
            return getattr(world.table, name)

        def scan(self, **arguments):
            scans.append(1)
            return real(**arguments)

    world.runtime.dynamodb = Counting()
    run(world)
    assert scans == []
    clock.now += timedelta(hours=24)
    run(world)
    assert len(scans) == 1


def test_the_schedule_brings_what_was_parked_and_only_waits(world, clock):
    thing = world.edit(world.create(), notes="x")
    one, two = world.feed.entities()
    deliver(world.audit(), [one])
    change = streams.parse_record(two)
    streams.park_record(world.runtime.store(), "audit", two, streams.LATE, clock.now, waiting_change=change)
    streams.park_record(world.runtime.store(), streams.AGGREGATES, two, streams.LATE, clock.now)
    run(world)
    assert world.rows("PARK#") == []
    assert len(contents(world, thing.id)) == 2
    assert kept(world) == recount(world)


def test_a_busy_store_loses_no_page(world, settled):
    world.create()
    world.feed.entities()
    settled()
    world.runtime.dynamodb = FaultInjectingClient(world.table, Throttles(only=frozenset({"batch_get_item"})))
    left = [1000.0] * 9
    assert run(world, lambda: left.pop() if left else 0.0).has_more
    world.runtime.dynamodb = world.table
    run(world)
    assert len(world.rows("AUD#thing")) == 1


def test_an_error_in_a_page_does_not_stop_the_pass(world, settled, small_pages, monkeypatch):
    for _ in range(6):
        world.create()
    world.feed.entities()
    settled()
    real, pages = GapFinder.close_page, []

    def fail_first(self, rows):
        pages.append(rows)
        if len(pages) == 1:
            raise ZeroDivisionError
        real(self, rows)

    monkeypatch.setattr(GapFinder, "close_page", fail_first)
    assert run(world).failed == 1
    assert len(pages) > 1
    assert world.rows("AUD#thing")


# -- any loss


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(written=changes, seed=st.randoms(use_true_random=False))
def test_whatever_the_stream_loses_ends_in_whole_chains_and_exact_aggregates(world, clock, written, seed):
    world.empty()
    clock.now = NOW
    play(world, written)
    seen = world.feed.entities()
    for handler in (world.audit(), world.project()):
        deliver(handler, [record for record in seen if seed.random() < 0.6], batch=seed.randrange(1, 20))
    for _ in range(3):  # a removal is waited for once
        clock.now += SETTLED + timedelta(minutes=1)
        find(world, close=True)
    assert find(world) == []
    assert list(broken_chains(world.ctx, list_entities(world.runtime.store()))) == []
    assert kept(world) == recount(world)
    assert not [row for row in world.rows("PARK#") if row["stream"]["S"] == "audit"]


@pytest.fixture
def one_call_at_a_time(monkeypatch):
    """moto's table is not made for threads; calls still interleave."""
    lock, call = threading.Lock(), JsonClient._call

    def locked(self, operation, **arguments):
        with lock:
            return call(self, operation, **arguments)

    monkeypatch.setattr(JsonClient, "_call", locked)


def test_two_runs_at_once_and_a_live_consumer_do_it_once(one_call_at_a_time, world, settled):
    things = [world.edit(world.create(), notes="x") for _ in range(8)]
    seen = world.feed.entities()
    deliver(world.audit(), seen[::3])
    settled()
    workers = [threading.Thread(target=lambda: find(world, close=True)) for _ in range(2)]
    workers.append(threading.Thread(target=lambda: deliver(world.project(), seen)))
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    find(world, close=True)
    assert list(broken_chains(world.ctx, [thing.id for thing in things])) == []
    assert {len(contents(world, thing.id)) for thing in things} == {2}
    assert kept(world) == recount(world)
