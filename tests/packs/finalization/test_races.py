"""Between the check and the commit of a finalization something changes: it is read again. And many at once, on the engine that bears threads."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.foundation.store.access_patterns import KeyRange
from chalicelib.foundation.store.store import Store
from chalicelib.packs.finalization.service import readiness
from tests.dynamodb_local import dynamodb_local, dynamodb_local_url
from tests.fault_injection import Conflicts, FaultInjectingClient, LostResponses, Throttles, Unprocessed
from tests.packs.finalization import papers
from tests.packs.finalization.decisions import accept_finding, decide, raise_finding
from tests.packs.finalization.finalization_client import F, FinalizationClient
from tests.packs.tasks.tasks_client import events
from tests.packs.tasks.test_races import Meanwhile, at_once

__all__ = ["dynamodb_local", "dynamodb_local_url"]


@pytest.fixture(autouse=True)
def with_papers(runtime):
    papers.register(runtime)


@pytest.fixture
def ctx(context):
    return context("operator", user="user_paper")


class Ready:
    """A deal that is ready, with something of each kind that may change."""

    def __init__(self, office: FinalizationClient, context: Any) -> None:
        self.office, self.context = office, context
        ctx = self.ctx = context("operator", user="user_paper")
        self.pipeline, self.professional = office.pipeline(), office.professional()
        self.deal = office.deal(value=1000, pipeline_id=self.pipeline, professional_ids=[self.professional], owner=None)
        self.contract = papers.add_contract(ctx, self.deal)
        self.route = papers.add_route(ctx, self.deal, contract=self.contract)
        self.task, self.item = office.task(self.deal), office.item(self.deal)
        office.move_task(self.task, "in_progress", "done")
        office.settle(self.item)
        self.waived = office.item(self.deal)
        self.waiver = decide(context("operator", user="user_king"), self.deal, "approve", "waive")
        office.settle(self.waived, "waived", decision_id=self.waiver)
        self.finding = raise_finding(ctx, self.deal)
        accept_finding(ctx, self.deal, self.finding)

    def decide_on_an_offer(self) -> str:
        (roster,) = (row for row in self.ctx.store.query_all(KeyRange(None, self.pipeline)) if row["sk"]["S"] == "!S")
        return self.decide(max(roster["live"]["M"]))

    def decide(self, subject: str, action: str = "flag", act: str = "*", role: str = "Loki") -> str:
        return decide(self.context("operator", user="user_loki"), subject, action, act, role)

    def withdraw_acceptance(self) -> None:
        from chalicelib.packs.findings.entities import Finding
        from tests.packs.finalization.decisions import _write

        before = self.ctx.store.require(Finding, self.finding)
        _write(self.ctx, before, before.with_changes(self.ctx, status="open"))


# What may happen meanwhile, and which key of the checklist it makes false.
CHANGES: dict[str, tuple[Callable[[Ready], Any], str]] = {
    "a contract changes": (lambda at: papers.change(at.ctx, at.contract, status="terminated"), "has_signed_contract"),
    "a contract comes": (lambda at: papers.add_contract(at.ctx, at.deal, "draft"), "no_unsigned_contracts"),
    "a route changes": (lambda at: papers.change(at.ctx, at.route, status="bounced"), "all_required_docs_acknowledged"),
    "a route comes": (lambda at: papers.add_route(at.ctx, at.deal, "sent"), "all_required_docs_acknowledged"),
    "a task changes": (lambda at: at.office.move_task(at.task, "in_progress", reason="defect"), "all_professional_tasks_done"),
    "a task comes": (lambda at: at.office.task(at.deal), "all_professional_tasks_done"),
    "an item changes": (lambda at: at.office.settle(at.item, "open"), "items_settled"),
    "an item comes": (lambda at: at.office.item(at.deal), "items_settled"),
    "a waiver is taken back": (lambda at: decide(at.context("operator", user="user_king"), at.deal, "deny", "waive"), "items_settled"),
    "a decision on the deal": (lambda at: at.decide(at.deal), "no_governance_denial_or_flag"),
    "a decision on its contract": (lambda at: at.decide(at.contract), "no_governance_denial_or_flag"),
    "a decision on its pipeline": (lambda at: at.decide(at.pipeline), "no_governance_denial_or_flag"),
    "a decision on its professional": (lambda at: at.decide(at.professional), "no_governance_denial_or_flag"),
    "a finding comes": (lambda at: raise_finding(at.ctx, at.deal, subject=at.contract), "no_open_critical_finding"),
    "a finding is open again": (lambda at: at.withdraw_acceptance(), "no_open_critical_finding"),
    "the value changes": (lambda at: at.office.change(at.deal, value=300_000), "approvals"),
    "the policies change": (lambda at: set_policies(at.ctx), "approvals"),
}


def set_policies(ctx: Any) -> None:
    """Let every deal need two people's approval."""
    from chalicelib.foundation import run_time_settings
    from chalicelib.foundation.store.transactions import Transaction
    from chalicelib.packs.governance.entities import PolicySettings, encode_policy
    from chalicelib.packs.governance.public import Policy

    policies = [encode_policy(Policy("finalize", "deal", ("King",), 2))]
    settings = PolicySettings.new(ctx, PolicySettings.ID.example, version=2, policies=policies, self_approval="finding")
    run_time_settings.commit_change(ctx, Transaction(ctx.store), None, settings)


