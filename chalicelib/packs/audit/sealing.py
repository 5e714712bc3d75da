"""Making the seals of days, one after the other, and verifying a sealed day against what the table holds.

Of a day that has more records than one run can read, what was read is kept in parts: rows that say how far the reading came, and hold the
leaves so far. So the next run goes on there. The seal is first put under object lock and then into the
table; whoever finds one there takes it, after comparing it with what was read. So a run may be repeated, late, interrupted, or at the
same time as another.
"""

import hashlib
import zlib
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from itertools import islice

from chalicelib.foundation import files, telemetry
from chalicelib.foundation.canonical_json import canonical_json
from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import VersionConflict
from chalicelib.foundation.ids import ItemKey
from chalicelib.foundation.json_codec import loads
from chalicelib.foundation.key_pairs import active_key, public_keys
from chalicelib.foundation.schedules import RunStats
from chalicelib.foundation.store import codec
from chalicelib.foundation.store.access_patterns import KeyRange
from chalicelib.foundation.store.expiry import is_free, live_row
from chalicelib.packs.audit import days, repository
from chalicelib.packs.audit.days import Listed
from chalicelib.packs.audit.entities import DailySeal
from chalicelib.packs.audit.records import AuditRecord, chain_hash
from chalicelib.packs.audit.seals import (
    FIRST,
    DayRecords,
    Leaf,
    PublicKeys,
    Seal,
    is_settled,
    make_seal,
    records_error,
    seal_error,
)

LOOK_BACK = timedelta(days=62)  # how long a trail may have rested before its first seal; what was recorded before the rest has none
PART_SIZE = 2000  # records of a part of a day
_SECONDS_FOR_A_PART = 15.0  # one is begun only while so much time is left
_PART_TTL = timedelta(days=7)
_PIECE = 500  # records that are verified before the time is looked at
_SECONDS_TO_ANSWER = 4.0  # of a request, that verifying leaves


class SealConflict(Exception):
    """There is another seal of a day than the one that its records give."""


# -- making seals


def seal_days(ctx: Context, run: RunStats) -> None:
    """Seal each day that is over and has no seal, beginning with the day after the last seal, while there is time."""
    last = repository.last_seal(ctx.store)
    day = last.day + timedelta(days=1) if last else first_day(ctx)
    while is_settled(day, ctx.now):
        run.found += 1
        recorded = read_day(ctx, day)
        if recorded is None:
            run.has_more = True
            return
        last = _seal(ctx, day, recorded, last)
        run.done += 1
        day += timedelta(days=1)


def first_day(ctx: Context) -> date:
    """The first day to seal of a trail without a seal: that of its first record, else yesterday. One round trip a shard for each day back."""
    yesterday = ctx.now.date() - timedelta(days=1)
    first = day = yesterday
    while first - day <= LOOK_BACK:
        if not days.is_empty(ctx.store, day):
            first = day
        day -= timedelta(days=1)
    return first


def _seal(ctx: Context, day: date, recorded: DayRecords, last: Seal | None) -> Seal:
    """Make the seal of a day, or take the one that is there."""
    key = active_key(ctx.secrets.seal_keys, ctx.now)
    seal = make_seal(day, recorded, last.hash if last else FIRST, key.kid, key.private_pem)
    body = canonical_json(asdict(seal)).encode()
    stored = files.put_locked(ctx, object_name(day), body, content_type="application/json")
    if stored.sha256 != hashlib.sha256(body).hexdigest():
        seal = _checked(ctx, seal, locked_seal(ctx, day))
    return _checked(ctx, seal, repository.create_seal(ctx.store, seal))


def _checked(ctx: Context, seal: Seal, existing: Seal | None) -> Seal:
    """The seal that is there already, which is as good as ours: only the signature differs each time. Raises SealConflict."""
    if existing is None or existing.hash == seal.hash:
        return existing or seal
    telemetry.log("ERROR", "CHAIN_BROKEN", seal=seal.date, standing=existing.hash, computed=seal.hash)
    telemetry.emit_metric({"ChainBroken": 1}, stream="seals")
    repository.notify_broken(
        ctx,
        f"seal#{seal.date}",
        subject_type="trail",
        subject_id=seal.date,
        title=f"The trail of {seal.date} is another than the one that was sealed",
        data={"standing_hash": existing.hash, "computed_hash": seal.hash},
    )
    raise SealConflict(seal.date)


def object_name(day: date) -> str:
    """Where a seal lies in the bucket under object lock."""
    return f"seals/{day}.json"


def locked_seal(ctx: Context, day: date) -> Seal | None:
    """The seal of a day in the bucket under object lock; None where there is none. ValueError where it is no seal. One exchange with S3."""
    body = files.get_locked(ctx, object_name(day))
    return Seal.from_values(loads(body.decode())) if body else None


# -- reading a day in parts


def read_day(ctx: Context, day: date) -> DayRecords | None:
    """What was recorded on a day; None where time ran out, or another run is reading it: the next run goes on."""
    recorded, after, number = _read_parts(ctx, day)
    rows = days.in_order(ctx.store, day, after=after)
    while True:
        if ctx.store.remaining_seconds() < _SECONDS_FOR_A_PART:
            return None
        piece = list(islice(rows, PART_SIZE))
        read = days.leaves_of(ctx.store, piece)
        recorded.merge(read)
        if len(piece) < PART_SIZE:
            return recorded
        if not _save_part(ctx, day, number, read, piece[-1].sort):
            return None
        number += 1


