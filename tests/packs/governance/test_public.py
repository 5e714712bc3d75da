"""What acting packs ask: whether an act is denied, and whether it has the approval that it needs."""

from decimal import Decimal

import pytest

from chalicelib.foundation.errors import ApprovalRequired, Conflict, VersionConflict
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.foundation.subjects import SubjectRegistry
from chalicelib.packs import PACKS
from chalicelib.packs.governance import public as governance
from tests.packs.governance.governance_client import Office
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


class TestStandingDecisions:
    """What waiving, accepting a risk and reopening rely on."""

    def usable(self, ctx, decision, act, **more) -> bool:
        found = governance.standing_decision(ctx, decision["id"], decision["subject_id"], act, **more)
        assert found is None or found.id == decision["id"]
        return found is not None

    def test_exactly_for_the_act(self, people, context):
        ctx, king = context("operator"), people.holder("King")
        deal = people.deal()
        waive = king.decide(deal, requested_action="waive")
        assert self.usable(ctx, waive, "waive")
        assert not self.usable(ctx, waive, "accept_risk")
        assert not self.usable(ctx, king.decide(people.deal()), "waive"), "of every act"
        assert not self.usable(ctx, waive | {"subject_id": people.deal()}, "waive"), "of another deal"

    def test_a_final_override(self, people, context):
        ctx, king = context("operator"), people.holder("King")
        for more, final, usable in (
            ({"action": "override", "is_final": True}, True, True),
            ({"action": "override"}, True, False),
            ({"is_final": True}, True, False),
            ({"action": "override"}, False, True),
        ):
            decision = king.decide(people.deal(), requested_action="reopen", **more)
            assert self.usable(ctx, decision, "reopen", final=final) is usable

    def test_not_once_it_ended(self, people, context):
        ctx, king, deal = context("operator"), people.holder("King"), people.deal()
        waive = king.decide(deal, requested_action="waive")
        people.operator.ok("PATCH", f"/deals/{deal}", {"value": 9})
        assert not self.usable(ctx, waive, "waive")

    def test_not_by_who_decided_it_nor_for_who_asked(self, people, context):
        king, deal = people.holder("King", roles=("operator",)), people.deal()
        waive = king.decide(deal, requested_action="waive")
        assert not self.usable(context("operator", user="user_king"), waive, "waive"), "their own"
        assert self.usable(context("operator"), waive, "waive")
        king.ask(deal, "waive")
        assert not self.usable(context("operator"), waive, "waive"), "they asked for it since"

    def test_the_decisions_among_the_rows_of_a_partition(self, people, context):
        from chalicelib.packs.deals.public import read_snapshot

        king, deal = people.holder("King"), people.deal()
        made = [king.decide(deal, requested_action=act) for act in ("sign", "waive")]
        king.decide(people.deal())
        rows = read_snapshot(context("operator"), deal).rows
        found = governance.decisions_of(rows.values(), deal)
        assert [decision.id for decision in found] == [one["id"] for one in made]
        head = governance.parse_head(rows[governance.head_key(deal).sk])
        assert [record.id for record in head.records] == [one["id"] for one in made]


@pytest.fixture
def people(runtime, client_as):
    return Office(runtime, client_as)
