"""Giving, reading, changing, deleting tasks, and who may."""

from datetime import timedelta

import pytest

from chalicelib.foundation import retention
from chalicelib.foundation.ids import EXAMPLE_ULID
from chalicelib.foundation.schedules import RunStats
from chalicelib.functions.streams import audit
from tests.api_user import all_rows
from tests.packs.tasks.tasks_client import T, TasksClient, gate, kept
from tests.streams.stream_feeder import record_of

NOBODY, NOTHING, NO_TASK = f"pro_{EXAMPLE_ULID}", f"deal_{EXAMPLE_ULID}", f"task_d{EXAMPLE_ULID * 2}"


class TestCreate:
    def test_all_that_one_can_say(self, tasks: TasksClient):
        deal, professional = tasks.deal(), tasks.professional()
        other = tasks.task(deal)
        body = {
            "professional_id": professional,
            "deal_id": deal,
            "task_id": 424242,
            "title": "Order the title report",
            "description": "From the county.",
            "priority": "high",
            "due_on": "2026-12-01",
            "estimate_hours": 2.5,
            "depends_on": [other, other],
            "checklist": [{"title": "Ordered"}, {"title": "Arrived", "done": True}],
            "status": "open",
        }
        answer = tasks.call("POST", f"{T}/", body)
        assert answer.status == 201, answer.text
        made = answer.json()
        assert answer.headers["location"].endswith(f"{T}/{made['id']}")
        assert made["id"].startswith(f"task_d{deal.removeprefix('deal_')}")
        expected = {**body, "depends_on": [other], "checklist": [{"title": "Ordered", "done": False}, {"title": "Arrived", "done": True}]}
        assert {name: made[name] for name in expected} == expected
        assert made["seconds_in"] == {"open": 0, "in_progress": 0, "blocked": 0}
        assert made["blocked_seconds"] == {"client": 0, "third_party": 0, "dependency": 0, "information": 0, "other": 0}
        assert (made["status_since"], made["reopened"], made["reassigned"], made["overdue"]) == (made["created_at"], 0, 0, False)
        assert tasks.read(made["id"]) == made

    def test_what_one_need_not_say(self, tasks: TasksClient):
        made = tasks.read(tasks.task(task_id="A-17"))
        assert (made["priority"], made["status"], made["task_id"]) == ("normal", "open", "A-17")
        assert [made[name] for name in ("description", "due_on", "estimate_hours")] == [None] * 3
        assert made["depends_on"] == made["checklist"] == []

    def test_it_counts_on_both_gates(self, tasks: TasksClient, runtime):
        deal, professional = tasks.deal(), tasks.professional()
        first = tasks.task(deal, professional)
        tasks.task(deal, professional, depends_on=[first])
        assert (gate(runtime, deal)["refs"], gate(runtime, deal)["ver"], gate(runtime, deal)["dependencies"]) == (2, 2, 1)
        assert gate(runtime, professional)["refs"] == 2
        for path, root in (("/deals", deal), ("/pros/scorecard/professionals", professional)):
            refused = tasks.expect_error(409, "DELETE", f"{path}/{root}")
            assert (refused["code"], len(refused["held_by"])) == ("referred_to", 2)
            assert first in refused["held_by"]

    def test_a_deal_by_its_older_reference(self, tasks: TasksClient):
        deal = tasks.deal(external_ref="424242")
        id = tasks.task("424242")
        assert tasks.read(id)["deal_id"] == deal
        assert [row["id"] for row in tasks.list(f"{T}/by-deal/424242")] == [id]
        tasks.expect_error(404, "POST", T, {"professional_id": tasks.professional(), "deal_id": "424243", "title": "t"})

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("professional_id", NOBODY),
            ("professional_id", "pro_x"),
            ("deal_id", NOTHING),
            ("depends_on", ["task_x"]),
            ("depends_on", ["{missing}"]),
        ],
    )
    def test_what_names_nothing(self, tasks: TasksClient, field, value):
        deal = tasks.deal()
        missing = f"task_d{deal.removeprefix('deal_')}{EXAMPLE_ULID}"
        value = [missing] if value == ["{missing}"] else value
        tasks.expect_error(404, "POST", T, {"professional_id": tasks.professional(), "deal_id": deal, "title": "t", field: value})

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("status", "done"),
            ("status", None),
            ("title", ""),
            ("title", None),
            ("priority", "top"),
            ("estimate_hours", 0),
            ("estimate_hours", 1000.0001),
            ("estimate_hours", 0.00001),
            ("due_on", "2026-02-30"),
            ("depends_on", [NO_TASK]),
            ("depends_on", [f"task_d{EXAMPLE_ULID}{EXAMPLE_ULID[:-1]}{digit}" for digit in "0123456789ABCDEFGHJKM"]),
            ("checklist", [{"title": "x", "done": "yes"}]),
            ("checklist", [{"title": "x"}] * 51),
            ("task_id", 1.5),
            ("task_id", True),
            ("task_id", 10**15),
            ("task_id", ""),
            ("professional_id", 7),
            ("owner", "user_x"),
        ],
    )
    def test_what_is_wrong(self, tasks: TasksClient, field, value):
        body = {"professional_id": tasks.professional(), "deal_id": tasks.deal(), "title": "t", field: value}
        errors = tasks.expect_error(422, "POST", T, body)["errors"]
        assert {error["loc"][0] for error in errors} == {field}

    def test_what_may_not_be_used_now(self, tasks: TasksClient):
        deal, professional = tasks.deal(), tasks.professional()
        tasks.ok("PATCH", f"/pros/scorecard/professionals/{professional}", {"is_active": False})
        body = {"professional_id": professional, "deal_id": deal, "title": "t"}
        assert tasks.expect_error(409, "POST", T, body)["code"] == "professional_inactive"
        tasks.ok("PATCH", f"/deals/{deal}/status", {"status": "cancelled", "reason": "title"})
        assert tasks.expect_error(409, "POST", T, {**body, "professional_id": tasks.professional()})["code"] == "deal_not_open"

    def test_a_deal_holds_so_many(self, tasks: TasksClient, monkeypatch):
        monkeypatch.setattr("chalicelib.packs.tasks.repository.MAX_TASKS", 2)
        deal, professional = tasks.deal(), tasks.professional()
        ids = [tasks.task(deal, professional) for _ in range(2)]
        body = {"professional_id": professional, "deal_id": deal, "title": "t"}
        assert tasks.expect_error(409, "POST", T, body)["code"] == "too_many_tasks"
        tasks.ok("DELETE", f"{T}/{ids[0]}")
        tasks.ok("POST", T, body)

    def test_once_under_one_key(self, tasks: TasksClient, runtime):
        deal, key = tasks.deal(), {"Idempotency-Key": "k"}
        body = {"professional_id": tasks.professional(), "deal_id": deal, "title": "t"}
        first, again = (tasks.call("POST", T, body, headers=key) for _ in range(2))
        assert (first.json(), again.headers["idempotent-replayed"]) == (again.json(), "true")
        assert gate(runtime, deal)["refs"] == 1


