"""M, tasks: what professionals have to do for a deal, what it waits for, and when it is late."""

from chalicelib.foundation.manifest import Endpoint, Pack, PermissionRow, Projection, Schedule, SubjectEntry

_READ, _WRITE, _STATUS = "tasks:read", "tasks:write", "tasks:status"
_ONE, _COMMENTS = "/pros/tasks/{id}", "/pros/tasks/{id}/comments"
_MOVE_ERRORS = ("conflict", "invalid-transition", "precondition-failed")
_EACH_MORNING = "cron(0 13 * * ? *)"  # before the working day on the American west coast; cron expressions are in UTC

PACK = Pack(
    letter="M",
    name="tasks",
    title="Professional Task Lifecycle Engine",
    package=__name__,
    permissions=(
        PermissionRow(
            "tasks",
            {
                "admin": "rwa any-deal status",
                "operator": "rw any-deal status",
                "dealmaker": "rw own-deals status",
                "counsel": "rw own-deals status",
                "auditor": "r",
                "viewer": "r",
                "professional": "r own status",
            },
            governed=True,
        ),
    ),
    endpoints=(
        Endpoint("POST", "/pros/tasks", "create_task", _WRITE, "Give a professional a task", 201, _ONE, errors=("not-found", "conflict")),
        Endpoint("GET", "/pros/tasks", "list_tasks", _READ, "List tasks by status, or unfinished ones by day"),
        Endpoint(
            "GET",
            "/pros/tasks/workload",
            "read_workload",
            _READ,
            "Read the workload of a professional, or of the firm",
            errors=("not-found",),
        ),
        Endpoint(
            "GET",
            "/pros/tasks/by-professional/{professional_id}",
            "list_professional_tasks",
            _READ,
            "List a professional's tasks, newest first",
        ),
        Endpoint("GET", "/pros/tasks/by-deal/{deal_id}", "list_deal_tasks", _READ, "List a deal's tasks, newest first"),
        Endpoint("GET", _ONE, "get_task", _READ, "Read a task", composite=True),
        Endpoint("PATCH", _ONE, "edit_task", _WRITE, "Change a task", composite=True, errors=("conflict",)),
        Endpoint("DELETE", _ONE, "delete_task", _WRITE, "Delete a task", status=204, errors=("conflict",)),
        Endpoint("PATCH", "/pros/tasks/{id}/status", "move_task", _STATUS, "Move a task", composite=True, errors=_MOVE_ERRORS),
        Endpoint("POST", _COMMENTS, "create_comment", _STATUS, "Comment on a task", 201, "/pros/tasks/{task_id}/comments"),
        Endpoint("GET", _COMMENTS, "list_comments", _READ, "List the comments on a task, newest first"),
    ),
    schedules=(Schedule("tasks-overdue", _EACH_MORNING, f"{__name__}.schedules.overdue", "Tells of overdue tasks, and escalates them"),),
    projections=(Projection("task", f"{__name__}.projections.contribute", writes=("pro", "WORKLOAD", "PROSCORE")),),
    subjects=(SubjectEntry("task", "task", f"{__name__}.subjects.TASK"),),
    entities={"task": f"{__name__}.entities.Task", "task-comment": f"{__name__}.entities.Comment"},
    key_prefixes=("WORKLOAD",),
    cancels={"deal": f"{__name__}.public.cancel_with_deal"},
    facts={"tasks_outstanding": f"{__name__}.public.outstanding"},
    held=f"{__name__}.held.held_tasks",
    holders={"deal": f"{__name__}.subjects.holders_of_deal", "professional": f"{__name__}.subjects.holders_of_professional"},
)
