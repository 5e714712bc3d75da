"""The rules over deals with real contracts, documents, items, certificates and chains, as their own packs make them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib.packs.findings import schedules
from tests.conftest import TABLE
from tests.packs.contracts.contracts_client import ContractsClient, approved, upload
from tests.packs.documents.documents_client import D, DocumentsClient
from tests.packs.finalization import papers
from tests.packs.finalization.decisions import decide
from tests.packs.finalization.finalization_client import FinalizationClient
from tests.packs.findings.findings_client import AUDIT, FindingsClient
from tests.packs.tasks.tasks_client import events
from tests.streams.conftest import world
from tests.streams.stream_feeder import deliver

__all__ = ["world"]

HASH = "c" * 64


@pytest.fixture
def contracts(client_as: Any) -> ContractsClient:
    return ContractsClient(client_as("operator"))


@pytest.fixture
def counsel(client_as: Any) -> ContractsClient:
    return ContractsClient(client_as("counsel"))


@pytest.fixture
def attester(client_as: Any) -> ContractsClient:
    return ContractsClient(client_as("counsel", user="user_attester"))


class TestContracts:
    def signed(self, contracts: ContractsClient, counsel: ContractsClient, attester: ContractsClient, deal: str, **body: Any) -> str:
        id = approved(contracts, counsel, deal, **body)
        contracts.move(id, "sent")
        attester.move(id, "signed", document_sha256=HASH)
        return id

    def test_signed_at_last(self, findings: FindingsClient, contracts, counsel, attester):
        deal = findings.deal()
        id = approved(contracts, counsel, deal)
        answer = findings.scan(deal)
        assert ([event["code"] for event in answer["events"]], answer["checklist"]["no_unsigned_contracts"]) == (
            ["MISSING_SIGNED_CONTRACT"],
            False,
        )
        contracts.move(id, "sent")
        attester.move(id, "signed", document_sha256=HASH)
        answer = findings.scan(deal)
        assert (answer["events"], set(answer["checklist"].values())) == ([], {True})

    def test_d21_its_term_ends(self, findings: FindingsClient, contracts, counsel, attester, clock, run_work):
        deal = findings.deal()
        id = self.signed(contracts, counsel, attester, deal, expires_on="2026-11-27")
        seen = []
        for day in (26, 27, 28, 29):
            clock.now = datetime(2026, 11, day, 10, 15, tzinfo=UTC)  # at night in Los Angeles: the day has begun
            run_work(schedules.scans)
            seen.append(sorted(finding["code"] for finding in findings.of_deal(deal) if finding["status"] == "open"))
        assert seen == [[], [], *[["CONTRACT_EXPIRED", "MISSING_SIGNED_CONTRACT"]] * 2]
        assert findings.only(deal, "CONTRACT_EXPIRED")["subject_id"] == id

    def test_who_drafts_it_approves_it(self, findings: FindingsClient, auditor: FindingsClient, as_, counsel, contracts):
        deal = findings.deal()
        mine = counsel.contract(deal)
        upload(counsel, mine)
        counsel.move(mine, "under_review")
        counsel.move(mine, "approved")
        other = approved(contracts, counsel, deal)
        findings.scan(deal)
        found = findings.only(deal, "SELF_APPROVAL")
        assert (found["subject_type"], found["subject_id"], found["severity"]) == ("contract", mine, "warning")
        body = {"reason": "A firm of one.", "until": "2026-12-31"}
        as_("counsel", "auditor", user="user_counsel").expect_error(403, "POST", f"{AUDIT}/events/{found['id']}/accept", body)
        auditor.ok("POST", f"{AUDIT}/events/{found['id']}/accept", body)
        assert other

    def test_who_approves_it_attests_it(self, findings: FindingsClient, auditor: FindingsClient, as_, counsel, contracts):
        """Nobody accepts the risk of what they have done themselves, though another has drafted it."""
        deal = findings.deal()
        id = approved(contracts, counsel, deal)
        contracts.move(id, "sent")
        counsel.move(id, "signed", document_sha256=HASH)
        findings.scan(deal)
        found = findings.only(deal, "SELF_APPROVAL")["id"]
        body = {"reason": "A firm of one.", "until": "2026-12-31"}
        as_("counsel", "auditor", user="user_counsel").expect_error(403, "POST", f"{AUDIT}/events/{found}/accept", body)
        auditor.ok("POST", f"{AUDIT}/events/{found}/accept", body)


def test_documents(findings: FindingsClient, client_as, contracts, counsel):
    office, deal = DocumentsClient(client_as("operator")), findings.deal()
    contract = approved(contracts, counsel, deal)
    route = office.send(deal, contract_id=contract, storage_url=None)
    assert findings.codes(deal)["DOCS_NOT_ACKNOWLEDGED"] == "open"
    office.ok("PATCH", f"{D}/{route['id']}/status", {"status": "acknowledged"})
    assert "DOCS_NOT_ACKNOWLEDGED" not in findings.codes(deal)
    counsel.move(contract, "draft", reason="rework")  # d26: the contract gets another document
    upload(contracts, contract, b"%PDF-1.7 another one")
    contracts.move(contract, "under_review")
    assert findings.codes(deal)["DOCS_NOT_ACKNOWLEDGED"] == "open"


def test_items(findings: FindingsClient, client_as, clock):
    office = FinalizationClient(client_as("operator"))
    pipeline = findings.ok("POST", "/wholesale", {"lead_source": "web"})["id"]
    deal = findings.deal(target_close_on="2026-11-30", pipeline_id=pipeline)
    late = office.item(deal, due={"anchor": "target_close_on", "offset_days": -5})
    filled = office.item(deal, "information", field="target_close_on", due={"anchor": "opened_on", "offset_days": 0})
    of_pipeline = office.item(deal, due={"anchor": "pipeline.closes_on", "offset_days": 0})
    clock.now += timedelta(days=1)
    assert "ITEM_OVERDUE" not in findings.codes(deal)
    clock.now += timedelta(days=1)
    assert findings.codes(deal)["ITEM_OVERDUE"] == "open"
    assert findings.only(deal, "ITEM_OVERDUE")["subject_id"] == late["id"]
    findings.ok("PATCH", f"/wholesale/{pipeline}", {"closes_on": "2026-11-20"})
    findings.ok("PATCH", f"/deals/{deal}", {"target_close_on": "2026-12-30"})
    findings.scan(deal)
    assert {row["subject_id"] for row in findings.of_deal(deal) if row["code"] == "ITEM_OVERDUE" and row["status"] == "open"} == {
        of_pipeline["id"]
    }
    assert filled


class TestFinalization:
    @pytest.fixture(autouse=True)
    def with_papers(self, runtime):
        papers.register(runtime)

    @pytest.fixture
    def finalized(self, client_as, context) -> str:
        """A deal that took the approval of two people."""
        office, ctx = FinalizationClient(client_as("operator")), context("operator", user="user_paper")
        deal = office.deal(value=300_000)
        papers.add_contract(ctx, deal)
        decide(context("operator", user="user_king"), deal)
        decide(context("operator", user="user_queen"), deal, role="Queen")
        office.finalize(deal)
        return str(deal)

    def test_its_decisions_meet_the_policies(self, findings: FindingsClient, finalized):
        assert findings.scan(finalized)["events"] == []

    def test_a_decision_is_gone(self, findings: FindingsClient, finalized, context, runtime, run_work, clock):
        from chalicelib.packs.governance.public import Decision

        store = context("operator").store
        rows = [row for row in store.query_all(Decision.children_of(finalized)) if row["role"]["S"] == "Queen"]
        runtime.dynamodb.delete_item(TableName=TABLE, Key={"pk": rows[0]["pk"], "sk": rows[0]["sk"]})
        clock.now += timedelta(days=1)
        run_work(schedules.scans)
        (found,) = [row for row in findings.of_deal(finalized) if row["status"] == "open"]
        assert (found["code"], found["severity"], found["subject_type"]) == ("UNAPPROVED_FINALIZATION", "critical", "certificate")
        assert [event.data["code"] for event in events(runtime, "findings.raised")] == ["UNAPPROVED_FINALIZATION"]


def test_a_broken_chain_keeps_a_deal_from_being_finalized(world, client_as):
    findings, office, auditor = FindingsClient(client_as("operator")), FinalizationClient(client_as("operator")), client_as("auditor")
    deal = findings.deal()
    deliver(world.audit(), world.feed.entities())
    key = {"pk": {"S": f"AUD#{deal}"}, "sk": {"S": "0000000001"}}
    row = world.table.get_item(TableName=TABLE, Key=key)["Item"]
    world.table.put_item(TableName=TABLE, Item=row | {"hash": {"S": "0" * 64}})
    assert auditor("GET", f"{AUDIT}/verify/{deal}").json()["valid"] is False
    found = findings.only(deal, "CHAIN_BROKEN")
    assert (found["status"], found["subject_id"]) == ("open", deal)
    assert office.status(deal)["blocking"]["no_open_critical_finding"] == [{"id": deal, "why": "CHAIN_BROKEN"}]
    world.table.put_item(TableName=TABLE, Item=row)
    assert auditor("GET", f"{AUDIT}/verify/{deal}").json()["valid"] is True
    assert findings.only(deal, "CHAIN_BROKEN")["status"] == "resolved"
    assert office.status(deal)["checklist"]["no_open_critical_finding"] is True
