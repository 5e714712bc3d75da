"""The whole way with the other packs' own requests: signed, acknowledged, approved, finalized; reopened by an override, and finalized anew."""

import pytest

from tests.packs.contracts.contracts_client import ANN, ContractsClient, sent, sign
from tests.packs.documents.documents_client import DocumentsClient
from tests.packs.finalization.finalization_client import F
from tests.packs.governance.governance_client import Office


@pytest.fixture
def people(runtime, client_as):
    return Office(runtime, client_as)


@pytest.fixture
def contracts(client_as):
    return ContractsClient(client_as("operator"))


@pytest.fixture
def counsel(client_as):
    return ContractsClient(client_as("counsel"))


@pytest.fixture
def documents(client_as):
    return DocumentsClient(client_as("operator"))


def test_from_draft_to_certificate_and_back(office, contracts, counsel, documents, people, anonymous, runtime, as_):
    office.call.be_signed_in()
    deal = office.deal(kind="service", value=300_000)
    contract = sent(contracts, counsel, deal)
    assert office.status(deal)["blocking"]["no_unsigned_contracts"] == [{"id": contract, "why": "sent"}]
    sign(runtime, contracts, anonymous, contract, ANN)
    route = documents.route(deal, contract_id=contract, storage_url=None)
    assert office.status(deal)["blocking"]["all_required_docs_acknowledged"] == [{"id": route, "why": "sent"}]
    documents.move(route, "acknowledged")
    office.begin(deal)
    for item in office.items(deal):
        office.settle(item, **({"evidence": {"route_id": route}} if item["kind"] == "document" else {}))
    contracts.expect_error(409, "POST", "/contracts/lifecycle", {"deal_id": deal, "title": "Another"})

    finalizer = as_("operator", user="user_finalizer")
    request = finalizer.expect_error(409, "POST", f"{F}/{deal}")["approval_request_id"]
    king, queen = people.holder("King"), people.holder("Queen")
    assert king.ok("GET", f"/governance/requests/{request}")["requested_action"] == "finalize"
    for who, role in ((king, "King"), (queen, "Queen")):
        who.decide(deal, role, requested_action="finalize")
    assert finalizer.finalize(deal)["finalized"]
    certificate = office.certificate(deal)
    assert [one["id"] for one in certificate["contracts"]] == [contract]
    assert certificate["contracts"][0]["content_hash"] == contracts.read(contract)["content_hash"]
    assert [one["id"] for one in certificate["routes"]] == [route]
    assert sorted(one["person"] for one in certificate["decisions"]) == ["user_king", "user_queen"]
    assert as_("auditor").ok("POST", f"/audit/scan/deal/{deal}")["events"] == []

    documents.expect_error(409, "POST", "/documents/routes", documents.body(deal))
    override = king.decide(deal, "King", "override", requested_action="reopen", is_final=True)["id"]
    assert office.reopen(deal, override)["status"] == "open"
    assert office.certificate(deal)["superseded"]["decision_id"] == override
    assert finalizer.finalize(deal)["certificate"]["number"] == 2


def test_a_denial_of_a_professional_or_a_flag_on_a_contract_holds_it(office, contracts, counsel, people, anonymous, runtime):
    office.call.be_signed_in()
    professional = office.professional()
    deal = office.deal(value=1, professional_ids=[professional])
    contract = sent(contracts, counsel, deal)
    sign(runtime, contracts, anonymous, contract, ANN)
    assert office.status(deal)["ready"]
    king, loki = people.holder("King"), people.holder("Loki")
    denial = king.decide(professional, "King", "deny", requested_action="finalize")["id"]
    flag = loki.decide(contract, "Loki", "flag", subject_type="contract")["id"]
    blocked = office.status(deal)["blocking"]["no_governance_denial_or_flag"]
    assert sorted(one["id"] for one in blocked) == sorted([denial, flag])
    king.decide(contract, "King", "approve", subject_type="contract", resolves=flag)
    queen = people.holder("Queen")
    queen.decide(professional, "Queen", "override", requested_action="finalize")
    assert office.finalize(deal)["finalized"]


def test_another_document_is_acknowledged_anew(office, contracts, counsel, documents, runtime, anonymous):
    """A contract that is taken back and gets another document: the old acknowledgement no longer holds, the new one does."""
    from tests.packs.contracts.contracts_client import upload

    deal = office.deal(value=1)
    contract = sent(contracts, counsel, deal)
    documents.move(documents.route(deal, contract_id=contract, storage_url=None), "acknowledged")
    contracts.move(contract, "draft", reason="recalled")
    upload(contracts, contract, b"%PDF-1.7 another")
    contracts.move(contract, "under_review")
    counsel.move(contract, "approved")
    contracts.move(contract, "sent")
    sign(runtime, contracts, anonymous, contract, ANN)
    blocked = office.status(deal)["blocking"]
    assert [one["why"] for one in blocked["all_required_docs_acknowledged"]] == ["stale_hash"]
    documents.move(documents.route(deal, contract_id=contract, storage_url=None), "acknowledged")
    assert office.status(deal)["ready"]


def test_cancelling_recalls_what_waits_and_is_held_by_what_is_sent(office, contracts, counsel, documents):
    deal = office.deal()
    contract = sent(contracts, counsel, deal)
    route = documents.route(deal)
    problem = office.expect_error(409, "PATCH", f"/deals/{deal}/status", {"status": "cancelled", "reason": "title"})
    assert (problem["code"], problem["held_by"]) == ("contract_sent", [contract])
    contracts.move(contract, "draft", reason="recalled")
    office.cancel(deal)
    assert documents.read(route)["status"] == "recalled"
