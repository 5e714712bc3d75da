"""What other packs see of routes: as subjects, in packets, and in all that is held on a professional."""

from datetime import timedelta

from chalicelib.foundation.subjects import SubjectRegistry
from chalicelib.packs.deals import public as deals
from chalicelib.packs.documents.entities import Route
from tests.packs.documents.documents_client import ANN, FIRST, DocumentsClient, contract


def test_as_a_subject(documents: DocumentsClient, runtime):
    deal = documents.deal()
    id = contract(runtime, deal)
    route = documents.route(deal, contract_id=id, title="The agreement")
    ctx = runtime.context(request_id="reads")
    subject = SubjectRegistry(runtime.packs).load(ctx, route)
    assert (subject.type, subject.requested_by) == ("route", "user_operator")
    assert subject.facts == {
        "deal_id": deal, "contract_id": id, "professional_id": None, "document_type": "disclosure", "title": "The agreement",
        "status": "sent", "document_sha256": FIRST, "addressed_to": "ann@example.com",
    }  # fmt: skip
    snapshot = deals.read_snapshot(ctx, deal)
    assert [one.id for one in snapshot.of_type("route")] == [route]


def test_packets_say_what_was_sent(documents: DocumentsClient, clock, holder, round_trips):
    deal, grace = documents.deal(), documents.professional("Grace")
    acknowledged = documents.route(deal, title="First")
    holder(acknowledged).acknowledge()
    clock.now += timedelta(minutes=1)
    waiting = documents.route(deal, professional_id=grace, due_on="2026-12-01")
    documents.recall(documents.route(deal))
    documents.route()  # of another deal
    seen = documents.ok("GET", f"/pros/handoff/{grace}", query={"deal_id": deal})
    assert round_trips() == 2
    assert [row["id"] for row in seen["documents"]] == [waiting, acknowledged]
    assert seen["documents"][0] == {
        "id": waiting, "document_type": "disclosure", "title": None, "professional_id": grace, "contract_id": None, "status": "sent",
        "sent_at": "2026-11-24T18:01:00.000Z", "due_on": "2026-12-01",
    }  # fmt: skip
    assert "documents" not in seen["missing"]
    assert documents.ok("GET", f"/pros/handoff/{grace}")["documents"] == []


def test_all_that_is_held_on_a_professional(documents: DocumentsClient):
    grace = documents.professional("Grace")
    id = documents.route(professional_id=grace)
    documents.route(recipient=ANN)
    (row,) = documents.ok("GET", f"/pros/{grace}/data")["parts"]["documents"]
    assert (row["id"], row["recipient"]["email"]) == (id, "grace@example.com")


def test_the_content_of_a_route_is_hashed(documents: DocumentsClient, runtime):
    ctx = runtime.context(request_id="reads")
    route = ctx.store.require(Route, documents.route())
    registry = SubjectRegistry(runtime.packs)
    before = registry.load(ctx, route.id).content_hash
    ctx.store.save(route.with_changes(ctx, status_note="another"))
    assert registry.load(ctx, route.id).content_hash == before
    ctx.store.save(ctx.store.require(Route, route.id).with_changes(ctx, storage_url="https://example.com/other.pdf"))
    assert registry.load(ctx, route.id).content_hash != before