class TestEdit:
    def test_what_changes(self, tasks: TasksClient):
        id = tasks.task(description="x", estimate_hours=1, task_id=1)
        body = {
            "title": "Another",
            "description": None,
            "priority": "urgent",
            "due_on": "2026-12-24",
            "estimate_hours": None,
            "checklist": [{"title": "a"}],
            "task_id": "1",
        }
        after = tasks.patch(id, **body)
        assert {name: after[name] for name in body} == {**body, "checklist": [{"title": "a", "done": False}]}
        assert (after["revision"], tasks.read(id)) == (2, after)
        assert tasks.patch(id, checklist=None, task_id=None) == {
            **after,
            **{name: tasks.read(id)[name] for name in ("revision", "updated_at")},
            "checklist": [],
            "task_id": None,
        }

    def test_nothing_new_is_no_revision(self, tasks: TasksClient):
        id = tasks.task(due_on="2026-12-01")
        assert tasks.patch(id, due_on="2026-12-01", depends_on=[], title="Order the report")["revision"] == 1

    def test_another_professional_counts(self, tasks: TasksClient, runtime):
        first, second = tasks.professional(), tasks.professional("Ada")
        id = tasks.task(professional=first)
        assert tasks.patch(id, professional_id=first)["reassigned"] == 0
        assert tasks.patch(id, professional_id=second)["reassigned"] == 1
        assert (gate(runtime, first)["refs"], gate(runtime, second)["refs"]) == (0, 1)
        assert tasks.list(f"{T}/by-professional/{first}") == []
        assert [row["id"] for row in tasks.list(f"{T}/by-professional/{second}")] == [id]
        tasks.expect_error(404, "PATCH", f"{T}/{id}", {"professional_id": NOBODY})
        tasks.ok("PATCH", f"/pros/scorecard/professionals/{first}", {"is_active": False})
        assert tasks.expect_error(409, "PATCH", f"{T}/{id}", {"professional_id": first})["code"] == "professional_inactive"
        assert tasks.patch(id, title="Still hers")["reassigned"] == 1

    @pytest.mark.parametrize("body", [{"status": "done"}, {"deal_id": NOTHING}, {"professional_id": None}, {"title": None}, {}])
    def test_what_it_is_not_for(self, tasks: TasksClient, body):
        tasks.expect_error(422, "PATCH", f"{T}/{tasks.task()}", body)

    @pytest.mark.parametrize("end", ["done", "cancelled"])
    def test_not_of_one_that_is_over(self, tasks: TasksClient, end):
        id = tasks.task()
        tasks.finish(id) if end == "done" else tasks.move(id, "cancelled", reason="duplicate")
        assert tasks.expect_error(409, "PATCH", f"{T}/{id}", {"title": "x"})["code"] == "over"

    def test_not_behind(self, tasks: TasksClient):
        id = tasks.task()
        tasks.patch(id, title="x")
        for method, path, body in (
            ("PATCH", f"{T}/{id}", {"title": "y"}),
            ("PATCH", f"{T}/{id}/status", {"status": "done"}),
            ("DELETE", f"{T}/{id}", None),
        ):
            refused = tasks.expect_error(412, method, path, body, headers={"If-Match": '"1"'})
            assert refused["type"] == "/problems/precondition-failed"

    def test_not_in_a_deal_that_is_cancelled(self, tasks: TasksClient):
        deal = tasks.deal()
        id = tasks.task(deal)
        tasks.finish(id)
        tasks.ok("PATCH", f"/deals/{deal}/status", {"status": "cancelled", "reason": "title"})
        body = {"status": "in_progress", "reason": "defect"}
        assert tasks.expect_error(409, "PATCH", f"{T}/{id}/status", body)["code"] == "deal_not_open"


