"""What tasks depend on: circles, and what a task that is settled makes ready. A graph maps each task to those that it depends on."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from chalicelib.packs.tasks.rules.statuses import SETTLED, UNFINISHED

MAX_TASKS = 500  # of one deal: what a circle is looked for among, and what one query reads
MAX_READY_EVENTS = 40  # one for each task that becomes ready; more than that at once are one event

Graph = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Dependent:
    """A task as its dependencies see it."""

    id: str
    status: str
    depends_on: tuple[str, ...]


def find_circle(id: str, depends_on: Iterable[str], graph: Graph) -> list[str] | None:
    """The circle that closes where `id` depends on these, from `id` to `id`; None where none does. `graph` is the others'."""
    before: dict[str, str] = {}  # each task that was reached, by the one that depends on it
    waiting = [(dependency, id) for dependency in depends_on]
    while waiting:
        task, dependent = waiting.pop()
        if task == id:
            return _path_to(dependent, id, before)
        if task not in before:
            before[task] = dependent
            waiting += [(dependency, task) for dependency in graph.get(task, ())]
    return None


def _path_to(last: str, id: str, before: Mapping[str, str]) -> list[str]:
    path = [id]
    while last != id:
        path.append(last)
        last = before[last]
    return [id, *reversed(path)]


def open_dependencies(depends_on: Iterable[str], statuses: Mapping[str, str]) -> tuple[str, ...]:
    """Those that aren't settled, in their order."""
    return tuple(dependency for dependency in depends_on if dependency in statuses and statuses[dependency] not in SETTLED)


def made_ready(settled_id: str, tasks: Sequence[Dependent]) -> list[str]:
    """The unfinished tasks whose last open dependency the settled one was."""
    statuses = {task.id: task.status for task in tasks if task.id != settled_id}
    return [
        task.id
        for task in tasks
        if task.status in UNFINISHED and settled_id in task.depends_on and not open_dependencies(task.depends_on, statuses)
    ]
