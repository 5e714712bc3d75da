"""Moving tasks: each pair of statuses, the time in them, what finishing takes, and what it says to others."""

from datetime import timedelta
from itertools import product

import pytest

from chalicelib.packs.tasks.rules import dependencies
from chalicelib.packs.tasks.rules.statuses import STATUSES
from tests.api_user import all_rows
from tests.packs.tasks.tasks_client import T, TasksClient, events, gate
from tests.packs.tasks.test_rules import MOVES

# How a task gets into a status.
WAYS = {
    "open": [],
    "in_progress": [("in_progress", {})],
    "blocked": [("blocked", {"reason": "client"})],
    "done": [("in_progress", {}), ("done", {})],
    "cancelled": [("cancelled", {"reason": "duplicate"})],
}


def put(tasks: TasksClient, id: str, status: str) -> None:
    for target, body in WAYS[status]:
        tasks.move(id, target, **body)


class TestTable:
    @pytest.mark.parametrize(("source", "target"), list(product(STATUSES, repeat=2)))
    def test_each_pair(self, tasks: TasksClient, source, target):
        id = tasks.task()
        put(tasks, id, source)
        reasons = MOVES.get((source, target), (None, ()))[1]
        body = {"status": target, "reason": reasons[0] if reasons else None}
        before = tasks.read(id)
        if (source, target) in MOVES:
            after = tasks.ok("PATCH", f"{T}/{id}/status", body)
            assert (after["status"], after["status_reason"], after["revision"]) == (target, body["reason"], before["revision"] + 1)
            assert tasks.read(id) == after
        else:
            refused = tasks.expect_error(409, "PATCH", f"{T}/{id}/status", body)
            assert refused["type"] == "/problems/invalid-transition"
            assert (refused["from"], refused["to"]) == (source, target)
            assert set(refused["allowed"]) == {to for at, to in MOVES if at == source}
            assert tasks.read(id) == before

    def test_the_older_form(self, tasks: TasksClient):
        id = tasks.task()
        moved = tasks.ok("PATCH", f"{T}/{id}/status", query={"status": "in_progress"})
        assert moved["status"] == "in_progress"
        assert tasks.ok("PATCH", f"{T}/{id}/status", {"status": "done"}, query={"status": "done"})["status"] == "done"
        body = {"status": "in_progress", "reason": "defect"}
        assert tasks.expect_error(422, "PATCH", f"{T}/{id}/status", body, query={"status": "cancelled"})["errors"][0]["loc"] == ["status"]

    @pytest.mark.parametrize(
        ("body", "query", "field"),
        [
            (None, {}, "status"),
            ({}, {}, "status"),
            ({"reason": "client"}, {}, "status"),
            ({"status": "banana"}, {}, "status"),
            (None, {"status": "banana"}, "status"),
            ({"status": "blocked"}, {}, "reason"),
            ({"status": "blocked", "reason": "deal_dead"}, {}, "reason"),
            ({"status": "blocked", "reason": "banana"}, {}, "reason"),
            ({"status": "blocked", "reason": "other"}, {}, "note"),
            ({"status": "in_progress", "owner": "x"}, {}, "owner"),
        ],
    )
    def test_what_is_wrong(self, tasks: TasksClient, body, query, field):
        errors = tasks.expect_error(422, "PATCH", f"{T}/{tasks.task()}/status", body, query=query)["errors"]
        assert [error["loc"] for error in errors] == [[field]]

    def test_an_inactive_professional_starts_nothing_but_goes_on(self, tasks: TasksClient):
        professional = tasks.professional()
        fresh, begun = (tasks.task(professional=professional) for _ in range(2))
        tasks.move(begun, "in_progress", "blocked", reason="client")
        tasks.ok("PATCH", f"/pros/scorecard/professionals/{professional}", {"is_active": False})
        assert tasks.expect_error(409, "PATCH", f"{T}/{fresh}/status", {"status": "in_progress"})["code"] == "professional_inactive"
        assert tasks.move(begun, "in_progress", "done")["status"] == "done"

    def test_each_move_is_kept(self, tasks: TasksClient, runtime, clock):
        id = tasks.task()
        for target, body in (("in_progress", {}), ("blocked", {"reason": "other", "note": "Snow."}), ("in_progress", {})):
            clock.now += timedelta(hours=1)
            tasks.move(id, target, **body)
        stays = [raw for raw in all_rows(runtime) if raw["sk"]["S"].startswith(f"H#{id}#")]
        stays.sort(key=lambda raw: raw["sk"]["S"])
        assert [raw["status"]["S"] for raw in stays] == ["open", "in_progress", "blocked"]
        assert (stays[2]["reason"]["S"], stays[2]["note"]["S"], stays[2]["left_by"]["S"]) == ("other", "Snow.", "user_operator")


