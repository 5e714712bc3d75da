"""What each operation costs: round trips, read units, write units; of the request, of the trail and of the projections."""

import os
from collections.abc import Callable
from typing import Any

from bench import engines, house
from bench.engines import World
from bench.warm import LEAD
from chalicelib.foundation.json import dumps

Operation = Callable[[World, dict[str, str]], Any]


def _key() -> dict[str, str]:
    return {"Idempotency-Key": os.urandom(8).hex()}


BUYER = {
    "name": "Cedar Homes",
    "email": "offers@cedar.example.com",
    "buy_box": {"markets": ["981*"], "price_min": 50000, "price_max": 400000, "bedrooms_min": 2},
    "proof_of_funds": {"amount": 400000, "issued_on": "2026-11-20", "expires_on": "2027-11-20"},
}
HOLDING = {
    "asset_type": "property",
    "label": "Lake house",
    "jurisdiction": "US-WA",
    "entity_id": "llc-1",
    "value_estimate": 500000,
    "currency": "USD",
    "liability": 300000,
    "ownership_pct": 50,
    "acquired_on": "2026-10-01",
    "cost_basis": 450000,
}


def _offer(w: World, made: dict[str, str], buyer: str) -> str:
    body = {"pipeline_id": made["contract"], "buyer_id": buyer, "assignment_price": 131000}
    return str(w.call("POST", "/dispo/assignments", body, **_key())["id"])


# In this order, each on what those before have left. `made` keeps ids.
WHOLESALE: list[tuple[str, Operation]] = [
    ("create", lambda w, made: made.update(id=w.call("POST", "/wholesale", LEAD, **_key())["id"])),
    ("create, replayed", lambda w, _: w.call("POST", "/wholesale", LEAD, **used_key(w))),
    ("read, with 20 activities", lambda w, made: w.call("GET", f"/wholesale/{made['busy']}")),
    ("edit of notes", lambda w, made: w.call("PATCH", f"/wholesale/{made['id']}", {"notes": "Called again."})),
    ("edit of a price", lambda w, made: w.call("PATCH", f"/wholesale/{made['id']}", {"asking_price": 228000})),
    ("activity", lambda w, made: w.call("POST", f"/wholesale/{made['id']}/activities", {"event_type": "call"}, **_key())),
    ("list activities", lambda w, made: w.call("GET", f"/wholesale/{made['busy']}/activities")),
    ("stage: offer", lambda w, made: w.call("POST", f"/wholesale/{made['id']}/stage", {"stage": "offer_made", "price": 120000}, **_key())),
    (
        "stage: contract",
        lambda w, made: w.call("POST", f"/wholesale/{made['id']}/stage", {"stage": "under_contract", "price": 118000}, **_key()),
    ),
    ("history", lambda w, made: w.call("GET", f"/wholesale/{made['id']}/history")),
    ("list of 50, one stage", lambda w, _: w.call("GET", "/wholesale", query={"stage": "lead"})),
    ("list of 50, all stages", lambda w, _: w.call("GET", "/wholesale")),
    ("list of 50, a market", lambda w, _: w.call("GET", "/wholesale", query={"market": "98103"})),
    ("bulk of 10", lambda w, _: w.call("POST", "/wholesale/bulk", {"items": [LEAD] * 10}, **_key())),
    (
        "calculate",
        lambda w, _: w.call(
            "POST", "/wholesale/calculate", {"arv_estimate": 250000, "repair_estimate": 35000, "assignment_fee_target": 15000}
        ),
    ),
    ("board", lambda w, _: w.call("GET", "/wholesale/board")),
    ("funnel", lambda w, _: w.call("GET", "/wholesale/funnel")),
    ("stale", lambda w, _: w.call("GET", "/wholesale/stale")),
    ("delete", lambda w, made: w.call("DELETE", f"/wholesale/{made['id']}")),
]

DISPOSITIONS: list[tuple[str, Operation]] = [
    ("add a buyer", lambda w, made: made.update(buyer=w.call("POST", "/dispo/buyers", BUYER, **_key())["id"])),
    ("read a buyer", lambda w, made: w.call("GET", f"/dispo/buyers/{made['buyer']}")),
    ("edit a buyer's notes", lambda w, made: w.call("PATCH", f"/dispo/buyers/{made['buyer']}", {"notes": "Pays on time."})),
    ("list buyers", lambda w, _: w.call("GET", "/dispo/buyers")),
    ("matches of a pipeline", lambda w, made: w.call("GET", f"/dispo/pipelines/{made['contract']}/matches")),
    ("matches of a buyer", lambda w, made: w.call("GET", f"/dispo/buyers/{made['buyer']}/matches")),
    ("offer", lambda w, made: made.update(offer=_offer(w, made, made["buyer"]))),
    ("assign", lambda w, made: w.call("POST", f"/dispo/assignments/{made['offer']}/assign", {}, **_key())),
    ("read an assignment", lambda w, made: w.call("GET", f"/dispo/assignments/{made['offer']}")),
    (
        "fall out",
        lambda w, made: w.call(
            "POST", f"/dispo/assignments/{made['offer']}/fallout", {"reason": "financing", "earnest_money_outcome": "none"}, **_key()
        ),
    ),
    ("offer again", lambda w, made: made.update(offer=_offer(w, made, made["buyer"]))),
    ("assign again", lambda w, made: w.call("POST", f"/dispo/assignments/{made['offer']}/assign", {}, **_key())),
    ("close", lambda w, made: w.call("POST", f"/dispo/assignments/{made['offer']}/close", {}, **_key())),
    ("a buyer's assignments", lambda w, made: w.call("GET", f"/dispo/buyers/{made['buyer']}/assignments")),
    ("a pipeline's assignments", lambda w, made: w.call("GET", f"/dispo/assignments/by-pipeline/{made['contract']}")),
    ("dispositions summary", lambda w, _: w.call("GET", "/dispo/summary")),
]