@pytest.mark.parametrize("what", CHANGES)
def test_what_changed_between_check_and_commit_is_seen(office, context, runtime, what):
    ready, (happens, key) = Ready(office, context), CHANGES[what]
    assert office.status(ready.deal)["ready"]
    meanwhile = Meanwhile(runtime, lambda: happens(ready))
    answer = office.call("POST", f"{F}/{ready.deal}")
    assert meanwhile.results, "it happened"
    assert answer.status == 409, answer.text
    if key == "approvals" and "policies" not in what:
        assert not office.status(ready.deal)["checklist"]["approvals"]
    elif key == "approvals":
        assert answer.json()["type"] == "/problems/approval-required"
    else:
        assert key in answer.json()["blocking"], answer.text
    assert office.ok("GET", f"/deals/{ready.deal}")["status"] == "open"
    office.expect_error(404, "GET", f"{F}/{ready.deal}/certificate")
    assert events(runtime, "deals.finalized") == []


@pytest.mark.parametrize("many", [False, True])
def test_what_is_decided_on_an_assignment_meanwhile_is_seen(office, context, runtime, monkeypatch, many):
    """Also where assignments are so many that one condition stands for all."""
    monkeypatch.setattr(readiness, "MAX_HEADS", 2 if many else 3)
    at = Ready(office, context)
    for _ in range(3):
        office.offer(at.pipeline)
    Meanwhile(runtime, at.decide_on_an_offer)
    problem = office.expect_error(409, "POST", f"{F}/{at.deal}")
    assert list(problem["blocking"]) == ["no_governance_denial_or_flag"]


def test_a_pipeline_may_be_offered_to_many(office, context):
    at = Ready(office, context)
    for _ in range(100):
        office.offer(at.pipeline)
    assert office.finalize(at.deal)["finalized"]


def test_what_matters_not_is_read_again_and_certified(office, context, runtime):
    """The pipeline changes, and a finished task is written about: the deal is ready as before."""
    ready = Ready(office, context)
    Meanwhile(runtime, lambda: office.ok("PATCH", f"/wholesale/{ready.pipeline}", {"closes_on": "2027-01-10"}))
    assert office.finalize(ready.deal)["finalized"]


def test_the_template_is_added_by_one_of_two(office, ctx, runtime, as_):
    deal = office.deal(kind="purchase", value=1)
    papers.add_contract(ctx, deal)
    Meanwhile(runtime, lambda: as_("operator", user="user_ann").begin(deal))
    problem = office.expect_error(409, "POST", f"{F}/{deal}")
    assert (problem["deal_status"], len(problem["blocking"]["items_settled"])) == ("finalizing", 5)
    assert {item["created_by"] for item in office.items(deal)} == {"user_ann"}


def test_the_kind_changes_while_finalization_begins(office, runtime):
    deal = office.deal(kind="other")
    Meanwhile(runtime, lambda: office.change(deal, kind="sale"))
    assert office.begin(deal)["kind"] == "sale"
    assert len(office.items(deal)) == 5


def test_one_is_cancelled_as_it_is_finalized(office, context, runtime):
    ready = Ready(office, context)
    Meanwhile(runtime, lambda: office.cancel(ready.deal))
    assert office.expect_error(409, "POST", f"{F}/{ready.deal}")["code"] == "deal_not_open"


def test_one_is_finalized_as_it_is_cancelled(office, context, runtime):
    ready = Ready(office, context)
    Meanwhile(runtime, lambda: office.finalize(ready.deal))
    problem = office.expect_error(409, "PATCH", f"/deals/{ready.deal}/status", {"status": "cancelled", "reason": "title"})
    assert (problem["from"], problem["allowed"]) == ("finalized", [])


def test_an_override_is_overridden_as_it_reopens(office, context, runtime):
    ready = Ready(office, context)
    office.finalize(ready.deal)
    override = decide(context("operator", user="user_king"), ready.deal, "override", "reopen", is_final=True)
    Meanwhile(
        runtime, lambda: decide(context("operator", user="user_other_king"), ready.deal, "override", "reopen", "King", is_final=False)
    )
    assert office.refuse_reopening(ready.deal, override)["code"] == "decision_unusable"


