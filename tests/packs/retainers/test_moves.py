"""The states of a retainer: who moves it, when, and what becomes of its periods."""

from typing import Any

import pytest

from chalicelib.packs.retainers.rules.states import MACHINE, STATUSES
from tests.api_user import all_rows
from tests.packs.retainers.retainers_client import RETAINERS, RetainersClient, at, events, of_kind, stored


def refused(retainers: RetainersClient, status: int, id: str, move: str, **body: Any) -> Any:
    return retainers.expect_error(status, "POST", f"{RETAINERS}/{id}/{move}", body)


@pytest.fixture
def in_status(retainers, clock, run):
    """A retainer in each status."""

    def make(status: str) -> str:
        id = retainers.retainer(status="draft" if status == "draft" else "active", renewal_date="2026-11-25")
        if status == "paused":
            retainers.move(id, "pause", reason="budget")
        if status == "cancelled":
            retainers.move(id, "cancel", reason="ended")
        if status == "expired":
            clock.now = at("2026-11-25T12:00:00Z")
            run()
        assert retainers.read(id)["status"] == status
        return id

    return make


class TestMachine:
    def test_the_table(self):
        moves = {source: MACHINE.allowed(source) for source in STATUSES}
        assert moves == {
            "draft": ["active", "cancelled"],
            "active": ["paused", "cancelled"],
            "paused": ["active", "cancelled"],
            "expired": [],
            "cancelled": [],
        }

    @pytest.mark.parametrize(
        ("status", "move", "allowed"),
        [
            ("draft", "pause", ["active", "cancelled"]),
            ("draft", "renew", ["active", "cancelled"]),
            ("active", "activate", ["paused", "cancelled"]),
            ("paused", "pause", ["active", "cancelled"]),
            ("paused", "renew", ["active", "cancelled"]),
            *((status, move, []) for status in ("expired", "cancelled") for move in ("activate", "pause", "cancel", "renew")),
        ],
    )
    def test_any_other_pair(self, retainers, in_status, status, move, allowed):
        id = in_status(status)
        problem = refused(retainers, 409, id, move)
        assert (problem["type"], problem["from"], problem["allowed"]) == ("/problems/invalid-transition", status, allowed)

    @pytest.mark.parametrize("status", ["draft", "paused", "expired"])
    def test_deactivate_pauses_active_ones_only(self, retainers, in_status, status):
        problem = retainers.expect_error(409, "PATCH", f"{RETAINERS}/{in_status(status)}/deactivate")
        assert problem["type"] == "/problems/invalid-transition"

    def test_who_may(self, retainers, client_as):
        id = retainers.retainer()
        for role in ("dealmaker", "counsel", "auditor", "viewer", "professional"):
            other = RetainersClient(client_as(role))
            for move in ("activate", "pause", "cancel", "renew"):
                refused(other, 403, id, move)

    def test_reasons(self, retainers):
        id = retainers.retainer()
        assert refused(retainers, 422, id, "pause")["errors"][0]["loc"] == ["reason"]
        assert refused(retainers, 422, id, "pause", reason="breach")["errors"][0]["loc"] == ["reason"]
        assert refused(retainers, 422, id, "pause", reason="other")["errors"][0]["loc"] == ["note"]
        assert refused(retainers, 422, id, "cancel")["errors"][0]["loc"] == ["reason"]
        assert refused(retainers, 422, id, "cancel", reason="budget")["errors"][0]["loc"] == ["reason"]
        assert refused(retainers, 422, id, "cancel", reason="other")["errors"][0]["loc"] == ["note"]
        retainers.move(id, "pause", reason="other", note="They are on leave.")
        assert refused(retainers, 422, id, "activate", reason="other")["errors"][0]["loc"] == ["note"]
        retainers.move(id, "activate")

    def test_each_move_is_in_the_history(self, retainers, runtime):
        id = retainers.retainer(status="draft")
        retainers.move(id, "activate")
        retainers.move(id, "pause", reason="quality", note="Late twice.")
        retainers.move(id, "cancel", reason="breach")
        stays = of_kind(runtime, "stay")
        assert [(stay["status"]["S"], stay.get("reason", {}).get("S"), stay["left_for"]["S"]) for stay in stays] == [
            ("draft", None, "active"), ("active", None, "paused"), ("paused", "quality", "cancelled"),
        ]  # fmt: skip
        assert {stay["left_by"]["S"] for stay in stays} == {"user_operator"}
        assert (stored(runtime, id).status_reason, stored(runtime, id).status_entered_by) == ("breach", "user_operator")

    def test_a_repeated_move_is_answered_again(self, retainers):
        id, key = retainers.retainer(), {"Idempotency-Key": "k"}
        first, again = (retainers.call("POST", f"{RETAINERS}/{id}/renew", {}, headers=key) for _ in range(2))
        assert (first.status, first.json(), again.headers["idempotent-replayed"]) == (200, again.json(), "true")
        assert retainers.read(id)["period"]["n"] == 2


