"""What is held on a professional: their tasks."""

from chalicelib.foundation.held_data import HeldPart, HeldReader
from chalicelib.packs.tasks.entities import Task


def held_tasks(held: HeldReader) -> list[HeldPart]:
    """The tasks that they have, newest first, at most a hundred. One round trip."""
    return [held.listed("tasks", Task, Task.BY_PROFESSIONAL.range(professional_id=held.professional_id))]
