"""Moving a pipeline, what its moves leave, and what happens in it."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from chalicelib.foundation.errors import Conflict, InvalidTransition, VersionConflict
from chalicelib.foundation.store.expressions import ROW_EXISTS
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.packs.wholesale import public
from chalicelib.packs.wholesale.entities import Pipeline

NUMBERS = {"arv_estimate": 250000, "repair_estimate": 35000, "assignment_fee_target": 15000}
CALL_BACK = {"what": "Call back"}


@pytest.fixture
def operator(client_as: Any) -> Any:
    return client_as("operator")


@pytest.fixture
def lead(operator: Any) -> str:
    return operator("POST", "/wholesale", NUMBERS).json()["id"]


@pytest.fixture
def move(operator: Any) -> Any:
    def make(id: str, stage: str, **body: Any) -> Any:
        return operator("POST", f"/wholesale/{id}/stage", {"stage": stage, **body})

    return make


@pytest.fixture
def under_contract(operator: Any) -> str:
    values = {**NUMBERS, "stage": "under_contract", "offer_price": 119000, "contract_price": 118000}
    return operator("POST", "/wholesale", values).json()["id"]


def pipeline(context: Any, id: str) -> Pipeline:
    return context("operator").store.find(Pipeline, id)


def dispose(context: Any, id: str, target: str, **values: Any) -> Pipeline:
    """Move a pipeline as its assignment does, in a transaction of the assignment's."""
    ctx = context("operator")
    tx = Transaction(ctx.store)
    after = public.add_transition(ctx, tx, ctx.store.find(Pipeline, id), target, values, initiator="dispositions")
    tx.commit()
    return after


class TestForward:
    def test_from_lead_to_contract(self, operator, lead, move, round_trips):
        offered = move(lead, "offer_made", price=126000)
        assert offered.status == 200, offered.text
        assert round_trips() == 2
        body = offered.json()
        assert (body["stage"], body["offer_price"], body["spread_basis"], body["previous_stage"]) == ("offer_made", 126000, "offer", "lead")
        assert body["warnings"] == ["offer_above_mao"]
        signed = move(lead, "under_contract", price=118000).json()
        assert (signed["contract_price"], signed["contract_effective_on"], signed["spread_basis"]) == (118000, "2026-11-24", "contract")
        assert operator("GET", f"/wholesale/{lead}").json()["revision"] == 3

    def test_the_price_can_be_set_already(self, operator, lead, move):
        operator("PATCH", f"/wholesale/{lead}", {"offer_price": 1, "contract_price": 2, "contract_effective_on": "2026-11-01"})
        assert move(lead, "offer_made").status == 200
        assert move(lead, "under_contract").json()["contract_effective_on"] == "2026-11-01"

    @pytest.mark.parametrize("price", [None, 0])
    def test_a_stage_requires_its_price(self, lead, move, price):
        response = move(lead, "offer_made", **({} if price is None else {"price": price}))
        assert response.status == 422
        assert response.json()["errors"][0]["loc"] == ["offer_price"]

    def test_the_price_must_fit_the_currency(self, operator, lead, move):
        assert move(lead, "offer_made", price=Decimal("1.005")).status == 422

    def test_a_price_for_a_stage_without_price_is_rejected(self, lead, move):
        assert move(lead, "dead", reason="price", price=5).json()["errors"][0]["loc"] == ["price"]

    @pytest.mark.parametrize("target", ["under_contract", "assigned", "closed"])
    def test_no_stage_is_skipped(self, lead, move, target):
        response = move(lead, target, price=1)
        assert response.status == 409
        body = response.json()
        assert body["type"] == "/problems/invalid-transition"
        assert (body["from"], body["to"], body["allowed"]) == ("lead", target, ["offer_made", "dead"])

    def test_assigned_and_closed_come_with_an_assignment(self, under_contract, move):
        response = move(under_contract, "assigned")
        assert (response.status, response.json()["allowed"]) == (409, ["offer_made", "dead"])
        assert "assignment" in response.json()["detail"]

    def test_the_current_stage_is_no_transition(self, operator, lead, move):
        response = move(lead, "lead")
        assert (response.status, response.json()["allowed"]) == (409, ["offer_made", "dead"])
        assert operator("PATCH", f"/wholesale/{lead}", {"stage": "lead"}).json()["revision"] == 1
        assert len(operator("GET", f"/wholesale/{lead}/history").json()["items"]) == 1

    @pytest.mark.parametrize(
        "body", [{}, {"stage": "banana"}, {"stage": None}, {"stage": "dead", "reason": "bored"}, {"stage": "dead", "to": "x"}]
    )
    def test_unknown_transitions_are_rejected(self, operator, lead, body):
        assert operator("POST", f"/wholesale/{lead}/stage", body).status == 422

    def test_a_replay_returns_the_first_response(self, operator, lead, round_trips):
        call = ("POST", f"/wholesale/{lead}/stage", {"stage": "offer_made", "price": 5})
        first = operator(*call, headers={"Idempotency-Key": "k"})
        again = operator(*call, headers={"Idempotency-Key": "k"})
        assert round_trips() == 1
        assert (again.status, again.json(), again.headers["idempotent-replayed"]) == (200, first.json(), "true")
        assert operator("GET", f"/wholesale/{lead}").json()["revision"] == 2

    def test_patch_follows_the_same_rules(self, operator, lead):
        path = f"/wholesale/{lead}"
        assert operator("PATCH", path, {"stage": "under_contract"}).status == 409
        assert operator("PATCH", path, {"stage": "offer_made"}).status == 422
        moved = operator("PATCH", path, {"stage": "offer_made", "offer_price": 120000, "notes": "By phone"}).json()
        assert (moved["stage"], moved["offer_price"], moved["notes"], moved["revision"]) == ("offer_made", 120000, "By phone", 2)
        assert operator("PATCH", path, {"stage": "lead"}).status == 422
        assert operator("PATCH", path, {"stage": "lead", "note": "Too dear"}).json()["stage_note"] == "Too dear"
        assert operator("PATCH", path, {"stage": "dead"}).status == 422
        assert operator("PATCH", path, {"stage": "dead", "reason": "title"}).json()["stage_reason"] == "title"
        stages = [stay["stage"] for stay in operator("GET", f"{path}/history").json()["items"]]
        assert stages == ["dead", "lead", "offer_made", "lead"]


