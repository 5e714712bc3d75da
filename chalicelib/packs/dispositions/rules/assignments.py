"""An assignment's way: offered, assigned, closed, or fallen out; what each move needs and what it does to the pipeline.

At most one assignment of a pipeline is assigned or closed. That, like every condition here, is looked at twice: by these
rules, for a clear answer, and by the conditions of the transaction, for the truth.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from chalicelib.foundation.errors import Conflict, Invalid
from chalicelib.foundation.states import Move, StateMachine
from chalicelib.packs.wholesale.rules import stages

OFFERED, ASSIGNED, CLOSED, FALLOUT = "offered", "assigned", "closed", "fallout"
STATUSES = (OFFERED, ASSIGNED, CLOSED, FALLOUT)
LIVE = (OFFERED, ASSIGNED)
TAKEN = (ASSIGNED, CLOSED)

PEOPLE, SYSTEM = "people", "system"

EARNEST_MONEY_DISPUTED = "earnest_money_disputed"
FINANCING, BUYER_WITHDREW, RETRADE, UNPAID = "financing", "buyer_withdrew", "retrade", "emd_not_received"
EXPIRED, OTHER_BUYER_CLOSED, CONTRACT_LOST, PIPELINE_DEAD = "expired", "other_buyer_closed", "contract_lost", "pipeline_dead"

# Why an offer or an assigned one falls out, by who says so. The system's codes say what happened elsewhere.
REASONS: dict[tuple[str, str], tuple[str, ...]] = {
    (OFFERED, PEOPLE): (BUYER_WITHDREW, "seller", RETRADE, "other"),
    (OFFERED, SYSTEM): (EXPIRED, OTHER_BUYER_CLOSED, CONTRACT_LOST, PIPELINE_DEAD),
    (ASSIGNED, PEOPLE): (FINANCING, "inspection", "title", "seller", BUYER_WITHDREW, RETRADE, EXPIRED, UNPAID, "other"),
    (ASSIGNED, SYSTEM): (PIPELINE_DEAD,),
}
# The buyer's own doing. Title, seller and inspection are nobody's fault on that side.
OWN_FAULTS = frozenset({FINANCING, BUYER_WITHDREW, RETRADE, UNPAID})

MACHINE = StateMachine(
    "assignment",
    [
        Move(OFFERED, ASSIGNED),
        Move(ASSIGNED, CLOSED),
        Move(OFFERED, FALLOUT, codes=REASONS[OFFERED, PEOPLE]),
        Move(ASSIGNED, FALLOUT, codes=REASONS[ASSIGNED, PEOPLE]),
    ],
)

# The right that a move needs; all but a closing go with the right to write the pipeline's rows.
WRITE, CLOSE, OVERRIDE = "dispositions:write", "dispositions:close", "dispositions:override"
RIGHTS = {(OFFERED, ASSIGNED): WRITE, (ASSIGNED, CLOSED): CLOSE, (OFFERED, FALLOUT): WRITE, (ASSIGNED, FALLOUT): WRITE}

# Where the move takes the pipeline, in the same transaction. An offer that falls out leaves it alone.
PIPELINE_TO = {
    (OFFERED, ASSIGNED): stages.ASSIGNED,
    (ASSIGNED, CLOSED): stages.CLOSED,
    (ASSIGNED, FALLOUT): stages.UNDER_CONTRACT,
}

OFFER_BEFORE_CONTRACT = "offer_before_contract"
REFUSE, WARN = "refuse", "warn"


@dataclass(frozen=True)
class Buyer:
    """Whether a buyer may be dealt with."""

    is_active: bool = True
    do_not_contact: bool = False


@dataclass(frozen=True)
class Standing:
    """What the conditions of a move are about, as it stands at `now` (`today` by the firm's calendar).

    `taken_by` is the pipeline's assignment that is assigned or closed already; `has_live` says that the buyer has a live
    one of this pipeline; `disputed` that earnest money of an earlier one is still quarrelled over.
    """

    now: datetime
    today: date
    pipeline_stage: str
    contract_price: Decimal | None = None
    price: Decimal | None = None
    rank: int = 1
    buyer: Buyer = Buyer()
    has_live: bool = False
    taken_by: str | None = None
    expires_at: datetime | None = None
    disputed: bool = False
    earnest_money_status: str | None = None


@dataclass(frozen=True)
class Condition:
    """One condition of a move: its code, what a refusal says, whether it holds, and whether an override lifts it."""

    code: str
    detail: str
    holds: Callable[[Standing], bool]
    overridable: bool = False


def _price_covers(at: Standing) -> bool:
    return at.price is None or at.contract_price is None or at.price >= at.contract_price


def _can_be_offered(at: Standing) -> bool:
    return at.pipeline_stage == stages.UNDER_CONTRACT or (at.pipeline_stage == stages.ASSIGNED and at.rank >= 2)


_ACTIVE = Condition("buyer_inactive", "The buyer is inactive.", lambda at: at.buyer.is_active)

# In the order in which they are answered. To offer a house that isn't under contract is brokerage in most states.
TO_OFFER = (
    Condition(
        "not_under_contract",
        "The pipeline must be under contract, or assigned for a backup of rank 2 or more.",
        _can_be_offered,
    ),
    _ACTIVE,
    Condition("do_not_contact", "The buyer is not to be contacted.", lambda at: not at.buyer.do_not_contact),
    Condition("live_offer", "The buyer has a live assignment of this pipeline.", lambda at: not at.has_live),
)
CONDITIONS: dict[tuple[str, str], tuple[Condition, ...]] = {
    (OFFERED, ASSIGNED): (
        Condition("already_taken", "Another assignment of this pipeline is assigned or closed.", lambda at: at.taken_by is None),
        Condition("not_under_contract", "The pipeline must be under contract.", lambda at: at.pipeline_stage == stages.UNDER_CONTRACT),
        _ACTIVE,
        Condition("offer_expired", "The offer has expired.", lambda at: at.expires_at is None or at.now <= at.expires_at),
        Condition("below_contract", "The contract price has risen above the assignment price.", _price_covers),
        Condition(
            EARNEST_MONEY_DISPUTED,
            "Earnest money of an earlier buyer is disputed; title may refuse a second closing.",
            lambda at: not at.disputed,
            overridable=True,
        ),
    ),
    (ASSIGNED, CLOSED): (
        Condition("price_missing", "It needs its price first.", lambda at: at.price is not None),
        Condition(EARNEST_MONEY_DISPUTED, "The earnest money is disputed.", lambda at: at.earnest_money_status != "disputed"),
    ),
}

_BEFORE_CONTRACT = (stages.LEAD, stages.OFFER_MADE)


def _check(conditions: tuple[Condition, ...], at: Standing, *, overridden: bool = False) -> None:
    for condition in conditions:
        if not condition.holds(at) and not (overridden and condition.overridable):
            more: dict[str, Any] = {"assignment_id": at.taken_by} if condition.code == "already_taken" else {}
            raise Conflict(condition.detail, code=condition.code, **more)


def check_offer(at: Standing, *, before_contract: str = REFUSE) -> list[str]:
    """The warnings of an offer that may be made; raises Conflict, with its `code`, where it may not.

    `before_contract` is the firm's setting: `warn` lets older clients offer a lead, and says so.
    """
    early = before_contract == WARN and at.pipeline_stage in _BEFORE_CONTRACT
    _check(TO_OFFER[1:] if early else TO_OFFER, at)
    return [OFFER_BEFORE_CONTRACT] if early else []


def allowed(status: str) -> list[str]:
    """The statuses that can be reached from `status` in one move."""
    return MACHINE.allowed(status)


def check_move(source: str, target: str, *, reason: str | None = None, note: str | None = None, by: str = PEOPLE) -> Move:
    """The move, with the reason codes of who makes it. Raises InvalidTransition, or Invalid where code or note is missing."""
    move = replace(MACHINE.move(source, target), codes=REASONS.get((source, by), ()) if target == FALLOUT else ())
    MACHINE.check_reason(move, reason, note)
    return move


def check_conditions(source: str, target: str, at: Standing, *, overridden: bool = False) -> None:
    """Raises Conflict, with its `code`, for the first condition of the move that doesn't hold.

    The proof of funds has its own (`proofs.check`), for its refusal says more.
    """
    _check(CONDITIONS.get((source, target), ()), at, overridden=overridden)


def check_closed_on(closed_on: date, today: date) -> None:
    """Raises Invalid where a closing lies ahead. One of long ago may be entered late, even before its assignment was."""
    if closed_on > today:
        raise Invalid.field("closed_on", "must not be in the future")


def pipeline_to(source: str, target: str, reason: str | None = None) -> str | None:
    """The stage to which the move takes the pipeline; None where it stays. A dead pipeline stays dead."""
    return None if reason == PIPELINE_DEAD else PIPELINE_TO.get((source, target))


def is_lapse(source: str) -> bool:
    """Whether a fallout from `source` is a mere lapse of an offer: nobody had relied on it, so it spoils no statistics."""
    return source == OFFERED