class TestActivate:
    def test_with_the_periods_since_its_first_day(self, retainers, clock):
        id = retainers.retainer(status="draft", starts_on="2026-11-01", renewal_date="2027-11-01")
        clock.now = at("2027-02-10T12:00:00Z")
        assert retainers.move(id, "activate")["period"]["n"] == 4
        assert [one["status"] for one in retainers.periods(id)] == ["open", "closed", "closed", "closed"]

    def test_not_a_draft_of_long_ago(self, retainers, clock):
        id = retainers.retainer(status="draft", auto_renew=True)
        clock.now = at("2027-11-26T12:00:00Z")
        assert refused(retainers, 409, id, "activate")["code"] == "begun_long_ago"
        assert retainers.patch(id, notes="Still wanted.")["notes"] == "Still wanted."
        retainers.expect_error(422, "PATCH", f"{RETAINERS}/{id}", {"starts_on": "2026-11-23"})
        retainers.patch(id, starts_on="2027-11-01")
        assert retainers.move(id, "activate")["period"]["starts_on"] == "2027-11-01"

    def test_its_professional_must_be_active(self, retainers):
        professional = retainers.professional()
        id = retainers.retainer(professional, status="draft")
        retainers.ok("PATCH", f"/pros/scorecard/professionals/{professional}", {"is_active": False})
        assert refused(retainers, 409, id, "activate")["code"] == "professional_inactive"
        retainers.ok("PATCH", f"/pros/scorecard/professionals/{professional}", {"is_active": True})
        assert retainers.move(id, "activate")["status"] == "active"


class TestPause:
    def test_paused_days_count_neither_for_hours_nor_for_the_fee(self, retainers, clock):
        clock.now = at("2027-04-01T12:00:00Z")
        id = retainers.retainer(starts_on="2027-04-01", renewal_date="2028-04-01")
        clock.now = at("2027-04-11T12:00:00Z")
        assert retainers.move(id, "pause", reason="capacity")["is_active"] is False
        assert refused(retainers, 409, id, "log_hours", hours=1)["code"] == "not_active"
        clock.now = at("2027-04-21T12:00:00Z")
        assert retainers.move(id, "activate")["hours_available"] == 26.67
        assert retainers.statement(id)["fee"] == 2000

    def test_deactivate_answers_as_before(self, retainers):
        id = retainers.retainer()
        assert retainers.ok("PATCH", f"{RETAINERS}/{id}/deactivate") == {"status": "deactivated", "retainer_id": id}
        assert (retainers.read(id)["status"], retainers.read(id)["is_active"]) == ("paused", False)

    def test_a_period_that_ends_paused_is_the_last_until_it_is_resumed(self, retainers, clock, run):
        id = retainers.retainer(starts_on="2026-11-01", renewal_date="2027-11-01")
        retainers.move(id, "pause", reason="budget")
        clock.now = at("2027-01-20T12:00:00Z")
        run()
        paused = retainers.read(id)
        assert (paused["status"], paused["period"], paused["hours_used"]) == ("paused", None, None)
        assert retainers.statement(id)["period"] == 1
        resumed = retainers.move(id, "activate")
        assert resumed["period"] == {"n": 2, "starts_on": "2027-01-20", "ends_on": "2027-01-31"}
        assert resumed["hours_available"] == 15.48  # 12 of 31 days

    def test_its_term_may_end_meanwhile(self, retainers, clock, runtime):
        id = retainers.retainer(renewal_date="2026-12-24")
        retainers.move(id, "pause", reason="budget")
        clock.now = at("2026-12-24T12:00:00Z")
        problem = refused(retainers, 409, id, "activate")
        assert (problem["from"], problem["allowed"]) == ("expired", [])
        assert [one.event for one in events(runtime)] == ["retainers.expired"]


