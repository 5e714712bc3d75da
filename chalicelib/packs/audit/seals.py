"""The daily seal: everything that was recorded on a day as one hash, signed, and chained to the seal of the day before.

Pure functions, which the seal's schedule, the verification of a day and that of an exported file share.

    leaf      = RFC 8785 of {entity_id, seq, hash}: the last record of an entity that was recorded on the day
    root      = the tree hash of RFC 6962 over the leaves, in the order of the entities' ids
    hash      = SHA-256 of RFC 8785 of {date, root, entities, records, prev_hash}
    signature = a compact JWS (RFC 7515) over that text, ES256

A leaf fixes its whole chain up to that record, since each record holds the hash of the one before. So a seal fixes all that is recorded
by the end of its day, and who has the seal notices whatever is changed afterwards, even by somebody who can write the whole table.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, time, timedelta
from datetime import date as Day  # noqa: N812 - a seal has a field of that name
from typing import Any, NamedTuple

from chalicelib.foundation.canonical_json import canonical_json
from chalicelib.foundation.json_codec import JsonObject
from chalicelib.packs.audit.records import GENESIS

ALGORITHM = "ES256"
FIRST = GENESIS  # the previous hash of the first seal
SETTLED_AFTER = timedelta(minutes=15)  # after the end of a day: a function that began before it may record until then
PublicKeys = Mapping[str, Any]  # key id → public key
_SEALED = ("date", "root", "entities", "records", "prev_hash")  # what a seal's hash is made of


def day_end(day: Day) -> datetime:
    """The end of a day, UTC."""
    return datetime.combine(day + timedelta(days=1), time(), UTC)


def is_settled(day: Day, now: datetime) -> bool:
    """Whether nothing is recorded on a day any more, so that it can be sealed."""
    return now >= day_end(day) + SETTLED_AFTER


# -- the tree


class Leaf(NamedTuple):
    """The last record of an entity that was recorded on a day."""

    entity_id: str
    seq: int
    hash: str

    @property
    def text(self) -> str:
        """What is hashed of it."""
        return canonical_json(self._asdict())


def leaf_hash(leaf: Leaf) -> bytes:
    """The hash of a leaf, as RFC 6962 takes it: of a zero byte and its text."""
    return hashlib.sha256(b"\x00" + leaf.text.encode()).digest()


def tree_root(leaves: Iterable[Leaf]) -> str:
    """The Merkle tree hash (RFC 6962, section 2.1) of leaves in their order, in hexadecimal; of none, the hash of nothing.

    Level by level: the tree that splits at the largest power of two below the number of leaves pairs neighbours from the left, and takes
    the last of an odd number up as it is.
    """
    level = [leaf_hash(leaf) for leaf in leaves]
    if not level:
        return hashlib.sha256().hexdigest()
    while len(level) > 1:
        pairs = [hashlib.sha256(b"\x01" + left + right).digest() for left, right in zip(level[::2], level[1::2], strict=False)]
        level = pairs + level[len(pairs) * 2 :]
    return level[0].hex()


@dataclass
class DayRecords:
    """What was recorded on a day, as far as it was read: how many records, and the last one of each entity."""

    records: int = 0
    last: dict[str, tuple[int, str]] = field(default_factory=dict)  # entity → number, hash

    def add(self, leaf: Leaf, records: int = 1) -> None:
        """Add a record, as the last of `records` of its entity."""
        self.records += records
        if leaf.entity_id not in self.last or self.last[leaf.entity_id][0] < leaf.seq:
            self.last[leaf.entity_id] = (leaf.seq, leaf.hash)

    def merge(self, more: "DayRecords") -> None:
        """Add what else was read of the day."""
        for entity_id, (seq, hash) in more.last.items():
            self.add(Leaf(entity_id, seq, hash), 0)
        self.records += more.records

    @property
    def leaves(self) -> Iterator[Leaf]:
        """The leaves of the day's tree, in their order."""
        return (Leaf(entity_id, *self.last[entity_id]) for entity_id in sorted(self.last))


# -- the seal


