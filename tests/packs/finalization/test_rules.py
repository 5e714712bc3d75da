"""The rules of finalization, as pure functions."""

from dataclasses import dataclass, replace
from datetime import date
from itertools import product
from typing import Any

import pytest

from chalicelib.foundation.errors import Conflict, Forbidden, InvalidTransition, ValidationFailed
from chalicelib.packs.deals.public import ANCHORS, INFORMATION_FIELDS, KINDS
from chalicelib.packs.finalization.rules import certificate, checklist, items, statuses
from chalicelib.packs.finalization.rules.items import MoveFacts, Surroundings
from chalicelib.packs.finalization.rules.templates import TEMPLATES
from tests.state_machines import Everyone


@dataclass(frozen=True)
class OneItem:
    id: str = "item_1"
    kind: str = "task"
    status: str = "open"
    field: str | None = None
    due: Any = None
    evidence: Any = None
    decision_id: str | None = None
    confirmations: Any = ()


@dataclass(frozen=True)
class Part:
    id: str
    facts: dict[str, Any]


@dataclass(frozen=True)
class Issue:
    code: str
    subject_id: str


NOTHING = Surroundings({}, None)


ALLOWED = {
    "open": {"finalizing", "cancelled"},
    "finalizing": {"open", "cancelled"},
    "finalized": set(),
    "cancelled": set(),
}


class TestStatuses:
    @pytest.mark.parametrize(("source", "target"), list(product(ALLOWED, ALLOWED)))
    def test_what_people_can_reach(self, source, target):
        given = {"actor": Everyone(), "reason": "title", "note": "why"}
        if target in ALLOWED[source]:
            statuses.MACHINE.check(source, target, **given)
            return
        with pytest.raises(InvalidTransition) as refused:
            statuses.MACHINE.check(source, target, **given)
        assert set(refused.value.members["allowed"]) == ALLOWED[source]

    def test_what_they_need(self):
        check = statuses.MACHINE.check
        with pytest.raises(ValidationFailed, match="note"):
            check("finalizing", "open", actor=Everyone())
        for source in ("open", "finalizing"):
            with pytest.raises(ValidationFailed, match="reason"):
                check(source, "cancelled", actor=Everyone())
            with pytest.raises(Forbidden):
                check(source, "cancelled", actor=Everyone(["deals:move"]), reason="title")
        for pair in (("open", "finalizing"), ("finalizing", "open")):
            with pytest.raises(Forbidden):
                check(*pair, actor=Everyone(["deals:any-owner"]), note="n")

    def test_a_refusal_says_what_does_it(self):
        with pytest.raises(InvalidTransition, match="POST /deals/finalization"):
            statuses.MACHINE.check("finalizing", "finalized", actor=Everyone())
        with pytest.raises(InvalidTransition, match="reopen"):
            statuses.MACHINE.check("finalized", "open", actor=Everyone())


class TestTemplates:
    def test_each_kind_has_one(self):
        assert TEMPLATES.keys() == set(KINDS)

    def test_what_they_hold(self):
        def of(kind):
            return [(item.kind, item.field or item.title, item.role) for item in TEMPLATES[kind]]

        call_back = ("two_person", "Wire details confirmed by a call back", None)
        assert sorted(of("wholesale"), key=str) == sorted(
            [
                ("information", "pipeline.stage", None),
                ("information", "pipeline.earnest_money_paid_on", None),
                ("document", "Assignment agreement", None),
                ("document", "Settlement statement", None),
                ("task", "Title is clear", "legal"),
                ("task", "Closing agent is named", None),
                ("task", "Buyer's funds are confirmed", None),
                call_back,
            ],
            key=str,
        )
        assert of("purchase") == of("sale")
        assert sorted(of("sale"), key=str) == sorted(
            [
                ("task", "Closing agent is named", None),
                ("document", "Settlement statement", None),
                ("task", "Title is clear", "legal"),
                call_back,
                ("task", "Real-estate report is considered", "legal"),
            ],
            key=str,
        )
        assert of("service") == [("task", "Deliverables are accepted", None), ("document", "Final statement", None)]
        assert of("other") == []

    def test_a_name_means_one_item(self):
        by_key = {}
        for item in (item for template in TEMPLATES.values() for item in template):
            assert by_key.setdefault(item.key, (item.kind, item.title, item.role)) == (item.kind, item.title, item.role)
        for template in TEMPLATES.values():
            assert len({item.key for item in template}) == len(template)

    def test_fields_and_anchors_are_there(self):
        for item in (item for template in TEMPLATES.values() for item in template):
            assert item.field is None or item.field in INFORMATION_FIELDS
            assert item.anchor is None or item.anchor in ANCHORS


