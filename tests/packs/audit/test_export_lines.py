"""An exported file is verified with nothing but the public keys, and every way to tamper with it is found."""

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from chalicelib.foundation.canonical_json import canonical_json
from chalicelib.packs.audit.export_lines import FileVerifier, record_line, seal_line
from chalicelib.packs.audit.records import GENESIS, AuditRecord, chain_hash
from chalicelib.packs.audit.seals import FIRST, DayRecords, Leaf, make_seal
from tests.packs.audit.seal_keys import private_pem, public

FIRST_DAY = date(2026, 11, 20)
NOW = datetime(2026, 11, 24, 18, tzinfo=UTC)
# Who was changed at which hour of which day, in the order of recording.
CHANGES = [
    [("deal_A", 1), ("deal_B", 1), ("deal_A", 2), ("pipe_C", 1)],
    [],
    [("deal_A", 3), ("pipe_C", 2), ("pipe_C", 3), ("deal_B", 2)],
    [("pipe_C", 4)],
]


class File:
    """An export of four days: its records and its seals, made anew from what is in `changes`."""

    def __init__(self, changes=CHANGES, kid="s1"):
        self.records, self.seals, ends = {}, [], {}
        prev_hash = FIRST
        self.lines = []
        for offset, day_changes in enumerate(changes):
            day, recorded = FIRST_DAY + timedelta(days=offset), DayRecords()
            for hour, (entity, seq) in enumerate(day_changes):
                record = AuditRecord.from_values(content(entity, seq, day, hour), ends.get(entity, GENESIS))
                ends[entity] = record.hash
                self.records[entity, seq] = record
                recorded.add(Leaf(entity, seq, record.hash))
                self.lines.append(record_line(record))
            seal = make_seal(day, recorded, prev_hash, kid, private_pem(kid))
            prev_hash = seal.hash
            self.seals.append(seal)
            self.lines.append(seal_line(day, seal))

    def index(self, entity, seq):
        return self.lines.index(record_line(self.records[entity, seq]))

    def seal_index(self, number):
        return next(at for at, line in enumerate(self.lines) if json.loads(line).get("seal", {}).get("hash") == self.seals[number].hash)


def content(entity, seq, day, hour, **more):
    at = f"{day}T{hour:02}:00:00.000Z"
    changes = {"value": {"old": None, "new": Decimal("1.5e20") if seq == 3 else seq}, "title": {"new": "Grüße\n🏠"}}
    return {"action": "updated", "entity_id": entity, "seq": seq, "at": at, "recorded_at": at, "changes": changes, **more}


def verdict(lines, kids=("s1",), now=NOW, **days):
    return FileVerifier(public(*kids), now, **days).verify(lines)


def reasons(*arguments, **more):
    return [found.reason.partition(":")[0] for found in verdict(*arguments, **more).breaks]


@pytest.fixture
def file():
    return File()


def test_an_untouched_file_is_valid(file):
    found = verdict(file.lines, first=FIRST_DAY, last=date(2026, 11, 23))
    assert found.valid, found.breaks
    assert (found.records, found.entities, found.unsealed) == (9, 3, [])
    assert found.days == ["2026-11-20", "2026-11-21", "2026-11-22", "2026-11-23"]


def test_each_line_is_rfc_8785(file):
    import rfc8785

    for line in file.lines:
        assert rfc8785.dumps(json.loads(line, parse_int=float)).decode() + "\n" == line


def test_a_later_piece_of_the_trail_is_valid_by_itself(file):
    rest = file.lines[file.seal_index(1) + 1 :]
    assert verdict(rest).valid
    assert verdict(rest).days == ["2026-11-22", "2026-11-23"]


MANIPULATIONS = {}


def manipulation(text, *found):
    def register(function):
        MANIPULATIONS[text] = (function, found)
        return function

    return register


def changed_record(file, entity, seq, *, rehash=False, **values):
    record = file.records[entity, seq]
    body = canonical_json({**record.values, **values})
    return record_line(AuditRecord(body, record.prev_hash, chain_hash(record.prev_hash, body) if rehash else record.hash))


@manipulation("a field is changed", "mutated")
def changed(file):
    file.lines[file.index("deal_A", 2)] = changed_record(file, "deal_A", 2, action="created")


@manipulation("a field is changed with the hash that fits", "unchained")
def changed_with_hash(file):
    file.lines[file.index("deal_A", 2)] = changed_record(file, "deal_A", 2, rehash=True, action="created")


@manipulation("the last record of an entity is changed with the hash that fits", "unsealed")
def last_changed_with_hash(file):
    file.lines[file.index("pipe_C", 4)] = changed_record(file, "pipe_C", 4, rehash=True, action="created")


@manipulation("the hash is changed", "mutated")
def changed_hash(file):
    at = file.index("deal_B", 2)
    file.lines[at] = file.lines[at].replace(file.records["deal_B", 2].hash, "0" * 64)


