"""Assignments: offering, assigning, closing, falling out, and everything that is refused on the way."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from chalicelib.foundation.access import user_key
from chalicelib.packs.dispositions import schedules
from chalicelib.packs.dispositions.service import offers
from chalicelib.packs.dispositions.settings import DispositionsSettings
from tests.openapi_contract import system_contract
from tests.packs.dispositions.dispositions_client import DispositionsClient

MOVES = "/dispo/assignments/{}/{}"
SOON = "2026-11-25T12:00:00Z"  # within a day


def require_proof(runtime: Any, *, required: bool = True) -> None:
    object.__setattr__(runtime.settings, "of_packs", (DispositionsSettings(require_pof=required),))


def code(problem: Any) -> Any:
    return problem.get("code")


def errors(problem: Any) -> list[str]:
    return [".".join(one["loc"]) for one in problem["errors"]]


class TestFees:
    def test_they_explain_themselves(self, dispositions):
        costs = {"closing_ab": 1850, "closing_bc": 2400, "points_pct": 1.5}
        id = dispositions.offer(dispositions.pipeline(), kind="double_close", costs=costs)
        assert "explain" not in dispositions.read(id)
        found = dispositions.ok("GET", f"/dispo/assignments/{id}", query={"explain": "true"})
        prices = {"assignment_price": 131000, "contract_price": 118000, "currency": "USD"}
        gross, net = found["explain"]["fee_gross"], found["explain"]["fee_net"]
        assert (gross["inputs"], gross["formula"], gross["missing"]) == (prices, {"id": "dispositions.fee_gross", "version": 1}, [])
        assert net["inputs"] == {**prices, **costs, "lender_fee": None}
        assert (net["formula"]["id"], net["missing"], net["as_of"]) == ("dispositions.fee_net.double_close", ["lender_fee"], gross["as_of"])
        assert found["missing"] == net["missing"]

    def test_what_an_assignment_was_not_charged_is_nought(self, dispositions):
        id = dispositions.offer(dispositions.pipeline(), assignment_price=None, costs={"partner_split": 3000})
        found = dispositions.ok("GET", f"/dispo/assignments/{id}", query={"explain": "true"})["explain"]["fee_net"]
        terms = {"partner_split": 3000, "earnest_money_lost": 0}
        assert found["inputs"] == {"assignment_price": None, "contract_price": 118000, "currency": "USD", **terms}
        assert found["missing"] == ["assignment_price"]

    def test_a_move_of_another_revision_than_was_seen_is_refused_and_documented(self, dispositions):
        id = dispositions.offer(dispositions.pipeline())
        paths = system_contract().document["paths"]
        for verb in ("assign", "close", "fallout"):
            assert "412" in paths[f"/dispo/assignments/{{id}}/{verb}"]["post"]["responses"]
        dispositions.expect_error(412, "POST", MOVES.format(id, "assign"), {}, headers={"If-Match": '"9"'})


class TestOffers:
    def test_price_and_fee_follow_from_each_other(self, dispositions, round_trips):
        pipeline = dispositions.pipeline()
        body = {"pipeline_id": pipeline, "buyer_id": dispositions.buyer(), "assignment_price": 131000}
        answer = dispositions.call("POST", "/dispo/assignments", body)
        assert round_trips() == 2
        assert answer.status == 201
        made = answer.json()
        assert answer.headers["location"].endswith(f"/dispo/assignments/{made['id']}")
        assert (made["assignment_fee"], made["fee_gross"], made["fee_net"], made["missing"]) == (13000, 13000, 13000, [])
        assert (made["status"], made["rank"], made["currency"], made["kind"], made["revision"]) == ("offered", 1, "USD", "assignment", 1)
        by_fee = dispositions.read(dispositions.offer(pipeline, assignment_price=None, assignment_fee=13000))
        assert (by_fee["assignment_price"], by_fee["assignment_fee"], by_fee["rank"]) == (131000, 13000, 2)
        at_cost = dispositions.read(dispositions.offer(pipeline, assignment_price=118000))
        assert at_cost["assignment_fee"] == 0
        unpriced = dispositions.read(dispositions.offer(pipeline, assignment_price=None))
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
    def test_wrong_ones(self, dispositions, body, field):
        given = {"pipeline_id": dispositions.pipeline(), "buyer_id": dispositions.buyer(), "assignment_price": 131000, **body}
        assert errors(dispositions.expect_error(422, "POST", "/dispo/assignments", given)) == [field]

    def test_who_and_what_must_be_there(self, dispositions):
        pipeline, buyer = dispositions.pipeline(), dispositions.buyer()
        for wrong in ({"pipeline_id": "pipe_01KB0Q5E8G7Z3V9X2M4N6P8R0T"}, {"pipeline_id": "x"}, {"buyer_id": "7"}):
            dispositions.expect_error(404, "POST", "/dispo/assignments", {"pipeline_id": pipeline, "buyer_id": buyer, **wrong})
        unknown = dispositions.expect_error(
            404, "POST", "/dispo/assignments", {"pipeline_id": pipeline, "buyer_id": "buyer_01KB0Q5E8G7Z3V9X2M4N6P8R0T"}
        )
        assert "buyer" in unknown["detail"]
        dispositions.ok("DELETE", f"/dispo/buyers/{buyer}")
        dispositions.expect_error(404, "POST", "/dispo/assignments", {"pipeline_id": pipeline, "buyer_id": buyer})

    @pytest.mark.parametrize(("change", "why"), [({"is_active": False}, "buyer_inactive"), ({"do_not_contact": True}, "do_not_contact")])
    def test_not_to_whom_it_may_not_go(self, dispositions, change, why):
        body = {"pipeline_id": dispositions.pipeline(), "buyer_id": dispositions.buyer(**change)}
        assert code(dispositions.expect_error(409, "POST", "/dispo/assignments", body)) == why

    @pytest.mark.parametrize("stage", ["lead", "offer_made"])
    def test_a_house_not_under_contract_is_not_offered(self, dispositions, stage):
        pipeline = dispositions.pipeline(stage=stage, offer_price=100000)
        body = {"pipeline_id": pipeline, "buyer_id": dispositions.buyer()}
        assert code(dispositions.expect_error(409, "POST", "/dispo/assignments", body)) == "not_under_contract"

    def test_unless_the_firm_only_warns(self, dispositions, runtime):
        object.__setattr__(runtime.settings, "of_packs", (DispositionsSettings(offer_before_contract="warn"),))
        made = dispositions.read(
            dispositions.offer(dispositions.pipeline(stage="lead", contract_price=None), assignment_price=None, assignment_fee=9000)
        )
        assert (made["warnings"], made["assignment_fee"], made["assignment_price"]) == (["offer_before_contract"], 9000, None)

    def test_of_an_assigned_one_only_backups(self, dispositions):
        pipeline = dispositions.pipeline()
        dispositions.assign(dispositions.offer(pipeline))
        assert dispositions.read(dispositions.offer(pipeline))["rank"] == 2
        body = {"pipeline_id": pipeline, "buyer_id": dispositions.buyer(), "rank": 1}
        assert code(dispositions.expect_error(409, "POST", "/dispo/assignments", body)) == "not_under_contract"

    def test_one_live_one_a_buyer_and_pipeline(self, dispositions):
        pipeline, buyer = dispositions.pipeline(), dispositions.buyer()
        first = dispositions.offer(pipeline, buyer)
        body = {"pipeline_id": pipeline, "buyer_id": buyer}
        assert code(dispositions.expect_error(409, "POST", "/dispo/assignments", body)) == "live_offer"
        dispositions.fall_out(first, "seller", None)
        dispositions.offer(pipeline, buyer)
        dispositions.offer(dispositions.pipeline(), buyer)

    def test_ranks_are_single(self, dispositions):
        pipeline = dispositions.pipeline()
        third = dispositions.offer(pipeline, rank=3)
        taken = dispositions.expect_error(
            409, "POST", "/dispo/assignments", {"pipeline_id": pipeline, "buyer_id": dispositions.buyer(), "rank": 3}
        )
        assert (code(taken), taken["assignment_id"]) == ("rank_taken", third)
        assert dispositions.read(dispositions.offer(pipeline))["rank"] == 4
        first = dispositions.offer(pipeline, rank=1)
        assert code(dispositions.expect_error(409, "PATCH", f"/dispo/assignments/{first}", {"rank": 4})) == "rank_taken"
        assert dispositions.patch(first, rank=2)["rank"] == 2
        assert dispositions.read(dispositions.offer(pipeline, rank=1))["rank"] == 1

    def test_there_is_an_end_to_them(self, dispositions, monkeypatch):
        monkeypatch.setattr(offers, "MAX_LIVE_OFFERS", 2)
        pipeline = dispositions.pipeline()
        first, _ = dispositions.offer(pipeline), dispositions.offer(pipeline)
        body = {"pipeline_id": pipeline, "buyer_id": dispositions.buyer()}
        assert code(dispositions.expect_error(409, "POST", "/dispo/assignments", body)) == "too_many_offers"
        dispositions.fall_out(first, "seller", None)
        dispositions.ok("POST", "/dispo/assignments", body)

    def test_a_replay_answers_the_first_answer(self, dispositions):
        body = {"pipeline_id": dispositions.pipeline(), "buyer_id": dispositions.buyer(), "assignment_price": 131000}
        key = {"Idempotency-Key": "once"}
        first = dispositions.call("POST", "/dispo/assignments", body, headers=key)
        again = dispositions.call("POST", "/dispo/assignments", body, headers=key)
        assert (first.status, again.status, again.json()) == (201, 201, first.json())
        assert again.headers["idempotent-replayed"] == "true"
        other = dispositions.expect_error(422, "POST", "/dispo/assignments", {**body, "rank": 9}, headers=key)
        assert other["type"] == "/problems/idempotency-mismatch"

    def test_only_ones_own_or_nobodys_pipeline(self, dispositions, client_as):
        dealer, other = (
            DispositionsClient(client_as("dealmaker", user="user_dee")),
            DispositionsClient(client_as("dealmaker", user="user_dan")),
        )
        mine, nobodys, buyer = dealer.pipeline(), dispositions.pipeline(owner=None), dispositions.buyer()
        nobodys = dispositions.ok("PATCH", f"/wholesale/{nobodys}", {"owner": None})["id"]
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
        assert dispositions.close(offer)["status"] == "closed"


class TestAssign:
    def test_it_moves_both_in_two_round_trips(self, dispositions, round_trips):
        pipeline = dispositions.pipeline(contract_effective_on="2026-11-20")
        id = dispositions.offer(pipeline)
        made = dispositions.assign(id)
        assert round_trips() == 2
        assert (made["status"], made["assigned_on"], made["assigned_by"], made["fee_gross"]) == (
            "assigned", "2026-11-24", "user_operator", 13000,
        )  # fmt: skip
        assert made["earnest_money"] == {"status": "due", "due_on": "2026-11-27"}
        assert made["warnings"] == ["pof_missing"]
        assert dispositions.read(id) == made
        seen = dispositions.read(pipeline)
        assert (seen["stage"], seen["assignment_id"], seen["assignment_price"]) == ("assigned", id, 131000)
        assert (seen["expected_spread"], seen["spread_basis"]) == (13000, "assignment")

    def test_a_replay_is_no_second_one(self, dispositions, round_trips):
        id = dispositions.offer(dispositions.pipeline())
        key = {"Idempotency-Key": "a"}
        first = dispositions.call("POST", MOVES.format(id, "assign"), {}, headers=key)
        again = dispositions.call("POST", MOVES.format(id, "assign"), {}, headers=key)
        assert (again.status, again.json(), again.headers["idempotent-replayed"]) == (200, first.json(), "true")
        assert round_trips() == 1
        refused = dispositions.expect_error(409, "POST", MOVES.format(id, "assign"), {})
        assert (refused["type"], refused["allowed"]) == ("/problems/invalid-transition", ["closed", "fallout"])

    def test_the_second_buyer_is_told_who_was_first(self, dispositions):
        pipeline = dispositions.pipeline()
        first, second = dispositions.offer(pipeline), dispositions.offer(pipeline)
        dispositions.assign(first)
        refused = dispositions.expect_error(409, "POST", MOVES.format(second, "assign"), {})
        assert (code(refused), refused["assignment_id"]) == ("already_taken", first)

    def test_out_of_rank_warns(self, dispositions, round_trips):
        pipeline, early = dispositions.pipeline(), dispositions.buyer()
        dispositions.offer(pipeline, early)
        second = dispositions.offer(pipeline)
        assert dispositions.assign(second)["warnings"] == ["pof_missing", "out_of_rank"]
        dispositions.fall_out(second)
        dispositions.ok("PATCH", f"/dispo/buyers/{early}", {"is_active": False})
        assert dispositions.assign(dispositions.offer(pipeline))["warnings"] == ["pof_missing"]

    def test_the_buyer_must_be_active_now(self, dispositions, round_trips):
        buyer = dispositions.buyer()
        id = dispositions.offer(dispositions.pipeline(), buyer)
        dispositions.ok("PATCH", f"/dispo/buyers/{buyer}", {"is_active": False})
        assert code(dispositions.expect_error(409, "POST", MOVES.format(id, "assign"), {})) == "buyer_inactive"
        dispositions.ok("PATCH", f"/dispo/buyers/{buyer}", {"is_active": True})
        assert dispositions.assign(id)["status"] == "assigned"

    def test_not_after_it_has_expired(self, dispositions, clock):
        id = dispositions.offer(dispositions.pipeline(), expires_at="2026-11-25T18:00:00Z")
        clock.now += timedelta(days=1, milliseconds=1)
        assert code(dispositions.expect_error(409, "POST", MOVES.format(id, "assign"), {})) == "offer_expired"

    def test_not_below_a_contract_price_that_rose(self, dispositions):
        pipeline = dispositions.pipeline()
        id = dispositions.offer(pipeline)
        dispositions.ok("PATCH", f"/wholesale/{pipeline}", {"contract_price": 131001})
        assert code(dispositions.expect_error(409, "POST", MOVES.format(id, "assign"), {})) == "below_contract"
        dispositions.ok("PATCH", f"/wholesale/{pipeline}", {"contract_price": 120000})
        assert dispositions.read(id)["assignment_fee"] == 11000
        assert dispositions.assign(id)["assignment_fee"] == 11000
        dispositions.ok("PATCH", f"/wholesale/{pipeline}", {"contract_price": 118000})
        assert dispositions.read(id)["assignment_fee"] == 11000  # it froze with the assignment

    def test_nor_in_another_currency_than_it_was_offered_in(self, dispositions):
        pipeline = dispositions.pipeline()
        id = dispositions.offer(pipeline)
        dispositions.ok("PATCH", f"/wholesale/{pipeline}", {"currency": "CAD"})
        assert (dispositions.read(id)["assignment_fee"], dispositions.read(id)["fee_gross"]) == (
            13000,
            None,
        )  # dollars less dollars of another sort
        dispositions.patch(id, assignment_price=100000)
        assert (dispositions.read(id)["assignment_price"], dispositions.read(id)["assignment_fee"]) == (100000, None)
        assert code(dispositions.expect_error(409, "POST", MOVES.format(id, "assign"), {})) == "currency_changed"

    def test_an_open_fee_becomes_a_price(self, dispositions, runtime):
        object.__setattr__(runtime.settings, "of_packs", (DispositionsSettings(offer_before_contract="warn"),))
        pipeline = dispositions.pipeline(stage="lead", contract_price=None, offer_price=110000)
        id = dispositions.offer(pipeline, assignment_price=None, assignment_fee=9000)
        assert code(dispositions.expect_error(409, "POST", MOVES.format(id, "assign"), {})) == "not_under_contract"
        dispositions.stage(pipeline, "offer_made")
        dispositions.stage(pipeline, "under_contract", price=118000)
        assert dispositions.assign(id)["assignment_price"] == 127000


class TestProofOfFunds:
    def proof(self, amount: int = 131000, **more: Any) -> dict[str, Any]:
        return {"proof_of_funds": {"amount": amount, "issued_on": "2026-11-01", **more}}

    def assigned(self, dispositions: DispositionsClient, pipeline: str | None = None, **proof: Any) -> Any:
        return dispositions.call(
            "POST", MOVES.format(dispositions.offer(pipeline or dispositions.pipeline(), dispositions.buyer(**proof)), "assign"), {}
        )

    def test_a_good_one(self, dispositions):
        answer = self.assigned(dispositions, **self.proof())
        assert (answer.status, answer.json()["warnings"]) == (200, [])

    def test_one_that_is_too_small(self, dispositions):
        answer = self.assigned(dispositions, **self.proof(125000))
        assert (answer.status, code(answer.json()), answer.json()["short"]) == (409, "pof_insufficient", 6000)

    def test_one_that_has_expired(self, dispositions, clock):
        pipeline, buyer = dispositions.pipeline(), dispositions.buyer(**self.proof(expires_on="2026-11-24"))
        id = dispositions.offer(pipeline, buyer)
        clock.now += timedelta(days=1)
        problem = dispositions.expect_error(409, "POST", MOVES.format(id, "assign"), {})
        assert code(problem) == "pof_expired"
        assert "short" not in problem
        dispositions.ok("PATCH", f"/dispo/buyers/{buyer}", {"proof_of_funds": {"issued_on": "2026-11-25"}})
        assert dispositions.assign(id)["status"] == "assigned"  # what was seen of the old one doesn't stand in the way

    def test_one_that_was_mended_too_late_in_the_other_direction(self, dispositions):
        buyer = dispositions.buyer(**self.proof())
        id = dispositions.offer(dispositions.pipeline(), buyer)
        dispositions.ok("PATCH", f"/dispo/buyers/{buyer}", {"proof_of_funds": {"amount": 1}})
        assert code(dispositions.expect_error(409, "POST", MOVES.format(id, "assign"), {})) == "pof_insufficient"

    def test_none_where_one_is_required(self, dispositions, runtime):
        require_proof(runtime)
        answer = self.assigned(dispositions)
        assert (answer.status, code(answer.json())) == (409, "pof_missing")

    def test_an_override_is_for_those_who_may_and_dont_own_it(self, dispositions, client_as):
        dealer = DispositionsClient(client_as("dealmaker", user="user_dee"))
        boss, owner = DispositionsClient(client_as("admin", user="user_boss")), DispositionsClient(client_as("admin", user="user_owner"))
        buyer = dispositions.buyer(**self.proof(1))
        dealt, owned = dealer.offer(dealer.pipeline(), buyer), owner.offer(owner.pipeline(), buyer)
        override = {"override_reason": "His bank called."}
        dealer.expect_error(403, "POST", MOVES.format(dealt, "assign"), override)
        owner.expect_error(403, "POST", MOVES.format(owned, "assign"), override)
        assert boss.assign(dealt, **override)["override_reason"] == "His bank called."
        assert boss.assign(owned, **override)["status"] == "assigned"
        errors(boss.expect_error(422, "POST", MOVES.format(dealt, "assign"), {"override_reason": ""}))

    def test_an_override_that_is_not_needed_is_not_kept(self, dispositions):
        id = dispositions.offer(dispositions.pipeline(), dispositions.buyer(**self.proof()))
        assert dispositions.assign(id, override_reason="to be sure")["override_reason"] is None


class TestClose:
    def test_it_closes_both_in_two_round_trips(self, dispositions, round_trips):
        pipeline = dispositions.pipeline()
        id, other = dispositions.offer(pipeline), dispositions.offer(pipeline)
        dispositions.assign(id)
        dispositions.money(id, "received", "cleared")
        closed = dispositions.close(id, closed_on="2026-11-23")
        assert round_trips() == 2
        assert (closed["status"], closed["closed_on"], closed["earnest_money"]["status"]) == ("closed", "2026-11-23", "applied")
        assert dispositions.read(id) == closed
        assert dispositions.read(pipeline)["stage"] == "closed"
        lapsed = dispositions.read(other)
        assert (lapsed["status"], lapsed["fallout_reason"], lapsed["fell_out_on"]) == ("fallout", "other_buyer_closed", "2026-11-24")
        for move, body in [("assign", {}), ("close", {}), ("fallout", {"reason": "seller"})]:
            problem = dispositions.expect_error(409, "POST", MOVES.format(other, move), body)
            assert problem["type"] == "/problems/invalid-transition"
        for move, body in [("assign", {}), ("fallout", {"reason": "title", "earnest_money_outcome": "refunded"})]:
            assert dispositions.expect_error(409, "POST", MOVES.format(id, move), body)["allowed"] == []

    def test_a_replay(self, dispositions):
        id = dispositions.offer(dispositions.pipeline())
        dispositions.assign(id)
        key = {"Idempotency-Key": "c"}
        first = dispositions.call("POST", MOVES.format(id, "close"), {}, headers=key)
        again = dispositions.call("POST", MOVES.format(id, "close"), {}, headers=key)
        assert (again.status, again.json()) == (200, first.json())

    def test_what_it_needs(self, dispositions):
        unpriced = dispositions.offer(dispositions.pipeline(), assignment_price=None)
        assert dispositions.expect_error(409, "POST", MOVES.format(unpriced, "close"), {})["type"] == "/problems/invalid-transition"
        dispositions.assign(unpriced)
        assert code(dispositions.expect_error(409, "POST", MOVES.format(unpriced, "close"), {})) == "price_missing"
        priced = dispositions.patch(unpriced, assignment_price=130000)
        assert priced["fee_gross"] == 12000
        assert errors(dispositions.expect_error(422, "POST", MOVES.format(unpriced, "close"), {"closed_on": "2026-11-25"})) == ["closed_on"]
        assert dispositions.close(unpriced)["closed_on"] == "2026-11-24"

    def test_fees_of_a_double_close(self, dispositions):
        costs = {"closing_ab": 1850, "closing_bc": 2400, "points_pct": "1.5", "lender_fee": 495}
        costs = {name: Decimal(str(cost)) for name, cost in costs.items()}
        bare = dispositions.read(dispositions.offer(dispositions.pipeline(), kind="double_close"))
        assert (bare["fee_gross"], bare["fee_net"]) == (13000, None)
        assert bare["missing"] == ["closing_ab", "closing_bc", "points_pct", "lender_fee"]
        id = dispositions.offer(dispositions.pipeline(), kind="double_close", costs=costs)
        dispositions.assign(id)
        closed = dispositions.close(id)
        assert (closed["fee_gross"], closed["fee_net"], closed["missing"]) == (13000, 6485, [])
        of_pipeline = dispositions.read(dispositions.offer(dispositions.pipeline(exit_strategy="double_close", costs=costs)))
        assert (of_pipeline["kind"], of_pipeline["fee_net"]) == ("double_close", 6485)

    def test_a_partners_share(self, dispositions):
        id = dispositions.offer(dispositions.pipeline(), costs={"partner_split": 6500})
        assert dispositions.read(id)["fee_net"] == 6500
        assert dispositions.patch(id, costs={"earnest_money_lost": 500})["fee_net"] == 6000


class TestFallout:
    def test_from_assigned_it_goes_back_under_contract(self, dispositions, round_trips):
        pipeline = dispositions.pipeline()
        first, away, third = dispositions.offer(pipeline), dispositions.buyer("Gone"), dispositions.buyer("Next")
        idle, backup = dispositions.offer(pipeline, away), dispositions.offer(pipeline, third)
        dispositions.ok("PATCH", f"/dispo/buyers/{away}", {"is_active": False})
        dispositions.assign(first)
        fallen = dispositions.fall_out(first, "financing")
        assert round_trips() == 3  # one more than two, for the next in line is inactive
        assert fallen["next_backup"] == {"assignment_id": backup, "buyer_id": third, "rank": 3}
        assert (fallen["status"], fallen["fallout_reason"], fallen["fell_from"]) == ("fallout", "financing", "assigned")
        seen = dispositions.read(pipeline)
        assert (seen["stage"], seen["assignment_id"], seen["assignment_price"]) == ("under_contract", None, None)
        assert (seen["spread_basis"], seen["contract_price"]) == ("contract", 118000)
        assert dispositions.read(idle)["status"] == "offered"
        dispositions.assign(backup)
        assert dispositions.fall_out(backup)["next_backup"] is None

    def test_two_round_trips_and_a_replay_in_one(self, dispositions, round_trips):
        pipeline = dispositions.pipeline()
        id = dispositions.offer(pipeline)
        dispositions.offer(pipeline)
        dispositions.assign(id)
        body, key = {"reason": "seller", "earnest_money_outcome": "none"}, {"Idempotency-Key": "f"}
        first = dispositions.ok("POST", MOVES.format(id, "fallout"), body, headers=key)
        assert round_trips() == 2
        assert dispositions.ok("POST", MOVES.format(id, "fallout"), body, headers=key) == first
        assert round_trips() == 1

    def test_of_an_offer_the_pipeline_stays(self, dispositions, round_trips):
        pipeline = dispositions.pipeline()
        id = dispositions.offer(pipeline)
        revision = dispositions.read(pipeline)["revision"]
        fallen = dispositions.fall_out(id, "other", None, note="He moved abroad.")
        assert round_trips() == 2
        assert (fallen["status"], fallen["fell_from"], fallen["next_backup"]) == ("fallout", "offered", None)
        assert fallen["fallout_note"] == "He moved abroad."
        assert dispositions.read(pipeline)["revision"] == revision

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
    def test_wrong_ones(self, dispositions, assigned, body, field):
        id = dispositions.offer(dispositions.pipeline())
        if assigned:
            dispositions.assign(id)
        assert errors(dispositions.expect_error(422, "POST", MOVES.format(id, "fallout"), body)) == [field]

    @pytest.mark.parametrize("outcome", ["refunded", "forfeited", "disputed"])
    def test_what_became_of_money_that_was_never_received(self, dispositions, outcome):
        id = dispositions.offer(dispositions.pipeline())
        dispositions.assign(id)
        problem = dispositions.expect_error(409, "POST", MOVES.format(id, "fallout"), {"reason": "title", "earnest_money_outcome": outcome})
        assert (problem["from"], problem["to"], problem["allowed"]) == ("due", outcome, ["none"])

    @pytest.mark.parametrize("outcome", ["refunded", "forfeited", "disputed"])
    def test_what_became_of_money_that_was(self, dispositions, outcome):
        id = dispositions.offer(dispositions.pipeline(), earnest_money={"amount": 5000})
        dispositions.assign(id)
        dispositions.money(id, "received")
        problem = dispositions.expect_error(409, "POST", MOVES.format(id, "fallout"), {"reason": "title", "earnest_money_outcome": "none"})
        assert set(problem["allowed"]) == {"refunded", "forfeited", "disputed"}
        assert dispositions.fall_out(id, "title", outcome)["earnest_money"]["status"] == outcome


class TestEarnestMoney:
    def test_a_dispute_stops_the_next_one_until_it_is_settled(self, dispositions, client_as):
        pipeline = dispositions.pipeline()
        first, second = dispositions.offer(pipeline, earnest_money={"amount": 5000}), dispositions.offer(pipeline)
        dispositions.assign(first)
        dispositions.money(first, "received")
        dispositions.fall_out(first, "title", "disputed")
        assert code(dispositions.expect_error(409, "POST", MOVES.format(second, "assign"), {})) == "earnest_money_disputed"
        overridden = dispositions.assign(second, override_reason="Title company agrees.")
        assert overridden["override_reason"] == "Title company agrees."
        dispositions.fall_out(second)
        assert dispositions.money(first, "refunded")["earnest_money"]["status"] == "refunded"
        assert dispositions.assign(dispositions.offer(pipeline))["status"] == "assigned"

    def test_its_moves(self, dispositions, client_as):
        id = dispositions.offer(dispositions.pipeline(), earnest_money={"amount": 5000, "due_on": "2026-12-01"})
        assert dispositions.assign(id)["earnest_money"] == {"amount": 5000, "due_on": "2026-12-01", "status": "due"}
        for wrong in ("cleared", "applied", "refunded", "disputed"):
            problem = dispositions.expect_error(409, "PATCH", f"/dispo/assignments/{id}", {"earnest_money": {"status": wrong}})
            assert (problem["from"], problem["to"]) == ("due", wrong)
        assert dispositions.money(id, "received")["earnest_money"] == {"amount": 5000, "due_on": "2026-12-01", "status": "received"}
        back = {"earnest_money": {"status": "due"}}
        assert errors(dispositions.expect_error(422, "PATCH", f"/dispo/assignments/{id}", back)) == ["reason"]
        back["earnest_money"]["reason"] = "returned_unpaid"
        assert dispositions.ok("PATCH", f"/dispo/assignments/{id}", back)["earnest_money"]["status"] == "due"
        dispositions.money(id, "received", "cleared")
        dispositions.expect_error(409, "PATCH", f"/dispo/assignments/{id}", {"earnest_money": {"status": "forfeited"}})
        assert code(dispositions.expect_error(409, "PATCH", f"/dispo/assignments/{id}", {"earnest_money": None})) == "earnest_money_held"

    def test_who_works_the_pipeline_notes_that_it_came_and_no_more(self, dispositions, client_as):
        dealer = DispositionsClient(client_as("dealmaker"))
        id = dealer.offer(dealer.pipeline(), dispositions.buyer())
        dealer.assign(id)
        dealer.money(id, "received")
        dealer.expect_error(403, "PATCH", f"/dispo/assignments/{id}", {"earnest_money": {"status": "cleared"}})

    def test_money_that_came_with_an_offer_needs_its_end_too(self, dispositions):
        pipeline = dispositions.pipeline()
        held = {"amount": 5000, "status": "received"}
        first, second = dispositions.offer(pipeline, earnest_money=held), dispositions.offer(pipeline, earnest_money=held)
        path = MOVES.format(first, "fallout")
        assert errors(dispositions.expect_error(422, "POST", path, {"reason": "seller"})) == ["earnest_money_outcome"]
        assert dispositions.fall_out(first, "seller", "refunded")["earnest_money"]["status"] == "refunded"
        dispositions.stage(pipeline, "dead", reason="title")
        assert dispositions.read(second)["status"] == "fallout"
        dispositions.expect_error(409, "PATCH", f"/dispo/assignments/{second}", {"earnest_money": {"status": "applied"}})
        assert dispositions.money(second, "refunded")["earnest_money"]["status"] == "refunded"  # it lapsed with the money in hand
        body = {"pipeline_id": dispositions.pipeline(), "buyer_id": dispositions.buyer(), "earnest_money": {"status": "cleared"}}
        assert dispositions.expect_error(409, "POST", "/dispo/assignments", body)["type"] == "/problems/invalid-transition"

    def test_each_move_tells_who_looks_after_the_pipeline(self, dispositions, client_as):
        pipeline = dispositions.pipeline()
        id = dispositions.offer(pipeline, earnest_money={"amount": 5000})
        dispositions.assign(id)
        dispositions.money(id, "received", "cleared")
        dispositions.patch(id, notes="x")
        dispositions.close(id)
        told = [one for one in dispositions.ok("GET", "/events")["items"] if one["kind"] == "dispositions.earnest_money"]
        assert {one["title"] for one in told} == {
            f"Earnest money is {status}: 1201 Pine Street, Seattle" for status in ("received", "cleared", "applied")
        }
        assert {(one["subject_type"], one["subject_id"], one["for_user"]) for one in told} == {("assignment", id, "user_operator")}

    def test_the_operators_hear_of_the_money_of_an_owner_who_has_left(self, client_as, context, dispositions):
        pipeline = DispositionsClient(client_as("dealmaker", user="user_left")).pipeline()
        id = dispositions.offer(pipeline, earnest_money={"amount": 5000})
        dispositions.assign(id)
        context().store.update(user_key("user_left"), set={"is_active": False})
        dispositions.money(id, "received")
        (told,) = [one for one in dispositions.ok("GET", "/events")["items"] if one["kind"] == "dispositions.earnest_money"]
        assert (told["subject_id"], told["for_user"], told["for_role"]) == (id, "user_left", "operator")


class TestChanges:
    def test_what_a_patch_may_not_name(self, dispositions):
        id = dispositions.offer(dispositions.pipeline())
        for name in ("status", "buyer_id", "pipeline_id", "fee_net", "currency"):
            assert errors(dispositions.expect_error(422, "PATCH", f"/dispo/assignments/{id}", {name: "x"})) == [name]
        assert dispositions.expect_error(422, "PATCH", f"/dispo/assignments/{id}", {})["type"] == "/problems/validation"
        for name in ("rank", "kind"):
            assert errors(dispositions.expect_error(422, "PATCH", f"/dispo/assignments/{id}", {name: None})) == [name]

    def test_an_offers_terms_change_freely(self, dispositions, round_trips):
        id = dispositions.offer(dispositions.pipeline())
        assert dispositions.patch(id, assignment_fee=10000)["assignment_price"] == 128000
        assert round_trips() == 2
        assert dispositions.patch(id, assignment_price=None)["assignment_fee"] is None
        assert errors(dispositions.expect_error(422, "PATCH", f"/dispo/assignments/{id}", {"assignment_price": 1})) == ["assignment_price"]
        assert dispositions.patch(id, expires_at="2026-12-01T00:00:00Z", notes="n")["expires_at"] == "2026-12-01T00:00:00.000Z"
        assert dispositions.patch(id, expires_at=None)["expires_at"] is None

    def test_a_retrade_says_so_and_the_pipeline_follows(self, dispositions):
        pipeline = dispositions.pipeline()
        id = dispositions.offer(pipeline)
        dispositions.assign(id)
        assert errors(dispositions.expect_error(422, "PATCH", f"/dispo/assignments/{id}", {"assignment_price": 125000})) == ["reason"]
        revised = dispositions.patch(id, assignment_price=125000, reason="retrade")
        assert (revised["assignment_fee"], revised["fee_net"]) == (7000, 7000)
        seen = dispositions.read(pipeline)
        assert (seen["assignment_price"], seen["expected_spread"], seen["spread_basis"]) == (125000, 7000, "assignment")
        alone = dispositions.expect_error(422, "PATCH", f"/dispo/assignments/{id}", {"reason": "retrade"})
        assert errors(alone) == ["reason"]
        problem = dispositions.expect_error(422, "PATCH", f"/dispo/assignments/{id}", {"assignment_price": 117999, "reason": "retrade"})
        assert errors(problem) == ["assignment_price"]

    @pytest.mark.parametrize("required", [False, True])
    def test_a_price_above_the_proof_of_funds(self, dispositions, runtime, required):
        proof = {"proof_of_funds": {"amount": 131000, "issued_on": "2026-11-20"}}
        buyer = dispositions.buyer(**proof)
        id = dispositions.offer(dispositions.pipeline(), buyer)
        assert dispositions.assign(id)["warnings"] == []
        require_proof(runtime, required=required)
        dearer = {"assignment_price": 140000, "reason": "retrade"}
        if required:
            problem = dispositions.expect_error(409, "PATCH", f"/dispo/assignments/{id}", dearer)
            assert (code(problem), problem["short"]) == ("pof_insufficient", 9000)
        else:
            assert dispositions.patch(id, **dearer)["warnings"] == ["pof_insufficient"]
            assert dispositions.patch(id, notes="n")["warnings"] == ["pof_insufficient"]
        dispositions.ok("PATCH", f"/dispo/buyers/{buyer}", {"proof_of_funds": {"amount": 150000}})  # which counts as it is now
        assert dispositions.patch(id, **{**dearer, "assignment_price": 145000})["warnings"] == []

    def test_a_first_price_of_an_assigned_one_is_covered_and_a_lower_one_may_be_short(self, dispositions, runtime):
        buyer = dispositions.buyer(proof_of_funds={"amount": 120000, "issued_on": "2026-11-20"})
        id = dispositions.offer(dispositions.pipeline(), buyer, assignment_price=None)
        dispositions.assign(id)
        require_proof(runtime)
        dispositions.expect_error(409, "PATCH", f"/dispo/assignments/{id}", {"assignment_price": 131000})
        require_proof(runtime, required=False)
        assert dispositions.patch(id, assignment_price=131000)["warnings"] == ["pof_insufficient"]
        require_proof(runtime)
        assert dispositions.patch(id, assignment_price=125000, reason="retrade")["warnings"] == ["pof_insufficient"]
        assert dispositions.patch(id, assignment_price=119000, reason="retrade")["warnings"] == []

    def test_of_what_is_over_only_notes(self, dispositions):
        pipeline = dispositions.pipeline()
        closed = dispositions.offer(pipeline)
        dispositions.assign(closed)
        dispositions.close(closed)
        fallen = dispositions.offer(dispositions.pipeline())
        dispositions.fall_out(fallen, "seller", None)
        for id in (closed, fallen):
            for change in (
                {"assignment_price": 140000, "reason": "retrade"},
                {"rank": 7},
                {"costs": {"partner_split": 1}},
                {"kind": "novation"},
                {"expires_at": "2026-12-01T00:00:00Z"},
                {"earnest_money": {"amount": 1}},
            ):
                dispositions.expect_error(409, "PATCH", f"/dispo/assignments/{id}", change)
            assert dispositions.patch(id, notes="Nice people.")["notes"] == "Nice people."

    def test_if_match(self, dispositions):
        id = dispositions.offer(dispositions.pipeline())
        answer = dispositions.call("PATCH", f"/dispo/assignments/{id}", {"notes": "a"}, headers={"If-Match": '"1"'})
        assert answer.status == 200
        dispositions.expect_error(412, "PATCH", f"/dispo/assignments/{id}", {"notes": "b"}, headers={"If-Match": '"1"'})
        same = dispositions.ok("PATCH", f"/dispo/assignments/{id}", {"notes": "a"})
        assert same["revision"] == 2  # what changes nothing writes nothing

    def test_unknown_ones(self, dispositions):
        for id in ("asgn_1", "asgn_w01KB0Q5E8G7Z3V9X2M4N6P8R0T01KB0Q5E8G7Z3V9X2M4N6P8R0T"):
            dispositions.expect_error(404, "GET", f"/dispo/assignments/{id}")
            dispositions.expect_error(404, "POST", MOVES.format(id, "assign"), {})
        dispositions.expect_error(404, "GET", "/dispo/assignments/by-pipeline/pipe_01KB0Q5E8G7Z3V9X2M4N6P8R0T")


class TestExpired:
    """From its end on an offer stands in nobody's way, whether or not it has been closed out."""

    def test_it_is_no_backup(self, dispositions, clock):
        pipeline = dispositions.pipeline()
        first = dispositions.offer(pipeline)
        dispositions.offer(pipeline, expires_at=SOON)
        third = dispositions.offer(pipeline)
        dispositions.assign(first)
        clock.now += timedelta(days=2)
        assert dispositions.fall_out(first)["next_backup"]["assignment_id"] == third

    def test_it_keeps_no_other_from_its_place_nor_from_being_prolonged(self, dispositions, clock):
        pipeline = dispositions.pipeline()
        expired, live = dispositions.offer(pipeline, expires_at=SOON), dispositions.offer(pipeline, expires_at="2026-11-28T12:00:00Z")
        clock.now += timedelta(days=2)
        moved = dispositions.patch(live, rank=1, expires_at="2026-12-24T12:00:00Z")  # the rank that the expired one had
        assert (moved["rank"], moved["expires_at"]) == (1, "2026-12-24T12:00:00.000Z")
        for later in ({"expires_at": "2026-12-24T12:00:00Z"}, {"rank": 2}):
            assert code(dispositions.expect_error(409, "PATCH", f"/dispo/assignments/{expired}", later)) == "over"
        clock.now += timedelta(days=7)
        assert dispositions.assign(live)["warnings"] == ["pof_missing"]  # and not out of rank
        assert dispositions.fall_out(live)["next_backup"] is None

    def test_its_rank_is_free_and_its_buyer_can_be_offered_it_again(self, dispositions, clock, run_work):
        pipeline, buyer = dispositions.pipeline(), dispositions.buyer()
        expired = dispositions.offer(pipeline, buyer, rank=3, expires_at=SOON)
        assert dispositions.read(dispositions.offer(pipeline))["rank"] == 4
        clock.now += timedelta(days=2)
        again = dispositions.offer(pipeline, buyer, rank=3)
        refused = dispositions.expect_error(409, "PATCH", f"/dispo/assignments/{expired}", {"expires_at": None})
        assert (code(refused), dispositions.patch(expired, notes="n")["notes"]) == ("over", "n")
        assert run_work(schedules.offers)["failed"] == 0
        assert [dispositions.read(id)["status"] for id in (expired, again)] == ["fallout", "offered"]
        taken = {"pipeline_id": pipeline, "buyer_id": dispositions.buyer(), "rank": 3}
        assert code(dispositions.expect_error(409, "POST", "/dispo/assignments", taken)) == "rank_taken"

    def test_the_best_are_asked_again(self, dispositions, clock):
        pipeline = dispositions.pipeline()
        buyer = dispositions.buyer(buy_box={"markets": ["981*"], "price_max": 300000, "property_types": ["single_family"]})
        offers = f"/dispo/pipelines/{pipeline}/offers"
        assert dispositions.ok("POST", offers, {"best_n": 5, "expires_at": SOON})["results"][0]["buyer_id"] == buyer
        assert dispositions.ok("POST", offers, {"best_n": 5})["results"] == []
        clock.now += timedelta(days=2)
        assert [one["status"] for one in dispositions.ok("POST", offers, {"best_n": 5})["results"]] == [201]

    def test_its_later_end_counts(self, dispositions, clock):
        pipeline, buyer = dispositions.pipeline(), dispositions.buyer()
        id = dispositions.offer(pipeline, buyer, expires_at=SOON)
        dispositions.patch(id, expires_at="2026-12-24T12:00:00Z")
        clock.now += timedelta(days=2)
        again = {"pipeline_id": pipeline, "buyer_id": buyer}
        assert code(dispositions.expect_error(409, "POST", "/dispo/assignments", again)) == "live_offer"
        dispositions.assign(id)
        clock.now += timedelta(days=60)  # an assignment has no end of its own
        assert code(dispositions.expect_error(409, "POST", "/dispo/assignments", again)) == "live_offer"


