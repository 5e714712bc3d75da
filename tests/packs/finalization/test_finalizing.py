"""A deal is finalized once all that must hold does, and only then: with a certificate."""

import hashlib
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.foundation.canonical_json import canonical_json
from tests.packs.deals.deals_client import gate_of
from tests.packs.finalization import papers
from tests.packs.finalization.decisions import accept_finding, decide, raise_finding
from tests.packs.finalization.finalization_client import F
from tests.packs.tasks.tasks_client import events

ALL = {
    "has_signed_contract", "no_unsigned_contracts", "all_required_docs_acknowledged", "all_professional_tasks_done",
    "no_open_critical_finding", "no_governance_denial_or_flag", "items_settled", "approvals",
}  # fmt: skip


@pytest.fixture(autouse=True)
def with_papers(runtime):
    papers.register(runtime)


@pytest.fixture
def ctx(context):
    return context("operator", user="user_paper")


@pytest.fixture
def king(context):
    return lambda: context("operator", user="user_king")


@pytest.fixture
def queen(context):
    return lambda: context("operator", user="user_queen")


@pytest.fixture
def deal(office, ctx):
    """A deal that is ready: worth little, with a signed contract."""
    id = office.deal(value=1000)
    papers.add_contract(ctx, id)
    return id


class TestRequirements:
    def test_they_are_those_of_the_older_api_and_more(self, office, as_):
        body = office.ok("GET", f"{F}/requirements")
        assert body == {
            "required_contract_status": "signed", "required_doc_route_status": "acknowledged", "required_task_status": "done",
            "no_unsigned_contracts": True, "no_open_critical_finding": True, "no_governance_denial_or_flag": True, "items_settled": True,
            "approvals": [{"kind": None, "above": 250000, "currency": "USD", "roles": ["King", "Queen"], "people": 2}],
            "policy_version": 1,
        }  # fmt: skip
        assert as_("viewer").ok("GET", f"{F}/requirements") == body


class TestStatus:
    def test_of_a_ready_deal(self, office, deal, round_trips):
        office.status(deal)  # the policies are read once
        body = office.status(deal)
        assert round_trips() <= 2
        assert body == {
            "deal_id": deal, "status": "open", "ready": True, "finalized": False, "checklist": dict.fromkeys(ALL, True), "blocking": {},
            "effective_value": {"amount": 1000, "currency": "USD", "basis": "value"}, "certificate": None, "as_of": "2026-11-24T18:00:00.000Z",
        }  # fmt: skip

    def test_what_stands_in_the_way(self, office, ctx, king):
        """One thing for each key: all at once are named."""
        deal = office.deal(value=300_000, professional_ids=[office.professional()])
        ended, draft = papers.add_contract(ctx, deal, in_force=False), papers.add_contract(ctx, deal, "draft")
        bounced, stale = papers.add_route(ctx, deal, "bounced"), papers.add_route(ctx, deal, contract=ended, sha256="bb")
        task, item = office.task(deal), office.item(deal)
        finding, denial = raise_finding(ctx, deal), decide(king(), deal, "deny", "*", "Tyr")
        body = office.status(deal)
        assert (body["ready"], body["checklist"]) == (False, dict.fromkeys(ALL, False))
        assert {key: sorted((one["id"], one["why"]) for one in blocks) for key, blocks in body["blocking"].items()} == {
            "has_signed_contract": [(ended, "not_in_force")],
            "no_unsigned_contracts": [(draft, "draft")],
            "all_required_docs_acknowledged": sorted([(bounced, "bounced"), (stale, "stale_hash")]),
            "all_professional_tasks_done": [(task, "open")],
            "no_open_critical_finding": [(deal, "CHAIN_BROKEN")],
            "no_governance_denial_or_flag": [(denial, "denied")],
            "items_settled": [(item["id"], "open")],
            "approvals": [(deal, "approval_missing")],
        }
        assert finding

    def test_of_an_unknown_deal(self, office):
        for id in ("deal_01KB0Q5E8G7Z3V9X2M4N6P8R0T", "17"):
            office.expect_error(404, "GET", f"{F}/status/{id}")
            office.expect_error(404, "POST", f"{F}/{id}")
            office.expect_error(404, "GET", f"{F}/{id}/certificate")

    def test_of_a_cancelled_one(self, office, deal):
        office.cancel(deal)
        body = office.status(deal)
        assert (body["status"], body["ready"], body["checklist"]["has_signed_contract"]) == ("cancelled", False, True)

    def test_who_asks_for_what_changed_gets_it(self, office, deal):
        tag = office.call("GET", f"{F}/status/{deal}").headers["etag"]
        office.item(deal)
        answer = office.call("GET", f"{F}/status/{deal}", headers={"If-None-Match": tag})
        assert (answer.status, answer.json()["ready"]) == (200, False)


