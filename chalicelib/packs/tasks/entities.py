"""Tasks, and comments on them, as stored.

A task lies in the partition of its deal, or of the professional who has it where it comes from a packet without a deal:

    H#<task id>#<revision>   a completed stay in a status (foundation.state_history)
    M#<comment id>           a comment
    T#<task id>              a task
    ~                        the deal, or the professional

so that one query from `T#` on reads a deal with its tasks. A task that gets another professional stays where it is.
"""

from datetime import date
from decimal import Decimal
from functools import cached_property
from typing import Any

from chalicelib.foundation.ids import IdFormat
from chalicelib.foundation.json_codec import JsonObject
from chalicelib.foundation.store import attributes as a
from chalicelib.foundation.store.access_patterns import AccessPattern, DuePattern, KeyRange
from chalicelib.foundation.store.entity import Entity
from chalicelib.foundation.store.row import truncate
from chalicelib.packs.tasks.rules import alarms
from chalicelib.packs.tasks.rules.dependencies import Dependent
from chalicelib.packs.tasks.rules.statuses import UNFINISHED

_PARENTS = {"d": "deal", "p": "pro"}
_LISTED_TITLE = 80  # characters of a title that lists show: an index takes a view of 500 bytes

# The partition of an aggregate, and the beginning of the sort keys of those in a professional's own partition.
WORKLOAD = "WORKLOAD"
WORKLOAD_ROW = "W#"
NO_DAY = "none"  # in place of the day of tasks without one


class Task(Entity):
    """Something that a professional has to do."""

    KIND = "task"
    ID = IdFormat("task", "task", parents=_PARENTS, row="T")
    PERSONAL = frozenset({"description"})
    BY_STATUS = AccessPattern("gsi1", "TASK#{status}#0", sort="{created_at}#{id}", serves="GET /pros/tasks, ?status=")
    BY_PROFESSIONAL = AccessPattern(
        "gsi2",
        "TASK#PRO#{professional_id}",
        sort="{created_at}#{id}",
        serves="GET /pros/tasks/by-professional/{id}; a professional's own; what is held on them",
    )
    ALARMS = DuePattern("task-overdue", on="alarm_on", serves="tasks-overdue")
    BY_DAY = AccessPattern("gsi4", "TASK#DAY#0", sort="{open_until}#{id}", serves="GET /pros/tasks?due_before=, ?overdue=true")
    LIST_FIELDS = ("id", "title", "professional_id", "deal_id", "status", "priority", "due_on", "estimate_hours")

    professional_id = a.string()
    deal_id = a.optional_string()
    outside_id = a.optional_map()  # {"id": the task's text or number in the client's own system}
    packet_id = a.optional_string()  # the packet with whose acceptance it came
    title = a.string()
    description = a.optional_string()
    priority = a.string()
    due_on = a.optional_date()
    estimate_hours = a.optional_decimal()
    depends_on = a.string_list()
    checklist = a.list_()

    status = a.string()
    status_entered_at = a.datetime()
    status_entered_by = a.string()
    status_reason = a.optional_string()
    status_note = a.optional_string()
    last_stay = a.optional_map()  # in the status before it was cancelled with its deal: that transaction writes no other row of it
    milliseconds_in = a.map_()  # of the stays that have ended, by status
    milliseconds_blocked = a.map_()  # of these the blocked ones, by reason
    reopened = a.integer()
    reassigned = a.integer()
    dependency_changes = a.integer()  # how often it changed what depends on what, or what waits for it: its share of the gate's count
    alarm_raised = a.integer()  # the mark of the last alarm about its present day
    interaction_id = a.optional_string()  # what finishing it in time, or late, was logged as

    @property
    def task_id(self) -> str | int | None:
        """What the client's own system calls it."""
        return None if self.outside_id is None else self.outside_id["id"]

    @property
    def is_unfinished(self) -> bool:
        """Whether there is still work on it."""
        return self.status in UNFINISHED

    @property
    def open_until(self) -> date | None:
        """The day on which it is due; None for one that is finished or has no day."""
        return self.due_on if self.is_unfinished else None

    @property
    def alarm_on(self) -> date | None:
        """The day of its next alarm; None where there are no more."""
        return None if self.open_until is None else alarms.next_day(self.open_until, self.alarm_raised)

    @cached_property
    def unticked(self) -> tuple[str, ...]:
        """The titles of its checklist that aren't ticked."""
        return tuple(entry["title"] for entry in self.checklist if not entry["done"])

    @property
    def as_dependent(self) -> Dependent:
        """The task as its dependencies see it."""
        return Dependent(self.id, self.status, tuple(self.depends_on))

    def list_view(self) -> JsonObject:
        """The fields that lists return; null fields are left out."""
        return self._listed(title=truncate(self.title, _LISTED_TITLE))

    @classmethod
    def rows_below(cls, id: str) -> tuple[KeyRange, ...]:
        """Its comments and its completed stays, which are purged with it."""
        return Comment.children_of(id), KeyRange(None, cls.ID.key(id).pk, prefix=f"H#{id}#")


class Comment(Entity):
    """What somebody wrote about a task. It never changes."""

    KIND = "task-comment"
    ID = IdFormat("cmt", "comment", parents=_PARENTS, row="M", below="task")
    PERSONAL = frozenset({"text"})

    task_id = a.string()
    text = a.string()


def workload_rows(professional_id: str, due_on: date | None) -> tuple[tuple[str, str], tuple[str, str]]:
    """The aggregate rows that count the unfinished tasks of a day: the professional's, and the firm's."""
    day = NO_DAY if due_on is None else due_on.isoformat()
    return (professional_id, f"{WORKLOAD_ROW}{day}"), (WORKLOAD, f"{WORKLOAD_ROW}{day}")


def parse_workload_day(sort_key: str) -> date | None:
    """The day of such a row; None where it counts those without a day."""
    day = sort_key.removeprefix(WORKLOAD_ROW)
    return None if day == NO_DAY else date.fromisoformat(day)


def hours(value: Any) -> Decimal | None:
    """Hours as the rules take them: the table returns whole numbers as int."""
    return None if value is None else Decimal(value)
