"""The scheduled work of dispositions. Twice, late or at once, the effect is the same: each item is claimed by a conditional write."""

from collections.abc import Iterator

from chalicelib.foundation.context import Context
from chalicelib.foundation.ids import ItemKey
from chalicelib.foundation.schedules import RunStats, scheduled
from chalicelib.packs.dispositions.entities import PROOFS_DUE, Buyer
from chalicelib.packs.dispositions.service import offer_expiry, proof_reminders
from chalicelib.packs.wholesale.service.due import process_due


@scheduled("dispositions-offers")
def offers(ctx: Context, run: RunStats) -> None:
    """Let fall out what has expired, and what lapsed with its pipeline."""
    offer_expiry.expire_ended_contracts(ctx, run)
    offer_expiry.expire_offers(ctx, run)


@scheduled("dispositions-proofs-of-funds")
def proofs_of_funds(ctx: Context, run: RunStats) -> None:
    """Tell of proofs of funds that lapse within 14 days."""
    process_due(ctx, run, PROOFS_DUE, _own_key, proof_reminders.remind)


def _own_key(id: str) -> Iterator[ItemKey]:
    yield Buyer.ID.key(id)
