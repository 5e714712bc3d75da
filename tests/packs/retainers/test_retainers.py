"""Agreeing on retainers, reading, listing and changing them."""

from datetime import timedelta
from typing import Any

import pytest

from chalicelib.foundation.ids import IdFormat
from chalicelib.foundation.json_codec import dumps
from chalicelib.foundation.manifest import Pack, SubjectEntry
from chalicelib.foundation.store import attributes as a
from chalicelib.foundation.store.entity import Entity
from chalicelib.foundation.subjects import SubjectAdapter
from chalicelib.packs import PACKS
from chalicelib.packs.retainers.service.held_data import read_held
from tests.packs.retainers.retainers_client import RETAINERS, RetainersClient, at, closed_periods, events, stored

NOWHERE = "ret_01KB0Q5E8G7Z3V9X2M4N6P8R0T"
NOBODY = "pro_01KB0Q5E8G7Z3V9X2M4N6P8R0T"


class TestCreate:
    def test_as_the_older_api_did(self, retainers):
        professional = retainers.professional()
        body = {"professional_id": professional, "name": "Title", "monthly_hours_included": 40.5, "renewal_date": "2026-12-24"}
        answer = retainers.call("POST", RETAINERS, body)
        made = answer.json()
        assert (answer.status, answer.headers["location"]) == (201, f"{RETAINERS}/{made['id']}")
        assert (made["status"], made["is_active"], made["starts_on"], made["renewal_date"]) == ("active", True, "2026-11-24", "2026-12-24")
        assert (made["term_months"], made["auto_renew"], made["increment_minutes"], made["notice_days"]) == (1, False, 6, 0)
        assert (made["currency"], made["time_zone"], made["uplift_pct"]) == ("USD", "America/Los_Angeles", 0)
        assert made["rollover"] == {"mode": "none", "cap_hours": None, "expires_after_periods": None, "carry_overuse": False}
        assert made["overage"] == {"rate": None, "multiplier": None, "hard_cap_pct": None}
        assert made["period"] == {"n": 1, "starts_on": "2026-11-24", "ends_on": "2026-12-23"}
        assert (made["hours_available"], made["hours_used"], made["hours_remaining"]) == (40.5, 0, 40.5)
        assert (made["overage_hours"], made["utilization_pct"], made["cancels_on"]) == (0, 0, None)
        assert retainers.read(made["id"]) == made

    def test_the_renewal_follows_from_start_and_term(self, retainers):
        assert retainers.create(starts_on="2026-11-30", term_months=3)["renewal_date"] == "2027-02-28"

    def test_a_draft_does_nothing_yet(self, retainers):
        made = retainers.create(status="draft")
        assert (made["status"], made["is_active"], made["period"], made["hours_available"]) == ("draft", False, None, None)

    def test_the_first_day_lies_ahead(self, retainers, clock, run):
        id = retainers.retainer(starts_on="2026-12-10", renewal_date="2027-01-01")
        assert retainers.read(id)["period"] is None
        assert retainers.expect_error(409, "POST", f"{RETAINERS}/{id}/log_hours", {"hours": 1})["code"] == "not_started"
        clock.now = at("2026-12-10T08:00:00Z")
        assert run()["done"] == 1
        assert retainers.read(id)["period"] == {"n": 1, "starts_on": "2026-12-10", "ends_on": "2026-12-31"}
        assert retainers.read(id)["hours_available"] == 28.38  # 22 of 31 days

    def test_what_is_over_is_closed_with_it(self, retainers, runtime):
        made = retainers.create(starts_on="2025-11-23", renewal_date="2025-12-23", auto_renew=True, uplift_pct=1)
        assert (made["period"]["n"], made["renewal_date"]) == (13, "2026-12-23")
        assert made["monthly_fee"] == 3380.48
        periods = retainers.periods(made["id"])
        assert [one["n"] for one in periods] == list(range(13, 0, -1))
        assert [one["fee"] for one in periods[::-1][:3]] == [3000, 3030, 3060.3]
        assert len(events(runtime, "renewed")) == 12
        assert {one.for_role for one in events(runtime)} == {"operator"}

    def test_one_that_is_over_already_has_expired(self, retainers, runtime):
        made = retainers.create(starts_on="2026-09-01")
        assert (made["status"], made["period"], len(closed_periods(runtime, made["id"]))) == ("expired", None, 1)
        assert [one.event for one in events(runtime)] == ["retainers.expired"]

    @pytest.mark.parametrize(
        ("changed", "field"),
        [
            ({"monthly_hours_included": 745}, "monthly_hours_included"),
            ({"monthly_hours_included": -1}, "monthly_hours_included"),
            ({"monthly_hours_included": 1.00001}, "monthly_hours_included"),
            ({"monthly_hours_included": 0, "monthly_fee": None}, "monthly_hours_included"),
            ({"monthly_hours_included": 0, "monthly_fee": 0}, "monthly_hours_included"),
            ({"monthly_fee": 10.001}, "monthly_fee"),
            ({"hourly_rate": 1.5, "currency": "JPY", "monthly_fee": 10}, "hourly_rate"),
            ({"overage": {"rate": 10, "multiplier": 2}}, "overage.multiplier"),
            ({"overage": {"multiplier": 10.5}}, "overage.multiplier"),
            ({"overage": {"hard_cap_pct": 99}}, "overage.hard_cap_pct"),
            ({"rollover": {"mode": "capped"}}, "rollover.cap_hours"),
            ({"rollover": {"mode": "some"}}, "rollover.mode"),
            ({"starts_on": "2025-11-22"}, "starts_on"),
            ({"renewal_date": "2026-11-24"}, "renewal_date"),
            ({"renewal_date": "2036-11-25"}, "renewal_date"),
            ({"term_months": 61}, "term_months"),
            ({"increment_minutes": 0}, "increment_minutes"),
            ({"notice_days": 366}, "notice_days"),
            ({"uplift_pct": 101}, "uplift_pct"),
            ({"time_zone": "Mars/Olympus"}, "time_zone"),
            ({"status": "paused"}, "status"),
        ],
    )
    def test_what_is_refused(self, retainers, changed, field):
        refused = retainers.expect_error(422, "POST", RETAINERS, retainers.body(**changed))
        assert [".".join(map(str, error["loc"])) for error in refused["errors"]] == [field]

    def test_the_bounds_themselves_are_taken(self, retainers):
        retainers.create(monthly_hours_included=744, renewal_date="2036-11-24", starts_on="2026-11-24", notice_days=365, term_months=60)
        retainers.create(monthly_hours_included=0, overage={"multiplier": 10, "hard_cap_pct": 1000}, uplift_pct=100, increment_minutes=60)
        retainers.create(starts_on="2025-11-23", auto_renew=True)

    def test_for_whom(self, retainers):
        assert retainers.expect_error(404, "POST", RETAINERS, retainers.body(NOBODY))["detail"] == "No such professional."
        assert retainers.expect_error(404, "POST", RETAINERS, retainers.body("nobody"))
        idle = retainers.professional()
        retainers.ok("PATCH", f"/pros/scorecard/professionals/{idle}", {"is_active": False})
        assert retainers.expect_error(409, "POST", RETAINERS, retainers.body(idle))["code"] == "professional_inactive"

    def test_a_professional_with_a_retainer_stays(self, retainers):
        professional = retainers.professional()
        id = retainers.retainer(professional)
        refused = retainers.expect_error(409, "DELETE", f"/pros/scorecard/professionals/{professional}")
        assert (refused["code"], refused["held_by"]) == ("referred_to", [id])

    def test_once(self, retainers):
        key, body = {"Idempotency-Key": "k"}, retainers.body()
        first, again = (retainers.call("POST", RETAINERS, body, headers=key) for _ in range(2))
        assert first.json() == again.json()
        assert again.headers["idempotent-replayed"] == "true"
        assert len(retainers.ids()) == 1


