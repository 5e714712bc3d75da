"""Documents go past the API, by URLs that take exactly the file that was announced; what is submitted keeps the version that was there."""

import hashlib

import pytest

from tests import moto_buckets
from tests.packs.contracts.contracts_client import ANN, C, ContractsClient, approved, kept, upload

FIRST, SECOND = b"%PDF-1.7 first", b"%PDF-1.7 second"


def announced(content: bytes = FIRST, **body):
    return {
        "filename": "Kauf, vertrag.pdf",
        "content_type": "application/pdf",
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        **body,
    }


def download(client: ContractsClient, id: str) -> bytes:
    place = client.ok("GET", f"{C}/{id}/document")
    answer = moto_buckets.send("GET", place["url"])
    assert answer.status == 200
    assert hashlib.sha256(answer.content).hexdigest() == place["sha256"]
    return answer.content


def test_uploaded_and_read(contracts: ContractsClient):
    id = contracts.contract()
    answer = contracts.call("POST", f"{C}/{id}/document", announced())
    place = answer.json()
    assert (answer.status, place["method"], place["expires_in"]) == (201, "PUT", 900)
    assert {name.lower() for name in place["headers"]} >= {"content-type", "content-length", "x-amz-checksum-sha256", "if-none-match"}
    assert contracts.read(id)["document"] == {**announced(), "arrived": False}
    contracts.expect_error(404, "GET", f"{C}/{id}/document")
    assert moto_buckets.send("PUT", place["url"], headers=place["headers"], body=FIRST).status == 200
    assert contracts.read(id)["document"]["arrived"] is True
    seen = contracts.ok("GET", f"{C}/{id}/document")
    assert {name: value for name, value in seen.items() if name != "url"} == {"expires_in": 300, **announced()}
    assert download(contracts, id) == FIRST


def test_the_url_takes_nothing_else(contracts: ContractsClient):
    id = contracts.contract()
    place = contracts.ok("POST", f"{C}/{id}/document", announced())
    put = lambda headers, body: moto_buckets.send("PUT", place["url"], headers={**place["headers"], **headers}, body=body)  # noqa: E731
    assert put({}, SECOND[: len(FIRST)]).status == 400
    assert put({}, FIRST + b"x").status == 403
    assert put({"Content-Type": "text/html"}, FIRST).status == 403
    without = {name: value for name, value in place["headers"].items() if name != "If-None-Match"}
    assert moto_buckets.send("PUT", place["url"], headers=without, body=FIRST).status == 403
    assert contracts.read(id)["document"]["arrived"] is False
    assert put({}, FIRST).status == 200
    assert put({}, FIRST).status == 412


def test_the_latest_call_says_which_document_it_is(contracts: ContractsClient):
    id = contracts.contract()
    upload(contracts, id, FIRST)
    hash = upload(contracts, id, SECOND)
    seen = contracts.read(id)
    assert (seen["document_sha256"], seen["document"]["size"]) == (hash, len(SECOND))
    assert download(contracts, id) == SECOND
    contracts.ok("POST", f"{C}/{id}/document", announced(FIRST))
    assert contracts.read(id)["document"]["arrived"] is True


def test_what_is_submitted_keeps_its_version(contracts: ContractsClient, counsel, runtime, settings):
    id = contracts.contract(parties=[ANN])
    upload(contracts, id, FIRST)
    contracts.move(id, "under_review")
    document = kept(runtime, id).document
    from chalicelib.foundation import files

    ctx = runtime.context(request_id="r")
    other = files.put(ctx, document["key"], SECOND, content_type="application/pdf")
    assert other.version_id != document["version_id"]
    assert download(contracts, id) == FIRST
    counsel.move(id, "approved")
    contracts.move(id, "sent")
    assert download(contracts, id) == FIRST


def test_bytes_that_arent_those_that_were_announced_havent_arrived(contracts: ContractsClient, runtime):
    id = contracts.contract()
    contracts.ok("POST", f"{C}/{id}/document", announced(FIRST))
    from chalicelib.foundation import files

    files.put(runtime.context(request_id="r"), kept(runtime, id).document["key"], SECOND, content_type="application/pdf")
    assert contracts.read(id)["document"]["arrived"] is False
    assert contracts.expect_error(409, "PATCH", f"{C}/{id}/status", {"status": "under_review"})["code"] == "document_missing"


def test_the_document_is_content(contracts: ContractsClient):
    id = contracts.contract()
    before = contracts.read(id)["content_hash"]
    upload(contracts, id)
    with_document = contracts.read(id)["content_hash"]
    assert with_document != before
    contracts.ok("DELETE", f"{C}/{id}/document")
    seen = contracts.read(id)
    assert (seen["content_hash"], seen["document"], seen["document_sha256"]) == (before, None, None)
    contracts.expect_error(404, "DELETE", f"{C}/{id}/document")


@pytest.mark.parametrize(
    ("status", "change"),
    [
        (422, {"content_type": "text/html"}),
        (422, {"content_type": "application/msword"}),
        (422, {"sha256": "A" * 64}),
        (422, {"size": 0}),
        (422, {"size": "3"}),
        (422, {"filename": "../x.pdf"}),
        (422, {"filename": ""}),
        (413, {"size": 26_214_401}),
    ],
)
def test_what_is_no_document(contracts: ContractsClient, status, change):
    contracts.expect_error(status, "POST", f"{C}/{contracts.contract()}/document", announced(**change))


def test_the_largest_and_a_word_document(contracts: ContractsClient):
    docx = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
    body = announced(size=26_214_400, content_type=docx, filename="a.docx")
    assert contracts.ok("POST", f"{C}/{contracts.contract()}/document", body)["method"] == "PUT"


def test_whose(contracts: ContractsClient, counsel, as_):
    id = approved(contracts, counsel)
    stranger = as_("dealmaker", user="user_stranger")
    stranger.expect_error(403, "POST", f"{C}/{id}/document", announced())
    stranger.expect_error(403, "DELETE", f"{C}/{id}/document")
    assert download(as_("viewer"), id)
    as_("viewer").expect_error(403, "POST", f"{C}/{id}/document", announced())
    contracts.expect_error(404, "GET", f"{C}/ctr_x/document")


def test_a_repetition_with_its_key_is_answered_as_the_first(contracts: ContractsClient):
    id, key = contracts.contract(), {"Idempotency-Key": "k"}
    first, second = (contracts.call("POST", f"{C}/{id}/document", announced(), headers=key) for _ in range(2))
    assert (first.json(), second.headers["idempotent-replayed"]) == (second.json(), "true")
    assert contracts.read(id)["revision"] == 2
