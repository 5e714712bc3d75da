"""Proof of funds: whether it covers a price on a day.

A proof is valid from its issue to its expiry, both days included, up to its amount. The owner of a pipeline can't override the
check, since the owner gains by the assignment.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from chalicelib.foundation.errors import Conflict, Forbidden

VALID_DAYS = 30
WARNING_DAYS = 14

MISSING, NOT_YET_VALID, EXPIRED, INSUFFICIENT = "pof_missing", "pof_not_yet_valid", "pof_expired", "pof_insufficient"
OTHER_CURRENCY = "pof_currency"


@dataclass(frozen=True)
class ProofOfFunds:
    """A proof of funds: an amount of a currency, and the days of its validity."""

    amount: Decimal
    currency: str
    issued_on: date
    expires_on: date


@dataclass(frozen=True)
class ProofProblem:
    """Why a proof doesn't cover a price. `short` is the missing amount, in the price's currency."""

    code: str
    detail: str
    short: Decimal | None = None


def default_expiry(issued_on: date) -> date:
    """The last day of a proof that names none: issued on 31 January it is good through 2 March."""
    return issued_on + timedelta(days=VALID_DAYS)


def reminder_date(expires_on: date) -> date:
    """The day of the reminder of its expiry."""
    return expires_on - timedelta(days=WARNING_DAYS)


def coverage_error(proof: ProofOfFunds | None, price: Decimal | None, currency: str, day: date) -> ProofProblem | None:
    """Why the proof doesn't cover the price (None: not agreed yet, so the days alone decide) on `day`; None where it does."""
    if proof is None:
        return ProofProblem(MISSING, "The buyer has shown no proof of funds.")
    if day < proof.issued_on:
        return ProofProblem(NOT_YET_VALID, f"The proof of funds is valid from {proof.issued_on.isoformat()}.")
    if day > proof.expires_on:
        return ProofProblem(EXPIRED, f"The proof of funds was valid through {proof.expires_on.isoformat()}.")
    if price is None:
        return None
    if proof.currency != currency:
        return ProofProblem(OTHER_CURRENCY, f"The proof of funds is in {proof.currency}, the price in {currency}.")
    if proof.amount < price:
        return ProofProblem(INSUFFICIENT, "The proof of funds is below the price.", price - proof.amount)
    return None


def warnings(error: ProofProblem | None, *, required: bool) -> list[str]:
    """The warnings of this problem: a missing proof, where none is required; every other problem is an error."""
    return [error.code] if error is not None and error.code == MISSING and not required else []


def replace_warning(codes: Iterable[str], error: ProofProblem | None) -> list[str]:
    """An assignment's warnings with this problem in place of an earlier one of its proof. A price may be changed in spite of it."""
    return [code for code in codes if not code.startswith("pof_")] + ([error.code] if error else [])


def check(error: ProofProblem | None, *, required: bool, overridden: bool = False) -> None:
    """Raises Conflict with the problem's `code` (and `short`) unless it is only a warning or is overridden."""
    if error is None or overridden or warnings(error, required=required):
        return
    if error.short is None:
        raise Conflict(error.detail, code=error.code)
    raise Conflict(error.detail, code=error.code, short=error.short)


def check_override(actor_id: str, pipeline_owner: str | None) -> None:
    """Raises Forbidden where the actor owns the pipeline, whatever their roles."""
    if pipeline_owner is not None and actor_id == pipeline_owner:
        raise Forbidden("Who owns the pipeline can't override its proof of funds.")
