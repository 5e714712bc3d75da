"""The statuses of a deal, whose own it is, and which deals are worked on."""

from collections.abc import Collection
from decimal import Decimal
from typing import NamedTuple

from chalicelib.foundation.errors import Conflict
from chalicelib.foundation.state_machine import StateMachine, Transition

OPEN, FINALIZING, FINALIZED, CANCELLED = "open", "finalizing", "finalized", "cancelled"
STATUSES = (OPEN, CANCELLED)
LIVE = (OPEN, FINALIZING)  # those that tasks, packets and the like may be added to

KINDS = WHOLESALE, PURCHASE, SALE, SERVICE, OTHER = ("wholesale", "purchase", "sale", "service", "other")

MACHINE = StateMachine[None](
    "deal",
    STATUSES,
    [Transition(OPEN, CANCELLED, permissions=("deals:any-owner",), reasons=("seller", "buyer", "price", "title", "other"))],
)

# Where the value of a deal comes from: it was given, or it is the contract price of its pipeline.
BASES = GIVEN, CONTRACT_PRICE = ("given", "contract_price")


class Value(NamedTuple):
    """What a deal is worth, in its currency, and where that comes from; both None where it is unknown."""

    amount: Decimal | None
    basis: str | None


def value_of(kind: str, given: Decimal | None, contract_price: Decimal | None) -> Value:
    """The value of a deal (domain rule D31): as given, else of a wholesale deal the contract price of its pipeline."""
    if given is not None:
        return Value(given, GIVEN)
    if kind == WHOLESALE and contract_price is not None:
        return Value(contract_price, CONTRACT_PRICE)
    return Value(None, None)


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