class TestLapse:
    """Offers end with their contract, at once for every reader."""

    @pytest.mark.parametrize(
        ("move", "reason"),
        [
            ({"stage": "offer_made", "note": "They want more."}, "contract_lost"),
            ({"stage": "dead", "reason": "title"}, "pipeline_dead"),
        ],
    )
    def test_with_the_contract(self, dispositions, move, reason, round_trips):
        pipeline, buyer = dispositions.pipeline(), dispositions.buyer()
        id = dispositions.offer(pipeline, buyer)
        dispositions.stage(pipeline, **move)
        shown = dispositions.read(id)
        assert (shown["status"], shown["fallout_reason"], shown["fell_from"]) == ("fallout", reason, "offered")
        assert round_trips() == 1
        for list_ in (f"/dispo/assignments/by-pipeline/{pipeline}", f"/dispo/buyers/{buyer}/assignments"):
            (item,) = dispositions.ok("GET", list_)["items"]
            assert (item["status"], item["fallout_reason"]) == ("fallout", reason)
        assert dispositions.expect_error(409, "POST", MOVES.format(id, "assign"), {})["from"] == "fallout"

    def test_a_new_contract_doesnt_bring_them_back(self, dispositions):
        pipeline, buyer = dispositions.pipeline(), dispositions.buyer()
        old = dispositions.offer(pipeline, buyer)
        dispositions.stage(pipeline, "offer_made", note="They want more.")
        dispositions.stage(pipeline, "under_contract", price=119000)
        assert dispositions.read(old)["fallout_reason"] == "contract_lost"
        again = dispositions.offer(pipeline, buyer)
        assert dispositions.read(again)["rank"] == 1
        assert dispositions.assign(again)["assignment_fee"] == 12000
        assert dispositions.fall_out(again)["next_backup"] is None


