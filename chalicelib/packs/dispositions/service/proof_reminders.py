"""Telling of a proof of funds before it lapses: once for each proof, fourteen days ahead."""

from chalicelib.foundation.context import Context
from chalicelib.foundation.events import Notification
from chalicelib.foundation.ids import ItemKey
from chalicelib.foundation.store.codec import DynamoItem
from chalicelib.foundation.store.store import parse_live
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.packs.dispositions.entities import Buyer
from chalicelib.packs.wholesale.service.due import commit_claim

_DESK = "operator"


def remind(ctx: Context, id: str, rows: dict[ItemKey, DynamoItem]) -> bool:
    """Tell of the buyer's proof where it is time; whether that was done. The claim is the buyer's next revision, with the event.

    One that had lapsed before anybody could be told is marked, and nothing is said of it.
    """
    before = parse_live(Buyer, rows.get(Buyer.ID.key(id)))
    if before is None or before.proof_reminder_on is None or before.proof_reminder_on > ctx.today:
        return False  # the index was behind: it is done, or a newer proof has come
    assert before.proof
    after = before.with_changes(ctx, proof_warned=before.proof.expires_on)
    events = [_event(ctx, before)] if before.proof.expires_on >= ctx.today else []

    def claim(tx: Transaction) -> None:
        tx.save(after)

    return commit_claim(ctx, claim, events)


def _event(ctx: Context, buyer: Buyer) -> Notification:
    assert buyer.proof
    expires_on = buyer.proof.expires_on
    return Notification.for_occasion(
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
