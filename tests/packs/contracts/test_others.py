"""What other packs see of contracts: facts, approvals of governance, retainers, cancelled deals, packets, and what is held."""

from decimal import Decimal

from chalicelib.foundation.subjects import SubjectRegistry
from chalicelib.packs.governance import public as governance
from chalicelib.packs.governance.public import Policy
from tests.packs.contracts.contracts_client import ANN, C, ContractsClient, approved, events, sent, sign, upload

HASH = "a" * 64


class TestFacts:
    def test_of_a_signed_contract(self, contracts: ContractsClient, counsel, anonymous, runtime):
        deal, professional = contracts.deal(), contracts.professional()
        id = sent(contracts, counsel, deal, parties=[ANN], professional_id=professional, expires_on="2027-01-31")
        registry = SubjectRegistry(runtime.packs)
        before = registry.load(runtime.context(request_id="r"), id)
        sign(runtime, contracts, anonymous, id, ANN)
        subject = registry.load(runtime.context(request_id="r"), id)
        seen = contracts.read(id)
        expected = {
            "deal_id": deal,
            "title": "Purchase agreement",
            "kind": "other",
            "status": "signed",
            "version": 4,
            "in_force": True,
            "ended_on": None,
            "document_sha256": seen["document_sha256"],
            "content_hash": seen["content_hash"],
            "professional_id": professional,
            "created_by": "user_operator",
            "self_approved": False,
        }
        assert {name: subject.facts[name] for name in expected} == expected
        assert subject.content_hash == before.content_hash
        assert subject.responsible == {"user_operator"}

    def test_the_hash_is_of_the_content(self, contracts: ContractsClient, runtime):
        id = contracts.contract()
        registry = SubjectRegistry(runtime.packs)
        hashes = [registry.load(runtime.context(request_id="r"), id).content_hash]
        for body in ({"notes": "x"}, {"title": "Other"}):
            contracts.patch(id, **body)
            hashes.append(registry.load(runtime.context(request_id="r"), id).content_hash)
        assert hashes[0] == hashes[1] != hashes[2]


class TestGovernance:
    POLICY = Policy("sign", "contract", ("Tyr",), 1, above=Decimal(1000), currency="USD")

    def decide(self, runtime, id, action):
        ctx = runtime.context(request_id="r")
        hash = SubjectRegistry(runtime.packs).load(ctx, id).content_hash
        record = {"id": "dec_1", "number": 1, "action": action, "requested_action": "sign", "role": "Tyr", "person": "user_tyr"}
        values = {"ver": 1, "records": [{**record, "is_final": False, "subject_hash": hash}]}
        ctx.store.put_values(governance.head_key(id), values)

    def test_to_send_it_takes_what_the_policies_want(self, contracts: ContractsClient, counsel, runtime, set_policies):
        set_policies(self.POLICY)
        id = approved(contracts, counsel, value=1001)
        path, body = f"{C}/{id}/status", {"status": "sent"}
        refused = [contracts.expect_error(409, "PATCH", path, body) for _ in range(2)]
        assert refused[0]["type"].endswith("approval-required")
        assert refused[0]["approval_request_id"] == refused[1]["approval_request_id"]
        assert refused[0]["approvals"][0]["roles"] == ["Tyr"]
        assert len(events(runtime, "governance.requested")) == 1
        assert contracts.read(id)["status"] == "approved"
        self.decide(runtime, id, "approve")
        assert contracts.move(id, "sent")["status"] == "sent"

    def test_a_smaller_one_needs_nobody(self, contracts: ContractsClient, counsel, set_policies):
        set_policies(self.POLICY)
        id = approved(contracts, counsel, value=1000)
        assert contracts.move(id, "sent")["status"] == "sent"

    def test_conditions_come_before_it(self, contracts: ContractsClient, counsel, runtime, set_policies):
        set_policies(self.POLICY)
        id = approved(contracts, counsel, value=1001, parties=[{"name": "x", "role": "y"}])
        assert contracts.expect_error(409, "PATCH", f"{C}/{id}/status", {"status": "sent"})["code"] == "party_without_email"
        assert events(runtime, "governance.requested") == []

    def test_a_denial_bars_it(self, contracts: ContractsClient, counsel, runtime):
        id = approved(contracts, counsel)
        self.decide(runtime, id, "deny")
        assert contracts.expect_error(409, "PATCH", f"{C}/{id}/status", {"status": "sent"})["code"] == "denied"
        contracts.move(id, "draft", reason="rework")
        contracts.patch(id, title="Other")
        contracts.move(id, "under_review")
        counsel.move(id, "approved")
        assert contracts.move(id, "sent")["status"] == "sent"


