"""The endpoints of finalization are its use cases; their docstrings describe them in the API's document."""

from chalicelib.packs.finalization.service.certificates import get_certificate
from chalicelib.packs.finalization.service.finalizing import finalize_deal, get_requirements, get_status
from chalicelib.packs.finalization.service.items import create_item, list_items, move_item
from chalicelib.packs.finalization.service.moves import move_deal
from chalicelib.packs.finalization.service.reopening import reopen_deal

__all__ = [
    "create_item",
    "finalize_deal",
    "get_certificate",
    "get_requirements",
    "get_status",
    "list_items",
    "move_deal",
    "move_item",
    "reopen_deal",
]
