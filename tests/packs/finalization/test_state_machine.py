"""Any deal that there can be: it is finalized exactly where a plain checklist, told without the service, says so."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.packs.finalization import papers
from tests.packs.finalization.decisions import accept_finding, decide, raise_finding
from tests.packs.finalization.finalization_client import F

CONTRACTS = ("draft", "under_review", "approved", "sent", "signed", "ended", "declined", "expired", "terminated", "archived")
ROUTES = ("sent", "opened", "acknowledged", "stale", "recalled", "bounced")
TASKS = ("open", "in_progress", "done", "cancelled")
ITEMS = (
    "open", "done", "not_applicable", "waived", "lapsed waiver", "unfilled", "filled", "evidence", "evidence gone", "one person", "two people",
)  # fmt: skip
SAYINGS = (
    ("deny", "finalize"), ("deny", "*"), ("deny", "sign"), ("flag", "*"), ("approve", "finalize"), ("approve", "*"), ("approve", "sign"),
)  # fmt: skip
WHERE = ("deal", "contract", "pipeline", "professional")

CONTRACT_PRICES = st.sampled_from([None, 118_000, 260_000])  # of the pipeline; None before it is under contract

few = {"max_size": 2}
DEALS = st.fixed_dictionaries(
    {
        "value": st.sampled_from([None, 1000, 250_000, 250_000.01]),
        "contract_price": CONTRACT_PRICES,
        "contracts": st.lists(st.sampled_from(CONTRACTS), max_size=2).map(lambda rest: rest),
        "signed": st.booleans(),
        "routes": st.lists(st.sampled_from(ROUTES), **few),
        "tasks": st.lists(st.sampled_from(TASKS), **few),
        "items": st.lists(st.sampled_from(ITEMS), **few),
        "said": st.lists(st.tuples(st.sampled_from(SAYINGS), st.sampled_from(WHERE), st.sampled_from(["ann", "bob"])), **few),
        "approved": st.booleans(),
        "finding": st.sampled_from([None, None, "open", "accepted", "accepted until yesterday"]),
        "finalizing": st.booleans(),
    }
)
# Most of what is drawn has something that blocks: of these every part is as it should be.
GOOD_DEALS = st.fixed_dictionaries(
    {
        "value": st.sampled_from([None, 1000, 250_000, 250_000.01]),
        "contract_price": CONTRACT_PRICES,
        "contracts": st.lists(st.sampled_from(("declined", "archived", "signed", "ended")), **few),
        "signed": st.just(True),
        "routes": st.lists(st.sampled_from(("acknowledged", "recalled")), **few),
        "tasks": st.lists(st.sampled_from(("done", "cancelled")), **few),
        "items": st.lists(st.sampled_from(("done", "not_applicable", "waived", "filled", "evidence", "two people")), **few),
        "said": st.lists(
            st.tuples(st.sampled_from([("deny", "sign"), ("approve", "sign")]), st.sampled_from(WHERE), st.sampled_from(["ann", "bob"])),
            **few,
        ),
        "approved": st.just(True),
        "finding": st.sampled_from([None, "accepted"]),
        "finalizing": st.booleans(),
    }
)


def expected(drawn: dict[str, Any]) -> set[str]:
    """The keys that don't hold, by the words of the specification alone."""
    false = set()
    contracts = [*drawn["contracts"], *(["signed"] if drawn["signed"] else [])]
    if "signed" not in contracts:
        false.add("has_signed_contract")
    if {"draft", "under_review", "approved", "sent"} & set(contracts):
        false.add("no_unsigned_contracts")
    if {"sent", "opened", "bounced"} & set(drawn["routes"]) or ("stale" in drawn["routes"] and drawn["signed"]):
        false.add("all_required_docs_acknowledged")
    if {"open", "in_progress"} & set(drawn["tasks"]):
        false.add("all_professional_tasks_done")
    if drawn["finding"] in ("open", "accepted until yesterday"):
        false.add("no_open_critical_finding")
    if {"open", "lapsed waiver", "unfilled", "evidence gone", "one person"} & set(drawn["items"]):
        false.add("items_settled")
    last: dict[tuple[str, str, str], str] = {}
    for (action, act), where, who in drawn["said"]:
        if where == "contract" and not contracts:
            continue
        if action == "flag":
            false.add("no_governance_denial_or_flag")
        else:
            last[where, who, act] = action
    if "waived" in drawn["items"] and any(last.get(("deal", who, "*")) == "deny" for who in ("ann", "bob")):
        false.add("items_settled")  # a denial of everything is one of waiving, too
    spoken = _latest_for_finalize(drawn, bool(contracts))
    if "deny" in spoken.values():
        false.add("no_governance_denial_or_flag")
    approvers = {who for (where, who), action in spoken.items() if where == "deal" and action == "approve"}
    worth = drawn["contract_price"] if drawn["value"] is None else drawn["value"]
    needs = worth is None or worth > 250_000
    if needs and len(approvers | ({"king", "queen"} if drawn["approved"] else set())) < 2:
        false.add("approvals")
    return false


