"""Moving contracts: the clean run, what each move takes and is refused for, in which order, and what it leaves."""

import pytest

from chalicelib.packs.contracts.rules.statuses import MACHINE, STATUSES
from chalicelib.packs.deals.entities import contract_entry
from tests.packs.contracts.contracts_client import (
    ANN,
    BOB,
    C,
    ContractsClient,
    approved,
    events,
    gate,
    kept,
    mails,
    sent,
    sign,
    upload,
)

HASH = "a" * 64


def entries(runtime, deal):
    return set(gate(runtime, deal).get("contracts", ()))


class TestCleanRun:
    def test_without_parties_version_4_revision_5(self, contracts: ContractsClient, counsel, as_, runtime):
        deal = contracts.deal()
        id = contracts.contract(deal)
        upload(contracts, id)
        before = contracts.read(id)["revision"]
        assert contracts.move(id, "under_review")["version"] == 2
        assert entries(runtime, deal) == {contract_entry(id, contracts.read(id)["content_hash"])}
        assert counsel.move(id, "approved")["version"] == 3
        assert contracts.move(id, "sent")["version"] == 3
        seen = as_("counsel", user="user_attester").move(id, "signed", document_sha256=HASH, signed_on="2026-11-20")
        assert (seen["version"], seen["revision"] - (before - 1)) == (4, 5)
        assert (seen["attested_by"], seen["signed_file_sha256"], seen["signed_on"]) == ("user_attester", HASH, "2026-11-20")
        assert (seen["signed_at"], seen["in_force"], seen["starts_on"]) == ("2026-11-24T18:00:00.000Z", True, "2026-11-20")
        assert entries(runtime, deal) == {contract_entry(id, seen["content_hash"])}
        (event,) = events(runtime, "contracts.signed")
        assert (event.for_user, event.subject_id, event.title) == ("user_operator", id, "Signed: Purchase agreement")
        versions = contracts.list(f"{C}/{id}/versions")
        assert [(row["version"], row["status"], row["void"]) for row in versions] == [
            (4, "signed", None),
            (3, "approved", None),
            (2, "under_review", None),
        ]
        assert {row["content_hash"] for row in versions} == {seen["content_hash"]}
        assert versions[0]["by"] == "user_attester"

    def test_archived_through_the_older_call(self, contracts: ContractsClient, counsel, runtime):
        deal = contracts.deal()
        id = sent(contracts, counsel, deal, parties=[])
        counsel.ok("PATCH", f"{C}/{id}/status", {"status": "signed", "document_sha256": HASH})
        contracts.expect_error(403, "POST", f"{C}/{id}/archive")
        seen = counsel.ok("POST", f"{C}/{id}/archive", None)
        assert (seen["status"], seen["warnings"], seen["in_force"]) == ("archived", ["deal_open"], False)
        assert entries(runtime, deal) == set()
        assert counsel.expect_error(409, "POST", f"{C}/{id}/archive")["allowed"] == []

    def test_archiving_twice_with_one_key_is_once(self, contracts: ContractsClient):
        id, key = contracts.contract(), {"Idempotency-Key": "k"}
        first, second = (contracts.call("POST", f"{C}/{id}/archive", None, headers=key) for _ in range(2))
        assert (first.status, second.status, first.json()) == (200, 200, second.json())
        assert first.json()["warnings"] == []


