"""The record of buyers and the summary are exact, whatever the stream does, and are rebuilt to the same."""

import random
from datetime import timedelta
from typing import Any

import pytest

from ops.projections import rebuild
from tests.api.dispositions_client import DispositionsClient
from tests.fault_injection import Conflicts, FaultInjectingClient, Throttles, Unprocessed
from tests.streams.schedules import disturbed
from tests.streams.stream_feeder import deliver
from tests.streams.test_projections import kept, recount


def history(desk: DispositionsClient, clock: Any) -> list[str]:
    """A closing, a backup that lapsed, a forfeit, a retrade, an offer that came to nothing; the buyers."""
    buyers = [desk.buyer(f"B{number}") for number in range(3)]
    first = desk.pipeline(contract_effective_on="2026-11-20")
    won, _ = desk.offer(first, buyers[0]), desk.offer(first, buyers[1])
    desk.assign(won)
    desk.patch(won, assignment_price=130000, reason="retrade")
    clock.now += timedelta(days=4)
    desk.close(won)
    second = desk.pipeline()
    lost = desk.offer(second, buyers[1], earnest_money={"amount": 5000})
    desk.assign(lost)
    desk.money(lost, "received")
    desk.fall_out(lost, "buyer_withdrew", "forfeited")
    desk.fall_out(desk.offer(second, buyers[2]), "seller", None)
    return buyers


@pytest.mark.parametrize("seed", range(6))
def test_under_any_schedule(world, client_as, clock, seed):
    desk, chance = DispositionsClient(client_as("operator")), random.Random(seed)
    buyers = history(desk, clock)
    stream, late = disturbed(world.feed.entities(), chance)
    world.runtime.dynamodb = FaultInjectingClient(
        world.table, Throttles(0.2, seed=seed), Conflicts(0.2, seed=seed), Unprocessed(0.2, seed=seed)
    )
    for records in (stream, late):
        deliver(world.project(), records, batch=chance.randrange(1, 20), attempts=2000)
    world.runtime.dynamodb = world.table
    assert kept(world) == recount(world)
    shown = told(desk, buyers)
    assert [(one["offered"], one["assigned"], one["closed"], one["fallout"], one["lapsed"]) for one in shown["records"]] == [
        (1, 1, 1, 0, 0),
        (2, 1, 0, 1, 0),  # the backup has lapsed, and counts as that once it is settled
        (1, 0, 0, 0, 1),
    ]
    summary = shown["summary"]
    assert summary["months"] == [{"month": "2026-11", "currency": "USD", "fees": 12000, "fees_gross": 12000, "unknown": 0}]
    assert (summary["forfeits"], summary["close_rate"], summary["days_contract_to_assignment"]) == ({"USD": 5000}, 50, 4)


def told(desk: DispositionsClient, buyers: list[str]) -> dict[str, Any]:
    records = [desk.ok("GET", f"/dispo/buyers/{buyer}/stats") for buyer in buyers]
    summary = desk.ok("GET", "/dispo/summary")
    del summary["as_of"]
    return {"records": records, "summary": summary, "board": desk.ok("GET", "/wholesale/board")["stages"]}


def test_rebuilt_to_the_same(world, client_as, clock):
    desk = DispositionsClient(client_as("operator"))
    buyers = history(desk, clock)
    deliver(world.project(), world.feed.entities())
    before = told(desk, buyers)
    built = rebuild(world.runtime.store, world.contributions, clock.now)
    assert (built.generation, built.refused) == (2, {})
    assert told(desk, buyers) == before
    found = desk.ok("GET", f"/dispo/pipelines/{desk.pipeline()}/matches")["items"]
    assert {one["buyer_id"]: one["tier"] for one in found}[buyers[0]] == "B"  # matching reads the new generation, too