class TestDelete:
    def test_it_is_gone(self, tasks: TasksClient, runtime):
        deal, professional = tasks.deal(), tasks.professional()
        id = tasks.task(deal, professional, due_on="2026-11-01")
        assert tasks.call("DELETE", f"{T}/{id}").status == 204
        tasks.expect_error(404, "GET", f"{T}/{id}")
        for path in (T, f"{T}/by-deal/{deal}", f"{T}/by-professional/{professional}"):
            assert tasks.list(path) == []
        assert tasks.list(T, overdue="true") == []
        assert (gate(runtime, deal)["refs"], gate(runtime, professional)["refs"]) == (0, 0)
        for path in (f"/deals/{deal}", f"/pros/scorecard/professionals/{professional}"):
            assert tasks.call("DELETE", path).status == 204

    def test_not_a_done_one(self, tasks: TasksClient):
        id = tasks.task()
        tasks.finish(id)
        assert tasks.expect_error(409, "DELETE", f"{T}/{id}")["code"] == "over"

    def test_not_one_that_others_depend_on(self, tasks: TasksClient):
        deal = tasks.deal()
        id = tasks.task(deal)
        others = [tasks.task(deal, depends_on=[id]) for _ in range(22)]
        refused = tasks.expect_error(409, "DELETE", f"{T}/{id}")
        assert (refused["code"], len(refused["held_by"])) == ("referred_to", 20)
        assert set(refused["held_by"]) < set(others)
        for other in others:
            tasks.patch(other, depends_on=[])
        tasks.ok("DELETE", f"{T}/{id}")

    def test_its_deal_may_be_cancelled(self, tasks: TasksClient):
        deal = tasks.deal()
        id = tasks.task(deal)
        tasks.move(id, "cancelled", reason="not_needed")
        tasks.ok("PATCH", f"/deals/{deal}/status", {"status": "cancelled", "reason": "title"})
        tasks.ok("DELETE", f"{T}/{id}")
        tasks.ok("DELETE", f"/deals/{deal}")

    def test_what_it_leaves_is_purged_with_it(self, tasks: TasksClient, runtime, clock):
        deal = tasks.deal()
        id, stays = tasks.task(deal), tasks.task(deal)
        for one in (id, stays):
            tasks.move(one, "in_progress")
            for _ in range(3):
                tasks.ok("POST", f"{T}/{one}/comments", {"text": "x"})
        before = [raw["sk"]["S"] for raw in all_rows(runtime) if stays in raw["sk"]["S"] or stays.removeprefix("task_") in raw["sk"]["S"]]
        tasks.ok("DELETE", f"{T}/{id}")
        clock.now += retention.DELETED_TERM + timedelta(minutes=1)
        stats = RunStats()
        retention.purge_deleted(runtime.context(request_id="r"), stats)
        assert stats.details["purged"] == {"task": 1, "task-comment": 3}
        left = [raw["sk"]["S"] for raw in all_rows(runtime) if raw["pk"]["S"] == deal]
        assert not [sk for sk in left if id.removeprefix("task_") in sk]
        assert len(before) == 5
        assert set(before) <= set(left)


