"""Packets as stored, in the partition of their deal, or of their professional where they have no deal:

    K#<packet id>      a packet: its parts, its context, and how far it has come
    KF#<packet id>     the facts of a packet, which are written once and never changed (`PacketFacts`)
    KR#                how far the numbers of packets have come, and which of them are open (`PacketRegister`)

The numbers are dense for each professional in a partition: the register is written on condition that nobody has in between.
"""

from datetime import datetime
from typing import NotRequired, cast

from typing_extensions import TypedDict

from chalicelib.foundation.ids import IdFormat, ItemKey
from chalicelib.foundation.json_codec import JsonObject, dumps, loads
from chalicelib.foundation.store import attributes as a
from chalicelib.foundation.store.access_patterns import AccessPattern, DuePattern
from chalicelib.foundation.store.entity import Entity
from chalicelib.foundation.store.row import Row
from chalicelib.packs.handoffs.rules.content import PARTS
from chalicelib.packs.handoffs.rules.statuses import SENT


class Packet(Entity):
    """What one professional is told and given to do, of a deal or of none."""

    KIND = "packet"
    ID = IdFormat("hand", "packet", parents={"d": "deal", "p": "pro"}, row="K")
    PERSONAL = frozenset({"context", "summary", "read_back"})
    BY_PROFESSIONAL = AccessPattern(
        "gsi1",
        "HAND#PRO#{professional_id}",
        sort="{created_at}#{id}",
        serves="GET /pros/handoff/by-professional/{id}; what is held on a professional",
    )
    BY_DEAL = AccessPattern("gsi2", "HAND#DEAL#{deal_id}", sort="{created_at}#{id}", serves="GET /pros/handoff/by-deal/{id}")
    UNACCEPTED = DuePattern("handoff-unaccepted", on="unaccepted_from", serves="handoffs-unaccepted")
    LIST_FIELDS = ("id", "number", "status", "professional_id", "deal_id", "risk_status", "completeness", "created_at", "was_sent")

    number = a.integer()
    professional_id = a.string()
    deal_id = a.optional_string()
    status = a.string()

    risk_status = a.optional_string()
    summary = a.optional_string()
    action_list = a.list_()
    contingencies = a.list_()
    context = a.string()  # JSON, since the table has fewer numbers and names than it
    completeness = a.integer()
    missing = a.string_list()
    content_hash = a.string()

    sent_at = a.optional_datetime()
    sent_by = a.optional_string()
    sent_by_name = a.optional_string()
    accept_by = a.optional_datetime()
    alarmed_at = a.optional_datetime()  # when it was told that nobody has accepted it
    accepted_at = a.optional_datetime()
    accepted_by = a.optional_string()
    attested = a.optional_boolean()  # accepted or returned by somebody else than the receiver
    read_back = a.optional_string()
    task_ids = a.string_list()  # what its actions became
    returned_at = a.optional_datetime()
    returned_by = a.optional_string()
    return_reason = a.optional_string()
    return_note = a.optional_string()
    completed_at = a.optional_datetime()
    completed_by = a.optional_string()
    superseded_at = a.optional_datetime()
    superseded_by = a.optional_string()  # the packet

    @property
    def was_sent(self) -> bool:
        """Whether its receiver may see it."""
        return self.sent_at is not None

    @property
    def responsible(self) -> str:
        """Whose the work is: the sender's until acceptance, then the receiver's."""
        return self.professional_id if self.accepted_at else self.sent_by or self.created_by

    @property
    def sending_user(self) -> str | None:
        """The user who sent it; None for a packet that no user has."""
        return self.sent_by if self.sent_by and self.sent_by.startswith("user_") else None

    @property
    def unaccepted_from(self) -> datetime | None:
        """The instant from which on it is to be told that nobody has accepted it; None where there is nothing to tell."""
        return self.accept_by if self.status == SENT and self.alarmed_at is None else None

    @property
    def parts(self) -> JsonObject:
        """What its sender wrote, besides the context."""
        return {name: self.attribute_values.get(name) for name in PARTS}

    @property
    def context_object(self) -> JsonObject:
        """The context as it was sent."""
        return cast(JsonObject, loads(self.context))


class PacketFacts(Row):
    """The facts of a packet, as they were when it was drafted."""

    KIND = "packet-facts"

    facts = a.compressed_text()
    email = a.optional_string()  # the receiver's address at that time

    @staticmethod
    def key_of(packet_id: str) -> ItemKey:
        """Where they lie."""
        return ItemKey(Packet.ID.key(packet_id).pk, f"KF#{packet_id}")

    @classmethod
    def of(cls, packet_id: str, content: JsonObject, email: str | None) -> "PacketFacts":
        """The facts of a packet."""
        return cls.at(cls.key_of(packet_id), facts=dumps(content), email=email)

    @property
    def content(self) -> JsonObject:
        """The facts by field, `looked_up` and `cut` among them."""
        return cast(JsonObject, loads(self.facts))


class Pair(TypedDict):
    """The packets of a professional in a partition: the last number, those that are open, and the one that is accepted."""

    number: int
    open: list[JsonObject]  # {id, number}, the oldest first
    accepted: NotRequired[str]


class PacketRegister(Row):
    """The packets of a deal, or of a professional without one, by professional."""

    KIND = "packet-register"

    pairs = a.map_()
    ver = a.integer()

    @staticmethod
    def key_in(partition: str) -> ItemKey:
        """Where it lies."""
        return ItemKey(partition, "KR#")

    @classmethod
    def empty(cls, partition: str) -> "PacketRegister":
        """That of a partition without packets."""
        return cls.at(cls.key_in(partition), pairs={}, ver=0)

    def pair(self, professional_id: str) -> Pair:
        """What it says of a professional."""
        return cast(Pair, self.pairs.get(professional_id) or {"number": 0, "open": []})

    def with_pair(self, professional_id: str, pair: Pair) -> "PacketRegister":
        """A copy in which it says this of a professional."""
        return self.with_values(pairs={**self.pairs, professional_id: dict(pair)}, ver=self.ver + 1)
