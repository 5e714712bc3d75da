"""Packets as subjects that other packs refer to, and where those that refer to a deal or a professional are found."""

from chalicelib.foundation.json_codec import JsonObject
from chalicelib.foundation.store.references import Holders
from chalicelib.foundation.subjects import SubjectAdapter
from chalicelib.packs.handoffs.entities import Packet


def _facts(packet: Packet) -> JsonObject:
    names = ("number", "status", "professional_id", "deal_id", "risk_status", "completeness")
    return {name: packet.attribute_values.get(name) for name in names}


def holders_of_deal(id: str) -> Holders:
    """The packets of a deal."""
    return Holders(Packet.BY_DEAL.range(deal_id=id))


def holders_of_professional(id: str) -> Holders:
    """The packets of a professional."""
    return Holders(Packet.BY_PROFESSIONAL.range(professional_id=id))


PACKET = SubjectAdapter(
    entity=Packet, facts=_facts, hash_fields=("content_hash",), requested_by=lambda packet: packet.sent_by or packet.created_by
)