class TestFinalizing:
    def test_a_ready_deal_is_finalized(self, office, deal, runtime, round_trips):
        office.status(deal)
        body = office.finalize(deal)
        assert round_trips() <= 3
        assert body.items() >= {
            "deal_id": deal, "status": "finalized", "ready": True, "finalized": True, "checklist": dict.fromkeys(ALL, True), "blocking": {},
        }.items()  # fmt: skip
        certificate = office.certificate(deal)
        assert body["certificate"] == {"number": 1, "content_hash": certificate["content_hash"]}
        seen = office.ok("GET", f"/deals/{deal}")
        assert (seen["status"], seen["status_entered_by"]) == ("finalized", "user_operator")
        assert gate_of(runtime, deal).status == "finalized"
        (event,) = events(runtime, "deals.finalized")
        assert (event.subject_id, event.for_user, event.data["number"]) == (deal, "user_operator", 1)

    def test_twice_it_answers_the_same(self, office, deal, clock, runtime):
        first = office.finalize(deal)
        clock.now += timedelta(days=2)
        assert office.finalize(deal) == office.status(deal) == first
        assert len(events(runtime, "deals.finalized")) == 1
        assert office.expect_error(404, "GET", f"{F}/{deal}/certificate", query={"number": "2"})

    def test_a_repetition_is_answered_the_same(self, office, deal, ctx):
        key = {"Idempotency-Key": "k"}
        first = office.call("POST", f"{F}/{deal}", headers=key)
        second = office.call("POST", f"{F}/{deal}", headers=key)
        assert (first.status, second.status, second.headers["idempotent-replayed"], second.text) == (200, 200, "true", first.text)

    def test_from_finalizing(self, office, deal):
        office.begin(deal)
        assert office.finalize(deal)["status"] == "finalized"

    def test_not_while_something_stands_in_the_way(self, office, ctx):
        deal = office.deal(value=1)
        office.begin(deal)
        problem = office.expect_error(409, "POST", f"{F}/{deal}")
        assert (problem["type"], problem["status"], problem["deal_status"]) == ("/problems/not-ready", 409, "finalizing")
        status = office.status(deal)
        assert {name: problem[name] for name in status if name != "status"} == {name: status[name] for name in status if name != "status"}
        papers.add_contract(ctx, deal)
        office.finalize(deal)

    def test_not_a_cancelled_one(self, office, deal):
        office.cancel(deal)
        assert office.expect_error(409, "POST", f"{F}/{deal}")["code"] == "deal_not_open"

    def test_who_may(self, office, deal, as_):
        for role in ("dealmaker", "counsel", "auditor", "viewer", "professional"):
            as_(role).expect_error(403, "POST", f"{F}/{deal}")
        as_("admin").finalize(deal)

    def test_by_its_external_reference(self, office, ctx):
        papers.add_contract(ctx, office.deal(value=1, external_ref="17"))
        assert office.finalize("17")["finalized"]
        assert office.status("17")["finalized"]
        assert office.ok("GET", f"{F}/17/certificate")["number"] == 1

    def test_what_is_finalized_stays(self, office, deal, ctx):
        task, cancelled, item = office.task(deal), office.task(deal), office.item(deal)
        office.move_task(task, "in_progress", "done")
        office.move_task(cancelled, "cancelled", reason="not_needed")
        office.settle(item)
        office.finalize(deal)
        before = office.ok("GET", f"/deals/{deal}")
        for method, path, body in (
            ("PATCH", f"/deals/{deal}", {"value": 2}), ("DELETE", f"/deals/{deal}", None), ("DELETE", f"/pros/tasks/{cancelled}", None),
            ("PATCH", f"/pros/tasks/{task}/status", {"status": "in_progress", "reason": "defect"}),
            ("POST", "/pros/tasks", {"professional_id": office.professional(), "deal_id": deal, "title": "T"}),
            ("POST", f"{F}/{deal}/items", {"kind": "task", "title": "T"}), ("PATCH", office.path(item), {"status": "open"}),
        ):  # fmt: skip
            assert office.expect_error(409, method, path, body)["code"] == "deal_not_open", path
        for status in ("open", "finalizing", "cancelled"):
            problem = office.expect_error(409, "PATCH", f"/deals/{deal}/status", {"status": status, "reason": "title", "note": "n"})
            assert problem["allowed"] == []
        assert office.ok("GET", f"/deals/{deal}") == before
        assert office.change(deal, notes="Filed.")["notes"] == "Filed."


