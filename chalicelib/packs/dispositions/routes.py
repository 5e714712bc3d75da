"""The endpoints of dispositions are its use cases; their docstrings describe them in the API's document."""

from chalicelib.packs.dispositions.service.assignment_transitions import assign, close, fall_out
from chalicelib.packs.dispositions.service.assignments import create_assignment, edit_assignment, get_assignment, list_pipeline_assignments
from chalicelib.packs.dispositions.service.buyers import (
    create_buyer,
    delete_buyer,
    edit_buyer,
    get_buyer,
    list_buyer_assignments,
    list_buyers,
    read_buyer_stats,
)
from chalicelib.packs.dispositions.service.matches import list_buyer_matches, list_pipeline_matches
from chalicelib.packs.dispositions.service.offers import make_offers
from chalicelib.packs.dispositions.service.opt_out import opt_out_of_offers, show_opt_out
from chalicelib.packs.dispositions.service.summary import read_summary

__all__ = [
    "assign", "close", "create_assignment", "create_buyer", "delete_buyer", "edit_assignment", "edit_buyer", "fall_out", "get_assignment",
    "get_buyer", "list_buyer_assignments", "list_buyer_matches", "list_buyers", "list_pipeline_assignments", "list_pipeline_matches",
    "make_offers", "opt_out_of_offers", "read_buyer_stats", "read_summary", "show_opt_out",
]  # fmt: skip
