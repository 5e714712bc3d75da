"""The trail: one chained record for each revision, whatever the stream does."""

import json
from datetime import timedelta
from decimal import Decimal

from chalicelib.foundation import streams
from chalicelib.foundation.json_codec import loads
from chalicelib.packs.audit import crypto_shredding, records, service, writer
from ops.redrive import redrive_trail
from ops.trail import verify
from tests.conftest import TABLE
from tests.fault_injection import FaultInjectingClient, LostResponses, Throttles
from tests.streams.sample_entities import SampleChild
from tests.streams.stream_feeder import ExpiringContext, deliver


def record_contents(world, entity):
    return [loads(row["body"]["S"]) for row in world.rows(f"AUD#{entity}")]


def whole(world, entity):
    return verify(lambda: world.ctx(), entity)


def parked(world):
    return world.rows("PARK#")


# -- what a record says


def test_each_revision_becomes_one_record(world):
    thing = world.create(notes="first", amount=Decimal("350000.10"))
    thing = world.edit(thing, group="b", notes=None)
    thing = world.delete(thing)
    world.purge(thing)
    deliver(world.audit(), world.feed.entities())
    contents = record_contents(world, thing.id)
    assert [(record["seq"], record["action"], record["actor"]) for record in contents] == [
        (1, "created", "user_ann"),
        (2, "updated", "user_ben"),
        (3, "deleted", "user_cay"),
        (4, "purged", "system:retention"),
    ]
    assert [record["request_id"] for record in contents[:3]] == ["req-1", "req-2", "req-3"]
    assert {record["correlation_id"] for record in contents[:1]} == {"req-1"}
    assert contents[0]["at"] == contents[0]["recorded_at"] == "2026-11-24T18:00:00.000Z"
    assert contents[0]["code_version"] == "unknown"
    assert contents[0]["changes"] == {
        "amount": {"old": None, "new": Decimal("350000.1")},
        "group": {"old": None, "new": "a"},
        "notes": {"old": None, "new": "first"},
    }
    assert contents[1]["changes"] == {"group": {"old": "a", "new": "b"}, "notes": {"old": "first", "new": None}}
    assert set(contents[2]["changes"]) == {"deleted_at", "deleted_by"}
    assert contents[3]["changes"] == {}
    assert whole(world, thing.id)["valid"]
    assert whole(world, thing.id)["checked"] == 4


def test_nested_fields_have_dotted_paths(world):
    thing = world.create(address={"city": "Kent", "geo": {"lat": Decimal("47.38"), "zone": 5}})
    world.edit(thing, address={"city": "Kent", "geo": {"lat": Decimal("47.39"), "zone": 5}, "unit": "2b"})
    deliver(world.audit(), world.feed.entities())
    assert record_contents(world, thing.id)[1]["changes"] == {
        "address.geo.lat": {"old": Decimal("47.38"), "new": Decimal("47.39")},
        "address.unit": {"old": None, "new": "2b"},
    }


def test_a_secret_never_reaches_the_trail(world):
    thing = world.create(pin="hunter2")
    world.edit(thing, pin="hunter3")
    deliver(world.audit(), world.feed.entities())
    assert [record["changes"]["pin"] for record in record_contents(world, thing.id)] == [{"changed": True}] * 2
    assert "hunter" not in json.dumps(world.rows("AUD#"))


def test_an_unknown_field_is_treated_as_secret(world):
    thing = world.create()
    thing._unknown = {"token_of_tomorrow": {"S": "s3cret"}}
    world.edit(thing)
    deliver(world.audit(), world.feed.entities())
    assert record_contents(world, thing.id)[1]["changes"] == {"token_of_tomorrow": {"changed": True}}


def test_an_expired_item_is_recorded_as_purged(world):
    thing = world.create()
    world.purge(thing)
    made, gone = world.feed.entities()
    gone["userIdentity"] = {"type": "Service", "principalId": "dynamodb.amazonaws.com"}
    deliver(world.audit(), [made, gone])
    assert record_contents(world, thing.id)[1]["actor"] == "system:expiry"
    assert record_contents(world, thing.id)[1]["request_id"] == gone["eventID"]


def test_records_are_found_by_day_of_recording_and_by_actor(world):
    thing = world.create()
    deliver(world.audit(), world.feed.entities())
    (row,) = world.rows("AUD#")
    assert row["gsi1pk"]["S"] == f"AUD#DAY#2026-11-24#{records.shard(thing.id)}"
    assert row["gsi1sk"]["S"] == f"2026-11-24T18:00:00.000Z#{thing.id}#0000000001"
    assert row["gsi2pk"]["S"] == "AUD#ACT#user_ann#2026-11"


