"""Any walk through tasks of a deal: what the rules allow works, everything else is refused, and all stays in agreement."""

from collections import Counter
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib.foundation.projections import ContributionRegistry
from chalicelib.foundation.store import table
from chalicelib.packs import PACKS
from chalicelib.packs.tasks.rules.statuses import BLOCKED_REASONS, STATUSES
from ops.projections import find_drift
from tests.api_user import all_rows
from tests.conftest import TABLE
from tests.packs.dispositions.dispositions_client import apply_projections
from tests.packs.tasks.tasks_client import T, TasksClient, events, gate, kept
from tests.packs.tasks.test_rules import MOVES, reaches

TASKS = 4
WHICH = st.integers(0, TASKS - 1)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("move"), WHICH, st.sampled_from(STATUSES)),
        st.tuples(st.just("move"), WHICH, st.sampled_from(("in_progress", "done", "blocked"))),
        st.tuples(st.just("depend"), WHICH, st.lists(WHICH, max_size=2, unique=True)),
        st.tuples(st.just("tick"), WHICH, st.booleans()),
        st.tuples(st.just("due"), WHICH, st.sampled_from((None, "2026-11-20", "2026-12-01"))),
        st.tuples(st.just("give"), WHICH, st.integers(0, 1)),
        st.tuples(st.just("delete"), WHICH, st.none()),
        st.tuples(st.just("end"), WHICH, st.none()),
    ),
    max_size=24,
)


class Model:
    """What should be, told without the service."""

    def __init__(self) -> None:
        self.status: dict[int, str] = dict.fromkeys(range(TASKS), "open")
        self.depends: dict[int, list[int]] = {task: [] for task in range(TASKS)}
        self.ticked: dict[int, bool] = dict.fromkeys(range(TASKS), True)
        self.due: dict[int, str | None] = dict.fromkeys(range(TASKS))
        self.professional: dict[int, int] = dict.fromkeys(range(TASKS), 0)
        self.reopened: Counter[int] = Counter()
        self.reassigned: Counter[int] = Counter()
        self.moves: Counter[int] = Counter()
        self.seconds: Counter[tuple[int, str]] = Counter()
        self.blocked: Counter[tuple[int, str]] = Counter()
        self.reason: dict[int, str] = {}
        self.deleted: set[int] = set()
        self.ready: Counter[int] = Counter()
        self.is_live = True

    def settled(self, task: int) -> bool:
        return self.status[task] in ("done", "cancelled")

    def wait(self, seconds: int) -> None:
        for task, status in self.status.items():
            self.seconds[task, status] += seconds
            if status == "blocked":
                self.blocked[task, self.reason[task]] += seconds

    def expect(self, step: str, task: int, what: Any) -> int:
        """The status of the answer, after the step has been made."""
        if task in self.deleted:
            return 404
        if step == "end":
            if not self.is_live:
                return 409
            for other in set(self.status) - self.deleted:
                if not self.settled(other):
                    self.status[other] = "cancelled"
            self.is_live = False
            return 200
        return int(getattr(self, f"_{step}")(task, what))

    def _move(self, task: int, target: str) -> int:
        source = self.status[task]
        if (source, target) not in MOVES:
            return 409
        if target == "done" and (not self.ticked[task] or not all(map(self.settled, self.depends[task]))):
            return 409
        if not self.is_live:
            return 409
        was_settled = self.settled(task)
        self.status[task] = target
        self.moves[task] += 1
        self.reopened[task] += source == "done"
        if self.settled(task) and not was_settled:
            for other, depends in self.depends.items():
                if other not in self.deleted and task in depends and not self.settled(other) and all(map(self.settled, depends)):
                    self.ready[other] += 1
        return 200

    def _depend(self, task: int, others: list[int]) -> int:
        if self.settled(task):
            return 409
        if others == self.depends[task]:
            return 200
        if self.deleted & set(others):
            return 404
        if any(reaches({**self.depends}, other, task) for other in others):
            return 409
        if not self.is_live:
            return 409
        self.depends[task] = others
        return 200

    def _edit(self, task: int, values: dict[int, Any], what: Any) -> int:
        if self.settled(task):
            return 409
        if values[task] == what:
            return 200
        if not self.is_live:
            return 409
        values[task] = what
        return 200

    def _tick(self, task: int, what: bool) -> int:
        return self._edit(task, self.ticked, what)

    def _due(self, task: int, what: str | None) -> int:
        return self._edit(task, self.due, what)

    def _give(self, task: int, what: int) -> int:
        before = self.professional[task]
        status = self._edit(task, self.professional, what)
        self.reassigned[task] += self.professional[task] != before
        return status

    def _delete(self, task: int, _: None) -> int:
        if self.status[task] == "done" or any(task in depends for other, depends in self.depends.items() if other not in self.deleted):
            return 409
        self.deleted.add(task)
        return 204


