"""What acting packs ask: whether an act is denied, and whether it has the approval that it needs."""

from decimal import Decimal

import pytest

from chalicelib.foundation.errors import ApprovalRequired, Conflict, VersionConflict
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.foundation.subjects import SubjectRegistry
from chalicelib.packs import PACKS
from chalicelib.packs.governance import public as governance
from tests.packs.tasks.tasks_client import TasksClient, events


@pytest.fixture
def office(client_as) -> TasksClient:
    return TasksClient(client_as("operator"))


def require(ctx, id: str, act: str = "finalize", amount: Decimal | None = Decimal("250000.01"), currency: str = "USD"):
    subject = SubjectRegistry(PACKS).load(ctx, id)
    return governance.require_approval(ctx, subject, act, kind=subject.facts.get("kind"), amount=amount, currency=currency)


def test_what_no_policy_is_about_needs_nobody(office, context):
    leave = require(context("operator"), office.deal(), amount=Decimal("250000.00"))
    assert (leave.head, leave.policies.version) == (governance.Head(), 1)


def test_what_needs_approval_is_asked_for_once(office, context, runtime):
    deal = office.deal()
    refusals = []
    for who in ("user_ann", "user_bob", "user_ann"):
        with pytest.raises(ApprovalRequired) as refused:
            require(context("operator", user=who), deal)
        refusals.append(refused.value.members)
    assert refusals[0] == refusals[1] == refusals[2]
    assert refusals[0]["approvals"] == [
        {
            "requested_action": "finalize",
            "subject_type": "deal",
            "subject_id": deal,
            "roles": ["King", "Queen"],
            "people_needed": 2,
            "people": 0,
        }
    ]
    asked = events(runtime, "governance.requested")
    assert sorted(event.for_role for event in asked) == ["King", "Queen"]
    assert {event.data["request_id"] for event in asked} == {refusals[0]["approval_request_id"]}


def test_the_act_depends_on_what_was_read(office, context):
    ctx = context("operator")
    deal = office.deal()
    leave = require(ctx, deal, amount=Decimal(1))
    tx = Transaction(ctx.store)
    leave.check(ctx, tx)
    tx.commit()
    ctx.store.put_values(governance.head_key(deal), {"ver": 1})
    tx = Transaction(ctx.store)
    leave.check(ctx, tx)
    with pytest.raises(VersionConflict):
        tx.commit()


def test_a_denial_is_no_question_of_policies(office, context):
    ctx = context("operator")
    deal = office.deal()
    hash = SubjectRegistry(PACKS).load(ctx, deal).content_hash
    denial = {"id": "dec_1", "number": 1, "action": "deny", "requested_action": "*", "role": "Tyr", "person": "user_tyr"}
    ctx.store.put_values(governance.head_key(deal), {"ver": 1, "records": [{**denial, "is_final": False, "subject_hash": hash}]})
    with pytest.raises(Conflict) as refused:
        require(ctx, deal, amount=Decimal(1))
    assert refused.value.members == {"code": "denied", "decision_ids": ["dec_1"]}
    office.ok("PATCH", f"/deals/{deal}", {"value": 5})
    assert require(ctx, deal, amount=Decimal(1)).head.ver == 1, "it was about other content"