class TestBack:
    def test_a_step_back_requires_a_note(self, operator, lead, move):
        move(lead, "offer_made", price=120000)
        assert move(lead, "lead").json()["errors"][0]["loc"] == ["note"]
        body = move(lead, "lead", note="They want more").json()
        assert (body["offer_price"], body["stage_note"], body["spread_basis"]) == (None, "They want more", "mao")
        over = operator("GET", f"/wholesale/{lead}/history").json()["items"][1]
        assert (over["stage"], over["terms"]) == ("offer_made", {"offer_price": 120000})

    @pytest.mark.parametrize("body", [{"offer_price": 117000}, {"price": 117000}, {"price": 117000, "offer_price": 117000}])
    def test_one_that_began_under_contract_names_its_offer(self, operator, move, body):
        id = operator("POST", "/wholesale", {"stage": "under_contract", "contract_price": 118000}).json()["id"]
        assert move(id, "offer_made", note="Title").json()["errors"][0]["loc"] == ["offer_price"]
        back = move(id, "offer_made", note="Title", **body)
        assert back.status == 200, back.text
        assert (back.json()["offer_price"], back.json()["contract_price"]) == (117000, None)
        signed = move(id, "under_contract", contract_price=116000).json()
        assert (signed["offer_price"], signed["contract_price"]) == (117000, 116000)

    @pytest.mark.parametrize(
        ("body", "loc"),
        [
            ({"price": 1, "offer_price": 2}, "offer_price"),
            ({"offer_price": 0}, "offer_price"),
            ({"offer_price": 1, "contract_price": 2}, "contract_price"),
            ({"offer_price": -1}, "offer_price"),
        ],
    )
    def test_a_price_that_the_stage_does_not_take_is_refused(self, operator, under_contract, move, body, loc):
        response = move(under_contract, "offer_made", note="Title", **body)
        assert (response.status, response.json()["errors"][0]["loc"]) == (422, [loc])
        assert operator("GET", f"/wholesale/{under_contract}").json()["revision"] == 1

    def test_a_lost_contract_moves_to_history_and_its_reminders_end(self, operator, context, under_contract, move):
        operator("PATCH", f"/wholesale/{under_contract}", {"closes_on": "2026-12-20"})
        assert pipeline(context, under_contract).alarm_on.isoformat() == "2026-12-06"
        body = move(under_contract, "offer_made", note="Title fell through").json()
        assert (body["offer_price"], body["contract_price"], body["contract_effective_on"]) == (119000, None, None)
        assert pipeline(context, under_contract).alarm_on is None
        over = operator("GET", f"/wholesale/{under_contract}/history").json()["items"][1]
        assert over["terms"] == {"contract_price": 118000, "contract_effective_on": "2026-11-24"}