def _read_parts(ctx: Context, day: date) -> tuple[DayRecords, str, int]:
    """What earlier runs have read of a day, after which record it goes on, and how many parts it is. One round trip, one more for each MB."""
    recorded, after, number = DayRecords(), "", 0
    for raw in ctx.store.query_all(KeyRange(None, _parts_of(day))):
        if live_row(raw, ctx.now) is None or int(raw["sk"]["S"]) != number:
            break  # what follows an expired part is read again
        row = codec.decode_item(raw)
        for line in zlib.decompress(row["leaves"]).decode().splitlines():
            entity_id, seq, hash = line.split(" ")
            recorded.add(Leaf(entity_id, int(seq), hash), 0)
        recorded.records += row["records"]
        after, number = row["after"], number + 1
    return recorded, after, number


def _save_part(ctx: Context, day: date, number: int, read: DayRecords, after: str) -> bool:
    """Keep a part. False where another run has kept it: that one goes on. One round trip."""
    lines = "\n".join(f"{leaf.entity_id} {leaf.seq} {leaf.hash}" for leaf in read.leaves)
    ttl = int((ctx.now + _PART_TTL).timestamp())
    values = {"leaves": zlib.compress(lines.encode()), "records": read.records, "after": after, "ttl": ttl}
    try:
        ctx.store.put_values(ItemKey(_parts_of(day), f"{number:06d}"), values, is_free(ctx.now))
    except VersionConflict:
        return False
    return True


def _parts_of(day: date) -> str:
    """The partition of the parts of a day."""
    return f"{DailySeal.PARTITION}#{day}"


# -- verifying a day


def seal_keys(ctx: Context) -> PublicKeys:
    """The public keys of the stage's seals, by their ids."""
    return dict(public_keys(ctx.secrets.seal_keys))


@dataclass
class DayBreak:
    """What of a sealed day isn't as it was sealed: a record, or the day as a whole (`entity_id` None)."""

    reason: str
    entity_id: str | None = None
    seq: int | None = None


@dataclass
class DayVerdict:
    """The verification of a day; `valid` is None where it is not sealed."""

    date: date
    sealed: bool = False
    valid: bool | None = None
    checked: int = 0
    first_break: DayBreak | None = None
    complete: bool = True


def verify_day(ctx: Context, day: date, *, limit: int | None) -> DayVerdict:
    """Verify a sealed day: its seal, each of its records, and that they are those that were sealed.

    At most `limit` records are verified, and no more than there is time for: then it is not complete, and that the day's records are those
    that were sealed remains to be seen. One round trip, one a shard for each thousand records of it, and one for each hundred records.
    """
    verdict = DayVerdict(day)
    previous, seal, following = repository.find_seals_around(ctx.store, day)
    if seal is None:
        if following is not None and (previous is not None or (following.day == day + timedelta(days=1) and following.prev_hash != FIRST)):
            verdict.valid, verdict.first_break = False, DayBreak("missing: the seals of the days before and after it are there")
        return verdict
    verdict.sealed = True
    reason = seal_error(seal, previous, seal_keys(ctx))
    if reason is None and previous is None and seal.prev_hash != FIRST:
        reason = "missing: the seal of the day before"
    verdict.first_break = DayBreak(reason) if reason else _records_break(ctx, seal, verdict, limit)
    verdict.valid = verdict.first_break is None
    return verdict


def _records_break(ctx: Context, seal: Seal, verdict: DayVerdict, limit: int | None) -> DayBreak | None:
    recorded = DayRecords()
    chains: dict[str, tuple[int, str]] = {}  # entity → the last record that was read
    rows = days.in_order(ctx.store, seal.day)
    while piece := list(islice(rows, _PIECE)):
        for row, record in days.read_records(ctx.store, piece):
            if limit is not None and verdict.checked == limit:
                verdict.complete = False
                return None
            verdict.checked += 1
            if (reason := _record_error(row, record, seal, chains)) is not None:
                return DayBreak(reason, row.entity_id, row.seq)
            assert record is not None
            chains[row.entity_id] = max(chains.get(row.entity_id, (0, "")), (row.seq, record.hash))
            recorded.add(Leaf(row.entity_id, row.seq, record.hash))
        if ctx.store.remaining_seconds() < _SECONDS_TO_ANSWER:
            verdict.complete = False
            return None
    reason = records_error(seal, recorded)
    return DayBreak(reason) if reason else None


def _record_error(row: Listed, record: AuditRecord | None, seal: Seal, chains: dict[str, tuple[int, str]]) -> str | None:
    """What is wrong with a record of a sealed day, by itself and after the one before it on that day; None where nothing is."""
    if record is None:
        return "missing: the index has it, the trail has not"
    if record.hash != chain_hash(record.prev_hash, record.body):
        return "mutated: its hash isn't that of its content"
    try:
        content = record.values
        place = (content["entity_id"], content["seq"], content["recorded_at"][:10])
    except (ValueError, KeyError, TypeError):
        return "mutated: its content is no record"
    if place != (row.entity_id, row.seq, seal.date):
        return "misplaced: it tells of another change"
    before = chains.get(row.entity_id)
    if before is not None and before[0] == row.seq - 1 and before[1] != record.prev_hash:
        return "unchained: it doesn't follow from the record before"
    return None