class TestLists:
    def test_of_a_pipeline_newest_first_by_pages(self, dispositions, clock):
        pipeline = dispositions.pipeline()
        made = []
        for _ in range(5):
            made.append(dispositions.offer(pipeline))
            clock.now += timedelta(seconds=1)
        dispositions.assign(made[0])
        path, query, found = f"/dispo/assignments/by-pipeline/{pipeline}", {"limit": "2"}, []
        while True:
            page = dispositions.ok("GET", path, query=query)
            found += page["items"]
            if page["next_cursor"] is None:
                break
            query["cursor"] = page["next_cursor"]
        assert [one["id"] for one in found] == made[::-1]
        assert [one["status"] for one in found] == ["offered"] * 4 + ["assigned"]
        assert found[-1]["assignment_price"] == 131000

    def test_a_pipeline_with_live_ones_stays(self, dispositions):
        pipeline = dispositions.pipeline()
        id = dispositions.offer(pipeline)
        assert code(dispositions.expect_error(409, "DELETE", f"/wholesale/{pipeline}")) == "referred_to"
        dispositions.fall_out(id, "seller", None)
        dispositions.ok("DELETE", f"/wholesale/{pipeline}")
        dispositions.expect_error(404, "GET", f"/dispo/assignments/{id}")


def test_a_pipeline_that_cannot_be_deleted_names_its_assignments(dispositions, clock):
    pipeline, offers = dispositions.pipeline(), []
    for _ in range(3):
        offers.append(dispositions.offer(pipeline))
        clock.now += timedelta(minutes=1)
    dispositions.fall_out(offers[1], "seller", None)
    refused = dispositions.expect_error(409, "DELETE", f"/wholesale/{pipeline}")
    assert (refused["code"], refused["held_by"]) == ("referred_to", [offers[2], offers[0]])
    assert "2 other things" in refused["detail"]
    for offer in (offers[0], offers[2]):
        dispositions.fall_out(offer, "seller", None)
    dispositions.ok("DELETE", f"/wholesale/{pipeline}")
