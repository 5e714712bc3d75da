"""Snapshots: taking them, correcting a day's close, reading them.

A snapshot's id says day, kind and version, and its row is put only where there is none: taken twice, or by two at once, it is
one. None is ever changed; a correction is the next version.
"""

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, cast

from chalicelib.foundation import idempotency
from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import Conflict, NotFound, ValidationFailed, VersionConflict
from chalicelib.foundation.store import codec
from chalicelib.foundation.store.access_patterns import KeyRange
from chalicelib.foundation.store.codec import DynamoItem
from chalicelib.foundation.store.pagination import CursorSigner, paginate
from chalicelib.foundation.store.store import encode_key
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.packs.holdings.entities import SNAPSHOTS, Snapshot, content_key, everything
from chalicelib.packs.holdings.rules import snapshots as rules
from chalicelib.packs.holdings.rules.fx import Rates
from chalicelib.packs.holdings.rules.snapshots import CLOSE, INTRADAY
from chalicelib.packs.holdings.rules.summary import summarize
from chalicelib.packs.holdings.rules.sums import ASSET_TYPE, Cell, Sums
from chalicelib.packs.holdings.schemas import SnapshotCreate, SnapshotListQuery, SnapshotPage, SnapshotQuery, SnapshotSummary, SnapshotView
from chalicelib.packs.holdings.service import rates, totals
from chalicelib.packs.holdings.service.shown import audited

CORRECT = "holdings:correct-snapshots"
_ALL = "*"  # the one group of a snapshot's totals


@dataclass(frozen=True)
class _Taken:
    """A snapshot with its whole content: the sums of all groups, and the rates."""

    snapshot: Snapshot
    sums: Mapping[Cell, Sums]
    rates: Rates


# -- taking


def take(ctx: Context, body: SnapshotCreate) -> tuple[SnapshotView, bool]:
    """Today's snapshot, or a new version of a day's close; and whether it is new."""
    if body.date is None and body.reason is not None:
        raise ValidationFailed.field("date", "a reason belongs to the correction of a day's close")
    if body.date is not None:
        return _corrected(ctx, body.date, body.reason)

    def step() -> tuple[SnapshotView, bool]:
        idempotency.read_or_replay(ctx, ())
        day = rules.intraday_day(ctx.now)
        if there := _latest(ctx, day, INTRADAY):
            return _view(ctx, there, None), False
        return _write(ctx, _make(ctx, day, INTRADAY, 1, None)), True

    return ctx.store.retry_on_conflict(step)


def _corrected(ctx: Context, day: date, reason: str | None) -> tuple[SnapshotView, bool]:
    ctx.actor.require(CORRECT)
    if reason is None:
        raise ValidationFailed.field("reason", "a correction says why")
    if day > rules.closed_day(ctx.now):
        raise ValidationFailed.field("date", "the day hasn't ended")

    def step() -> tuple[SnapshotView, bool]:
        idempotency.read_or_replay(ctx, ())
        there = _latest(ctx, day, CLOSE)
        made = _make(ctx, day, CLOSE, there.snapshot.version + 1 if there else 1, reason)
        if there is None and not made.sums and not _began_by(ctx, day):
            raise Conflict("Nothing was held on that day or before it: there is nothing to keep.")
        if there and there.snapshot.content_hash == made.snapshot.content_hash and there.snapshot.reason == reason:
            return _view(ctx, there, None), False
        return _write(ctx, made), True

    return ctx.store.retry_on_conflict(step)


def _began_by(ctx: Context, day: date) -> bool:
    first = totals.began(ctx)
    return first is not None and first <= day


def close(ctx: Context, day: date) -> bool:
    """Keep the close of a day; False where it is there already."""
    tx = Transaction(ctx.store)
    _add(tx, _make(ctx, day, CLOSE, 1, None))
    try:
        tx.commit()
    except VersionConflict:
        return False
    return True


def _make(ctx: Context, day: date, kind: str, version: int, reason: str | None) -> _Taken:
    """The snapshot of a day as everything stands now: two reads."""
    sums, found = totals.sums_on(ctx, day), rates.between(ctx, day, day)
    content = rules.content(day, kind, sums, found)
    snapshot = Snapshot.new(
        ctx,
        id=Snapshot.id_of(day, kind, version),
        on=day,
        snapshot_kind=kind,
        version=version,
        reason=reason,
        content_hash=rules.content_hash(content),
        totals=[
            {"currency": name, "owned": at.owned, "count": at.count, "unvalued": at.unvalued}
            for name, at in sorted(_by_currency(sums).items())
        ],
        rates=content["rates"],
        max_age_days=found.max_age,
    )
    return _Taken(snapshot, sums, found)


def _by_currency(sums: Mapping[Cell, Sums]) -> dict[str, Sums]:
    """All holdings by currency: each has exactly one asset type."""
    found: dict[str, Sums] = {}
    for cell, at in sums.items():
        if cell.dimension == ASSET_TYPE:
            so_far = found.get(cell.currency, Sums())
            found[cell.currency] = Sums(so_far.owned + at.owned, so_far.count + at.count, so_far.unvalued + at.unvalued)
    return found


def _write(ctx: Context, taken: _Taken) -> SnapshotView:
    answer = _view(ctx, taken, None)
    tx = idempotency.idempotent_transaction(ctx, answer)
    _add(tx, taken)
    tx.commit()
    return answer


