"""Overrides are looked at again."""

import pytest

from chalicelib.packs.governance import schedules
from tests.packs.governance.governance_client import G, Office, tomorrow
from tests.packs.tasks.tasks_client import events


@pytest.fixture
def override(office: Office, king):
    return king.decide(office.deal(), action="override", requested_action="finalize", review_date="2026-11-26")


def review(client, override, status=200):
    answer = client.call("POST", f"{G}/overrides/{override['id']}/review", {"note": "Looked at it"})
    assert answer.status == status, answer.text
    return answer.json()


def test_the_list_until_it_is_reviewed(office: Office, king, override, clock):
    (row,) = king.list(f"{G}/overrides")
    assert row == {
        "id": override["id"],
        "subject_type": "deal",
        "subject_id": override["subject_id"],
        "role": "King",
        "requested_action": "finalize",
        "review_date": "2026-11-26",
        "overdue": False,
        "created_at": override["created_at"],
        "created_by": "user_king",
    }
    assert king.list(f"{G}/overrides", overdue="true") == []
    tomorrow(clock, 2)
    assert king.list(f"{G}/overrides", overdue="true") == [], "the day itself is in time"
    tomorrow(clock)
    assert king.list(f"{G}/overrides", overdue="true") == [row | {"overdue": True}]
    assert king.list(f"{G}/overrides", overdue="false") == []
    done = review(office.holder("Queen"), override)
    assert (done["decision_id"], done["reviewed_by"], done["note"]) == (override["id"], "user_queen", "Looked at it")
    assert king.list(f"{G}/overrides") == []
    assert king.ok("GET", f"{G}/decisions/{override['id']}") == override | {"state": "standing"}, "the record never changes"


def test_who_reviews(office: Office, king, odin, override):
    review(king, override, 403)
    review(odin, override, 403)
    review(office.somebody("operator"), override, 403)
    review(office.somebody("auditor"), override)
    assert review(office.holder("King", user="user_other"), override, 409)["code"] == "reviewed"


def test_an_auditor_who_made_it_doesnt_review_it(office: Office):
    both = office.holder("King", roles=("auditor",))
    review(both, both.decide(office.deal(), action="override"), 403)


def test_what_is_no_override(office: Office, king):
    auditor = office.somebody("auditor")
    review(auditor, king.decide(office.deal()), 404)
    review(auditor, {"id": "dec_x"}, 404)
    assert auditor.call("POST", f"{G}/overrides/dec_x/review", {}).status == 422


def test_auditors_are_told_once(office: Office, king, override, run_work, runtime, clock):
    king.decide(office.deal(), action="override", review_date="2026-12-01")
    tomorrow(clock, 2)
    assert run_work(schedules.reviews)["done"] == 0
    tomorrow(clock)
    assert run_work(schedules.reviews)["done"] == 1
    assert run_work(schedules.reviews)["found"] == 0
    (event,) = events(runtime, "governance.review_overdue")
    assert (event.for_role, event.subject_id, event.data) == ("auditor", override["subject_id"], {"decision_id": override["id"]})
    review(office.somebody("auditor"), override)


def test_of_one_that_was_reviewed_nobody_is_told(office: Office, override, run_work, clock):
    review(office.somebody("auditor"), override)
    tomorrow(clock, 9)
    assert run_work(schedules.reviews)["found"] == 0