class TestTimeZone:
    def test_days_are_the_retainers_own(self, retainers, clock):
        clock.now = at("2026-11-24T05:00:00Z")
        assert retainers.create()["starts_on"] == "2026-11-23"
        assert retainers.create(time_zone="Pacific/Kiritimati")["starts_on"] == "2026-11-24"

    @pytest.mark.parametrize(
        ("zone", "closes"),
        [
            ("Pacific/Kiritimati", "2026-11-30T10:00:00Z"),
            ("Asia/Kolkata", "2026-11-30T18:30:00Z"),
            ("UTC", "2026-12-01T00:00:00Z"),
            ("America/Los_Angeles", "2026-12-01T08:00:00Z"),
        ],
    )
    def test_a_period_closes_when_its_day_is_over_there(self, retainers, clock, run, runtime, zone, closes):
        clock.now = at("2026-11-01T12:00:00Z")
        id = retainers.retainer(starts_on="2026-11-01", renewal_date="2027-11-01", time_zone=zone)
        assert stored(runtime, id).due_at == at(closes)
        clock.now = at(closes).replace(microsecond=0) - (at("2026-01-01T00:00:01Z") - at("2026-01-01T00:00:00Z"))
        assert run()["done"] == 0
        clock.now = at(closes)
        assert run()["done"] == 1
        assert retainers.read(id)["period"]["starts_on"] == "2026-12-01"

    def test_a_day_that_begins_at_one(self, retainers, clock, run):
        """In Beirut the clock goes from midnight to one on 2026-03-29."""
        clock.now = at("2026-03-01T12:00:00Z")
        id = retainers.retainer(starts_on="2026-03-01", renewal_date="2026-03-29", time_zone="Asia/Beirut")
        clock.now = at("2026-03-28T21:59:59Z")
        assert run()["done"] == 1  # the reminder
        assert retainers.read(id)["status"] == "active"
        clock.now = at("2026-03-28T22:00:00Z")
        run()
        assert retainers.read(id)["status"] == "expired"