MOVES = {
    ("open", "done"), ("open", "not_applicable"), ("open", "waived"),
    ("done", "open"), ("not_applicable", "open"), ("waived", "open"),
}  # fmt: skip
FIELDS = {"reason": "r", "decision_id": "dec_1"}


class TestItemMoves:
    @pytest.mark.parametrize(("source", "target"), list(product(items.STATUSES, items.STATUSES)))
    def test_the_table(self, source, target):
        if (source, target) in MOVES:
            items.MACHINE.check(source, target, MoveFacts("task"), fields=FIELDS)
            return
        with pytest.raises(InvalidTransition) as refused:
            items.MACHINE.check(source, target, MoveFacts("task"), fields=FIELDS)
        assert set(refused.value.members["allowed"]) == {to for at, to in MOVES if at == source}

    def test_what_they_need(self):
        for target, name in (("not_applicable", "reason"), ("waived", "decision_id")):
            with pytest.raises(ValidationFailed, match=name):
                items.MACHINE.check("open", target, MoveFacts("task"))

    def test_nobody_sets_what_is_derived(self):
        for source, target in (("open", "done"), ("done", "open")):
            with pytest.raises(Conflict) as refused:
                items.MACHINE.check(source, target, MoveFacts("information"))
            assert refused.value.members["code"] == "derived"
        items.MACHINE.check("open", "not_applicable", MoveFacts("information"), fields=FIELDS)

    def test_two_people_are_never_not_applicable(self):
        with pytest.raises(Conflict) as refused:
            items.MACHINE.check("open", "not_applicable", MoveFacts("two_person"), fields=FIELDS)
        assert refused.value.members["code"] == "two_person"
        items.MACHINE.check("open", "waived", MoveFacts("two_person"), fields=FIELDS)


class TestConfirming:
    def test_two_others(self):
        first = items.confirmed([], "user_ann", "user_eve", "t1", is_person=True)
        assert first == [{"by": "user_ann", "at": "t1"}]
        assert not items.is_confirmed(first)
        assert items.confirmed(first, "user_ann", "user_eve", "t2", is_person=True) == first
        both = items.confirmed(first, "user_bob", "user_eve", "t3", is_person=True)
        assert both == [*first, {"by": "user_bob", "at": "t3"}]
        assert items.is_confirmed(both)

    def test_who_may_not(self):
        for by, is_person in (("user_eve", True), ("user_ann", False)):
            with pytest.raises(Forbidden):
                items.confirmed([], by, "user_eve", "t", is_person=is_person)


