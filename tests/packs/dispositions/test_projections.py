"""The record of buyers and the summary are exact, whatever the stream does, and are rebuilt to the same."""

import random
from datetime import timedelta
from typing import Any

import pytest

from ops.projections import rebuild
from tests.fault_injection import Conflicts, FaultInjectingClient, Throttles, Unprocessed
from tests.packs.dispositions.dispositions_client import DispositionsClient
from tests.streams.schedules import disturbed
from tests.streams.stream_feeder import deliver
from tests.streams.test_projections import kept, recount


def history(dispositions: DispositionsClient, clock: Any) -> list[str]:
    """A closing, a backup that lapsed, a forfeit, a retrade, an offer that came to nothing; the buyers."""
    buyers = [dispositions.buyer(f"B{number}") for number in range(3)]
    first = dispositions.pipeline(contract_effective_on="2026-11-20")
    won, _ = dispositions.offer(first, buyers[0]), dispositions.offer(first, buyers[1])
    dispositions.assign(won)
    dispositions.patch(won, assignment_price=130000, reason="retrade")
    clock.now += timedelta(days=4)
    dispositions.close(won)
    second = dispositions.pipeline()
    lost = dispositions.offer(second, buyers[1], earnest_money={"amount": 5000})
    dispositions.assign(lost)
    dispositions.money(lost, "received")
    dispositions.fall_out(lost, "buyer_withdrew", "forfeited")
    dispositions.fall_out(dispositions.offer(second, buyers[2]), "seller", None)
    return buyers


@pytest.mark.parametrize("seed", range(6))
def test_under_any_schedule(world, client_as, clock, seed):
    dispositions, chance = DispositionsClient(client_as("operator")), random.Random(seed)
    buyers = history(dispositions, clock)
    stream, late = disturbed(world.feed.entities(), chance)
    world.runtime.dynamodb = FaultInjectingClient(
        world.table, Throttles(0.2, seed=seed), Conflicts(0.2, seed=seed), Unprocessed(0.2, seed=seed)
    )
    for records in (stream, late):
        deliver(world.project(), records, batch=chance.randrange(1, 20), attempts=2000)
    world.runtime.dynamodb = world.table
    assert kept(world) == recount(world)
    shown = told(dispositions, buyers)
    assert [(one["offered"], one["assigned"], one["closed"], one["fallout"], one["lapsed"]) for one in shown["records"]] == [
        (1, 1, 1, 0, 0),
        (2, 1, 0, 1, 0),  # the backup has lapsed, and counts as that once it is settled
        (1, 0, 0, 0, 1),
    ]
    summary = shown["summary"]
    assert summary["months"] == [{"month": "2026-11", "currency": "USD", "fees": 12000, "fees_gross": 12000, "unknown": 0}]
    assert (summary["forfeits"], summary["close_rate"], summary["days_contract_to_assignment"]) == ({"USD": 5000}, 50, 4)


def told(dispositions: DispositionsClient, buyers: list[str]) -> dict[str, Any]:
    records = [dispositions.ok("GET", f"/dispo/buyers/{buyer}/stats") for buyer in buyers]
    summary = dispositions.ok("GET", "/dispo/summary")
    del summary["as_of"]
    return {"records": records, "summary": summary, "board": dispositions.ok("GET", "/wholesale/board")["stages"]}


def test_rebuilt_to_the_same(world, client_as, clock):
    dispositions = DispositionsClient(client_as("operator"))
    buyers = history(dispositions, clock)
    deliver(world.project(), world.feed.entities())
    before = told(dispositions, buyers)
    built = rebuild(world.runtime.store, world.contributions, clock.now)
    assert (built.generation, built.refused) == (2, {})
    assert told(dispositions, buyers) == before
    found = dispositions.ok("GET", f"/dispo/pipelines/{dispositions.pipeline()}/matches")["items"]
    assert {one["buyer_id"]: one["tier"] for one in found}[buyers[0]] == "B"  # matching reads the new generation, too