class TestWhose:
    def test_a_dealmaker_writes_on_own_deals(self, tasks: TasksClient, as_):
        mine, theirs = as_("dealmaker", user="user_mine"), as_("dealmaker", user="user_theirs")
        professional, deal = tasks.professional(), mine.deal()
        id = mine.task(deal, professional)
        assert theirs.read(id)["id"] == id
        for method, path, body in (
            ("POST", T, {"professional_id": professional, "deal_id": deal, "title": "t"}),
            ("PATCH", f"{T}/{id}", {"title": "x"}),
            ("PATCH", f"{T}/{id}/status", {"status": "in_progress"}),
            ("POST", f"{T}/{id}/comments", {"text": "x"}),
            ("DELETE", f"{T}/{id}", None),
        ):
            assert theirs.expect_error(403, method, path, body)["type"] == "/problems/forbidden"
        mine.finish(id)
        mine.move(id, "in_progress", reason="defect")
        mine.move(id, "cancelled", reason="duplicate")
        mine.ok("DELETE", f"{T}/{id}")

    @pytest.mark.parametrize("of_team", [False, True])
    def test_nobodys_and_the_teams_are_own(self, tasks: TasksClient, as_, client_as, of_team):
        client_as("counsel", user="user_ann").be_signed_in()
        deal = tasks.deal(owner=None) if not of_team else tasks.deal(team=["user_ann"])
        id = as_("counsel", user="user_ann").task(deal, tasks.professional())
        as_("counsel", user="user_ann").finish(id)

    def test_a_professional_has_their_own(self, tasks: TasksClient, as_):
        ada, bob = tasks.professional("Ada"), tasks.professional("Bob")
        deal = tasks.deal()
        id, other = tasks.task(deal, ada, due_on="2026-11-01"), tasks.task(deal, bob, due_on="2026-11-01")
        me = as_("professional", user="user_ada", professional_id=ada)
        for path, query in ((T, {}), (T, {"status": "open"}), (T, {"overdue": "true"}), (f"{T}/by-deal/{deal}", {})):
            assert [row["id"] for row in me.list(path, **query)] == [id]
        assert [row["id"] for row in me.list(f"{T}/by-professional/{ada}")] == [id]
        assert me.list(T, status="done") == []
        for method, path, body in (
            ("GET", f"{T}/{other}", None),
            ("GET", f"{T}/{other}/comments", None),
            ("GET", f"{T}/by-professional/{bob}", None),
            ("PATCH", f"{T}/{other}/status", {"status": "in_progress"}),
            ("POST", f"{T}/{other}/comments", {"text": "x"}),
        ):
            me.expect_error(404, method, path, body)
        me.ok("POST", f"{T}/{id}/comments", {"text": "Ordered."})
        me.move(id, "in_progress", "blocked", reason="client")
        me.expect_error(403, "PATCH", f"{T}/{id}/status", {"status": "cancelled", "reason": "duplicate"})
        me.move(id, "in_progress", "done")
        me.expect_error(403, "PATCH", f"{T}/{id}/status", {"status": "in_progress", "reason": "defect"})
        for method, path, body in (("POST", T, {}), ("PATCH", f"{T}/{id}", {"title": "x"}), ("DELETE", f"{T}/{id}", None)):
            me.expect_error(403, method, path, body)

    def test_nobody_of_that_name_sees_nothing(self, tasks: TasksClient, as_):
        id, me = tasks.task(), as_("professional", user="user_none")
        assert me.list(T) == []
        me.expect_error(404, "GET", f"{T}/{id}")

    def test_somebody_with_two_roles(self, tasks: TasksClient, as_):
        ada = tasks.professional("Ada")
        id, other = tasks.task(tasks.deal(), ada), tasks.task()
        both = as_("professional", "dealmaker", user="user_ada", professional_id=ada)
        assert {row["id"] for row in both.list(T)} == {id, other}
        both.move(id, "in_progress")
        both.expect_error(403, "PATCH", f"{T}/{other}/status", {"status": "in_progress"})
        both.expect_error(403, "PATCH", f"{T}/{id}/status", {"status": "cancelled", "reason": "duplicate"})
        reader = as_("professional", "viewer", user="user_ada", professional_id=ada)
        assert reader.read(other)["id"] == other
        reader.move(id, "done")
        reader.expect_error(404, "PATCH", f"{T}/{other}/status", {"status": "in_progress"})

    def test_who_only_reads(self, tasks: TasksClient, as_):
        id = tasks.task()
        for role in ("viewer", "auditor"):
            assert as_(role).read(id)["id"] == id
            as_(role).expect_error(403, "PATCH", f"{T}/{id}/status", {"status": "in_progress"})