class TestTime:
    def test_the_clock_stops_while_blocked(self, tasks: TasksClient, clock):
        id = tasks.task()
        for target, minutes, body in (
            ("in_progress", 1, {}),
            ("blocked", 2, {"reason": "client"}),
            ("in_progress", 4, {}),
            ("blocked", 8, {"reason": "third_party"}),
            ("in_progress", 16, {}),
            ("done", 32, {}),
            ("in_progress", 64, {"reason": "defect"}),
            ("blocked", 128, {"reason": "client"}),
            ("in_progress", 256, {}),
            ("done", 512, {}),
        ):
            clock.now += timedelta(minutes=minutes)
            after = tasks.move(id, target, **body)
        assert after["seconds_in"] == {"open": 60, "in_progress": 60 * (2 + 8 + 32 + 128 + 512), "blocked": 60 * (4 + 16 + 256)}
        assert after["blocked_seconds"] == {"client": 60 * 260, "third_party": 60 * 16, "dependency": 0, "information": 0, "other": 0}
        assert after["reopened"] == 1
        clock.now += timedelta(days=9)
        assert tasks.read(id) == after

    def test_the_present_stay_isnt_in_it(self, tasks: TasksClient, clock):
        id = tasks.task()
        since = tasks.read(id)["status_since"]
        clock.now += timedelta(hours=1)
        seen = tasks.read(id)
        assert (seen["seconds_in"]["open"], seen["status_since"]) == (0, since)

    def test_overdue_is_a_matter_of_the_firms_day(self, tasks: TasksClient, clock):
        from datetime import UTC, datetime

        id = tasks.task(due_on="2026-12-10")
        clock.now = datetime(2026, 12, 11, 7, 59, 59, tzinfo=UTC)  # the 10th in Los Angeles
        assert (tasks.read(id)["overdue"], tasks.list(T, overdue="true")) == (False, [])
        before = tasks.call("GET", f"{T}/{id}").headers["etag"]
        clock.now += timedelta(seconds=1)
        assert (tasks.read(id)["overdue"], [row["id"] for row in tasks.list(T, overdue="true")]) == (True, [id])
        assert tasks.call("GET", f"{T}/{id}", headers={"If-None-Match": before}).status == 200
        tasks.finish(id)
        assert tasks.read(id)["overdue"] is False


class TestDependencies:
    def test_done_takes_settled_dependencies(self, tasks: TasksClient):
        deal = tasks.deal()
        first, second, third = (tasks.task(deal) for _ in range(3))
        id = tasks.task(deal, depends_on=[first, second, third], checklist=[{"title": "Signed"}])
        tasks.move(id, "in_progress")
        tasks.finish(first)
        refused = tasks.expect_error(409, "PATCH", f"{T}/{id}/status", {"status": "done"})
        assert (refused["code"], refused["open"]) == ("depends_on_open", [second, third])
        tasks.move(second, "cancelled", reason="not_needed")
        tasks.finish(third)
        refused = tasks.expect_error(409, "PATCH", f"{T}/{id}/status", {"status": "done"})
        assert (refused["code"], refused["open"]) == ("checklist_open", ["Signed"])
        tasks.patch(id, checklist=[{"title": "Signed", "done": True}])
        tasks.move(first, "in_progress", reason="defect")
        assert tasks.expect_error(409, "PATCH", f"{T}/{id}/status", {"status": "done"})["open"] == [first]
        tasks.move(first, "done")
        assert tasks.move(id, "done")["status"] == "done"

    def test_circles(self, tasks: TasksClient):
        deal = tasks.deal()
        first = tasks.task(deal)
        second = tasks.task(deal, depends_on=[first])
        third = tasks.task(deal, depends_on=[second])
        refused = tasks.expect_error(409, "PATCH", f"{T}/{first}", {"depends_on": [third]})
        assert (refused["code"], refused["circle"]) == ("circle", [first, third, second, first])
        assert tasks.expect_error(409, "PATCH", f"{T}/{first}", {"depends_on": [first]})["circle"] == [first, first]
        tasks.patch(second, depends_on=[])
        assert tasks.patch(first, depends_on=[third])["depends_on"] == [third]

    def test_only_of_the_same_deal(self, tasks: TasksClient):
        deal = tasks.deal()
        id, elsewhere = tasks.task(deal), tasks.task()
        tasks.expect_error(422, "PATCH", f"{T}/{id}", {"depends_on": [elsewhere]})
        gone = tasks.task(deal)
        tasks.ok("DELETE", f"{T}/{gone}")
        tasks.expect_error(404, "PATCH", f"{T}/{id}", {"depends_on": [gone]})
        body = {"professional_id": tasks.professional(), "deal_id": deal, "title": "t", "depends_on": [gone]}
        tasks.expect_error(404, "POST", T, body)

    def test_the_tasks_share_the_gates_count(self, tasks: TasksClient, runtime):
        """What one query of the tasks tells is what the gate holds, so that a change takes no further read."""
        deal = tasks.deal()
        first = tasks.task(deal)
        second = tasks.task(deal, depends_on=[first])
        third = tasks.task(deal)
        tasks.patch(third, depends_on=[first, second])
        tasks.finish(first)
        tasks.move(first, "in_progress", reason="defect")
        tasks.patch(second, depends_on=[])
        tasks.patch(third, depends_on=[first])
        tasks.move(second, "cancelled", reason="duplicate")
        tasks.ok("DELETE", f"{T}/{second}")
        shares = [int(raw["dependency_changes"]["N"]) for raw in all_rows(runtime) if raw.get("kind", {}).get("S") == "task"]
        assert gate(runtime, deal)["dependencies"] == sum(shares) == 8

    def test_also_once_tasks_with_a_share_are_purged(self, tasks: TasksClient, runtime, round_trips):
        deal = tasks.deal()
        first = tasks.task(deal)
        second, third = tasks.task(deal, depends_on=[first]), tasks.task(deal)
        tasks.ok("DELETE", f"{T}/{second}")
        from chalicelib.packs.tasks.entities import Task

        runtime.store().delete(Task.ID.key(second))
        tasks.patch(third, depends_on=[first])
        assert round_trips() == 4
        assert tasks.expect_error(409, "PATCH", f"{T}/{first}", {"depends_on": [third]})["code"] == "circle"
        tasks.finish(first)
        tasks.finish(third)


