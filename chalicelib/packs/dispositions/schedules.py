"""The scheduled work of dispositions. Twice, late or at once, the effect is the same: each item is claimed by a conditional write."""

from collections.abc import Iterator

from ...foundation.context import Context
from ...foundation.ids import Key
from ...foundation.schedules import Run, scheduled
from ..wholesale.service.due import work_off
from .entities import PROOFS_DUE, Buyer
from .service import lapsing_proofs, settling


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
