"""What is held on a professional: their signals."""

from chalicelib.foundation.context import Context
from chalicelib.foundation.held_data import HeldPart, held_rows, plain
from chalicelib.foundation.json_codec import JsonObject
from chalicelib.foundation.store.codec import DynamoItem
from chalicelib.foundation.store.store import parse_live
from chalicelib.packs.signals.entities import Signal


def held_signals(ctx: Context, professional_id: str) -> HeldPart:
    """The signals with their evidence, newest first. One round trip."""
    return held_rows(ctx, "signals", Signal.children_of(professional_id), _row)


def _row(item: DynamoItem) -> JsonObject | None:
    signal = parse_live(Signal, item)
    if signal is None:
        return None
    return {name: value for name, value in plain(signal).items() if name != "evidence_rows"} | {"evidence": signal.evidence}
