"""What other packs use: tasks of a packet's actions, unfinished tasks, and the end of a deal."""

from datetime import UTC, date, datetime, timedelta

import pytest

from chalicelib.foundation.errors import Conflict, Forbidden, NotFound, VersionConflict
from chalicelib.foundation.ids import EXAMPLE_ULID
from chalicelib.foundation.store.transactions import MAX_ACTIONS, Transaction
from chalicelib.foundation.subjects import SubjectRegistry
from chalicelib.packs import PACKS
from chalicelib.packs.tasks import public
from chalicelib.packs.tasks.public import PacketAction
from tests.api_user import all_rows
from tests.packs.tasks.tasks_client import T, TasksClient, events, gate, kept

PACKET = f"hand_d{EXAMPLE_ULID * 2}"
SENT = datetime(2026, 11, 20, tzinfo=UTC)


@pytest.fixture
def accept(context):
    """Accept a packet with these actions: the tasks."""

    def run(deal, *actions, roles=("operator",), any_deal=None):
        ctx = context(*roles)
        tx = Transaction(ctx.store)
        made = public.add_tasks(ctx, tx, PACKET, SENT, deal, actions, any_deal=any_deal)
        tx.commit()
        assert ctx.store.round_trips == 1
        return made

    return run


class TestPackets:
    def test_of_a_deal(self, tasks: TasksClient, accept, runtime):
        deal, ada, bob = tasks.deal(), tasks.professional("Ada"), tasks.professional("Bob")
        actions = [PacketAction(0, ada, "Call the county", date(2026, 12, 1)), PacketAction(2, bob, "Sign"), PacketAction(3, ada, "Send")]
        made = accept(deal, *actions)
        listed = tasks.list(f"{T}/by-deal/{deal}")
        assert {row["id"]: (row["professional_id"], row["title"], row["due_on"]) for row in listed} == {
            made[0].id: (ada, "Call the county", "2026-12-01"),
            made[1].id: (bob, "Sign", None),
            made[2].id: (ada, "Send", None),
        }
        assert [public.task_id_of(PACKET, SENT, deal, action) for action in actions] == [task.id for task in made]
        assert (gate(runtime, deal)["refs"], gate(runtime, deal)["tasks"], gate(runtime, deal)["ver"]) == (3, 3, 1)
        assert (gate(runtime, ada)["refs"], gate(runtime, bob)["refs"]) == (2, 1)
        assert kept(runtime, made[0].id).packet_id == PACKET
        tasks.finish(made[0].id)

    def test_without_a_deal_they_lie_with_the_professional(self, tasks: TasksClient, accept, as_):
        ada = tasks.professional("Ada")
        (made,) = accept(None, PacketAction(0, ada, "Call"))
        assert made.id.startswith(f"task_p{ada.removeprefix('pro_')}")
        seen = tasks.read(made.id)
        assert (seen["deal_id"], seen["professional_id"]) == (None, ada)
        assert [row["id"] for row in tasks.list(f"{T}/by-professional/{ada}")] == [made.id]
        tasks.expect_error(422, "PATCH", f"{T}/{made.id}", {"depends_on": [tasks.task()]})
        as_("dealmaker").expect_error(403, "PATCH", f"{T}/{made.id}", {"title": "x"})
        me = as_("professional", user="user_ada", professional_id=ada)
        me.ok("POST", f"{T}/{made.id}/comments", {"text": "x"})
        me.finish(made.id)
        tasks.move(made.id, "in_progress", reason="defect")
        bob = tasks.professional("Bob")
        tasks.patch(made.id, professional_id=bob, due_on="2026-11-01")
        assert [row["id"] for row in tasks.list(f"{T}/by-professional/{bob}")] == [made.id]
        tasks.move(made.id, "cancelled", reason="not_needed")
        tasks.ok("DELETE", f"{T}/{made.id}")

    def test_each_action_once(self, tasks: TasksClient, accept, runtime):
        deal, ada = tasks.deal(), tasks.professional()
        accept(deal, PacketAction(0, ada, "Call"))
        with pytest.raises(VersionConflict):
            accept(deal, PacketAction(1, ada, "Sign"), PacketAction(0, ada, "Call"))
        assert gate(runtime, deal)["refs"] == 1

    def test_what_cant_take_them(self, tasks: TasksClient, accept):
        deal, ada = tasks.deal(), tasks.professional()
        action = PacketAction(0, ada, "Call")
        with pytest.raises(Forbidden):
            accept(deal, action, roles=("dealmaker",), any_deal="handoffs:any-deal")
        with pytest.raises(NotFound):
            accept(f"deal_{EXAMPLE_ULID}", action)
        tasks.ok("PATCH", f"/deals/{deal}/status", {"status": "cancelled", "reason": "title"})
        with pytest.raises(Conflict) as refused:
            accept(deal, action)
        assert refused.value.members["code"] == "deal_not_open"
        tasks.ok("PATCH", f"/pros/scorecard/professionals/{ada}", {"is_active": False})
        with pytest.raises(Conflict) as refused:
            accept(tasks.deal(), action)
        assert refused.value.members["code"] == "professional_inactive"

    def test_thirty_fit_a_transaction(self, tasks: TasksClient, context):
        ctx = context("operator")
        tx = Transaction(ctx.store)
        public.add_tasks(ctx, tx, PACKET, SENT, tasks.deal(), [PacketAction(at, tasks.professional(), "x") for at in range(30)])
        tx.commit()
        assert len(tx) == 61 < MAX_ACTIONS


