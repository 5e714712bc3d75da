"""Days are sealed once, one after the other, whatever a run meets; and what was sealed is found to be changed."""

import json
import re
from dataclasses import asdict, replace
from datetime import date, timedelta
from itertools import pairwise

import pytest

from chalicelib.foundation import files
from chalicelib.foundation.canonical_json import canonical_json
from chalicelib.foundation.key_pairs import public_keys
from chalicelib.packs.audit import days, records, schedules, sealing
from chalicelib.packs.audit.entities import DailySeal
from chalicelib.packs.audit.records import AuditRecord
from chalicelib.packs.audit.seals import FIRST, DayRecords, Leaf, seal_error, tree_root
from tests.conftest import TABLE
from tests.streams.schedules import Intruded
from tests.streams.stream_feeder import ExpiringContext, deliver

DAY = date(2026, 11, 24)


class Days:
    """A trail, and a clock that goes from day to day."""

    def __init__(self, world, clock, run_work, client_as):
        self.world, self.clock, self.run_work, self.client_as = world, clock, run_work, client_as

    def record(self, entities=1, revisions=1):
        """Some entities with some revisions each, on the trail as of now; their ids."""
        made = []
        for _ in range(entities):
            thing = self.world.create()
            for number in range(revisions - 1):
                thing = self.world.edit(thing, notes=str(number))
            made.append(thing.id)
        deliver(self.world.audit(), self.world.feed.entities())
        return made

    def next_day(self, days=1):
        """The next day's 00:20, when the seal is made."""
        self.clock.now = (self.clock.now + timedelta(days=days)).replace(hour=0, minute=20)

    def seal(self, context=None):
        return self.run_work(schedules.trail_seal, context)

    @property
    def seals(self):
        return [
            DailySeal.from_item(row).seal
            for row in sorted(self.world.rows("SEAL"), key=lambda row: row["sk"]["S"])
            if len(row["sk"]["S"]) == 10
        ]

    def rows(self, id):
        return self.world.rows(f"AUD#{id}")

    def verify(self, day=DAY):
        response = self.client_as("auditor")("GET", "/audit/verify", query={"date": str(day)})
        assert response.status == 200, response.text
        return response.json()

    def alarms(self):
        return [row["event"]["S"] for row in self.world.rows("evt_") if row["event"]["S"].startswith("trail.")]


@pytest.fixture
def trail(world, clock, run_work, client_as, monkeypatch):
    monkeypatch.setattr(sealing, "LOOK_BACK", timedelta(days=2))  # a month of empty days takes a second to look through
    return Days(world, clock, run_work, client_as)


# -- making seals


def test_a_day_is_sealed_with_the_last_record_of_each_entity(trail):
    ids = trail.record(3, revisions=2)
    trail.next_day()
    assert trail.seal()["done"] == 1
    (seal,) = trail.seals
    last = sorted((id, 2, trail.rows(id)[1]["hash"]["S"]) for id in ids)
    assert seal.root == tree_root(Leaf(*leaf) for leaf in last)
    assert (seal.date, seal.entities, seal.records, seal.prev_hash) == ("2026-11-24", 3, 6, FIRST)
    keys = dict(public_keys(trail.world.ctx().secrets.seal_keys))
    assert seal_error(seal, None, keys) is None


def test_the_seal_lies_under_object_lock_too(trail):
    trail.record()
    trail.next_day()
    trail.seal()
    (seal,) = trail.seals
    ctx = trail.world.ctx()
    assert files.get_locked(ctx, "seals/2026-11-24.json").decode() == canonical_json(asdict(seal))
    assert sealing.locked_seal(ctx, DAY) == seal