def _latest_for_finalize(drawn: dict[str, Any], has_contract: bool) -> dict[tuple[str, str], str]:
    """What each person last said that counts for finalizing, by subject."""
    found: dict[tuple[str, str], str] = {}
    for (action, act), where, who in drawn["said"]:
        if action != "flag" and act in ("finalize", "*") and (where != "contract" or has_contract):
            found[where, who] = action
    return found


@pytest.mark.slow
@pytest.mark.parametrize("deals", [DEALS, GOOD_DEALS], ids=["any", "good"])
def test_it_is_finalized_exactly_where_the_checklist_says_so(office, as_, context, runtime, clock, deals):
    papers.register(runtime)
    confirmers = [as_("operator", user=f"user_confirmer{number}") for number in range(2)]
    seen: set[bool] = set()

    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
    @given(deals)
    def check(drawn: dict[str, Any]) -> None:
        ctx = context("operator", user="user_paper")
        price, professional = drawn["contract_price"], office.professional()
        pipeline = office.pipeline(stage="offer_made" if price is None else "under_contract", contract_price=price)
        deal = office.deal(value=drawn["value"], pipeline_id=pipeline, professional_ids=[professional])
        contracts = [_contract(ctx, deal, status) for status in drawn["contracts"]]
        contracts += [papers.add_contract(ctx, deal)] if drawn["signed"] else []
        for status in drawn["routes"]:
            _route(ctx, deal, status, contracts[-1] if drawn["signed"] else None)
        for status in drawn["tasks"]:
            _task(office, deal, professional, status)
        lapsing = timedelta(hours=1)
        for status in drawn["items"]:
            _item(office, ctx, context, confirmers, deal, status, lapsing)
        if drawn["finding"] is not None:
            id = raise_finding(ctx, deal)
            if drawn["finding"] != "open":
                accept_finding(ctx, deal, id, days=1 if drawn["finding"] == "accepted" else -1)
        clock.now += 2 * lapsing
        subjects = {"deal": deal, "pipeline": pipeline, "professional": professional} | ({"contract": contracts[-1]} if contracts else {})
        if drawn["finalizing"]:
            office.begin(deal)
        for (action, act), where, who in drawn["said"]:
            if where in subjects:
                decide(context("operator", user=f"user_{who}"), subjects[where], action, act)
        if drawn["approved"]:
            for who in ("king", "queen"):
                decide(context("operator", user=f"user_{who}"), deal)
        false = expected(drawn)
        status = office.status(deal)
        assert {key for key, holds in status["checklist"].items() if not holds} == false
        assert status["blocking"].keys() == false
        answer = office.call("POST", f"{F}/{deal}")
        assert (answer.status == 200) is (not false), answer.text
        assert (office.ok("GET", f"/deals/{deal}")["status"] == "finalized") is (not false)
        if false:
            kind = "approval-required" if false == {"approvals"} else "not-ready"
            assert answer.json()["type"] == f"/problems/{kind}"
        seen.add(not false)

    check()
    assert seen == ({True} if deals is GOOD_DEALS else {False}) or seen == {True, False}


def _contract(ctx: Any, deal: str, status: str) -> str:
    return papers.add_contract(ctx, deal, "signed" if status == "ended" else status, in_force=status == "signed")


def _route(ctx: Any, deal: str, status: str, contract: str | None) -> None:
    if status == "stale":
        papers.add_route(ctx, deal, "acknowledged", contract, "another")
    else:
        papers.add_route(ctx, deal, status, contract)


def _task(office: Any, deal: str, professional: str, status: str) -> None:
    id = office.ok("POST", "/pros/tasks", {"professional_id": professional, "deal_id": deal, "title": "T"})["id"]
    steps = {"open": (), "in_progress": ("in_progress",), "done": ("in_progress", "done"), "cancelled": ("cancelled",)}[status]
    office.move_task(id, *steps, **({"reason": "duplicate"} if status == "cancelled" else {}))


def _item(office: Any, ctx: Any, context: Any, confirmers: list[Any], deal: str, status: str, lapsing: timedelta) -> None:
    match status:
        case "unfilled" | "filled":
            office.item(deal, "information", field="notes" if status == "unfilled" else "title")
        case "one person" | "two people":
            item = office.item(deal, "two_person")
            for confirmer in confirmers[: 1 if status == "one person" else 2]:
                confirmer.settle(item)
        case "evidence" | "evidence gone":
            item, thing = office.item(deal, "document"), papers.add_route(ctx, deal)
            office.settle(item, evidence={"route_id": thing})
            if status == "evidence gone":
                papers.change(ctx, thing, status="recalled")
        case "waived" | "lapsed waiver":
            item = office.item(deal)
            values = {"expires_at": ctx.now + lapsing} if status == "lapsed waiver" else {}
            waiver = decide(context("operator", user=f"user_{item['id'][-8:]}"), deal, "approve", "waive", **values)
            office.settle(item, "waived", decision_id=waiver)
        case "not_applicable":
            office.settle(office.item(deal), status, reason="r")
        case "done":
            office.settle(office.item(deal))
        case _:
            office.item(deal)
