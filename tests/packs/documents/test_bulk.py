"""One document to many: a route, a mail and a link each, and a result of its own for each of them."""

from datetime import timedelta
from typing import Any

import pytest

from tests.fault_injection import FaultInjectingClient
from tests.packs.documents.documents_client import ANN, FIRST, D, DocumentsClient, contract, gate, mails, path_in


def people(count: int) -> list[dict[str, str]]:
    return [{"name": f"Neighbour {number}", "email": f"n{number}@example.com"} for number in range(count)]


def body_of(documents: DocumentsClient, deal: str | None = None, recipients: Any = None, **more: Any) -> dict[str, Any]:
    return {**documents.body(deal, recipient=None, **more), "recipients": people(3) if recipients is None else recipients}


def send(documents: DocumentsClient, body: Any, **more: Any) -> list[Any]:
    return list(documents.ok("POST", f"{D}/bulk", body, **more)["results"])


def test_each_has_its_own(documents: DocumentsClient, runtime):
    deal, grace = documents.deal(), documents.professional("Grace")
    results = send(documents, body_of(documents, deal, [*people(2), {"professional_id": grace}], title="Notice", due_on="2026-12-01"))
    assert [(result["index"], result["status"]) for result in results] == [(0, 201), (1, 201), (2, 201)]
    seen = [documents.read(result["id"]) for result in results]
    assert [route["sent_to"] for route in seen] == ["n0@example.com", "n1@example.com", "grace@example.com"]
    assert [route["professional_id"] for route in seen] == [None, None, grace]
    assert {(route["title"], route["due_on"], route["deal_id"]) for route in seen} == {("Notice", "2026-12-01", deal)}
    assert len({path_in(mail) for mail in mails(runtime)}) == 3
    assert (gate(runtime, deal)["refs"], gate(runtime, grace)["refs"]) == (3, 1)


def test_who_cant_get_it_holds_nobody_up(documents: DocumentsClient, runtime):
    deal = documents.deal()
    silent, retired = documents.professional("Silent", email=None), documents.professional("Retired")
    documents.ok("PATCH", f"/pros/scorecard/professionals/{retired}", {"is_active": False})
    recipients = [
        ANN,
        {"name": "No Address"},
        {"email": "no-name@example.com"},
        {"professional_id": silent},
        {"professional_id": retired},
        {"professional_id": f"pro_{'0' * 26}"},
        {"professional_id": "nobody"},
        {"professional_id": silent, "name": "Both"},
        {"name": "Wrong", "email": "nowhere"},
        {"name": "Red", "email": "red@example.com", "colour": "red"},
        "Ann",
        {"name": "Bob", "email": "bob@example.com"},
    ]
    results = send(documents, body_of(documents, deal, recipients))
    assert [result["status"] for result in results] == [201, 422, 422, 422, 409, 404, 404, 422, 422, 422, 422, 201]
    assert results[4]["problem"]["code"] == "professional_inactive"
    assert [result["index"] for result in results] == list(range(12))
    assert gate(runtime, deal)["refs"] == len(mails(runtime)) == 2


def test_one_professional_twice(documents: DocumentsClient, runtime):
    deal, grace = documents.deal(), documents.professional("Grace")
    results = send(documents, body_of(documents, deal, [{"professional_id": grace}] * 2))
    assert [result["status"] for result in results] == [201, 201]
    assert gate(runtime, grace)["refs"] == 2


def test_a_hundred_and_no_more(documents: DocumentsClient, runtime, round_trips):
    deal = documents.deal()
    results = send(documents, body_of(documents, deal, people(100)))
    assert {result["status"] for result in results} == {201}
    assert round_trips() == 14  # of seven steps, each read and written
    assert len({result["id"] for result in results}) == gate(runtime, deal)["refs"] == 100
    refused = documents.expect_error(413, "POST", f"{D}/bulk", body_of(documents, deal, people(101)))
    assert refused["limit"] == 100
    documents.expect_error(422, "POST", f"{D}/bulk", body_of(documents, deal, []))


def test_a_dry_run_sends_nothing(documents: DocumentsClient, runtime):
    deal = documents.deal()
    results = send(documents, body_of(documents, deal, [*people(2), {"name": "x"}]), query={"dry_run": "true"})
    assert [result["status"] for result in results] == [200, 200, 422]
    assert mails(runtime) == documents.list() == []
    assert gate(runtime, deal)["refs"] == 0


def test_of_a_contract(documents: DocumentsClient, runtime, holder):
    deal = documents.deal()
    id = contract(runtime, deal)
    results = send(documents, body_of(documents, deal, contract_id=id, storage_url=None))
    assert {documents.read(result["id"])["document_sha256"] for result in results} == {FIRST}
    assert holder(results[0]["id"]).acknowledge(FIRST).status == 200


def test_what_is_wrong_for_all_is_refused(documents: DocumentsClient, as_, runtime):
    deal, other = documents.deal(), documents.deal()
    documents.expect_error(404, "POST", f"{D}/bulk", body_of(documents, f"deal_{'0' * 26}"))
    documents.expect_error(422, "POST", f"{D}/bulk", body_of(documents, storage_url=None))
    refused = documents.expect_error(409, "POST", f"{D}/bulk", body_of(documents, deal, contract_id=contract(runtime, other)))
    assert refused["code"] == "other_deal"
    documents.ok("PATCH", f"/deals/{deal}/status", {"status": "cancelled", "reason": "title"})
    for query in ({}, {"dry_run": "true"}):
        assert documents.expect_error(409, "POST", f"{D}/bulk", body_of(documents, deal), query=query)["code"] == "deal_not_open"
    documents.expect_error(404, "POST", f"{D}/bulk", body_of(documents, deal, contract_id="sctr_x"))
    as_("counsel").expect_error(403, "POST", f"{D}/bulk", body_of(documents, other))


def test_a_repetition_answers_the_same(documents: DocumentsClient, runtime, clock):
    body, key = body_of(documents, recipients=people(20)), {"Idempotency-Key": "k"}
    first = documents.call("POST", f"{D}/bulk", body, headers=key)
    clock.now += timedelta(minutes=1)
    second = documents.call("POST", f"{D}/bulk", body, headers=key)
    assert (second.json(), second.headers["idempotent-replayed"]) == (first.json(), "true")
    assert len(mails(runtime)) == 20


class _Dies(BaseException):
    """The process ends."""


def test_a_repetition_goes_on_where_a_crash_stopped(documents: DocumentsClient, runtime):
    body, key = body_of(documents, recipients=people(40)), {"Idempotency-Key": "k"}
    sound, calls = runtime.dynamodb, []

    def dies_at_the_second(operation: str, arguments: Any, send: Any) -> Any:
        if operation == "transact_write_items":
            calls.append(operation)
            if len(calls) == 2:
                raise _Dies
        return send(arguments)

    runtime.dynamodb = FaultInjectingClient(sound, dies_at_the_second)
    with pytest.raises(_Dies):
        documents.call("POST", f"{D}/bulk", body, headers=key)
    runtime.dynamodb = sound
    assert len(mails(runtime)) == 16
    results = send(documents, body, headers=key)
    assert len({result["id"] for result in results}) == len(mails(runtime)) == 40
