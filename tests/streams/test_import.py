"""An import while the mappings are on: the consumers see every entity again, and find their work done."""

import pytest

from ops import transfer
from tests.streams.feed import deliver


def rows(path):
    return sorted(path.read_text().split("\n")[1:-2])


@pytest.fixture
def settled(world):
    """A few entities, edited and deleted, with their trail and aggregates."""
    made = [world.create(amount=number) for number in range(5)]
    edited = world.edit(made[0], amount=40)
    world.edit(edited, amount=41)
    world.delete(made[1])
    records = world.feed.entities()
    deliver(world.audit(), records)
    deliver(world.project(), records)
    return world


def test_the_consumers_of_an_imported_stage_change_nothing(settled, runtime, tmp_path):
    first, second = tmp_path / "first.jsonl", tmp_path / "second.jsonl"
    before = transfer.export(runtime, first, workers=1)
    settled.empty()
    transfer.bring_in(runtime, first, workers=1)
    seen = settled.feed.entities()
    assert len(seen) == 5, "each entity once, as it stands, edits and deletions folded in"
    deliver(settled.audit(), seen)
    deliver(settled.project(), seen)
    assert transfer.export(runtime, second, workers=1) == before
    assert rows(first) == rows(second)
    assert before.kinds["(AUD)"] == 8
