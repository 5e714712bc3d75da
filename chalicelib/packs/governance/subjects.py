"""Decisions as subjects that other packs refer to, and what keeps the subject of one from being deleted."""

from typing import Any

from chalicelib.foundation.store.references import Holders
from chalicelib.foundation.subjects import SubjectAdapter
from chalicelib.packs.governance.entities import Decision


def _facts(decision: Decision) -> dict[str, Any]:
    names = ("subject_type", "subject_id", "role", "person", "action", "requested_action", "is_final", "number")
    return {name: decision.attribute_values.get(name) for name in names}


def holders_of_root(id: str) -> Holders:
    """The decisions on what lies in a root's partition."""
    return Holders(Decision.children_of(id))


DECISION = SubjectAdapter(
    entity=Decision,
    facts=_facts,
    hash_fields=(
        "subject_id", "subject_hash", "number", "role", "person", "action", "requested_action", "reason", "is_final", "conditions",
        "expires_at", "review_date", "resolves", "policy_version", "created_by", "created_at",
    ),
)  # fmt: skip
