"""A buyer's earnest money: due, received, cleared, and what becomes of it in the end.

It is applied by the closing only, and refunded, forfeited or disputed only by a fallout; a dispute is settled afterwards.
A forfeit is income of its day, but no fee.
"""

from datetime import date, timedelta

from chalicelib.foundation.errors import Conflict, InvalidTransition, ValidationFailed
from chalicelib.foundation.state_machine import StateMachine, Transition

DUE, RECEIVED, CLEARED, APPLIED = "due", "received", "cleared", "applied"
DISPUTED, REFUNDED, FORFEITED = "disputed", "refunded", "forfeited"
STATUSES = (DUE, RECEIVED, CLEARED, APPLIED, DISPUTED, REFUNDED, FORFEITED)

# What a fallout says became of it. `none`: nothing had been received.
NONE = "none"
OUTCOMES = (NONE, REFUNDED, FORFEITED, DISPUTED)

DUE_AFTER_DAYS = 3
RETURNED_UNPAID = "returned_unpaid"

# Besides people: the moves that belong to the closing or the fallout of their assignment.
CLOSING, FALLING_OUT = "closing", "fallout"

# What to do instead of a transition that belongs to the closing or the fallout.
_HINTS = {CLOSING: "Close the assignment; that applies it.", FALLING_OUT: "Fall the assignment out and say so there."}

_TRANSITIONS: tuple[Transition[None], ...] = (
    Transition(DUE, RECEIVED),
    Transition(RECEIVED, CLEARED),
    Transition(RECEIVED, DUE, reasons=(RETURNED_UNPAID,)),
    Transition(CLEARED, APPLIED, initiator=CLOSING),
    *(Transition(held, end, initiator=FALLING_OUT) for held in (RECEIVED, CLEARED) for end in (DISPUTED, REFUNDED, FORFEITED)),
    Transition(DISPUTED, REFUNDED),
    Transition(DISPUTED, FORFEITED),
)
MACHINE: StateMachine[None] = StateMachine(
    "earnest money",
    STATUSES,
    _TRANSITIONS,
    hints={(one.source, one.target): _HINTS[one.initiator] for one in _TRANSITIONS if one.initiator in _HINTS},
)

# That money has come in, whoever works the pipeline may note; the rest is for whoever may close.
WRITER_TRANSITIONS = frozenset({(DUE, RECEIVED)})


def default_due_on(assigned_on: date) -> date:
    """The day on which it is due unless another was agreed."""
    return assigned_on + timedelta(days=DUE_AFTER_DAYS)


def check_transition(source: str, target: str, *, reason: str | None = None) -> Transition[None]:
    """The move that people make by themselves. Raises InvalidTransition, or Invalid where its reason is missing."""
    return MACHINE.check(source, target, reason=reason)


def status_after_closing(status: str | None) -> str | None:
    """What the closing makes of it: what was received is applied, and had to clear for that.

    None of it (no earnest money was agreed) stays none; what never came in stays due. Raises Conflict while it is disputed.
    """
    if status == DISPUTED:
        raise Conflict("The earnest money is disputed.", code="earnest_money_disputed")
    return APPLIED if status in (RECEIVED, CLEARED) else status


def status_after_fallout(status: str | None, outcome: str | None) -> str | None:
    """What the fallout of an assigned one makes of it.

    The outcome must be said: `none` exactly where nothing was received, else what became of the money. Raises Invalid
    where it is missing, InvalidTransition where it can't be.
    """
    if outcome not in OUTCOMES:
        raise ValidationFailed.field("earnest_money_outcome", f"one of {', '.join(OUTCOMES)} is needed")
    is_received = status in (RECEIVED, CLEARED)
    if is_received == (outcome != NONE):
        return outcome if is_received else status
    allowed = MACHINE.allowed(status, initiator=FALLING_OUT) if is_received and status else []
    outcomes = [target for target in allowed if target in OUTCOMES] or [NONE]
    raise InvalidTransition(MACHINE.name, status or NONE, outcome, outcomes, "" if is_received else "None was received.")
