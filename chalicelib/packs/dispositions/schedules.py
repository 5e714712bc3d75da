"""The scheduled jobs of dispositions. Each item is claimed by a conditional write, so repeated or concurrent runs have one effect."""

from collections.abc import Iterator

from chalicelib.foundation.context import Context
from chalicelib.foundation.due_work import process_due
from chalicelib.foundation.ids import ItemKey
from chalicelib.foundation.schedules import RunStats
from chalicelib.foundation.store.access_patterns import KeyRange
from chalicelib.packs.dispositions.entities import PROOFS_DUE, Buyer
from chalicelib.packs.dispositions.service import offer_expiry, proof_reminders


def offers(ctx: Context, run: RunStats) -> None:
    """Close out offers that have expired, and offers whose contract has ended."""
    offer_expiry.expire_ended_contracts(ctx, run)
    offer_expiry.expire_offers(ctx, run)


def proofs_of_funds(ctx: Context, run: RunStats) -> None:
    """Send reminders of proofs of funds that expire within 14 days."""
    due = KeyRange("gsi3", PROOFS_DUE, high=f"{ctx.today.isoformat()}~")
    process_due(ctx, run, due, proof_reminders.remind, keys=_own_key)


def _own_key(id: str) -> Iterator[ItemKey]:
    yield Buyer.ID.key(id)