class TestTemplates:
    def test_straight_from_open_it_gets_its_items_first(self, office, ctx):
        deal = office.deal(kind="purchase", value=1)
        papers.add_contract(ctx, deal)
        problem = office.expect_error(409, "POST", f"{F}/{deal}")
        assert (problem["deal_status"], list(problem["blocking"])) == ("open", ["items_settled"])
        items = office.items(deal)
        assert sorted(one["id"] for one in problem["blocking"]["items_settled"]) == sorted(item["id"] for item in items)
        assert len(items) == 5
        office.expect_error(409, "POST", f"{F}/{deal}")
        assert office.items(deal) == items

    def test_the_status_says_so_before(self, office, ctx):
        deal = office.deal(kind="service", value=1)
        papers.add_contract(ctx, deal)
        blocked = office.status(deal)["blocking"]["items_settled"]
        assert office.items(deal) == []
        office.begin(deal)
        assert sorted(one["id"] for one in blocked) == sorted(item["id"] for item in office.items(deal))

    def test_the_call_back_is_not_skipped(self, office, ctx, as_):
        """Neither from open, nor by another kind meanwhile, nor by saying that it doesn't apply, nor by who finalizes."""
        deal = office.deal(kind="other", value=1, owner=None)
        papers.add_contract(ctx, deal)
        office.begin(deal)
        office.move(deal, "open", note="n")
        office.change(deal, kind="sale")
        office.expect_error(409, "POST", f"{F}/{deal}")
        for item in office.items(deal):
            if item["kind"] == "two_person":
                office.refuse(item, 409, "not_applicable", reason="Known to us.")
                office.refuse(item, 403)
            elif item["kind"] == "document":
                office.settle(item, evidence={"sha256": "a" * 64})
            else:
                office.settle(item)
        (call_back,) = [item for item in office.items(deal) if item["kind"] == "two_person"]
        problem = office.expect_error(409, "POST", f"{F}/{deal}")
        assert problem["blocking"] == {"items_settled": [{"id": call_back["id"], "why": "open"}]}
        as_("dealmaker", user="user_ann").settle(call_back)
        problem = office.expect_error(409, "POST", f"{F}/{deal}")
        assert problem["blocking"] == {"items_settled": [{"id": call_back["id"], "why": "one_of_two"}]}
        as_("dealmaker", user="user_bob").settle(call_back)
        assert office.finalize(deal)["finalized"]


class TestItems:
    def test_evidence_is_of_the_deal(self, office, ctx, deal):
        item = office.item(deal, "document")
        theirs = papers.add_contract(ctx, office.deal())
        assert office.refuse(item, 409, evidence={"contract_id": theirs})["code"] == "other_deal"
        office.refuse(item, 404, evidence={"route_id": theirs})

    @pytest.mark.parametrize(
        ("field", "add", "after"), [("contract_id", papers.add_contract, "archived"), ("route_id", papers.add_route, "recalled")]
    )
    def test_evidence_holds_while_it_is_there(self, office, ctx, deal, field, add, after):
        item, thing = office.item(deal, "document"), add(ctx, deal)
        done = office.settle(item, evidence={field: thing})
        assert (done["status"], done["evidence"][field]) == ("done", thing)
        papers.change(ctx, thing, status=after)
        assert (office.read_item(item)["status"], office.read_item(item)["why"]) == ("open", "evidence_gone")
        assert office.status(deal)["blocking"] == {"items_settled": [{"id": item["id"], "why": "evidence_gone"}]}
        office.settle(item, evidence={"sha256": "a" * 64})
        assert office.status(deal)["ready"]

    def test_a_waiver(self, office, deal, king, clock):
        item = office.item(deal, "two_person")
        until = king().now + timedelta(days=2)
        waiver = decide(king(), deal, "approve", "waive", expires_at=until)
        waived = office.settle(item, "waived", decision_id=waiver)
        assert (waived["status"], waived["why"], waived["decision_id"]) == ("waived", None, waiver)
        assert office.status(deal)["ready"]
        clock.now += timedelta(days=3)
        assert (office.read_item(item)["status"], office.read_item(item)["why"]) == ("open", "waiver_ended")
        assert office.status(deal)["blocking"] == {"items_settled": [{"id": item["id"], "why": "waiver_ended"}]}
        again = decide(king(), deal, "override", "waive")
        assert office.settle(item, "waived", decision_id=again)["decision_id"] == again

    def test_a_waiver_ends_with_what_it_was_for(self, office, deal, king):
        item = office.item(deal)
        office.settle(item, "waived", decision_id=decide(king(), deal, "approve", "waive"))
        office.change(deal, value=2000)
        assert office.read_item(item)["why"] == "waiver_ended"

    @pytest.mark.parametrize(
        ("action", "act"), [("approve", "*"), ("approve", "finalize"), ("deny", "waive"), ("flag", "waive"), ("override", "*")]
    )
    def test_what_waives_nothing(self, office, deal, king, action, act):
        item = office.item(deal)
        assert office.refuse(item, 409, "waived", decision_id=decide(king(), deal, action, act))["code"] == "decision_unusable"

    def test_the_decision_is_on_the_deal(self, office, deal, king, ctx):
        item, other = office.item(deal), office.deal(value=1)
        for id in (decide(king(), other, "approve", "waive"), "dec_x"):
            assert office.refuse(item, 409, "waived", decision_id=id)["code"] == "decision_unusable"

    def test_nobody_waives_by_what_they_decided(self, office, deal, context):
        item, waiver = office.item(deal), decide(context("operator", user="user_operator"), deal, "approve", "waive")
        assert office.refuse(item, 409, "waived", decision_id=waiver)["code"] == "decision_unusable"

    def test_nor_while_somebody_denies_it(self, office, deal, king, queen):
        item, waiver = office.item(deal), decide(king(), deal, "approve", "waive")
        office.settle(item, "waived", decision_id=waiver)
        decide(queen(), deal, "deny", "waive", "Queen")
        assert office.read_item(item)["why"] == "waiver_ended"