class TestRetainers:
    def test_one_rests_on_a_contract_in_force(self, contracts: ContractsClient, counsel, clock):
        professional = contracts.professional()
        id = sent(contracts, counsel, parties=[], expires_on="2026-12-31")
        body = {"professional_id": professional, "name": "Monthly", "monthly_hours_included": 10, "contract_id": id}
        contracts.expect_error(409, "POST", "/pros/retainers", body)
        draft = contracts.ok("POST", "/pros/retainers", {**body, "status": "draft"})["id"]
        path = f"/pros/retainers/{draft}/activate"
        contracts.expect_error(409, "POST", path)
        counsel.move(id, "signed", document_sha256=HASH)
        assert contracts.ok("POST", path)["status"] == "active"
        clock.now = clock.now.replace(year=2027, month=1, day=2)
        contracts.expect_error(409, "POST", "/pros/retainers", {**body, "name": "Another"})
        contracts.expect_error(404, "POST", "/pros/retainers", {**body, "contract_id": contracts.deal()})


class TestDeals:
    def test_a_sent_contract_stands_against_cancelling(self, contracts: ContractsClient, counsel):
        deal = contracts.deal()
        contracts.contract(deal)
        ids = [sent(contracts, counsel, deal) for _ in range(2)]
        body = {"status": "cancelled", "reason": "title"}
        refused = contracts.expect_error(409, "PATCH", f"/deals/{deal}/status", body)
        assert (refused["code"], sorted(refused["held_by"])) == ("contract_sent", sorted(ids))
        for id in ids:
            contracts.move(id, "draft", reason="recalled")
        assert contracts.ok("PATCH", f"/deals/{deal}/status", body)["status"] == "cancelled"

    def test_a_packet_says_which_contracts_there_are(self, contracts: ContractsClient, counsel):
        deal, professional = contracts.deal(), contracts.professional()
        id = sent(contracts, counsel, deal, sign_by="2026-12-01")
        packet = contracts.ok("GET", f"/pros/handoff/{professional}", query={"deal_id": deal})
        assert packet["contracts"] == [
            {
                "id": id,
                "title": "Purchase agreement",
                "kind": "other",
                "status": "sent",
                "version": 3,
                "in_force": False,
                "sign_by": "2026-12-01",
                "expires_on": None,
            }
        ]
        assert "contracts" not in packet["missing"]

    def test_what_is_held_on_a_professional(self, contracts: ContractsClient):
        professional = contracts.professional()
        id = contracts.contract(professional_id=professional, parties=[ANN])
        upload(contracts, id)
        held = contracts.ok("GET", f"/pros/{professional}/data")
        assert [row["id"] for row in held["parts"]["contracts"]] == [id]

    def test_a_snapshot_of_the_deal_has_them(self, contracts: ContractsClient, counsel, runtime):
        from chalicelib.packs.deals import public as deals

        deal = contracts.deal()
        id = sent(contracts, counsel, deal)
        snapshot = deals.read_snapshot(runtime.context(request_id="r"), deal)
        assert [subject.id for subject in snapshot.of_type("contract")] == [id]
        assert snapshot.gate.contract_hashes == {id: contracts.read(id)["content_hash"]}


def test_a_draft_of_which_something_was_routed_stays(contracts: ContractsClient, counsel):
    deal = contracts.deal()
    id = approved(contracts, counsel, deal)
    route = contracts.ok(
        "POST",
        "/documents/routes",
        {"deal_id": deal, "document_type": "draft", "contract_id": id, "recipient": {"name": "Ann", "email": "ann@example.com"}},
    )["id"]
    contracts.move(id, "draft", reason="rework")
    refused = contracts.expect_error(409, "DELETE", f"{C}/{id}")
    assert (refused["code"], refused["held_by"]) == ("referred_to", [route])
    contracts.ok("DELETE", f"/documents/routes/{route}")
    contracts.ok("DELETE", f"{C}/{id}")
