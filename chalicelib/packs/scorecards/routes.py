"""The endpoints of scorecards are its use cases; their docstrings describe them in the API's document."""

from chalicelib.packs.scorecards.service.interactions import (
    dispute_interaction,
    get_interaction,
    list_interactions,
    log_interaction,
    settle_interaction,
)
from chalicelib.packs.scorecards.service.professionals import (
    create_professional,
    delete_professional,
    edit_professional,
    get_professional,
    list_professionals,
)
from chalicelib.packs.scorecards.service.scorecards import read_history, read_leaderboard, read_scorecard

__all__ = [
    "create_professional", "delete_professional", "dispute_interaction", "edit_professional", "get_interaction", "get_professional",
    "list_interactions", "list_professionals", "log_interaction", "read_history", "read_leaderboard", "read_scorecard",
    "settle_interaction",
]  # fmt: skip
