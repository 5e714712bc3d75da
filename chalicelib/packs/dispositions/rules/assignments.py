"""The states of an assignment (offered, assigned, closed, fallout), the guards of each transition and its effect on the pipeline.

At most one assignment of a pipeline is assigned or closed. This, like every guard, is checked twice: by these rules for a clear error,
and by the conditions of the transaction, which hold under concurrency.
"""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import TypedDict, cast

from chalicelib.foundation.errors import Conflict, ValidationFailed
from chalicelib.foundation.state_machine import PEOPLE, SYSTEM, Guard, StateMachine, Transition, check_guards
from chalicelib.packs.wholesale.public import Pipeline, stages

OFFERED, ASSIGNED, CLOSED, FALLOUT = "offered", "assigned", "closed", "fallout"
STATUSES = (OFFERED, ASSIGNED, CLOSED, FALLOUT)
LIVE = (OFFERED, ASSIGNED)
TAKEN = (ASSIGNED, CLOSED)

EARNEST_MONEY_DISPUTED = "earnest_money_disputed"
FINANCING, BUYER_WITHDREW, RETRADE, UNPAID = "financing", "buyer_withdrew", "retrade", "emd_not_received"
EXPIRED, OTHER_BUYER_CLOSED, CONTRACT_LOST, PIPELINE_DEAD = "expired", "other_buyer_closed", "contract_lost", "pipeline_dead"

# Reasons for a fallout by status and initiator. The system's reasons are events elsewhere, such as a lost contract.
REASONS: dict[tuple[str, str], tuple[str, ...]] = {
    (OFFERED, PEOPLE): (BUYER_WITHDREW, "seller", RETRADE, "other"),
    (OFFERED, SYSTEM): (EXPIRED, OTHER_BUYER_CLOSED, CONTRACT_LOST, PIPELINE_DEAD),
    (ASSIGNED, PEOPLE): (FINANCING, "inspection", "title", "seller", BUYER_WITHDREW, RETRADE, EXPIRED, UNPAID, "other"),
    (ASSIGNED, SYSTEM): (PIPELINE_DEAD,),
}
# Reasons that the buyer is responsible for; title, seller and inspection are not among them.
BUYER_FAULTS = frozenset({FINANCING, BUYER_WITHDREW, RETRADE, UNPAID})

# The right that a move needs; all but a closing go with the right to write the pipeline's rows.
WRITE, CLOSE, OVERRIDE = "dispositions:write", "dispositions:close", "dispositions:override"

# The stage of the pipeline after the transition, in the same transaction. An offer that falls out doesn't change it.
PIPELINE_STAGE_AFTER = {(OFFERED, ASSIGNED): stages.ASSIGNED, (ASSIGNED, CLOSED): stages.CLOSED, (ASSIGNED, FALLOUT): stages.UNDER_CONTRACT}

OFFER_BEFORE_CONTRACT = "offer_before_contract"
REFUSE, WARN = "refuse", "warn"


class Lapse(TypedDict):
    """Why an offer lapsed, and on which day (YYYY-MM-DD; None: unknown)."""

    reason: str
    on: str | None


@dataclass(frozen=True)
class BuyerStatus:
    """The flags of a buyer that decide about offers."""

    is_active: bool = True
    do_not_contact: bool = False


@dataclass(frozen=True)
class TransitionFacts:
    """What the guards of a transition check, as of `now` (`today` in the business time zone).

    `assigned_id` is the pipeline's assignment that is assigned or closed already. `has_live`: the buyer has a live one of this pipeline;
    `disputed`: the earnest money of an earlier one is disputed.
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


_ACTIVE: Guard[TransitionFacts] = Guard("buyer_inactive", "The buyer is inactive.", lambda facts: facts.buyer.is_active)
_EARLIER_DISPUTE = "Earnest money of an earlier buyer is disputed; title may refuse a second closing."

# In the order of checking. Offering a property that is not under contract is brokerage in most US states.
TO_OFFER: tuple[Guard[TransitionFacts], ...] = (
    Guard("not_under_contract", "The pipeline must be under contract, or assigned for a backup of rank 2 or more.", _can_be_offered),
    _ACTIVE,
    Guard("do_not_contact", "The buyer is not to be contacted.", lambda facts: not facts.buyer.do_not_contact),
    Guard("live_offer", "The buyer has a live assignment of this pipeline.", lambda facts: not facts.has_live),
)
_TO_ASSIGN: tuple[Guard[TransitionFacts], ...] = (
    Guard("already_taken", "", lambda facts: facts.assigned_id is None, problem=_already_taken),
    Guard("not_under_contract", "The pipeline must be under contract.", lambda facts: facts.pipeline_stage == stages.UNDER_CONTRACT),
    _ACTIVE,
    Guard("offer_expired", "The offer has expired.", lambda facts: facts.expires_at is None or facts.now <= facts.expires_at),
    Guard("below_contract", "The contract price has risen above the assignment price.", _price_covers),
    Guard(EARNEST_MONEY_DISPUTED, _EARLIER_DISPUTE, lambda facts: not facts.disputed, overridable=True),
)
_TO_CLOSE: tuple[Guard[TransitionFacts], ...] = (
    Guard("price_missing", "It needs its price first.", lambda facts: facts.price is not None),
    Guard(EARNEST_MONEY_DISPUTED, "The earnest money is disputed.", lambda facts: facts.earnest_money_status != "disputed"),
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


def is_early(pipeline_stage: str, before_contract: str) -> bool:
    """Whether it is offered before the contract, as the setting `warn` allows for leads and offers made."""
    return before_contract == WARN and pipeline_stage in (stages.LEAD, stages.OFFER_MADE)


def check_offer(facts: TransitionFacts, *, before_contract: str = REFUSE) -> list[str]:
    """The warnings of an offer that may be made; raises Conflict, with its `code`, where it may not."""
    early = is_early(facts.pipeline_stage, before_contract)
    check_guards(TO_OFFER[1:] if early else TO_OFFER, facts)
    return [OFFER_BEFORE_CONTRACT] if early else []


def check_closed_on(closed_on: date, today: date) -> None:
    """Raises ValidationFailed for a future day. A past closing may be entered late, even with a day before the assignment's."""
    if closed_on > today:
        raise ValidationFailed.field("closed_on", "must not be in the future")


def lapse_of(pipeline: Pipeline | None, status: str, id: str, contract_no: int) -> Lapse | None:
    """The lapse of an offer whose contract has ended or whose pipeline is gone, whether or not it has been written. None for any other."""
    if status != OFFERED:
        return None
    if pipeline is None:
        return {"reason": PIPELINE_DEAD, "on": None}
    if ended := (pipeline.contracts_ended or {}).get(str(contract_no)):
        return cast(Lapse, ended)
    if pipeline.stage == CLOSED and pipeline.assignment_id != id:
        return {"reason": OTHER_BUYER_CLOSED, "on": pipeline.stage_entered_on.isoformat()}
    return None