# -- again


def test_a_redelivered_change_has_no_effect(world, clock):
    thing = world.create(holder={"name": "Ida"}, pin="x")
    world.edit(thing, holder={"name": "Ada"})
    seen = world.feed.entities()
    deliver(world.audit(), seen)
    before = world.rows()
    clock.now += timedelta(hours=3)
    deliver(world.audit(), seen)
    deliver(world.audit(), seen[1:])
    assert world.rows() == before


def test_another_code_version_may_describe_a_change_differently(world, monkeypatch):
    world.create(pin="x")
    seen = world.feed.entities()
    deliver(world.audit(), seen)
    before = world.rows()
    monkeypatch.setattr("tests.streams.sample_entities.SampleRoot.SECRET", frozenset({"pin", "group"}))
    object.__setattr__(world.runtime.settings, "git_revision", "next")
    deliver(world.audit(), seen)
    assert world.rows() == before


def test_a_lost_response_creates_no_second_record(world):
    thing = world.create(holder={"name": "Ida"})
    seen = world.feed.entities()
    fault = LostResponses(times=3)
    world.runtime.dynamodb = FaultInjectingClient(world.runtime.dynamodb, fault)
    deliver(world.audit(), seen)
    assert fault.occurrences == 3
    assert not parked(world)
    assert whole(world, thing.id)["valid"]


def test_a_timeout_reports_the_first_unprocessed_record(world):
    for _ in range(4):
        world.create()
    seen = world.feed.entities()
    throttles = Throttles(0.5, seed=3)
    world.runtime.dynamodb = FaultInjectingClient(world.runtime.dynamodb, throttles)
    response = world.audit()({"Records": seen}, ExpiringContext(3))
    done = len(world.rows("AUD#"))
    assert 0 < done < 4
    index = [record["dynamodb"]["SequenceNumber"] for record in seen].index(response["batchItemFailures"][0]["itemIdentifier"])
    assert index <= done
    deliver(world.audit(), seen, context=lambda: ExpiringContext(20))
    assert len(world.rows("AUD#")) == 4


# -- gaps


def test_a_change_without_predecessor_is_parked(world):
    thing = world.create()
    for group in "bcd":
        thing = world.edit(thing, group=group)
    one, two, three, four = world.feed.entities()
    deliver(world.audit(), [one, three, four])
    assert [record["seq"] for record in record_contents(world, thing.id)] == [1]
    assert [row["sk"]["S"] for row in parked(world)] == ["0000000003", "0000000004"]
    assert {row["reason"]["S"] for row in parked(world)} == {"its predecessor is missing"}
    deliver(world.audit(), [two])
    assert [record["seq"] for record in record_contents(world, thing.id)] == [1, 2, 3, 4]
    assert not parked(world)
    assert whole(world, thing.id)["valid"]


def test_parked_changes_are_kept_thirty_days_with_their_images(world):
    thing = world.edit(world.create(notes="kept"), group="b")
    _, two = world.feed.entities()
    deliver(world.audit(), [two])
    (row,) = parked(world)
    assert int(row["ttl"]["N"]) == int((world.runtime.clock() + timedelta(days=30)).timestamp())
    (parked_record,) = writer.TrailWriter(world.ctx(), world.kinds).parked(thing.id)
    assert parked_record.record == two
    assert not streams.parked_records(world.runtime.store(), "audit", thing.id, world.runtime.clock() + timedelta(days=31))


def test_a_predecessor_arriving_during_parking_resumes_its_successor(world):
    thing = world.edit(world.create(), group="b")
    one, two = world.feed.entities()
    other = world.audit()
    real = world.runtime.dynamodb

    class Meanwhile:
        """Lets the other worker bring the predecessor just before ours is parked."""

        came = False

        def __getattr__(self, name):
            return getattr(real, name)

        def put_item(self, **arguments):
            if not self.came and arguments["Item"]["pk"]["S"].startswith("PARK#"):
                self.came = True
                world.runtime.dynamodb = real
                other({"Records": [one]}, None)
            return real.put_item(**arguments)

    world.runtime.dynamodb = Meanwhile()
    world.audit()({"Records": [two]}, None)
    assert [record["seq"] for record in record_contents(world, thing.id)] == [1, 2]
    assert not parked(world)


