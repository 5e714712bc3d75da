"""Nothing lost, nothing doubled: under any schedule of the stream, with faults at the client and a second worker in between."""

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib.foundation import projections, streams
from chalicelib.packs.audit import writer
from ops.redrive import redrive_projection, redrive_trail
from ops.trail import broken_chains
from tests.fault_injection import Conflicts, FaultInjectingClient, LostResponses, Throttles, Unprocessed
from tests.streams.chains import list_entities
from tests.streams.schedules import Intruded, changes, disturbed, play
from tests.streams.stream_feeder import ExpiringContext, deliver
from tests.streams.test_projections import kept, recount


@pytest.fixture(autouse=True, params=[1, 10], ids=["in transactions", "one by one or in transactions"])
def _transaction_from(request, monkeypatch):
    monkeypatch.setattr(writer, "_TRANSACTION_FROM", request.param)


@pytest.fixture(autouse=True, params=[projections.MAX_FIELDS, 1], ids=["aggregates whole", "aggregates in parts"])
def _fields_of_an_update(request, monkeypatch):
    monkeypatch.setattr(projections, "MAX_FIELDS", request.param)


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(written=changes, seed=st.integers(0, 2**32))
def test_chains_are_whole_and_aggregates_are_exact(world, written, seed):
    world.empty()
    play(world, written)
    seen = world.feed.entities()
    chance = random.Random(seed)
    stream, late = disturbed(seen, chance)

    faulty = FaultInjectingClient(
        world.table,
        Throttles(0.1, seed=seed),
        Conflicts(0.2, seed=seed),
        LostResponses(0.1, seed=seed, only=frozenset({"put_item", "transact_write_items", "delete_item"})),
        Unprocessed(0.2, seed=seed),
    )

    def impatient():
        return ExpiringContext(chance.randrange(3, 12))

    for handler in (world.audit, world.project):
        unfinished = []

        def intrude(handler=handler, unfinished=unfinished):
            begin = chance.randrange(len(stream) + 1)
            piece = stream[begin : begin + chance.randrange(1, 8)]
            if piece and handler()({"Records": piece}, impatient())["batchItemFailures"]:
                unfinished.extend(piece)

        world.runtime.dynamodb = Intruded(faulty, intrude, chance)
        deliver(handler(), stream, context=impatient, batch=chance.randrange(1, 30), attempts=2000)
        deliver(handler(), late, context=impatient, attempts=2000)
        world.runtime.dynamodb = faulty
        deliver(handler(), unfinished, context=impatient, attempts=2000)  # the other worker, too, gets again what it didn't do
    world.runtime.dynamodb = world.table
    # A worker that dies right after it has parked a record doesn't look again for what it waits for. The hourly run does.
    for entity in streams.parked_entities(world.runtime.store(), "audit"):
        redrive_trail(world.ctx, world.kinds, entity)

    assert kept(world) == recount(world)
    entities = {record["dynamodb"]["Keys"]["pk"]["S"] for record in seen}
    assert set(list_entities(world.runtime.store())) == entities
    assert list(broken_chains(world.ctx, entities)) == []
    assert len(world.rows("AUD#")) == len(seen)
    assert world.rows("PARK#") == []
    assert world.rows("evt_") == []


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(written=changes, seed=st.integers(0, 2**32))
def test_what_was_poisoned_ends_right_once_it_is_redriven(world, written, seed):
    world.empty()
    play(world, written)
    chance = random.Random(seed)
    seen = world.feed.entities()
    stream, late = disturbed(seen, chance)
    poisoned = {record["eventID"] for record in seen if chance.random() < 0.2}
    real, knows = streams.parse_record, world.kinds

    def read(record):
        if record["eventID"] in poisoned:
            raise streams.MalformedRecord("for now")
        return real(record)

    streams.parse_record = read
    try:
        for handler in (world.audit(), world.project()):
            deliver(handler, [*stream, *late], batch=chance.randrange(1, 30))
    finally:
        streams.parse_record = real
    store = world.runtime.store()
    for entity in streams.parked_entities(store, "audit"):
        redrive_trail(world.ctx, knows, entity)
    for entity in streams.parked_entities(store, "projection"):
        redrive_projection(world.ctx, world.contributions, entity)
    assert kept(world) == recount(world)
    assert list(broken_chains(world.ctx, list_entities(store))) == []
    assert world.rows("PARK#") == []
