"""The endpoints of document routes are its use cases; their docstrings describe them in the API's document."""

from chalicelib.packs.documents.service.bulk import send_to_many
from chalicelib.packs.documents.service.links import acknowledge_document, open_document, show_document
from chalicelib.packs.documents.service.lists import list_contract_routes, list_deal_routes, list_professional_routes, list_routes
from chalicelib.packs.documents.service.moves import move_route
from chalicelib.packs.documents.service.reminders import remind_route
from chalicelib.packs.documents.service.routes import create_route, delete_route, get_route

__all__ = [
    "acknowledge_document", "create_route", "delete_route", "get_route", "list_contract_routes", "list_deal_routes",
    "list_professional_routes", "list_routes", "move_route", "open_document", "remind_route", "send_to_many", "show_document",
]  # fmt: skip