def test_a_run_that_ends_after_parking_is_recovered(world):
    thing = world.edit(world.create(), group="b")
    one, two = world.feed.entities()
    deliver(world.audit(), [one, two])
    # What such a run leaves: the change is on the trail, and parked as well. Its batch comes again.
    change = streams.parse_record(two)
    streams.park_record(world.runtime.store(), "audit", two, "its predecessor is missing", world.runtime.clock(), waiting_change=change)
    deliver(world.audit(), [two])
    assert not parked(world)
    assert whole(world, thing.id)["checked"] == 2


def test_a_failure_while_resuming_is_reported_for_redelivery(world):
    thing = world.edit(world.create(), group="b")
    one, two = world.feed.entities()
    deliver(world.audit(), [two])
    real = world.runtime.dynamodb
    world.runtime.dynamodb = FaultInjectingClient(real, Throttles(only=frozenset({"query"})))
    response = world.audit()({"Records": [one]}, ExpiringContext(4))
    assert response == {"batchItemFailures": [{"itemIdentifier": one["dynamodb"]["SequenceNumber"]}]}
    world.runtime.dynamodb = real
    deliver(world.audit(), [one])
    assert [record["seq"] for record in record_contents(world, thing.id)] == [1, 2]


# -- what no repetition mends


def test_a_malformed_record_is_parked_and_blocks_nothing(world):
    one, two = world.create(), world.create()
    seen = world.feed.entities()
    bad = json.loads(json.dumps(seen[0]))
    bad["eventID"], bad["dynamodb"]["NewImage"]["revision"] = "poison", {"S": "x"}
    worse = {"eventID": "worse", "eventName": "INSERT", "dynamodb": {"SequenceNumber": "7"}}
    response = world.audit()({"Records": [bad, worse, seen[1]]}, None)
    assert response == {"batchItemFailures": []}
    assert len(record_contents(world, two.id)) == 1
    assert {row["pk"]["S"] for row in parked(world)} == {f"PARK#audit#{one.id}", "PARK#audit#unknown"}


def test_an_unknown_kind_is_parked_until_it_is_known(world, monkeypatch):
    thing = world.edit(world.create(pin="secret"), group="b")
    seen = world.feed.entities()
    knows = world.kinds
    world.kinds = writer.entity_resolver([])
    deliver(world.audit(), seen)
    assert not world.rows("AUD#")
    assert sorted(row["sk"]["S"][0] for row in parked(world)) == ["0", "~"]
    assert streams.parked_entities(world.runtime.store(), "audit") == [thing.id]
    left = redrive_trail(world.ctx, world.kinds, thing.id)
    assert (left.done, len(left.remaining)) == (0, 2)
    done = redrive_trail(world.ctx, knows, thing.id)
    assert (done.done, done.remaining) == (2, [])
    assert whole(world, thing.id)["checked"] == 2


def test_a_conflicting_change_raises_an_alarm(world, capsys):
    thing = world.create()
    (one,) = world.feed.entities()
    deliver(world.audit(), [one])
    other = json.loads(json.dumps(one))
    other["eventID"] = "forged"
    other["dynamodb"]["NewImage"]["group"] = {"S": "z"}
    capsys.readouterr()
    assert world.audit()({"Records": [other]}, None) == {"batchItemFailures": []}
    out = capsys.readouterr().out
    assert '"ChainBroken":1' in out
    assert "CHAIN_BROKEN" in out
    (event,) = world.rows("evt_")
    assert event["event"]["S"] == "trail.chain_broken"
    assert event["subject_id"]["S"] == thing.id
    assert "CHAIN_BROKEN" in parked(world)[0]["reason"]["S"]
    # What stands goes on; the other change is kept aside, and trying again neither loses it nor adds it.
    assert redrive_trail(world.ctx, world.kinds, thing.id).done == 0
    world.edit(thing, group="b")
    deliver(world.audit(), [record for record in world.feed.entities() if record["dynamodb"]["Keys"]["pk"]["S"] == thing.id])
    assert [record["changes"]["group"]["new"] for record in record_contents(world, thing.id)] == ["a", "b"]
    assert whole(world, thing.id)["valid"]


def test_items_that_are_no_entities_are_ignored(world):
    world.runtime.dynamodb.put_item(TableName=TABLE, Item={"pk": {"S": "RATE#x"}, "sk": {"S": "R"}, "n": {"N": "1"}})
    before = world.rows()
    deliver(world.audit(), world.feed.take())
    assert world.rows() == before


# -- personal data


