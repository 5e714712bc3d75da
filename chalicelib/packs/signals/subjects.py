"""Signals as subjects that other packs refer to."""

from chalicelib.foundation.json_codec import JsonObject
from chalicelib.foundation.subjects import SubjectAdapter
from chalicelib.packs.signals.entities import Signal


def _signal(signal: Signal) -> JsonObject:
    return {"professional_id": signal.professional_id, "lead_score": signal.lead_score, "counts": signal.counts}


SIGNAL = SubjectAdapter(entity=Signal, facts=_signal, hash_fields=("professional_id", "signals", "lead_score", "method"))
