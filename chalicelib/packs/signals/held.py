"""What is held on a professional: their signals."""

from chalicelib.foundation.held_data import HeldPart, HeldReader, plain
from chalicelib.foundation.json_codec import JsonObject
from chalicelib.packs.signals.entities import Signal


def held_signals(held: HeldReader) -> list[HeldPart]:
    """The signals with their evidence, newest first."""
    return [held.children("signals", Signal, _with_evidence)]


def _with_evidence(signal: Signal) -> JsonObject:
    return {name: value for name, value in plain(signal).items() if name != "evidence_rows"} | {"evidence": signal.evidence}