def test_personal_fields_are_sealed_under_their_subjects_key(world):
    thing = world.create(holder={"name": "Ida Wells", "phone": "+12065550100"})
    world.edit(thing, holder={"name": "Ada Wells", "phone": "+12065550100"})
    deliver(world.audit(), world.feed.entities())
    assert "Wells" not in json.dumps(world.rows("AUD#"))
    first, second = (record["changes"]["holder"] for record in record_contents(world, thing.id))
    assert first["personal"] is True
    assert first["old"] is None
    assert first["new"]["digest"] == second["old"]["digest"] != second["new"]["digest"]
    assert first["new"]["sealed"] != second["old"]["sealed"]
    (row,) = world.rows("PERSON#")
    assert row["pk"]["S"] == f"PERSON#{thing.id}"


def test_a_child_shares_the_key_of_its_root(world):
    thing = world.create(holder={"name": "Ida"})
    ctx = world.ctx()
    part = SampleChild.new(ctx, id=SampleChild.ID.new(ctx.now, thing.id), maker="Bo")
    ctx.store.call("put_item", TableName=TABLE, Item=part.to_item())
    deliver(world.audit(), world.feed.entities())
    assert [row["pk"]["S"] for row in world.rows("PERSON#")] == [f"PERSON#{thing.id}"]


def test_erasing_changes_no_record_and_chains_remain_valid(world):
    thing = world.create(holder={"name": "Ida Wells"})
    thing = world.edit(thing, holder={"name": "Ada Wells"})
    seen = world.feed.entities()
    deliver(world.audit(), seen)
    before, chain = whole(world, thing.id), world.rows(f"AUD#{thing.id}")
    service.erase(world.ctx("user_dpo"), thing.id)
    assert whole(world, thing.id) == before
    assert (before["valid"], before["checked"]) == (True, 2)
    assert world.rows(f"AUD#{thing.id}") == chain
    (key,) = world.rows("PERSON#")
    assert "key" not in key
    assert key["erased_by"]["S"] == "user_dpo"
    # A replay from before the erasure is still a replay, and what comes after is sealed under no key.
    deliver(world.audit(), seen)
    world.edit(thing, holder={"name": "Eda Wells"})
    deliver(world.audit(), world.feed.entities())
    assert world.rows(f"AUD#{thing.id}")[:2] == chain
    assert not parked(world)
    assert record_contents(world, thing.id)[2]["changes"]["holder"] == {"personal": True}
    assert whole(world, thing.id)["checked"] == 3
    service.erase(world.ctx("user_other"), thing.id)
    assert world.rows("PERSON#")[0]["erased_by"]["S"] == "user_dpo"


def test_concurrent_workers_use_one_key_for_a_new_subject(world):
    first = crypto_shredding.DataSubjectKeys(world.runtime.store(), lambda: b"k" * 32)
    second = crypto_shredding.DataSubjectKeys(world.runtime.store(), lambda: b"k" * 32)
    first.load(["s"])
    second.load(["s"])
    sealed = first.seal("s", "here", "value")
    assert sealed == second.seal("s", "here", "value")
    assert second.unseal("s", "here", sealed["sealed"]) == "value"
    assert len(world.rows("PERSON#")) == 1


# -- mail


def test_mail_that_was_written_is_handed_to_the_outbox(world, monkeypatch):
    from chalicelib.foundation import outbox

    world.runtime.dynamodb.put_item(TableName=TABLE, Item={"pk": {"S": "MAIL#1"}, "sk": {"S": "M"}, "t": {"S": "m"}, "kind": {"S": "mail"}})
    world.runtime.dynamodb.put_item(
        TableName=TABLE, Item={"pk": {"S": "MAIL#1"}, "sk": {"S": "M"}, "t": {"S": "m"}, "kind": {"S": "mail"}, "sent": {"N": "1"}}
    )
    thing = world.create()
    enqueued = []
    monkeypatch.setattr(outbox, "enqueue", lambda settings, messages: enqueued.extend(messages))
    seen = world.feed.entities()
    assert world.audit()({"Records": seen}, None) == {"batchItemFailures": []}
    assert enqueued == [("mail", ("MAIL#1", "M"))]

    def refuse(settings, messages):
        raise outbox.QueueError("full")

    monkeypatch.setattr(outbox, "enqueue", refuse)
    failures = [{"itemIdentifier": seen[0]["dynamodb"]["SequenceNumber"]}]
    assert world.audit()({"Records": seen}, None) == {"batchItemFailures": failures}
    assert len(record_contents(world, thing.id)) == 1
