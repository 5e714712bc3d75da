"""What a task that is done does elsewhere: it counts in the scorecard, and its hours are logged."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from chalicelib.foundation.ids import EXAMPLE_ULID
from tests.api_user import all_rows
from tests.packs.tasks.tasks_client import T, TasksClient, kept

R = "/pros/retainers"


def interactions(tasks: TasksClient, professional: str) -> list[Any]:
    return tasks.list(f"/pros/scorecard/{professional}/log")[::-1]


class TestInteractions:
    def test_in_time_and_late(self, tasks: TasksClient, clock):
        professional, deal = tasks.professional(), tasks.deal()
        today, late = tasks.task(deal, professional, due_on="2026-11-24"), tasks.task(deal, professional, due_on="2026-11-23")
        without = tasks.task(deal, professional)
        for id in (today, late, without):
            clock.now += timedelta(minutes=1)
            tasks.finish(id)
        logged = interactions(tasks, professional)
        assert [(row["task_id"], row["met_deadline"], row["source"], row["deal_id"]) for row in logged] == [
            (today, True, "task", deal),
            (late, False, "task", deal),
        ]

    @pytest.mark.parametrize(("reason", "met"), [("client", True), ("third_party", True), ("information", False)])
    def test_what_others_held_up_prolongs_the_day(self, tasks: TasksClient, clock, reason, met):
        professional = tasks.professional()
        id = tasks.task(professional=professional, due_on="2026-11-25")
        tasks.move(id, "blocked", reason=reason)
        clock.now += timedelta(days=2)
        tasks.move(id, "in_progress")
        clock.now += timedelta(days=1, hours=2)  # on the 27th, two days late
        tasks.move(id, "done")
        assert [row["met_deadline"] for row in interactions(tasks, professional)] == [met]

    def test_the_day_is_the_firms(self, tasks: TasksClient, clock):
        professional = tasks.professional()
        id = tasks.task(professional=professional, due_on="2026-11-24")
        clock.now = clock.now.replace(day=25, hour=7, minute=59)  # the 24th in Los Angeles
        tasks.finish(id)
        assert interactions(tasks, professional)[0]["met_deadline"] is True

    def test_reopening_reverses_and_finishing_logs_anew(self, tasks: TasksClient, clock, runtime, project):
        professional = tasks.professional()
        id = tasks.task(professional=professional, due_on="2026-11-24")
        tasks.finish(id)
        first = kept(runtime, id).interaction_id
        clock.now += timedelta(days=1)
        tasks.move(id, "in_progress", reason="defect")
        assert kept(runtime, id).interaction_id is None
        (row,) = interactions(tasks, professional)
        assert (row["id"], row["reversed_at"]) == (first, "2026-11-25T18:00:00.000Z")
        tasks.move(id, "done")
        old, new = interactions(tasks, professional)
        assert (old["met_deadline"], old["reversed_at"] is not None) == (True, True)
        assert (new["met_deadline"], new["reversed_at"]) == (False, None)
        assert kept(runtime, id).interaction_id == new["id"] != first
        project()
        card = tasks.ok("GET", f"/pros/scorecard/{professional}/scorecard")
        assert (card["counts"]["interactions"], card["reliability_score"]) == (1, 0)

    def test_one_that_is_cancelled_logs_nothing(self, tasks: TasksClient):
        professional = tasks.professional()
        tasks.move(tasks.task(professional=professional, due_on="2026-11-01"), "cancelled", reason="duplicate")
        assert interactions(tasks, professional) == []

    def test_of_whoever_has_it_then(self, tasks: TasksClient):
        ada, bob = tasks.professional("Ada"), tasks.professional("Bob")
        id = tasks.task(professional=ada, due_on="2026-11-24")
        tasks.finish(id)
        tasks.move(id, "in_progress", reason="incomplete")
        tasks.patch(id, professional_id=bob)
        tasks.move(id, "done")
        assert [row["reversed_at"] is None for row in interactions(tasks, ada)] == [False]
        assert [row["reversed_at"] for row in interactions(tasks, bob)] == [None]

    def test_an_inactive_ones_task_counts_too(self, tasks: TasksClient):
        professional = tasks.professional()
        id = tasks.task(professional=professional, due_on="2026-11-24")
        tasks.move(id, "in_progress")
        tasks.ok("PATCH", f"/pros/scorecard/professionals/{professional}", {"is_active": False})
        tasks.move(id, "done")
        assert len(interactions(tasks, professional)) == 1


@pytest.fixture
def retainer(tasks: TasksClient) -> Any:
    """`retainer(professional)`: an active one; more of the body by name."""

    def make(professional: str, **body: Any) -> str:
        given = {"professional_id": professional, "name": "Monthly", "monthly_hours_included": 10, "hourly_rate": 100, **body}
        return str(tasks.ok("POST", R, given)["id"])

    return make


def entries(tasks: TasksClient, retainer: str) -> list[Any]:
    return tasks.list(f"{R}/{retainer}/log_hours")


class TestHours:
    def test_on_the_only_active_retainer(self, tasks: TasksClient, retainer):
        professional = tasks.professional()
        one, paused = retainer(professional), retainer(professional)
        tasks.ok("PATCH", f"{R}/{paused}/deactivate")
        id = tasks.task(professional=professional)
        tasks.finish(id, hours=1.5)
        (entry,) = entries(tasks, one)
        assert (entry["task_id"], entry["hours"], entry["worked_on"], entry["approved"]) == (id, Decimal("1.5"), "2026-11-24", True)
        assert entries(tasks, paused) == []
        assert tasks.ok("GET", f"{R}/{one}")["hours_used"] == Decimal("1.5")

    def test_on_the_one_that_is_named(self, tasks: TasksClient, retainer):
        professional = tasks.professional()
        one, other = retainer(professional), retainer(professional)
        id = tasks.task(professional=professional)
        tasks.finish(id, hours=2, retainer_id=other)
        assert ([entry["hours"] for entry in entries(tasks, other)], entries(tasks, one)) == ([2], [])

    def test_reopening_leaves_them(self, tasks: TasksClient, retainer):
        professional = tasks.professional()
        one, id = retainer(professional), tasks.task(professional=professional)
        tasks.finish(id, hours=2)
        tasks.move(id, "in_progress", reason="defect")
        tasks.move(id, "done", hours=1)
        assert sorted(entry["hours"] for entry in entries(tasks, one)) == [1, 2]

    def test_which_one_isnt_clear(self, tasks: TasksClient, retainer, runtime):
        professional, other = tasks.professional(), tasks.professional()
        elsewhere = retainer(other)
        id = tasks.task(professional=professional, due_on="2026-11-24")
        tasks.move(id, "in_progress")
        done = {"status": "done", "hours": 1}

        def wrong(**body: Any) -> Any:
            return tasks.expect_error(422, "PATCH", f"{T}/{id}/status", {**done, **body})["errors"][0]["loc"]

        assert wrong() == ["retainer_id"]
        retainer(professional), retainer(professional)
        assert wrong() == ["retainer_id"]
        assert wrong(retainer_id=elsewhere) == ["retainer_id"]
        tasks.expect_error(404, "PATCH", f"{T}/{id}/status", {**done, "retainer_id": f"ret_{EXAMPLE_ULID}"})
        assert tasks.read(id)["status"] == "in_progress"
        assert not [raw for raw in all_rows(runtime) if raw.get("kind", {}).get("S") == "interaction"]

    def test_what_takes_none(self, tasks: TasksClient, retainer):
        professional = tasks.professional()
        one = retainer(professional, overage={"hard_cap_pct": 100})
        id = tasks.task(professional=professional)
        tasks.move(id, "in_progress")
        refused = tasks.expect_error(409, "PATCH", f"{T}/{id}/status", {"status": "done", "hours": 10.1})
        assert (refused["code"], refused["hours_left"]) == ("hard_cap", 10)
        assert (tasks.read(id)["status"], entries(tasks, one)) == ("in_progress", [])
        tasks.ok("PATCH", f"{R}/{one}/deactivate")
        refused = tasks.expect_error(409, "PATCH", f"{T}/{id}/status", {"status": "done", "hours": 1, "retainer_id": one})
        assert refused["code"] == "not_active"

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({"status": "blocked", "reason": "client", "hours": 1}, "hours"),
            ({"status": "done", "hours": 0}, "hours"),
            ({"status": "done", "hours": 744.01}, "hours"),
            ({"status": "done", "hours": 1.00001}, "hours"),
            ({"status": "done", "retainer_id": f"ret_{EXAMPLE_ULID}"}, "retainer_id"),
        ],
    )
    def test_what_is_wrong(self, tasks: TasksClient, body, field):
        id = tasks.task()
        tasks.move(id, "in_progress")
        errors = tasks.expect_error(422, "PATCH", f"{T}/{id}/status", body)["errors"]
        assert [error["loc"] for error in errors] == [[field]]

    def test_conditions_come_first(self, tasks: TasksClient):
        deal = tasks.deal()
        id = tasks.task(deal, depends_on=[tasks.task(deal)])
        tasks.move(id, "in_progress")
        refused = tasks.expect_error(409, "PATCH", f"{T}/{id}/status", {"status": "done", "hours": 1})
        assert refused["code"] == "depends_on_open"

    def test_who_logs_them(self, tasks: TasksClient, as_, retainer):
        professional, deal = tasks.professional(), tasks.deal(owner=None)
        one, ids = retainer(professional), [tasks.task(deal, professional) for _ in range(3)]
        for id in ids:
            tasks.move(id, "in_progress")
        me = as_("professional", user="user_ada", professional_id=professional)
        me.move(ids[0], "done", hours=1)
        as_("dealmaker", user="user_deal").move(ids[1], "done", hours=1)
        as_("counsel").expect_error(403, "PATCH", f"{T}/{ids[2]}/status", {"status": "done", "hours": 1})
        approved = {entry["task_id"]: entry["approved"] for entry in entries(tasks, one)}
        assert approved == {ids[0]: False, ids[1]: True}

    def test_many_at_once_lose_none(self, tasks: TasksClient, retainer, runtime):
        """Between the read of the retainer and the write somebody else logs: both count."""
        from tests.packs.tasks.test_races import Meanwhile

        professional = tasks.professional()
        one, id = retainer(professional), tasks.task(professional=professional)
        tasks.move(id, "in_progress")
        Meanwhile(runtime, lambda: tasks.ok("POST", f"{R}/{one}/log_hours", {"hours": 1}))
        tasks.move(id, "done", hours=2)
        assert tasks.ok("GET", f"{R}/{one}")["hours_used"] == 3
