"""Reading and writing the items of holdings, rates and snapshots: the only module of the pack that knows the store, transactions and indexes."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from itertools import islice
from urllib.parse import unquote

from chalicelib.foundation import idempotency
from chalicelib.foundation.context import Context
from chalicelib.foundation.dates import business_date, parse_timestamp, start_of_day
from chalicelib.foundation.errors import Conflict
from chalicelib.foundation.pending_changes import add_pending, pending_changes
from chalicelib.foundation.projections import read_aggregates
from chalicelib.foundation.store.access_patterns import AccessPattern, KeyRange
from chalicelib.foundation.store.codec import DynamoItem
from chalicelib.foundation.store.keys import KeyPart, reversible_key_part
from chalicelib.foundation.store.pagination import decode_view
from chalicelib.foundation.store.references import add_counter, close_if_unreferenced
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.packs.holdings.entities import (
    CHANGES,
    HOLDINGS_PARTITION,
    NOW,
    RATES,
    SNAPSHOTS,
    DailyFxRates,
    EffectiveChange,
    Holding,
    HoldingAggregate,
    HoldingFlow,
    HoldingMovements,
    Snapshot,
    SnapshotContent,
    Valuation,
    encode_movement,
)
from chalicelib.packs.holdings.rules.aggregates import GroupKey, Now, Periods, contribution
from chalicelib.packs.holdings.rules.fx_rates import Rates
from chalicelib.packs.holdings.rules.positions import Movement, days_of, difference, movements
from chalicelib.packs.holdings.rules.snapshots import CLOSE
from chalicelib.packs.holdings.schemas import HoldingQuery, SnapshotListQuery
from chalicelib.packs.holdings.settings import HoldingsSettings

_MAX_MOVEMENTS = 10_000  # of one holding, 27 years of a value a day, so that a change of all of them fits one transaction
_MOVEMENTS_A_ROW = 200
_SNAPSHOT_PAGE = 20

# -- reading holdings


def read(ctx: Context, id: str) -> HoldingAggregate:
    """A holding with its history; NotFound. One query, strongly consistent: one round trip for each MB."""
    holding, rows = ctx.store.require_with_rows(Holding, id, low=f"{CHANGES}#")

    def under(row_name: str) -> list[DynamoItem]:
        return [row for row in rows if row["sk"]["S"].startswith(f"{row_name}#")]

    return HoldingAggregate(
        holding,
        tuple(map(Valuation.from_item, under(Valuation.ID.row))),
        tuple(map(EffectiveChange.from_item, under(CHANGES))),
        tuple(map(HoldingFlow.from_item, under(HoldingFlow.ID.row))),
    )


def read_for(ctx: Context, id: str, day: date) -> HoldingAggregate:
    """A holding with what of its history a value for `day` depends on; NotFound. One get where the day is after all that was entered.

    Else the get and a `read`. Strongly consistent.
    """
    holding = ctx.store.require(Holding, id)
    if holding.last_entry_on and holding.last_entry_on < day and holding.value_estimate is not None:
        return HoldingAggregate.at_present(holding)
    return read(ctx, id)


def list_ranges(query: HoldingQuery) -> list[KeyRange]:
    """Where the listed holdings are. Each filter and each pair has an index; of three, jurisdiction is left to the caller."""
    filters = (query.asset_type, query.jurisdiction, query.entity_id)
    kind, jurisdiction, entity = (None if text is None else reversible_key_part(text) for text in filters)
    if entity is not None and (kind is not None or jurisdiction is None):
        return _ranges(query, Holding.BY_ENTITY, kind, entity_key=entity)
    if jurisdiction is not None and kind is None:
        return _ranges(query, Holding.BY_JURISDICTION, entity, jurisdiction_key=jurisdiction)
    if kind is not None:
        return _ranges(query, Holding.BY_TYPE, jurisdiction, type_key=kind)
    return _ranges(query, Holding.ALL, None)


def _ranges(query: HoldingQuery, pattern: AccessPattern, second: KeyPart | None, **partition: KeyPart) -> list[KeyRange]:
    prefix = None if second is None else f"{second}#"
    states = (True,) if query.only_active else (True, False)
    return [pattern.range(prefix=prefix, is_listed=state, **partition) for state in states]


def entries_of(ctx: Context, id: str, kind: type[Valuation] | type[HoldingFlow]) -> KeyRange:
    """Where a holding's valuations or flows are; NotFound. One round trip: the holding must exist."""
    return kind.children_of(ctx.store.require(Holding, id).id)


