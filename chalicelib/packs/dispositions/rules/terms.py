"""The terms of an assignment: price and fee, of which one follows from the other. The price is the contract price plus the fee.

If both are given they must agree; the price can't be below the contract price. After the assignment a change of the price
needs the reason `retrade`, and the fee follows it until the closing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from chalicelib.foundation.errors import Conflict, ValidationFailed
from chalicelib.packs.dispositions.rules.assignments import ASSIGNED, OFFERED, RETRADE

PRICE, FEE = "assignment_price", "assignment_fee"


@dataclass(frozen=True)
class Terms:
    """Price and fee in the pipeline's currency; None: not agreed yet, or unknown."""

    price: Decimal | None = None
    fee: Decimal | None = None


def resolve_terms(contract_price: Decimal | None, price: Decimal | None, fee: Decimal | None) -> Terms:
    """Both terms from those given, unchanged without a contract price.

    Raises ValidationFailed where they contradict each other or are below the contract price.
    """
    if fee is not None and fee < 0:
        raise ValidationFailed.field(FEE, "must not be negative")
    if contract_price is None:
        return Terms(price, fee)
    if price is None:
        return Terms() if fee is None else Terms(contract_price + fee, fee)
    if price < contract_price:
        raise ValidationFailed.field(PRICE, f"is below the contract price {contract_price}")
    difference = price - contract_price
    if fee not in (None, difference):
        raise ValidationFailed.field(FEE, f"contradicts the price: {price} less the contract price {contract_price} is {difference}")
    return Terms(price, difference)


def revise_terms(
    status: str, before: Terms, contract_price: Decimal | None, change: Mapping[str, Decimal | None], reason: str | None = None
) -> Terms:
    """The terms after `change` of `assignment_price`, `assignment_fee` or both (null clears).

    `contract_price` is the pipeline's while it is offered, afterwards the one that it was assigned on. An offer's terms and an assigned
    one's first price change freely. Raises ValidationFailed without a needed reason and for invalid terms, Conflict for one that has ended.
    """
    if not change.keys() & {PRICE, FEE}:
        return before
    if status not in (OFFERED, ASSIGNED):
        raise Conflict(f"The terms of an assignment that is {status} don't change.")
    # A null together with a value clears nothing; alone it clears both, since either follows from the other.
    after = resolve_terms(contract_price, change.get(PRICE), change.get(FEE))
    if status == ASSIGNED and before.price is not None and after != before:
        if after.price is None:
            raise ValidationFailed.field(PRICE, "an assigned one keeps its price")
        if reason != RETRADE:
            raise ValidationFailed.field("reason", "a price that was agreed changes only by a retrade")
    return after
