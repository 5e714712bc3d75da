"""The endpoints of the wholesale pipeline are its use cases; their docstrings describe them in the API's document."""

from chalicelib.packs.wholesale.service.activities import list_activities, log_activity
from chalicelib.packs.wholesale.service.bulk_create import create_many
from chalicelib.packs.wholesale.service.calculations import calculate
from chalicelib.packs.wholesale.service.follow_ups import list_stale
from chalicelib.packs.wholesale.service.morning_lists import get_morning_list, set_morning_list
from chalicelib.packs.wholesale.service.pipeline_transitions import move_pipeline, read_history
from chalicelib.packs.wholesale.service.pipelines import (
    create_pipeline,
    delete_pipeline,
    edit_pipeline,
    get_pipeline,
    list_next_actions,
    list_pipelines,
)
from chalicelib.packs.wholesale.service.reports import read_board, read_funnel

__all__ = [
    "calculate", "create_many", "create_pipeline", "delete_pipeline", "edit_pipeline", "get_morning_list", "get_pipeline", "list_activities",
    "list_next_actions", "list_pipelines", "list_stale", "log_activity", "move_pipeline", "read_board", "read_funnel", "read_history",
    "set_morning_list",
]  # fmt: skip
