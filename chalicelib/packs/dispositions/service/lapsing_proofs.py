"""Telling of a proof of funds before it lapses: once for each proof, fourteen days ahead."""

from chalicelib.foundation.context import Context
from chalicelib.foundation.events import Event
from chalicelib.foundation.ids import Key
from chalicelib.foundation.store.codec import Raw
from chalicelib.foundation.store.store import alive
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.packs.dispositions.entities import Buyer
from chalicelib.packs.wholesale.service.due import claimed

_DESK = "operator"


def raise_due(ctx: Context, id: str, rows: dict[Key, Raw]) -> bool:
    """Tell of the buyer's proof where it is time; whether that was done. The claim is the buyer's next revision, with the event.

    One that had lapsed before anybody could be told is marked, and nothing is said of it.
    """
    before = alive(Buyer, rows.get(Buyer.ID.key(id)))
    if before is None or before.warn_on is None or before.warn_on > ctx.today:
        return False  # the index was behind: it is done, or a newer proof has come
    assert before.proof
    after = before.changed(ctx, proof_warned=before.proof.expires_on)
    events = [_event(ctx, before)] if before.proof.expires_on >= ctx.today else []

    def claim(tx: Transaction) -> None:
        tx.save(after)

    return claimed(ctx, claim, events)


def _event(ctx: Context, buyer: Buyer) -> Event:
    assert buyer.proof
    expires_on = buyer.proof.expires_on
    return Event.single(
        ctx,
        f"{buyer.id}/proof-of-funds/{expires_on.isoformat()}",
        on=expires_on,
        event="dispositions.proof_of_funds",
        subject_type="buyer",
        subject_id=buyer.id,
        title=f"A buyer's proof of funds is valid through {expires_on.isoformat()}",
        for_role=_DESK,
        due_on=expires_on,
        data={"expires_on": expires_on.isoformat(), "days_left": (expires_on - ctx.today).days},
    )
