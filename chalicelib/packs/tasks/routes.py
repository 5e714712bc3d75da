"""The endpoints of tasks are its use cases; their docstrings describe them in the API's document."""

from chalicelib.packs.tasks.service.comments import create_comment, list_comments
from chalicelib.packs.tasks.service.lists import list_deal_tasks, list_professional_tasks, list_tasks
from chalicelib.packs.tasks.service.moves import move_task
from chalicelib.packs.tasks.service.tasks import create_task, delete_task, edit_task, get_task
from chalicelib.packs.tasks.service.workload import read_workload

__all__ = [
    "create_comment", "create_task", "delete_task", "edit_task", "get_task", "list_comments", "list_deal_tasks", "list_professional_tasks",
    "list_tasks", "move_task", "read_workload",
]  # fmt: skip