@manipulation("the previous hash is changed", "mutated")
def changed_prev_hash(file):
    at = file.index("deal_B", 2)
    file.lines[at] = file.lines[at].replace(file.records["deal_B", 2].prev_hash, "0" * 64)


@manipulation("a record in between is removed", "missing")
def removed(file):
    del file.lines[file.index("deal_A", 2)]


@manipulation("the first record of an entity is removed", "unsealed")
def first_removed(file):
    del file.lines[file.index("deal_A", 1)]


@manipulation("the last record of an entity is removed", "unsealed")
def last_removed(file):
    del file.lines[file.index("deal_B", 2)]


@manipulation("an entity is removed", "unsealed")
def entity_removed(file):
    for seq in (1, 2):
        del file.lines[file.index("deal_B", seq)]


@manipulation("two records change places", "reordered")
def swapped(file):
    one, two = file.index("deal_A", 3), file.index("deal_B", 2)
    file.lines[one], file.lines[two] = file.lines[two], file.lines[one]


@manipulation("a record is moved to another day", "reordered")
def moved(file):
    line = file.lines.pop(file.index("deal_B", 2))
    file.lines.insert(0, line)


@manipulation("a record is there twice", "inserted")
def doubled(file):
    file.lines.insert(file.index("deal_A", 2), file.lines[file.index("deal_A", 2)])


@manipulation("a record is inserted that fits the chain", "unsealed")
def inserted(file):
    last = file.records["pipe_C", 4]
    added = AuditRecord.from_values(content("pipe_C", 5, date(2026, 11, 23), 9), last.hash)
    file.lines.insert(file.index("pipe_C", 4) + 1, record_line(added))


@manipulation("a new entity is inserted", "unsealed")
def entity_inserted(file):
    file.lines.insert(0, record_line(AuditRecord.from_values(content("deal_0", 1, FIRST_DAY, 0), GENESIS)))


@manipulation("a record is inserted after the removal", "inserted")
def inserted_after_removal(file):
    last = file.records["pipe_C", 4]
    purged = AuditRecord.from_values(content("pipe_C", 5, date(2026, 11, 23), 9, action="purged"), last.hash)
    added = AuditRecord.from_values(content("pipe_C", 6, date(2026, 11, 23), 10), purged.hash)
    file.lines[-1:-1] = [record_line(purged), record_line(added)]


@manipulation("a first record follows something", "unchained")
def first_follows(file):
    record = file.records["deal_A", 1]
    file.lines[0] = record_line(AuditRecord.from_values(record.values, "1" * 64))


@manipulation("the end is cut off within a day", "truncated")
def cut_off(file):
    del file.lines[-1]


@manipulation("a day's end is cut off", "unsealed")
def day_cut_off(file):
    del file.lines[file.index("pipe_C", 4)]


@manipulation("a day is removed", "missing")
def day_removed(file):
    del file.lines[file.seal_index(0) + 1 : file.seal_index(2) + 1]


@manipulation("an empty day is removed", "missing")
def empty_day_removed(file):
    del file.lines[file.seal_index(1)]


@manipulation("two seals are swapped", "reordered")
def seals_swapped(file):
    one, two = file.seal_index(0), file.seal_index(2)
    file.lines[one], file.lines[two] = file.lines[two], file.lines[one]


@manipulation("a seal is that of another day, with the date of this one", "unchained")
def seal_of_another_day(file):
    wrong = file.lines[file.seal_index(0)].replace("2026-11-20", "2026-11-22")
    file.lines[file.seal_index(2)] = wrong


@manipulation("a seal is removed", "missing")
def seal_removed(file):
    del file.lines[file.seal_index(0)]


@manipulation("a seal is replaced by none", "missing")
def seal_replaced(file):
    file.lines[file.seal_index(2)] = seal_line(date(2026, 11, 22), None)


@manipulation("the last seal is replaced by none", "unsealed")
def last_seal_replaced(file):
    file.lines[-1] = seal_line(date(2026, 11, 23), None)


@manipulation("all seals are replaced by none", "unsealed")
def all_seals_replaced(file):
    for number, seal in enumerate(file.seals):
        file.lines[file.seal_index(number)] = seal_line(seal.day, None)


@manipulation("a seal's date is changed", "reordered")
def seal_date_changed(file):
    at = file.seal_index(0)
    file.lines[at] = file.lines[at].replace("2026-11-20", "2026-11-19")


@manipulation("all dates are changed", "mutated")
def all_dates_changed(file):
    for at, line in enumerate(file.lines):
        file.lines[at] = line.replace("2026-11-2", "2026-12-2")


