"""What a task contributes to the workload of its professional and of the firm, and to what is estimated of the professional's time."""

from chalicelib.foundation.json_codec import JsonObject
from chalicelib.foundation.projections import Contribution
from chalicelib.packs.tasks.entities import Task, estimate_row, hours, workload_rows
from chalicelib.packs.tasks.rules import workload


def contribute(image: JsonObject) -> Contribution:
    """The contribution of the task in this image: nothing once it is finished."""
    task = Task.from_image(image)
    if not task.is_unfinished:
        return {}
    counts = workload.count(hours(task.estimate_hours))
    rows = (*workload_rows(task.professional_id, task.due_on), estimate_row(task.professional_id))
    return {row: dict(counts) for row in rows}