class TestComments:
    def test_to_the_letter_and_newest_first(self, tasks: TasksClient, clock):
        id, texts = tasks.task(), ["  first\n\tline  ", "🏠" * 5000, "third"]
        other = tasks.task()
        tasks.ok("POST", f"{T}/{other}/comments", {"text": "elsewhere"})
        for text in texts:
            clock.now += timedelta(seconds=1)
            answer = tasks.call("POST", f"{T}/{id}/comments", {"text": text})
            assert (answer.status, answer.json()["text"], answer.json()["task_id"]) == (201, text, id)
            assert answer.headers["location"].endswith(f"{T}/{id}/comments")
            assert answer.json()["id"].startswith(f"cmt_{id.removeprefix('task_')}")
        listed = tasks.list(f"{T}/{id}/comments", limit="2")
        assert [comment["text"] for comment in listed] == texts[::-1]
        assert listed[0]["created_by"] == "user_operator"

    @pytest.mark.parametrize("text", ["", "   \n", "x" * 5001, "bell\u0007", None, 7])
    def test_what_is_none(self, tasks: TasksClient, text):
        tasks.expect_error(422, "POST", f"{T}/{tasks.task()}/comments", {"text": text})

    def test_of_no_task(self, tasks: TasksClient):
        for id in (NO_TASK, "task_x", f"cmt_d{EXAMPLE_ULID * 3}"):
            tasks.expect_error(404, "POST", f"{T}/{id}/comments", {"text": "x"})
            tasks.expect_error(404, "GET", f"{T}/{id}/comments")

    def test_once_under_one_key(self, tasks: TasksClient):
        id, key = tasks.task(), {"Idempotency-Key": "k"}
        first, again = (tasks.call("POST", f"{T}/{id}/comments", {"text": "x"}, headers=key) for _ in range(2))
        assert first.json() == again.json()
        assert len(tasks.list(f"{T}/{id}/comments")) == 1

    def test_a_task_that_is_over_is_still_talked_about(self, tasks: TasksClient):
        id = tasks.task()
        tasks.finish(id)
        tasks.ok("POST", f"{T}/{id}/comments", {"text": "Thank you."})