class TestStanding:
    def test_an_open_one(self):
        assert items.standing(OneItem(), NOTHING) == ("open", "open")
        half = OneItem(kind="two_person", confirmations=[{"by": "user_ann", "at": "t"}])
        assert items.standing(half, NOTHING) == ("open", "one_of_two")

    @pytest.mark.parametrize("status", ["done", "not_applicable"])
    def test_a_settled_one(self, status):
        assert items.standing(OneItem(status=status), NOTHING) == (status, None)

    def test_a_waiver_holds_while_its_decision_stands(self):
        waived = OneItem(status="waived", decision_id="dec_1")
        assert items.standing(waived, replace(NOTHING, waivers=frozenset({"dec_1"}))) == ("waived", None)
        assert items.standing(waived, replace(NOTHING, waivers=frozenset({"dec_2"}))) == ("open", "waiver_ended")

    @pytest.mark.parametrize("name", ["contract_id", "route_id"])
    def test_evidence_holds_while_it_is_there(self, name):
        done = OneItem(kind="document", status="done", evidence={name: "x_1"})
        assert items.standing(done, replace(NOTHING, evidence={"x_1"}.__contains__)) == ("done", None)
        assert items.standing(done, replace(NOTHING, evidence={"x_2"}.__contains__)) == ("open", "evidence_gone")
        digest = replace(done, evidence={"sha256": "a" * 64})
        assert items.standing(digest, replace(NOTHING, evidence=set().__contains__)) == ("done", None)

    @pytest.mark.parametrize(
        ("name", "deal", "pipeline", "filled"),
        [
            ("title", {"title": "T"}, None, True), ("notes", {"title": "T"}, None, False), ("professional_ids", {"professional_ids": []}, None, False),
            ("value", {"value": 0}, None, True), ("pipeline.closes_on", {"closes_on": 1}, None, False),
            ("pipeline.closes_on", {}, {"closes_on": date(2026, 1, 1)}, True), ("pipeline.stage", {}, {"stage": "assigned"}, False),
            ("pipeline.stage", {}, {"stage": "closed"}, True),
        ],
    )  # fmt: skip
    def test_information_is_done_while_its_field_is_filled(self, name, deal, pipeline, filled):
        now = items.standing(OneItem(kind="information", field=name), Surroundings(deal, pipeline))
        assert now == (("done", None) if filled else ("open", "not_filled"))

    def test_information_that_is_not_applicable_stays_so(self):
        item = OneItem(kind="information", field="title", status="not_applicable")
        assert items.standing(item, Surroundings({"title": "T"}, None)) == ("not_applicable", None)

    def test_when_it_is_due(self):
        around = Surroundings({"opened_on": date(2026, 1, 31), "target_close_on": None}, {"closes_on": date(2026, 3, 1)})

        def due(anchor, offset):
            return items.due_on(OneItem(due={"anchor": anchor, "offset_days": offset}), around)

        assert due("opened_on", 1) == date(2026, 2, 1)
        assert due("pipeline.closes_on", -1) == date(2026, 2, 28)
        assert due("target_close_on", 3) is None
        assert due("pipeline.inspection_ends_on", 3) is None
        assert items.due_on(OneItem(), around) is None


SIGNED = Part("ctr_1", {"status": "signed", "in_force": True, "document_sha256": "aa"})
READY = checklist.Findings("deal_1", [SIGNED], [], [], [], NOTHING, [], [], [])


def blocks(**changes):
    return checklist.blocking(replace(READY, **changes))


def route(status, contract=None, digest="aa"):
    return Part("doc_1", {"status": status, "contract_id": contract, "document_sha256": digest})


