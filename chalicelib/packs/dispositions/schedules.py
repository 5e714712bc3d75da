"""The scheduled work of dispositions. Twice, late or at once, the effect is the same: each item is claimed by a conditional write."""

from collections.abc import Iterator

from chalicelib.foundation.context import Context
from chalicelib.foundation.ids import Key
from chalicelib.foundation.schedules import Run, scheduled
from chalicelib.packs.dispositions.entities import PROOFS_DUE, Buyer
from chalicelib.packs.dispositions.service import lapsing_proofs, settling
from chalicelib.packs.wholesale.service.due import work_off


@scheduled("dispositions-offers")
def offers(ctx: Context, run: Run) -> None:
    """Let fall out what has expired, and what lapsed with its pipeline."""
    settling.settle_ended(ctx, run)
    settling.expire(ctx, run)


@scheduled("dispositions-proofs-of-funds")
def proofs_of_funds(ctx: Context, run: Run) -> None:
    """Tell of proofs of funds that lapse within 14 days."""
    work_off(ctx, run, PROOFS_DUE, _itself, lapsing_proofs.raise_due)


def _itself(id: str) -> Iterator[Key]:
    yield Buyer.ID.key(id)
