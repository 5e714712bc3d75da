"""An assignment's way: offered, assigned, closed, or fallen out; what each move needs and what it does to the pipeline.

At most one assignment of a pipeline is assigned or closed. That, like every condition here, is looked at twice: by these
rules, for a clear answer, and by the conditions of the transaction, for the truth.
"""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from chalicelib.foundation.errors import Conflict, ValidationFailed
from chalicelib.foundation.state_machine import PEOPLE as PEOPLE
from chalicelib.foundation.state_machine import SYSTEM as SYSTEM
from chalicelib.foundation.state_machine import Guard, StateMachine, Transition, check_guards
from chalicelib.packs.wholesale.rules import stages

OFFERED, ASSIGNED, CLOSED, FALLOUT = "offered", "assigned", "closed", "fallout"
STATUSES = (OFFERED, ASSIGNED, CLOSED, FALLOUT)
LIVE = (OFFERED, ASSIGNED)
TAKEN = (ASSIGNED, CLOSED)

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
BUYER_FAULTS = frozenset({FINANCING, BUYER_WITHDREW, RETRADE, UNPAID})

# The right that a move needs; all but a closing go with the right to write the pipeline's rows.
WRITE, CLOSE, OVERRIDE = "dispositions:write", "dispositions:close", "dispositions:override"

# Where the move takes the pipeline, in the same transaction. An offer that falls out leaves it alone.
PIPELINE_STAGE_AFTER = {
    (OFFERED, ASSIGNED): stages.ASSIGNED,
    (ASSIGNED, CLOSED): stages.CLOSED,
    (ASSIGNED, FALLOUT): stages.UNDER_CONTRACT,
}

OFFER_BEFORE_CONTRACT = "offer_before_contract"
REFUSE, WARN = "refuse", "warn"


@dataclass(frozen=True)
class BuyerStatus:
    """Whether a buyer may be dealt with."""

    is_active: bool = True
    do_not_contact: bool = False


@dataclass(frozen=True)
class TransitionFacts:
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
    buyer: BuyerStatus = BuyerStatus()
    has_live: bool = False
    assigned_id: str | None = None
    expires_at: datetime | None = None
    disputed: bool = False
    earnest_money_status: str | None = None


def _price_covers(facts: TransitionFacts) -> bool:
    return facts.price is None or facts.contract_price is None or facts.price >= facts.contract_price


def _can_be_offered(facts: TransitionFacts) -> bool:
    return facts.pipeline_stage == stages.UNDER_CONTRACT or (facts.pipeline_stage == stages.ASSIGNED and facts.rank >= 2)


def _already_taken(facts: TransitionFacts) -> Conflict:
    return Conflict("Another assignment of this pipeline is assigned or closed.", code="already_taken", assignment_id=facts.assigned_id)


_ACTIVE: Guard[TransitionFacts] = Guard("buyer_inactive", "The buyer is inactive.", lambda at: at.buyer.is_active)

# In the order in which they are answered. To offer a house that isn't under contract is brokerage in most states.
TO_OFFER: tuple[Guard[TransitionFacts], ...] = (
    Guard(
        "not_under_contract",
        "The pipeline must be under contract, or assigned for a backup of rank 2 or more.",
        _can_be_offered,
    ),
    _ACTIVE,
    Guard("do_not_contact", "The buyer is not to be contacted.", lambda at: not at.buyer.do_not_contact),
    Guard("live_offer", "The buyer has a live assignment of this pipeline.", lambda at: not at.has_live),
)
_TO_ASSIGN: tuple[Guard[TransitionFacts], ...] = (
    Guard("already_taken", "", lambda at: at.assigned_id is None, problem=_already_taken),
    Guard("not_under_contract", "The pipeline must be under contract.", lambda at: at.pipeline_stage == stages.UNDER_CONTRACT),
    _ACTIVE,
    Guard("offer_expired", "The offer has expired.", lambda at: at.expires_at is None or at.now <= at.expires_at),
    Guard("below_contract", "The contract price has risen above the assignment price.", _price_covers),
    Guard(
        EARNEST_MONEY_DISPUTED,
        "Earnest money of an earlier buyer is disputed; title may refuse a second closing.",
        lambda at: not at.disputed,
        overridable=True,
    ),
)
_TO_CLOSE: tuple[Guard[TransitionFacts], ...] = (
    Guard("price_missing", "It needs its price first.", lambda at: at.price is not None),
    Guard(EARNEST_MONEY_DISPUTED, "The earnest money is disputed.", lambda at: at.earnest_money_status != "disputed"),
)