class TestDead:
    @pytest.mark.parametrize(
        ("body", "loc"),
        [({}, "reason"), ({"reason": "other"}, "note"), ({"note": "x"}, "reason"), ({"reason": "other", "note": " "}, "note")],
    )
    def test_dead_requires_a_reason(self, lead, move, body, loc):
        response = move(lead, "dead", **body)
        assert response.status == 422
        assert response.json()["errors"][0]["loc"] == [loc]

    @pytest.mark.parametrize("stage", ["lead", "offer_made", "under_contract"])
    def test_any_open_stage_can_die(self, operator, move, stage):
        id = operator("POST", "/wholesale", {"stage": stage, "offer_price": 1, "contract_price": 1}).json()["id"]
        body = move(id, "dead", reason="other", note="Sold to a cousin").json()
        assert (body["stage"], body["previous_stage"], body["stage_reason"], body["stage_note"]) == (
            "dead",
            stage,
            "other",
            "Sold to a cousin",
        )

    def test_a_revived_pipeline_keeps_its_history_and_requires_a_next_action(self, operator, under_contract, move):
        move(under_contract, "dead", reason="financing")
        assert move(under_contract, "lead").json()["errors"][0]["loc"] == ["next_action"]
        body = move(under_contract, "lead", next_action=CALL_BACK).json()
        assert (body["stage"], body["next_action"], body["offer_price"], body["contract_price"]) == ("lead", CALL_BACK, None, None)
        stays = operator("GET", f"/wholesale/{under_contract}/history").json()["items"]
        assert [stay["stage"] for stay in stays] == ["lead", "dead", "under_contract"]
        assert stays[1]["reason"] == "financing"
        assert stays[1]["terms"] == {"offer_price": 119000, "contract_price": 118000, "contract_effective_on": "2026-11-24"}

    def test_a_next_action_set_by_patch_is_sufficient(self, operator, lead, move):
        move(lead, "dead", reason="price")
        assert operator("PATCH", f"/wholesale/{lead}", {"stage": "lead", "next_action": CALL_BACK}).json()["stage"] == "lead"

    def test_do_not_contact_cannot_be_revived(self, lead, move):
        move(lead, "dead", reason="do_not_contact")
        response = move(lead, "lead", next_action=CALL_BACK)
        assert (response.status, response.json()["allowed"]) == (409, [])
        assert move(lead, "dead", reason="price").json()["allowed"] == []


