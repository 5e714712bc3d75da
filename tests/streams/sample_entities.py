"""Entities made for these tests: a thing with every sort of field, its part, and what a thing contributes."""

from decimal import Decimal
from typing import Any

from chalicelib.foundation.ids import IdFormat
from chalicelib.foundation.manifest import Pack, Projection
from chalicelib.foundation.store import attributes as a
from chalicelib.foundation.store.entity import Entity


class SampleRoot(Entity):
    KIND = "thing"
    ID = IdFormat("thing", "thing")
    SECRET = frozenset({"pin"})
    PERSONAL = frozenset({"holder"})

    group = a.string()
    amount = a.decimal()
    owner = a.optional_string()
    notes = a.optional_string()
    pin = a.optional_string()
    holder = a.optional_map()
    address = a.optional_map()


class SampleChild(Entity):
    KIND = "part"
    ID = IdFormat("part", "part", parents={"t": "thing"}, row="P")
    PERSONAL = frozenset({"maker"})

    maker = a.string()


def by_group(image: dict[str, Any]) -> dict[tuple[str, str], dict[str, int | Decimal]]:
    """The count and sum of each group, and of all."""
    numbers: dict[str, int | Decimal] = {"count": 1, "amount": image["amount"]}
    return {("GROUPS", image["group"]): numbers, ("ALL", "all"): dict(numbers)}


def with_notes(image: dict[str, Any]) -> dict[tuple[str, str], dict[str, int | Decimal]]:
    """How many carry notes; fails on a note that says so."""
    if image.get("notes") == "poison":
        raise ValueError("unreadable notes")
    return {("ALL", "all"): {"noted": 1}} if image.get("notes") else {}


def by_day(image: dict[str, Any]) -> dict[tuple[str, str], dict[str, int | Decimal]]:
    """More than one update of a row takes, and more rows than one transaction takes."""
    days: dict[str, int | Decimal] = {f"amount:{day:04}": image["amount"] for day in range(700)}
    return {("DAYS", "all"): days, **{("DAYS", f"row-{number:03}"): {"count": 1} for number in range(120)}}


PACK = Pack(
    letter="T",
    name="things",
    title="Things",
    package=__name__,
    projections=(
        Projection("thing", f"{__name__}.by_group", writes=("GROUPS", "ALL")),
        Projection("thing", f"{__name__}.with_notes", writes=("ALL",)),
    ),
    entities={"thing": f"{__name__}.SampleRoot", "part": f"{__name__}.SampleChild"},
)
