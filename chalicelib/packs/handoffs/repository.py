"""Reading and writing packets, with the facts of each and the register of their partition."""

from collections.abc import Iterable
from dataclasses import dataclass

from chalicelib.foundation import access, idempotency
from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import Conflict, NotFound, VersionConflict
from chalicelib.foundation.ids import ItemKey
from chalicelib.foundation.store.codec import DynamoItem
from chalicelib.foundation.store.expressions import ROW_ABSENT, attribute
from chalicelib.foundation.store.store import parse_live
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.packs.deals import public as deals
from chalicelib.packs.handoffs.entities import Packet, PacketFacts, PacketRegister
from chalicelib.packs.handoffs.rules.statuses import SUPERSEDED
from chalicelib.packs.scorecards import public as scorecards

_USER = "user_"


@dataclass(frozen=True)
class PacketSnapshot:
    """A packet as it was read, with its facts, the register of its partition, and its deal's gate; `items` are what else was read."""

    packet: Packet
    facts: PacketFacts
    register: PacketRegister
    gate: deals.DealGate | None
    items: dict[ItemKey, DynamoItem]


def find(ctx: Context, id: str) -> tuple[Packet, PacketFacts]:
    """A packet and its facts (NotFound). One round trip."""
    key, facts_key = Packet.ID.key(id), PacketFacts.key_of(id)
    return _parse(id, ctx.store.batch_get([key, facts_key]))


def read(ctx: Context, id: str, also: tuple[ItemKey, ...] = ()) -> PacketSnapshot:
    """A packet (NotFound) and all that a change of it is decided on; IdempotentReplay for a repeated request. One round trip."""
    partition = Packet.ID.key(id).pk
    has_deal = deals.Deal.ID.is_id(partition)
    register_key = PacketRegister.key_in(partition)
    keys = [Packet.ID.key(id), PacketFacts.key_of(id), register_key, *also]
    items = idempotency.read_or_replay(ctx, [*keys, deals.gate_key(partition)] if has_deal else keys)
    packet, facts = _parse(id, items)
    gate = deals.parse_gate(items.get(deals.gate_key(partition))) if has_deal else None
    return PacketSnapshot(packet, facts, PacketRegister.from_item(items[register_key]), gate, items)


def _parse(id: str, items: dict[ItemKey, DynamoItem]) -> tuple[Packet, PacketFacts]:
    packet, facts = parse_live(Packet, items.get(Packet.ID.key(id))), items.get(PacketFacts.key_of(id))
    if packet is None or facts is None:
        raise NotFound(Packet.ID.name)
    return packet, PacketFacts.from_item(facts)


def save_register(tx: Transaction, register: PacketRegister) -> None:
    """Add a changed register: VersionConflict where it was written since."""
    tx.put(register, ROW_ABSENT if register.ver == 1 else attribute("ver") == register.ver - 1)


def supersede(ctx: Context, tx: Transaction, older: Iterable[Packet], by: str) -> None:
    """Add that these packets have given way to another."""
    for packet in older:
        tx.save(packet.with_changes(ctx, status=SUPERSEDED, superseded_at=ctx.now, superseded_by=by))


# -- who does an action


def owner_key(id: str) -> ItemKey:
    """The key of a professional or a user; NotFound for an id of another form."""
    if id.startswith(_USER):
        return access.user_key(id)
    return scorecards.key(id)


def owner_names(items: dict[ItemKey, DynamoItem], ids: list[str]) -> dict[str, str]:
    """The names of those who do actions. NotFound where one doesn't exist, Conflict where one isn't active."""
    return {id: _owner_name(id, items.get(owner_key(id))) for id in ids}


def _owner_name(id: str, item: DynamoItem | None) -> str:
    if id.startswith(_USER):
        if item is None or "deleted_at" in item:
            raise NotFound("user")
        if not access.is_active_user(item):
            raise Conflict("The user isn't active.", code="user_inactive")
        return str(item["name"]["S"])
    professional = scorecards.parse_professional(item)
    if professional is None:
        raise NotFound("professional")
    if not professional.is_active:
        raise Conflict("The professional isn't active.", code="professional_inactive")
    return professional.name


def user_name(item: DynamoItem | None) -> str | None:
    """A user's name; None for one who has no row here."""
    return item["name"]["S"] if item and "name" in item else None


# -- whom a mail is sent to


class AddressChanged(VersionConflict):
    """The receiver has another address than the one that a mail was to be sent to."""


class Receiver:
    """The address of a packet's receiver as far as it is known: as of the draft, until a transaction that relies on it says otherwise."""

    def __init__(self) -> None:
        self._known: tuple[str | None] | None = None

    def address(self, facts: PacketFacts) -> str | None:
        """Where to send the mail."""
        return facts.email if self._known is None else self._known[0]

    def require(self, tx: Transaction, professional_id: str, address: str | None) -> None:
        """Let the transaction stand only while this is the receiver's address: AddressChanged, and then the new one is known."""

        def refusal(row: DynamoItem) -> AddressChanged:
            professional = scorecards.parse_professional(row or None)
            self._known = (professional.email if professional else None,)
            return AddressChanged()

        scorecards.require_email(tx, professional_id, address, refusal)