class TestAssignments:
    """The moves that belong to an assignment, as its own transaction makes them."""

    def test_assigned_fallen_out_and_closed(self, operator, context, under_contract):
        assigned = dispose(context, under_contract, "assigned", assignment_id="asgn_1", assignment_price=Decimal(131000))
        assert assigned.revision == 2
        body = operator("GET", f"/wholesale/{under_contract}").json()
        assert (body["stage"], body["assignment_id"]) == ("assigned", "asgn_1")
        assert (body["expected_spread"], body["spread_basis"]) == (13000, "assignment")
        dispose(context, under_contract, "under_contract", assignment_id=None, assignment_price=None)
        body = operator("GET", f"/wholesale/{under_contract}").json()
        assert (body["stage"], body["contract_price"], body["spread_basis"]) == ("under_contract", 118000, "contract")
        dispose(context, under_contract, "assigned", assignment_id="asgn_2", assignment_price=Decimal(130000))
        dispose(context, under_contract, "closed")
        stays = operator("GET", f"/wholesale/{under_contract}/history").json()["items"]
        assert [stay["stage"] for stay in stays] == ["closed", "assigned", "under_contract", "assigned", "under_contract"]

    def test_users_cannot_change_the_stage_of_an_assigned_pipeline(self, context, under_contract, move):
        dispose(context, under_contract, "assigned")
        for target in ("under_contract", "closed", "dead", "lead"):
            response = move(under_contract, target, reason="price", note="x")
            assert response.status == 409
            assert response.json()["allowed"] == []
        assert "out first" in move(under_contract, "dead", reason="price").json()["detail"]

    def test_closed_is_final(self, context, under_contract, move):
        dispose(context, under_contract, "assigned")
        dispose(context, under_contract, "closed")
        for target in ("lead", "offer_made", "under_contract", "assigned", "dead"):
            assert move(under_contract, target, reason="price", note="x").json()["allowed"] == []
        with pytest.raises(InvalidTransition):
            dispose(context, under_contract, "under_contract")

    def test_the_currency_is_fixed(self, operator, context, under_contract):
        dispose(context, under_contract, "assigned")
        assert operator("PATCH", f"/wholesale/{under_contract}", {"currency": "CAD"}).status == 409

    def test_of_two_concurrent_transitions_one_succeeds(self, context, under_contract):
        ctx = context("operator")
        seen = ctx.store.find(Pipeline, under_contract)
        dispose(context, under_contract, "assigned", assignment_id="asgn_1")
        tx = Transaction(ctx.store)
        public.add_transition(ctx, tx, seen, "assigned", {"assignment_id": "asgn_2"}, initiator="dispositions")
        with pytest.raises(VersionConflict):
            tx.commit()
        assert pipeline(context, under_contract).assignment_id == "asgn_1"

    def test_nothing_is_written_when_the_assignment_fails(self, context, under_contract):
        ctx = context("operator")
        tx = Transaction(ctx.store)
        public.add_transition(ctx, tx, ctx.store.find(Pipeline, under_contract), "assigned", {}, initiator="dispositions")
        tx.condition_check(Pipeline.ID.key(Pipeline.ID.new(ctx.now)), ROW_EXISTS, Conflict("No assignment."))
        with pytest.raises(Conflict):
            tx.commit()
        assert pipeline(context, under_contract).revision == 1


class TestHistory:
    def test_intervals_have_times_days_and_actor(self, operator, client_as, lead, move, clock):
        clock.now += timedelta(days=3)
        move(lead, "offer_made", price=1)
        clock.now += timedelta(days=2, hours=14)  # past midnight of the firm
        client_as("admin")("POST", f"/wholesale/{lead}/stage", {"stage": "dead", "reason": "price", "note": "No"})
        clock.now += timedelta(days=1)
        items = operator("GET", f"/wholesale/{lead}/history").json()["items"]
        assert [(stay["stage"], stay["days"], stay["entered_by"], stay["left_by"]) for stay in items] == [
            ("dead", 1, "user_admin", None),
            ("offer_made", 3, "user_operator", "user_admin"),
            ("lead", 3, "user_operator", "user_operator"),
        ]
        assert (items[0]["entered_at"], items[0]["left_at"], items[0]["reason"]) == (items[1]["left_at"], None, "price")
        assert items[2]["entered_at"] == "2026-11-24T18:00:00.000Z"

    def test_it_is_paginated(self, operator, lead, move, clock):
        for _ in range(3):
            clock.now += timedelta(days=1)
            move(lead, "offer_made", price=1)
            clock.now += timedelta(days=1)
            move(lead, "lead", note="x")
        first = operator("GET", f"/wholesale/{lead}/history", query={"limit": "4"}).json()
        second = operator("GET", f"/wholesale/{lead}/history", query={"limit": "4", "cursor": first["next_cursor"]}).json()
        stages = [stay["stage"] for stay in first["items"] + second["items"]]
        assert stages == ["lead", "offer_made"] * 3 + ["lead"]
        assert second["next_cursor"] is None

    def test_an_unknown_pipeline_is_not_found(self, operator):
        assert operator("GET", f"/wholesale/pipe_{'0' * 26}/history").status == 404