@dataclass(frozen=True)
class Seal:
    """The seal of a day."""

    date: str
    root: str
    entities: int
    records: int
    prev_hash: str
    hash: str
    kid: str
    signature: str

    @property
    def text(self) -> str:
        """What is hashed and signed."""
        return sealed_text(asdict(self))

    @property
    def day(self) -> Day:
        """Its day."""
        return Day.fromisoformat(self.date)

    @classmethod
    def from_values(cls, values: Mapping[str, object]) -> "Seal":
        """The seal in a JSON object, unverified. ValueError where it isn't one."""
        texts = {name: values.get(name) for name in ("date", "root", "prev_hash", "hash", "kid", "signature")}
        numbers = {name: values.get(name) for name in ("entities", "records")}
        if not all(type(value) is str for value in texts.values()) or not all(type(value) is int for value in numbers.values()):
            raise ValueError("not a seal")
        seal = cls(**texts, **numbers)  # type: ignore[arg-type]  # as was just checked
        if seal.day.isoformat() != seal.date:
            raise ValueError("not a day")
        return seal


def sealed_text(values: Mapping[str, object]) -> str:
    """What of a seal is hashed and signed."""
    return canonical_json({name: values[name] for name in _SEALED})


def seal_hash(text: str) -> str:
    """The hash of a seal's text."""
    return hashlib.sha256(text.encode()).hexdigest()


def make_seal(day: Day, recorded: DayRecords, prev_hash: str, kid: str, private_pem: str) -> Seal:
    """The seal of a day, after the one with `prev_hash`, signed with this key."""
    values: JsonObject = {
        "date": day.isoformat(),
        "root": tree_root(recorded.leaves),
        "entities": len(recorded.last),
        "records": recorded.records,
        "prev_hash": prev_hash,
    }
    text = sealed_text(values)
    return Seal(**values, hash=seal_hash(text), kid=kid, signature=_sign(text, kid, private_pem))


def _sign(text: str, kid: str, private_pem: str) -> str:
    from jwt import api_jws  # with cryptography; only who signs needs it

    return api_jws.encode(text.encode(), private_pem, ALGORITHM, headers={"kid": kid, "typ": ""})


# -- verifying one


def seal_error(seal: Seal, previous: Seal | None, keys: PublicKeys) -> str | None:
    """Why a seal is not what it should be after `previous`, the one before it (None: not known); None where it is.

    A seal without one before it is only known to be the first where its `prev_hash` is 64 zeros.
    """
    if previous is not None:
        expected = previous.day + timedelta(days=1)
        if seal.day != expected:
            return (
                f"missing: after {previous.date} there is no seal of {expected}" if seal.day > expected else "reordered: days don't follow"
            )
        if seal.prev_hash != previous.hash:
            return f"unchained: it doesn't follow from the seal of {previous.date}"
    text = seal.text
    if seal.hash != seal_hash(text):
        return "mutated: its hash isn't that of its content"
    if seal.kid not in keys:
        return f"unsigned: the key {seal.kid} isn't known"
    return None if _is_signed(seal, text, keys[seal.kid]) else "forged: its signature isn't by that key, or is of another seal"


def _is_signed(seal: Seal, text: str, key: Any) -> bool:
    import jwt
    from jwt import api_jws

    try:
        signed = api_jws.decode_complete(seal.signature, key, [ALGORITHM])
    except (jwt.PyJWTError, ValueError, TypeError):
        return False
    return bool(signed["payload"] == text.encode() and signed["header"].get("kid") == seal.kid)


def records_error(seal: Seal, recorded: DayRecords) -> str | None:
    """How the records of a seal's day differ from what was sealed; None where they don't."""
    if recorded.records != seal.records:
        return f"unsealed: {recorded.records:,} records instead of {seal.records:,}"
    if len(recorded.last) != seal.entities:
        return f"unsealed: of {len(recorded.last):,} entities instead of {seal.entities:,}"
    return None if tree_root(recorded.leaves) == seal.root else "unsealed: they aren't the records that were sealed"


# -- keys


def public_keys(entries: Sequence[Mapping[str, object]]) -> PublicKeys:
    """The keys of a JSON web key set by their ids, those that can't sign a seal left out."""
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
    from jwt import PyJWK, PyJWTError

    keys: dict[str, Any] = {}
    for entry in entries:
        public = {name: value for name, value in entry.items() if name in ("kty", "crv", "x", "y")}  # never a private part
        try:
            key = PyJWK(public, ALGORITHM).key
        except (PyJWTError, ValueError, TypeError, KeyError):
            continue
        if isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP256R1) and isinstance(entry.get("kid"), str):
            keys[str(entry["kid"])] = key
    return keys
