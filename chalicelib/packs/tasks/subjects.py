"""Tasks as subjects that other packs refer to, and where those that refer to a deal or a professional are found."""

from chalicelib.foundation.json_codec import JsonObject
from chalicelib.foundation.store.references import Holders
from chalicelib.foundation.subjects import SubjectAdapter
from chalicelib.packs.tasks.entities import Task


def _facts(task: Task) -> JsonObject:
    return {
        "title": task.title,
        "status": task.status,
        "professional_id": task.professional_id,
        "deal_id": task.deal_id,
        "due_on": task.due_on,
    }


def holders_of_deal(id: str) -> Holders:
    """The tasks of a deal."""
    return Holders(Task.children_of(id))


def holders_of_professional(id: str) -> Holders:
    """The tasks of a professional."""
    return Holders(Task.BY_PROFESSIONAL.range(professional_id=id))


TASK = SubjectAdapter(
    entity=Task, facts=_facts, hash_fields=("title", "description", "professional_id", "deal_id", "due_on", "estimate_hours")
)
