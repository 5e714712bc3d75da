"""The order of a pipeline's offers: rank 1 is the first choice, the others are backups.

Ranks are unique among live assignments. A new offer without a rank comes last.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from chalicelib.foundation.errors import Conflict
from chalicelib.packs.dispositions.rules.assignments import ASSIGNED, LIVE, OFFERED

OUT_OF_RANK = "out_of_rank"


@dataclass(frozen=True)
class RankedOffer:
    """An assignment with its rank. `buyer_active` matters only for one that is offered."""

    assignment_id: str
    buyer_id: str
    rank: int
    status: str
    buyer_active: bool = True


def next_free(candidates: Iterable[RankedOffer]) -> int:
    """The rank after the last live one; with an assigned one at least 2, since a new offer can only be its backup."""
    live = [candidate for candidate in candidates if candidate.status in LIVE]
    least = 2 if any(candidate.status == ASSIGNED for candidate in live) else 1
    return max(least, max((candidate.rank for candidate in live), default=0) + 1)


def check_free(rank: int, candidates: Iterable[RankedOffer]) -> None:
    """Raises Conflict where a live assignment has this rank."""
    for candidate in candidates:
        if candidate.status in LIVE and candidate.rank == rank:
            raise Conflict(f"Rank {rank} is taken.", code="rank_taken", assignment_id=candidate.assignment_id)


def backups(candidates: Iterable[RankedOffer]) -> list[RankedOffer]:
    """The live offers to active buyers, by rank."""
    waiting = (candidate for candidate in candidates if candidate.status == OFFERED and candidate.buyer_active)
    return sorted(waiting, key=lambda candidate: (candidate.rank, candidate.assignment_id))


def next_backup(candidates: Iterable[RankedOffer]) -> RankedOffer | None:
    """The first of the backups."""
    return next(iter(backups(candidates)), None)


def warnings(chosen: RankedOffer, candidates: Iterable[RankedOffer]) -> list[str]:
    """`out_of_rank` where a live offer to an active buyer has a lower rank than the chosen one."""
    first = next_backup(candidates)
    return [OUT_OF_RANK] if first is not None and first.rank < chosen.rank else []
