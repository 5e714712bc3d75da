"""The endpoints of alignment."""

from chalicelib.packs.alignment.service.comparison import compare_signals
from chalicelib.packs.alignment.service.profiles import create_profile, delete_profile, edit_profile, get_profile, list_profiles

__all__ = [
    "compare_signals",
    "create_profile",
    "delete_profile",
    "edit_profile",
    "get_profile",
    "list_profiles",
]
