"""Any walk through the machine of assignments: what the rules allow works, everything else is refused, and all stays in agreement."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib.foundation.projections import ContributionRegistry
from chalicelib.foundation.store import table
from chalicelib.foundation.store.codec import decode_item
from chalicelib.foundation.store.keys import reference_counter
from chalicelib.packs import PACKS
from ops.projections import find_drift
from tests.conftest import TABLE
from tests.packs.dispositions.dispositions_client import DispositionsClient, apply_projections, roster_of

STEPS = st.lists(
    st.tuples(
        st.sampled_from(["offer", "assign", "close", "fallout", "lose", "contract", "idle", "active", "received", "forfeit", "dispute"]),
        st.integers(0, 2),
    ),
    max_size=14,
)


class Model:
    """What should be, told without the service: each buyer's latest assignment, and the pipeline's stage."""

    def __init__(self) -> None:
        self.stage = "under_contract"
        self.status: dict[int, str] = {}
        self.money: dict[int, str] = {}
        self.active = [True, True, True]
        self.disputes = 0
        self.counts: Counter[str] = Counter()

    @property
    def holder(self) -> int | None:
        return next((who for who, status in self.status.items() if status == "assigned"), None)

    def offer(self, who: int) -> bool:
        may = self.stage in ("under_contract", "assigned") and self.active[who] and self.status.get(who) not in ("offered", "assigned")
        if may:
            self.status[who], self.money[who] = "offered", "none"
            self.counts["offered"] += 1
        return may

    def assign(self, who: int) -> bool:
        may = self.status.get(who) == "offered" and self.stage == "under_contract" and self.active[who] and not self.disputes
        if may:
            self.status[who], self.stage, self.money[who] = "assigned", "assigned", "due"
            self.counts["assigned"] += 1
        return may

    def close(self, who: int) -> bool:
        may = self.status.get(who) == "assigned"
        if may:
            self.status = {one: "fallout" if status == "offered" else status for one, status in self.status.items()}
            self.status[who], self.stage = "closed", "closed"
            self.counts["closed"] += 1
        return may

    def fallout(self, who: int, outcome: str = "none") -> bool:
        held = self.money.get(who) == "received"
        may = (self.status.get(who) == "assigned" and held == (outcome != "none")) or (
            self.status.get(who) == "offered" and outcome == "none"
        )
        if may:
            if self.status[who] == "assigned":
                self.stage = "under_contract"
                self.counts["fallout"] += 1
                self.disputes += outcome == "disputed"
            self.status[who] = "fallout"
        return may

    def lose(self) -> bool:
        may = self.stage == "under_contract"
        if may:
            self.stage = "offer_made"
            self.status = {one: "fallout" if status == "offered" else status for one, status in self.status.items()}
        return may

    def contract(self) -> bool:
        may = self.stage == "offer_made"
        if may:
            self.stage = "under_contract"
        return may

    def received(self, who: int) -> bool:
        may = self.status.get(who) == "assigned" and self.money.get(who) == "due"
        if may:
            self.money[who] = "received"
        return may


def call(dispositions: DispositionsClient, pipeline: str, buyers: list[str], ids: dict[int, str], step: str, who: int) -> Any:
    if step == "offer":
        body = {"pipeline_id": pipeline, "buyer_id": buyers[who], "assignment_price": 131000}
        answer = dispositions.call("POST", "/dispo/assignments", body)
        if answer.status == 201:
            ids[who] = answer.json()["id"]
        return answer
    if step in ("lose", "contract"):
        target = {"stage": "offer_made", "note": "n"} if step == "lose" else {"stage": "under_contract", "price": 118000}
        return dispositions.call("POST", f"/wholesale/{pipeline}/stage", target)
    if step in ("idle", "active"):
        return dispositions.call("PATCH", f"/dispo/buyers/{buyers[who]}", {"is_active": step == "active"})
    if who not in ids:
        return None
    if step == "received":
        return dispositions.call("PATCH", f"/dispo/assignments/{ids[who]}", {"earnest_money": {"status": "received"}, "notes": "came"})
    if step in ("assign", "close"):
        return dispositions.call("POST", f"/dispo/assignments/{ids[who]}/{step}", {})
    outcome = {"fallout": "none", "forfeit": "forfeited", "dispute": "disputed"}[step]
    return dispositions.call("POST", f"/dispo/assignments/{ids[who]}/fallout", {"reason": "seller", "earnest_money_outcome": outcome})


@pytest.mark.slow
@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(STEPS)
def test_any_walk(dispositions, runtime, steps):
    runtime.dynamodb.delete_table(TableName=TABLE)
    table.create(runtime.dynamodb, TABLE)
    model, ids = Model(), {}
    pipeline, buyers = dispositions.pipeline(), [dispositions.buyer(f"B{number}") for number in range(3)]
    for step, who in steps:
        if step == "received" and model.status.get(who) == "offered":
            continue  # an offer's money may come early; the walk looks at assigned ones
        answer = call(dispositions, pipeline, buyers, ids, step, who)
        if answer is None:
            assert model.status.get(who) is None
            continue
        assert answer.status < 500, answer.text
        if step in ("idle", "active"):
            model.active[who] = step == "active"
            continue
        if step in ("forfeit", "dispute"):
            expected = model.fallout(who, {"forfeit": "forfeited", "dispute": "disputed"}[step])
        elif step in ("lose", "contract"):
            expected = getattr(model, step)()
        elif step == "received" and model.status.get(who) != "assigned":
            continue  # of what is over the machine of earnest money decides, which has tests of its own
        else:
            expected = getattr(model, step)(who)
        assert (answer.status < 300) == expected, f"{step} {who}: {answer.text}"
        if not expected and step != "received":
            assert answer.status == 409, answer.text
    agree(dispositions, runtime, model, pipeline, buyers, ids)


def agree(dispositions: DispositionsClient, runtime: Any, model: Model, pipeline: str, buyers: list[str], ids: dict[int, str]) -> None:
    """The table says what the model says, wherever one looks."""
    seen = dispositions.read(pipeline)
    assert seen["stage"] == model.stage
    holder = next((who for who, status in model.status.items() if status in ("assigned", "closed")), None)
    assert seen["assignment_id"] == (None if holder is None else ids[holder])
    assert {who: dispositions.read(ids[who])["status"] for who in ids} == model.status
    listed = dispositions.ok("GET", f"/dispo/assignments/by-pipeline/{pipeline}")["items"]
    assert sum(one["status"] in ("assigned", "closed") for one in listed) <= 1
    roster = roster_of(runtime, pipeline)
    standing = {ids[who] for who, status in model.status.items() if status in ("offered", "assigned")}
    assert standing <= set(roster.live)
    assert len(roster.disputed) == model.disputes
    ranks = [roster.entries[id]["rank"] for id in standing]
    assert len(ranks) == len(set(ranks))
    apply_projections(runtime)
    totals: Counter[str] = Counter()
    for buyer in buyers:
        record = dispositions.ok("GET", f"/dispo/buyers/{buyer}/stats")
        totals.update({name: record[name] for name in ("offered", "assigned", "closed", "fallout")})
    assert +totals == +model.counts
    refs = {buyer: decode_item(runtime.store().get_item(reference_counter(buyer)))["refs"] for buyer in buyers}
    held = Counter(one["buyer_id"] for one in listed if one["status"] in ("offered", "assigned", "closed"))
    assert all(refs[buyer] >= held[buyer] for buyer in buyers)
    assert find_drift(runtime.store, ContributionRegistry(PACKS), rounds=1) == []
