"""Reading and writing the items of holdings, rates and snapshots: the only module of the pack that knows the store, transactions and indexes."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from itertools import islice
from urllib.parse import unquote

from chalicelib.foundation import idempotency
from chalicelib.foundation.context import Context
from chalicelib.foundation.dates import parse_timestamp
from chalicelib.foundation.errors import Conflict, NotFound
from chalicelib.foundation.ids import ROOT_SORT_KEY
from chalicelib.foundation.projections import read_aggregates
from chalicelib.foundation.store.access_patterns import AccessPattern, KeyRange
from chalicelib.foundation.store.codec import DynamoItem
from chalicelib.foundation.store.keys import KeyPart, reversible_key_part
from chalicelib.foundation.store.pagination import decode_view
from chalicelib.foundation.store.references import add_counter, close_if_unreferenced
from chalicelib.foundation.store.store import parse_live
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
    HoldingYear,
    Snapshot,
    SnapshotContent,
    Valuation,
    decode_movement,
    encode_movement,
)
from chalicelib.packs.holdings.rules.aggregates import GroupKey, Now, Years, contribution
from chalicelib.packs.holdings.rules.fx_rates import Rates
from chalicelib.packs.holdings.rules.positions import changed_years, movements
from chalicelib.packs.holdings.rules.snapshots import CLOSE
from chalicelib.packs.holdings.schemas import HoldingQuery, SnapshotListQuery
from chalicelib.packs.holdings.settings import HoldingsSettings

_MAX_YEARS = 80  # of one holding, so that a change fits one transaction
_MAX_ROWS = 48  # aggregate rows of one year of one holding, so that the old and the new ones fit one transaction
_SNAPSHOT_PAGE = 20

# -- reading holdings


def find(ctx: Context, id: str) -> Holding:
    """A holding as it is now; NotFound. One round trip, strongly consistent."""
    holding = ctx.store.find(Holding, id)
    if holding is None:
        raise NotFound("holding")
    return holding


def read(ctx: Context, id: str) -> HoldingAggregate:
    """A holding with its history; NotFound. One query, strongly consistent: one round trip for each MB."""
    rows = list(ctx.store.query_all(KeyRange(None, Holding.ID.key(id).pk, low=f"{CHANGES}#", high=ROOT_SORT_KEY)))
    holding = parse_live(Holding, rows[-1]) if rows and rows[-1]["sk"]["S"] == ROOT_SORT_KEY else None
    if holding is None:
        raise NotFound("holding")

    def under(row_name: str) -> list[DynamoItem]:
        return [row for row in rows if row["sk"]["S"].startswith(f"{row_name}#")]

    return HoldingAggregate(
        holding,
        tuple(map(Valuation.from_item, under(Valuation.ID.row))),
        tuple(map(EffectiveChange.from_item, under(CHANGES))),
        tuple(map(HoldingFlow.from_item, under(HoldingFlow.ID.row))),
        tuple(map(HoldingYear.from_item, under(HoldingYear.ID.row))),
    )


def read_or_replay(ctx: Context, id: str) -> HoldingAggregate:
    """`read`, after the request's idempotency record: a repeated request gets its first answer. One round trip more with a key."""
    idempotency.read_or_replay(ctx, ())
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
    return kind.children_of(find(ctx, id).id)


# -- writing holdings


def create(ctx: Context, new: HoldingAggregate, response: object) -> None:
    """Write a new holding with what it begins with, and remember the response under the request's Idempotency-Key. One round trip."""
    tx = idempotency.idempotent_transaction(ctx, response)
    tx.create(new.holding)
    add_counter(tx, new.holding.id, ctx.now)
    _add_history(ctx, tx, HoldingAggregate(new.holding), new)
    tx.commit()


def save(ctx: Context, before: HoldingAggregate, after: HoldingAggregate, response: object = None) -> None:
    """Write what differs, and remember the response under the request's Idempotency-Key. One round trip.

    The holding's revision is the lock of the whole partition. Conflict where there would be more years, or rows in one, than a
    transaction takes.
    """
    tx = idempotency.idempotent_transaction(ctx, response)
    tx.save(after.holding)
    _add_history(ctx, tx, before, after)
    tx.commit()


def _add_history(ctx: Context, tx: Transaction, before: HoldingAggregate, after: HoldingAggregate) -> None:
    """Add new and changed entries, and the years whose movements differ from the stored ones."""
    stored = {entry.id: entry for entry in (*before.valuations, *before.flows)}
    for entry in (*after.valuations, *after.flows):
        if entry.id not in stored:
            tx.create(entry)
        elif entry is not stored[entry.id]:
            tx.save(entry)
    stored_changes = {change.recorded: change for change in before.changes}
    for change in after.changes:
        if change is not stored_changes.get(change.recorded):
            tx.put(change)
    _add_years(ctx, tx, after)


def _add_years(ctx: Context, tx: Transaction, aggregate: HoldingAggregate) -> None:
    current = {year.year: year for year in aggregate.years}
    changed = changed_years((decode_movement(row) for year in aggregate.years for row in year.movements), movements(aggregate.history))
    if len(current.keys() | changed.keys()) > _MAX_YEARS:
        raise Conflict(f"A holding moves in at most {_MAX_YEARS} different years.")
    for number, of_year in changed.items():
        if sum(len(rows) for rows in contribution(of_year)) > _MAX_ROWS:
            raise Conflict(f"In {number} it would change its groups or currency too often for one year.")
        rows = [encode_movement(movement) for movement in of_year]
        if year := current.get(number):
            tx.save(year.with_changes(ctx, movements=rows))
        else:
            id = HoldingYear.id_of(aggregate.holding.id, number)
            tx.create(HoldingYear.new(ctx, id=id, holding_id=aggregate.holding.id, year=number, movements=rows))


def delete(ctx: Context, aggregate: HoldingAggregate) -> None:
    """Mark a holding and its years deleted; Conflict while anything refers to it. One round trip."""
    tx = Transaction(ctx.store)
    close_if_unreferenced(ctx, tx, Holding, aggregate.holding.id)
    for entity in (aggregate.holding, *aggregate.years):
        tx.save(entity.soft_deleted(ctx))
    tx.commit()


# -- totals over all holdings


def read_totals(ctx: Context, since: int | None) -> tuple[Now, Years]:
    """The current totals, and the movements of the years from `since` on (None: of no year). One query."""
    between = None if since is None else (f"{since:04}#", f"{NOW}#~~")
    rows = read_aggregates(ctx.store, HOLDINGS_PARTITION, "" if between else f"{NOW}#", between=between)
    now: Now = {}
    years: Years = {}
    for key, numbers in rows.items():
        when, dimension, group, currency = key.split("#")
        cell = GroupKey(dimension, unquote(group), currency)
        if when == NOW:
            now[cell] = numbers
        else:
            years[int(when), cell] = numbers
    return now, years


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
    """The UTC day on which the oldest existing holding was entered; ids sort by time of creation. Two round trips."""
    ranges = [Holding.ALL.range(is_listed=is_listed) for is_listed in (True, False)]
    oldest = [row for range in ranges for row in islice(ctx.store.query_all(range, page_size=1), 1)]
    return min((parse_timestamp(decode_view(row)["created_at"]).date() for row in oldest), default=None)
