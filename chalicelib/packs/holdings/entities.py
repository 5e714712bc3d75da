"""The items of holdings, rates and snapshots.

Partition of a holding, in the order of sort keys:

    !                   its reference counter
    A#<id>              movements that an entry added (`HoldingMovements`), from which the aggregates are computed
    D#<revision>        an edit's changes of liability, share, activity and groups, from a day on (`EffectiveChange`)
    F#<flow id>         money put in or taken out
    M#<id of a year>    older movements: all those of a year up to the day of its last entry (`HoldingYear`)
    V#<valuation id>    the value from a day on
    ~                   the holding as it is now

so that one query, from D on, reads a holding with all its history. Each item of the history has the holding's revision at which it
was entered: of two for one day the later one counts, even when both were entered in the same millisecond. Nothing in it is ever
changed: what an entry changes of the movements is added as a difference. So the rows that an entry writes don't grow with the history.

Rates are in one partition by day and base, snapshots in one by day, kind and version; both are read by ranges of days.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, astuple, dataclass, replace
from datetime import date
from decimal import Decimal
from functools import cached_property
from typing import Any, Self, TypeVar

from chalicelib.foundation.canonical_json import Numbers, canonical_json, content_hash
from chalicelib.foundation.context import Context
from chalicelib.foundation.effective_dating import EffectiveSeries, EffectiveValue
from chalicelib.foundation.errors import NotFound
from chalicelib.foundation.ids import IdFormat, ItemKey
from chalicelib.foundation.store import attributes as a
from chalicelib.foundation.store.access_patterns import AccessPattern
from chalicelib.foundation.store.entity import Entity
from chalicelib.foundation.store.keys import KeyPart, join_key, reversible_key_part
from chalicelib.foundation.store.row import Row, truncate
from chalicelib.packs.holdings.rules import snapshots
from chalicelib.packs.holdings.rules.aggregates import ASSET_TYPE, GroupKey, GroupTotals
from chalicelib.packs.holdings.rules.fx_rates import Rates
from chalicelib.packs.holdings.rules.positions import AssetValue, Flow, GroupKeys, HoldingHistory, Movement, group_keys, owned_value
from chalicelib.packs.holdings.rules.summary import totals_by_currency

CHANGES = "D"  # the first rows of a holding's history
GROUP_FIELDS = ("asset_type", "jurisdiction", "entity_id", "entity_name")
T = TypeVar("T")


class Holding(Entity):
    """An asset that the firm owns wholly or in part, as it is now."""

    KIND = "holding"
    ID = IdFormat("hold", "holding")
    # Each filter and each pair of filters is the beginning of one of these indexes.
    BY_TYPE = AccessPattern(
        "gsi1", "HOLD#T#{is_listed}#{type_key}", sort="{jurisdiction_key}#{id}", serves="GET /holdings?asset_type=, with jurisdiction="
    )
    BY_JURISDICTION = AccessPattern(
        "gsi2", "HOLD#J#{is_listed}#{jurisdiction_key}", sort="{entity_key}#{id}", serves="GET /holdings?jurisdiction=, with entity_id="
    )
    ALL = AccessPattern("gsi3", "HOLD#ALL#{is_listed}", serves="GET /holdings; the day of the first entry")
    BY_ENTITY = AccessPattern(
        "gsi4", "HOLD#E#{is_listed}#{entity_key}", sort="{type_key}#{id}", serves="GET /holdings?entity_id=, with asset_type="
    )
    LIST_FIELDS = (
        "id", "asset_type", "label", "jurisdiction", "entity_id", "entity_name", "currency", "value_estimate", "ownership_pct",
        "owned_value", "is_active", "disposed_on", "created_at",
    )  # fmt: skip

    asset_type = a.string()
    label = a.optional_string()
    internal_ref = a.optional_string()
    jurisdiction = a.optional_string()
    entity_name = a.optional_string()
    entity_id = a.optional_string()
    currency = a.string()
    value_estimate = a.optional_decimal()
    valued_on = a.optional_date()  # the day of the valuation in force
    liability = a.optional_decimal()  # the whole asset's, like the value
    ownership_pct = a.decimal()
    acquired_on = a.optional_date()
    held_from = a.date()  # acquired_on, else the business date of its entry
    entered_on = a.date()
    last_entry_on = a.optional_date()  # the latest day that any of its history is for; absent before its first entry of this kind
    cost_basis = a.optional_decimal()
    disposed_on = a.optional_date()
    proceeds = a.optional_decimal()
    is_active = a.boolean()
    details = a.map_()
    notes = a.optional_string()

    @cached_property
    def groups(self) -> GroupKeys:
        """The groups that it belongs to now."""
        return group_keys(self.asset_type, self.jurisdiction, self.entity_id, self.entity_name)

    @property
    def is_listed(self) -> bool:
        """Whether lists of active holdings include it."""
        return self.is_active and self.disposed_on is None

    @cached_property
    def owned_value(self) -> Decimal | None:
        """The owned share of value less liability, in the holding's currency; None without a value."""
        if self.value_estimate is None:
            return None
        return owned_value(self.value_estimate, self.liability or Decimal(0), self.ownership_pct, self.currency)

    # The groups as parts of keys.
    type_key = cached_property[KeyPart](lambda self: reversible_key_part(self.groups.asset_type))
    jurisdiction_key = cached_property[KeyPart](lambda self: reversible_key_part(self.groups.jurisdiction))
    entity_key = cached_property[KeyPart](lambda self: reversible_key_part(self.groups.entity))

    @property
    def dated_values(self) -> dict[str, object]:
        """The present ones of what an `EffectiveChange` changes."""
        groups = {name: value for name in GROUP_FIELDS if (value := self.attribute_values.get(name)) is not None}
        return {"liability": self.liability or Decimal(0), "share": self.ownership_pct, "active": self.is_active, "groups": groups}

    def list_view(self) -> dict[str, Any]:
        """The values shown in lists, without nulls; long names are cut."""
        return self._listed(label=truncate(self.label), entity_name=truncate(self.entity_name))


