"""Entities of any kind, written past the application: for what random requests don't reach, and for kinds that only schedules write."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from chalicelib.foundation.ids import ulid
from chalicelib.foundation.store.entity import Entity
from tests.conftest import TABLE

_MADE_OF_WHAT_THEY_NAME = {"fx": "fx_USD_2026-11-24", "snap": "snap_2026-11-24_day_1"}
_VALUES: dict[str, Any] = {
    "_String": "text",
    "_Integer": 1,
    "_Decimal": Decimal("1.5"),
    "_Boolean": True,
    "_Date": datetime(2026, 11, 24, tzinfo=UTC).date(),
    "_Datetime": datetime(2026, 11, 24, tzinfo=UTC),
    "_Map": {"a": 1},
    "_List": ["a"],
    "_StringSet": frozenset({"a"}),
    "_CompressedText": "text",
}


def write_directly(client: Any, ctx: Any, kind: type[Entity]) -> str:
    """An entity with a value in every field, and then with its first field changed; its id."""
    values = {
        name: _VALUES[type(attribute).__name__]
        for name, attribute in kind.get_attributes().items()
        if type(attribute).__name__ in _VALUES and name not in Entity.get_attributes() and name != "ttl"
    }
    made = kind.new(ctx, id=_new_id(kind, ctx.now), **values)
    changeable = sorted(name for name, value in values.items() if value == "text")
    changed = made.with_changes(ctx, **dict.fromkeys(changeable[:1], "another"))
    for entity in (made, changed):
        marks = {"t": {"S": "e"}, "kind": {"S": kind.KIND}, "sv": {"N": str(kind.SCHEMA)}}
        key = {"pk": {"S": entity.key.pk}, "sk": {"S": entity.key.sk}}
        client.put_item(TableName=TABLE, Item=entity._encoded() | marks | key)
    return made.id


def _new_id(kind: type[Entity], now: datetime) -> str:
    """An id of a kind, of a child below a root or a child that need not be there."""
    parents = kind.ID.parents
    if not parents:
        id = _MADE_OF_WHAT_THEY_NAME.get(kind.ID.prefix) or kind.ID.new(now)
        return id if kind.ID.is_id(id) else kind.ID.example  # of settings there is one
    letter, root = next(iter(parents.items()))
    return kind.ID.new(now, f"{kind.ID.below}_{letter}{ulid(now)}{ulid(now)}" if kind.ID.below else f"{root}_{ulid(now)}")