class TestUnfinished:
    def test_of_a_deal(self, tasks: TasksClient, context, clock):
        deal = tasks.deal()
        ids = [tasks.task(deal) for _ in range(6)]
        tasks.move(ids[1], "in_progress")
        tasks.move(ids[2], "blocked", reason="client")
        tasks.finish(ids[3])
        tasks.move(ids[4], "cancelled", reason="duplicate")
        tasks.ok("DELETE", f"{T}/{ids[5]}")
        tasks.task()
        ctx = context("operator")
        assert {task.id for task in public.unfinished_of_deal(ctx, deal)} == set(ids[:3])
        assert ctx.store.round_trips == 1
        assert {task.id for task in public.unfinished_in(ctx.store.query_all(public.tasks_of_deal(deal)))} == set(ids[:3])

    def test_of_a_professional_without_a_deal(self, tasks: TasksClient, accept, context):
        ada = tasks.professional()
        made = accept(None, *(PacketAction(at, ada, str(at)) for at in range(5)))
        tasks.task(professional=ada)
        tasks.finish(made[0].id)
        bob = tasks.professional()
        tasks.patch(made[1].id, professional_id=bob)
        tasks.ok("DELETE", f"{T}/{made[4].id}")
        ctx = context("operator")
        found, is_complete = public.unfinished_without_deal(ctx, ada, 10)
        assert ({task.id for task in found}, is_complete) == ({made[2].id, made[3].id}, True)
        assert ctx.store.round_trips == 2
        found, is_complete = public.unfinished_without_deal(ctx, ada, 1)
        assert (len(found), is_complete) == (1, False)

    def test_one_that_was_taken_over(self, tasks: TasksClient, accept, context):
        ada, bob, title = tasks.professional(), tasks.professional(), "中" * 200
        (task,) = accept(None, PacketAction(0, ada, title, date(2026, 12, 1)))
        tasks.patch(task.id, professional_id=bob)
        ctx = context("operator")
        (row,) = public.outstanding(ctx, bob, None, []).rows
        assert (row["id"], row["title"], row["due_on"]) == (task.id, title, "2026-12-01")
        assert public.outstanding(ctx, ada, None, []).rows == []

    def test_only_so_many_are_looked_at(self, accept, tasks: TasksClient, context, monkeypatch):
        ada = tasks.professional()
        accept(None, *(PacketAction(at, ada, str(at)) for at in range(5)))
        monkeypatch.setattr(public, "_PAGE", 3)
        facts = public.outstanding(context("operator"), ada, None, [])
        assert (len(facts.rows), facts.cut) == (3, True)


