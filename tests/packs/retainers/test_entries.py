"""Logging hours, taking them back, approving them; and what the periods and statements say of them."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from chalicelib.foundation.errors import Conflict, Forbidden, NotFound, ValidationFailed
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.packs.retainers import public
from chalicelib.packs.retainers.service.entries import approve_entry
from tests.packs.retainers.retainers_client import RETAINERS, RetainersClient, at, closed_periods, events, plain, stored

NO_ENTRY = "ent_r01KB0Q5E8G7Z3V9X2M4N6P8R0T01KB0Q5E8G7Z3V9X2M4N6P8R0T"


class TestLog:
    def test_the_answer(self, retainers):
        id = retainers.retainer(starts_on="2026-11-01", renewal_date="2026-12-01", rollover={"mode": "full"})
        answer = retainers.call("POST", f"{RETAINERS}/{id}/log_hours", {"hours": 0.15, "description": "Search"})
        logged = plain(answer.json())
        assert (answer.status, answer.headers["location"]) == (201, f"{RETAINERS}/{id}/log_hours/{logged['entry_id']}")
        assert logged == {
            "status": "ok",
            "entry_id": logged["entry_id"],
            "hours_used": 0.2,
            "hours_remaining": 39.8,
            "overage_hours": 0,
            "utilization_pct": 0.5,
            "crossed": [],
            "draws": [{"from": "this", "minutes": 12}],
            "late_for": None,
            "approved": True,
            "warnings": {"renewal_approaching": True, "days_to_renewal": 7, "hours_nearly_consumed": False},
        }
        row = retainers.ok("GET", answer.headers["location"])
        assert {name: row[name] for name in ("hours", "minutes", "worked_on", "description", "task_id", "period", "draws", "late_for")} == {
            "hours": 0.2,
            "minutes": 12,
            "worked_on": "2026-11-24",
            "description": "Search",
            "task_id": None,
            "period": 1,
            "draws": [{"from": "this", "minutes": 12}],
            "late_for": None,
        }
        assert (row["approved"], row["reverses"], row["reversed_by"]) == (True, None, None)
        assert retainers.ok("GET", f"{RETAINERS}/{id}/log_hours")["items"] == [row]

    def test_six_times_ten_minutes_are_an_hour(self, retainers):
        id = retainers.retainer(increment_minutes=10)
        for _ in range(6):
            last = retainers.log(id, 0.17)
        assert last["hours_used"] == 1

    def test_from_what_was_carried_over_first(self, retainers, clock):
        id = retainers.retainer(
            starts_on="2026-11-01", renewal_date="2027-11-01", rollover={"mode": "capped", "cap_hours": 15, "expires_after_periods": 2}
        )
        retainers.log(id, 30)
        clock.now = at("2026-12-05T12:00:00Z")
        assert retainers.log(id, 52)["draws"] == [
            {"from": "P1", "minutes": 600}, {"from": "this", "minutes": 2400}, {"from": "overage", "minutes": 120},
        ]  # fmt: skip
        assert retainers.read(id)["overage_hours"] == 2

    def test_late_work_enters_the_open_period(self, retainers, clock):
        id = retainers.retainer(starts_on="2026-11-01", renewal_date="2027-11-01")
        clock.now = at("2026-12-05T12:00:00Z")
        assert retainers.log(id, 1, worked_on="2026-11-30")["late_for"] == 1
        assert retainers.read(id)["hours_used"] == 1
        for day in ("2026-12-06", "2026-10-31"):
            refused = retainers.expect_error(422, "POST", f"{RETAINERS}/{id}/log_hours", {"hours": 1, "worked_on": day})
            assert refused["errors"][0]["loc"] == ["worked_on"]

    def test_thresholds_are_told_once(self, retainers, runtime):
        id = retainers.retainer()
        assert retainers.log(id, 31)["crossed"] == []
        assert retainers.log(id, 7)["crossed"] == [80, 90]
        entry = retainers.log(id, 3)
        assert entry["crossed"] == [100]
        retainers.reverse(id, entry["entry_id"])
        assert retainers.log(id, 3)["crossed"] == []
        told = events(runtime, "threshold")
        assert sorted(one.data["crossed"] for one in told) == [[80, 90], [100]]
        assert {(one.for_role, one.subject_type, one.subject_id) for one in told} == {("operator", "retainer", id)}

    def test_the_hard_cap(self, retainers):
        id = retainers.retainer(monthly_hours_included=50, overage={"hard_cap_pct": 130})
        retainers.log(id, 60)
        refused = retainers.expect_error(409, "POST", f"{RETAINERS}/{id}/log_hours", {"hours": 5.1})
        assert (refused["code"], refused["hours_left"]) == ("hard_cap", 5)
        assert retainers.read(id)["hours_used"] == 60
        assert retainers.log(id, 5)["hours_used"] == 65

    @pytest.mark.parametrize("hours", [0, -1, 744.1, 1.00001, "1", None, 1e20])
    def test_what_are_no_hours(self, retainers, hours):
        id = retainers.retainer()
        retainers.expect_error(422, "POST", f"{RETAINERS}/{id}/log_hours", {"hours": hours})

    def test_once(self, retainers):
        id, key = retainers.retainer(), {"Idempotency-Key": "k"}
        first, again = (retainers.call("POST", f"{RETAINERS}/{id}/log_hours", {"hours": 1}, headers=key) for _ in range(2))
        assert (first.json(), again.headers["idempotent-replayed"]) == (again.json(), "true")
        assert retainers.read(id)["hours_used"] == 1

    def test_after_a_period_that_nobody_has_closed_yet(self, retainers, clock, runtime):
        id = retainers.retainer(starts_on="2026-11-01", renewal_date="2026-12-01", auto_renew=True)
        retainers.log(id, 10)
        clock.now = at("2027-01-01T08:00:30Z")
        logged = retainers.log(id, 2)
        assert (logged["hours_used"], retainers.read(id)["period"]["n"]) == (2, 3)
        assert [one.used for one in closed_periods(runtime, id)] == [600, 0]
        assert {one.created_by for one in events(runtime, "renewed")} == {"system:retainers-due"}
        assert stored(runtime, id).updated_by == "user_operator"

    def test_not_after_its_term(self, retainers, clock):
        id = retainers.retainer(renewal_date="2026-12-01")
        clock.now = at("2026-12-01T08:00:30Z")
        assert retainers.expect_error(409, "POST", f"{RETAINERS}/{id}/log_hours", {"hours": 1})["code"] == "not_active"
        assert retainers.read(id)["status"] == "expired"

    def test_lists_are_of_one_retainer(self, retainers):
        one, other = retainers.retainer(), retainers.retainer()
        entry = retainers.log(one)["entry_id"]
        retainers.expect_error(404, "GET", f"{RETAINERS}/{other}/log_hours/{entry}")
        retainers.expect_error(404, "POST", f"{RETAINERS}/{other}/log_hours/{entry}/reverse", {"reason": "x"})
        retainers.expect_error(404, "GET", f"{RETAINERS}/{one}/log_hours/{NO_ENTRY}")
        retainers.expect_error(404, "GET", f"{RETAINERS}/{one}/log_hours/x")
        assert retainers.ok("GET", f"{RETAINERS}/{other}/log_hours")["items"] == []


class TestReverse:
    def test_it_gives_back_what_was_drawn_last(self, retainers):
        id = retainers.retainer(monthly_hours_included=10)
        entry = retainers.log(id, 12)["entry_id"]
        retainers.log(id, 1)
        answer = retainers.call("POST", f"{RETAINERS}/{id}/log_hours/{entry}/reverse", {"reason": "Entered twice."})
        back = answer.json()
        assert (answer.status, answer.headers["location"]) == (201, f"{RETAINERS}/{id}/log_hours/{back['entry_id']}")
        assert (back["hours_used"], back["draws"]) == (1, [{"from": "overage", "minutes": -180}, {"from": "this", "minutes": -540}])
        counter = retainers.ok("GET", answer.headers["location"])
        assert (counter["minutes"], counter["reverses"], counter["description"]) == (-720, entry, "Entered twice.")
        assert retainers.ok("GET", f"{RETAINERS}/{id}/log_hours/{entry}")["reversed_by"] == counter["id"]

    def test_once_and_never_a_counter_entry(self, retainers):
        id = retainers.retainer()
        entry = retainers.log(id)["entry_id"]
        counter = retainers.reverse(id, entry)["entry_id"]
        path = f"{RETAINERS}/{id}/log_hours"
        assert retainers.expect_error(409, "POST", f"{path}/{entry}/reverse", {"reason": "x"})["code"] == "reversed"
        assert retainers.expect_error(409, "POST", f"{path}/{counter}/reverse", {"reason": "x"})["code"] == "counter_entry"
        retainers.expect_error(422, "POST", f"{path}/{entry}/reverse", {})

    def test_of_an_earlier_period(self, retainers, clock, run):
        id = retainers.retainer(starts_on="2026-11-01", renewal_date="2027-11-01", rollover={"mode": "full"})
        entry = retainers.log(id, 41)["entry_id"]
        clock.now = at("2026-12-05T12:00:00Z")
        run()
        back = retainers.reverse(id, entry)
        assert (back["late_for"], back["hours_used"], back["hours_remaining"]) == (1, -41, 81)
        assert retainers.statement(id, period="1")["overage_fee"] == 187.5, "a closed period stays as it is"

    def test_only_while_hours_can_be_logged(self, retainers):
        id = retainers.retainer()
        entry = retainers.log(id)["entry_id"]
        retainers.move(id, "pause", reason="budget")
        refused = retainers.expect_error(409, "POST", f"{RETAINERS}/{id}/log_hours/{entry}/reverse", {"reason": "x"})
        assert refused["code"] == "not_active"


class TestApprove:
    @pytest.fixture
    def mine(self, retainers):
        return retainers.professional()

    @pytest.fixture
    def them(self, client_as, mine):
        return RetainersClient(client_as("professional", professional_id=mine))

    def approve(self, retainers: RetainersClient, id: str, entry: str) -> Any:
        return retainers.ok("POST", f"{RETAINERS}/{id}/log_hours/{entry}/approve")

    def test_a_professionals_hours_count_and_wait(self, retainers, them, mine):
        id = retainers.retainer(mine)
        logged = them.log(id, 2)
        assert (logged["approved"], logged["hours_used"]) == (False, 2)
        retainers.log(id, 1)
        assert retainers.statement(id)["unapproved_hours"] == 2
        approved = self.approve(retainers, id, logged["entry_id"])
        assert (approved["approved"], approved["revision"]) == (True, 2)
        assert retainers.statement(id)["unapproved_hours"] == 0
        refused = retainers.expect_error(409, "POST", f"{RETAINERS}/{id}/log_hours/{logged['entry_id']}/approve")
        assert refused["code"] == "approved"

    def test_not_by_whoever_logged_them(self, retainers, client_as, mine):
        id = retainers.retainer(mine)
        both = RetainersClient(client_as("operator", "professional", user="user_both", professional_id=mine))
        entry = both.log(id)
        assert entry["approved"] is True, "another role logs without limits"
        them = RetainersClient(client_as("professional", user="user_both", professional_id=mine))
        entry = them.log(id)["entry_id"]
        both.expect_error(403, "POST", f"{RETAINERS}/{id}/log_hours/{entry}/approve")
        them.expect_error(403, "POST", f"{RETAINERS}/{id}/log_hours/{entry}/approve")
        self.approve(retainers, id, entry)

    def test_not_by_an_api_key(self, retainers, them, mine, context):
        id = retainers.retainer(mine)
        entry = them.log(id, 2)["entry_id"]
        ctx = context("operator")
        with pytest.raises(Forbidden):
            approve_entry(replace(ctx, actor=replace(ctx.actor, kind="api_key")), id, entry)
        assert retainers.statement(id)["unapproved_hours"] == 2
        approve_entry(ctx, id, entry)

    def test_roles_add_up(self, retainers, client_as, mine, task):
        """A professional who has deals as well logs on their own retainer as any professional does, and for their deals besides."""
        both = RetainersClient(client_as("dealmaker", "professional", user="user_both", professional_id=mine))
        own, other = retainers.retainer(mine), retainers.retainer()
        deal = both.deal()
        assert both.log(own)["approved"] is False
        assert both.log(own, task_id=task(retainers.deal(), mine))["approved"] is False
        assert both.log(own, task_id=task(deal))["approved"] is False
        assert both.log(other, task_id=task(deal))["approved"] is True
        for id, given in ((other, {}), (own, {"task_id": task(retainers.deal())})):
            both.expect_error(403, "POST", f"{RETAINERS}/{id}/log_hours", {"hours": 1, **given})

    def test_of_a_closed_period(self, retainers, them, mine, clock, run, runtime):
        id = retainers.retainer(mine, starts_on="2026-11-01", renewal_date="2027-11-01")
        first, second = them.log(id, 2)["entry_id"], them.log(id, 3)["entry_id"]
        before = retainers.ok("GET", f"{RETAINERS}/{id}/periods/1")
        clock.now = at("2026-12-05T12:00:00Z")
        run()
        assert retainers.statement(id, period="1")["unapproved_hours"] == 5
        self.approve(retainers, id, first)
        retainers.reverse(id, second)
        assert retainers.statement(id, period="1")["unapproved_hours"] == 0
        closed = retainers.ok("GET", f"{RETAINERS}/{id}/periods/1")
        assert {**closed, "status": "open", "closed_at": None} == before

    def test_what_was_taken_back_is_not_approved(self, retainers, them, mine):
        id = retainers.retainer(mine)
        entry = them.log(id, 2)["entry_id"]
        counter = retainers.reverse(id, entry)["entry_id"]
        assert retainers.statement(id)["unapproved_hours"] == 0
        refused = retainers.expect_error(409, "POST", f"{RETAINERS}/{id}/log_hours/{entry}/approve")
        assert refused["code"] == "reversed"
        assert retainers.ok("GET", f"{RETAINERS}/{id}/log_hours/{counter}")["approved"] is True

    def test_a_professional_logs_on_their_own_only(self, retainers, them):
        path, behind = f"{RETAINERS}/{retainers.retainer()}/log_hours", {"If-Match": '"9"'}
        them.expect_error(404, "POST", path, {"hours": 1})
        them.expect_error(404, "POST", path, {"hours": 1}, headers=behind)

    def test_if_match_is_the_entrys(self, retainers, them, mine):
        id = retainers.retainer(mine)
        entry = them.log(id)["entry_id"]
        retainers.log(id)
        for move in ("approve", "reverse"):
            path = f"{RETAINERS}/{id}/log_hours/{entry}/{move}"
            retainers.expect_error(412, "POST", path, {"reason": "x"}, headers={"If-Match": '"9"'})
        retainers.ok("POST", f"{RETAINERS}/{id}/log_hours/{entry}/approve", headers={"If-Match": '"1"'})


class TestTasks:
    def test_one_that_isnt_there(self, retainers, task):
        id = retainers.retainer()
        for one in ("task_d01KB0Q5E8G7Z3V9X2M4N6P8R0T01KB0Q5E8G7Z3V9X2M4N6P8R0T", "x", retainers.professional()):
            refused = retainers.expect_error(404, "POST", f"{RETAINERS}/{id}/log_hours", {"hours": 1, "task_id": one})
            assert refused["detail"] == "No such task."

    def test_a_dealmaker_names_one_of_an_own_deal(self, retainers, client_as, task):
        id, path = retainers.retainer(), "/log_hours"
        dealmaker = RetainersClient(client_as("dealmaker"))
        own = task(dealmaker.deal())
        assert dealmaker.log(id, 1, task_id=own)["approved"] is True
        foreign, of_nobody = task(retainers.deal()), task(retainers.professional())
        for body in ({"hours": 1}, {"hours": 1, "task_id": foreign}, {"hours": 1, "task_id": of_nobody}):
            dealmaker.expect_error(403, "POST", f"{RETAINERS}/{id}{path}", body)
        retainers.log(id, 1, task_id=foreign)
        in_team = task(retainers.deal(team=["user_dealmaker"]))
        assert dealmaker.log(id, 1, task_id=in_team)["status"] == "ok"

    def test_a_professional_names_their_own(self, retainers, client_as, task):
        mine = retainers.professional()
        id = retainers.retainer(mine)
        them = RetainersClient(client_as("professional", professional_id=mine))
        own, foreign = task(retainers.deal(), mine), task(retainers.deal())
        entry = them.log(id, 1, task_id=own)["entry_id"]
        assert them.ok("GET", f"{RETAINERS}/{id}/log_hours/{entry}")["task_id"] == own
        them.expect_error(404, "POST", f"{RETAINERS}/{id}/log_hours", {"hours": 1, "task_id": foreign})


class TestPeriods:
    def test_newest_first_and_page_by_page(self, retainers, clock, run):
        id = retainers.retainer(starts_on="2026-07-31", renewal_date="2027-07-31")
        found = retainers.periods(id)
        assert [(one["n"], one["starts_on"], one["ends_on"]) for one in found] == [
            (4, "2026-10-31", "2026-11-29"), (3, "2026-09-30", "2026-10-30"), (2, "2026-08-31", "2026-09-29"), (1, "2026-07-31", "2026-08-30"),
        ]  # fmt: skip
        page = retainers.ok("GET", f"{RETAINERS}/{id}/periods", query={"limit": "2"})
        rest = retainers.ok("GET", f"{RETAINERS}/{id}/periods", query={"limit": "2", "cursor": page["next_cursor"]})
        assert [one["n"] for one in page["items"] + rest["items"]] == [4, 3, 2, 1]
        assert retainers.ok("GET", f"{RETAINERS}/{id}/periods", query={"explain": "true"})["items"][1]["explain"]["inputs"]["days"] == 31

    def test_one(self, retainers):
        id = retainers.retainer(starts_on="2026-10-24", renewal_date="2027-10-24", rollover={"mode": "full"}, overage={"multiplier": 1.5})
        retainers.log(id, 90)
        assert retainers.ok("GET", f"{RETAINERS}/{id}/periods/2") == {
            "n": 2,
            "starts_on": "2026-11-24",
            "ends_on": "2026-12-23",
            "status": "open",
            "hours_in": 40,
            "rolled_over": 40,
            "hours_used": 90,
            "overage_hours": 10,
            "unit_price": 281.25,
            "fee": 3000,
            "overage_fee": 2812.5,
            "opened_at": "2026-11-24T18:00:00.000Z",
            "closed_at": None,
        }
        assert retainers.ok("GET", f"{RETAINERS}/{id}/periods/1")["closed_at"] == "2026-11-24T18:00:00.000Z"
        for n in ("0", "3", "01", "x", "-1", "1" * 30, "²"):
            retainers.expect_error(404, "GET", f"{RETAINERS}/{id}/periods/{n}")

    def test_a_closed_one_never_changes(self, retainers, clock, run):
        id = retainers.retainer(starts_on="2026-11-01", renewal_date="2027-11-01")
        entry = retainers.log(id, 45)["entry_id"]
        clock.now = at("2026-12-01T08:00:00Z")
        run()
        before = [retainers.ok("GET", f"{RETAINERS}/{id}/periods/1"), retainers.statement(id, period="1")]
        retainers.patch(id, hourly_rate=1, monthly_fee=1, monthly_hours_included=1, rollover={"mode": "full"}, overage={"rate": 1})
        retainers.reverse(id, entry)
        retainers.log(id, 1, worked_on="2026-11-30")
        retainers.move(id, "cancel", reason="ended")
        assert [retainers.ok("GET", f"{RETAINERS}/{id}/periods/1"), retainers.statement(id, period="1")] == before


class TestStatement:
    def test_of_the_open_period(self, retainers):
        id = retainers.retainer(starts_on="2026-11-16", renewal_date="2026-12-01", overage={"multiplier": 1.5})
        retainers.log(id, 23.7)
        assert retainers.statement(id) == {
            "period": 1,
            "starts_on": "2026-11-16",
            "ends_on": "2026-11-30",
            "status": "open",
            "lines": [
                {"kind": "fee", "description": "Monthly fee, 15 of 30 days", "hours": 20, "unit_price": None, "amount": 1500},
                {
                    "kind": "overage",
                    "description": "Hours beyond those available",
                    "hours": 3.7,
                    "unit_price": 281.25,
                    "amount": 1040.63,
                },
            ],
            "hours_used": 23.7,
            "unapproved_hours": 0,
            "fee": 1500,
            "overage_fee": 1040.63,
            "total": 2540.63,
            "currency": "USD",
            "complete": True,
            "missing": [],
        }

    def test_without_a_rate(self, retainers):
        id = retainers.retainer(hourly_rate=None)
        assert (retainers.statement(id)["complete"], retainers.statement(id)["total"]) == (True, 3000)
        retainers.log(id, 41)
        statement = retainers.statement(id, explain="true")
        assert (statement["overage_fee"], statement["total"], statement["complete"], statement["missing"]) == (
            None,
            None,
            False,
            ["hourly_rate"],
        )
        assert statement["explain"]["missing"] == ["hourly_rate"]

    def test_which(self, retainers):
        id = retainers.retainer()
        retainers.expect_error(404, "GET", f"{RETAINERS}/{id}/statement", query={"period": "2"})
        for period in ("0", "x", "1.0"):
            retainers.expect_error(422, "GET", f"{RETAINERS}/{id}/statement", query={"period": period})
        draft = retainers.retainer(status="draft")
        retainers.expect_error(404, "GET", f"{RETAINERS}/{draft}/statement")

    def test_without_a_fee(self, retainers):
        statement = retainers.statement(retainers.retainer(monthly_fee=None))
        assert (statement["fee"], statement["total"]) == (0, 0)


class TestForOtherPacks:
    """What tasks use: hours with a task that is done."""

    def add(self, ctx: Any, retainer: Any, professional: str, hours: str = "1.5") -> None:
        tx = Transaction(ctx.store)
        public.add_hours(ctx, tx, retainer, Decimal(hours), professional_id=professional, task_id="task_1")
        tx.commit()

    def test_hours_enter_another_transaction(self, retainers, context, runtime):
        professional = retainers.professional()
        id, ctx = retainers.retainer(professional), context("operator")
        read = public.parse_retainer(ctx.store.get_item(public.key(id)))
        before = ctx.store.round_trips
        self.add(ctx, read, professional, "38")
        assert ctx.store.round_trips - before == 1
        (entry,) = retainers.ok("GET", f"{RETAINERS}/{id}/log_hours")["items"]
        assert (entry["task_id"], entry["minutes"], entry["approved"]) == ("task_1", 2280, True)
        assert [one.data["crossed"] for one in events(runtime, "threshold")] == [[80, 90]]

    def test_by_its_rules(self, retainers, context):
        professional = retainers.professional()
        id = retainers.retainer(professional, overage={"hard_cap_pct": 100})
        read = public.only_active(context("operator"), professional)
        assert read.id == id
        with pytest.raises(Conflict, match="40"):
            self.add(context("operator"), read, professional, "41")
        with pytest.raises(ValidationFailed, match="another professional"):
            self.add(context("operator"), read, "pro_other")
        with pytest.raises(Forbidden):
            self.add(context("viewer"), read, professional)
        retainers.move(id, "pause", reason="budget")
        with pytest.raises(Conflict, match="paused"):
            self.add(context("operator"), public.parse_retainer(context("operator").store.get_item(public.key(id))), professional)

    def test_the_only_active_one(self, retainers, context):
        professional = retainers.professional()
        ctx = context("operator")
        with pytest.raises(ValidationFailed, match="no active retainer"):
            public.only_active(ctx, professional)
        first = retainers.retainer(professional)
        retainers.retainer(professional, status="draft")
        before = ctx.store.round_trips
        assert public.only_active(ctx, professional).id == first
        assert ctx.store.round_trips - before == 2
        retainers.retainer(professional)
        with pytest.raises(ValidationFailed, match="several"):
            public.only_active(ctx, professional)
        with pytest.raises(NotFound):
            public.parse_retainer(None)
