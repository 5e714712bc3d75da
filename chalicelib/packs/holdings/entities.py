"""What lies in the table of holdings.

Partition of a holding, in the order of sort keys:

    !                   its gate
    D#<revision>        what an edit changed of liability, share, activity and groups, and from which day on (`Dated`)
    F#<flow id>         money put in or taken out
    M#<id of a year>    what moved in a year: what the sums over all holdings are made of
    V#<valuation id>    what it was worth on a day
    ~                   the holding itself, as it is now

so that one query brings a holding with all its history. Each piece of history carries the holding's revision at which it was
entered: of two for one day the later one counts, even where both came within a millisecond.

Rates of a day lie in one partition by day and base, snapshots in one by day, kind and version: both are read by days.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from typing import Any
from urllib.parse import quote

from chalicelib.foundation.dates import format_timestamp
from chalicelib.foundation.errors import NotFound
from chalicelib.foundation.ids import IdFormat, ItemKey, encode_ulid
from chalicelib.foundation.store import attributes as a
from chalicelib.foundation.store import codec
from chalicelib.foundation.store.codec import DynamoItem
from chalicelib.foundation.store.entity import Entity
from chalicelib.foundation.store.keys import join_key
from chalicelib.packs.holdings.rules import sums
from chalicelib.packs.holdings.rules.timeline import Labels, Movement, labels, owned

DATED, FLOWS, YEARS, VALUATIONS = "D#", "F#", "M#", "V#"
_LONGEST = 600  # bytes of user text in a key: two of them and the rest stay under the 1,024 of a sort key
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Holding(Entity):
    """Something that the firm owns, or a share of it, as it is now."""

    KIND = "holding"
    ID = IdFormat("hold", "holding")

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
    held_from = a.date()  # acquired_on, else the firm's day of its entry
    entered_on = a.date()
    cost_basis = a.optional_decimal()
    disposed_on = a.optional_date()
    proceeds = a.optional_decimal()
    is_active = a.boolean()
    details = a.map_()
    notes = a.optional_string()

    @property
    def groups(self) -> Labels:
        """The groups that it belongs to now."""
        return labels(self.asset_type, self.jurisdiction, self.entity_id, self.entity_name)

    @property
    def counts(self) -> bool:
        """Whether lists of what is active show it."""
        return self.is_active and self.disposed_on is None

    @property
    def owned_value(self) -> Decimal | None:
        """The owned share of value less liability, in its currency; None without a value."""
        if self.value_estimate is None:
            return None
        return owned(self.value_estimate, self.liability or Decimal(0), self.ownership_pct, self.currency)

    def index_keys(self) -> dict[str, str]:
        """A ring (type and jurisdiction, jurisdiction and entity, entity and type), and all, newest first.

        Each filter alone and every two together are one beginning of one index.
        """
        at = self.groups
        return {
            "gsi1pk": by_type(at.asset_type, active=self.counts),
            "gsi1sk": join_key(text_key(at.jurisdiction), self.id),
            "gsi2pk": by_jurisdiction(at.jurisdiction, active=self.counts),
            "gsi2sk": join_key(text_key(at.entity), self.id),
            "gsi3pk": everything(active=self.counts),
            "gsi3sk": self.id,
            "gsi4pk": by_entity(at.entity, active=self.counts),
            "gsi4sk": join_key(text_key(at.asset_type), self.id),
        }

    def list_view(self) -> dict[str, Any]:
        """What lists show; what is null is left out."""
        shown = {
            "id": self.id,
            "asset_type": self.asset_type,
            "label": _cut(self.label),
            "jurisdiction": self.jurisdiction,
            "entity_id": self.entity_id,
            "entity_name": _cut(self.entity_name),
            "currency": self.currency,
            "value_estimate": self.value_estimate,
            "ownership_pct": self.ownership_pct,
            "owned_value": self.owned_value,
            "is_active": self.is_active,
            "disposed_on": self.disposed_on,
            "created_at": format_timestamp(self.created_at),
        }
        return {name: value for name, value in shown.items() if value is not None}


class Valuation(Entity):
    """What a holding is worth from a day on; `value` is None where it was withdrawn without another."""

    KIND = "valuation"
    ID = IdFormat("val", "valuation", parents={"h": "hold"}, row="V")

    holding_id = a.string()
    value = a.optional_decimal()
    currency = a.string()
    as_of = a.date()
    method = a.optional_string()
    source = a.optional_string()
    recorded = a.integer()  # the holding's revision


class Flow(Entity):
    """The firm's own money into a holding or out of it; which, its kind says."""

    KIND = "holding_flow"
    ID = IdFormat("flow", "flow", parents={"h": "hold"}, row="F")

    holding_id = a.string()
    amount = a.decimal()
    currency = a.string()
    on = a.date()
    flow_kind = a.string()
    recorded = a.integer()


class Year(Entity):
    """What a holding moved in a year. The sums over all holdings are kept from these."""

    KIND = "holding_year"
    ID = IdFormat("hyr", "year", parents={"h": "hold"}, row="M")

    holding_id = a.string()
    year = a.integer()
    movements = a.list_()

    @staticmethod
    def id_of(holding_id: str, year: int) -> str:
        """The id of a holding's year: it follows from both, and sorts by the year."""
        return f"hyr_h{holding_id.partition('_')[2]}{encode_ulid(_EPOCH + timedelta(seconds=year), bytes(10))}"


class _Named(IdFormat):
    """Ids that say what they name: they are made of the key, and not of an instant and chance."""

    def key(self, id: str) -> ItemKey:
        if found := re.fullmatch(r"fx_([A-Z]{3})_([0-9]{4}-[0-9]{2}-[0-9]{2})", id, re.ASCII):
            return ItemKey(RATES, join_key(found[2], found[1]))
        if found := re.fullmatch(r"snap_([0-9]{4}-[0-9]{2}-[0-9]{2})_([a-z]+)_([0-9]{1,6})", id, re.ASCII):
            return ItemKey(SNAPSHOTS, join_key(found[1], found[2], f"{int(found[3]):06}"))
        raise NotFound(self.name)


