"""The scheduled jobs of dispositions. Each item is claimed by a conditional write, so repeated or concurrent runs have one effect."""

from chalicelib.foundation.context import Context
from chalicelib.foundation.schedules import RunStats
from chalicelib.packs.dispositions import repository
from chalicelib.packs.dispositions.service import buyers, offer_transitions


def offers(ctx: Context, run: RunStats) -> None:
    """Close out offers that have expired, and offers whose contract has ended."""
    offer_transitions.close_out_ended_contracts(ctx, run)
    repository.process_expiries(ctx, run, offer_transitions.close_out_expired)


def proofs_of_funds(ctx: Context, run: RunStats) -> None:
    """Send reminders of proofs of funds that expire within 14 days."""
    repository.process_proof_reminders(ctx, run, buyers.remind_of_proof)


def buyer_records(ctx: Context, run: RunStats) -> None:
    """Copy the changed records of buyers to the rows in their markets."""
    repository.process_changed_records(ctx, run, buyers.copy_record)
