"""What Lambda would give up on is kept: by the record's age, and by what its processing does to the function."""

import json
import zlib
from datetime import timedelta

import pytest

from chalicelib.foundation import streams
from chalicelib.foundation.ids import ItemKey
from chalicelib.foundation.json_codec import loads
from chalicelib.foundation.store import codec
from chalicelib.functions.streams import CONSUMERS
from chalicelib.packs.audit import records, service, writer
from ops.redrive import redrive_projection, redrive_trail
from ops.trail import verify
from tests.fault_injection import FaultInjectingClient, Throttles
from tests.streams.stream_feeder import ExpiringContext, deliver


class FunctionEnded(BaseException):
    """What memory and time do to a function: no handler catches it."""


def deliver_splitting(handler, batch, attempts=50):
    """Deliver as a mapping that splits a batch whose function fails; returns how many calls it took."""
    calls, waiting = 0, [batch]
    while waiting:
        batch = waiting.pop(0)
        calls += 1
        assert calls < attempts, "it never comes to an end"
        try:
            failures = handler({"Records": batch}, None)["batchItemFailures"]
        except (FunctionEnded, ZeroDivisionError):
            half = len(batch) // 2
            waiting[:0] = [batch[:half], batch[half:]] if half else [batch]
            continue
        if failures:
            places = [record["dynamodb"]["SequenceNumber"] for record in batch]
            waiting.insert(0, batch[places.index(failures[0]["itemIdentifier"]) :])
    return calls


@pytest.fixture
def poisoned(world, monkeypatch):
    """Five things, the third of which does `error` to whoever describes or counts it."""
    things = [world.create(notes=f"number {n}", holder={"name": "Ida Wells"}, pin="hunter2") for n in range(5)]
    seen = world.feed.entities()

    def poison(error):
        describe, contribute = records.build_record, type(world.contributions).__call__

        def fail_on(id):
            if id == things[2].id:
                raise error

        monkeypatch.setattr(records, "build_record", lambda change, *rest: fail_on(change.entity_id) or describe(change, *rest))
        monkeypatch.setattr(
            type(world.contributions), "__call__", lambda self, kind, image: fail_on(image["id"]) or contribute(self, kind, image)
        )
        return things, seen

    return poison


def test_a_mapping_retries_by_age():
    for consumer in CONSUMERS:
        assert consumer.retries == -1
        assert streams.PARK_AFTER < timedelta(seconds=consumer.max_age_seconds) == streams.MAX_RECORD_AGE < timedelta(hours=24)


@pytest.mark.parametrize("stream", ["audit", "project"])
@pytest.mark.parametrize("error", [FunctionEnded(), ZeroDivisionError()])
def test_a_record_that_fails_the_function_is_parked_and_the_rest_goes_on(world, clock, monkeypatch, poisoned, stream, error):
    things, seen = poisoned(error)
    clock.now += streams.GUARD_AFTER + timedelta(minutes=1)
    deliver_splitting(getattr(world, stream)(), seen)
    (row,) = world.rows("PARK#")
    assert row["pk"]["S"].endswith(things[2].id)
    if stream == "audit":
        assert sorted(row["pk"]["S"] for row in world.rows("AUD#")) == sorted(f"AUD#{thing.id}" for thing in things if thing != things[2])
    monkeypatch.undo()
    kinds = world.kinds
    redriven = redrive_trail(world.ctx, kinds, things[2].id) if stream == "audit" else None
    redriven = redriven or redrive_projection(world.ctx, world.contributions, things[2].id)
    assert (redriven.done, redriven.remaining, world.rows("PARK#")) == (1, [], [])
    if stream == "audit":
        assert verify(world.ctx, things[2].id)["checked"] == 1
    else:
        assert [row["count"]["N"] for row in world.rows("GROUPS")] == ["5"]


def test_a_young_record_that_ends_the_function_is_retried_first(world, poisoned):
    _, seen = poisoned(FunctionEnded())
    with pytest.raises(FunctionEnded):
        world.audit()({"Records": [seen[2]]}, None)
    assert world.rows("PARK#") == []


@pytest.mark.parametrize("stream", ["audit", "project"])
def test_a_record_parked_while_it_is_processed_is_no_longer_parked_after(world, clock, stream):
    thing = world.create()
    (one,) = world.feed.entities()
    clock.now += streams.GUARD_AFTER + timedelta(minutes=1)
    assert getattr(world, stream)()({"Records": [one]}, None) == {"batchItemFailures": []}
    assert world.rows("PARK#") == []
    assert bool(world.rows(f"AUD#{thing.id}" if stream == "audit" else "GROUPS"))


def test_a_malformed_old_record_remains_parked(world, clock):
    world.create()
    (one,) = world.feed.entities()
    del one["dynamodb"]["NewImage"]["revision"]
    clock.now += streams.GUARD_AFTER + timedelta(minutes=1)
    for _ in range(2):
        assert world.audit()({"Records": [one]}, None) == {"batchItemFailures": []}
    assert len(world.rows("PARK#audit#")) == 1


