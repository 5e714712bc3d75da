"""The endpoints of handoffs are its use cases; their docstrings describe them in the API's document."""

from chalicelib.packs.handoffs.service.moves import accept_packet, complete_packet, return_packet, send_packet
from chalicelib.packs.handoffs.service.packets import (
    create_packet,
    edit_packet,
    get_packet,
    list_deal_packets,
    list_professional_packets,
    preview_packet,
)

__all__ = [
    "accept_packet",
    "complete_packet",
    "create_packet",
    "edit_packet",
    "get_packet",
    "list_deal_packets",
    "list_professional_packets",
    "preview_packet",
    "return_packet",
    "send_packet",
]
