"""The endpoints of retainers are its use cases; their docstrings describe them in the API's document."""

from chalicelib.packs.retainers.service.entries import approve_entry, get_entry, list_entries, log_hours, reverse_entry
from chalicelib.packs.retainers.service.forecast import read_forecast
from chalicelib.packs.retainers.service.moves import activate_retainer, cancel_retainer, deactivate_retainer, pause_retainer, renew_retainer
from chalicelib.packs.retainers.service.periods import get_period, list_periods, read_statement
from chalicelib.packs.retainers.service.retainers import (
    create_retainer,
    edit_retainer,
    get_retainer,
    list_professional_retainers,
    list_retainers,
)

__all__ = [
    "activate_retainer",
    "approve_entry",
    "cancel_retainer",
    "create_retainer",
    "deactivate_retainer",
    "edit_retainer",
    "get_entry",
    "get_period",
    "get_retainer",
    "list_entries",
    "list_periods",
    "list_professional_retainers",
    "list_retainers",
    "log_hours",
    "pause_retainer",
    "read_forecast",
    "read_statement",
    "renew_retainer",
    "reverse_entry",
]