class TestApproval:
    def test_a_change_after_approval_takes_the_way_back_and_voids_it(self, contracts: ContractsClient, counsel):
        id = approved(contracts, counsel, parties=[ANN])
        approval = contracts.read(id)["approvals"][0]
        assert (approval["by"], approval["version"], approval["void"]) == ("user_counsel", 3, None)
        assert contracts.expect_error(409, "PATCH", f"{C}/{id}", {"title": "Other"})["code"] == "not_draft"
        assert contracts.expect_error(409, "POST", f"{C}/{id}/document", document())["code"] == "not_draft"
        assert contracts.expect_error(409, "DELETE", f"{C}/{id}/document")["code"] == "not_draft"
        assert contracts.expect_error(409, "DELETE", f"{C}/{id}")["code"] == "not_draft"
        back = contracts.move(id, "draft", reason="rework")
        assert back["approvals"][0]["void"] == {"at": "2026-11-24T18:00:00.000Z", "by": "user_operator", "why": "rework"}
        contracts.patch(id, title="Other")
        contracts.move(id, "under_review")
        assert contracts.expect_error(409, "PATCH", f"{C}/{id}/status", {"status": "sent"})["allowed"] == ["approved", "draft", "archived"]

    def test_the_same_hash_again_takes_a_new_approval(self, contracts: ContractsClient, counsel):
        id = approved(contracts, counsel, parties=[ANN])
        first = contracts.read(id)["content_hash"]
        contracts.move(id, "draft", reason="rework")
        contracts.patch(id, title="Other")
        contracts.patch(id, title="Purchase agreement")
        contracts.move(id, "under_review")
        seen = contracts.read(id)
        assert (seen["content_hash"], seen["version"]) == (first, 4)
        assert [row["void"] is None for row in contracts.list(f"{C}/{id}/versions")] == [True, False, False]
        seen = counsel.move(id, "approved")
        assert [one["void"] is None for one in seen["approvals"]] == [False, True]
        assert contracts.move(id, "sent")["status"] == "sent"

    def test_changes_requested_takes_a_note(self, contracts: ContractsClient, counsel):
        id = contracts.contract()
        contracts.move(id, "under_review")
        path = f"{C}/{id}/status"
        contracts.expect_error(403, "PATCH", path, {"status": "draft", "reason": "changes_requested", "note": "x"})
        assert counsel.expect_error(422, "PATCH", path, {"status": "draft", "reason": "changes_requested"})["errors"][0]["loc"] == ["note"]
        assert counsel.expect_error(422, "PATCH", path, {"status": "draft", "note": "x"})["errors"][0]["loc"] == ["reason"]
        seen = counsel.move(id, "draft", reason="changes_requested", note="The price is wrong.")
        assert (seen["status_reason"], seen["status_note"], seen["version"]) == ("changes_requested", "The price is wrong.", 2)

    def test_who_drafted_it_may_approve_it_unless_the_policies_refuse(self, contracts: ContractsClient, as_, runtime, set_policies):
        both = as_("operator", "counsel", user="user_one")
        id = both.contract(parties=[ANN])
        upload(both, id)
        both.move(id, "under_review")
        assert both.move(id, "approved")["status"] == "approved"
        assert kept(runtime, id).is_self_approved
        set_policies(self_approval="refuse")
        id = both.contract()
        both.move(id, "under_review")
        assert both.expect_error(403, "PATCH", f"{C}/{id}/status", {"status": "approved"})["code"] == "self_approval"
        assert as_("counsel", user="user_two").move(id, "approved")["status"] == "approved"
        assert not kept(runtime, id).is_self_approved

    def test_who_submitted_it_is_a_drafter_too(self, contracts: ContractsClient, as_, set_policies):
        set_policies(self_approval="refuse")
        id = contracts.contract()
        lawyer = as_("operator", "counsel", user="user_lawyer")
        lawyer.move(id, "under_review")
        assert lawyer.expect_error(403, "PATCH", f"{C}/{id}/status", {"status": "approved"})["code"] == "self_approval"

    def test_who_approved_it_doesnt_attest_it_where_the_policies_refuse(
        self, contracts: ContractsClient, counsel, as_, set_policies, runtime
    ):
        id = sent(contracts, counsel, parties=[])
        other = sent(contracts, counsel, parties=[])
        counsel.move(other, "signed", document_sha256=HASH)
        assert kept(runtime, other).is_self_approved
        set_policies(self_approval="refuse")
        body = {"status": "signed", "document_sha256": HASH}
        assert counsel.expect_error(403, "PATCH", f"{C}/{id}/status", body)["code"] == "self_approval"
        as_("counsel", user="user_two").move(id, "signed", document_sha256=HASH)
        assert not kept(runtime, id).is_self_approved

    def test_no_api_key_approves_or_attests(self, contracts: ContractsClient, counsel, api_key):
        id = contracts.contract()
        upload(contracts, id)
        key = api_key("counsel", "operator")
        assert key.move(id, "under_review")["status"] == "under_review"
        key.expect_error(403, "PATCH", f"{C}/{id}/status", {"status": "approved"})
        counsel.move(id, "approved")
        assert key.move(id, "sent")["status"] == "sent"
        key.expect_error(403, "PATCH", f"{C}/{id}/status", {"status": "signed", "document_sha256": HASH})


def document(**body):
    return {"filename": "a.pdf", "content_type": "application/pdf", "size": 3, "sha256": HASH, **body}