class Valuation(Entity):
    """The value of a holding from a day on; `value` is None where it was withdrawn."""

    KIND = "valuation"
    ID = IdFormat("val", "valuation", parents={"h": "hold"}, row="V")

    holding_id = a.string()
    value = a.optional_decimal()
    currency = a.string()
    as_of = a.date()
    method = a.optional_string()
    source = a.optional_string()
    recorded = a.integer()  # the holding's revision
    moved_from = a.optional_date()  # of the first value, entered anew for another first day: the one before

    @classmethod
    def of(cls, ctx: Context, holding: Holding, value: Decimal | None, currency: str, as_of: date, **more: str | date | None) -> Self:
        """A valuation recorded at this revision of the holding; `more` are its method and source, or where it was moved from."""
        id = cls.ID.new(ctx.now, parent=holding.id)
        return cls.new(ctx, id=id, holding_id=holding.id, value=value, currency=currency, as_of=as_of, recorded=holding.revision, **more)


class HoldingFlow(Entity):
    """Money that the firm put into a holding or took out of it; the kind gives the direction."""

    KIND = "holding_flow"
    ID = IdFormat("flow", "flow", parents={"h": "hold"}, row="F")

    holding_id = a.string()
    amount = a.decimal()
    currency = a.string()
    on = a.date()
    flow_kind = a.string()
    recorded = a.integer()


class HoldingMovements(Entity):
    """Movements that an entry added to a holding's. The aggregates over all holdings are projected from these."""

    KIND = "holding_movements"
    ID = IdFormat("mov", "movements", parents={"h": "hold"}, row="A")

    holding_id = a.string()
    movements = a.list_()


