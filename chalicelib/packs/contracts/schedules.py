"""The daily work on contracts. Each is claimed by a conditional write, so repeated or concurrent runs have one effect."""

from chalicelib.foundation.context import Context
from chalicelib.foundation.schedules import RunStats
from chalicelib.packs.contracts.service import terms as contract_terms


def terms(ctx: Context, run: RunStats) -> None:
    """Let expire what wasn't signed in time; tell of deadlines for notice, of renewals, and of ends."""
    contract_terms.run_due(ctx, run)
