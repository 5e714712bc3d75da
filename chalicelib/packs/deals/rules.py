"""The statuses of a deal, whose own it is, and which deals are worked on."""

from collections.abc import Collection

from chalicelib.foundation.errors import Conflict
from chalicelib.foundation.state_machine import StateMachine, Transition

OPEN, FINALIZING, CANCELLED = "open", "finalizing", "cancelled"
STATUSES = (OPEN, CANCELLED)
LIVE = (OPEN, FINALIZING)  # those that tasks, packets and the like may be added to

KINDS = WHOLESALE, PURCHASE, SALE, SERVICE, OTHER = ("wholesale", "purchase", "sale", "service", "other")
SIDES = OURS, OPPOSING, NEUTRAL = ("ours", "opposing", "neutral")

MACHINE = StateMachine[None](
    "deal",
    STATUSES,
    [Transition(OPEN, CANCELLED, permissions=("deals:any-owner",), reasons=("seller", "buyer", "price", "title", "other"))],
)


def is_own(user_id: str, owner: str | None, team: Collection[str]) -> bool:
    """Whether it is a user's own deal: theirs, their team's, or nobody's."""
    return owner is None or owner == user_id or user_id in team


def not_open(status: str) -> Conflict:
    """The refusal of what takes a deal that is worked on."""
    return Conflict(f"The deal is {status}.", code="deal_not_open", deal_status=status)


def require_live(status: str) -> None:
    """Raise Conflict unless the deal is worked on."""
    if status not in LIVE:
        raise not_open(status)