class TestGovernance:
    @pytest.mark.parametrize(("action", "act", "blocks"), [
        ("deny", "finalize", "denied"), ("deny", "*", "denied"), ("deny", "sign", None), ("flag", "finalize", "flagged"), ("flag", "*", "flagged"),
        ("approve", "*", None),
    ])  # fmt: skip
    def test_on_the_deal(self, office, deal, king, action, act, blocks):
        id = decide(king(), deal, action, act, "Tyr")
        assert office.status(deal)["blocking"] == ({"no_governance_denial_or_flag": [{"id": id, "why": blocks}]} if blocks else {})

    def test_on_a_contract(self, office, deal, king, ctx):
        id = decide(king(), papers.add_contract(ctx, deal), "flag", "*", "Loki")
        assert office.status(deal)["blocking"] == {"no_governance_denial_or_flag": [{"id": id, "why": "flagged"}]}

    def test_on_its_pipeline_and_professionals_and_live_assignments(self, office, ctx, king, queen):
        pipeline, professional = office.pipeline(), office.professional()
        deal = office.deal(value=1, pipeline_id=pipeline, professional_ids=[professional])
        papers.add_contract(ctx, deal)
        assignment = office.offer(pipeline)
        assert office.status(deal)["ready"]
        said = [decide(king(), subject, "deny", "finalize", "Tyr") for subject in (pipeline, professional, assignment)]
        blocked = office.status(deal)["blocking"]["no_governance_denial_or_flag"]
        assert sorted(one["id"] for one in blocked) == sorted(said)
        office.ok("POST", f"/dispo/assignments/{assignment}/fallout", {"reason": "retrade"})
        assert len(office.status(deal)["blocking"]["no_governance_denial_or_flag"]) == 2
        decide(queen(), pipeline, "override", "finalize")
        decide(queen(), professional, "override", "*")
        assert office.status(deal)["ready"]

    def test_a_denial_ends_with_what_it_was_for(self, office, deal, king):
        decide(king(), deal, "deny", "finalize", "Tyr")
        office.change(deal, value=2000)
        assert office.status(deal)["ready"]


