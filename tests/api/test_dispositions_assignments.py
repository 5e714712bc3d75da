"""Assignments: offering, assigning, closing, falling out, and everything that is refused on the way."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from chalicelib.packs.dispositions.service import offers
from tests.api.dispositions_client import DispositionsClient, desk
from tests.openapi_contract import system_contract

__all__ = ["desk"]

MOVES = "/dispo/assignments/{}/{}"


def code(problem: Any) -> Any:
    return problem.get("code")


def errors(problem: Any) -> list[str]:
    return [".".join(one["loc"]) for one in problem["errors"]]


class TestFees:
    def test_they_explain_themselves(self, desk):
        costs = {"closing_ab": 1850, "closing_bc": 2400, "points_pct": 1.5}
        id = desk.offer(desk.pipeline(), kind="double_close", costs=costs)
        assert "explain" not in desk.read(id)
        found = desk.ok("GET", f"/dispo/assignments/{id}", query={"explain": "true"})
        prices = {"assignment_price": 131000, "contract_price": 118000, "currency": "USD"}
        gross, net = found["explain"]["fee_gross"], found["explain"]["fee_net"]
        assert (gross["inputs"], gross["formula"], gross["missing"]) == (prices, {"id": "dispositions.fee_gross", "version": 1}, [])
        assert net["inputs"] == {**prices, **costs, "lender_fee": None}
        assert (net["formula"]["id"], net["missing"], net["as_of"]) == ("dispositions.fee_net.double_close", ["lender_fee"], gross["as_of"])
        assert found["missing"] == net["missing"]

    def test_what_an_assignment_was_not_charged_is_nought(self, desk):
        id = desk.offer(desk.pipeline(), assignment_price=None, costs={"partner_split": 3000})
        found = desk.ok("GET", f"/dispo/assignments/{id}", query={"explain": "true"})["explain"]["fee_net"]
        terms = {"partner_split": 3000, "earnest_money_lost": 0}
        assert found["inputs"] == {"assignment_price": None, "contract_price": 118000, "currency": "USD", **terms}
        assert found["missing"] == ["assignment_price"]

    def test_a_move_of_another_revision_than_was_seen_is_refused_and_documented(self, desk):
        id = desk.offer(desk.pipeline())
        paths = system_contract().document["paths"]
        for verb in ("assign", "close", "fallout"):
            assert "412" in paths[f"/dispo/assignments/{{id}}/{verb}"]["post"]["responses"]
        desk.refused(412, "POST", MOVES.format(id, "assign"), {}, headers={"If-Match": '"9"'})


class TestOffers:
    def test_price_and_fee_follow_from_each_other(self, desk, round_trips):
        pipeline = desk.pipeline()
        body = {"pipeline_id": pipeline, "buyer_id": desk.buyer(), "assignment_price": 131000}
        answer = desk.call("POST", "/dispo/assignments", body)
        assert round_trips() == 2
        assert answer.status == 201
        made = answer.json()
        assert answer.headers["location"].endswith(f"/dispo/assignments/{made['id']}")
        assert (made["assignment_fee"], made["fee_gross"], made["fee_net"], made["missing"]) == (13000, 13000, 13000, [])
        assert (made["status"], made["rank"], made["currency"], made["kind"], made["revision"]) == ("offered", 1, "USD", "assignment", 1)
        by_fee = desk.read(desk.offer(pipeline, assignment_price=None, assignment_fee=13000))
        assert (by_fee["assignment_price"], by_fee["assignment_fee"], by_fee["rank"]) == (131000, 13000, 2)
        at_cost = desk.read(desk.offer(pipeline, assignment_price=118000))
        assert at_cost["assignment_fee"] == 0
        unpriced = desk.read(desk.offer(pipeline, assignment_price=None))
        assert (unpriced["assignment_price"], unpriced["fee_gross"], unpriced["missing"]) == (None, None, ["assignment_price"])
        assert round_trips() == 1

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({"assignment_fee": 12000}, "assignment_fee"),
            ({"assignment_price": "117999.99"}, "assignment_price"),
            ({"assignment_price": "131000.001"}, "assignment_price"),
            ({"assignment_price": None, "assignment_fee": -1}, "assignment_fee"),
            ({"currency": "CAD"}, "currency"),
            ({"rank": 0}, "rank"),
            ({"kind": "gift"}, "kind"),
            ({"status": "assigned"}, "status"),
            ({"expires_at": "2026-11-24T17:59:59Z"}, "expires_at"),
            ({"costs": {"lunch": 1}}, "costs.lunch"),
            ({"earnest_money": {"amount": -1}}, "earnest_money.amount"),
            ({"pipeline_id": None}, "pipeline_id"),
            ({"notes": 1}, "notes"),
        ],
    )
    def test_wrong_ones(self, desk, body, field):
        given = {"pipeline_id": desk.pipeline(), "buyer_id": desk.buyer(), "assignment_price": 131000, **body}
        assert errors(desk.refused(422, "POST", "/dispo/assignments", given)) == [field]

    def test_who_and_what_must_be_there(self, desk):
        pipeline, buyer = desk.pipeline(), desk.buyer()
        for wrong in ({"pipeline_id": "pipe_01KB0Q5E8G7Z3V9X2M4N6P8R0T"}, {"pipeline_id": "x"}, {"buyer_id": "7"}):
            desk.refused(404, "POST", "/dispo/assignments", {"pipeline_id": pipeline, "buyer_id": buyer, **wrong})
        unknown = desk.refused(404, "POST", "/dispo/assignments", {"pipeline_id": pipeline, "buyer_id": "buyer_01KB0Q5E8G7Z3V9X2M4N6P8R0T"})
        assert "buyer" in unknown["detail"]
        desk.ok("DELETE", f"/dispo/buyers/{buyer}")
        desk.refused(404, "POST", "/dispo/assignments", {"pipeline_id": pipeline, "buyer_id": buyer})

    @pytest.mark.parametrize(("change", "why"), [({"is_active": False}, "buyer_inactive"), ({"do_not_contact": True}, "do_not_contact")])
    def test_not_to_whom_it_may_not_go(self, desk, change, why):
        body = {"pipeline_id": desk.pipeline(), "buyer_id": desk.buyer(**change)}
        assert code(desk.refused(409, "POST", "/dispo/assignments", body)) == why

    @pytest.mark.parametrize("stage", ["lead", "offer_made"])
    def test_a_house_not_under_contract_is_not_offered(self, desk, stage):
        pipeline = desk.pipeline(stage=stage, offer_price=100000)
        body = {"pipeline_id": pipeline, "buyer_id": desk.buyer()}
        assert code(desk.refused(409, "POST", "/dispo/assignments", body)) == "not_under_contract"

    def test_unless_the_firm_only_warns(self, desk, runtime):
        object.__setattr__(runtime.settings, "offer_before_contract", "warn")
        made = desk.read(desk.offer(desk.pipeline(stage="lead", contract_price=None), assignment_price=None, assignment_fee=9000))
        assert (made["warnings"], made["assignment_fee"], made["assignment_price"]) == (["offer_before_contract"], 9000, None)

    def test_of_an_assigned_one_only_backups(self, desk):
        pipeline = desk.pipeline()
        desk.assign(desk.offer(pipeline))
        assert desk.read(desk.offer(pipeline))["rank"] == 2
        body = {"pipeline_id": pipeline, "buyer_id": desk.buyer(), "rank": 1}
        assert code(desk.refused(409, "POST", "/dispo/assignments", body)) == "not_under_contract"

    def test_one_live_one_a_buyer_and_pipeline(self, desk):
        pipeline, buyer = desk.pipeline(), desk.buyer()
        first = desk.offer(pipeline, buyer)
        body = {"pipeline_id": pipeline, "buyer_id": buyer}
        assert code(desk.refused(409, "POST", "/dispo/assignments", body)) == "live_offer"
        desk.fall_out(first, "seller", None)
        desk.offer(pipeline, buyer)
        desk.offer(desk.pipeline(), buyer)

    def test_ranks_are_single(self, desk):
        pipeline = desk.pipeline()
        third = desk.offer(pipeline, rank=3)
        taken = desk.refused(409, "POST", "/dispo/assignments", {"pipeline_id": pipeline, "buyer_id": desk.buyer(), "rank": 3})
        assert (code(taken), taken["assignment_id"]) == ("rank_taken", third)
        assert desk.read(desk.offer(pipeline))["rank"] == 4
        first = desk.offer(pipeline, rank=1)
        assert code(desk.refused(409, "PATCH", f"/dispo/assignments/{first}", {"rank": 4})) == "rank_taken"
        assert desk.patch(first, rank=2)["rank"] == 2
        assert desk.read(desk.offer(pipeline, rank=1))["rank"] == 1

    def test_there_is_an_end_to_them(self, desk, monkeypatch):
        monkeypatch.setattr(offers, "MAX_LIVE", 2)
        pipeline = desk.pipeline()
        first, _ = desk.offer(pipeline), desk.offer(pipeline)
        body = {"pipeline_id": pipeline, "buyer_id": desk.buyer()}
        assert code(desk.refused(409, "POST", "/dispo/assignments", body)) == "too_many_offers"
        desk.fall_out(first, "seller", None)
        desk.ok("POST", "/dispo/assignments", body)

    def test_a_replay_answers_the_first_answer(self, desk):
        body = {"pipeline_id": desk.pipeline(), "buyer_id": desk.buyer(), "assignment_price": 131000}
        key = {"Idempotency-Key": "once"}
        first = desk.call("POST", "/dispo/assignments", body, headers=key)
        again = desk.call("POST", "/dispo/assignments", body, headers=key)
        assert (first.status, again.status, again.json()) == (201, 201, first.json())
        assert again.headers["idempotent-replayed"] == "true"
        other = desk.refused(422, "POST", "/dispo/assignments", {**body, "rank": 9}, headers=key)
        assert other["type"] == "/problems/idempotency-mismatch"

    def test_only_ones_own_or_nobodys_pipeline(self, desk, client_as):
        dealer, other = (
            DispositionsClient(client_as("dealmaker", user="user_dee")),
            DispositionsClient(client_as("dealmaker", user="user_dan")),
        )
        mine, nobodys, buyer = dealer.pipeline(), desk.pipeline(owner=None), desk.buyer()
        nobodys = desk.ok("PATCH", f"/wholesale/{nobodys}", {"owner": None})["id"]
        other.expect_error(403, "POST", "/dispo/assignments", {"pipeline_id": mine, "buyer_id": buyer})
        offer = dealer.offer(mine, buyer)
        other.offer(nobodys, buyer)
        for method, path, body in [
            ("PATCH", f"/dispo/assignments/{offer}", {"notes": "x"}),
            ("POST", MOVES.format(offer, "assign"), {}),
            ("POST", MOVES.format(offer, "fallout"), {"reason": "seller"}),
        ]:
            other.expect_error(403, method, path, body)
        dealer.assign(offer)
        dealer.expect_error(403, "POST", MOVES.format(offer, "close"), {})
        assert desk.close(offer)["status"] == "closed"


class TestAssign:
    def test_it_moves_both_in_two_round_trips(self, desk, round_trips):
        pipeline = desk.pipeline(contract_effective_on="2026-11-20")
        id = desk.offer(pipeline)
        made = desk.assign(id)
        assert round_trips() == 2
        assert (made["status"], made["assigned_on"], made["assigned_by"], made["fee_gross"]) == (
            "assigned", "2026-11-24", "user_operator", 13000,
        )  # fmt: skip
        assert made["earnest_money"] == {"status": "due", "due_on": "2026-11-27"}
        assert made["warnings"] == ["pof_missing"]
        assert desk.read(id) == made
        seen = desk.read(pipeline)
        assert (seen["stage"], seen["assignment_id"], seen["assignment_price"]) == ("assigned", id, 131000)
        assert (seen["expected_spread"], seen["spread_basis"]) == (13000, "assignment")

    def test_a_replay_is_no_second_one(self, desk, round_trips):
        id = desk.offer(desk.pipeline())
        key = {"Idempotency-Key": "a"}
        first = desk.call("POST", MOVES.format(id, "assign"), {}, headers=key)
        again = desk.call("POST", MOVES.format(id, "assign"), {}, headers=key)
        assert (again.status, again.json(), again.headers["idempotent-replayed"]) == (200, first.json(), "true")
        assert round_trips() == 1
        refused = desk.refused(409, "POST", MOVES.format(id, "assign"), {})
        assert (refused["type"], refused["allowed"]) == ("/problems/invalid-transition", ["closed", "fallout"])

    def test_the_second_buyer_is_told_who_was_first(self, desk):
        pipeline = desk.pipeline()
        first, second = desk.offer(pipeline), desk.offer(pipeline)
        desk.assign(first)
        refused = desk.refused(409, "POST", MOVES.format(second, "assign"), {})
        assert (code(refused), refused["assignment_id"]) == ("already_taken", first)

    def test_out_of_rank_warns(self, desk, round_trips):
        pipeline, early = desk.pipeline(), desk.buyer()
        desk.offer(pipeline, early)
        second = desk.offer(pipeline)
        assert desk.assign(second)["warnings"] == ["pof_missing", "out_of_rank"]
        desk.fall_out(second)
        desk.ok("PATCH", f"/dispo/buyers/{early}", {"is_active": False})
        assert desk.assign(desk.offer(pipeline))["warnings"] == ["pof_missing"]

    def test_the_buyer_must_be_active_now(self, desk, round_trips):
        buyer = desk.buyer()
        id = desk.offer(desk.pipeline(), buyer)
        desk.ok("PATCH", f"/dispo/buyers/{buyer}", {"is_active": False})
        assert code(desk.refused(409, "POST", MOVES.format(id, "assign"), {})) == "buyer_inactive"
        desk.ok("PATCH", f"/dispo/buyers/{buyer}", {"is_active": True})
        assert desk.assign(id)["status"] == "assigned"

    def test_not_after_it_has_expired(self, desk, clock):
        id = desk.offer(desk.pipeline(), expires_at="2026-11-25T18:00:00Z")
        clock.now += timedelta(days=1, milliseconds=1)
        assert code(desk.refused(409, "POST", MOVES.format(id, "assign"), {})) == "offer_expired"

    def test_not_below_a_contract_price_that_rose(self, desk):
        pipeline = desk.pipeline()
        id = desk.offer(pipeline)
        desk.ok("PATCH", f"/wholesale/{pipeline}", {"contract_price": 131001})
        assert code(desk.refused(409, "POST", MOVES.format(id, "assign"), {})) == "below_contract"
        desk.ok("PATCH", f"/wholesale/{pipeline}", {"contract_price": 120000})
        assert desk.read(id)["assignment_fee"] == 11000
        assert desk.assign(id)["assignment_fee"] == 11000
        desk.ok("PATCH", f"/wholesale/{pipeline}", {"contract_price": 118000})
        assert desk.read(id)["assignment_fee"] == 11000  # it froze with the assignment

    def test_nor_in_another_currency_than_it_was_offered_in(self, desk):
        pipeline = desk.pipeline()
        id = desk.offer(pipeline)
        desk.ok("PATCH", f"/wholesale/{pipeline}", {"currency": "CAD"})
        assert (desk.read(id)["assignment_fee"], desk.read(id)["fee_gross"]) == (13000, None)  # dollars less dollars of another sort
        desk.patch(id, assignment_price=100000)
        assert (desk.read(id)["assignment_price"], desk.read(id)["assignment_fee"]) == (100000, None)
        assert code(desk.refused(409, "POST", MOVES.format(id, "assign"), {})) == "currency_changed"

    def test_an_open_fee_becomes_a_price(self, desk, runtime):
        object.__setattr__(runtime.settings, "offer_before_contract", "warn")
        pipeline = desk.pipeline(stage="lead", contract_price=None, offer_price=110000)
        id = desk.offer(pipeline, assignment_price=None, assignment_fee=9000)
        assert code(desk.refused(409, "POST", MOVES.format(id, "assign"), {})) == "not_under_contract"
        desk.stage(pipeline, "offer_made")
        desk.stage(pipeline, "under_contract", price=118000)
        assert desk.assign(id)["assignment_price"] == 127000


class TestProofOfFunds:
    def proof(self, amount: int = 131000, **more: Any) -> dict[str, Any]:
        return {"proof_of_funds": {"amount": amount, "issued_on": "2026-11-01", **more}}

    def assigned(self, desk: DispositionsClient, pipeline: str | None = None, **proof: Any) -> Any:
        return desk.call("POST", MOVES.format(desk.offer(pipeline or desk.pipeline(), desk.buyer(**proof)), "assign"), {})

    def test_a_good_one(self, desk):
        answer = self.assigned(desk, **self.proof())
        assert (answer.status, answer.json()["warnings"]) == (200, [])

    def test_one_that_is_too_small(self, desk):
        answer = self.assigned(desk, **self.proof(125000))
        assert (answer.status, code(answer.json()), answer.json()["short"]) == (409, "pof_insufficient", 6000)

    def test_one_that_has_expired(self, desk, clock):
        pipeline, buyer = desk.pipeline(), desk.buyer(**self.proof(expires_on="2026-11-24"))
        id = desk.offer(pipeline, buyer)
        clock.now += timedelta(days=1)
        problem = desk.refused(409, "POST", MOVES.format(id, "assign"), {})
        assert code(problem) == "pof_expired"
        assert "short" not in problem
        desk.ok("PATCH", f"/dispo/buyers/{buyer}", {"proof_of_funds": {"issued_on": "2026-11-25"}})
        assert desk.assign(id)["status"] == "assigned"  # what was seen of the old one doesn't stand in the way

    def test_one_that_was_mended_too_late_in_the_other_direction(self, desk):
        buyer = desk.buyer(**self.proof())
        id = desk.offer(desk.pipeline(), buyer)
        desk.ok("PATCH", f"/dispo/buyers/{buyer}", {"proof_of_funds": {"amount": 1}})
        assert code(desk.refused(409, "POST", MOVES.format(id, "assign"), {})) == "pof_insufficient"

    def test_none_where_one_is_required(self, desk, runtime):
        object.__setattr__(runtime.settings, "require_pof", True)
        answer = self.assigned(desk)
        assert (answer.status, code(answer.json())) == (409, "pof_missing")

    def test_an_override_is_for_those_who_may_and_dont_own_it(self, desk, client_as):
        dealer = DispositionsClient(client_as("dealmaker", user="user_dee"))
        boss, owner = DispositionsClient(client_as("admin", user="user_boss")), DispositionsClient(client_as("admin", user="user_owner"))
        buyer = desk.buyer(**self.proof(1))
        dealt, owned = dealer.offer(dealer.pipeline(), buyer), owner.offer(owner.pipeline(), buyer)
        override = {"override_reason": "His bank called."}
        dealer.expect_error(403, "POST", MOVES.format(dealt, "assign"), override)
        owner.expect_error(403, "POST", MOVES.format(owned, "assign"), override)
        assert boss.assign(dealt, **override)["override_reason"] == "His bank called."
        assert boss.assign(owned, **override)["status"] == "assigned"
        errors(boss.expect_error(422, "POST", MOVES.format(dealt, "assign"), {"override_reason": ""}))

    def test_an_override_that_is_not_needed_is_not_kept(self, desk):
        id = desk.offer(desk.pipeline(), desk.buyer(**self.proof()))
        assert desk.assign(id, override_reason="to be sure")["override_reason"] is None


class TestClose:
    def test_it_closes_both_in_two_round_trips(self, desk, round_trips):
        pipeline = desk.pipeline()
        id, other = desk.offer(pipeline), desk.offer(pipeline)
        desk.assign(id)
        desk.money(id, "received", "cleared")
        closed = desk.close(id, closed_on="2026-11-23")
        assert round_trips() == 2
        assert (closed["status"], closed["closed_on"], closed["earnest_money"]["status"]) == ("closed", "2026-11-23", "applied")
        assert desk.read(id) == closed
        assert desk.read(pipeline)["stage"] == "closed"
        lapsed = desk.read(other)
        assert (lapsed["status"], lapsed["fallout_reason"], lapsed["fell_out_on"]) == ("fallout", "other_buyer_closed", "2026-11-24")
        for move, body in [("assign", {}), ("close", {}), ("fallout", {"reason": "seller"})]:
            problem = desk.refused(409, "POST", MOVES.format(other, move), body)
            assert problem["type"] == "/problems/invalid-transition"
        for move, body in [("assign", {}), ("fallout", {"reason": "title", "earnest_money_outcome": "refunded"})]:
            assert desk.refused(409, "POST", MOVES.format(id, move), body)["allowed"] == []

    def test_a_replay(self, desk):
        id = desk.offer(desk.pipeline())
        desk.assign(id)
        key = {"Idempotency-Key": "c"}
        first = desk.call("POST", MOVES.format(id, "close"), {}, headers=key)
        again = desk.call("POST", MOVES.format(id, "close"), {}, headers=key)
        assert (again.status, again.json()) == (200, first.json())

    def test_what_it_needs(self, desk):
        unpriced = desk.offer(desk.pipeline(), assignment_price=None)
        assert desk.refused(409, "POST", MOVES.format(unpriced, "close"), {})["type"] == "/problems/invalid-transition"
        desk.assign(unpriced)
        assert code(desk.refused(409, "POST", MOVES.format(unpriced, "close"), {})) == "price_missing"
        priced = desk.patch(unpriced, assignment_price=130000)
        assert priced["fee_gross"] == 12000
        assert errors(desk.refused(422, "POST", MOVES.format(unpriced, "close"), {"closed_on": "2026-11-25"})) == ["closed_on"]
        assert desk.close(unpriced)["closed_on"] == "2026-11-24"

    def test_fees_of_a_double_close(self, desk):
        costs = {"closing_ab": 1850, "closing_bc": 2400, "points_pct": "1.5", "lender_fee": 495}
        costs = {name: Decimal(str(cost)) for name, cost in costs.items()}
        bare = desk.read(desk.offer(desk.pipeline(), kind="double_close"))
        assert (bare["fee_gross"], bare["fee_net"]) == (13000, None)
        assert bare["missing"] == ["closing_ab", "closing_bc", "points_pct", "lender_fee"]
        id = desk.offer(desk.pipeline(), kind="double_close", costs=costs)
        desk.assign(id)
        closed = desk.close(id)
        assert (closed["fee_gross"], closed["fee_net"], closed["missing"]) == (13000, 6485, [])
        of_pipeline = desk.read(desk.offer(desk.pipeline(exit_strategy="double_close", costs=costs)))
        assert (of_pipeline["kind"], of_pipeline["fee_net"]) == ("double_close", 6485)

    def test_a_partners_share(self, desk):
        id = desk.offer(desk.pipeline(), costs={"partner_split": 6500})
        assert desk.read(id)["fee_net"] == 6500
        assert desk.patch(id, costs={"earnest_money_lost": 500})["fee_net"] == 6000


class TestFallout:
    def test_from_assigned_it_goes_back_under_contract(self, desk, round_trips):
        pipeline = desk.pipeline()
        first, away, third = desk.offer(pipeline), desk.buyer("Gone"), desk.buyer("Next")
        idle, backup = desk.offer(pipeline, away), desk.offer(pipeline, third)
        desk.ok("PATCH", f"/dispo/buyers/{away}", {"is_active": False})
        desk.assign(first)
        fallen = desk.fall_out(first, "financing")
        assert round_trips() == 3  # one more than two, for the next in line is inactive
        assert fallen["next_backup"] == {"assignment_id": backup, "buyer_id": third, "rank": 3}
        assert (fallen["status"], fallen["fallout_reason"], fallen["fell_from"]) == ("fallout", "financing", "assigned")
        seen = desk.read(pipeline)
        assert (seen["stage"], seen["assignment_id"], seen["assignment_price"]) == ("under_contract", None, None)
        assert (seen["spread_basis"], seen["contract_price"]) == ("contract", 118000)
        assert desk.read(idle)["status"] == "offered"
        desk.assign(backup)
        assert desk.fall_out(backup)["next_backup"] is None

    def test_two_round_trips_and_a_replay_in_one(self, desk, round_trips):
        pipeline = desk.pipeline()
        id = desk.offer(pipeline)
        desk.offer(pipeline)
        desk.assign(id)
        body, key = {"reason": "seller", "earnest_money_outcome": "none"}, {"Idempotency-Key": "f"}
        first = desk.ok("POST", MOVES.format(id, "fallout"), body, headers=key)
        assert round_trips() == 2
        assert desk.ok("POST", MOVES.format(id, "fallout"), body, headers=key) == first
        assert round_trips() == 1

    def test_of_an_offer_the_pipeline_stays(self, desk, round_trips):
        pipeline = desk.pipeline()
        id = desk.offer(pipeline)
        revision = desk.read(pipeline)["revision"]
        fallen = desk.fall_out(id, "other", None, note="He moved abroad.")
        assert round_trips() == 2
        assert (fallen["status"], fallen["fell_from"], fallen["next_backup"]) == ("fallout", "offered", None)
        assert fallen["fallout_note"] == "He moved abroad."
        assert desk.read(pipeline)["revision"] == revision

    @pytest.mark.parametrize(
        ("assigned", "body", "field"),
        [
            (False, {"reason": "title"}, "reason"),
            (False, {"reason": "expired"}, "reason"),
            (False, {"reason": "other"}, "note"),
            (False, {"reason": "pipeline_dead"}, "reason"),
            (False, {}, "reason"),
            (True, {"reason": "title"}, "earnest_money_outcome"),
            (True, {"reason": "other", "earnest_money_outcome": "none"}, "note"),
            (True, {"reason": "title", "earnest_money_outcome": "eaten"}, "earnest_money_outcome"),
        ],
    )
    def test_wrong_ones(self, desk, assigned, body, field):
        id = desk.offer(desk.pipeline())
        if assigned:
            desk.assign(id)
        assert errors(desk.refused(422, "POST", MOVES.format(id, "fallout"), body)) == [field]

    @pytest.mark.parametrize("outcome", ["refunded", "forfeited", "disputed"])
    def test_what_became_of_money_that_was_never_received(self, desk, outcome):
        id = desk.offer(desk.pipeline())
        desk.assign(id)
        problem = desk.refused(409, "POST", MOVES.format(id, "fallout"), {"reason": "title", "earnest_money_outcome": outcome})
        assert (problem["from"], problem["to"], problem["allowed"]) == ("due", outcome, ["none"])

    @pytest.mark.parametrize("outcome", ["refunded", "forfeited", "disputed"])
    def test_what_became_of_money_that_was(self, desk, outcome):
        id = desk.offer(desk.pipeline(), earnest_money={"amount": 5000})
        desk.assign(id)
        desk.money(id, "received")
        problem = desk.refused(409, "POST", MOVES.format(id, "fallout"), {"reason": "title", "earnest_money_outcome": "none"})
        assert set(problem["allowed"]) == {"refunded", "forfeited", "disputed"}
        assert desk.fall_out(id, "title", outcome)["earnest_money"]["status"] == outcome


class TestEarnestMoney:
    def test_a_dispute_stops_the_next_one_until_it_is_settled(self, desk, client_as):
        pipeline = desk.pipeline()
        first, second = desk.offer(pipeline, earnest_money={"amount": 5000}), desk.offer(pipeline)
        desk.assign(first)
        desk.money(first, "received")
        desk.fall_out(first, "title", "disputed")
        assert code(desk.refused(409, "POST", MOVES.format(second, "assign"), {})) == "earnest_money_disputed"
        overridden = desk.assign(second, override_reason="Title company agrees.")
        assert overridden["override_reason"] == "Title company agrees."
        desk.fall_out(second)
        assert desk.money(first, "refunded")["earnest_money"]["status"] == "refunded"
        assert desk.assign(desk.offer(pipeline))["status"] == "assigned"

    def test_its_moves(self, desk, client_as):
        id = desk.offer(desk.pipeline(), earnest_money={"amount": 5000, "due_on": "2026-12-01"})
        assert desk.assign(id)["earnest_money"] == {"amount": 5000, "due_on": "2026-12-01", "status": "due"}
        for wrong in ("cleared", "applied", "refunded", "disputed"):
            problem = desk.refused(409, "PATCH", f"/dispo/assignments/{id}", {"earnest_money": {"status": wrong}})
            assert (problem["from"], problem["to"]) == ("due", wrong)
        assert desk.money(id, "received")["earnest_money"] == {"amount": 5000, "due_on": "2026-12-01", "status": "received"}
        back = {"earnest_money": {"status": "due"}}
        assert errors(desk.refused(422, "PATCH", f"/dispo/assignments/{id}", back)) == ["reason"]
        back["earnest_money"]["reason"] = "returned_unpaid"
        assert desk.ok("PATCH", f"/dispo/assignments/{id}", back)["earnest_money"]["status"] == "due"
        desk.money(id, "received", "cleared")
        desk.refused(409, "PATCH", f"/dispo/assignments/{id}", {"earnest_money": {"status": "forfeited"}})
        assert code(desk.refused(409, "PATCH", f"/dispo/assignments/{id}", {"earnest_money": None})) == "earnest_money_held"

    def test_who_works_the_pipeline_notes_that_it_came_and_no_more(self, desk, client_as):
        dealer = DispositionsClient(client_as("dealmaker"))
        id = dealer.offer(dealer.pipeline(), desk.buyer())
        dealer.assign(id)
        dealer.money(id, "received")
        dealer.expect_error(403, "PATCH", f"/dispo/assignments/{id}", {"earnest_money": {"status": "cleared"}})

    def test_money_that_came_with_an_offer_needs_its_end_too(self, desk):
        pipeline = desk.pipeline()
        held = {"amount": 5000, "status": "received"}
        first, second = desk.offer(pipeline, earnest_money=held), desk.offer(pipeline, earnest_money=held)
        path = MOVES.format(first, "fallout")
        assert errors(desk.refused(422, "POST", path, {"reason": "seller"})) == ["earnest_money_outcome"]
        assert desk.fall_out(first, "seller", "refunded")["earnest_money"]["status"] == "refunded"
        desk.stage(pipeline, "dead", reason="title")
        assert desk.read(second)["status"] == "fallout"
        desk.refused(409, "PATCH", f"/dispo/assignments/{second}", {"earnest_money": {"status": "applied"}})
        assert desk.money(second, "refunded")["earnest_money"]["status"] == "refunded"  # it lapsed with the money in hand
        body = {"pipeline_id": desk.pipeline(), "buyer_id": desk.buyer(), "earnest_money": {"status": "cleared"}}
        assert desk.refused(409, "POST", "/dispo/assignments", body)["type"] == "/problems/invalid-transition"

    def test_each_move_tells_who_looks_after_the_pipeline(self, desk, client_as):
        pipeline = desk.pipeline()
        id = desk.offer(pipeline, earnest_money={"amount": 5000})
        desk.assign(id)
        desk.money(id, "received", "cleared")
        desk.patch(id, notes="x")
        desk.close(id)
        told = [one for one in desk.ok("GET", "/events")["items"] if one["kind"] == "dispositions.earnest_money"]
        assert {one["title"] for one in told} == {
            f"Earnest money is {status}: 1201 Pine Street, Seattle" for status in ("received", "cleared", "applied")
        }
        assert {(one["subject_type"], one["subject_id"], one["for_user"]) for one in told} == {("assignment", id, "user_operator")}


class TestChanges:
    def test_what_a_patch_may_not_name(self, desk):
        id = desk.offer(desk.pipeline())
        for name in ("status", "buyer_id", "pipeline_id", "fee_net", "currency"):
            assert errors(desk.refused(422, "PATCH", f"/dispo/assignments/{id}", {name: "x"})) == [name]
        assert desk.refused(422, "PATCH", f"/dispo/assignments/{id}", {})["type"] == "/problems/validation"
        for name in ("rank", "kind"):
            assert errors(desk.refused(422, "PATCH", f"/dispo/assignments/{id}", {name: None})) == [name]

    def test_an_offers_terms_change_freely(self, desk, round_trips):
        id = desk.offer(desk.pipeline())
        assert desk.patch(id, assignment_fee=10000)["assignment_price"] == 128000
        assert round_trips() == 2
        assert desk.patch(id, assignment_price=None)["assignment_fee"] is None
        assert errors(desk.refused(422, "PATCH", f"/dispo/assignments/{id}", {"assignment_price": 1})) == ["assignment_price"]
        assert desk.patch(id, expires_at="2026-12-01T00:00:00Z", notes="n")["expires_at"] == "2026-12-01T00:00:00.000Z"
        assert desk.patch(id, expires_at=None)["expires_at"] is None

    def test_a_retrade_says_so_and_the_pipeline_follows(self, desk):
        pipeline = desk.pipeline()
        id = desk.offer(pipeline)
        desk.assign(id)
        assert errors(desk.refused(422, "PATCH", f"/dispo/assignments/{id}", {"assignment_price": 125000})) == ["reason"]
        revised = desk.patch(id, assignment_price=125000, reason="retrade")
        assert (revised["assignment_fee"], revised["fee_net"]) == (7000, 7000)
        seen = desk.read(pipeline)
        assert (seen["assignment_price"], seen["expected_spread"], seen["spread_basis"]) == (125000, 7000, "assignment")
        alone = desk.refused(422, "PATCH", f"/dispo/assignments/{id}", {"reason": "retrade"})
        assert errors(alone) == ["reason"]
        problem = desk.refused(422, "PATCH", f"/dispo/assignments/{id}", {"assignment_price": 117999, "reason": "retrade"})
        assert errors(problem) == ["assignment_price"]

    def test_of_what_is_over_only_notes(self, desk):
        pipeline = desk.pipeline()
        closed = desk.offer(pipeline)
        desk.assign(closed)
        desk.close(closed)
        fallen = desk.offer(desk.pipeline())
        desk.fall_out(fallen, "seller", None)
        for id in (closed, fallen):
            for change in (
                {"assignment_price": 140000, "reason": "retrade"},
                {"rank": 7},
                {"costs": {"partner_split": 1}},
                {"kind": "novation"},
                {"expires_at": "2026-12-01T00:00:00Z"},
                {"earnest_money": {"amount": 1}},
            ):
                desk.refused(409, "PATCH", f"/dispo/assignments/{id}", change)
            assert desk.patch(id, notes="Nice people.")["notes"] == "Nice people."

    def test_if_match(self, desk):
        id = desk.offer(desk.pipeline())
        answer = desk.call("PATCH", f"/dispo/assignments/{id}", {"notes": "a"}, headers={"If-Match": '"1"'})
        assert answer.status == 200
        desk.refused(412, "PATCH", f"/dispo/assignments/{id}", {"notes": "b"}, headers={"If-Match": '"1"'})
        same = desk.ok("PATCH", f"/dispo/assignments/{id}", {"notes": "a"})
        assert same["revision"] == 2  # what changes nothing writes nothing

    def test_unknown_ones(self, desk):
        for id in ("asgn_1", "asgn_w01KB0Q5E8G7Z3V9X2M4N6P8R0T01KB0Q5E8G7Z3V9X2M4N6P8R0T"):
            desk.refused(404, "GET", f"/dispo/assignments/{id}")
            desk.refused(404, "POST", MOVES.format(id, "assign"), {})
        desk.refused(404, "GET", "/dispo/assignments/by-pipeline/pipe_01KB0Q5E8G7Z3V9X2M4N6P8R0T")


class TestLapse:
    """Offers end with their contract, at once for every reader."""

    @pytest.mark.parametrize(
        ("move", "reason"),
        [
            ({"stage": "offer_made", "note": "They want more."}, "contract_lost"),
            ({"stage": "dead", "reason": "title"}, "pipeline_dead"),
        ],
    )
    def test_with_the_contract(self, desk, move, reason, round_trips):
        pipeline, buyer = desk.pipeline(), desk.buyer()
        id = desk.offer(pipeline, buyer)
        desk.stage(pipeline, **move)
        shown = desk.read(id)
        assert (shown["status"], shown["fallout_reason"], shown["fell_from"]) == ("fallout", reason, "offered")
        assert round_trips() == 1
        for list_ in (f"/dispo/assignments/by-pipeline/{pipeline}", f"/dispo/buyers/{buyer}/assignments"):
            (item,) = desk.ok("GET", list_)["items"]
            assert (item["status"], item["fallout_reason"]) == ("fallout", reason)
        assert desk.refused(409, "POST", MOVES.format(id, "assign"), {})["from"] == "fallout"

    def test_a_new_contract_doesnt_bring_them_back(self, desk):
        pipeline, buyer = desk.pipeline(), desk.buyer()
        old = desk.offer(pipeline, buyer)
        desk.stage(pipeline, "offer_made", note="They want more.")
        desk.stage(pipeline, "under_contract", price=119000)
        assert desk.read(old)["fallout_reason"] == "contract_lost"
        again = desk.offer(pipeline, buyer)
        assert desk.read(again)["rank"] == 1
        assert desk.assign(again)["assignment_fee"] == 12000
        assert desk.fall_out(again)["next_backup"] is None


class TestLists:
    def test_of_a_pipeline_newest_first_by_pages(self, desk, clock):
        pipeline = desk.pipeline()
        made = []
        for _ in range(5):
            made.append(desk.offer(pipeline))
            clock.now += timedelta(seconds=1)
        desk.assign(made[0])
        path, query, found = f"/dispo/assignments/by-pipeline/{pipeline}", {"limit": "2"}, []
        while True:
            page = desk.ok("GET", path, query=query)
            found += page["items"]
            if page["next_cursor"] is None:
                break
            query["cursor"] = page["next_cursor"]
        assert [one["id"] for one in found] == made[::-1]
        assert [one["status"] for one in found] == ["offered"] * 4 + ["assigned"]
        assert found[-1]["assignment_price"] == 131000

    def test_a_pipeline_with_live_ones_stays(self, desk):
        pipeline = desk.pipeline()
        id = desk.offer(pipeline)
        assert code(desk.refused(409, "DELETE", f"/wholesale/{pipeline}")) == "referred_to"
        desk.fall_out(id, "seller", None)
        desk.ok("DELETE", f"/wholesale/{pipeline}")
        desk.refused(404, "GET", f"/dispo/assignments/{id}")
