"""The order of a pipeline's buyers: 1 is the first choice, the others are backups.

Ranks are single among live assignments. A newcomer without one comes last, so that nobody is overtaken unseen.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from chalicelib.foundation.errors import Conflict
from chalicelib.packs.dispositions.rules.assignments import ASSIGNED, LIVE, OFFERED

OUT_OF_RANK = "out_of_rank"


@dataclass(frozen=True)
class RankedOffer:
    """An assignment of the pipeline, as far as its turn goes. `buyer_active` matters for one that is offered."""

    assignment_id: str
    buyer_id: str
    rank: int
    status: str
    buyer_active: bool = True


def next_free(candidates: Iterable[RankedOffer]) -> int:
    """The rank after the last live one; beside an assigned one at least 2, for a newcomer can only be its backup."""
    live = [each for each in candidates if each.status in LIVE]
    least = 2 if any(each.status == ASSIGNED for each in live) else 1
    return max(least, max((each.rank for each in live), default=0) + 1)


def check_free(rank: int, candidates: Iterable[RankedOffer]) -> None:
    """Raises Conflict where a live assignment has this rank."""
    for each in candidates:
        if each.status in LIVE and each.rank == rank:
            raise Conflict(f"Rank {rank} is taken.", code="rank_taken", assignment_id=each.assignment_id)


def next_backup(candidates: Iterable[RankedOffer]) -> RankedOffer | None:
    """Whose turn it is: the lowest rank among live offers to active buyers."""
    waiting = [each for each in candidates if each.status == OFFERED and each.buyer_active]
    return min(waiting, key=lambda each: (each.rank, each.assignment_id), default=None)


def warnings(chosen: RankedOffer, candidates: Iterable[RankedOffer]) -> list[str]:
    """`out_of_rank` where an earlier one, whose buyer is active, waits still. It warns, it doesn't refuse."""
    first = next_backup(candidates)
    return [OUT_OF_RANK] if first is not None and first.rank < chosen.rank else []
