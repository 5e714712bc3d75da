"""Entities that only these tests know: a root with every kind of attribute, and its child."""

from typing import Any

from chalicelib.foundation.ids import IdFormat
from chalicelib.foundation.store import attributes as a
from chalicelib.foundation.store.entity import Entity
from chalicelib.foundation.store.keys import join_key


class SampleRoot(Entity):
    KIND = "thing"
    ID = IdFormat("thing", "thing")

    name = a.string()
    shelf = a.string()
    colour = a.optional_string()
    count = a.integer()
    spare = a.optional_integer()
    price = a.decimal()
    weight = a.optional_decimal()
    fragile = a.boolean()
    made_on = a.date()
    sold_on = a.optional_date()
    seen_at = a.datetime()
    left_at = a.optional_datetime()
    maker = a.map_()
    box = a.optional_map()
    parts = a.list_()
    tags = a.string_list()

    def index_keys(self) -> dict[str, str]:
        return {"gsi1pk": join_key("THING", self.shelf), "gsi1sk": self.id}

    def list_view(self) -> dict[str, Any]:
        return {"id": self.id, "name": self.name, "count": self.count}


class SampleChild(Entity):
    KIND = "part"
    ID = IdFormat("part", "part", parents={"t": "thing"}, row="P")

    name = a.string()

    def index_keys(self) -> dict[str, str]:
        return {"gsi1pk": "PART", "gsi1sk": self.id}

    def list_view(self) -> dict[str, Any]:
        return {"id": self.id, "name": self.name}


def plain_values(**changes: Any) -> dict[str, Any]:
    """Values for a Thing."""
    from datetime import UTC, date, datetime
    from decimal import Decimal

    return {
        "name": "lamp",
        "shelf": "north",
        "count": 3,
        "price": Decimal("12.50"),
        "fragile": True,
        "made_on": date(2026, 3, 1),
        "seen_at": datetime(2026, 3, 1, 12, tzinfo=UTC),
        "maker": {"name": "Ada", "rate": Decimal("0.125")},
        "parts": [1, "two", None, {"three": [Decimal("3.25")]}],
        "tags": ["a", "b"],
        **changes,
    }