def call(tasks: TasksClient, deal: str, ids: list[str], professionals: list[str], model: Model, step: str, task: int, what: Any) -> Any:
    path = f"{T}/{ids[task]}"
    if step == "move":
        reasons = MOVES.get((model.status[task], what), (None, ()))[1]
        reason = reasons[task % len(reasons)] if reasons else None
        answer = tasks.call("PATCH", f"{path}/status", {"status": what, "reason": reason, "note": "n"})
        if answer.status == 200 and what == "blocked":
            model.reason[task] = str(reason)
        return answer
    if step == "delete":
        return tasks.call("DELETE", path)
    if step == "end":
        return tasks.call("PATCH", f"/deals/{deal}/status", {"status": "cancelled", "reason": "title"})
    bodies = {
        "depend": lambda: {"depends_on": [ids[other] for other in what]},
        "tick": lambda: {"checklist": [{"title": "x", "done": what}]},
        "due": lambda: {"due_on": what},
        "give": lambda: {"professional_id": professionals[what]},
    }
    return tasks.call("PATCH", path, bodies[step]())


@pytest.mark.slow
@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(STEPS)
def test_any_walk(tasks: TasksClient, runtime, clock, steps):
    runtime.dynamodb.delete_table(TableName=TABLE)
    table.create(runtime.dynamodb, TABLE)
    model, deal, professionals = Model(), tasks.deal(), [tasks.professional(name) for name in ("Ada", "Bob")]
    checklist = [{"title": "x", "done": True}]
    ids = [tasks.task(deal, professionals[0], checklist=checklist, estimate_hours=number + 1) for number in range(TASKS)]
    for step, task, what in steps:
        clock.now += timedelta(seconds=task + 1)
        model.wait(task + 1)
        if step == "end" and task in model.deleted:
            continue
        answer = call(tasks, deal, ids, professionals, model, step, task, what)
        assert answer.status == model.expect(step, task, what), f"{step} {task} {what}: {answer.text}"
    agree(tasks, runtime, model, deal, ids, professionals)


def agree(tasks: TasksClient, runtime: Any, model: Model, deal: str, ids: list[str], professionals: list[str]) -> None:
    """The table says what the model says, wherever one looks."""
    live = [task for task in range(TASKS) if task not in model.deleted]
    for task in live:
        seen = tasks.read(ids[task])
        assert (seen["status"], seen["due_on"]) == (model.status[task], model.due[task])
        assert seen["depends_on"] == [ids[other] for other in model.depends[task]]
        assert (seen["reopened"], seen["reassigned"]) == (model.reopened[task], model.reassigned[task])
        ended = {status: model.seconds[task, status] for status in ("open", "in_progress", "blocked")}
        since = int((runtime.clock() - kept(runtime, ids[task]).status_entered_at).total_seconds())
        if seen["status"] in ended:
            ended[seen["status"]] -= since
        assert seen["seconds_in"] == ended
        blocked = {reason: model.blocked[task, reason] for reason in BLOCKED_REASONS}
        if seen["status"] == "blocked":
            blocked[model.reason[task]] -= since
        assert seen["blocked_seconds"] == blocked
        stays = [raw for raw in all_rows(runtime) if raw["sk"]["S"].startswith(f"H#{ids[task]}#")]
        assert len(stays) == model.moves[task]
    stored = [kept(runtime, id) for id in ids]
    row = gate(runtime, deal)
    assert (row["refs"], row["tasks"]) == (len(live), len(live))
    assert row["dependencies"] == sum(task.dependency_changes for task in stored)
    held = Counter(model.professional[task] for task in live)
    assert [gate(runtime, id)["refs"] for id in professionals] == [held[0], held[1]]
    told = Counter(event.subject_id for event in events(runtime, "tasks.ready"))
    assert told == {ids[task]: count for task, count in model.ready.items()}
    apply_projections(runtime)
    unfinished = [task for task in live if not model.settled(task)]
    firm = tasks.ok("GET", f"{T}/workload")
    assert (firm["open"], firm["hours_estimated"]) == (len(unfinished), sum((Decimal(task + 1) for task in unfinished), Decimal(0)))
    assert firm["overdue"] == sum(model.due[task] == "2026-11-20" for task in unfinished)
    by_day = {row["id"] for row in tasks.list(T, due_before="2027-01-01")}
    assert by_day == {ids[task] for task in unfinished if model.due[task]}
    assert find_drift(runtime.store, ContributionRegistry(PACKS), rounds=1) == []