MACHINE: StateMachine[TransitionFacts] = StateMachine(
    "assignment",
    STATUSES,
    [
        Transition(OFFERED, ASSIGNED, permissions=(WRITE,), guards=_TO_ASSIGN),
        Transition(ASSIGNED, CLOSED, permissions=(CLOSE,), guards=_TO_CLOSE),
        Transition(OFFERED, FALLOUT, permissions=(WRITE,), reasons=REASONS[OFFERED, PEOPLE]),
        Transition(OFFERED, FALLOUT, initiator=SYSTEM, reasons=REASONS[OFFERED, SYSTEM]),
        Transition(ASSIGNED, FALLOUT, permissions=(WRITE,), reasons=REASONS[ASSIGNED, PEOPLE]),
        Transition(ASSIGNED, FALLOUT, initiator=SYSTEM, reasons=REASONS[ASSIGNED, SYSTEM]),
    ],
)
# The permission of each transition that people make.
PERMISSIONS = {pair: one.permissions[0] for pair, same in MACHINE.transitions.items() for one in same if one.initiator == PEOPLE}

_BEFORE_CONTRACT = (stages.LEAD, stages.OFFER_MADE)


def check_offer(facts: TransitionFacts, *, before_contract: str = REFUSE) -> list[str]:
    """The warnings of an offer that may be made; raises Conflict, with its `code`, where it may not.

    `before_contract` is the firm's setting: `warn` lets older clients offer a lead, and says so.
    """
    early = before_contract == WARN and facts.pipeline_stage in _BEFORE_CONTRACT
    check_guards(TO_OFFER[1:] if early else TO_OFFER, facts)
    return [OFFER_BEFORE_CONTRACT] if early else []


def allowed(status: str) -> list[str]:
    """The statuses that can be reached from `status` in one move."""
    return MACHINE.allowed(status)


def check_transition(
    source: str, target: str, *, reason: str | None = None, note: str | None = None, initiator: str = PEOPLE
) -> Transition[TransitionFacts]:
    """The move, with the reason codes of who makes it. Raises InvalidTransition, or Invalid where code or note is missing."""
    transition = MACHINE.transition(source, target, initiator=initiator)
    transition.check_reason(reason, note)
    return transition


def check_transition_guards(source: str, target: str, facts: TransitionFacts, *, overridden: bool = False) -> None:
    """Raises Conflict, with its `code`, for the first condition of the move that doesn't hold.

    The proof of funds has its own (`proofs.check`), for its refusal says more.
    """
    MACHINE.transition(source, target).check_guards(facts, overridden=overridden)


def check_closed_on(closed_on: date, today: date) -> None:
    """Raises Invalid where a closing lies ahead. One of long ago may be entered late, even before its assignment was."""
    if closed_on > today:
        raise ValidationFailed.field("closed_on", "must not be in the future")


def pipeline_stage_after(source: str, target: str, reason: str | None = None) -> str | None:
    """The stage to which the move takes the pipeline; None where it stays. A dead pipeline stays dead."""
    return None if reason == PIPELINE_DEAD else PIPELINE_STAGE_AFTER.get((source, target))


def is_lapse(source: str) -> bool:
    """Whether a fallout from `source` is a mere lapse of an offer: nobody had relied on it, so it spoils no statistics."""
    return source == OFFERED
