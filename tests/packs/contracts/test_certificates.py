"""Certificates: what proves that a contract was signed, as JSON, as a page and as a PDF."""

import base64
import re
from typing import Any

import pytest

from chalicelib.foundation.canonical_json import content_hash
from chalicelib.packs.audit.records import GENESIS, AuditRecord
from tests.packs.contracts.contracts_client import ANN, BOB, C, ContractsClient, sent, sign

HASH = "a" * 64


def write_trail(runtime: Any, id: str, count: int) -> list[str]:
    """A chain of records of an entity, as the stream's consumer writes it; their hashes."""
    hashes, previous = [], GENESIS
    for seq in range(1, count + 1):
        at = f"2026-11-24T18:00:{seq:02}.000Z"
        values = {
            "entity_id": id,
            "kind": "contract",
            "seq": seq,
            "action": "created" if seq == 1 else "updated",
            "actor": "user_operator",
            "at": at,
        }
        record = AuditRecord.from_values({**values, "recorded_at": at, "changes": {}}, previous)
        runtime.store().create(record)
        previous = record.hash
        hashes.append(previous)
    return hashes


@pytest.fixture
def signed(contracts: ContractsClient, counsel, anonymous, runtime, as_):
    """A contract that Ann has signed, was recalled, and that Ann signed again and Bob by hand; with its trail."""
    id = sent(contracts, counsel, parties=[ANN, BOB], title="Purchase agreement, 1201 Pine St", value=210000, kind="purchase")
    sign(runtime, contracts, anonymous, id, ANN)
    contracts.move(id, "draft", reason="recalled")
    contracts.move(id, "under_review")
    counsel.move(id, "approved")
    contracts.move(id, "sent")
    sign(runtime, contracts, anonymous, id, ANN)
    body = {"party_id": "p2", "typed_name": "Bob", "consent": True, "content_hash": contracts.read(id)["content_hash"]}
    by_hand = {"authentication": "wet_ink", "signed_on": "2026-11-20", "signed_file_sha256": "b" * 64}
    as_("counsel", user="user_lawyer").ok("POST", f"{C}/{id}/signatures", {**body, **by_hand})
    return id


def certificate(client: ContractsClient, id: str) -> Any:
    return client.ok("GET", f"{C}/{id}/certificate")


def test_what_it_proves(contracts: ContractsClient, signed, runtime):
    hashes = write_trail(runtime, signed, 3)
    before = contracts.read(signed)
    (own,) = write_trail(runtime, before["signatures"][1]["id"], 1)
    seen = certificate(contracts, signed)
    assert seen["contract"]["content_hash"] == before["content_hash"]
    assert seen["contract"]["signed_on"] == "2026-11-24"
    standing_last = sorted(seen["signatures"], key=lambda one: (one["void"] is None, one["party_id"]))
    assert [(one["party_name"], one["authentication"], one["void"] and one["void"]["why"]) for one in standing_last] == [
        ("Ann Seller", "email_link", "recalled"),
        ("Ann Seller", "email_link", None),
        ("Bob Buyer", "wet_ink", None),
    ]
    ann, bob = standing_last[1:]
    assert (ann["consent_version"], ann["ip_address"], ann["recorded_by"]) == ("2026-11", "127.0.0.1", f"party:{signed}:p1")
    assert (bob["signed_on"], bob["signed_file_sha256"], bob["recorded_by"]) == ("2026-11-20", "b" * 64, "user_lawyer")
    assert {one["content_hash"] for one in seen["signatures"]} == {before["content_hash"]}
    assert [one["void"] is None for one in seen["approvals"]] == [False, True]
    assert [(one["seq"], one["action"], one["hash"]) for one in seen["trail"] if one["entity_id"] == signed] == [
        (1, "created", hashes[0]),
        (2, "updated", hashes[1]),
        (3, "updated", hashes[2]),
    ]
    assert [one["hash"] for one in seen["trail"] if one["entity_id"] != signed] == [own]
    claimed = seen.pop("certificate_hash")
    assert content_hash(seen) == claimed


def test_without_contacts_it_has_the_same_hash(contracts: ContractsClient, signed, as_):
    whole, masked = certificate(contracts, signed), certificate(as_("viewer"), signed)
    assert masked["certificate_hash"] == whole["certificate_hash"]
    assert {(one["email"], one["ip_address"], one["user_agent"]) for one in masked["signatures"]} == {(None, None, None)}
    assert {party["email"] for party in masked["contract"]["parties"]} == {None}
    assert whole["contract"]["parties"][0]["email"] == ANN["email"]


def test_what_isnt_signed_has_none(contracts: ContractsClient, counsel):
    id = sent(contracts, counsel)
    contracts.expect_error(404, "GET", f"{C}/{id}/certificate")
    contracts.expect_error(422, "GET", f"{C}/{id}/certificate", query={"format": "docx"})
    contracts.expect_error(404, "GET", f"{C}/ctr_x/certificate")


def test_it_is_there_after_the_end_too(contracts: ContractsClient, counsel):
    id = sent(contracts, counsel, parties=[])
    counsel.move(id, "signed", document_sha256=HASH)
    counsel.move(id, "terminated", reason="mutual")
    counsel.move(id, "archived")
    seen = certificate(contracts, id)
    assert (seen["contract"]["attested_by"], seen["contract"]["signed_file_sha256"], seen["signatures"]) == ("user_counsel", HASH, [])
    assert seen["contract"]["terminated_on"] == "2026-11-24"
    page = contracts.call("GET", f"{C}/{id}/certificate", query={"format": "html"}).text
    assert "Signed by hand" in page
    assert "Terminated" in page


def test_as_a_page(contracts: ContractsClient, signed):
    answer = contracts.call("GET", f"{C}/{signed}/certificate", query={"format": "html"})
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    text = re.sub(r"<[^>]+>", " ", answer.text)
    for words in (
        "Certificate of signature",
        "USD 210,000.00",
        "Signature of Ann Seller (void)",
        "By hand, attested",
        "ann@example.com",
        "Recalled".lower(),
    ):
        assert words in text, words
    assert certificate(contracts, signed)["certificate_hash"] in text


def test_as_a_pdf(contracts: ContractsClient, signed):
    pdfium = pytest.importorskip("pypdfium2")
    answer = contracts.call("GET", f"{C}/{signed}/certificate", query={"format": "pdf"})
    assert answer.headers["content-type"] == "application/pdf"
    assert f'filename="{signed}-certificate.pdf"' in answer.headers["content-disposition"]
    document = pdfium.PdfDocument(base64.b64decode(answer.text))
    text = "\n".join(page.get_textpage().get_text_bounded() for page in document)
    for words in ("Purchase agreement, 1201 Pine St", "Signature of Bob Buyer", "user_lawyer", "Page 1 of"):
        assert words in text, words
    assert re.sub(r"\s", "", certificate(contracts, signed)["certificate_hash"]) in re.sub(r"\s", "", text)
    again = contracts.call("GET", f"{C}/{signed}/certificate", query={"format": "pdf"})
    assert again.text == answer.text
