"""What is held on a professional: the packets that were drafted for them. Their facts are copies of what other packs hold."""

from chalicelib.foundation.held_data import HeldPart, HeldReader, plain
from chalicelib.foundation.json_codec import JsonObject
from chalicelib.packs.handoffs.entities import Packet


def held_packets(held: HeldReader) -> list[HeldPart]:
    """The packets, newest first, at most a hundred. One round trip."""
    return [held.listed("packets", Packet, Packet.BY_PROFESSIONAL.range(professional_id=held.professional_id), _packet)]


def _packet(packet: Packet) -> JsonObject:
    return {**plain(packet), "context": packet.context_object}