# -- writing holdings


def create(ctx: Context, new: HoldingAggregate, response: object) -> None:
    """Write a new holding with what it begins with, and remember the response under the request's Idempotency-Key. One round trip."""
    tx = idempotency.idempotent_transaction(ctx, response)
    tx.create(_with_last_day(new))
    add_counter(tx, new.holding.id, ctx.now)
    _add_history(ctx, tx, None, new)
    tx.commit()


def save(ctx: Context, before: HoldingAggregate, after: HoldingAggregate, response: object = None) -> None:
    """Write what differs, and remember the response under the request's Idempotency-Key. One round trip.

    The holding's revision is the lock of the whole partition. Conflict where it would have more movements than a transaction takes.
    """
    tx = idempotency.idempotent_transaction(ctx, response)
    tx.save(_with_last_day(after))
    _add_history(ctx, tx, before, after)
    tx.commit()


def _with_last_day(aggregate: HoldingAggregate) -> Holding:
    return aggregate.holding.with_values(last_entry_on=days_of(aggregate.history)[-1])


def _add_history(ctx: Context, tx: Transaction, before: HoldingAggregate | None, after: HoldingAggregate) -> None:
    """Add what was entered, and by how much the movements differ."""
    known = {id(entry) for entry in (*before.valuations, *before.flows, *before.changes)} if before else set()
    for entry in (*after.valuations, *after.flows):
        if id(entry) not in known:
            tx.create(entry)
    for change in after.changes:
        if id(change) not in known:
            tx.put(change)
    moves = movements(after.history)
    if len(moves) > _MAX_MOVEMENTS:
        raise Conflict(f"A holding moves at most {_MAX_MOVEMENTS:,} times.")
    _add_movements(ctx, tx, after.holding, difference(movements(before.history) if before else [], moves))


def _add_movements(ctx: Context, tx: Transaction, holding: Holding, added: Sequence[Movement]) -> None:
    for first in range(0, len(added), _MOVEMENTS_A_ROW):
        part = added[first : first + _MOVEMENTS_A_ROW]
        if any(contribution(part)):  # what adds up to nothing has no trace in the aggregates
            rows = [encode_movement(movement) for movement in part]
            id = HoldingMovements.ID.new(ctx.now, parent=holding.id)
            moved = HoldingMovements.new(ctx, id=id, holding_id=holding.id, movements=rows)
            tx.create(moved)
            add_pending(ctx, tx, None, moved)


def delete(ctx: Context, aggregate: HoldingAggregate) -> None:
    """Mark a holding deleted and take back its movements; Conflict while anything refers to it. One round trip."""
    tx = Transaction(ctx.store)
    close_if_unreferenced(ctx, tx, Holding, aggregate.holding.id)
    tx.save(aggregate.holding.soft_deleted(ctx))
    _add_movements(ctx, tx, aggregate.holding, difference(movements(aggregate.history), []))
    tx.commit()


# -- totals over all holdings


def read_totals(ctx: Context, since: int | None) -> tuple[Now, Periods]:
    """The current totals, and the movements of the years from `since` on (None: of no year). One query."""
    between = None if since is None else (f"{since:04}#", f"{NOW}#~~")
    rows = read_aggregates(ctx.store, HOLDINGS_PARTITION, "" if between else f"{NOW}#", between=between)
    now: Now = {}
    periods: Periods = {}
    for key, numbers in rows.items():
        when, dimension, group, currency = key.split("#")
        cell = GroupKey(dimension, unquote(group), currency)
        if when == NOW:
            now[cell] = numbers
        else:
            periods[when, cell] = numbers
    return now, periods


# -- rates


