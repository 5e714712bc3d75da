"""Requests and answers of tasks."""

from decimal import Decimal
from typing import Annotated, Literal, NotRequired

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, WithJsonSchema
from typing_extensions import TypedDict

from chalicelib.foundation import schema_types as t
from chalicelib.foundation.explanations import Explanation
from chalicelib.packs.tasks.rules.statuses import REASONS, STATUSES

PRIORITIES = LOW, NORMAL, HIGH, URGENT = ("low", "normal", "high", "urgent")
MAX_DEPENDENCIES, MAX_CHECKLIST = 20, 50
_MAX_NUMBER = 10**15

Status = Annotated[str, t.OneOf(STATUSES, "TaskStatus")]
Priority = Annotated[str, t.OneOf(PRIORITIES, "TaskPriority")]
Reason = Annotated[str, t.OneOf(REASONS, "TaskReason")]
RetainerId = Annotated[t.Text, Field(min_length=1, max_length=200, examples=["ret_01KB0Q5E8G7Z3V9X2M4N6P8R0T"])]
TaskId = Annotated[t.Text, Field(min_length=1, max_length=200, examples=["task_d01KB0Q5E8G7Z3V9X2M4N6P8R0T01KB0Q5E8G7Z3V9X2M4N6P8R0T"])]
Dependencies = Annotated[list[TaskId], Field(max_length=MAX_DEPENDENCIES), t.UNIQUE_ITEMS]
Hours = Annotated[Decimal, WithJsonSchema({"type": "number", "description": "Hours, exact."})]  # in answers
LoggedHours = Annotated[t.Number, Field(gt=0, le=744), t.decimals(4)]
EstimatedHours = Annotated[t.Number, Field(gt=0, le=1000), t.decimals(4)]


def _outside_id(value: object) -> object:
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < _MAX_NUMBER:
        return value
    if isinstance(value, str) and 1 <= len(value := t.single_line(value.strip())) <= 200:
        return value
    raise ValueError("a text of 1 to 200 characters, or a whole number of at most 15 digits, is needed")


OutsideId = Annotated[
    str | int,
    BeforeValidator(_outside_id),
    WithJsonSchema({"anyOf": [{"type": "string", "minLength": 1, "maxLength": 200}, {"type": "integer"}], "examples": [424242]}),
]


def _visible(text: str) -> str:
    if not text.strip():
        raise ValueError("a text is needed")
    return text


# Kept as it was written: not trimmed, as other texts are.
Letter = Annotated[
    str,
    StringConstraints(strict=True, strip_whitespace=False, min_length=1, max_length=5000),
    AfterValidator(t.multi_line),
    AfterValidator(_visible),
]


class TaskChecklistEntry(t.RequestBody):
    """Something to tick before a task is done."""

    title: t.Name
    done: t.StrictBool = False


Checklist = Annotated[list[TaskChecklistEntry], Field(max_length=MAX_CHECKLIST)]


class TaskFields(t.RequestBody):
    """The fields of a task that may be null."""

    task_id: OutsideId | None = Field(None, description="What the client's own system calls it.")
    description: t.Notes | None = None
    due_on: t.BusinessDate | None = None
    estimate_hours: EstimatedHours | None = None
    depends_on: Dependencies | None = Field(None, description="Tasks of the same deal that must be done or cancelled before it is done.")
    checklist: Checklist | None = Field(None, description="What must be ticked before it is done.")


class TaskCreate(TaskFields):
    """A new task of a deal, for a professional."""

    model_config = t.body_example(
        {
            "professional_id": "pro_01KB0Q5E8G7Z3V9X2M4N6P8R0T",
            "deal_id": "deal_01KB0Q5E8G7Z3V9X2M4N6P8R0T",
            "title": "Order the title report",
            "due_on": "2026-12-01",
        }
    )

    professional_id: t.ProfessionalId
    deal_id: t.DealId
    title: t.Name
    priority: Priority = NORMAL
    status: Literal["open"] = Field("open", description="A task begins open.")


