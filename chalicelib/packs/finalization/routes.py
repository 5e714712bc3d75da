"""The endpoints of finalization are its use cases; their docstrings describe them in the API's document."""

from chalicelib.packs.finalization.service.items import create_item, list_items, move_item
from chalicelib.packs.finalization.service.moves import move_deal

__all__ = ["create_item", "list_items", "move_deal", "move_item"]
