"""Aggregates: exact under replays, gaps, any order and any cut."""

from decimal import Decimal

from chalicelib.foundation import projections
from tests.streams.feed import deliver


def recount(world):
    """Independently of the engine: from the things as they lie in the table."""
    from chalicelib.foundation.store.codec import plain

    groups, noted, total, count = {}, 0, Decimal(0), 0
    for raw in world.rows("thing_"):
        row = plain(raw)
        if row["kind"] != "thing" or "deleted_at" in row:
            continue
        number, amount = groups.get(row["group"], (0, Decimal(0)))
        groups[row["group"]] = (number + 1, amount + row["amount"])
        count, total, noted = count + 1, total + row["amount"], noted + bool(row.get("notes"))
    return {name: value for name, value in groups.items() if value != (0, 0)}, (count, total, noted)


def kept(world, generation=None):
    store = world.runtime.store()
    groups = {name: (row.get("count", 0), row.get("amount", 0)) for name, row in projections.rows(store, "GROUPS").items()}
    everything = projections.rows(store, "ALL").get("all", {})
    return (
        {name: value for name, value in groups.items() if value != (0, 0)},
        (everything.get("count", 0), everything.get("amount", 0), everything.get("noted", 0)),
    )


def test_counts_and_sums_follow_every_change(world):
    one = world.create(group="a", amount=Decimal("10.50"))
    two = world.create(group="a", amount=Decimal("5"))
    one = world.edit(one, group="b", notes="moved")
    world.delete(two)
    deliver(world.project(), world.feed.entities())
    assert kept(world) == recount(world) == ({"b": (1, Decimal("10.50"))}, (1, Decimal("10.50"), 1))
