"""Packets as answers."""

from collections.abc import Mapping
from typing import cast

from chalicelib.foundation.explanations import Explanation, explain
from chalicelib.foundation.json_codec import JsonObject
from chalicelib.foundation.presentation import present, present_row
from chalicelib.packs.handoffs.entities import Packet
from chalicelib.packs.handoffs.rules.completeness import WEIGHTS, completeness
from chalicelib.packs.handoffs.rules.content import FACTS, NO_PARTS
from chalicelib.packs.handoffs.schemas import PacketPreviewView, PacketSummary, PacketView


def packet_view(packet: Packet, facts: JsonObject, *, explained: bool) -> PacketView:
    """A packet with its facts."""
    explanation = {"explain": _explanation(packet.deal_id, facts, packet.parts)} if explained else {}
    return present(
        PacketView,
        packet,
        context=packet.context_object,
        attested=bool(packet.attested),
        handoff_timestamp=facts["handoff_timestamp"],
        cut=facts["cut"],
        **{name: facts[name] for name in FACTS},
        **explanation,
    )


def preview_view(professional_id: str, deal_id: str | None, facts: JsonObject, *, explained: bool) -> PacketPreviewView:
    """What a packet would be."""
    whole = completeness(facts, facts["looked_up"], NO_PARTS, has_deal=deal_id is not None)
    preview: JsonObject = {
        "professional_id": professional_id,
        "deal_id": deal_id,
        "handoff_timestamp": facts["handoff_timestamp"],
        **{name: facts[name] for name in FACTS},
        "cut": facts["cut"],
        "context": {},
        **NO_PARTS,
        "completeness": whole.figure,
        "missing": list(whole.missing),
    }
    if explained:
        preview["explain"] = _explanation(deal_id, facts, NO_PARTS)
    return cast(PacketPreviewView, preview)


def packet_summary(row: Mapping[str, object]) -> PacketSummary:
    """A packet of a list."""
    return present_row(PacketSummary, row)


def _explanation(deal_id: str | None, facts: JsonObject, parts: JsonObject) -> Explanation:
    whole = completeness(facts, facts["looked_up"], parts, has_deal=deal_id is not None)
    inputs = {name: {"weight": WEIGHTS[name], "share": float(round(share, 4))} for name, share in whole.shares.items()}
    return explain("handoffs.completeness", inputs, facts["handoff_timestamp"], whole.missing)