class TestApprovals:
    def test_only_they_are_missing(self, office, ctx, king, queen, runtime):
        deal = office.deal(value=250_000.01)
        papers.add_contract(ctx, deal)
        status = office.status(deal)
        assert status["blocking"] == {"approvals": [{"id": deal, "why": "approval_missing"}]}
        problem = office.expect_error(409, "POST", f"{F}/{deal}")
        assert problem["type"] == "/problems/approval-required"
        assert [(one["people"], one["people_needed"], one["roles"]) for one in problem["approvals"]] == [(0, 2, ["King", "Queen"])]
        assert problem["approval_request_id"].startswith("req_")
        assert problem["approval_request_id"] != problem["request_id"]
        assert office.expect_error(409, "POST", f"{F}/{deal}")["approval_request_id"] == problem["approval_request_id"]
        decide(king(), deal)
        assert office.expect_error(409, "POST", f"{F}/{deal}")["approvals"][0]["people"] == 1
        decide(queen(), deal, role="Queen")
        assert office.finalize(deal)["finalized"]
        certificate = office.certificate(deal)
        assert [policy["people"] for policy in certificate["approvals"]] == [2]
        assert [(one["person"], one["role"]) for one in certificate["decisions"]] == [("user_king", "King"), ("user_queen", "Queen")]

    def test_with_anything_else_missing_it_is_not_ready(self, office, ctx):
        deal = office.deal(value=300_000)
        problem = office.expect_error(409, "POST", f"{F}/{deal}")
        assert (problem["type"], set(problem["blocking"])) == ("/problems/not-ready", {"has_signed_contract", "approvals"})
        assert "approval_request_id" not in problem

    def test_an_approval_is_for_what_it_saw(self, office, ctx, king, queen):
        deal = office.deal(value=300_000)
        papers.add_contract(ctx, deal)
        for who, role in ((king, "King"), (queen, "Queen")):
            decide(who(), deal, role=role)
        assert office.status(deal)["ready"]
        office.change(deal, value=300_001)
        assert not office.status(deal)["ready"]
        office.change(deal, value=300_000)
        assert office.status(deal)["ready"]

    def test_who_finalizes_does_not_count(self, office, ctx, king, as_, context):
        deal = office.deal(value=300_000)
        papers.add_contract(ctx, deal)
        decide(king(), deal)
        decide(context("operator", user="user_self"), deal, role="Queen")
        self_ = as_("operator", user="user_self")
        assert self_.expect_error(409, "POST", f"{F}/{deal}")["approvals"][0]["people"] == 1
        decide(context("operator", user="user_third"), deal, role="Queen")
        assert self_.finalize(deal)["finalized"]

    @pytest.mark.parametrize(
        ("amount", "currency", "people"),
        [
            (250_000, "USD", None), (250_000.01, "USD", 2), (350_000, "CAD", 2), (349_000, "CAD", None), (None, "USD", 2), (1, "BGN", 2),
        ],
    )  # fmt: skip
    def test_what_it_takes(self, office, ctx, amount, currency, people):
        """Domain rule D31, at the rates of its day."""
        rates = {"USD": 1.1172, "CAD": 1.5606}
        office.ok("PUT", "/holdings/fx-rates", {"base": "EUR", "date": "2026-11-24", "rates": rates})
        deal = office.deal(value=amount, currency=currency)
        papers.add_contract(ctx, deal)
        assert (office.status(deal)["blocking"].keys() == {"approvals"}) is (people is not None)

    def test_the_price_of_the_pipeline_counts(self, office, ctx):
        pipeline = office.pipeline(contract_price=250_001, arv_estimate=500_000)
        deal = office.deal(kind="wholesale", pipeline_id=pipeline)
        papers.add_contract(ctx, deal)
        body = office.status(deal)
        assert body["effective_value"] == {"amount": 250_001, "currency": "USD", "basis": "contract_price"}
        assert "approvals" in body["blocking"]
        office.ok("PATCH", f"/wholesale/{pipeline}", {"contract_price": 250_000})
        assert "approvals" not in office.status(deal)["blocking"]