class TestLists:
    def test_by_status_newest_first(self, tasks: TasksClient, clock):
        ids = []
        for _ in range(5):
            clock.now += timedelta(minutes=1)
            ids.append(tasks.task())
        tasks.move(ids[1], "in_progress")
        tasks.finish(ids[3])
        assert [row["id"] for row in tasks.list(T, limit="2")] == ids[::-1]
        assert [row["id"] for row in tasks.list(T, status="open")] == [ids[4], ids[2], ids[0]]
        assert [row["id"] for row in tasks.list(T, status="done")] == [ids[3]]
        (row,) = tasks.list(T, status="in_progress")
        expected = tasks.read(ids[1])
        assert row == {name: expected[name] for name in row}
        assert set(row) == {"id", "title", "professional_id", "deal_id", "status", "priority", "due_on", "estimate_hours"}

    def test_newest_first_of_several_deals(self, tasks: TasksClient, clock):
        old, professional = tasks.deal(), tasks.professional()
        clock.now += timedelta(minutes=1)
        new, ids = tasks.deal(), []
        for deal in (new, old, new):
            clock.now += timedelta(minutes=1)
            ids.append(tasks.task(deal, professional))
        for path in (T, f"{T}/by-professional/{professional}"):
            assert [row["id"] for row in tasks.list(path, limit="1")] == ids[::-1]
        assert [row["id"] for row in tasks.list(f"{T}/by-deal/{new}", limit="1")] == [ids[2], ids[0]]

    def test_by_day(self, tasks: TasksClient):
        days = {day: tasks.task(due_on=f"2026-11-{day}") for day in (26, 23, 24, 25)}
        tasks.task()
        tasks.finish(tasks.task(due_on="2026-11-22"))
        tasks.move(tasks.task(due_on="2026-11-22"), "cancelled", reason="duplicate")
        tasks.move(days[23], "in_progress")

        def listed(**query):
            return [row["id"] for row in tasks.list(T, limit="1", **query)]

        assert listed(due_before="2026-11-26") == [days[23], days[24], days[25]]
        assert listed(overdue="true") == [days[23]]
        assert listed(overdue="true", due_before="2027-01-01") == [days[23]]
        assert listed(overdue="true", due_before="2026-11-23") == []
        assert listed(due_before="2027-01-01", status="open") == [days[24], days[25], days[26]]
        assert listed(due_before="2027-01-01", status="done") == []

    def test_what_names_nothing(self, tasks: TasksClient):
        for path in (f"{T}/by-professional/{NOBODY}", f"{T}/by-professional/x", f"{T}/by-deal/{NOTHING}", f"{T}/by-deal/x"):
            tasks.expect_error(404, "GET", path)

    def test_a_long_title_is_cut_in_lists(self, tasks: TasksClient):
        id = tasks.task(title="é" * 200)
        (row,) = tasks.list(T)
        assert (len(row["title"]), tasks.read(id)["title"]) == (80, "é" * 200)


def test_the_view_of_lists_is_small(tasks: TasksClient, runtime):
    id = tasks.task(title="🏠" * 200, estimate_hours=999.9999, due_on="2026-12-01", priority="urgent")
    assert len(kept(runtime, id).to_item()["view"]["S"].encode()) <= 640


def test_a_read_explains_itself(tasks: TasksClient):
    id = tasks.task(due_on="2026-11-20")
    explained = tasks.read(id, query={"explain": "true"})
    assert explained["overdue"] is True
    assert explained["explain"]["formula"] == {"id": "tasks.times", "version": 1}
    assert explained["explain"]["inputs"]["today"] == "2026-11-24"
    assert tasks.call("GET", f"{T}/{id}").headers["etag"].startswith("W/")


def test_the_trail_seals_what_is_personal(tasks: TasksClient, runtime):
    deal = tasks.deal()
    id = tasks.task(deal, description="Her mother is ill.", title="Call back")
    comment = tasks.ok("POST", f"{T}/{id}/comments", {"text": "She moves in May."})["id"]
    seen = [raw for raw in all_rows(runtime) if raw.get("t", {}).get("S") == "e"]
    records = [record_of(number, None, raw) for number, raw in enumerate(seen, 1)]
    assert audit(runtime, {"Records": records}) == {"batchItemFailures": []}
    bodies = {raw["pk"]["S"]: raw["body"]["S"] for raw in all_rows(runtime) if raw["pk"]["S"].startswith("AUD#")}
    assert "Call back" in bodies[f"AUD#{id}"]
    assert "mother" not in bodies[f"AUD#{id}"]
    assert "May" not in bodies[f"AUD#{comment}"]
    assert "PERSON#" + deal in {raw["pk"]["S"] for raw in all_rows(runtime)}  # erased with the deal