@manipulation("a seal's root is changed with the hash that fits", "forged")
def seal_root_changed(file):
    values = json.loads(file.lines[-1])["seal"] | {"root": "0" * 64}
    from chalicelib.packs.audit.seals import seal_hash, sealed_text

    file.lines[-1] = canonical_json({"seal": values | {"hash": seal_hash(sealed_text(values))}}) + "\n"


@manipulation("a signature is forged", "forged")
def signature_forged(file):
    signature = file.seals[3].signature
    file.lines[-1] = file.lines[-1].replace(signature, signature[:-4] + ("AAAA" if signature[-4:] != "AAAA" else "BBBB"))


@manipulation("everything is rewritten and signed with another key", "unsigned")
def rewritten(file):
    file.lines = File([*CHANGES[:3], []], kid="s2").lines


@manipulation("everything is rewritten and signed with another key under the name of ours", "forged")
def rewritten_under_our_name(file):
    file.lines = [line.replace('"kid":"s2"', '"kid":"s1"') for line in File([*CHANGES[:3], []], kid="s2").lines]


@manipulation("a line is no JSON", "mutated")
def no_json(file):
    file.lines[2] = file.lines[2][:-10] + "\n"


@manipulation("a line is written in another way", "mutated")
def another_way(file):
    file.lines[2] = file.lines[2].replace('","', '", "', 1)


@manipulation("a field is there twice", "mutated")
def field_twice(file):
    file.lines[2] = file.lines[2].replace('{"hash"', '{"hash":"' + "0" * 64 + '","hash"', 1)


@manipulation("something else is inserted", "inserted")
def something_else(file):
    file.lines.insert(3, '{"note":"trust me"}\n')


@manipulation("a field is added beside the record", "inserted")
def field_added(file):
    file.lines[2] = file.lines[2].replace('{"hash"', '{"by":"me","hash"', 1)


@manipulation("a field is added to the seal", "mutated")
def field_added_to_seal(file):
    file.lines[-1] = file.lines[-1].replace('{"seal":{', '{"seal":{"by":"me",', 1)


@manipulation("a record is no record any more", "mutated")
def no_record(file):
    file.lines[2] = record_line(AuditRecord("null", "0" * 64, chain_hash("0" * 64, "null")))


@manipulation("everything is removed", "truncated")
def all_removed(file):
    file.lines = []


@pytest.mark.parametrize("text", MANIPULATIONS)
def test_tampering_is_found(text, file):
    tamper, expected = MANIPULATIONS[text]
    tamper(file)
    assert set(expected) <= set(reasons(file.lines)), verdict(file.lines).breaks


def test_a_break_says_where_it_is(file):
    changed(file)
    (found, *_) = verdict(file.lines).breaks
    assert (found.line, found.entity_id, found.seq) == (3, "deal_A", 2)


@pytest.mark.parametrize("days", [{"first": date(2026, 11, 19)}, {"last": date(2026, 11, 24)}])
def test_days_that_are_cut_off_are_found_by_who_knows_which_there_should_be(file, days):
    assert reasons(file.lines, **days) == ["truncated"]


def test_a_day_of_which_it_is_too_early_for_a_seal_is_not_sealed(file):
    today = AuditRecord.from_values(content("deal_B", 3, date(2026, 11, 24), 9), file.records["deal_B", 2].hash)
    lines = [*file.lines, record_line(today), seal_line(date(2026, 11, 24), None)]
    assert (verdict(lines).valid, verdict(lines).unsealed) == (True, ["2026-11-24"])
    assert reasons(lines, now=NOW + timedelta(days=1)) == ["unsealed"]


def test_days_before_the_first_seal_are_not_sealed(file):
    lines = [seal_line(FIRST_DAY - timedelta(days=1), None), *file.lines]
    assert (verdict(lines).valid, verdict(lines).unsealed) == (True, ["2026-11-19"])


def test_two_machines_may_record_one_entity_within_a_moment_in_another_order(file):
    one, two = file.records["pipe_C", 2], file.records["pipe_C", 3]
    day, recorded = FIRST_DAY, DayRecords()
    later = AuditRecord.from_values({**one.values, "recorded_at": "2026-11-20T10:00:00.001Z"}, one.prev_hash)
    earlier = AuditRecord.from_values({**two.values, "recorded_at": "2026-11-20T10:00:00.000Z"}, later.hash)
    for record in (earlier, later):
        recorded.add(Leaf("pipe_C", record.values["seq"], record.hash))
    seal = make_seal(day, recorded, FIRST, "s1", private_pem("s1"))
    assert verdict([record_line(earlier), record_line(later), seal_line(day, seal)]).valid


def test_a_body_that_is_no_json_any_more_does_not_spoil_the_file(file):
    for body in ("nothing", "{}\n{}"):
        line = record_line(AuditRecord(body, "0" * 64, "0" * 64))
        assert line.count("\n") == 1
        assert "mutated" in reasons([*file.lines[:-1], line, file.lines[-1]])
