"""A deal moves: into finalization, where it gets its items and its fields are locked, back, and to its end."""

from typing import Any

import pytest

from tests.packs.deals.deals_client import gate_of
from tests.packs.finalization.finalization_client import F


def move(id):
    return ("PATCH", f"/deals/{id}/status")


def kept_items(office, deal):
    return sorted((item["kind"], item["title"]) for item in office.items(deal))


def test_into_finalization_and_back(office, runtime, round_trips):
    id = office.deal(value=5, kind="purchase")
    body = office.begin(id)
    assert round_trips() == 2
    assert body.items() >= {"status": "finalizing", "status_entered_by": "user_operator", "revision": 2, "value": 5}.items()
    gate = gate_of(runtime, id)
    assert (gate.status, gate.refs, gate.ver) == ("finalizing", 5, 1)
    office.expect_error(422, *move(id), {"status": "open"})
    body = office.move(id, "open", note="The buyer wants a later day.")
    assert (body["status"], body["status_note"], gate_of(runtime, id).status) == ("open", "The buyer wants a later day.", "open")
    assert len(office.items(id)) == 5


@pytest.mark.parametrize(("kind", "count"), [("wholesale", 8), ("purchase", 5), ("sale", 5), ("service", 2), ("other", 0)])
def test_its_kind_says_which_items_it_gets(office, kind, count):
    id = office.deal(kind=kind)
    office.begin(id)
    found = office.items(id)
    assert len(found) == count
    assert {item["status"] for item in found} <= {"open"}
    assert {item["created_by"] for item in found} <= {"user_operator"}


def test_it_gets_them_once(office, runtime):
    id = office.deal(kind="sale")
    office.begin(id)
    before = office.items(id)
    for _ in range(2):
        office.move(id, "open", note="n")
        office.begin(id)
    assert office.items(id) == before
    assert gate_of(runtime, id).refs == 5


def test_another_kind_brings_what_is_missing(office):
    """What was first to be finalized as a kind without a template isn't let off its items by that."""
    id = office.deal(kind="other")
    office.begin(id)
    office.move(id, "open", note="n")
    office.change(id, kind="wholesale")
    office.begin(id)
    assert "two_person" in {item["kind"] for item in office.items(id)}
    office.move(id, "open", note="n")
    office.change(id, kind="purchase")
    office.begin(id)
    titles = [item["title"] for item in office.items(id)]
    assert len(titles) == len(set(titles)) == 9  # those of wholesale, and the report


LOCKED_CHANGES: list[dict[str, Any]] = [{"kind": "sale"}, {"value": 6}, {"value": None}, {"currency": "EUR"}, {"professional_ids": []}]


class TestLocks:
    @pytest.fixture
    def deal(self, office):
        id = office.deal(kind="service", value=5, professional_ids=[office.professional()])
        office.begin(id)
        return id

    @pytest.mark.parametrize("change", LOCKED_CHANGES, ids=str)
    def test_what_stays_while_it_is_finalized(self, office, deal, change):
        problem = office.expect_error(409, "PATCH", f"/deals/{deal}", change)
        assert (problem["code"], problem["deal_status"]) == ("deal_not_open", "finalizing")
        office.move(deal, "open", note="n")
        office.change(deal, **change)

    def test_what_may_change(self, office, deal):
        body = office.change(deal, title="Another", notes="n", target_close_on="2026-12-01", value=5, team=[])
        assert (body["title"], body["notes"]) == ("Another", "n")

    def test_it_takes_tasks_and_items(self, office, deal):
        office.task(deal)
        office.item(deal)

    def test_a_cancelled_one_changes_in_nothing(self, office, deal):
        office.move(deal, "cancelled", reason="title")
        for change in (*LOCKED_CHANGES, {"notes": "n"}):
            assert office.expect_error(409, "PATCH", f"/deals/{deal}", change)["code"] == "deal_not_open"


class TestWho:
    def test_counsel_moves_but_does_not_cancel(self, office, as_):
        id, counsel = office.deal(), as_("counsel")
        counsel.begin(id)
        counsel.expect_error(403, *move(id), {"status": "cancelled", "reason": "title"})
        counsel.move(id, "open", note="n")

    def test_others_do_not(self, office, as_):
        id = office.deal(owner=None)
        for role in ("dealmaker", "auditor", "viewer", "professional"):
            as_(role).expect_error(403, *move(id), {"status": "finalizing"})

    def test_an_impossible_move_is_said_first(self, office, as_):
        id = office.deal()
        office.cancel(id)
        problem = as_("counsel").expect_error(409, *move(id), {"status": "cancelled", "reason": "title"})
        assert (problem["type"], problem["allowed"]) == ("/problems/invalid-transition", [])

    def test_nobody_finalizes_or_reopens_by_it(self, office):
        id = office.deal()
        problem = office.expect_error(409, *move(id), {"status": "finalized"})
        assert (problem["from"], problem["to"], problem["allowed"]) == ("open", "finalized", ["finalizing", "cancelled"])
        assert F in problem["detail"]


def test_from_finalizing_it_is_cancelled_with_its_tasks(office, round_trips):
    id = office.deal(kind="sale")
    task = office.task(id)
    office.begin(id)
    office.move(id, "cancelled", reason="buyer")
    assert round_trips() == 3
    assert office.ok("GET", f"/pros/tasks/{task}")["status"] == "cancelled"
    assert kept_items(office, id)  # they stay, as they were


def test_by_its_external_reference(office):
    office.deal(external_ref="17")
    assert office.begin("17")["status"] == "finalizing"


def test_an_older_revision(office):
    id = office.deal()
    office.change(id, notes="n")
    office.expect_error(412, *move(id), {"status": "finalizing"}, headers={"If-Match": '"1"'})


def test_a_deal_with_items_stays(office):
    id = office.deal(kind="service")
    office.begin(id)
    office.move(id, "open", note="n")
    problem = office.expect_error(409, "DELETE", f"/deals/{id}")
    assert problem["code"] == "referred_to"
    assert sorted(problem["held_by"]) == sorted(item["id"] for item in office.items(id))