class TestCancel:
    def test_after_the_notice(self, retainers, clock, run, runtime):
        id = retainers.retainer(starts_on="2026-11-01", renewal_date="2027-11-01", notice_days=30)
        assert retainers.move(id, "cancel", reason="replaced", note="By another.")["cancels_on"] == "2026-12-24"
        assert retainers.read(id)["status"] == "active"
        retainers.log(id, 3)
        assert refused(retainers, 409, id, "cancel", reason="ended")["code"] == "cancels_already"
        assert refused(retainers, 409, id, "renew")["code"] == "cancels_already"
        clock.now = at("2026-12-24T07:59:59Z")
        run()
        assert retainers.read(id)["status"] == "active"
        clock.now = at("2026-12-24T08:00:00Z")
        run()
        ended = retainers.read(id)
        assert (ended["status"], ended["period"], ended["cancels_on"]) == ("cancelled", None, "2026-12-24")
        last = retainers.statement(id)
        assert (last["period"], last["ends_on"], last["status"], last["fee"]) == (2, "2026-12-24", "closed", 2322.58)
        assert (stored(runtime, id).status_reason, stored(runtime, id).status_note) == ("replaced", "By another.")
        (event,) = events(runtime, "cancelled")
        assert (event.for_role, event.subject_id, event.due_on.isoformat()) == ("operator", id, "2026-12-24")

    def test_today_cuts_at_once(self, retainers, clock):
        clock.now = at("2027-04-10T12:00:00Z")
        id = retainers.retainer(starts_on="2027-04-01", renewal_date="2028-04-01", rollover={"mode": "full"})
        retainers.log(id, 20)
        assert retainers.move(id, "cancel", reason="ended", effective_on="2027-04-10")["status"] == "cancelled"
        statement = retainers.statement(id)
        assert (statement["fee"], statement["ends_on"]) == (1000, "2027-04-10")
        assert [(line["kind"], line["hours"], line["amount"]) for line in statement["lines"]] == [
            ("fee", 13.33, 1000), ("overage", 6.67, 1250),
        ]  # fmt: skip

    def test_sooner_than_the_notice_is_for_administrators(self, retainers, client_as):
        id = retainers.retainer(notice_days=10)
        assert retainers.expect_error(403, "POST", f"{RETAINERS}/{id}/cancel", {"reason": "ended", "effective_on": "2026-12-03"})
        refused(retainers, 422, id, "cancel", reason="ended", effective_on="2026-11-23")
        admin = RetainersClient(client_as("admin"))
        refused(admin, 422, id, "cancel", reason="ended", effective_on="2026-11-23")
        assert admin.move(id, "cancel", reason="ended", effective_on="2026-11-24")["status"] == "cancelled"
        other = retainers.retainer(notice_days=10)
        assert retainers.move(other, "cancel", reason="ended", effective_on="2026-12-04")["cancels_on"] == "2026-12-04"

    def test_a_draft_ends_at_once(self, retainers, runtime):
        id = retainers.retainer(status="draft", notice_days=90)
        ended = retainers.move(id, "cancel", reason="ended", effective_on="2027-11-24")
        assert (ended["status"], ended["cancels_on"]) == ("cancelled", "2026-11-24")
        assert retainers.periods(id) == []
        retainers.expect_error(404, "GET", f"{RETAINERS}/{id}/statement")

    def test_a_debt_is_billed(self, retainers):
        id = retainers.retainer(
            starts_on="2026-10-24", renewal_date="2027-10-24", rollover={"carry_overuse": True}, overage={"multiplier": 1.5}
        )
        retainers.log(id, 50)
        assert retainers.statement(id)["overage_fee"] == 0
        retainers.move(id, "cancel", reason="ended", effective_on="2026-11-24")
        last = retainers.statement(id)
        assert [line["kind"] for line in last["lines"]] == ["fee", "debt"]
        assert (last["lines"][1]["hours"], last["overage_fee"]) == (48.67, 13687.5)  # of one day of thirty there were 80 minutes


class TestRenew:
    def test_the_term_ends_with_the_running_period(self, retainers, clock, runtime):
        clock.now = at("2026-02-10T12:00:00Z")
        id = retainers.retainer(starts_on="2026-01-31", renewal_date="2026-02-28", uplift_pct=3)
        renewed = retainers.move(id, "renew")
        assert renewed["period"] == {"n": 2, "starts_on": "2026-02-28", "ends_on": "2026-03-30"}
        assert (renewed["renewal_date"], renewed["monthly_fee"]) == ("2026-03-31", 3090)
        first = retainers.periods(id)[1]
        assert (first["starts_on"], first["ends_on"], first["status"], first["fee"]) == ("2026-01-31", "2026-02-27", "closed", 3000)
        (event,) = events(runtime, "renewed")
        assert (event.data["renewal_date"], event.due_on.isoformat()) == ("2026-03-31", "2026-02-28")

    def test_what_is_not_agreed_is_not_renewed(self, retainers):
        ahead = retainers.retainer(starts_on="2026-12-01")
        assert refused(retainers, 409, ahead, "renew")["code"] == "not_started"

    def test_not_for_ever(self, retainers):
        id = retainers.retainer()
        for _ in range(13):
            retainers.move(id, "renew")
        assert refused(retainers, 409, id, "renew")["code"] == "renewed_ahead"
        assert retainers.log(id, 1)["late_for"] == 1


def test_a_move_writes_nothing_where_it_is_refused(retainers, runtime):
    id = retainers.retainer()
    before = len(all_rows(runtime))
    refused(retainers, 422, id, "pause")
    refused(retainers, 409, id, "activate")
    assert len(all_rows(runtime)) == before
    assert stored(runtime, id).revision == 1
