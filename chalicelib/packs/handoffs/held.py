"""What is held on a professional: the packets that were drafted for them, with their facts."""

from chalicelib.foundation.context import Context
from chalicelib.foundation.held_data import HeldPart, plain
from chalicelib.foundation.store.pagination import decode_view
from chalicelib.foundation.store.store import parse_live
from chalicelib.packs.handoffs.entities import Packet, PacketFacts

_PAGE = 50  # packets, each of two rows: one batch


def held_packets(ctx: Context, professional_id: str) -> HeldPart:
    """The newest fifty packets. Two round trips."""
    listed = Packet.BY_PROFESSIONAL.range(professional_id=professional_id)
    response = ctx.store.query(**listed.query_arguments(), ScanIndexForward=False, Limit=_PAGE)
    ids = [str(decode_view(row)["id"]) for row in response["Items"]]
    items = ctx.store.batch_get(key for id in ids for key in (Packet.ID.key(id), PacketFacts.key_of(id)))
    rows = []
    for id in ids:
        packet, facts = parse_live(Packet, items.get(Packet.ID.key(id))), items.get(PacketFacts.key_of(id))
        if packet is not None and facts is not None:
            rows.append({**plain(packet), "context": packet.context_object, "facts": PacketFacts.from_item(facts).content})
    return HeldPart("packets", rows, "LastEvaluatedKey" in response)