class TestRead:
    def test_what_isnt_there(self, retainers):
        for path in ("", "/periods", "/periods/1", "/statement", "/log_hours"):
            retainers.expect_error(404, "GET", f"{RETAINERS}/{NOWHERE}{path}")
        retainers.expect_error(404, "GET", f"{RETAINERS}/ret_x")

    def test_where_figures_come_from(self, retainers):
        id = retainers.retainer()
        retainers.log(id, 41)
        explained = retainers.ok("GET", f"{RETAINERS}/{id}", query={"explain": "true"})["explain"]
        assert explained["formula"] == {"id": "retainers.period", "version": 1}
        assert (explained["inputs"]["used_minutes"], explained["inputs"]["billed_minutes"], explained["missing"]) == (2460, 60, [])
        draft = retainers.create(status="draft")["id"]
        assert retainers.ok("GET", f"{RETAINERS}/{draft}", query={"explain": "true"})["explain"]["missing"] == ["period"]

    def test_lists(self, retainers, clock):
        professional = retainers.professional()
        first = retainers.retainer(professional, term_months=12)
        clock.now += timedelta(seconds=1)
        second = retainers.retainer(professional, name="x" * 200)
        clock.now += timedelta(seconds=1)
        draft = retainers.retainer(status="draft")
        retainers.move(second, "pause", reason="budget")
        assert retainers.ids() == [draft, second, first]
        assert [retainers.ids(status=status) for status in ("active", "paused", "draft", "expired")] == [[first], [second], [draft], []]
        of_one = retainers.ok("GET", f"{RETAINERS}/professional/{professional}")["items"]
        assert [one["id"] for one in of_one] == [second, first]
        assert of_one[1] == {
            "id": first,
            "professional_id": professional,
            "name": "Title work",
            "status": "active",
            "renewal_date": "2027-11-24",
            "monthly_fee": 3000,
            "monthly_hours_included": 40,
            "currency": "USD",
        }
        retainers.expect_error(404, "GET", f"{RETAINERS}/professional/{NOBODY}")
        retainers.expect_error(404, "GET", f"{RETAINERS}/professional/x")

    def test_by_renewal_the_soonest_first(self, retainers):
        days = ["2027-03-01", "2026-12-01", "2027-01-15", "2027-01-16"]
        ids = {day: retainers.retainer(renewal_date=day) for day in days}
        ended = retainers.retainer(renewal_date="2026-11-25")
        retainers.move(ended, "cancel", reason="ended")
        assert retainers.ids(due_before="2027-01-16") == [ids["2026-12-01"], ids["2027-01-15"]]
        retainers.move(ids["2026-12-01"], "pause", reason="budget")
        assert retainers.ids(due_before="2027-01-16", status="paused") == [ids["2026-12-01"]]
        page = retainers.ok("GET", RETAINERS, query={"due_before": "2028-01-01", "limit": "3"})
        rest = retainers.ok("GET", RETAINERS, query={"due_before": "2028-01-01", "limit": "3", "cursor": page["next_cursor"]})
        assert [one["renewal_date"] for one in page["items"] + rest["items"]] == sorted(days)

    def test_a_professional_sees_their_own(self, retainers, client_as):
        mine, other = retainers.professional(), retainers.professional()
        own, foreign = retainers.retainer(mine), retainers.retainer(other)
        them = RetainersClient(client_as("professional", professional_id=mine))
        assert them.ids() == them.ids(status="active") == them.ids(due_before="2030-01-01") == [own]
        assert them.ids(status="draft") == []
        assert them.read(own)["id"] == own
        assert them.ok("GET", f"{RETAINERS}/professional/{mine}")["items"][0]["id"] == own
        entry = retainers.log(foreign)["entry_id"]
        for path in ("", "/periods", "/periods/1", "/statement", "/log_hours", f"/log_hours/{entry}"):
            them.expect_error(404, "GET", f"{RETAINERS}/{foreign}{path}")
        them.expect_error(404, "GET", f"{RETAINERS}/professional/{other}")
        them.expect_error(403, "GET", f"{RETAINERS}/forecast")
        nobody = RetainersClient(client_as("professional"))
        assert nobody.ids() == []
        nobody.expect_error(404, "GET", f"{RETAINERS}/{own}")

    def test_a_second_role_widens_what_is_read(self, retainers, client_as):
        mine, foreign = retainers.professional(), retainers.retainer()
        both = RetainersClient(client_as("professional", "viewer", professional_id=mine))
        assert both.ids() == [foreign]
        both.expect_error(404, "POST", f"{RETAINERS}/{foreign}/log_hours", {"hours": 1})
        assert both.log(retainers.retainer(mine))["approved"] is False


