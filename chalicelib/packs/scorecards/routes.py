"""The endpoints of scorecards are its use cases; their docstrings describe them in the API's document."""

from chalicelib.packs.scorecards.service.professionals import (
    create_professional,
    delete_professional,
    edit_professional,
    get_professional,
    list_professionals,
)

__all__ = ["create_professional", "delete_professional", "edit_professional", "get_professional", "list_professionals"]
