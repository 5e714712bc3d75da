"""The states of a buyer's earnest money.

Only a closing applies it, and only a fallout refunds, forfeits or disputes it; a dispute is resolved afterwards.
A forfeit is income of its day, but not a fee.
"""

from datetime import date, timedelta

from chalicelib.foundation.errors import Conflict, InvalidTransition, ValidationFailed
from chalicelib.foundation.state_machine import StateMachine, Transition

DUE, RECEIVED, CLEARED, APPLIED = "due", "received", "cleared", "applied"
DISPUTED, REFUNDED, FORFEITED = "disputed", "refunded", "forfeited"
STATUSES = (DUE, RECEIVED, CLEARED, APPLIED, DISPUTED, REFUNDED, FORFEITED)

# The outcomes that a fallout can state. `none`: nothing had been received.
NONE = "none"
OUTCOMES = (NONE, REFUNDED, FORFEITED, DISPUTED)
_OUTCOMES_OF_RECEIVED = (DISPUTED, REFUNDED, FORFEITED)

DUE_AFTER_DAYS = 3
RETURNED_UNPAID = "returned_unpaid"

# Initiators besides people: the closing or the fallout of the assignment; and what to do instead of a transition that is theirs.
CLOSING, FALLING_OUT = "closing", "fallout"
_HINTS = {CLOSING: "Close the assignment; that applies it.", FALLING_OUT: "Fall the assignment out and say so there."}

_TRANSITIONS: tuple[Transition[None], ...] = (
    Transition(DUE, RECEIVED),
    Transition(RECEIVED, CLEARED),
    Transition(RECEIVED, DUE, reasons=(RETURNED_UNPAID,)),
    Transition(CLEARED, APPLIED, initiator=CLOSING),
    *(Transition(source, target, initiator=FALLING_OUT) for source in (RECEIVED, CLEARED) for target in _OUTCOMES_OF_RECEIVED),
    Transition(DISPUTED, REFUNDED),
    Transition(DISPUTED, FORFEITED),
)
MACHINE: StateMachine[None] = StateMachine(
    "earnest money",
    STATUSES,
    _TRANSITIONS,
    hints={(move.source, move.target): _HINTS[move.initiator] for move in _TRANSITIONS if move.initiator in _HINTS},
)

# Transitions that need only the permission to write; the others need the permission to close.
WRITER_TRANSITIONS = frozenset({(DUE, RECEIVED)})


def default_due_on(assigned_on: date) -> date:
    """The day on which it is due unless another was agreed."""
    return assigned_on + timedelta(days=DUE_AFTER_DAYS)


def status_after_closing(status: str | None) -> str | None:
    """The status after the closing: received and cleared money is applied, `due` and None (none was agreed) stay. Conflict if disputed."""
    if status == DISPUTED:
        raise Conflict("The earnest money is disputed.", code="earnest_money_disputed")
    return APPLIED if status in (RECEIVED, CLEARED) else status


def status_after_fallout(status: str | None, outcome: str | None) -> str | None:
    """The status after the fallout of an assigned one; the outcome is `none` exactly where nothing was received.

    Raises ValidationFailed where it is missing, InvalidTransition where it contradicts the status.
    """
    if outcome not in OUTCOMES:
        raise ValidationFailed.field("earnest_money_outcome", f"one of {', '.join(OUTCOMES)} is needed")
    is_received = status in (RECEIVED, CLEARED)
    if is_received == (outcome != NONE):
        return outcome if is_received else status
    if is_received:
        raise InvalidTransition(MACHINE.name, status or NONE, outcome, list(_OUTCOMES_OF_RECEIVED))
    raise InvalidTransition(MACHINE.name, status or NONE, outcome, [NONE], "None was received.")
