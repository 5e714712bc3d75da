"""What somebody who may write the table can do to the trail, what finds it and when: line by line as docs/audit.md says it."""

import re
from datetime import timedelta
from pathlib import Path

import pytest

from chalicelib.foundation.schedules import RunStats
from chalicelib.packs.audit import records, sealing, service
from chalicelib.packs.audit.entities import DailySeal
from chalicelib.packs.audit.recovery import SETTLED
from chalicelib.packs.audit.seals import DayRecords, make_seal
from ops.gaps import find_gaps
from ops.trail import verify, verify_stage
from tests.conftest import TABLE
from tests.packs.audit.seal_keys import private_pem
from tests.streams.stream_feeder import deliver

PAGE = Path(__file__).parents[3] / "docs" / "audit.md"


class Chain:
    """A thing with five revisions, its records, and a hand that writes the table past the application."""

    def __init__(self, world, clock):
        self.world, self.clock = world, clock
        self.thing = world.create(notes="one", holder={"name": "Ida Wells"})
        for notes in ("two", "three", "four", "five"):
            self.thing = world.edit(self.thing, notes=notes)
        self.seen = world.feed.entities()
        deliver(world.audit(), self.seen)

    @property
    def rows(self):
        return self.world.rows(f"AUD#{self.thing.id}")

    def put(self, row, **values):
        self.world.table.put_item(TableName=TABLE, Item=row | {name: {"S": value} for name, value in values.items()})

    def drop(self, *rows):
        for row in rows:
            self.world.table.delete_item(TableName=TABLE, Key={"pk": row["pk"], "sk": row["sk"]})

    def rewrite(self, index, prev_hash=None):
        """Change a record's content, with the hash that fits; returns the hash."""
        row = self.rows[index]
        body, prev = re.sub(r'"updated"', '"undated"', row["body"]["S"]), prev_hash or row["prev_hash"]["S"]
        hash = records.chain_hash(prev, body)
        self.put(row, body=body, prev_hash=prev, hash=hash)
        return hash

    def append(self, **values):
        last = self.rows[-1]
        content = records.AuditRecord.from_item(last).values
        added = records.AuditRecord.from_values(content | {"seq": content["seq"] + 1} | values, last["hash"]["S"])
        self.world.table.put_item(TableName=TABLE, Item=added.to_item())

    def follow(self):
        deliver(self.world.audit(), self.world.feed.entities())

    def edit(self, notes="six"):
        self.thing = self.world.edit(self.thing, notes=notes)
        self.follow()

    def purge(self):
        self.world.purge(self.thing)
        self.follow()

    def five_minutes_pass(self):
        self.clock.now += timedelta(minutes=6)

    def found(self):
        """Where and why a verification says that the chain is broken; None where it is valid."""
        verdict = verify(self.world.ctx, self.thing.id)
        first = verdict["first_break"]
        return first and (first["seq"], first["reason"].partition(":")[0])

    def seal(self):
        """The next day, and its seal of the day before."""
        self.clock.now = (self.clock.now + timedelta(days=1)).replace(hour=0, minute=20)
        sealing.seal_days(self.world.ctx(), RunStats())

    def found_in_stage(self):
        """What the verification of the whole stage finds: chains, and days by their seals."""
        verdict = verify_stage(self.world.runtime, self.world.ctx, workers=1)
        chains = [(found["entity_id"], found["first_break"]["seq"]) for found in verdict.broken]
        return chains, [(found.date, found.reason.partition(":")[0]) for found in verdict.broken_seals]

    def alarms(self):
        return [row["event"]["S"] for row in self.world.rows("evt_") if row["event"]["S"].startswith("trail.")]


MANIPULATIONS = {}


def manipulation(text):
    """The line of the table that a function plays."""

    def register(function):
        MANIPULATIONS[text] = function
        return function

    return register


@manipulation("a record is changed, and its hash is not")
def changed(chain):
    chain.put(chain.rows[2], body=chain.rows[2]["body"]["S"].replace("three", "other"))
    assert chain.found() == (3, "mutated")


@manipulation("a record is changed with a hash that fits, and another record follows it")
def changed_with_hash(chain):
    chain.rewrite(2)
    assert chain.found() == (4, "unchained")


SEALED = ([], [("2026-11-24", "unsealed")])  # what shows in the seal of the day of recording alone


@manipulation("the newest record is changed with a hash that fits, before its day is sealed")
def newest_changed(chain):
    chain.rewrite(4)
    assert chain.found() is None
    chain.edit()  # the next record is chained to the forged one
    assert chain.found() is None
    chain.seal()
    assert chain.found_in_stage() == ([], [])


