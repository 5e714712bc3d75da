"""What is held on a professional: their tasks."""

from chalicelib.foundation.context import Context
from chalicelib.foundation.held_data import HeldPart, held_listed
from chalicelib.packs.tasks.entities import Task


def held_tasks(ctx: Context, professional_id: str) -> HeldPart:
    """The tasks that they have, newest first, at most a hundred. Two round trips."""
    return held_listed(ctx, "tasks", Task, Task.BY_PROFESSIONAL.range(professional_id=professional_id))
