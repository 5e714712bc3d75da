"""What is held on a professional: the documents that were sent to them."""

from chalicelib.foundation.held_data import HeldPart, HeldReader
from chalicelib.packs.documents.entities import Route


def held_routes(held: HeldReader) -> list[HeldPart]:
    """The routes to them, newest first, at most a hundred. One round trip."""
    return [held.listed("documents", Route, Route.BY_PROFESSIONAL.range(professional_id=held.professional_id))]