class FxDay(Entity):
    """What one unit of a base is worth in others on a day."""

    KIND = "fx_day"
    ID = _Named("fx", "rate")

    base = a.string()
    on = a.date()
    rates = a.map_()

    @staticmethod
    def id_of(base: str, on: date) -> str:
        """The id of a base's day."""
        return f"fx_{base}_{on.isoformat()}"


class Snapshot(Entity):
    """A day's totals and rates as they were known. Its groups, which may be many, lie in a row of their own (`content_key`)."""

    KIND = "holdings_snapshot"
    ID = _Named("snap", "snapshot")

    on = a.date()
    snapshot_kind = a.string()
    version = a.integer()
    reason = a.optional_string()
    content_hash = a.string()
    totals = a.list_()  # of each currency: owned, count, unvalued
    rates = a.list_()
    max_age_days = a.integer()

    @staticmethod
    def id_of(on: date, kind: str, version: int) -> str:
        """The id of a version of a day's snapshot of a kind: whoever takes it again writes the same row."""
        return f"snap_{on.isoformat()}_{kind}_{version}"


# -- pieces of history that are no entities: the holding's own revision is on the trail


@dataclass(frozen=True)
class Dated:
    """What an edit changed, and from which day on. `changed` holds some of liability, share, active and groups."""

    on: date
    recorded: int
    changed: Mapping[str, Any]

    def key(self, holding_id: str) -> ItemKey:
        """Where it lies."""
        return ItemKey(holding_id, f"{DATED}{self.recorded:010}")

    def values(self, request_id: str) -> dict[str, Any]:
        """Its attributes."""
        return {"kind": "dated", "on": self.on, "recorded": self.recorded, "changed": dict(self.changed), "request_id": request_id}

    @classmethod
    def from_item(cls, raw: DynamoItem) -> "Dated":
        """From its row."""
        plain = codec.decode_item(raw)
        return cls(date.fromisoformat(plain["on"]), plain["recorded"], plain["changed"])


def packed(movement: Movement) -> dict[str, Any]:
    """A movement as a year's row holds it."""
    at = movement.labels
    shown = {
        "day": movement.day.isoformat(),
        "groups": [at.asset_type, at.jurisdiction, at.entity],
        "currency": movement.currency,
        "owned": movement.owned,
        "count": movement.count,
        "unvalued": movement.unvalued,
        "flow": movement.flow,
    }
    return {name: value for name, value in shown.items() if value}


def unpacked(row: Mapping[str, Any]) -> Movement:
    """The movement in a year's row."""
    return Movement(
        date.fromisoformat(row["day"]),
        Labels(*row["groups"]),
        row["currency"],
        Decimal(row.get("owned", 0)),
        int(row.get("count", 0)),
        int(row.get("unvalued", 0)),
        Decimal(row.get("flow", 0)),
    )


# -- keys


def text_key(text: str) -> str:
    """User text as one part of a key, from which it can be read again (`unquote`). A very long one ends in its digest."""
    safe = "".join(character if character.isprintable() and character not in "#%" else quote(character, safe="") for character in text)
    if len(safe.encode()) <= _LONGEST:
        return safe
    digest = sha256(text.encode()).hexdigest()[:32]
    return f"{safe.encode()[: _LONGEST - 40].decode(errors='ignore')}…{digest}"


def _flag(*, active: bool) -> str:
    return "1" if active else "0"


def by_type(asset_type: str, *, active: bool) -> str:
    """The partition of an asset type, by jurisdiction."""
    return join_key("HOLD", "T", _flag(active=active), text_key(asset_type))


def by_jurisdiction(jurisdiction: str, *, active: bool) -> str:
    """The partition of a jurisdiction, by entity."""
    return join_key("HOLD", "J", _flag(active=active), text_key(jurisdiction))


def by_entity(entity: str, *, active: bool) -> str:
    """The partition of an entity, by asset type."""
    return join_key("HOLD", "E", _flag(active=active), text_key(entity))


def everything(*, active: bool) -> str:
    """The partition of all, newest first."""
    return join_key("HOLD", "ALL", _flag(active=active))


RATES, SNAPSHOTS = "FX", "SNAP"


def rates_key(base: str, on: date) -> ItemKey:
    """Where the rates of a base and day lie: by day, so that one query brings the rates of all bases that a day can use."""
    return ItemKey(RATES, join_key(on.isoformat(), base))


def content_key(on: date, kind: str, version: int) -> ItemKey:
    """Where the whole content of a snapshot lies."""
    return ItemKey(join_key("SNAP", on.isoformat()), join_key(kind, f"{version:06}"))


# -- aggregate rows: of each group and currency what is owned now, and of each year what its days moved

HOLDINGS, NOW = "HOLDINGS", "now"


def sums_now(cell: sums.Cell) -> tuple[str, str]:
    """The row of what is owned now: owned, count, unvalued. It sorts after all years."""
    return HOLDINGS, join_key(NOW, cell.dimension, text_key(cell.group), cell.currency)


def sums_year(year: int, cell: sums.Cell) -> tuple[str, str]:
    """The row of what a year's days moved: owned, count, unvalued, flow and the day, as in owned:1030."""
    return HOLDINGS, join_key(f"{year:04}", cell.dimension, text_key(cell.group), cell.currency)


def _cut(text: str | None) -> str | None:
    """A name short enough for a list."""
    return text if text is None or len(text) <= 60 else f"{text[:59]}…"
