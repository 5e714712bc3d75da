"""The statuses of a route, who moves it from one to another, for which reasons and on which conditions.

Who it was sent to opens and acknowledges, by the link in the mail or signed in; somebody else may attest that they have. What is
acknowledged stays so, but for one case: where the contract has got another document since, the acknowledgement says nothing about that one,
and the route may be recalled, or the deal could never be finalized.
"""

from dataclasses import dataclass

from chalicelib.foundation.state_machine import SYSTEM, Guard, Lock, StateMachine, Transition

SENT, OPENED, ACKNOWLEDGED, BOUNCED, RECALLED = STATUSES = ("sent", "opened", "acknowledged", "bounced", "recalled")
WAITING = (SENT, OPENED)  # for who it was sent to
LINKED = (SENT, OPENED, ACKNOWLEDGED)  # those whose links lead somewhere

OTHER = "other"
RECALL_REASONS = ("wrong_document", "wrong_person", "superseded", OTHER)
HARD, SOFT, COMPLAINT = BOUNCE_REASONS = ("hard", "soft", "complaint")

# The rights that a move needs, each in addition to that of its endpoint. Who it was sent to needs no right to attest.
WRITE, ATTEST = "documents:write", "documents:attest"

# The statuses of a contract whose document is fixed, so that it can be sent out.
FIXED = ("under_review", "approved", "sent", "signed")

STALE_HASH, LINK_EXPIRED = "stale_hash", "link_expired"


@dataclass(frozen=True)
class RouteFacts:
    """What a move is decided on.

    `is_stale`: the contract has another document by now. `is_other_document`: what is acknowledged isn't what was sent. `has_expired`:
    its links have.
    """

    is_stale: bool = False
    is_other_document: bool = False
    has_expired: bool = False


_CURRENT: Guard[RouteFacts] = Guard(STALE_HASH, "The contract has another document by now.", lambda facts: not facts.is_stale)
_SAME: Guard[RouteFacts] = Guard(STALE_HASH, "That isn't the document that was sent.", lambda facts: not facts.is_other_document)
_RUNNING: Guard[RouteFacts] = Guard(LINK_EXPIRED, "The day until which its links hold has passed.", lambda facts: not facts.has_expired)

MACHINE: StateMachine[RouteFacts] = StateMachine(
    "document route",
    STATUSES,
    [
        Transition(SENT, OPENED, permissions=(ATTEST,)),
        *(Transition(source, ACKNOWLEDGED, permissions=(ATTEST,), guards=(_SAME, _CURRENT)) for source in WAITING),
        *(Transition(source, RECALLED, permissions=(WRITE,), reasons=RECALL_REASONS) for source in LINKED),
        Transition(SENT, BOUNCED, initiator=SYSTEM, reasons=BOUNCE_REASONS),
        Transition(BOUNCED, SENT, permissions=(WRITE,), guards=(_CURRENT, _RUNNING)),
    ],
    locks={ACKNOWLEDGED: (Lock(lambda facts: not facts.is_stale, "Its document is the current one."),)},
)


def is_stale(contract_id: str | None, sent: str | None, current: str | None) -> bool:
    """Whether a route's contract has another document by now than was sent. `current` is None where the contract has none any more."""
    return contract_id is not None and sent != current
