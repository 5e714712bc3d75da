"""What is in a packet: the frozen facts, the parts that its sender writes, and the digest over both."""

from collections.abc import Mapping
from typing import Any

from chalicelib.foundation.canonical_json import content_hash
from chalicelib.foundation.json_codec import JsonObject

# The lists of facts, by field: other packs bring them (`facts` in their manifests).
CONTRACTS, DOCUMENTS, TASKS = "contracts", "documents", "tasks_outstanding"
LISTS = (CONTRACTS, DOCUMENTS, "documents_needed", TASKS, "risks", "decisions")
FACTS = ("professional", "scorecard", "deal", *LISTS)
PARTS = ("risk_status", "summary", "action_list", "contingencies")
RISK_STATUSES = ("stable", "watch", "urgent")
# What the digest is over, each as the packet shows it.
HASHED = ("id", "professional_id", "deal_id", "number", "handoff_timestamp", *FACTS, "context", *PARTS)

Facts = Mapping[str, Any]
Parts = Mapping[str, Any]

NO_PARTS: JsonObject = {"risk_status": None, "summary": None, "action_list": [], "contingencies": []}


def hash_of(identity: Mapping[str, object], facts: Facts, context: JsonObject, parts: Parts) -> str:
    """SHA-256 of the canonical JSON (RFC 8785) of ids, number, facts, context and parts."""
    content = {**identity, **facts, "context": context, **parts}
    return content_hash({name: content[name] for name in HASHED})
