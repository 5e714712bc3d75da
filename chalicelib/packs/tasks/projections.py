"""What a task contributes to the workload of its professional and of the firm, and to what is estimated of the professional's time."""

from chalicelib.foundation.json_codec import JsonObject
from chalicelib.foundation.projections import Contribution
from chalicelib.packs.scorecards.public import numbers_row
from chalicelib.packs.tasks.entities import Task, hours, workload_rows
from chalicelib.packs.tasks.rules import workload
from chalicelib.packs.tasks.rules.workload import ESTIMATED


def contribute(image: JsonObject) -> Contribution:
    """The contribution of the task in this image: nothing once it is finished."""
    task = Task.from_image(image)
    if not task.is_unfinished:
        return {}
    counts = workload.count(hours(task.estimate_hours))
    contribution: Contribution = {row: dict(counts) for row in workload_rows(task.professional_id, task.due_on)}
    if estimate := hours(task.estimate_hours):
        contribution[numbers_row(task.professional_id)] = {ESTIMATED: estimate}
    return contribution
