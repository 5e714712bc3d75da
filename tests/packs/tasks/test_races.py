"""Many at once, on the engine that bears threads; and the interleavings that matter, one by one."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from chalicelib.packs.tasks import schedules
from chalicelib.packs.tasks.entities import Task
from tests.api_user import all_rows
from tests.dynamodb_local import dynamodb_local, dynamodb_local_url
from tests.fault_injection import Conflicts, FaultInjectingClient, LostResponses, Throttles, Unprocessed
from tests.packs.tasks.tasks_client import T, TasksClient, events, gate, kept

__all__ = ["dynamodb_local", "dynamodb_local_url"]


def at_once(count: int, call: Any) -> list[Any]:
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(call, range(count)))


def tasks_of(runtime: Any) -> dict[str, Task]:
    found = [Task.from_item(raw) for raw in all_rows(runtime) if raw.get("kind", {}).get("S") == "task"]
    return {task.id: task for task in found}


def has_circle(graph: dict[str, list[str]]) -> bool:
    """Whether a depth-first walk meets a task that it is in the middle of."""
    state: dict[str, int] = {}

    def walk(id: str) -> bool:
        state[id] = 1
        met = any(state.get(one) == 1 or (one not in state and walk(one)) for one in graph.get(id, ()))
        state[id] = 2
        return met

    return any(walk(id) for id in list(graph) if id not in state)


class Meanwhile:
    """A client before whose first transaction something else happens, start to end."""

    def __init__(self, runtime: Any, happens: Callable[[], Any]) -> None:
        self.runtime, self.sound, self.happens = runtime, runtime.dynamodb, happens
        self.results: list[Any] = []
        runtime.dynamodb = self

    def __getattr__(self, name: str) -> Any:
        return getattr(self.sound, name)

    def transact_write_items(self, **arguments: Any) -> Any:
        if not self.results:
            self.runtime.dynamodb = self.sound
            self.results.append(None)
            self.results[0] = self.happens()
        return self.sound.transact_write_items(**arguments)


class TestInterleavings:
    """Between the read and the write of one another acts, and what both decide must hold."""

    def test_two_that_close_a_circle(self, tasks: TasksClient, runtime):
        deal = tasks.deal()
        first, second = tasks.task(deal), tasks.task(deal)
        meanwhile = Meanwhile(runtime, lambda: tasks.call("PATCH", f"{T}/{second}", {"depends_on": [first]}))
        answer = tasks.call("PATCH", f"{T}/{first}", {"depends_on": [second]})
        assert meanwhile.results[0].status == 200
        assert (answer.status, answer.json()["code"]) == (409, "circle")
        assert {id: task.depends_on for id, task in tasks_of(runtime).items()} == {first: [], second: [first]}

    def test_a_longer_circle(self, tasks: TasksClient, runtime):
        deal = tasks.deal()
        first = tasks.task(deal)
        second = tasks.task(deal, depends_on=[first])
        third = tasks.task(deal)
        fourth = tasks.task(deal, depends_on=[third])
        Meanwhile(runtime, lambda: tasks.patch(third, depends_on=[second]))
        assert tasks.expect_error(409, "PATCH", f"{T}/{first}", {"depends_on": [fourth]})["circle"] == [first, fourth, third, second, first]

    def test_what_is_no_circle_goes_on(self, tasks: TasksClient, runtime, round_trips):
        deal = tasks.deal()
        first, second, third = (tasks.task(deal) for _ in range(3))
        Meanwhile(runtime, lambda: tasks.patch(third, depends_on=[second]))
        assert tasks.patch(first, depends_on=[second])["depends_on"] == [second]
        assert gate(runtime, deal)["dependencies"] == 2

    def test_one_is_deleted_that_another_comes_to_depend_on(self, tasks: TasksClient, runtime):
        deal, professional = tasks.deal(), tasks.professional()
        first = tasks.task(deal)
        Meanwhile(runtime, lambda: tasks.task(deal, professional, depends_on=[first]))
        assert tasks.expect_error(409, "DELETE", f"{T}/{first}")["code"] == "referred_to"

    def test_one_comes_to_depend_on_what_is_deleted(self, tasks: TasksClient, runtime):
        deal, professional = tasks.deal(), tasks.professional()
        first, second = tasks.task(deal), tasks.task(deal)
        Meanwhile(runtime, lambda: tasks.ok("DELETE", f"{T}/{first}"))
        tasks.expect_error(404, "POST", T, {"professional_id": professional, "deal_id": deal, "title": "t", "depends_on": [first]})
        third = tasks.task(deal)
        Meanwhile(runtime, lambda: tasks.ok("DELETE", f"{T}/{third}"))
        tasks.expect_error(404, "PATCH", f"{T}/{second}", {"depends_on": [third]})

    def test_a_dependency_is_reopened_while_one_finishes(self, tasks: TasksClient, runtime):
        deal = tasks.deal()
        first = tasks.task(deal)
        second = tasks.task(deal, depends_on=[first])
        tasks.finish(first)
        tasks.move(second, "in_progress")
        Meanwhile(runtime, lambda: tasks.move(first, "in_progress", reason="defect"))
        assert tasks.expect_error(409, "PATCH", f"{T}/{second}/status", {"status": "done"})["open"] == [first]

    def test_the_last_two_are_settled_at_once(self, tasks: TasksClient, runtime):
        deal = tasks.deal()
        first, second = tasks.task(deal), tasks.task(deal)
        third = tasks.task(deal, depends_on=[first, second])
        for id in (first, second):
            tasks.move(id, "in_progress")
        Meanwhile(runtime, lambda: tasks.move(second, "cancelled", reason="duplicate"))
        tasks.move(first, "done")
        assert [event.subject_id for event in events(runtime, "tasks.ready")] == [third]

    def test_the_deal_ends_meanwhile(self, tasks: TasksClient, runtime):
        deal, professional = tasks.deal(), tasks.professional()
        id = tasks.task(deal)
        cancelled = {"status": "cancelled", "reason": "title"}
        Meanwhile(runtime, lambda: tasks.ok("PATCH", f"/deals/{deal}/status", cancelled))
        body = {"professional_id": professional, "deal_id": deal, "title": "t"}
        assert tasks.expect_error(409, "POST", T, body)["code"] == "deal_not_open"
        assert tasks.read(id)["status"] == "cancelled"

    def test_a_task_is_added_while_the_deal_ends(self, tasks: TasksClient, runtime):
        deal, professional = tasks.deal(), tasks.professional()
        tasks.task(deal)
        meanwhile = Meanwhile(runtime, lambda: tasks.task(deal, professional))
        tasks.ok("PATCH", f"/deals/{deal}/status", {"status": "cancelled", "reason": "title"})
        assert tasks.read(meanwhile.results[0])["status"] == "cancelled"

    def test_two_edit_one_task(self, tasks: TasksClient, runtime):
        id = tasks.task()
        Meanwhile(runtime, lambda: tasks.patch(id, title="Another"))
        tasks.patch(id, priority="urgent")
        seen = tasks.read(id)
        assert (seen["title"], seen["priority"], seen["revision"]) == ("Another", "urgent", 3)

    def test_one_is_deleted_while_somebody_writes_about_it(self, tasks: TasksClient, runtime):
        id = tasks.task()
        Meanwhile(runtime, lambda: tasks.ok("DELETE", f"{T}/{id}"))
        tasks.expect_error(404, "POST", f"{T}/{id}/comments", {"text": "x"})


@pytest.mark.dynamodb_local
class TestThreads:
    @pytest.fixture
    def dynamodb(self, dynamodb_local: Any) -> Any:
        return dynamodb_local

    @pytest.mark.slow
    def test_16_threads_close_one_ring(self, tasks: TasksClient, runtime):
        """Each makes one task depend on the next: all but one at the most are taken, and no circle is left, whoever comes first."""
        deal, professional = tasks.deal(), tasks.professional()
        ids = [tasks.task(deal, professional) for _ in range(16)]
        tasks.call("PATCH", f"{T}/{ids[0]}", {"title": "warm"})

        def close(at: int) -> Any:
            for _ in range(20):
                answer = tasks.call("PATCH", f"{T}/{ids[at]}", {"depends_on": [ids[(at + 1) % 16]]})
                if answer.status != 503:  # too many at once: as it says, again
                    return answer
            return answer

        answers = at_once(16, close)
        assert Counter(answer.status for answer in answers) == {200: 15, 409: 1}
        assert [answer.json()["code"] for answer in answers if answer.status == 409] == ["circle"]
        found = tasks_of(runtime)
        assert not has_circle({id: task.depends_on for id, task in found.items()})
        assert gate(runtime, deal)["dependencies"] == sum(task.dependency_changes for task in found.values()) == 15

    def test_pairs_that_close_circles(self, tasks: TasksClient, runtime):
        deal, professional = tasks.deal(), tasks.professional()
        ids = [tasks.task(deal, professional) for _ in range(2)]
        for _ in range(5):
            answers = at_once(2, lambda at: tasks.call("PATCH", f"{T}/{ids[at]}", {"depends_on": [ids[1 - at]]}))
            assert sorted(answer.status for answer in answers) == [200, 409]
            assert not has_circle({id: task.depends_on for id, task in tasks_of(runtime).items()})
            for id in ids:
                tasks.patch(id, depends_on=[])

    def test_one_status_once(self, tasks: TasksClient, runtime):
        id = tasks.task()
        answers = at_once(8, lambda _: tasks.call("PATCH", f"{T}/{id}/status", {"status": "in_progress"}))
        assert Counter(answer.status for answer in answers) == {200: 1, 409: 7}
        assert kept(runtime, id).revision == 2

    def test_settled_at_once_each_dependent_is_told_once(self, tasks: TasksClient, runtime):
        deal, professional = tasks.deal(), tasks.professional()
        firsts = [tasks.task(deal, professional) for _ in range(6)]
        last = tasks.task(deal, professional, depends_on=firsts)
        for id in firsts:
            tasks.move(id, "in_progress")
        answers = at_once(6, lambda at: tasks.call("PATCH", f"{T}/{firsts[at]}/status", {"status": "done"}))
        assert {answer.status for answer in answers} == {200}
        assert [event.subject_id for event in events(runtime, "tasks.ready")] == [last]

    def test_created_and_deleted_at_once_the_gates_agree(self, tasks: TasksClient, runtime):
        deal, professional = tasks.deal(), tasks.professional()
        gone = [tasks.task(deal, professional) for _ in range(6)]

        def act(at: int) -> Any:
            if at % 2:
                return tasks.call("DELETE", f"{T}/{gone[at // 2]}")
            return tasks.call("POST", T, {"professional_id": professional, "deal_id": deal, "title": "t"})

        answers = at_once(12, act)
        assert {answer.status for answer in answers} == {201, 204}
        assert (gate(runtime, deal)["refs"], gate(runtime, deal)["tasks"], gate(runtime, professional)["refs"]) == (6, 6, 6)

    def test_the_schedule_three_times_at_once(self, tasks: TasksClient, runtime, clock, run_work):
        deal, professional = tasks.deal(), tasks.professional()
        ids = [tasks.task(deal, professional, due_on="2026-11-15") for _ in range(8)]
        records = at_once(3, lambda _: run_work(schedules.overdue))
        assert [(record["error"], record["failed"]) for record in records] == [("", 0)] * 3
        told = Counter((event.event, event.subject_id) for event in events(runtime, "tasks.overdue", "tasks.escalated"))
        assert told == {(kind, id): 1 for kind in ("tasks.overdue", "tasks.escalated") for id in ids}

    @pytest.mark.parametrize("seed", range(3))
    def test_with_faults_at_every_fifth_call(self, tasks: TasksClient, runtime, seed):
        """Throttles, conflicts and lost answers: each call ends as it would without them, and only once."""
        faults = (
            Throttles(0.2, seed=seed),
            Conflicts(0.2, seed=seed + 10),
            LostResponses(0.1, seed=seed + 20),
            Unprocessed(0.2, seed=seed),
        )
        sound = runtime.dynamodb
        runtime.dynamodb = FaultInjectingClient(sound, *faults)
        deal, professional = tasks.deal(), tasks.professional()
        first, second = tasks.task(deal, professional), tasks.task(deal, professional)
        third = tasks.task(deal, professional, depends_on=[first], due_on="2026-11-30")
        tasks.patch(third, depends_on=[first, second])
        answers = at_once(2, lambda at: tasks.call("PATCH", f"{T}/{(first, second)[at]}/status", {"status": "in_progress"}))
        assert {answer.status for answer in answers} == {200}
        answers = at_once(2, lambda at: tasks.call("PATCH", f"{T}/{(first, second)[at]}/status", {"status": "done"}))
        assert {answer.status for answer in answers} == {200}
        tasks.finish(third)
        tasks.move(third, "in_progress", reason="defect")
        tasks.ok("POST", f"{T}/{third}/comments", {"text": "x"})
        runtime.dynamodb = sound
        seen = {id: task.status for id, task in tasks_of(runtime).items()}
        assert seen == {first: "done", second: "done", third: "in_progress"}
        assert [event.subject_id for event in events(runtime, "tasks.ready")] == [third]
        assert gate(runtime, deal)["dependencies"] == sum(task.dependency_changes for task in tasks_of(runtime).values())
        assert (gate(runtime, deal)["refs"], gate(runtime, professional)["refs"]) == (3, 3)