class TestExplaining:
    def test_the_value_and_its_conversion(self, office, ctx):
        office.ok("PUT", "/holdings/fx-rates", {"base": "EUR", "date": "2026-11-24", "rates": {"USD": 1.1172, "CAD": 1.5606}})
        deal = office.deal(value=350_000, currency="CAD")
        explained = office.ok("GET", f"{F}/status/{deal}", query={"explain": "true"})["explain"]
        assert explained["effective_value"] == {
            "inputs": {"value": 350_000, "currency": "CAD"},
            "formula": {"id": "finalization.effective_value", "version": 1}, "as_of": "2026-11-24T18:00:00.000Z", "missing": [],
        }  # fmt: skip
        (policy,) = explained["approvals"]["inputs"]["policies"]
        assert (
            policy.items()
            >= {"amount": 250_557.48 and policy["amount"], "above": 250_000, "currency": "USD", "applies": True, "people": 2}.items()
        )
        assert str(policy["amount"]) == "250557.48"
        office.change(deal, value=349_000)
        (policy,) = office.ok("GET", f"{F}/status/{deal}", query={"explain": "true"})["explain"]["approvals"]["inputs"]["policies"]
        assert (str(policy["amount"]), policy["applies"]) == ("249841.60", False)

    def test_what_is_unknown(self, office):
        explained = office.ok("GET", f"{F}/status/{office.deal(kind='wholesale')}", query={"explain": "true"})["explain"]
        assert explained["effective_value"]["missing"] == ["value"]
        assert explained["approvals"]["missing"] == ["effective_value"]
        rateless = office.deal(value=1, currency="BGN")
        explained = office.ok("GET", f"{F}/status/{rateless}", query={"explain": "true"})["explain"]
        assert explained["approvals"]["missing"] == ["rate BGN to USD"]

    def test_only_on_request(self, office, deal):
        assert "explain" not in office.status(deal)
        assert "explain" not in office.finalize(deal)

    def test_of_a_finalized_deal_as_its_certificate_says(self, office, ctx, king, queen, clock):
        """At the rates of its day, whatever came later."""
        rates = {"base": "EUR", "date": "2026-11-24", "rates": {"USD": 1.1172, "CAD": 1.5606}}
        office.ok("PUT", "/holdings/fx-rates", rates)
        deal = office.deal(value=350_000, currency="CAD")
        papers.add_contract(ctx, deal)
        for who, role in ((king, "King"), (queen, "Queen")):
            decide(who(), deal, role=role)
        before = office.ok("GET", f"{F}/status/{deal}", query={"explain": "true"})["explain"]
        assert office.finalize(deal, query={"explain": "true"})["explain"] == before
        clock.now += timedelta(days=1)
        office.ok("PUT", "/holdings/fx-rates", {**rates, "date": "2026-11-25", "rates": {"USD": 1.1, "CAD": 1.6}})
        for method, path in (("GET", f"{F}/status/{deal}"), ("POST", f"{F}/{deal}")):
            assert office.ok(method, path, query={"explain": "true"})["explain"] == before
        reopen = {"decision_id": decide(king(), deal, "override", "reopen", is_final=True), "reason": "Another lien."}
        explained = office.ok("POST", f"{F}/{deal}/reopen", reopen, query={"explain": "true"})["explain"]
        assert explained["effective_value"]["as_of"] == "2026-11-25T18:00:00.000Z"

    def test_of_a_finalized_deal_that_is_priced_by_its_pipeline(self, office, ctx, king):
        pipeline = office.pipeline(contract_price=100_000)
        deal = office.deal(kind="wholesale", pipeline_id=pipeline)
        papers.add_contract(ctx, deal)
        waiver = decide(king(), deal, "approve", "waive")
        office.begin(deal)
        for item in office.items(deal):
            if item["status"] == "open":
                office.settle(item, "waived", decision_id=waiver)
        explained = office.finalize(deal, query={"explain": "true"})["explain"]
        assert explained["effective_value"]["inputs"] == {"value": None, "currency": "USD", "contract_price": 100_000}
        (policy,) = explained["approvals"]["inputs"]["policies"]
        assert (explained["approvals"]["inputs"]["policy_version"], policy["amount"], policy["applies"]) == (1, 100_000, False)

    def test_of_a_finalized_deal_once_policies_are_others(self, office, ctx, king, queen, runtime, client_as):
        """Then by those that its certificate names, which is what it was approved by."""
        from tests.packs.governance.governance_client import G, Office

        deal = office.deal(value=300_000)
        papers.add_contract(ctx, deal)
        for who, role in ((king, "King"), (queen, "Queen")):
            decide(who(), deal, role=role)
        before = office.finalize(deal, query={"explain": "true"})["explain"]
        people = Office(runtime, client_as)
        proposal = people.holder("Odin").ok("PUT", f"{G}/policies", {"policies": [], "self_approval": "finding"})["id"]
        people.holder("King").ok("POST", f"{G}/policies/proposals/{proposal}/confirm")
        assert office.ok("GET", f"{F}/requirements")["approvals"] == []
        assert office.ok("GET", f"{F}/status/{deal}", query={"explain": "true"})["explain"] == before


class TestFindings:
    def test_a_critical_one_blocks_until_its_risk_is_accepted(self, office, deal, ctx, clock, context):
        id = raise_finding(ctx, deal)
        assert office.status(deal)["blocking"] == {"no_open_critical_finding": [{"id": deal, "why": "CHAIN_BROKEN"}]}
        accept_finding(ctx, deal, id)
        assert office.status(deal)["ready"]
        clock.now += timedelta(days=31)
        assert not office.status(deal)["ready"]

    def test_what_is_kept_of_a_scan_neither_blocks_nor_passes(self, office, deal, ctx):
        """Domain rule D29: the rules run on what is there now."""
        raise_finding(ctx, deal, "MISSING_SIGNED_CONTRACT")
        raise_finding(ctx, deal, "UNAPPROVED_FINALIZATION")
        assert office.status(deal)["ready"]