class TestHeld:
    def test_all_that_is_held_on_a_professional(self, retainers, context, clock):
        professional = retainers.professional()
        ctx = context("operator")
        assert read_held(ctx, professional) == ([], False)
        id = retainers.retainer(professional, starts_on="2026-10-24", renewal_date="2027-10-24", notes="Knows the county.")
        entry = retainers.log(id, 1, description="Search")["entry_id"]
        retainers.move(id, "pause", reason="budget")
        before = ctx.store.round_trips
        rows, cut = read_held(ctx, professional)
        assert ctx.store.round_trips - before == 2
        assert ([row["row"] for row in rows], cut) == (["retainer", "period", "hours"], False)
        assert (rows[0]["notes"], rows[1]["n"], rows[2]["id"], rows[2]["description"]) == ("Knows the county.", 1, entry, "Search")
        clock.now += timedelta(seconds=1)
        newer = retainers.retainer(professional)
        rows, cut = read_held(ctx, professional)
        assert ([row["id"] for row in rows], cut) == ([newer, id], True)
        assert "Search" not in dumps(rows), "what is cut says so"


class TestEdit:
    def test_hours_and_fee_hold_from_the_next_period(self, retainers, clock, run):
        id = retainers.retainer(starts_on="2026-11-01", renewal_date="2027-11-01")
        changed = retainers.patch(id, monthly_hours_included=20, monthly_fee=2000, hourly_rate=100, name="Less")
        assert (changed["monthly_hours_included"], changed["monthly_fee"], changed["name"]) == (20, 2000, "Less")
        assert changed["hours_available"] == 40
        retainers.log(id, 41)
        assert retainers.statement(id)["total"] == 3100  # the rate holds at once
        clock.now = at("2026-12-01T08:00:00Z")
        run()
        assert (retainers.read(id)["hours_available"], retainers.statement(id)["fee"]) == (20, 2000)
        assert retainers.statement(id, period="1")["total"] == 3100

    def test_after_a_period_that_nobody_has_closed_yet(self, retainers, clock):
        id = retainers.retainer(starts_on="2026-11-01", renewal_date="2027-11-01")
        clock.now = at("2026-12-01T08:00:00Z")
        assert retainers.patch(id, monthly_hours_included=20)["period"]["n"] == 2
        assert retainers.read(id)["hours_available"] == 40

    def test_nested_ones_are_merged(self, retainers):
        id = retainers.retainer(rollover={"mode": "capped", "cap_hours": 10}, overage={"multiplier": 1.5, "hard_cap_pct": 150})
        changed = retainers.patch(id, rollover={"expires_after_periods": 2}, overage={"multiplier": None, "rate": 99})
        assert changed["rollover"] == {"mode": "capped", "cap_hours": 10, "expires_after_periods": 2, "carry_overuse": False}
        assert changed["overage"] == {"rate": 99, "multiplier": None, "hard_cap_pct": 150}
        refused = retainers.expect_error(422, "PATCH", f"{RETAINERS}/{id}", {"rollover": {"cap_hours": None}})
        assert refused["errors"][0]["loc"] == ["rollover", "cap_hours"]
        retainers.expect_error(422, "PATCH", f"{RETAINERS}/{id}", {"overage": {"multiplier": 2}})
        assert retainers.patch(id, rollover=None, overage=None, notes="n")["rollover"]["mode"] == "none"

    @pytest.mark.parametrize(
        "change",
        [
            {"currency": "EUR"}, {"starts_on": "2026-11-20"}, {"renewal_date": "2027-01-01"}, {"term_months": 2},
            {"time_zone": "UTC"}, {"renewal_date": None, "notes": "x"},
        ],
    )  # fmt: skip
    def test_what_is_fixed_once_it_runs(self, retainers, change):
        id = retainers.retainer(renewal_date="2027-05-05")
        assert retainers.expect_error(409, "PATCH", f"{RETAINERS}/{id}", change)["code"] == "fixed"
        same = {"currency": "USD", "starts_on": "2026-11-24", "term_months": 1}
        assert retainers.patch(id, **same)["revision"] == 1

    def test_a_draft_is_free(self, retainers):
        id = retainers.retainer(status="draft")
        assert retainers.patch(id, starts_on="2026-12-31", term_months=2)["renewal_date"] == "2027-02-28"
        assert retainers.patch(id, renewal_date="2027-03-15", currency="EUR", time_zone="UTC")["renewal_date"] == "2027-03-15"
        assert retainers.patch(id, term_months=3)["renewal_date"] == "2027-03-15"
        assert retainers.patch(id, renewal_date=None)["renewal_date"] == "2027-03-31"
        retainers.expect_error(422, "PATCH", f"{RETAINERS}/{id}", {"renewal_date": "2026-12-31"})
        assert retainers.patch(id, starts_on="2026-11-15", renewal_date="2027-01-01")["starts_on"] == "2026-11-15"
        started = retainers.move(id, "activate")
        assert started["period"] == {"n": 1, "starts_on": "2026-11-15", "ends_on": "2026-11-30"}

    def test_nothing_once_it_has_ended(self, retainers):
        id = retainers.retainer()
        retainers.move(id, "cancel", reason="ended")
        assert retainers.expect_error(409, "PATCH", f"{RETAINERS}/{id}", {"notes": "x"})["code"] == "over"

    def test_what_no_patch_takes(self, retainers):
        id = retainers.retainer()
        for body in ({}, {"status": "paused"}, {"professional_id": retainers.professional()}, {"name": None}, {"cancels_on": "2027-01-01"}):
            retainers.expect_error(422, "PATCH", f"{RETAINERS}/{id}", body)

    def test_if_match(self, retainers):
        id = retainers.retainer()
        retainers.patch(id, notes="x")
        behind = {"If-Match": '"1"'}
        retainers.expect_error(412, "PATCH", f"{RETAINERS}/{id}", {"notes": "y"}, headers=behind)
        for path in ("activate", "pause", "cancel", "renew", "log_hours"):
            body = {"hours": 1} if path == "log_hours" else {}
            retainers.expect_error(412, "POST", f"{RETAINERS}/{id}/{path}", body, headers=behind)
        retainers.ok("PATCH", f"{RETAINERS}/{id}", {"notes": "y"}, headers={"If-Match": '"2"'})


