"""The endpoints of deals are its use cases; their docstrings describe them in the API's document."""

from chalicelib.packs.deals.service.deals import create_deal, delete_deal, edit_deal, get_deal, list_changes, list_deals

__all__ = ["create_deal", "delete_deal", "edit_deal", "get_deal", "list_changes", "list_deals"]