class TestActivities:
    @pytest.fixture
    def path(self, lead: str) -> str:
        return f"/wholesale/{lead}/activities"

    def test_an_activity_is_created_in_one_round_trip(self, operator, lead, path, round_trips):
        values = {"event_type": "offer", "description": "Offered by phone\nno answer", "amount": Decimal("119999.99")}
        response = operator("POST", path, values)
        assert response.status == 201, response.text
        assert round_trips() == 1
        body = response.json()
        assert {name: body[name] for name in values} == values
        assert (body["pipeline_id"], body["created_by"], body["currency"], body["occurred_at"]) == (
            lead,
            "user_operator",
            "USD",
            body["created_at"],
        )
        assert response.headers["location"] == path
        pipeline = operator("GET", f"/wholesale/{lead}").json()
        assert (pipeline["stage"], pipeline["offer_price"], pipeline["revision"]) == ("lead", None, 1)
        assert operator("GET", path).json()["items"] == [body] == pipeline["activities"]

    @pytest.mark.parametrize("event_type", ["call", "text", "email", "mail", "meeting", "inspection", "offer", "note"])
    def test_every_event_type_is_accepted(self, operator, path, event_type):
        assert operator("POST", path, {"event_type": event_type}).json()["event_type"] == event_type

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"event_type": "fax"},
            {"event_type": "call", "created_by": "user_x"},
            {"event_type": "offer", "amount": -1},
            {"event_type": "offer", "amount": Decimal("0.001")},
            {"event_type": "call", "description": "\x07"},
            {"event_type": "call", "occurred_at": "2026-11-24"},
            {"event_type": "call", "occurred_at": "0001-01-01T00:00:00Z"},
            {"event_type": "call", "occurred_at": "2026-11-24T18:06:00Z"},
        ],
        ids=str,
    )
    def test_invalid_requests_are_rejected(self, operator, path, body):
        assert operator("POST", path, body).status == 422
        assert operator("GET", path).json()["items"] == []

    def test_past_times_and_small_clock_skew_are_accepted(self, operator, path):
        assert (
            operator("POST", path, {"event_type": "call", "occurred_at": "2026-11-01T10:00:00+01:00"}).json()["occurred_at"]
            == "2026-11-01T09:00:00.000Z"
        )
        assert (
            operator("POST", path, {"event_type": "call", "occurred_at": "2026-11-24T18:04:00Z"}).json()["occurred_at"]
            == "2026-11-24T18:00:00.000Z"
        )

    def test_at_most_two_round_trips_in_any_state(self, operator, lead, path, move, round_trips):
        operator("PATCH", f"/wholesale/{lead}", {"currency": "CAD", "owner": None})
        for body in ({"event_type": "call"}, {"event_type": "call", "occurred_at": "2026-01-01T00:00:00Z"}):
            assert operator("POST", path, body).json()["currency"] == "CAD"
            assert round_trips() == 2
        move(lead, "dead", reason="price")
        assert operator("POST", path, {"event_type": "call"}).status == 201
        assert round_trips() == 2

    def test_a_replay_creates_it_once(self, operator, path, round_trips):
        first = operator("POST", path, {"event_type": "call"}, headers={"Idempotency-Key": "k"})
        again = operator("POST", path, {"event_type": "call"}, headers={"Idempotency-Key": "k"})
        assert round_trips() == 1
        assert again.json() == first.json()
        assert len(operator("GET", path).json()["items"]) == 1

    def test_pages_newest_first(self, operator, path, clock):
        for number in range(5):
            clock.now += timedelta(seconds=1)
            operator("POST", path, {"event_type": "note", "description": str(number)})
        first = operator("GET", path, query={"limit": "3"}).json()
        second = operator("GET", path, query={"limit": "3", "cursor": first["next_cursor"]}).json()
        assert [item["description"] for item in first["items"] + second["items"]] == ["4", "3", "2", "1", "0"]
        assert second["next_cursor"] is None

    def test_an_unknown_pipeline_is_not_found(self, operator):
        for id in (f"pipe_{'0' * 26}", "x"):
            assert operator("GET", f"/wholesale/{id}/activities").status == 404
            assert operator("POST", f"/wholesale/{id}/activities", {"event_type": "call"}).status == 404
