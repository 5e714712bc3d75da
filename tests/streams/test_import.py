"""An imported stage goes on where the exported one stopped: chains and aggregates are whole after the next changes."""

from decimal import Decimal

from ops import trail, transfer
from tests.streams.stream_feeder import deliver


def test_trail_and_aggregates_go_on_after_an_import(world, runtime, tmp_path):
    made = [world.create(amount=number) for number in range(5)]
    made[0] = world.edit(made[0], amount=40)
    world.delete(made[1])
    records = world.feed.entities()
    deliver(world.audit(), records)
    deliver(world.project(), records)
    path = tmp_path / "stage.jsonl"
    transfer.export(runtime, path, workers=1)
    world.empty()
    transfer.import_stage(runtime, path, workers=1)
    world.feed.take()  # what nobody reads: the mappings are made anew, at what is latest

    world.edit(made[0], amount=41)
    world.edit(made[2], amount=7)
    world.delete(made[3])
    records = world.feed.entities()
    deliver(world.audit(), records)
    deliver(world.project(), records)
    chains = [thing.id for thing in made]
    assert list(trail.broken_chains(world.ctx, chains)) == []
    assert [len(world.rows(f"AUD#{id}")) for id in chains] == [3, 2, 2, 2, 1]
    (total,) = world.rows("ALL")
    assert Decimal(total["amount"]["N"]) == 41 + 7 + 4