def rates_between(ctx: Context, first: date, last: date) -> Rates:
    """All rates for conversions on the days from `first` to `last`. One query, one round trip for each MB."""
    max_age = ctx.settings.of(HoldingsSettings).fx_max_age_days
    low, high = (first - timedelta(days=max_age)).isoformat(), f"{last.isoformat()}~"
    days = map(DailyFxRates.from_item, ctx.store.query_all(KeyRange(None, RATES, low, high)))
    return Rates(((day.base, day.on, {name: Decimal(rate) for name, rate in day.rates.items()}) for day in days), max_age=max_age)


def merge_rates(ctx: Context, base: str, days: Sequence[tuple[date, Mapping[str, Decimal]]]) -> int:
    """Merge rates into up to 100 days, writing only those that change; returns how many. Two round trips."""
    keys = [DailyFxRates.ID.key(DailyFxRates.id_of(base, on)) for on, _ in days]
    items = ctx.store.batch_get(keys)
    tx = Transaction(ctx.store)
    for key, (on, rates) in zip(keys, days, strict=True):
        if key not in items:
            tx.create(DailyFxRates.new(ctx, id=DailyFxRates.id_of(base, on), base=base, on=on, rates=dict(rates)))
            continue
        before = DailyFxRates.from_item(items[key])
        merged = {**before.rates, **rates}
        if merged != before.rates:
            tx.save(before.with_changes(ctx, rates=merged))
    if len(tx):
        tx.commit()
    return len(tx)


# -- snapshots


def latest_snapshot(ctx: Context, on: date, kind: str, version: int | None = None) -> SnapshotContent | None:
    """A day's snapshot of a kind with its content: this version, else the latest. One query."""
    key = SnapshotContent.key_of(on, kind, version or 1)
    rows = ctx.store.query_all(KeyRange(None, key.pk, prefix=key.sk if version else f"{kind}#"), newest_first=True, page_size=1)
    row = next(rows, None)
    return SnapshotContent.from_item(row) if row else None


def snapshot_range(query: SnapshotListQuery) -> KeyRange:
    """Where the snapshots of these days are."""
    low, high = query.from_.isoformat() if query.from_ else "0", query.to.isoformat() if query.to else "9"
    return KeyRange(None, SNAPSHOTS, low, f"{high}~")


def count_pending(ctx: Context, day: date | None = None) -> int:
    """How many changes the totals don't hold yet, at most 100; those entered until the end of a day (in the firm's zone) where one is given.

    One query. To be called before the totals are read.
    """
    pending = pending_changes(ctx.store, HoldingMovements.KIND)
    end = start_of_day(day + timedelta(days=1), ctx.settings.firm_time_zone) if day else None
    return sum(end is None or at < end for at in pending)


def create_snapshot(ctx: Context, snapshot: SnapshotContent, response: object = None) -> None:
    """Write a snapshot, and remember the response under the request's Idempotency-Key; VersionConflict where it exists. One round trip."""
    tx = idempotency.idempotent_transaction(ctx, response)
    tx.create(snapshot.head)
    tx.put(snapshot)
    tx.commit()


def last_scheduled_close(ctx: Context) -> date | None:
    """The latest day whose close was created by the schedule: one without a reason. One round trip for every 20 later snapshots."""
    rows = ctx.store.query_all(KeyRange(None, SNAPSHOTS), newest_first=True, page_size=_SNAPSHOT_PAGE)
    closes = (snapshot for snapshot in map(Snapshot.from_item, rows) if snapshot.snapshot_kind == CLOSE and snapshot.reason is None)
    return next((snapshot.on for snapshot in closes), None)


def first_entry_day(ctx: Context) -> date | None:
    """The firm's day on which the oldest existing holding was entered; ids sort by time of creation. Two round trips."""
    ranges = [Holding.ALL.range(is_listed=is_listed) for is_listed in (True, False)]
    oldest = [row for range in ranges for row in islice(ctx.store.query_all(range, page_size=1), 1)]
    entered = (parse_timestamp(decode_view(row)["created_at"]) for row in oldest)
    return min((business_date(at, ctx.settings.firm_time_zone) for at in entered), default=None)