class HoldingYear(Entity):
    """The movements of a holding in a year, as they were once stored. None is written any more; they count together with later differences."""

    KIND = "holding_year"
    ID = IdFormat("hyr", "year", parents={"h": "hold"}, row="M")

    holding_id = a.string()
    year = a.integer()
    movements = a.list_()


RATES, SNAPSHOTS = "FX", "SNAP"  # partitions


class _NaturalIdFormat(IdFormat):
    """Ids that are made of the natural key, instead of a timestamp and random bits."""

    def key(self, id: str) -> ItemKey:
        if match := re.fullmatch(r"fx_([A-Z]{3})_([0-9]{4}-[0-9]{2}-[0-9]{2})", id, re.ASCII):
            return ItemKey(RATES, join_key(match[2], match[1]))
        if match := re.fullmatch(r"snap_([0-9]{4}-[0-9]{2}-[0-9]{2})_([a-z]+)_([0-9]{1,6})", id, re.ASCII):
            return ItemKey(SNAPSHOTS, join_key(match[1], match[2], f"{int(match[3]):06}"))
        raise NotFound(self.name)


class DailyFxRates(Entity):
    """The exchange rates of a base currency on a day: how much one unit of it is worth."""

    KIND = "fx_day"
    ID = _NaturalIdFormat("fx", "rate")

    base = a.string()
    on = a.date()
    rates = a.map_()

    @staticmethod
    def id_of(base: str, on: date) -> str:
        """The id of a base's day."""
        return f"fx_{base}_{on.isoformat()}"


class Snapshot(Entity):
    """Totals and rates of a day as they were known. The groups are in a row of their own (`SnapshotContent`), since they may be many."""

    KIND = "holdings_snapshot"
    ID = _NaturalIdFormat("snap", "snapshot")

    on = a.date()
    snapshot_kind = a.string()
    version = a.integer()
    reason = a.optional_string()
    content_hash = a.string()
    totals = a.list_()  # of each currency: owned, count, unvalued
    rates = a.list_()
    max_age_days = a.integer()
    pending_changes = a.optional_integer()  # entered before it, and not in its totals yet

    @staticmethod
    def id_of(on: date, kind: str, version: int) -> str:
        """The id of a version of a day's snapshot of a kind, so that a repeated creation writes the same item."""
        return f"snap_{on.isoformat()}_{kind}_{version}"

    @property
    def totals_and_rates(self) -> tuple[dict[GroupKey, GroupTotals], Rates]:
        """The totals of each currency, as those of one group of all holdings, and the rates."""
        sums = [{"dimension": ASSET_TYPE, "group": "*", **row} for row in self.totals]
        return snapshots.decode_content({"sums": sums, "rates": self.rates, "max_age_days": self.max_age_days})


class SnapshotContent(Row):
    """A snapshot with its full content: the totals of all groups, and the rates. In a partition of its day, by kind and version."""

    KIND = "snapshot_content"

    head = a.row_copy(Snapshot)
    content = a.compressed_text(attr_name="z")  # canonical JSON
    request_id = a.string()

    @classmethod
    def build(
        cls, ctx: Context, on: date, kind: str, totals: Mapping[GroupKey, GroupTotals], rates: Rates, *, version: int, **more: Any
    ) -> Self:
        """A version of a day's snapshot of a kind, from these totals and rates; `more` are its reason and pending changes."""
        content = snapshots.content(on, kind, totals, rates)
        head = Snapshot.new(
            ctx,
            id=Snapshot.id_of(on, kind, version),
            on=on,
            snapshot_kind=kind,
            version=version,
            **more,
            content_hash=content_hash(content, Numbers.TEXT),
            totals=[{"currency": currency, **asdict(of_currency)} for currency, of_currency in totals_by_currency(totals).items()],
            rates=content["rates"],
            max_age_days=rates.max_age,
        )
        text = canonical_json(content, Numbers.TEXT)
        return cls.at(cls.key_of(on, kind, version), head=head, content=text, request_id=head.request_id)

    @staticmethod
    def key_of(on: date, kind: str, version: int) -> ItemKey:
        """The key of a version."""
        return ItemKey(join_key(SNAPSHOTS, on.isoformat()), join_key(kind, f"{version:06}"))

    @cached_property
    def totals_and_rates(self) -> tuple[dict[GroupKey, GroupTotals], Rates]:
        """The totals of all groups, and the rates."""
        return snapshots.decode_content(json.loads(self.content))


