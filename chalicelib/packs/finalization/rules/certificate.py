"""What a certificate certifies, and the digest by which it is known."""

from collections.abc import Iterable, Mapping, Sequence

from chalicelib.foundation.canonical_json import content_hash
from chalicelib.foundation.json_codec import JsonObject

# Members of a certificate that its digest doesn't cover: itself, and what may come after it.
NOT_HASHED = frozenset({"content_hash", "superseded"})
APPROVING = ("approve", "override")  # an override counts as its maker's approval


def hash_of(certificate: Mapping[str, object]) -> str:
    """The digest of a certificate: SHA-256 of its canonical JSON (RFC 8785), in hexadecimal, without what it doesn't cover."""
    return content_hash({name: value for name, value in certificate.items() if name not in NOT_HASHED})


def are_met(policies: Iterable[JsonObject], decisions: Sequence[JsonObject]) -> bool:
    """Whether decisions meet policies: each of them by enough people of its roles."""
    return all(len({one["person"] for one in decisions if _counts(one, policy)}) >= int(policy["people"]) for policy in policies)


def _counts(decision: JsonObject, policy: JsonObject) -> bool:
    return decision["action"] in APPROVING and decision["role"] in policy["roles"]