@manipulation("the newest record is changed with a hash that fits, after its day was sealed")
def newest_changed_after_its_seal(chain):
    chain.seal()
    chain.rewrite(4)
    assert chain.found() is None
    assert chain.found_in_stage() == SEALED


@manipulation("the newest record is changed with a hash that fits, and the stream brings its change again")
def newest_changed_and_replayed(chain):
    chain.rewrite(4)
    deliver(chain.world.audit(), chain.seen[-1:])
    assert chain.alarms() == ["trail.chain_broken"]


def rewrite_from(chain, first):
    hash = None
    for index in range(first, 5):
        hash = chain.rewrite(index, hash)


@manipulation("a record and all that follow it are rewritten, before their day is sealed")
def rewritten(chain):
    rewrite_from(chain, 2)
    assert chain.found() is None
    chain.seal()
    assert chain.found_in_stage() == ([], [])


@manipulation("a record and all that follow it are rewritten, after their day was sealed")
def rewritten_after_its_seal(chain):
    chain.seal()
    rewrite_from(chain, 2)
    assert chain.found() is None
    assert chain.found_in_stage() == SEALED


@manipulation("they are rewritten after their day was sealed, and the seals, too, without the key")
def seals_rewritten(chain):
    chain.seal()
    rewrite_from(chain, 2)
    (row,) = chain.world.rows("SEAL")
    seal = DailySeal.from_item(row).seal
    forged = make_seal(
        seal.day, DayRecords(5, {chain.thing.id: (5, chain.rows[4]["hash"]["S"])}), seal.prev_hash, seal.kid, private_pem("other")
    )
    chain.world.table.put_item(TableName=TABLE, Item=DailySeal.of(forged).to_item())
    assert chain.found_in_stage()[1] == [("2026-11-24", "forged"), ("2026-11-24", "mutated")]


@manipulation("they are rewritten after their day was sealed, and the seals, too, with the key")
def seals_rewritten_with_the_key(chain):
    chain.seal()
    rewrite_from(chain, 2)
    (row,) = chain.world.rows("SEAL")
    seal = DailySeal.from_item(row).seal
    pem = chain.world.ctx().secrets.seal_keys[0].private_pem
    forged = make_seal(seal.day, DayRecords(5, {chain.thing.id: (5, chain.rows[4]["hash"]["S"])}), seal.prev_hash, seal.kid, pem)
    chain.world.table.put_item(TableName=TABLE, Item=DailySeal.of(forged).to_item())
    assert chain.found_in_stage() == ([], [("2026-11-24", "mutated")])


@manipulation("a record is removed, at the beginning or in between")
def removed(chain):
    kept = chain.rows[2]
    chain.drop(kept)
    assert chain.found() == (3, "missing")
    chain.put(kept)
    chain.drop(chain.rows[0])
    assert chain.found() == (1, "missing")


@manipulation("two records are swapped")
def swapped(chain):
    first, second = chain.rows[1:3]
    chain.put(first | {"sk": second["sk"]})
    chain.put(second | {"sk": first["sk"]})
    assert chain.found() == (2, "unchained")


@manipulation("a record of another entity is put in the place of one")
def misplaced(chain):
    other = chain.world.create()
    chain.follow()
    (row,) = chain.world.rows(f"AUD#{other.id}")
    chain.put(row | {"pk": {"S": f"AUD#{chain.thing.id}"}})
    assert chain.found() == (1, "misplaced")


@manipulation("a record is added at the end")
def added(chain):
    chain.append()
    assert chain.found() == (6, "inserted")


@manipulation("a record is added at the end, before the entity's next change")
def added_early(chain):
    chain.append()
    chain.edit()
    assert "trail.chain_broken" in chain.alarms()


@manipulation("a record is added after the removal")
def added_after_removal(chain):
    chain.purge()
    chain.append()
    assert chain.found() == (7, "inserted")


@manipulation("the end is cut off, and the entity is there")
def cut_off(chain):
    chain.drop(*chain.rows[3:])
    verdict = verify(chain.world.ctx, chain.thing.id)
    assert (verdict["valid"], verdict["behind"]) == (True, 2)
    chain.five_minutes_pass()
    assert chain.found() == (4, "truncated")
    # The daily pass completes what is cut off, and tells auditors: the chain shows that there was a gap.
    chain.clock.now += SETTLED
    find_gaps(chain.world.ctx, chain.world.contributions, chain.world.kinds, close=True)
    assert [records.AuditRecord.from_item(row).values["action"] for row in chain.rows[3:]] == ["lost", "updated"]
    assert sorted(chain.alarms()) == ["trail.chain_broken", "trail.gap_closed"]
    assert chain.found() is None


