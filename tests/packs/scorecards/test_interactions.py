"""Interactions by the API: what may be logged, by whom, and what a dispute does."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from chalicelib.foundation.errors import NotFound, VersionConflict
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.packs.scorecards import public
from chalicelib.packs.scorecards.entities import Interaction
from tests.packs.scorecards.scorecards_client import PROFESSIONALS, ScorecardsClient, path_of

UNKNOWN = "pro_01KB0Q5E8G7Z3V9X2M4N6P8R0T"
EVERYTHING = {
    "response_time_hours": 21,
    "deliverable_quality": 0.75,
    "communication_clarity": 0.8125,
    "met_deadline": False,
    "occurred_at": "2026-11-20T12:00:00.000Z",
    "notes": "Late by a day.",
}


def log_path(id: str) -> str:
    return f"/pros/scorecard/{id}/log"


def test_everything_comes_back_as_it_was_sent(scorecards):
    id = scorecards.professional()
    answer = scorecards.call("POST", log_path(id), EVERYTHING)
    assert answer.status == 201, answer.text
    made = answer.json()
    assert answer.headers["location"] == path_of(made)
    assert {name: made[name] for name in EVERYTHING} == EVERYTHING
    assert (made["professional_id"], made["role"], made["source"], made["created_by"]) == (id, "lawyer", "log", "user_operator")
    assert made["task_id"] is made["packet_id"] is made["deal_id"] is made["reversed_at"] is made["dispute"] is None
    assert scorecards.ok("GET", path_of(made)) == made


@pytest.mark.parametrize("measure", ["response_time_hours", "deliverable_quality", "communication_clarity", "met_deadline"])
def test_one_measure_is_enough(scorecards, measure):
    made = scorecards.log(scorecards.professional(), **{measure: EVERYTHING[measure]})
    assert made[measure] == EVERYTHING[measure]
    assert [made[other] for other in EVERYTHING if other not in (measure, "occurred_at")] == [None] * 4
    assert made["occurred_at"] == made["created_at"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"notes": "x"},
        {"met_deadline": None},
        {"met_deadline": 1},
        {"met_deadline": "true"},
        {"deliverable_quality": 1.0001},
        {"deliverable_quality": -0.1},
        {"deliverable_quality": 0.12345},
        {"deliverable_quality": "0.5"},
        {"communication_clarity": 900},
        {"response_time_hours": -1},
        {"response_time_hours": 10000.5},
        {"response_time_hours": 0.00001},
        {"met_deadline": True, "occurred_at": "2026-11-24T18:06:00Z"},
        {"met_deadline": True, "occurred_at": "1899-12-31T00:00:00Z"},
        {"met_deadline": True, "source": "task"},
        {"met_deadline": True, "date": "2026-11-24"},
    ],
)
def test_what_is_no_interaction_is_refused(scorecards, body):
    scorecards.expect_error(422, "POST", log_path(scorecards.professional()), body)


def test_a_clock_that_is_a_little_fast_is_set_right(scorecards):
    made = scorecards.log(scorecards.professional(), met_deadline=True, occurred_at="2026-11-24T18:04:00Z")
    assert made["occurred_at"] == "2026-11-24T18:00:00.000Z"


def test_it_is_logged_with_who_is_there_and_active(scorecards, runtime):
    for id in (UNKNOWN, "x"):
        scorecards.expect_error(404, "POST", log_path(id), {"met_deadline": True})
        scorecards.expect_error(404, "GET", log_path(id))
    id = scorecards.professional(is_active=False)
    assert scorecards.expect_error(409, "POST", log_path(id), {"met_deadline": True})["code"] == "professional_inactive"
    gone = scorecards.professional()
    scorecards.ok("DELETE", f"{PROFESSIONALS}/{gone}")
    scorecards.expect_error(404, "POST", log_path(gone), {"met_deadline": True})
    runtime.cache.__init__()  # another process
    scorecards.expect_error(404, "POST", log_path(gone), {"met_deadline": True})


def test_it_keeps_the_role_that_it_was_logged_under(scorecards, runtime):
    id = scorecards.professional(role="lawyer")
    assert scorecards.log(id, met_deadline=True)["role"] == "lawyer"
    scorecards.patch(id, role="broker")
    assert scorecards.log(id, met_deadline=True)["role"] == "broker"
    runtime.cache.__init__()
    assert scorecards.log(id, met_deadline=True)["role"] == "broker"
    assert [one["role"] for one in scorecards.ok("GET", log_path(id))["items"]].count("broker") == 2


def test_they_are_listed_whole_newest_first(scorecards, clock):
    id, other = scorecards.professional(), scorecards.professional()
    made = []
    for number in range(5):
        clock.now += timedelta(seconds=1)
        made.insert(0, scorecards.log(id, deliverable_quality=number / 10))
    scorecards.log(other, met_deadline=True)
    page = scorecards.ok("GET", log_path(id), query={"limit": "3"})
    assert page["items"] == made[:3]
    assert scorecards.ok("GET", log_path(id), query={"limit": "3", "cursor": page["next_cursor"]}) == {
        "items": made[3:],
        "next_cursor": None,
    }


def test_a_repeated_request_logs_once(scorecards):
    id, key = scorecards.professional(), {"Idempotency-Key": "once"}
    first, again = (scorecards.call("POST", log_path(id), {"met_deadline": True}, headers=key) for _ in range(2))
    assert first.json() == again.json()
    assert len(scorecards.ok("GET", log_path(id))["items"]) == 1


def test_an_interaction_is_found_with_its_own_professional_only(scorecards):
    made, other = scorecards.log(scorecards.professional(), met_deadline=True), scorecards.professional()
    for path in (f"{log_path(other)}/{made['id']}", f"{log_path(made['professional_id'])}/x", f"{path_of(made)[:-1]}0"):
        scorecards.expect_error(404, "GET", path)
    for move, body in (("dispute", {"reason": "x"}), ("settle", {"outcome": "upheld", "note": "x"})):
        scorecards.expect_error(404, "POST", f"{log_path(other)}/{made['id']}/{move}", body)


def test_a_deleted_professionals_interactions_are_not_found(scorecards):
    made = scorecards.log(scorecards.professional(), met_deadline=True)
    scorecards.ok("DELETE", f"{PROFESSIONALS}/{made['professional_id']}")
    scorecards.expect_error(404, "GET", path_of(made))
    scorecards.expect_error(404, "POST", f"{path_of(made)}/dispute", {"reason": "x"})


# -- who may


def test_who_logs_without_a_deal(scorecards, client_as):
    id = scorecards.professional()
    for role, status in {"admin": 201, "operator": 201, "counsel": 201, "dealmaker": 403, "auditor": 403, "viewer": 403}.items():
        assert client_as(role)("POST", log_path(id), {"met_deadline": True}).status == status, role
    assert client_as("professional", professional_id=id)("POST", log_path(id), {"met_deadline": True}).status == 403


def test_a_dealmaker_logs_on_their_own_deals(scorecards, client_as):
    id = scorecards.professional()

    def deal(**body: Any) -> str:
        return str(scorecards.ok("POST", "/deals", {"title": "Pine Street", **body})["id"])

    dealmaker, counsel = (client_as(role, user=f"user_{role}") for role in ("dealmaker", "counsel"))
    dealmaker.be_signed_in()
    own = dealmaker("POST", "/deals", {"title": "Own"}).json()["id"]
    deals = {own: 201, deal(owner=None): 201, deal(): 403}
    for deal_id, status in deals.items():
        assert dealmaker("POST", log_path(id), {"met_deadline": True, "deal_id": deal_id}).status == status
        assert counsel("POST", log_path(id), {"met_deadline": True, "deal_id": deal_id}).status == 201
    named = deal(external_ref="D-7")
    assert counsel("POST", log_path(id), {"met_deadline": True, "deal_id": "D-7"}).json()["deal_id"] == named
    scorecards.ok("PATCH", f"/deals/{own}/status", {"status": "cancelled", "reason": "price"})
    assert dealmaker("POST", log_path(id), {"met_deadline": True, "deal_id": own}).status == 201  # what was done for it was done
    scorecards.ok("DELETE", f"/deals/{named}")
    assert counsel("POST", log_path(id), {"met_deadline": True, "deal_id": named}).status == 404


def test_a_deal_that_is_not_there_is_not_found(scorecards, client_as):
    id = scorecards.professional()
    for deal in ("deal_01KB0Q5E8G7Z3V9X2M4N6P8R0T", "no-such-reference"):
        for role in ("operator", "dealmaker"):
            assert client_as(role)("POST", log_path(id), {"met_deadline": True, "deal_id": deal}).status == 404


def test_what_is_not_there_is_refused_first_then_whose_the_deal_is(scorecards, client_as):
    maker = ScorecardsClient(client_as("dealmaker", user="user_maker"))
    theirs = scorecards.ok("POST", "/deals", {"title": "T"})["id"]
    inactive, gone = scorecards.professional(is_active=False), scorecards.professional()
    scorecards.ok("DELETE", f"{PROFESSIONALS}/{gone}")
    for id, deal, status in (
        (gone, None, 404), (gone, theirs, 404), (inactive, None, 403), (inactive, theirs, 403), (inactive, "no-such-reference", 404),
    ):  # fmt: skip
        maker.expect_error(status, "POST", log_path(id), {"met_deadline": True, "deal_id": deal})
    assert scorecards.expect_error(409, "POST", log_path(inactive), {"met_deadline": True})["code"] == "professional_inactive"


def test_a_repeated_request_is_answered_the_same_when_what_it_named_is_gone(scorecards):
    id, key = scorecards.professional(), {"Idempotency-Key": "k"}
    deal, body = scorecards.ok("POST", "/deals", {"title": "T", "external_ref": "17"})["id"], {"met_deadline": True, "deal_id": "17"}
    first = scorecards.call("POST", log_path(id), body, headers=key)
    scorecards.ok("PATCH", f"/deals/{deal}", {"external_ref": "18"})
    scorecards.ok("DELETE", f"{PROFESSIONALS}/{id}")
    second = scorecards.call("POST", log_path(id), body, headers=key)
    assert (second.status, second.text, second.headers["idempotent-replayed"]) == (201, first.text, "true")
    other = {"Idempotency-Key": "l"}
    id = scorecards.professional()
    first = scorecards.call("POST", log_path(id), {"met_deadline": True}, headers=other)
    scorecards.ok("DELETE", f"{PROFESSIONALS}/{id}")
    assert scorecards.call("POST", log_path(id), {"met_deadline": True}, headers=other).text == first.text


def test_a_professional_sees_and_disputes_only_their_own(scorecards, client_as):
    own, other = (scorecards.log(scorecards.professional(), met_deadline=False) for _ in range(2))
    grace = ScorecardsClient(client_as("professional", professional_id=own["professional_id"]))
    assert grace.ok("GET", path_of(own)) == own
    assert grace.ok("GET", log_path(own["professional_id"]))["items"] == [own]
    assert grace.dispute(own)["dispute"]["by"] == "user_professional"
    for path in (path_of(other), log_path(other["professional_id"])):
        grace.expect_error(404, "GET", path)
    grace.expect_error(404, "POST", f"{path_of(other)}/dispute", {"reason": "x"})
    grace.expect_error(403, "POST", f"{path_of(own)}/settle", {"outcome": "upheld", "note": "x"})
    both = ScorecardsClient(client_as("professional", "viewer", user="user_both", professional_id=own["professional_id"]))
    assert both.ok("GET", path_of(other)) == other
    both.expect_error(404, "POST", f"{path_of(other)}/dispute", {"reason": "x"})


def test_who_disputes_and_who_settles(scorecards, client_as):
    id = scorecards.professional()
    logged = [scorecards.log(id, met_deadline=False) for _ in range(7)]
    for one, role in zip(logged, ["admin", "operator", "dealmaker", "counsel", "auditor", "viewer"], strict=False):
        expected = 200 if role in ("admin", "operator") else 403
        assert client_as(role)("POST", f"{path_of(one)}/dispute", {"reason": "x"}).status == expected, role
    assert (
        client_as("operator", user="user_other")("POST", f"{path_of(logged[0])}/settle", {"outcome": "rejected", "note": "x"}).status == 200
    )
    refusal = scorecards.expect_error(403, "POST", f"{path_of(logged[1])}/settle", {"outcome": "rejected", "note": "x"})
    assert "logged" in refusal["detail"] or "recorded" in refusal["detail"]


# -- disputes


def test_a_dispute_is_opened_and_settled_once(scorecards, client_as):
    made = scorecards.log(scorecards.professional(), met_deadline=False)
    other = ScorecardsClient(client_as("operator", user="user_other"))
    settle = {"outcome": "upheld", "note": "The client confirms it."}
    assert other.expect_error(409, "POST", f"{path_of(made)}/settle", settle)["code"] == "not_disputed"
    disputed = scorecards.dispute(made)
    assert disputed["dispute"] == {
        "status": "open", "reason": "It was moved.", "by": "user_operator", "at": "2026-11-24T18:00:00.000Z",
        "note": None, "settled_by": None, "settled_at": None,
    }  # fmt: skip
    assert disputed["revision"] == 2
    assert other.expect_error(409, "POST", f"{path_of(made)}/dispute", {"reason": "x"})["code"] == "disputed"
    settled = other.settle(made, "upheld")
    assert settled["dispute"] == {
        **disputed["dispute"], "status": "upheld", "note": "Checked.", "settled_by": "user_other", "settled_at": "2026-11-24T18:00:00.000Z"
    }  # fmt: skip
    assert scorecards.ok("GET", path_of(made)) == settled
    # the present state again, too: before who it is
    assert scorecards.expect_error(409, "POST", f"{path_of(made)}/settle", settle)["code"] == "not_disputed"
    assert scorecards.expect_error(409, "POST", f"{path_of(made)}/dispute", {"reason": "x"})["code"] == "disputed"


@pytest.mark.parametrize(
    ("move", "body"),
    [
        ("dispute", {}),
        ("dispute", {"reason": " "}),
        ("dispute", {"reason": "x" * 5001}),
        ("settle", {"outcome": "upheld"}),
        ("settle", {"outcome": "open", "note": "x"}),
        ("settle", {"outcome": "rejected", "note": ""}),
    ],
)
def test_what_is_no_dispute_is_refused(scorecards, move, body):
    made = scorecards.log(scorecards.professional(), met_deadline=False)
    scorecards.expect_error(422, "POST", f"{path_of(made)}/{move}", body)


def test_operators_hear_of_a_dispute_once(scorecards):
    made = scorecards.log(scorecards.professional(), met_deadline=False)
    for _ in range(2):
        answer = scorecards.call("POST", f"{path_of(made)}/dispute", {"reason": "x"}, headers={"Idempotency-Key": "once"})
        assert answer.status == 200
    events = [one for one in scorecards.ok("GET", "/events")["items"] if one["kind"] == "scorecards.disputed"]
    assert [(one["subject_type"], one["subject_id"], one["for_role"]) for one in events] == [("interaction", made["id"], "operator")]


# -- of tasks and packets


def logged(context: Any, professional: str, key: str = "task_1/1", **values: Any) -> str:
    ctx = context("operator")
    tx = Transaction(ctx.store)
    given = {"source": public.TASK, "key": key, "at": ctx.now, "met_deadline": True, **values}
    id = public.log_interaction(ctx, tx, professional, **given)
    tx.commit()
    return id


def test_other_packs_log_each_occasion_once(scorecards, context, clock):
    id, at = scorecards.professional(), clock.now
    first = logged(context, id, task_id="task_1")
    clock.now += timedelta(days=1)
    with pytest.raises(VersionConflict):
        logged(context, id, at=at)
    second = logged(context, id, "task_1/2")
    packet = logged(
        context, id, "hand_1", source=public.HANDOFF, packet_id="hand_1", met_deadline=None, response_time_hours=Decimal(100) / 3
    )
    seen = {one["id"]: one for one in scorecards.ok("GET", log_path(id))["items"]}
    assert seen.keys() == {first, second, packet}
    assert (seen[first]["source"], seen[first]["task_id"], seen[first]["met_deadline"]) == ("task", "task_1", True)
    assert (seen[packet]["source"], seen[packet]["packet_id"], seen[packet]["response_time_hours"]) == (
        "handoff",
        "hand_1",
        Decimal("33.3333"),
    )


def test_they_log_with_who_is_inactive_but_not_with_nobody(scorecards, context):
    assert logged(context, scorecards.professional(is_active=False))
    with pytest.raises(NotFound):
        logged(context, UNKNOWN)


def test_they_reverse_it_once(scorecards, context, clock):
    id = scorecards.professional()
    interaction = logged(context, id)

    def reverse() -> None:
        ctx = context("operator", user="user_reopens")
        tx = Transaction(ctx.store)
        public.reverse_interaction(ctx, tx, interaction)
        tx.commit()

    clock.now += timedelta(hours=1)
    reverse()
    seen = scorecards.ok("GET", f"{log_path(id)}/{interaction}")
    assert (seen["reversed_at"], seen["revision"], seen["updated_by"]) == ("2026-11-24T19:00:00.000Z", 2, "user_reopens")
    with pytest.raises(VersionConflict):
        reverse()
    assert scorecards.dispute(seen)["revision"] == 3


def test_notes_are_sealed_in_the_trail():
    assert {"notes"} == Interaction.PERSONAL