class TestConditions:
    def test_the_document_was_promised_and_isnt_there(self, contracts: ContractsClient):
        id = contracts.contract()
        contracts.ok("POST", f"{C}/{id}/document", document())
        assert contracts.expect_error(409, "PATCH", f"{C}/{id}/status", {"status": "under_review"})["code"] == "document_missing"
        contracts.ok("DELETE", f"{C}/{id}/document")
        assert contracts.move(id, "under_review")["document"] is None

    def test_to_send_it_takes_a_document(self, contracts: ContractsClient, counsel):
        id = contracts.contract(parties=[ANN])
        contracts.move(id, "under_review")
        counsel.move(id, "approved")
        assert contracts.expect_error(409, "PATCH", f"{C}/{id}/status", {"status": "sent"})["code"] == "document_missing"

    def test_to_send_it_takes_addresses(self, contracts: ContractsClient, counsel):
        id = approved(contracts, counsel, parties=[ANN, {"name": "Bob", "role": "buyer"}])
        refused = contracts.expect_error(409, "PATCH", f"{C}/{id}/status", {"status": "sent"})
        assert (refused["code"], refused["parties"]) == ("party_without_email", ["p2"])

    def test_to_send_it_takes_time(self, contracts: ContractsClient, counsel, clock):
        id = approved(contracts, counsel, parties=[ANN], sign_by="2026-11-24")
        assert contracts.read(id)["status"] == "approved"
        clock.now = clock.now.replace(day=25, hour=7, minute=59)  # still the 24th in Los Angeles
        other = approved(contracts, counsel, parties=[ANN], sign_by="2026-11-24")
        contracts.move(other, "sent")
        clock.now = clock.now.replace(hour=8)
        assert contracts.expect_error(409, "PATCH", f"{C}/{id}/status", {"status": "sent"})["code"] == "sign_by_passed"

    def test_signed_by_a_move_takes_no_parties_and_a_hash(self, contracts: ContractsClient, counsel):
        id = sent(contracts, counsel)
        path = f"{C}/{id}/status"
        assert counsel.expect_error(422, "PATCH", path, {"status": "signed"})["errors"][0]["loc"] == ["document_sha256"]
        assert counsel.expect_error(409, "PATCH", path, {"status": "signed", "document_sha256": HASH})["code"] == "has_parties"
        contracts.expect_error(403, "PATCH", path, {"status": "signed", "document_sha256": HASH})

    def test_days(self, contracts: ContractsClient, counsel):
        id = sent(contracts, counsel, parties=[], effective_on="2026-11-10")
        path = f"{C}/{id}/status"
        late = {"status": "signed", "document_sha256": HASH, "signed_on": "2026-11-25"}
        assert counsel.expect_error(422, "PATCH", path, late)["errors"][0]["loc"] == ["signed_on"]
        counsel.move(id, "signed", document_sha256=HASH)
        for day in ("2026-11-25", "2026-11-09"):
            body = {"status": "terminated", "reason": "mutual", "terminated_on": day}
            assert counsel.expect_error(422, "PATCH", path, body)["errors"][0]["loc"] == ["terminated_on"]

    @pytest.mark.parametrize("field", ["document_sha256", "signed_on", "terminated_on"])
    def test_fields_of_another_move(self, contracts: ContractsClient, field):
        value = HASH if field == "document_sha256" else "2026-11-01"
        body = {"status": "under_review", field: value}
        assert contracts.expect_error(422, "PATCH", f"{C}/{contracts.contract()}/status", body)["errors"][0]["loc"] == [field]


