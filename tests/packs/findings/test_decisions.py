"""The risk of a critical finding is accepted by a decision that stands: for accept_risk on the deal, and for nothing else."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.foundation.store.transactions import Transaction
from chalicelib.foundation.subjects import SubjectRegistry
from chalicelib.packs.deals import public as deals
from chalicelib.packs.findings import public
from chalicelib.packs.governance import public as governance
from chalicelib.packs.governance import repository
from tests.packs.findings.findings_client import AUDIT, FindingsClient
from tests.packs.findings.test_cost import documented
from tests.packs.tasks.test_races import Meanwhile

E = f"{AUDIT}/events"


@pytest.fixture
def decide(context: Any) -> Callable[..., str]:
    """`decide(deal)`: a holder's decision on a subject; its id."""

    def decide(subject_id: str, action: str = "approve", **given: Any) -> str:
        ctx = context("viewer", user="user_king")
        subject = SubjectRegistry(ctx.packs).load(ctx, subject_id)
        head = repository.read_head(ctx, subject_id)
        id = governance.Decision.ID.new(ctx.now, parent=subject_id)
        values = {
            "subject_type": subject.type, "subject_id": subject_id, "number": head.ver + 1, "role": "King", "person": "user_king",
            "action": action, "requested_action": "accept_risk", "is_final": False, "subject_hash": subject.content_hash, "policy_version": 1,
        }  # fmt: skip
        decision = governance.Decision.new(ctx, id, **values | given)
        tx = Transaction(ctx.store)
        tx.create(decision)
        repository.add_head(tx, subject_id, head, head.with_decision(decision))
        tx.commit()
        return id

    return decide


@pytest.fixture
def deal(findings: FindingsClient) -> str:
    deal = findings.deal(value=100000)
    findings.scan(deal)
    return deal


def body(decision: str) -> dict[str, str]:
    return {"reason": "The buyer knows of it.", "until": "2026-12-31", "decision_id": decision}


def critical(findings: FindingsClient, deal: str) -> str:
    return str(findings.only(deal, "MISSING_SIGNED_CONTRACT")["id"])


@pytest.mark.parametrize("action", ["approve", "override"])
def test_a_standing_one(findings: FindingsClient, auditor: FindingsClient, deal, decide, context, action):
    decision = decide(deal, action)
    accepted = auditor.ok("POST", f"{E}/{critical(findings, deal)}/accept", body(decision))
    assert (accepted["status"], accepted["decision_id"]) == ("accepted_risk", decision)
    assert findings.scan(deal)["events"] == []
    ctx = context("operator")
    snapshot = deals.read_snapshot(ctx, deal)
    facts = public.read_scan_facts(ctx, snapshot)
    assert [issue.code for issue in public.live_issues(ctx, facts)] == ["MISSING_SIGNED_CONTRACT"]
    assert public.critical_issues(ctx, facts, snapshot.rows) == {}
    assert [finding.status for finding in public.standing_findings(snapshot.rows)] == ["accepted_risk"]


@pytest.mark.parametrize(
    "given",
    [{"requested_action": "*"}, {"requested_action": "finalize"}, {"requested_action": "waive"}, {"action": "deny"}, {"action": "flag"}],
)
def test_for_something_else(findings: FindingsClient, auditor: FindingsClient, deal, decide, given):
    refused = auditor.expect_error(409, "POST", f"{E}/{critical(findings, deal)}/accept", body(decide(deal, **given)))
    assert refused["code"] == "decision_needed"


def test_on_another_deal(findings: FindingsClient, auditor: FindingsClient, deal, decide):
    refused = auditor.expect_error(409, "POST", f"{E}/{critical(findings, deal)}/accept", body(decide(findings.deal())))
    assert refused["code"] == "decision_needed"


def test_one_that_has_lapsed_or_is_of_other_content(findings: FindingsClient, auditor: FindingsClient, deal, decide, clock):
    path = f"{E}/{critical(findings, deal)}/accept"
    lapsing, standing = decide(deal, expires_at=clock.now + timedelta(hours=1)), decide(deal, person="user_queen", role="Queen")
    clock.now += timedelta(hours=2)
    assert auditor.expect_error(409, "POST", path, body(lapsing))["code"] == "decision_needed"
    findings.ok("PATCH", f"/deals/{deal}", {"value": 200000})
    assert auditor.expect_error(409, "POST", path, body(standing))["code"] == "decision_needed"


def test_somebody_elses_denial_stands(findings: FindingsClient, auditor: FindingsClient, deal, decide):
    decision = decide(deal)
    decide(deal, "deny", person="user_tyr", role="Tyr")
    refused = auditor.expect_error(409, "POST", f"{E}/{critical(findings, deal)}/accept", body(decision))
    assert refused["code"] == "decision_needed"


def test_nobody_accepts_by_what_they_decided(findings: FindingsClient, auditor: FindingsClient, as_, deal, decide):
    decision, path = decide(deal), f"{E}/{critical(findings, deal)}/accept"
    assert as_("auditor", user="user_king").expect_error(409, "POST", path, body(decision))["code"] == "decision_needed"
    auditor.ok("POST", path, body(decision))


def test_its_maker_denies_it_meanwhile(findings: FindingsClient, auditor: FindingsClient, deal, decide, runtime):
    decision, path = decide(deal), f"{E}/{critical(findings, deal)}/accept"
    Meanwhile(runtime, lambda: decide(deal, "deny"))
    assert auditor.expect_error(409, "POST", path, body(decision))["code"] == "decision_needed"


def test_it_costs_two_round_trips_more(findings: FindingsClient, auditor: FindingsClient, deal, decide, round_trips):
    path, decision = f"{E}/{critical(findings, deal)}/accept", decide(deal)
    auditor.call("POST", path, body(decision), headers={"Idempotency-Key": "k"})
    assert round_trips() == documented()["POST /audit/events/{id}/accept"] + 2
