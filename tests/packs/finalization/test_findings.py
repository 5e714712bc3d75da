"""What the rules of findings tell of items and certificates."""

import pytest

from chalicelib.foundation.subjects import SubjectRegistry
from chalicelib.packs.finalization.entities import Certificate
from tests.packs.finalization import papers
from tests.packs.finalization.decisions import decide


@pytest.fixture(autouse=True)
def with_papers(runtime):
    papers.register(runtime)


@pytest.fixture
def found(as_):
    """`found(deal)`: the codes that a scan of the deal finds, with what each is about."""
    auditor = as_("auditor")

    def scan(deal: str) -> set[tuple[str, str]]:
        events = auditor.ok("POST", f"/audit/scan/deal/{deal}")["events"]
        whole = [auditor.ok("GET", f"/audit/events/{event['id']}") for event in events]
        return {(event["code"], event["subject_id"]) for event in whole}

    return scan


def overdue(found, deal):
    return {subject for code, subject in found(deal) if code == "ITEM_OVERDUE"}


def test_an_open_item_past_its_day(office, found, clock):
    pipeline = office.pipeline(closes_on="2026-11-20")
    deal = office.deal(pipeline_id=pipeline, opened_on="2026-11-01")
    past = [office.item(deal, due={"anchor": anchor})["id"] for anchor in ("opened_on", "pipeline.closes_on")]
    office.item(deal, due={"anchor": "opened_on", "offset_days": 60})
    office.item(deal, due={"anchor": "target_close_on"})
    assert overdue(found, deal) == set(past)
    for id in past:
        office.settle({"deal_id": deal, "id": id})
    assert overdue(found, deal) == set()


def test_information_that_is_filled_is_not_overdue(office, found):
    deal = office.deal(opened_on="2026-11-01")
    item = office.item(deal, "information", field="notes", due={"anchor": "opened_on"})
    assert overdue(found, deal) == {item["id"]}
    office.change(deal, notes="n")
    assert overdue(found, deal) == set()


def test_a_certificate_whose_decisions_meet_its_policies(office, found, context, runtime):
    deal = office.deal(value=300_000)
    papers.add_contract(context("operator"), deal)
    for who, role in (("user_king", "King"), ("user_queen", "Queen")):
        decide(context("operator", user=who), deal, role=role)
    office.finalize(deal)
    assert "UNAPPROVED_FINALIZATION" not in {code for code, _ in found(deal)}


def test_one_whose_decisions_do_not(office, found, context, runtime):
    """A row that was written by another way than finalization is found."""
    ctx = context("operator")
    deal = office.deal(value=1)
    papers.add_contract(ctx, deal)
    office.finalize(deal)
    certificate = next(iter(map(Certificate.from_item, ctx.store.query_all(Certificate.children_of(deal)))))
    policy = {"requested_action": "finalize", "subject_type": "deal", "roles": ["King"], "people": 2}
    ctx.store.save(certificate.with_changes(ctx, approvals=[policy]))
    assert ("UNAPPROVED_FINALIZATION", certificate.id) in found(deal)
    office.expect_error(404, "GET", f"/deals/finalization/{deal}/certificate", query={"number": "2"})


def test_what_is_told_of_a_certificate(office, context, runtime):
    ctx = context("operator")
    deal = office.deal(value=300_000)
    papers.add_contract(ctx, deal)
    made = [decide(context("operator", user=f"user_{number}"), deal) for number in range(2)]
    office.finalize(deal)
    (id,) = [row["id"]["S"] for row in ctx.store.query_all(Certificate.children_of(deal))]
    facts = SubjectRegistry(runtime.packs).load(ctx, id).facts
    assert (facts["number"], facts["deal_id"], facts["policies_met"], facts["superseded"]) == (1, deal, True, None)
    assert [one["id"] for one in facts["decisions"]] == made
    assert [(one["people"], one["requested_action"]) for one in facts["approvals"]] == [(2, "finalize")]


def test_what_is_told_of_an_item(office, context, runtime):
    ctx, registry = context("operator"), SubjectRegistry(runtime.packs)
    pipeline = office.pipeline(closes_on="2026-12-20")
    deal = office.deal(pipeline_id=pipeline)
    item = office.item(deal, "information", field="pipeline.closes_on", due={"anchor": "pipeline.closes_on", "offset_days": -1})
    subject = registry.load(ctx, item["id"])
    assert (subject.type, subject.facts["status"], str(subject.facts["due_on"])) == ("item", "done", "2026-12-19")
    office.ok("PATCH", f"/wholesale/{pipeline}", {"closes_on": None})
    later = registry.load(ctx, item["id"])
    assert (later.facts["status"], later.facts["due_on"], later.content_hash) == ("open", None, subject.content_hash)