class EffectiveChange(Row):
    """What an edit changes from a day on: some of `liability`, `share`, `active`, `groups`. The audit trail has the holding's revision."""

    KIND = "dated"

    on = a.date()
    recorded = a.integer()  # the holding's revision
    changed = a.map_()
    request_id = a.string()
    moved_from = a.optional_date()  # as of a valuation

    @classmethod
    def of(cls, holding: Holding, on: date, changed: Mapping[str, object], *, moved_from: date | None = None) -> Self:
        """The changes of this revision of the holding."""
        key = ItemKey(holding.id, join_key(CHANGES, f"{holding.revision:010}", *(["moved"] if moved_from else [])))
        values = {"on": on, "recorded": holding.revision, "changed": changed, "request_id": holding.request_id}
        return cls.at(key, **values, moved_from=moved_from)


# -- a holding with its history

Entry = TypeVar("Entry", Valuation, EffectiveChange)


@dataclass(frozen=True)
class HoldingAggregate:
    """A holding with its history. It isn't changed in place: `dataclasses.replace` makes the next one."""

    holding: Holding
    valuations: tuple[Valuation, ...] = ()
    changes: tuple[EffectiveChange, ...] = ()
    flows: tuple[HoldingFlow, ...] = ()

    @classmethod
    def at_present(cls, holding: Holding) -> Self:
        """A holding that has a value, as if it had always been as it is: enough for what is entered for a day after all others."""
        values = {"value": holding.value_estimate, "currency": holding.currency}
        valuation = Valuation.from_values(holding_id=holding.id, as_of=holding.held_from, recorded=0, **values)
        return cls(holding, (valuation,), (EffectiveChange.of(holding, holding.held_from, holding.dated_values),))

    @cached_property
    def values(self) -> EffectiveSeries[Valuation]:
        """The valuations; of two for one day the one of the later revision counts."""
        return EffectiveSeries(EffectiveValue(valuation.as_of, _order(valuation), valuation) for valuation in _counting(self.valuations))

    @cached_property
    def groups(self) -> EffectiveSeries[dict[str, str]]:
        """Those of GROUP_FIELDS that it has."""
        return self._series("groups", lambda fields: dict(fields))

    def _series(self, name: str, convert: Callable[[Any], T]) -> EffectiveSeries[T]:
        changes = (change for change in _counting(self.changes) if name in change.changed)
        return EffectiveSeries(EffectiveValue(change.on, _order(change), convert(change.changed[name])) for change in changes)

    def currency_on(self, day: date) -> str:
        """The currency of its value on `day`; before the first value, the first one's."""
        return self.values.value_on_or_first(day).currency if self.values.days else self.holding.currency

    @cached_property
    def history(self) -> HoldingHistory:
        """The history as the rules take it."""
        return HoldingHistory(
            held_from=self.holding.held_from,
            groups=self._series("groups", lambda fields: group_keys(*(fields.get(name) for name in GROUP_FIELDS))),
            currency=self.holding.currency,
            values=EffectiveSeries(EffectiveValue(each.as_of, _order(each), _asset_value(each)) for each in _counting(self.valuations)),
            liabilities=self._series("liability", lambda amount: Decimal(amount or 0)),
            shares=self._series("share", lambda share: Decimal(share)),
            activity=self._series("active", bool),
            disposed_on=self.holding.disposed_on,
            cost=self.holding.cost_basis,
            proceeds=self.holding.proceeds,
            flows=tuple(Flow(flow.on, flow.amount, flow.currency, flow.flow_kind) for flow in self.flows),
        )

    def with_current_values(self) -> Self:
        """The same, the holding's own values set to the latest of its history, which has nothing in the future."""
        latest, groups = self.values.value_on(date.max), self.groups.value_on_or_first(date.max)
        holding = self.holding.with_values(
            value_estimate=latest and latest.value,
            valued_on=latest.as_of if latest and latest.value is not None else None,
            currency=latest.currency if latest else self.holding.currency,
            liability=self.history.liabilities.value_on(date.max) or None,
            ownership_pct=self.history.shares.value_on_or_first(date.max),
            is_active=self.history.activity.value_on_or_first(date.max),
            **{name: groups.get(name) for name in GROUP_FIELDS},
        )
        return replace(self, holding=holding)

    def with_first_day_moved(self, ctx: Context, former: date) -> Self:
        """The same, what it began with entered anew for its first day, which was `former`."""
        start = self.holding.held_from
        if start == former:
            return self
        firsts = [valuation for valuation in _counting(self.valuations) if _is_first(valuation)]
        moved = [Valuation.of(ctx, self.holding, first.value, first.currency, start, moved_from=former) for first in firsts]
        changed = next(change.changed for change in _counting(self.changes) if _is_first(change))
        change = EffectiveChange.of(self.holding, start, changed, moved_from=former)
        return replace(self, valuations=(*self.valuations, *moved), changes=(*self.changes, change))