@manipulation("the whole chain is removed, and the entity is there")
def removed_chain(chain):
    chain.drop(*chain.rows)
    chain.five_minutes_pass()
    assert chain.found() == (1, "truncated")
    assert chain.found_in_stage() == ([(chain.thing.id, 1)], [])


@manipulation("the end is cut off, and the entity was purged")
def cut_off_after_purge(chain):
    chain.purge()
    chain.drop(chain.rows[-1])
    assert chain.found() == (6, "truncated")


def remove_all(chain):
    chain.world.purge(chain.thing)
    chain.world.feed.entities()  # and the reader of the stream is kept from its record
    chain.drop(*chain.rows)


@manipulation("the chain and its entity are removed, before its day is sealed")
def all_removed(chain):
    remove_all(chain)
    chain.seal()
    assert chain.found_in_stage() == ([], [])


@manipulation("the chain and its entity are removed, after its day was sealed")
def all_removed_after_its_seal(chain):
    chain.seal()
    remove_all(chain)
    assert chain.found_in_stage() == SEALED


@manipulation("the seal of a day is removed, or changed")
def seal_removed(chain):
    chain.seal()
    chain.seal()
    first, second = chain.world.rows("SEAL")
    chain.drop(first)
    assert chain.found_in_stage()[1] == [("2026-11-25", "missing")]
    chain.put(first, root="0" * 64)
    assert chain.found_in_stage()[1] == [("2026-11-24", "mutated")]
    chain.put(first)
    chain.drop(second)  # the schedule takes it again from under its lock
    sealing.seal_days(chain.world.ctx(), RunStats())
    assert chain.world.rows("SEAL") == [first, second]


@manipulation("the entity is changed past the application, under the revision that it has")
def entity_changed(chain):
    chain.put(chain.thing.to_item(), notes="forged")
    chain.follow()
    assert chain.alarms() == ["trail.chain_broken"]


@manipulation("the entity is changed past the application, under the next revision")
def entity_changed_well(chain):
    chain.put(chain.thing.to_item() | {"revision": {"N": "6"}}, notes="forged", updated_by="user_innocent", request_id="made-up")
    chain.follow()
    assert chain.found() is None
    assert records.AuditRecord.from_item(chain.rows[-1]).values["actor"] == "user_innocent"


@manipulation("what is parked of an entity is removed")
def parked_removed(chain):
    chain.world.edit(chain.thing, notes="six")
    chain.world.feed.entities()
    chain.world.edit(chain.thing.with_changes(chain.world.ctx()), notes="seven")
    chain.follow()
    chain.drop(*chain.world.rows("PARK#"))
    chain.five_minutes_pass()
    assert chain.found() == (6, "truncated")


@manipulation("a subject's key is destroyed past the command")
def key_destroyed(chain):
    (row,) = chain.world.rows("PERSON#")
    chain.drop(row)
    assert chain.found() is None
    assert chain.world.rows("look_") == []  # an erasure by the command is on the trail


def documented():
    """The first column of the table."""
    table = PAGE.read_text().partition("| done to the table |")[2].partition("\n\n")[0]
    return [line.split("|")[1].strip() for line in table.splitlines()[2:]]


def test_the_documentation_says_what_is_tested_here():
    assert documented() == list(MANIPULATIONS)


@pytest.mark.parametrize("text", MANIPULATIONS)
def test_a_manipulation_is_found_as_the_documentation_says(text, world, clock, monkeypatch):
    monkeypatch.setattr(sealing, "LOOK_BACK", timedelta(days=1))
    chain = Chain(world, clock)
    assert chain.found() is None
    MANIPULATIONS[text](chain)


# -- long chains


def test_a_long_chain_is_verified_in_pages(world, clock):
    chain = Chain(world, clock)
    verdict = service.verify(world.ctx(), chain.thing.id, limit=2)
    assert (verdict["complete"], verdict["checked"], verdict["valid"]) == (False, 2, True)
    verdict = service.verify(world.ctx(), chain.thing.id, verdict["next_cursor"], limit=2)
    assert (verdict["complete"], verdict["checked"]) == (False, 4)
    chain.put(chain.rows[3], hash="0" * 64)  # what lies before the cursor is known by its hash
    chain.put(chain.rows[4], prev_hash="0" * 64)
    verdict = service.verify(world.ctx(), chain.thing.id, verdict["next_cursor"], limit=2)
    assert verdict["first_break"] == {"seq": 5, "reason": "unchained: it doesn't follow from the record before"}
