"""Entities that only these tests know: a root with every kind of attribute, and its child."""

from typing import Any

from chalicelib.foundation.ids import IdForm
from chalicelib.foundation.store import attributes as a
from chalicelib.foundation.store.entity import Entity
from chalicelib.foundation.store.keys import joined


class Thing(Entity):
    KIND = "thing"
    ID = IdForm("thing", "thing")

    name = a.text()
    shelf = a.text()
    colour = a.optional_text()
    count = a.whole()
    spare = a.optional_whole()
    price = a.decimal()
    weight = a.optional_decimal()
    fragile = a.flag()
    made_on = a.day()
    sold_on = a.optional_day()
    seen_at = a.moment()
    left_at = a.optional_moment()
    maker = a.document()
    box = a.optional_document()
    parts = a.items()
    tags = a.texts()

    def index_keys(self) -> dict[str, str]:
        return {"gsi1pk": joined("THING", self.shelf), "gsi1sk": self.id}

    def view(self) -> dict[str, Any]:
        return {"id": self.id, "name": self.name, "count": self.count}


class Part(Entity):
    KIND = "part"
    ID = IdForm("part", "part", parents={"t": "thing"}, row="P")

    name = a.text()

    def index_keys(self) -> dict[str, str]:
        return {"gsi1pk": "PART", "gsi1sk": self.id}

    def view(self) -> dict[str, Any]:
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
