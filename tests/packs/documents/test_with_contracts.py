"""Routes with the contracts that there are: the contract's own file behind the link, and an acknowledgement that holds for its hash."""

from typing import Any

import pytest

from chalicelib.foundation.runtime import Runtime
from chalicelib.foundation.secret_store import SecretStore
from chalicelib.packs import PACKS
from tests import moto_buckets
from tests.conftest import SECRETS
from tests.packs.contracts.contracts_client import ContractsClient, approved, upload
from tests.packs.documents.documents_client import D, DocumentsClient


@pytest.fixture
def runtime(settings: Any, dynamodb: Any, clock: Any) -> Runtime:
    return Runtime(
        settings, packs=PACKS, dynamodb=dynamodb, secrets=SecretStore(settings, lambda: SECRETS), clock=clock, sleep=lambda _: None
    )


def test_a_contracts_document_goes_out_is_read_and_replaced(documents: DocumentsClient, client_as: Any, holder: Any) -> None:
    contracts, counsel = ContractsClient(client_as("operator")), ContractsClient(client_as("counsel"))
    deal = documents.deal()
    draft = contracts.contract(deal)
    upload(contracts, draft)
    refused = documents.expect_error(409, "POST", D, documents.body(deal, contract_id=draft))
    assert (refused["code"], refused["contract_status"]) == ("contract_not_fixed", "draft")

    contract = approved(contracts, counsel, deal)
    route = documents.send(deal, contract_id=contract, storage_url=None)
    assert route["document_sha256"] == contracts.read(contract)["document_sha256"]
    assert [row["id"] for row in documents.list(f"{D}/by-contract/{contract}")] == [route["id"]]
    opened = holder(route["id"]).open().json()
    file = moto_buckets.send("GET", opened["url"])
    assert (file.status, file.content) == (200, b"%PDF-1.7 the contract")
    assert holder(route["id"]).acknowledge(route["document_sha256"]).status == 200
    assert documents.read(route["id"])["stale_hash"] is False

    counsel.move(contract, "draft", reason="rework", note="The price.")
    upload(contracts, contract, b"%PDF-1.7 another one")
    seen = documents.read(route["id"])
    assert (seen["status"], seen["stale_hash"]) == ("acknowledged", True)
    assert holder(route["id"]).open().json()["url"] is None
    assert documents.recall(route["id"], "superseded")["status"] == "recalled"