@pytest.mark.parametrize("stream", ["audit", "project"])
def test_before_its_age_runs_out_a_failing_record_is_parked(world, clock, stream):
    thing = world.edit(world.create(), notes="later")
    seen = world.feed.entities()
    real = world.runtime.dynamodb

    class Refusing:
        """A store that takes nothing but what is parked, and the keys that seal it."""

        def __getattr__(self, name):
            return getattr(real, name)

        def put_item(self, **arguments):
            return (real if arguments["Item"]["pk"]["S"].startswith(("PARK#", "PERSON#")) else busy).put_item(**arguments)

        def transact_write_items(self, **arguments):
            return busy.transact_write_items(**arguments)

    busy = FaultInjectingClient(real, Throttles())
    world.runtime.dynamodb = Refusing()
    clock.now += streams.PARK_AFTER - timedelta(minutes=1)
    handler = getattr(world, stream)()
    assert handler({"Records": seen}, ExpiringContext(9))["batchItemFailures"]
    assert world.rows("PARK#") == []
    clock.now += timedelta(minutes=2)
    assert handler({"Records": seen}, ExpiringContext(9)) == {"batchItemFailures": []}
    assert world.rows("PARK#")
    world.runtime.dynamodb = real
    assert redrive_trail(world.ctx, world.kinds, thing.id).remaining == []
    assert redrive_projection(world.ctx, world.contributions, thing.id).remaining == []
    assert world.rows("PARK#") == []
    if stream == "audit":
        assert verify(world.ctx, thing.id)["checked"] == 2


def test_a_store_that_takes_nothing_is_tried_again_to_the_end(world, clock):
    world.create()
    seen = world.feed.entities()
    clock.now += streams.PARK_AFTER + timedelta(minutes=1)
    world.runtime.dynamodb = FaultInjectingClient(world.table, Throttles())
    assert world.audit()({"Records": seen}, ExpiringContext(9))["batchItemFailures"]


# -- what is in a parked row


def stored(row):
    """Everything that can be read of a parked row without a key."""
    return json.dumps(row, default=str) + zlib.decompress(codec.decode_value(row["record"])).decode()


def park_second(world, **values):
    thing = world.edit(world.create(**values), group="b")
    _, two = world.feed.entities()
    deliver(world.audit(), [two])
    (row,) = world.rows("PARK#")
    return thing, row


def test_a_parked_row_shows_no_values(world):
    thing, row = park_second(world, holder={"name": "Ida Wells"}, pin="hunter2", notes="private")
    bad = {"eventID": "poison", "eventName": "INSERT", "dynamodb": {"Keys": {"pk": {"S": thing.id}, "sk": {"S": "~"}}}}
    bad["dynamodb"] |= {"NewImage": {"id": {"S": thing.id}, "pin": {"S": "hunter2"}}, "SequenceNumber": "9"}
    for handler in (world.audit(), world.project()):
        handler({"Records": [bad]}, None)
    rows = world.rows("PARK#")
    assert len(rows) == 3
    for row in rows:
        assert not [word for word in ("Wells", "hunter2", "private") if word in stored(row)]
    assert "sealed" not in next(row for row in rows if row["pk"]["S"].startswith("PARK#projection#"))


def test_a_sealed_record_can_be_moved_nowhere(world):
    from cryptography.exceptions import InvalidTag

    thing, row = park_second(world)
    world.table.put_item(TableName="valhalla-test", Item=row | {"sk": {"S": "0000000003"}})
    with pytest.raises(InvalidTag):
        writer.TrailWriter(world.ctx(), world.kinds).parked(thing.id)


@pytest.mark.parametrize("erased_before", [True, False])
def test_after_an_erasure_a_parked_record_says_who_and_when(world, erased_before):
    thing = world.edit(world.create(holder={"name": "Ida Wells"}), group="b")
    one, two = world.feed.entities()
    if erased_before:
        service.erase(world.ctx(), thing.id)
    deliver(world.audit(), [two])
    if not erased_before:
        service.erase(world.ctx(), thing.id)
    deliver(world.audit(), [one])
    first, second = (loads(row["body"]["S"]) for row in world.rows(f"AUD#{thing.id}"))
    assert (second["actor"], second["request_id"], second["changes"], second["recovered"]) == ("user_ben", "req-2", {}, True)
    assert "recovered" not in first
    assert world.rows("PARK#") == []
    # The stream repeats it: it is the same change.
    deliver(world.audit(), [one, two])
    assert world.rows("evt_") == []
    assert verify(world.ctx, thing.id)["valid"]


def test_a_record_too_large_for_an_item_is_parked_without_values(world, monkeypatch):
    monkeypatch.setattr(streams, "_MAX_SEALED", 100)
    thing, row = park_second(world, notes="private")
    assert "sealed" not in row
    (parked,) = writer.TrailWriter(world.ctx(), world.kinds).parked(thing.id)
    assert not streams.parse_record(parked.record).has_values
    assert parked.key == ItemKey(f"PARK#audit#{thing.id}", "0000000002")
