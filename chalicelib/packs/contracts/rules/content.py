"""What a contract says, and the one hash of it that is approved, shown and signed (domain rules D24, V140)."""

from collections.abc import Mapping, Sequence
from typing import Any

from chalicelib.foundation.canonical_json import content_hash

FIELDS = (
    *("document_sha256", "kind", "title", "value", "currency", "effective_on", "sign_by", "expires_on"),
    *("term_months", "renewal_months", "notice_months", "notice_days", "auto_renew"),
)
PARTY_FIELDS = ("name", "email", "role", "side", "order")


def hash_of(fields: Mapping[str, Any], parties: Sequence[Mapping[str, Any]]) -> str:
    """SHA-256 of the canonical JSON (RFC 8785) of the content; absent fields are null, and `expires_on` is as it was given."""
    content = {name: fields.get(name) for name in FIELDS}
    return content_hash({**content, "parties": [{name: party.get(name) for name in PARTY_FIELDS} for party in parties]})