class FakeContract(Entity):
    """What the pack of contracts will bring."""

    KIND = "fake_contract"
    ID = IdFormat("ctr", "contract")
    in_force = a.boolean()


CONTRACT = SubjectAdapter(entity=FakeContract, facts=lambda contract: {"in_force": contract.in_force}, hash_fields=("in_force",))
FAKE = Pack("N", "fake_contracts", "Fake", "tests", subjects=(SubjectEntry("contract", "ctr", f"{__name__}.CONTRACT"),))


class TestContract:
    @pytest.fixture
    def packs(self) -> Any:
        others = [pack for pack in PACKS if not any(one.type == "contract" for one in pack.subjects)]
        return (*others, FAKE)

    @pytest.fixture
    def contract(self, runtime, packs, context):
        """`contract(True)`: the id of a contract that is in force, in a system that has contracts."""
        from chalicelib.foundation.pack_registry import PackRegistry

        runtime.packs = PackRegistry(packs)

        def make(in_force: bool) -> str:
            ctx = context("operator")
            one = FakeContract.new(ctx, in_force=in_force)
            ctx.store.create(one)
            return one.id

        return make

    def test_none_that_is_there(self, retainers):
        for id in ("ctr_01KB0Q5E8G7Z3V9X2M4N6P8R0T", "x", NOWHERE, retainers.professional()):
            assert retainers.expect_error(404, "POST", RETAINERS, retainers.body(contract_id=id))["detail"] == "No such contract."

    def test_it_must_be_in_force(self, retainers, contract):
        lapsed, signed = contract(False), contract(True)
        refused = retainers.expect_error(409, "POST", RETAINERS, retainers.body(contract_id=lapsed))
        assert refused["code"] == "contract_not_in_force"
        retainers.expect_error(404, "POST", RETAINERS, retainers.body(contract_id="ctr_01KB0Q5E8G7Z3V9X2M4N6P8R0T"))
        id = retainers.retainer(contract_id=signed)
        assert retainers.read(id)["contract_id"] == signed
        refused = retainers.expect_error(409, "PATCH", f"{RETAINERS}/{id}", {"contract_id": lapsed})
        assert refused["code"] == "contract_not_in_force"
        assert retainers.patch(id, contract_id=None)["contract_id"] is None

    def test_a_draft_may_wait_for_it(self, retainers, contract):
        lapsed = contract(False)
        id = retainers.retainer(contract_id=lapsed, status="draft")
        retainers.expect_error(404, "PATCH", f"{RETAINERS}/{id}", {"contract_id": "ctr_01KB0Q5E8G7Z3V9X2M4N6P8R0T"})
        refused = retainers.expect_error(409, "POST", f"{RETAINERS}/{id}/activate", {})
        assert refused["code"] == "contract_not_in_force"
        retainers.patch(id, contract_id=contract(True))
        assert retainers.move(id, "activate")["status"] == "active"