def _asset_value(valuation: Valuation) -> AssetValue | None:
    return None if valuation.value is None else AssetValue(valuation.value, valuation.currency)


def _is_first(entry: Valuation | EffectiveChange) -> bool:
    return entry.recorded == 1 or entry.moved_from is not None


def _counting(entries: tuple[Entry, ...]) -> list[Entry]:
    """Those that count: of what the holding began with only the latest, which a move of its first day entered anew."""
    first = max(filter(_is_first, entries), key=lambda entry: entry.recorded, default=None)
    return [entry for entry in entries if entry is first or not _is_first(entry)]


def _order(entry: Valuation | EffectiveChange) -> str:
    """Of one day what the holding began with comes first, wherever that day was moved."""
    return f"{0 if _is_first(entry) else entry.recorded:010}"


# -- movements, as they are stored


_NUMBERS = ("owned", "count", "unvalued", "flow")


def encode_movement(movement: Movement) -> dict[str, object]:
    """A movement as it is stored, without zeros."""
    numbers = {name: number for name in _NUMBERS if (number := getattr(movement, name))}
    return {"day": movement.day.isoformat(), "groups": list(astuple(movement.groups)), "currency": movement.currency, **numbers}


def decode_movement(row: Mapping[str, Any]) -> Movement:
    """A stored movement."""
    owned, count, unvalued, flow = (row.get(name, 0) for name in _NUMBERS)
    groups = GroupKeys(*row["groups"])
    return Movement(date.fromisoformat(row["day"]), groups, row["currency"], Decimal(owned), int(count), int(unvalued), Decimal(flow))


# -- aggregate rows: for each group and currency the current totals, and for each month the movements by day

HOLDINGS_PARTITION, NOW = "HOLDINGS", "now"


def now_key(group: GroupKey) -> tuple[str, str]:
    """The row of current totals: owned, count, unvalued. It sorts after all periods."""
    return HOLDINGS_PARTITION, join_key(NOW, group.dimension, reversible_key_part(group.group), group.currency)


def month_key(month: str, group: GroupKey) -> tuple[str, str]:
    """The row of a month's movements: owned, count, unvalued, flow with the day, as in owned:1030."""
    return HOLDINGS_PARTITION, join_key(month, group.dimension, reversible_key_part(group.group), group.currency)