HOLDINGS: list[tuple[str, Operation]] = [
    ("enter a holding", lambda w, made: made.update(holding=w.call("POST", "/holdings", HOLDING, **_key())["id"])),
    ("read a holding", lambda w, made: w.call("GET", f"/holdings/{made['holding']}")),
    ("edit its notes", lambda w, made: w.call("PATCH", f"/holdings/{made['holding']}", {"notes": "Roof renewed."})),
    ("change its value", lambda w, made: w.call("PATCH", f"/holdings/{made['holding']}", {"value_estimate": 520000})),
    (
        "valuation",
        lambda w, made: w.call("POST", f"/holdings/{made['holding']}/valuations", {"value": 525000, "method": "appraisal"}, **_key()),
    ),
    (
        "flow",
        lambda w, made: w.call(
            "POST", f"/holdings/{made['holding']}/flows", {"amount": 10000, "on": "2026-11-20", "kind": "contribution"}, **_key()
        ),
    ),
    ("list holdings", lambda w, _: w.call("GET", "/holdings")),
    ("enter rates", lambda w, _: w.call("PUT", "/holdings/fx-rates", {"base": "EUR", "date": "2026-11-20", "rates": {"USD": 1.1172}})),
    ("read rates", lambda w, _: w.call("GET", "/holdings/fx-rates", query={"base": "EUR", "date": "2026-11-20"})),
    ("summary", lambda w, _: w.call("GET", "/holdings/summary")),
    ("summary of a past day", lambda w, _: w.call("GET", "/holdings/summary", query={"as_of": "2026-11-01"})),
    ("performance", lambda w, _: w.call("GET", "/holdings/performance", query={"from": "2026-10-15", "to": "2026-11-20"})),
    ("snapshot", lambda w, _: w.call("POST", "/holdings/snapshots", {}, **_key())),
]
OPERATIONS = WHOLESALE + DISPOSITIONS + HOLDINGS


def used_key(world: World) -> dict[str, str]:
    """A key that was used by a creation, outside what is counted."""
    key = {"Idempotency-Key": "replayed"}
    world.call("POST", "/wholesale", LEAD, **key)
    world.runtime.used()
    return key


def measure() -> list[dict[str, Any]]:
    """A row an operation: what the request, the trail and the projections use."""
    with house.quiet():
        with engines.counting_reads() as world:
            reads = _run(world)
        with engines.counting_writes() as world:
            writes = _run(world)
    return [
        {"operation": name} | {part: {**used, "write": write[part]["write"]} for part, used in read.items()}
        for (name, read), (_, write) in zip(reads, writes, strict=True)
    ]


def _run(world: World) -> list[tuple[str, dict[str, dict[str, float]]]]:
    made = {"busy": world.call("POST", "/wholesale", LEAD)["id"]}
    for number in range(20):
        world.call("POST", f"/wholesale/{made['busy']}/activities", {"event_type": "call", "description": f"Call number {number}."})
    for start in range(0, 60, 20):
        world.call("POST", "/wholesale/bulk", {"items": [LEAD | {"notes": str(start)}] * 20})
    contract = {"stage": "under_contract", "contract_price": 118000}
    made["contract"] = world.call("POST", "/wholesale", LEAD | contract)["id"]
    _streams(world)
    world.runtime.used()
    found = []
    for name, operation in OPERATIONS:
        operation(world, made)
        request = world.runtime.used()
        found.append((name, {"request": request, **_streams(world)}))
    return found


def _streams(world: World) -> dict[str, dict[str, float]]:
    """What the two consumers use for what was written since."""
    from chalicelib.functions import streams

    records = world.records()
    world.runtime.used()
    for start in range(0, len(records), 60):
        answer = streams.audit(world.runtime, {"Records": records[start : start + 60]})
        assert answer == {"batchItemFailures": []}, dumps(answer)
    trail = world.runtime.used()
    for start in range(0, len(records), 60):
        streams.project(world.runtime, {"Records": records[start : start + 60]}, None, streams._CONTRIBUTIONS)
    return {"trail": trail, "projection": world.runtime.used()}


if __name__ == "__main__":
    for row in measure():
        print(row)
