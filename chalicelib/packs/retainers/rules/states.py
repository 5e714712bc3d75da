"""The statuses of a retainer and the moves between them."""

from dataclasses import dataclass

from chalicelib.foundation.state_machine import SYSTEM, Guard, StateMachine, Transition

DRAFT, ACTIVE, PAUSED, EXPIRED, CANCELLED = STATUSES = ("draft", "active", "paused", "expired", "cancelled")
INITIAL = (DRAFT, ACTIVE)
ENDED = (EXPIRED, CANCELLED)
RUNNING = (ACTIVE, PAUSED)

PAUSE_REASONS = ("capacity", "quality", "budget", "other")
CANCEL_REASONS = ("ended", "breach", "replaced", "other")
REASONS = tuple(dict.fromkeys(PAUSE_REASONS + CANCEL_REASONS))

# The rights of its moves. Work that is logged without ANY_DEAL is of a task of an own deal.
ACTIVATE, CANCEL, RENEW, SHORT_NOTICE, ANY_DEAL = (
    "retainers:activate",
    "retainers:cancel",
    "retainers:renew",
    "retainers:short-notice",
    "retainers:any-deal",
)
NOT_IN_FORCE = "contract_not_in_force"


@dataclass(frozen=True)
class MoveFacts:
    """What decides on a move: whether its contract is in force (True where it has none)."""

    contract_in_force: bool = True


CONTRACT_IN_FORCE: Guard[MoveFacts] = Guard(NOT_IN_FORCE, "Its contract isn't signed and in force.", lambda facts: facts.contract_in_force)

MACHINE: StateMachine[MoveFacts] = StateMachine(
    "retainer",
    STATUSES,
    [
        Transition(DRAFT, ACTIVE, permissions=(ACTIVATE,), guards=(CONTRACT_IN_FORCE,)),
        Transition(ACTIVE, PAUSED, permissions=(ACTIVATE,), reasons=PAUSE_REASONS),
        Transition(PAUSED, ACTIVE, permissions=(ACTIVATE,)),
        Transition(ACTIVE, EXPIRED, initiator=SYSTEM),
        Transition(PAUSED, EXPIRED, initiator=SYSTEM),
        *(Transition(source, CANCELLED, permissions=(CANCEL,), reasons=CANCEL_REASONS) for source in (DRAFT, *RUNNING)),
    ],
    initial=INITIAL,
)