class TestReady:
    def test_told_once_when_the_last_is_settled(self, tasks: TasksClient, runtime):
        deal = tasks.deal(title="Pine")
        first, second = tasks.task(deal), tasks.task(deal)
        both = tasks.task(deal, depends_on=[first, second], title="Close")
        one = tasks.task(deal, depends_on=[second])
        over = tasks.task(deal, depends_on=[second])
        tasks.move(over, "cancelled", reason="duplicate")
        tasks.finish(first)
        assert events(runtime, "tasks.ready") == []
        tasks.move(second, "cancelled", reason="not_needed")
        told = events(runtime, "tasks.ready")
        assert {event.subject_id for event in told} == {both, one}
        assert {(event.for_user, event.for_role, event.subject_type) for event in told} == {("user_operator", None, "task")}
        assert "Close" in next(event.title for event in told if event.subject_id == both)

    def test_again_when_it_is_settled_again(self, tasks: TasksClient, runtime):
        deal = tasks.deal(owner=None)
        first = tasks.task(deal)
        tasks.task(deal, depends_on=[first])
        tasks.finish(first)
        tasks.move(first, "in_progress", reason="defect")
        tasks.move(first, "done")
        told = events(runtime, "tasks.ready")
        assert [(event.for_user, event.for_role) for event in told] == [(None, "operator")] * 2

    def test_many_at_once_are_one_event(self, tasks: TasksClient, runtime, monkeypatch):
        monkeypatch.setattr("chalicelib.packs.tasks.repository.MAX_READY_EVENTS", 2)
        deal, professional = tasks.deal(), tasks.professional()
        first = tasks.task(deal, professional)
        waiting = [tasks.task(deal, professional, depends_on=[first]) for _ in range(3)]
        tasks.finish(first)
        (event,) = events(runtime, "tasks.ready")
        assert (event.subject_type, event.subject_id, sorted(event.data["task_ids"])) == ("deal", deal, sorted(waiting))

    def test_of_an_owner_who_has_left(self, tasks: TasksClient, runtime, client_as):
        client_as("dealmaker", user="user_gone").be_signed_in()
        deal = tasks.deal(owner="user_gone")
        first = tasks.task(deal)
        tasks.task(deal, depends_on=[first])
        tasks.move(first, "in_progress")
        from chalicelib.foundation import access

        runtime.store().update(access.user_key("user_gone"), set={"is_active": False})
        tasks.move(first, "done")
        (event,) = events(runtime, "tasks.ready")
        assert (event.for_user, event.for_role) == ("user_gone", "operator")


def test_the_bound_of_a_deal_is_one_a_query_reads():
    assert dependencies.MAX_TASKS == 500