class TestChecklist:
    def test_nothing_blocks(self):
        assert blocks() == {}
        assert checklist.checklist({}) == dict.fromkeys(checklist.KEYS, True)
        assert len(checklist.KEYS) == 8

    def test_each_key(self):
        whole = checklist.checklist({"approvals": [{"id": "deal_1", "why": "missing"}]})
        assert [key for key, holds in whole.items() if not holds] == ["approvals"]

    def test_a_contract_that_is_signed_and_in_force(self):
        assert blocks(contracts=[]) == {"has_signed_contract": [{"id": "deal_1", "why": "none_signed"}]}
        ended = Part("ctr_2", {"status": "signed", "in_force": False, "document_sha256": None})
        assert blocks(contracts=[ended]) == {"has_signed_contract": [{"id": "ctr_2", "why": "not_in_force"}]}
        assert blocks(contracts=[ended, SIGNED]) == {}
        terminated = Part("ctr_3", {"status": "terminated", "in_force": False, "document_sha256": None})
        assert blocks(contracts=[terminated])["has_signed_contract"] == [{"id": "deal_1", "why": "none_signed"}]

    @pytest.mark.parametrize("status", ["draft", "under_review", "approved", "sent"])
    def test_an_unsigned_one(self, status):
        """Domain rule D28: signed, and an amendment in draft."""
        other = Part("ctr_2", {"status": status, "in_force": False, "document_sha256": None})
        assert blocks(contracts=[SIGNED, other]) == {"no_unsigned_contracts": [{"id": "ctr_2", "why": status}]}

    @pytest.mark.parametrize("status", ["declined", "expired", "terminated", "archived"])
    def test_those_that_are_over(self, status):
        assert blocks(contracts=[SIGNED, Part("ctr_2", {"status": status, "in_force": False, "document_sha256": None})]) == {}

    @pytest.mark.parametrize("status", ["sent", "opened", "bounced"])
    def test_an_unacknowledged_document(self, status):
        """Domain rule D26: three acknowledged and one recalled hold, three and one bounced don't."""
        done = [route("acknowledged")] * 3
        assert blocks(routes=[*done, route("recalled")]) == {}
        assert blocks(routes=[*done, route(status)]) == {"all_required_docs_acknowledged": [{"id": "doc_1", "why": status}]}

    def test_another_document_since(self):
        assert blocks(routes=[route("acknowledged", "ctr_1", "aa")]) == {}
        assert blocks(routes=[route("acknowledged", "ctr_1", "bb")]) == {
            "all_required_docs_acknowledged": [{"id": "doc_1", "why": "stale_hash"}]
        }
        archived = Part("ctr_1", {**SIGNED.facts, "status": "archived"})
        assert "all_required_docs_acknowledged" not in blocks(contracts=[archived], routes=[route("acknowledged", "ctr_1", "bb")])

    @pytest.mark.parametrize(
        ("status", "settled"), [("open", False), ("in_progress", False), ("blocked", False), ("done", True), ("cancelled", True)]
    )
    def test_tasks(self, status, settled):
        """Domain rule D28: three done and one cancelled hold."""
        tasks = [Part("task_1", {"status": "done"})] * 3 + [Part("task_2", {"status": status})]
        assert blocks(tasks=tasks) == ({} if settled else {"all_professional_tasks_done": [{"id": "task_2", "why": status}]})

    def test_findings(self):
        issues = [Issue("MISSING_SIGNED_CONTRACT", "deal_1"), Issue("CHAIN_BROKEN", "ctr_1")]
        assert blocks(issues=issues) == {"no_open_critical_finding": [{"id": "ctr_1", "why": "CHAIN_BROKEN"}]}
        assert blocks(issues=issues[:1]) == {}

    def test_items(self):
        assert blocks(items=[OneItem(), OneItem("item_2", status="done")]) == {"items_settled": [{"id": "item_1", "why": "open"}]}

    def test_what_governance_says(self):
        said = [{"id": "dec_1", "why": "denied"}]
        assert blocks(objections=said, approvals=said) == {"no_governance_denial_or_flag": said, "approvals": said}

    def test_what_is_evidence(self):
        contracts = [SIGNED, Part("ctr_2", {"status": "archived"})]
        there = checklist.is_evidence(contracts, [route("acknowledged"), Part("doc_2", {"status": "recalled"})])
        assert [there(id) for id in ("ctr_1", "ctr_2", "doc_1", "doc_2", "x")] == [True, False, True, False, False]


CONTENT = {"number": 1, "deal": {"id": "deal_1"}, "effective_value": None, "content_hash": "x", "superseded": None}


class TestCertificate:
    def test_the_digest_covers_all_but_itself_and_what_comes_after(self):
        digest = certificate.hash_of(CONTENT)
        assert digest == certificate.hash_of({**CONTENT, "content_hash": "y", "superseded": {"at": "t"}})
        assert digest != certificate.hash_of({**CONTENT, "number": 2})

    def test_it_is_that_of_rfc_8785(self):
        import hashlib

        text = '{"deal":{"id":"deal_1"},"effective_value":null,"number":1}'
        assert certificate.hash_of(CONTENT) == hashlib.sha256(text.encode()).hexdigest()

    def test_policies_are_met_by_people(self):
        policy = {"roles": ["king", "queen"], "people": 2}

        def decided(person, role="king", action="approve"):
            return {"person": person, "role": role, "action": action}

        assert certificate.are_met([], [])
        assert certificate.are_met([policy], [decided("a"), decided("b", "queen", "override")])
        assert not certificate.are_met([policy], [decided("a"), decided("a", "queen")])
        assert not certificate.are_met([policy], [decided("a"), decided("b", "tyr")])
        assert not certificate.are_met([policy], [decided("a"), decided("b", action="deny")])
