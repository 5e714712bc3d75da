"""Routes as subjects that other packs refer to, and where those that refer to a deal, a contract or a professional are found."""

from chalicelib.foundation.json_codec import JsonObject
from chalicelib.foundation.store.references import Holders
from chalicelib.foundation.subjects import SubjectAdapter
from chalicelib.packs.documents.entities import Route


def _facts(route: Route) -> JsonObject:
    return {
        "deal_id": route.deal_id,
        "contract_id": route.contract_id,
        "professional_id": route.professional_id,
        "document_type": route.document_type,
        "title": route.title,
        "status": route.status,
        "document_sha256": route.document_sha256,
        "addressed_to": route.recipient["email"].lower(),
    }


def holders_of_deal(id: str) -> Holders:
    """The routes of a deal."""
    return Holders(Route.children_of(id))


def holders_of_contract(id: str) -> Holders:
    """The routes of a contract."""
    return Holders(Route.BY_CONTRACT.range(contract_id=id))


def holders_of_professional(id: str) -> Holders:
    """The routes of a professional."""
    return Holders(Route.BY_PROFESSIONAL.range(professional_id=id))


ROUTE = SubjectAdapter(
    entity=Route,
    facts=_facts,
    hash_fields=("deal_id", "document_type", "title", "contract_id", "document_sha256", "storage_url", "professional_id", "recipient"),
)