def test_a_deal_may_have_as_many_parts_as_it_likes(office, context, runtime, monkeypatch):
    """What finalization writes doesn't grow with the parts of the deal."""
    sizes, call = [], Store.call

    def counting(store: Any, operation: str, **arguments: Any) -> Any:
        if operation == "transact_write_items":
            sizes.append(len(arguments["TransactItems"]))
        return call(store, operation, **arguments)

    ready = Ready(office, context)
    professional = office.professional("Many")
    for _ in range(40):
        office.settle(office.item(ready.deal))
        papers.add_route(ready.ctx, ready.deal)
        task = office.ok("POST", "/pros/tasks", {"professional_id": professional, "deal_id": ready.deal, "title": "T"})["id"]
        office.move_task(task, "cancelled", reason="not_needed")
    monkeypatch.setattr(Store, "call", counting)
    office.finalize(ready.deal, headers={"Idempotency-Key": "k"})
    assert sizes == [11]
    assert len(office.certificate(ready.deal)["routes"]) == 41


@pytest.mark.dynamodb_local
class TestThreads:
    @pytest.fixture
    def dynamodb(self, dynamodb_local: Any) -> Any:
        return dynamodb_local

    def test_finalized_at_once_there_is_one_certificate(self, office, context, runtime):
        ready = Ready(office, context)
        answers = at_once(8, lambda _: office.call("POST", f"{F}/{ready.deal}"))
        assert {answer.status for answer in answers} <= {200, 503}
        assert len({answer.text for answer in answers if answer.status == 200}) == 1
        assert office.certificate(ready.deal)["number"] == 1
        assert len(events(runtime, "deals.finalized")) == 1
        office.expect_error(404, "GET", f"{F}/{ready.deal}/certificate", query={"number": "2"})

    def test_finalized_and_changed_at_once_either_comes_first(self, office, context, runtime):
        """Whatever is written about a finalized deal was there when it was finalized."""
        ready = Ready(office, context)
        task = {"professional_id": ready.professional, "deal_id": ready.deal, "title": "T"}
        calls = [
            ("POST", f"{F}/{ready.deal}", None),
            ("POST", "/pros/tasks", task),
            ("POST", f"{F}/{ready.deal}", None),
            ("POST", "/pros/tasks", task),
        ]
        answers = at_once(4, lambda at: office.call(*calls[at]))
        finalized = [answer.status for answer in answers[::2]]
        added = Counter(answer.status for answer in answers[1::2])
        status = office.ok("GET", f"/deals/{ready.deal}")["status"]
        assert (status == "finalized") is (200 in finalized)
        if status == "finalized":
            assert added == {409: 2}
        else:
            assert added[201] > 0

    def test_both_of_two_people_at_once(self, office, as_):
        item = office.item(office.deal(owner=None), "two_person")
        people = [as_("operator", user=f"user_{number}") for number in range(6)]
        answers = at_once(6, lambda at: people[at].call("PATCH", office.path(item), {"status": "done"}))
        assert Counter(answer.status for answer in answers) == {200: 2, 409: 4}
        seen = office.read_item(item)
        assert (seen["status"], len({one["by"] for one in seen["confirmations"]})) == ("done", 2)

    def test_reopened_at_once_it_is_reopened_once(self, office, context, runtime):
        ready = Ready(office, context)
        office.finalize(ready.deal)
        overrides = [
            decide(context("operator", user=f"user_king{number}"), ready.deal, "override", "reopen", is_final=True) for number in range(2)
        ]
        answers = at_once(4, lambda at: office.call("POST", f"{F}/{ready.deal}/reopen", {"decision_id": overrides[at % 2], "reason": "r"}))
        assert Counter(answer.status for answer in answers) == {200: 1, 409: 3}
        assert len(events(runtime, "deals.reopened")) == 1

    @pytest.mark.parametrize("seed", range(3))
    def test_with_faults_at_every_fifth_call(self, office, context, runtime, seed):
        """Throttles, conflicts and lost answers: each call ends as it would without them, and only once."""
        ready = Ready(office, context)
        override = None
        sound = runtime.dynamodb
        faults = (
            Throttles(0.2, seed=seed),
            Conflicts(0.2, seed=seed + 10),
            LostResponses(0.1, seed=seed + 20),
            Unprocessed(0.2, seed=seed),
        )
        runtime.dynamodb = FaultInjectingClient(sound, *faults)
        office.settle(ready.item, "open")
        office.begin(ready.deal)
        office.settle(ready.item)
        first = office.finalize(ready.deal, headers={"Idempotency-Key": "k"})
        assert office.finalize(ready.deal, headers={"Idempotency-Key": "k"}) == first
        runtime.dynamodb = sound
        override = decide(context("operator", user="user_king"), ready.deal, "override", "reopen", is_final=True)
        runtime.dynamodb = FaultInjectingClient(sound, *faults)
        office.reopen(ready.deal, override)
        assert office.finalize(ready.deal)["certificate"]["number"] == 2
        runtime.dynamodb = sound
        assert Counter(event.event for event in events(runtime, "deals.finalized", "deals.reopened")) == {
            "deals.finalized": 2,
            "deals.reopened": 1,
        }