class TestCertificate:
    def test_what_it_says(self, office, ctx, king):
        deal = office.deal(value=1000, title="1201 Pine St")
        contract, route = papers.add_contract(ctx, deal), papers.add_route(ctx, deal)
        task, item = office.task(deal), office.item(deal)
        office.move_task(task, "in_progress", "done")
        office.settle(item, "not_applicable", reason="No keys.")
        decision = decide(king(), deal, "approve", "*")
        office.finalize(deal)
        body = office.certificate(deal)
        assert body["deal"].items() >= {"id": deal, "title": "1201 Pine St", "kind": "other", "currency": "USD"}.items()
        assert (body["number"], body["policy_version"], body["approvals"], body["superseded"]) == (1, 1, [], None)
        assert body["checklist"] == dict.fromkeys(ALL, True)
        assert body["effective_value"] == {"amount": 1000, "currency": "USD", "basis": "value"}
        assert [(one["id"], one["status"], one["content_hash"]) for one in body["contracts"]] == [(contract, "signed", "hash of signed")]
        for part, id, status in (("routes", route, "acknowledged"), ("tasks", task, "done"), ("items", item["id"], "not_applicable")):
            ((found, at, digest),) = [(one["id"], one["status"], one["content_hash"]) for one in body[part]]
            assert (found, at, len(digest)) == (id, status, 64)
        assert [(one["id"], one["person"], len(one["content_hash"])) for one in body["decisions"]] == [(decision, "user_king", 64)]
        assert (body["finalized_by"], body["finalized_at"]) == ("user_operator", "2026-11-24T18:00:00.000Z")

    def test_its_digest_can_be_computed_by_anybody(self, office, deal):
        office.finalize(deal)
        body = office.certificate(deal)
        covered = {name: value for name, value in body.items() if name not in ("content_hash", "superseded")}
        assert body["content_hash"] == hashlib.sha256(canonical_json(covered).encode()).hexdigest()

    def test_forms(self, office, deal):
        office.finalize(deal)
        page = office.call("GET", f"{F}/{deal}/certificate", query={"format": "html"})
        assert (page.status, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert office.certificate(deal)["content_hash"] in page.text
        assert "Certificate of finalization No. 1" in page.text
        office.expect_error(422, "GET", f"{F}/{deal}/certificate", query={"format": "docx"})
        office.expect_error(422, "GET", f"{F}/{deal}/certificate", query={"number": "0"})

    def test_readers_read_it(self, office, deal, as_):
        office.finalize(deal)
        for role in ("dealmaker", "counsel", "auditor", "viewer"):
            assert as_(role).certificate(deal)["number"] == 1
        as_("professional").expect_error(403, "GET", f"{F}/{deal}/certificate")


class TestReopening:
    @pytest.fixture
    def finalized(self, office, deal):
        office.finalize(deal)
        return deal

    def override(self, ctx: Any, deal: str, **values: Any) -> str:
        return decide(ctx, deal, "override", "reopen", **{"is_final": True, "reason": "A lien.", **values})

    def test_by_a_final_override(self, office, finalized, king, runtime):
        decision, before = self.override(king(), finalized), office.certificate(finalized)
        body = office.reopen(finalized, decision)
        assert (body["status"], body["finalized"], body["ready"], body["certificate"]) == ("open", False, True, None)
        deal = office.ok("GET", f"/deals/{finalized}")
        assert (deal["status"], deal["status_note"]) == ("open", "Another lien.")
        after = office.certificate(finalized)
        assert after == {**before, "superseded": {"at": "2026-11-24T18:00:00.000Z", "by": "user_operator", "decision_id": decision}}
        (event,) = events(runtime, "deals.reopened")
        assert (event.subject_id, event.for_user) == (finalized, "user_operator")

    def test_a_second_certificate(self, office, finalized, king, clock):
        office.reopen(finalized, self.override(king(), finalized))
        clock.now += timedelta(minutes=1)
        body = office.finalize(finalized)
        assert body["certificate"]["number"] == office.certificate(finalized)["number"] == 2
        first = office.ok("GET", f"{F}/{finalized}/certificate", query={"number": "1"})
        assert (first["number"], first["superseded"]["by"]) == (1, "user_operator")
        assert office.status(finalized) == body

    def test_it_is_used_up(self, office, finalized, king):
        decision = self.override(king(), finalized)
        office.reopen(finalized, decision)
        office.finalize(finalized)
        assert office.refuse_reopening(finalized, decision)["code"] == "decision_unusable"
        office.reopen(finalized, self.override(king(), finalized))

    @pytest.mark.parametrize(
        "made",
        [
            {"action": "approve", "is_final": True}, {"is_final": False}, {"requested_action": "*"}, {"requested_action": "finalize"}, {"action": "deny"},
        ],
        ids=str,
    )  # fmt: skip
    def test_what_opens_nothing(self, office, finalized, king, made):
        given = {"action": "override", "requested_action": "reopen", "is_final": True, **made}
        assert office.refuse_reopening(finalized, decide(king(), finalized, **given))["code"] == "decision_unusable"

    def test_nobody_opens_by_what_they_decided(self, office, finalized, context):
        override = self.override(context("operator", user="user_operator"), finalized)
        assert office.refuse_reopening(finalized, override)["code"] == "decision_unusable"

    def test_one_that_has_run_out_or_is_anothers(self, office, finalized, king, clock):
        expired = self.override(king(), finalized, expires_at=king().now + timedelta(minutes=5))
        theirs = self.override(king(), office.deal(value=1))
        clock.now += timedelta(minutes=6)
        for decision in (expired, theirs, "dec_x"):
            assert office.refuse_reopening(finalized, decision)["code"] == "decision_unusable"

    @pytest.mark.parametrize(
        ("status", "allowed"), [("open", ["finalizing", "cancelled"]), ("finalizing", ["open", "cancelled"]), ("cancelled", [])]
    )
    def test_only_what_is_finalized(self, office, deal, king, status, allowed):
        decision = self.override(king(), deal)
        if status != "open":
            office.move(deal, status, reason="title")
        problem = office.refuse_reopening(deal, decision)
        assert (problem["type"], problem["from"], problem["to"]) == ("/problems/invalid-transition", status, "open")
        assert problem["allowed"] == allowed

    def test_who_may(self, office, finalized, king, as_):
        decision = self.override(king(), finalized)
        for role in ("dealmaker", "counsel", "auditor", "viewer"):
            as_(role).expect_error(403, "POST", f"{F}/{finalized}/reopen", {"decision_id": decision, "reason": "r"})

    def test_a_repetition_is_answered_the_same(self, office, finalized, king):
        body, key = {"decision_id": self.override(king(), finalized), "reason": "r"}, {"Idempotency-Key": "k"}
        first, second = (office.call("POST", f"{F}/{finalized}/reopen", body, headers=key) for _ in range(2))
        assert (first.status, second.status, second.headers["idempotent-replayed"], second.text) == (200, 200, "true", first.text)

    def test_what_it_needs(self, office, finalized):
        for body in ({}, {"decision_id": "dec_x"}, {"decision_id": "dec_x", "reason": ""}):
            office.expect_error(422, "POST", f"{F}/{finalized}/reopen", body)

    def test_a_finalization_that_is_sent_again_is_answered_as_before(self, office, deal, king, ctx):
        key = {"Idempotency-Key": "k"}
        first = office.call("POST", f"{F}/{deal}", headers=key)
        office.reopen(deal, self.override(king(), deal))
        papers.add_contract(ctx, deal, "draft")
        second = office.call("POST", f"{F}/{deal}", headers=key)
        assert (second.status, second.text) == (200, first.text)
        assert office.ok("GET", f"/deals/{deal}")["status"] == "open"


def test_a_reopened_deal_is_not_deleted_with_its_certificate(office, deal, king):
    office.finalize(deal)
    office.reopen(deal, decide(king(), deal, "override", "reopen", is_final=True))
    problem = office.expect_error(409, "DELETE", f"/deals/{deal}")
    assert any(id.startswith("cert_") for id in problem["held_by"])


class TestPipelineOfAFinalizedDeal:
    @pytest.fixture
    def dead(self, office, ctx):
        pipeline = office.pipeline()
        deal = office.deal(value=1, pipeline_id=pipeline)
        papers.add_contract(ctx, deal)
        office.stage(pipeline, "dead", reason="price")
        return deal, pipeline

    REVIVED = {"stage": "lead", "next_action": {"what": "call", "due_on": "2026-12-01"}}  # noqa: RUF012

    def test_it_stays_dead(self, office, dead):
        deal, pipeline = dead
        office.finalize(deal)
        problem = office.expect_error(409, "POST", f"/wholesale/{pipeline}/stage", self.REVIVED)
        assert (problem["type"], problem["allowed"]) == ("/problems/invalid-transition", [])
        assert "finalized" in problem["detail"]

    def test_before_it_may_be_revived(self, office, dead):
        assert office.ok("POST", f"/wholesale/{dead[1]}/stage", self.REVIVED)["stage"] == "lead"

    def test_one_is_finalized_as_it_is_revived(self, office, dead, runtime):
        from tests.packs.tasks.test_races import Meanwhile

        deal, pipeline = dead
        Meanwhile(runtime, lambda: office.finalize(deal))
        problem = office.expect_error(409, "POST", f"/wholesale/{pipeline}/stage", self.REVIVED)
        assert problem["allowed"] == []
