"""The trail: one chained record for each revision, whatever the stream does."""

from tests.streams.feed import deliver


def test_each_revision_becomes_one_chained_record(world):
    thing = world.create(notes="first")
    thing = world.edit(thing, group="b")
    thing = world.delete(thing)
    world.purge(thing)
    deliver(world.audit(), world.feed.entities())
    chain = world.rows(f"AUD#{thing.id}")
    assert [row["sk"]["S"] for row in chain] == ["0000000001", "0000000002", "0000000003", "0000000004"]
