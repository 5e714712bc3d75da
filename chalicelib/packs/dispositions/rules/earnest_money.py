"""A buyer's earnest money: due, received, cleared, and what becomes of it in the end.

It is applied by the closing only, and refunded, forfeited or disputed only by a fallout; a dispute is settled afterwards.
A forfeit is income of its day, but no fee.
"""

from datetime import date, timedelta

from chalicelib.foundation.errors import Conflict, Invalid, InvalidTransition
from chalicelib.foundation.states import Move, StateMachine

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

MACHINE = StateMachine(
    "earnest money",
    [
        Move(DUE, RECEIVED),
        Move(RECEIVED, CLEARED),
        Move(RECEIVED, DUE, codes=(RETURNED_UNPAID,)),
        Move(CLEARED, APPLIED, by=CLOSING),
        *(Move(held, end, by=FALLING_OUT) for held in (RECEIVED, CLEARED) for end in (DISPUTED, REFUNDED, FORFEITED)),
        Move(DISPUTED, REFUNDED),
        Move(DISPUTED, FORFEITED),
    ],
)

# That money has come in, whoever works the pipeline may note; the rest is for whoever may close.
ANYBODYS_MOVES = frozenset({(DUE, RECEIVED)})

_HINTS = {CLOSING: "Close the assignment; that applies it.", FALLING_OUT: "Fall the assignment out and say so there."}


def default_due_on(assigned_on: date) -> date:
    """The day on which it is due unless another was agreed."""
    return assigned_on + timedelta(days=DUE_AFTER_DAYS)


def check_move(source: str, target: str, *, reason: str | None = None) -> Move:
    """The move that people make by themselves. Raises InvalidTransition, or Invalid where its reason is missing."""
    known = MACHINE.moves.get((source, target))
    move = MACHINE.move(source, target, hint=_HINTS.get(known.by, "") if known else "")
    MACHINE.check_reason(move, reason, None)
    return move


def at_closing(status: str | None) -> str | None:
    """What the closing makes of it: what was received is applied, and had to clear for that.

    None of it (no earnest money was agreed) stays none; what never came in stays due. Raises Conflict while it is disputed.
    """
    if status == DISPUTED:
        raise Conflict("The earnest money is disputed.", code="earnest_money_disputed")
    return APPLIED if status in (RECEIVED, CLEARED) else status


def at_fallout(status: str | None, outcome: str | None) -> str | None:
    """What the fallout of an assigned one makes of it.

    The outcome must be said: `none` exactly where nothing was received, else what became of the money. Raises Invalid
    where it is missing, InvalidTransition where it can't be.
    """
    if outcome not in OUTCOMES:
        raise Invalid.field("earnest_money_outcome", f"one of {', '.join(OUTCOMES)} is needed")
    held = status in (RECEIVED, CLEARED)
    if held == (outcome != NONE):
        return outcome if held else status
    allowed = MACHINE.allowed(status, FALLING_OUT) if held and status else []
    ends = [target for target in allowed if target in OUTCOMES] or [NONE]
    raise InvalidTransition(MACHINE.name, status or NONE, outcome, ends, "" if held else "None was received.")