class TaskPatch(TaskFields, t.PatchBody):
    """A change of a task. Lists are replaced as a whole; the status changes by PATCH /pros/tasks/{id}/status.

    Another professional counts in `reassigned`; another day arms the alarms anew.
    """

    model_config = t.body_example({"due_on": "2026-12-04", "priority": "high"})

    professional_id: t.ProfessionalId = Field(default_factory=t.omitted)
    title: t.Name = Field(default_factory=t.omitted)
    priority: Priority = Field(default_factory=t.omitted)


class TaskMoveRequest(t.RequestBody):
    """Where a task moves, and why."""

    model_config = t.body_example({"status": "blocked", "reason": "third_party", "note": "The county is closed."})

    status: Status | None = Field(None, description="Needed here or in the query.")
    reason: Reason | None = Field(None, description="Needed to block, cancel or reopen a task.")
    note: t.Notes | None = Field(None, description="Needed where the reason is `other`.")
    hours: LoggedHours | None = Field(
        None, description="With `done`: hours to log on a retainer of the professional, in the same transaction."
    )
    retainer_id: RetainerId | None = Field(
        None, description="The retainer that takes them: the professional's only active one unless given."
    )


class TaskMoveQuery(t.QueryParams):
    """The older form of a move, without a body."""

    status: Status | None = None


class TaskQuery(t.PageParams):
    """Which tasks to list; all must match. With `due_before` or `overdue` unfinished ones, by the day on which they are due."""

    status: Status | None = None
    due_before: t.BusinessDate | None = None
    overdue: t.QueryFlag = False


class TaskCommentCreate(t.RequestBody):
    """A comment on a task."""

    model_config = t.body_example({"text": "The county has confirmed the parcel number."})

    text: Letter = Field(description="Kept to the letter.")


class WorkloadQuery(t.ExplainParams):
    """Whose workload: a professional's, else the firm's; to a professional their own."""

    professional_id: t.ProfessionalId | None = None


# -- answers


class TaskChecklistEntryView(TypedDict):
    """Something to tick."""

    title: str
    done: bool


class TaskSeconds(TypedDict):
    """Seconds in each status, of the stays that have ended."""

    open: int
    in_progress: int
    blocked: int


class TaskBlockedSeconds(TypedDict):
    """Seconds blocked, by reason, of the stays that have ended."""

    client: int
    third_party: int
    dependency: int
    information: int
    other: int


class TaskView(t.ResourceView):
    """A task. `seconds_in` and `blocked_seconds` are of the stays that have ended: the present one began at `status_since`."""

    professional_id: str
    deal_id: str | None
    task_id: Annotated[str | int | None, WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "integer"}, {"type": "null"}]})]
    title: str
    description: str | None
    priority: Priority
    due_on: t.DateText | None
    estimate_hours: Hours | None
    depends_on: list[str]
    checklist: list[TaskChecklistEntryView]
    status: Status
    status_since: t.TimestampText
    status_reason: str | None
    status_note: str | None
    seconds_in: TaskSeconds
    blocked_seconds: TaskBlockedSeconds
    reopened: int
    reassigned: int
    overdue: bool


class ExplainedTaskView(TaskView):
    """A task, with the explanation of what is computed if requested."""

    explain: NotRequired[Explanation]


class TaskSummary(TypedDict):
    """A task in a list."""

    id: str
    title: str
    professional_id: str
    deal_id: str | None
    status: Status
    priority: Priority
    due_on: t.DateText | None
    estimate_hours: Hours | None


class TaskCommentView(t.ResourceView):
    """A comment."""

    task_id: str
    text: str


class WorkloadWeek(TypedDict):
    """The unfinished tasks that are due in a week, by its Monday; null: those without a day."""

    week: t.DateText | None
    open: int
    hours_estimated: Hours


class WorkloadView(TypedDict):
    """Unfinished tasks, how many are overdue, and the sum of their estimates. Eventually consistent."""

    professional_id: str | None
    open: int
    overdue: int
    hours_estimated: Hours
    by_week: list[WorkloadWeek]
    explain: NotRequired[Explanation]


class TaskStatusInterval(TypedDict):
    """An interval in a status; `left_at` is null while it lasts."""

    status: Status
    entered_at: t.TimestampText
    entered_by: str
    reason: str | None
    note: str | None
    left_at: t.TimestampText | None
    left_by: str | None
    days: int
