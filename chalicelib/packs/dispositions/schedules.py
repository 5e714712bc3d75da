"""The scheduled jobs of dispositions. Each item is claimed by a conditional write, so repeated or concurrent runs have one effect."""

from datetime import timedelta

from chalicelib.foundation.context import Context
from chalicelib.foundation.due_work import process_due, process_due_counters, process_due_entities
from chalicelib.foundation.schedules import RunStats
from chalicelib.packs.dispositions.entities import Assignment, Buyer, BuyerCounter
from chalicelib.packs.dispositions.service import buyers, offer_transitions

# How long a change of a record waits to be copied: the index that lists a buyer's assignments may be behind by that.
_INDEX_DELAY = timedelta(minutes=1)


def offers(ctx: Context, run: RunStats) -> None:
    """Close out offers that have expired, and offers whose contract has ended."""
    offer_transitions.close_out_ended_contracts(ctx, run)
    process_due(ctx, run, Assignment.EXPIRIES.until(ctx.now), offer_transitions.close_out_expired)


def proofs_of_funds(ctx: Context, run: RunStats) -> None:
    """Send reminders of proofs of funds that expire within 14 days."""
    process_due_entities(ctx, run, Buyer.PROOF_REMINDERS.until(ctx.today), Buyer, buyers.remind_of_proof)


def buyer_records(ctx: Context, run: RunStats) -> None:
    """Copy the changed records of buyers to the rows in their markets."""
    process_due_counters(ctx, run, BuyerCounter.RECORDS.until(ctx.now - _INDEX_DELAY), Buyer, BuyerCounter, buyers.copy_record)