def _add(tx: Transaction, taken: _Taken) -> None:
    one = taken.snapshot
    content = rules.canonical(rules.content(one.on, one.snapshot_kind, taken.sums, taken.rates))
    tx.create(one)
    key = content_key(one.on, one.snapshot_kind, one.version)
    values = {"kind": "snapshot_content", "z": zlib.compress(content.encode()), "request_id": one.request_id}
    tx.put_by_expression(encode_key(key) | codec.encode_item(values) | {"head": {"M": one.to_item()}})


# -- reading


def get(ctx: Context, day: str, query: SnapshotQuery) -> SnapshotView:
    """A day's close, or another of its snapshots: one query. NotFound where there is none."""
    try:
        on = date.fromisoformat(day) if len(day) == len("2026-01-01") else None
    except ValueError:
        on = None
    found = _latest(ctx, on, query.kind, query.version) if on else None
    if found is None:
        raise NotFound("snapshot")
    return _view(ctx, found, query.currency)


def _latest(ctx: Context, on: date, kind: str, version: int | None = None) -> _Taken | None:
    """A day's snapshot of a kind: its latest version, or the one that is asked for."""
    key = content_key(on, kind, version or 1)
    prefix = key.sk if version else f"{kind}#"
    answer = ctx.store.query(
        KeyConditionExpression="pk = :pk AND begins_with(sk, :prefix)",
        ExpressionAttributeValues={":pk": {"S": key.pk}, ":prefix": {"S": prefix}},
        ScanIndexForward=False,
        Limit=1,
        ConsistentRead=True,
    )
    return _taken(answer["Items"][0]) if answer["Items"] else None


def _taken(raw: DynamoItem) -> _Taken:
    sums, found = rules.read(json.loads(zlib.decompress(codec.decode_value(raw["z"])), parse_float=str))
    return _Taken(Snapshot.from_item(raw["head"]["M"]), sums, found)


def list_page(ctx: Context, query: SnapshotListQuery) -> SnapshotPage:
    """Snapshots, the latest day first. One query."""
    if query.from_ and query.to and query.from_ > query.to:
        raise ValidationFailed.field("from", "the first day is after the last")
    filters = query.model_dump(exclude={"limit", "cursor"})
    seal = CursorSigner(ctx.secrets.cursor_key, ctx.now, ctx.endpoint, filters, ctx.actor.id)
    low = query.from_.isoformat() if query.from_ else "0"
    high = f"{query.to.isoformat() if query.to else '9'}~"
    found = paginate(
        ctx.store,
        [KeyRange(None, SNAPSHOTS, low, high)],
        seal,
        limit=query.limit,
        cursor=query.cursor,
        decode=lambda raw: cast(dict[str, Any], _summary(ctx, Snapshot.from_item(raw), query.currency)),
    )
    return {"items": cast(list[SnapshotSummary], found.rows), "next_cursor": found.next_cursor}


def _head(snapshot: Snapshot) -> dict[str, Any]:
    return {
        **audited(snapshot),
        "date": snapshot.on.isoformat(),
        "kind": snapshot.snapshot_kind,
        "version": snapshot.version,
        "reason": snapshot.reason,
        "content_hash": snapshot.content_hash,
    }


def _summary(ctx: Context, snapshot: Snapshot, currency: str | None) -> SnapshotSummary:
    rows = [{"dimension": ASSET_TYPE, "group": _ALL, **row} for row in snapshot.totals]
    sums, found = rules.read({"sums": rows, "rates": snapshot.rates, "max_age_days": snapshot.max_age_days})
    shown = totals.totals_view(summarize(sums, found, currency or ctx.settings.default_currency, snapshot.on))
    return cast(SnapshotSummary, {**_head(snapshot), **shown})


def _view(ctx: Context, taken: _Taken, currency: str | None) -> SnapshotView:
    found = summarize(taken.sums, taken.rates, currency or ctx.settings.default_currency, taken.snapshot.on)
    return cast(SnapshotView, {**_head(taken.snapshot), **totals.summary_view(found)})


# -- what is to be closed


def first_open_day(ctx: Context) -> date | None:
    """The first day that may have no close yet: after the last one taken by the clock, else the day of the first holding's entry.

    A close that somebody entered with a reason says nothing of the days before it. None where nothing was ever entered: no day
    before is invented, and none that the system didn't see.
    """
    start: dict[str, Any] = {}
    while True:
        answer = ctx.store.query(
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": SNAPSHOTS}},
            ProjectionExpression="sk, pk, reason",
            ScanIndexForward=False,
            Limit=20,
            ConsistentRead=True,
            **start,
        )
        for row in answer["Items"]:
            day, kind, _ = row["sk"]["S"].split("#")
            if kind == CLOSE and "reason" not in row:
                return date.fromisoformat(day) + timedelta(days=1)
        if "LastEvaluatedKey" not in answer:
            return _first_entry(ctx)
        start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}


def _first_entry(ctx: Context) -> date | None:
    """The UTC day on which the first of the holdings that are there was entered: ids begin with their instant."""
    days = []
    for active in (True, False):
        answer = ctx.store.query(
            IndexName="gsi3",
            KeyConditionExpression="gsi3pk = :pk",
            ExpressionAttributeValues={":pk": {"S": everything(active=active)}},
            Limit=1,
        )
        days += [_entered(raw) for raw in answer["Items"]]
    return min(days, default=None)


def _entered(raw: DynamoItem) -> date:
    created: str = json.loads(raw["view"]["S"])["created_at"]
    return datetime.fromisoformat(created).astimezone(UTC).date()