class TestEndOfADeal:
    def cancel(self, tasks: TasksClient, deal: str) -> None:
        tasks.ok("PATCH", f"/deals/{deal}/status", {"status": "cancelled", "reason": "title"})

    def test_unfinished_tasks_are_cancelled_with_it(self, tasks: TasksClient, clock, runtime):
        deal, other = tasks.deal(), tasks.task()
        opened, begun, blocked, done, over = (tasks.task(deal, due_on="2026-12-01") for _ in range(5))
        tasks.move(begun, "in_progress")
        tasks.move(blocked, "blocked", reason="client")
        tasks.finish(done)
        tasks.move(over, "cancelled", reason="duplicate")
        waiting = tasks.task(deal, depends_on=[opened])
        clock.now = clock.now.replace(hour=20)
        before = {id: tasks.read(id)["revision"] for id in (done, over, other)}
        self.cancel(tasks, deal)
        for id in (opened, begun, blocked, waiting):
            seen = tasks.read(id)
            assert (seen["status"], seen["status_reason"], seen["updated_by"]) == ("cancelled", "deal_dead", "user_operator")
        assert tasks.read(begun)["seconds_in"]["in_progress"] == 7200
        assert tasks.read(blocked)["blocked_seconds"]["client"] == 7200
        stay = kept(runtime, blocked).last_stay
        assert (stay["status"], stay["reason"], stay["left_at"]) == ("blocked", "client", "2026-11-24T20:00:00.000Z")
        assert {id: tasks.read(id)["revision"] for id in before} == before
        assert tasks.list(T, due_before="2027-01-01") == []
        assert events(runtime, "tasks.ready") == []

    def test_at_most_80(self, tasks: TasksClient, runtime):
        deal, professional = tasks.deal(), tasks.professional()
        ids = [tasks.task(deal, professional) for _ in range(81)]
        refused = tasks.expect_error(409, "PATCH", f"/deals/{deal}/status", {"status": "cancelled", "reason": "title"})
        assert refused["code"] == "too_many_open"
        assert {row["status"] for row in tasks.list(f"{T}/by-deal/{deal}", limit="200")} == {"open"}
        tasks.finish(ids[0])
        self.cancel(tasks, deal)
        listed = tasks.list(f"{T}/by-deal/{deal}", limit="200")
        assert sorted(row["status"] for row in listed) == ["cancelled"] * 80 + ["done"]


class TestHeld:
    def test_all_of_a_professionals_tasks(self, tasks: TasksClient, clock, context):
        professional, deal, ids = tasks.professional(), tasks.deal(), []
        for number in range(3):
            clock.now += timedelta(minutes=1)
            ids.append(tasks.task(deal, professional, description=f"Part {number}"))
        tasks.finish(ids[1])
        tasks.ok("DELETE", f"{T}/{ids[0]}")
        tasks.task(deal)
        file = tasks.ok("GET", f"/pros/{professional}/data")
        assert file["cut"] == []
        assert [(row["id"], row["status"], row["description"]) for row in file["parts"]["tasks"]] == [
            (ids[2], "open", "Part 2"),
            (ids[1], "done", "Part 1"),
        ]

    def test_it_says_that_there_are_more(self, tasks: TasksClient):
        professional, deal = tasks.professional(), tasks.deal()
        for _ in range(101):
            tasks.task(deal, professional)
        file = tasks.ok("GET", f"/pros/{professional}/data")
        assert (len(file["parts"]["tasks"]), file["cut"]) == (100, ["tasks"])


def test_a_task_as_a_subject(tasks: TasksClient, context):
    id = tasks.task(due_on="2026-12-01")
    subject = SubjectRegistry(PACKS).load(context("operator"), id)
    seen = tasks.read(id)
    assert (subject.type, subject.requested_by) == ("task", "user_operator")
    assert {name: subject.facts[name] for name in ("deal_id", "professional_id", "status", "title")} == {
        name: seen[name] for name in ("deal_id", "professional_id", "status", "title")
    }


def test_nothing_lies_where_another_packs_rows_do(tasks: TasksClient, runtime):
    deal = tasks.deal()
    id = tasks.task(deal)
    tasks.move(id, "in_progress")
    tasks.ok("POST", f"{T}/{id}/comments", {"text": "x"})
    own = sorted(raw["sk"]["S"].partition("#")[0] for raw in all_rows(runtime) if raw["pk"]["S"] == deal)
    assert own == ["!", "H", "M", "T", "~"]