def test_nothing_is_sealed_before_its_day_is_settled(trail):
    trail.record()
    for hour, minute in ((23, 59), (24, 0), (24, 14)):
        trail.clock.now = trail.clock.now.replace(day=24 + hour // 24, hour=hour % 24, minute=minute)
        trail.seal()
        assert [seal.date for seal in trail.seals if seal.date >= "2026-11-24"] == []
    trail.clock.now += timedelta(minutes=1)
    trail.seal()
    assert trail.seals[-1].date == "2026-11-24"


def test_each_day_of_a_gap_is_sealed_and_empty_days_too(trail):
    trail.record()
    trail.next_day()
    trail.seal()
    trail.next_day(5)
    trail.record(2)
    trail.next_day(2)
    assert trail.seal()["done"] == 7
    seals = trail.seals
    assert [(seal.date[-2:], seal.entities) for seal in seals] == [
        ("24", 1), ("25", 0), ("26", 0), ("27", 0), ("28", 0), ("29", 0), ("30", 2), ("01", 0)
    ]  # fmt: skip
    assert all(after.prev_hash == before.hash for before, after in pairwise(seals))


def test_the_first_seal_is_that_of_the_first_record_even_after_a_month_of_rest(trail, monkeypatch):
    monkeypatch.undo()
    trail.record()
    trail.next_day(31)
    trail.record()
    trail.next_day()
    trail.seal()
    assert (trail.seals[0].date, trail.seals[-1].date, len(trail.seals)) == ("2026-11-24", "2026-12-25", 32)


def test_an_empty_trail_begins_with_yesterday(trail):
    trail.next_day()
    assert trail.seal()["done"] == 1
    assert [(seal.date, seal.entities, seal.root[:8]) for seal in trail.seals] == [("2026-11-24", 0, "e3b0c442")]


def test_a_run_that_is_repeated_or_late_changes_nothing(trail):
    trail.record()
    trail.next_day()
    trail.seal()
    before = trail.seals
    trail.clock.now += timedelta(hours=10)
    assert (trail.seal()["done"], trail.seals) == (0, before)


def test_late_records_land_in_the_seal_of_the_day_of_their_recording(trail):
    trail.world.create()
    late = trail.world.feed.entities()
    trail.next_day()
    trail.seal()
    deliver(trail.world.audit(), late)
    trail.next_day()
    trail.seal()
    assert [seal.records for seal in trail.seals] == [0, 1]


def test_two_runs_at_once_make_one_seal(trail, runtime):
    trail.record(3)
    trail.next_day()
    ran = []

    def other_run():
        runtime.dynamodb = plain
        if not ran:
            ran.append(trail.seal())

    import random

    plain = runtime.dynamodb
    for step in range(12):  # the other run comes in at each of the first calls
        trail.world.empty()
        trail.record(2)
        plain, ran = runtime.dynamodb, []
        calls = iter([False] * step + [True] + [False] * 1000)
        chance = random.Random()
        chance.random = lambda calls=calls: 0.0 if next(calls) else 1.0
        runtime.dynamodb = Intruded(plain, other_run, chance, rate=0.5)
        trail.seal()
        runtime.dynamodb = plain
        assert len(trail.seals) == 1
        assert trail.seals[0].hash == sealing.locked_seal(trail.world.ctx(), date.fromisoformat(trail.seals[0].date)).hash
        trail.next_day()


def test_a_day_with_more_records_than_a_run_can_read_is_sealed_in_pieces(trail, monkeypatch):
    monkeypatch.setattr(days, "PAGE_SIZE", 3)
    monkeypatch.setattr(sealing, "PART_SIZE", 3)
    trail.record(20, revisions=2)
    trail.next_day()
    expected = sealing.read_day(trail.world.ctx(), DAY)
    for part in trail.world.rows("SEAL#"):
        trail.world.table.delete_item(TableName=TABLE, Key={"pk": part["pk"], "sk": part["sk"]})
    runs = 0
    while not trail.seals:
        record = trail.seal(ExpiringContext(5, after=11_000))
        runs += 1
        assert runs < 50
    assert runs > 3
    assert record["done"] == 1
    assert trail.seals[0].root == tree_root(expected.leaves)
    assert (trail.seals[0].entities, trail.seals[0].records) == (20, 40)


def test_parts_that_have_expired_are_read_again(trail, monkeypatch):
    monkeypatch.setattr(sealing, "LOOK_BACK", timedelta(days=12))
    monkeypatch.setattr(sealing, "PART_SIZE", 3)
    trail.record(20)
    trail.next_day()
    trail.seal(ExpiringContext(5, after=11_000))
    (first, *_) = sorted(trail.world.rows("SEAL#"), key=lambda row: row["sk"]["S"])
    trail.world.table.delete_item(TableName=TABLE, Key={"pk": first["pk"], "sk": first["sk"]})
    trail.next_day(10)
    trail.seal()
    assert (trail.seals[0].entities, trail.seals[0].records) == (20, 20)


def test_a_seal_that_was_removed_from_the_table_comes_back_from_the_bucket(trail):
    trail.record()
    trail.next_day()
    trail.seal()
    (seal,) = trail.seals
    trail.world.table.delete_item(TableName=TABLE, Key={"pk": {"S": "SEAL"}, "sk": {"S": seal.date}})
    trail.seal()
    assert trail.seals == [seal]


def test_a_day_that_was_rewritten_before_its_seal_is_made_again_is_an_alarm(trail):
    (id,) = trail.record()
    trail.next_day()
    trail.seal()
    trail.world.table.delete_item(TableName=TABLE, Key={"pk": {"S": "SEAL"}, "sk": {"S": "2026-11-24"}})
    rewrite(trail, id)
    with pytest.raises(sealing.SealConflict):
        trail.seal()
    assert trail.seals == []
    assert trail.alarms() == ["trail.chain_broken"]


# -- verifying a day


def rewrite(trail, id):
    """Change the last record of an entity, with the hash that fits."""
    row = trail.rows(id)[-1]
    body = re.sub(r'"user_[a-z]*"', '"user_innocent"', row["body"]["S"])
    hash = records.chain_hash(row["prev_hash"]["S"], body)
    trail.world.table.put_item(TableName=TABLE, Item=row | {"body": {"S": body}, "hash": {"S": hash}})


@pytest.fixture
def sealed(trail):
    """Three sealed days; the ids of what was recorded on each."""
    ids = []
    for count in (3, 2, 1):
        ids.append(trail.record(count, revisions=2))
        trail.next_day()
    trail.seal()
    return ids


def test_a_day_is_verified(trail, sealed):
    assert trail.verify() == {
        "date": "2026-11-24", "sealed": True, "valid": True, "checked": 6, "first_break": None, "complete": True
    }  # fmt: skip
    assert [trail.verify(DAY + timedelta(days=1))["checked"], trail.verify(DAY + timedelta(days=2))["checked"]] == [4, 2]


def test_a_day_without_a_seal_is_not_verified(trail, sealed):
    for day in (DAY - timedelta(days=1), DAY + timedelta(days=3), date(2030, 1, 1)):
        assert trail.verify(day) == {
            "date": str(day), "sealed": False, "valid": None, "checked": 0, "first_break": None, "complete": True
        }  # fmt: skip


@pytest.mark.parametrize("query", [{}, {"date": "24.11.2026"}, {"date": "2026-11-24T00:00:00Z"}, {"date": "2026-11-24", "x": "1"}])
def test_a_day_is_needed(client_as, query):
    assert client_as("auditor")("GET", "/audit/verify", query=query).status == 422


MANIPULATIONS = {}


def manipulation(found):
    def register(function):
        MANIPULATIONS[function.__name__] = (function, found)
        return function

    return register


@manipulation("mutated")
def a_record_is_changed(trail, id):
    row = trail.rows(id)[0]
    trail.world.table.put_item(TableName=TABLE, Item=row | {"body": {"S": row["body"]["S"].replace("created", "updated")}})


@manipulation("unchained")
def a_record_is_changed_with_its_hash(trail, id):
    row = trail.rows(id)[0]
    body = row["body"]["S"].replace("created", "updated")
    trail.world.table.put_item(
        TableName=TABLE, Item=row | {"body": {"S": body}, "hash": {"S": records.chain_hash(row["prev_hash"]["S"], body)}}
    )


@manipulation("unsealed")
def the_newest_record_is_changed_with_its_hash(trail, id):
    rewrite(trail, id)


@manipulation("unsealed")
def the_newest_record_is_removed(trail, id):
    row = trail.rows(id)[-1]
    trail.world.table.delete_item(TableName=TABLE, Key={"pk": row["pk"], "sk": row["sk"]})


@manipulation("unsealed")
def an_entity_is_removed(trail, id):
    for row in trail.rows(id):
        trail.world.table.delete_item(TableName=TABLE, Key={"pk": row["pk"], "sk": row["sk"]})


@manipulation("unsealed")
def a_record_is_added(trail, id):
    last = AuditRecord.from_item(trail.rows(id)[-1])
    added = AuditRecord.from_values(last.values | {"seq": 3}, last.hash)
    trail.world.table.put_item(TableName=TABLE, Item=added.to_item())


@manipulation("mutated")
def a_record_is_no_record_any_more(trail, id):
    row = trail.rows(id)[0]
    hash = records.chain_hash(row["prev_hash"]["S"], "nothing")
    trail.world.table.put_item(TableName=TABLE, Item=row | {"body": {"S": "nothing"}, "hash": {"S": hash}})


@manipulation("misplaced")
def the_index_names_another_record(trail, id):
    row = trail.rows(id)[0]
    view = json.loads(row["view"]["S"]) | {"seq": 2}
    trail.world.table.put_item(
        TableName=TABLE, Item=trail.rows(id)[1] | {"body": row["body"], "hash": row["hash"], "prev_hash": row["prev_hash"]}
    )
    trail.world.table.put_item(TableName=TABLE, Item=row | {"view": {"S": json.dumps(view)}})


@manipulation("missing")
def the_index_names_a_record_that_is_not_there(trail, id):
    row = trail.rows(id)[0]
    view = json.loads(row["view"]["S"]) | {"seq": 9}
    trail.world.table.put_item(TableName=TABLE, Item=row | {"view": {"S": json.dumps(view)}})


def change_seal(trail, **values):
    seal = next(seal for seal in trail.seals if seal.date == "2026-11-24")
    trail.world.table.put_item(TableName=TABLE, Item=DailySeal.of(replace(seal, **values)).to_item())


@manipulation("mutated")
def the_seal_is_changed(trail, id):
    change_seal(trail, root="0" * 64)


@manipulation("forged")
def the_seal_is_made_anew(trail, id):
    rewrite(trail, id)
    seal = next(seal for seal in trail.seals if seal.date == "2026-11-24")
    recorded = DayRecords(6, {id: (2, trail.rows(id)[-1]["hash"]["S"]) for id in ()})
    text = replace(seal, root=tree_root(recorded.leaves)).text
    from chalicelib.packs.audit.seals import seal_hash

    change_seal(trail, root=tree_root(recorded.leaves), hash=seal_hash(text))


@manipulation("unsigned")
def the_seal_is_signed_with_another_key(trail, id):
    change_seal(trail, kid="another")


@manipulation("missing")
def the_seal_is_removed(trail, id):
    trail.world.table.delete_item(TableName=TABLE, Key={"pk": {"S": "SEAL"}, "sk": {"S": "2026-11-25"}})


@pytest.mark.parametrize("name", MANIPULATIONS)
def test_what_is_done_to_a_sealed_day_is_found(name, trail, sealed):
    tamper, expected = MANIPULATIONS[name]
    tamper(trail, sealed[0][0])
    day = DAY + timedelta(days=1) if name == "the_seal_is_removed" else DAY
    verdict = trail.verify(day)
    assert (verdict["valid"], verdict["first_break"]["reason"].partition(":")[0]) == (False, expected)
    alarms = trail.alarms()
    assert set(alarms) == {"trail.chain_broken"}
    trail.verify(day)
    assert trail.alarms() == alarms


def test_a_day_with_more_records_than_a_request_reads_is_not_complete(trail, monkeypatch):
    from chalicelib.packs.audit import service

    trail.record(4, revisions=3)
    trail.next_day()
    trail.seal()
    monkeypatch.setattr(service, "RECORDS_PER_DAY", 11)
    assert (trail.verify()["checked"], trail.verify()["complete"], trail.verify()["valid"]) == (11, False, True)
    monkeypatch.setattr(service, "RECORDS_PER_DAY", 12)
    assert (trail.verify()["checked"], trail.verify()["complete"], trail.verify()["valid"]) == (12, True, True)


# -- the list


def test_seals_are_listed_newest_first_with_the_keys_that_verify_them(trail, sealed, client_as):
    first = client_as("viewer", "auditor")("GET", "/audit/seals", query={"limit": "2"}).json()
    assert [seal["date"] for seal in first["items"]] == ["2026-11-26", "2026-11-25"]
    rest = client_as("viewer", "auditor")("GET", "/audit/seals", query={"limit": "2", "cursor": first["next_cursor"]}).json()
    assert [seal["date"] for seal in rest["items"]] == ["2026-11-24"]
    from chalicelib.packs.audit.seals import Seal, public_keys

    keys = public_keys(first["keys"])
    assert all("d" not in key and key["alg"] == "ES256" for key in first["keys"])
    assert [seal_error(Seal.from_values(seal), None, keys) for seal in first["items"]] == [None, None]


def test_round_trips(trail, client_as, round_trips):
    trail.record(100)
    trail.next_day()
    trail.seal()
    client_as("auditor")("GET", "/audit/seals")
    assert round_trips() == 1
    trail.verify()
    # the seals, the day's index, the records (one for a hundred), and what was found before
    assert round_trips() == 1 + records.SHARDS + 1 + 1
