"""The price of an assignment and its fee: of the two one follows from the other and the contract price.

    price = contract price + fee

Both given must agree; below the contract price nothing is assigned. With the assignment the terms freeze: what changes
afterwards is a retrade and says so, and the fee follows it until the closing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from chalicelib.foundation.errors import Conflict, ValidationFailed
from chalicelib.packs.dispositions.rules.assignments import ASSIGNED, OFFERED

RETRADE = "retrade"
PRICE, FEE = "assignment_price", "assignment_fee"


@dataclass(frozen=True)
class Terms:
    """What was agreed: price and fee in the pipeline's currency; None: not yet, or it can't be told."""

    price: Decimal | None = None
    fee: Decimal | None = None


def resolve_terms(contract_price: Decimal | None, price: Decimal | None, fee: Decimal | None) -> Terms:
    """Price and fee from what was given of them.

    Raises Invalid where they contradict each other or lie below the contract price. Without a contract price nothing
    follows: both stay as given.
    """
    if fee is not None and fee < 0:
        raise ValidationFailed.field(FEE, "must not be negative")
    if contract_price is None:
        return Terms(price, fee)
    if price is None:
        return Terms() if fee is None else Terms(contract_price + fee, fee)
    if price < contract_price:
        raise ValidationFailed.field(PRICE, f"is below the contract price {contract_price}")
    if fee is not None and price - contract_price != fee:
        raise ValidationFailed.field(
            FEE, f"contradicts the price: {price} less the contract price {contract_price} is {price - contract_price}"
        )
    return Terms(price, price - contract_price)


def revise_terms(
    status: str, before: Terms, contract_price: Decimal | None, change: Mapping[str, Decimal | None], reason: str | None = None
) -> Terms:
    """The terms after `change` of `assignment_price`, `assignment_fee` or both (null takes away).

    `contract_price` is the pipeline's while it is offered, afterwards the one that it was assigned on. An offer's terms
    change freely; an assigned one's first price, too; another price of an assigned one needs the reason
    `retrade`. Raises Invalid where it is missing or the terms can't be, Conflict where the assignment is over.
    """
    if not change.keys() & {PRICE, FEE}:
        return before
    if status not in (OFFERED, ASSIGNED):
        raise Conflict(f"The terms of an assignment that is {status} don't change.")
    # A null beside a value takes nothing away; alone it takes both, for either follows from the other.
    after = resolve_terms(contract_price, change.get(PRICE), change.get(FEE))
    if status == ASSIGNED and before.price is not None and after != before:
        if after.price is None:
            raise ValidationFailed.field(PRICE, "an assigned one keeps its price")
        if reason != RETRADE:
            raise ValidationFailed.field("reason", "a price that was agreed changes only by a retrade")
    return after


def below_contract(price: Decimal | None, contract_price: Decimal | None) -> bool:
    """Whether the contract price has risen above what was agreed with the buyer."""
    return price is not None and contract_price is not None and price < contract_price