class TestEnds:
    def test_terminated(self, contracts: ContractsClient, counsel, runtime):
        deal = contracts.deal()
        id = sent(contracts, counsel, deal, parties=[], term_months=12, auto_renew=True, notice_months=1, effective_on="2025-01-01")
        counsel.move(id, "signed", document_sha256=HASH)
        assert contracts.read(id)["notice"]["deadline"] == "2026-11-30"
        path = f"{C}/{id}/status"
        contracts.expect_error(403, "PATCH", path, {"status": "terminated", "reason": "mutual"})
        assert counsel.expect_error(422, "PATCH", path, {"status": "terminated", "reason": "other"})["errors"][0]["loc"] == ["note"]
        assert counsel.expect_error(422, "PATCH", path, {"status": "terminated", "reason": "rework"})["errors"][0]["loc"] == ["reason"]
        seen = counsel.move(id, "terminated", reason="other", note="By court.", terminated_on="2026-11-20")
        assert (seen["in_force"], seen["ended_on"], seen["terminated_on"], seen["notice"]) == (False, "2026-11-20", "2026-11-20", None)
        assert entries(runtime, deal) == set()
        assert kept(runtime, id).due_on is None
        contracts.expect_error(403, "POST", f"{C}/{id}/archive")
        assert counsel.ok("POST", f"{C}/{id}/archive")["warnings"] == []

    def test_of_a_deal_that_is_over_what_ended_is_archived(self, contracts: ContractsClient, counsel):
        deal = contracts.deal()
        draft = contracts.contract(deal)
        id = sent(contracts, counsel, deal, parties=[])
        counsel.move(id, "signed", document_sha256=HASH)
        contracts.ok("PATCH", f"/deals/{deal}/status", {"status": "cancelled", "reason": "title"})
        assert contracts.expect_error(409, "PATCH", f"{C}/{draft}/status", {"status": "under_review"})["code"] == "deal_not_open"
        assert counsel.move(id, "terminated", reason="mutual")["status"] == "terminated"
        assert contracts.move(draft, "archived")["warnings"] == []

    def test_reissued_and_amended(self, contracts: ContractsClient, counsel):
        deal = contracts.deal()
        id = sent(contracts, counsel, deal, parties=[])
        counsel.move(id, "signed", document_sha256=HASH)
        assert contracts.read(contracts.contract(deal, amends=id))["amends"] == id
        assert contracts.expect_error(409, "POST", C, {"deal_id": deal, "title": "x", "reissue_of": id})["code"] == "not_reissuable"
        counsel.move(id, "terminated", reason="breach")
        assert contracts.read(contracts.contract(deal, reissue_of=id))["reissue_of"] == id
        assert contracts.expect_error(409, "POST", C, {"deal_id": deal, "title": "x", "amends": id})["code"] == "amends_unsigned"

    def test_recalled(self, contracts: ContractsClient, counsel, anonymous, runtime):
        id = sent(contracts, counsel, parties=[ANN, BOB])
        sign(runtime, contracts, anonymous, id, ANN)
        seen = contracts.move(id, "draft", reason="recalled")
        assert [party["status"] for party in seen["parties"]] == ["void", "void"]
        assert seen["signatures"][0]["void"]["why"] == seen["approvals"][0]["void"]["why"] == "recalled"
        told = [mail for mail in mails(runtime) if mail["purpose"] == "contract-ended"]
        assert {mail["to"] for mail in told} == {ANN["email"], BOB["email"]}
        assert all("http" not in mail["text"] for mail in told)

    def test_an_operator_or_counsel_recalls(self, contracts: ContractsClient, counsel, as_):
        id = sent(contracts, counsel)
        mine = as_("dealmaker", user="user_operator")
        mine.expect_error(403, "PATCH", f"{C}/{id}/status", {"status": "draft", "reason": "recalled"})
        assert counsel.move(id, "draft", reason="recalled")["status"] == "draft"


class TestOrder:
    def test_of_refusals(self, contracts: ContractsClient, counsel, as_):
        id = contracts.contract()
        path, stale = f"{C}/{id}/status", {"headers": {"If-Match": '"9"'}}
        stranger = as_("dealmaker", user="user_stranger")
        as_("viewer").expect_error(403, "PATCH", path, {"status": "approved"})
        contracts.expect_error(404, "PATCH", f"{C}/ctr_x/status", {"status": "approved"})
        contracts.expect_error(422, "PATCH", path, {"status": "banana"}, **stale)
        assert "somebody else" in stranger.expect_error(403, "PATCH", path, {"status": "approved"}, **stale)["detail"]
        contracts.expect_error(412, "PATCH", path, {"status": "approved"}, **stale)
        assert contracts.expect_error(409, "PATCH", path, {"status": "approved"})["allowed"] == ["under_review", "archived"]
        assert contracts.expect_error(409, "PATCH", path, {"status": "draft"})["type"].endswith("invalid-transition")
        contracts.move(id, "under_review")
        contracts.expect_error(403, "PATCH", path, {"status": "draft"})
        counsel.expect_error(422, "PATCH", path, {"status": "draft"})

    @pytest.mark.parametrize("status", STATUSES)
    def test_allowed_is_what_people_reach(self, status):
        assert set(MACHINE.allowed(status)) & {"declined", "expired"} == set()


def test_a_dealmaker_submits_and_does_no_more(contracts: ContractsClient, counsel, as_):
    mine = as_("dealmaker")
    id = mine.contract(mine.deal())
    mine.move(id, "under_review")
    mine.expect_error(403, "PATCH", f"{C}/{id}/status", {"status": "archived"})
    counsel.move(id, "approved")
    mine.expect_error(403, "PATCH", f"{C}/{id}/status", {"status": "sent"})
    mine.expect_error(403, "PATCH", f"{C}/{id}/status", {"status": "draft", "reason": "rework"})
