"""The statuses of a task, who moves it from one to another, for which reasons and on which conditions.

A professional works on a task: starts, blocks, goes on, finishes. To cancel or reopen one takes the right to write tasks.
"""

from dataclasses import dataclass

from chalicelib.foundation.errors import Conflict
from chalicelib.foundation.state_machine import Guard, StateMachine, Transition

OPEN, IN_PROGRESS, BLOCKED, DONE, CANCELLED = STATUSES = ("open", "in_progress", "blocked", "done", "cancelled")
UNFINISHED = (OPEN, IN_PROGRESS, BLOCKED)  # those that there is still work on
SETTLED = (DONE, CANCELLED)  # a dependency that is cancelled holds nothing up either

CLIENT, THIRD_PARTY = "client", "third_party"
BLOCKED_REASONS = (CLIENT, THIRD_PARTY, "dependency", "information", "other")
REOPEN_REASONS = ("defect", "incomplete", "scope", "other")
DEAL_DEAD = "deal_dead"
CANCEL_REASONS = ("duplicate", "not_needed", DEAL_DEAD, "other")
REASONS = tuple(dict.fromkeys((*BLOCKED_REASONS, *REOPEN_REASONS, *CANCEL_REASONS)))

# The rights that a move needs, each in addition to that of its endpoint.
STATUS, WRITE = "tasks:status", "tasks:write"

DEPENDS_ON_OPEN, CHECKLIST_OPEN = "depends_on_open", "checklist_open"


@dataclass(frozen=True)
class TaskFacts:
    """What finishing a task is decided on: the ids of its dependencies that aren't settled, the titles that aren't ticked."""

    open_dependencies: tuple[str, ...] = ()
    unticked: tuple[str, ...] = ()


def _depends_on_open(facts: TaskFacts) -> Conflict:
    return Conflict("It depends on tasks that are neither done nor cancelled.", code=DEPENDS_ON_OPEN, open=list(facts.open_dependencies))


def _checklist_open(facts: TaskFacts) -> Conflict:
    return Conflict("Its checklist isn't ticked.", code=CHECKLIST_OPEN, open=list(facts.unticked))


_TO_FINISH: tuple[Guard[TaskFacts], ...] = (
    Guard(DEPENDS_ON_OPEN, "", lambda facts: not facts.open_dependencies, problem=_depends_on_open),
    Guard(CHECKLIST_OPEN, "", lambda facts: not facts.unticked, problem=_checklist_open),
)

MACHINE: StateMachine[TaskFacts] = StateMachine(
    "task",
    STATUSES,
    [
        Transition(OPEN, IN_PROGRESS, permissions=(STATUS,)),
        Transition(OPEN, BLOCKED, permissions=(STATUS,), reasons=BLOCKED_REASONS),
        Transition(IN_PROGRESS, BLOCKED, permissions=(STATUS,), reasons=BLOCKED_REASONS),
        Transition(BLOCKED, IN_PROGRESS, permissions=(STATUS,)),
        Transition(IN_PROGRESS, DONE, permissions=(STATUS,), guards=_TO_FINISH),
        Transition(DONE, IN_PROGRESS, permissions=(WRITE,), reasons=REOPEN_REASONS),
        *(Transition(source, CANCELLED, permissions=(WRITE,), reasons=CANCEL_REASONS) for source in UNFINISHED),
    ],
    hints={
        (OPEN, DONE): "Start it first.",
        (BLOCKED, DONE): "Go on with it first.",
        (DONE, CANCELLED): "Reopen it first.",
    },
)


def is_change_of_dependents(source: str, target: str) -> bool:
    """Whether the move changes what those that depend on the task wait for: it is settled, or no longer."""
    return (source in SETTLED) != (target in SETTLED)
