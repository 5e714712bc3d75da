"""The endpoints of alignment."""

from chalicelib.packs.alignment.service.alignments import align_professional, get_alignment, list_alignments
from chalicelib.packs.alignment.service.comparison import compare_signals
from chalicelib.packs.alignment.service.conflicts import check_conflicts
from chalicelib.packs.alignment.service.matches import get_match, match_professionals
from chalicelib.packs.alignment.service.profiles import create_profile, delete_profile, edit_profile, get_profile, list_profiles

__all__ = [
    "align_professional",
    "check_conflicts",
    "compare_signals",
    "create_profile",
    "delete_profile",
    "edit_profile",
    "get_alignment",
    "get_match",
    "get_profile",
    "list_alignments",
    "list_profiles",
    "match_professionals",
]
