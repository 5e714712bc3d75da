"""The statuses of a contract, who moves it from one to another, for which reasons and on which conditions.

Parties sign and decline; schedules let it expire; everything else people do. `version` rises on each entry into VERSIONED, so that a clean
run ends at 4; what was made in a version is void once the contract went back to draft from it, or from a later one (D24).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from chalicelib.foundation.errors import Conflict
from chalicelib.foundation.state_machine import SYSTEM, Guard, RequiredField, StateMachine, Transition

DRAFT, UNDER_REVIEW, APPROVED, SENT, SIGNED, DECLINED, EXPIRED, TERMINATED, ARCHIVED = STATUSES = (
    "draft", "under_review", "approved", "sent", "signed", "declined", "expired", "terminated", "archived",
)  # fmt: skip
VERSIONED = (UNDER_REVIEW, APPROVED, SIGNED)
FIXED = (UNDER_REVIEW, APPROVED, SENT, SIGNED)  # whose content others rely on: the deal's gate has its hash
REISSUABLE = (DECLINED, EXPIRED, TERMINATED, ARCHIVED)

PARTY = "party"  # who signs or declines

CHANGES_REQUESTED, REWORK, RECALLED = "changes_requested", "rework", "recalled"
DECLINE_REASONS = ("price", "terms", "authority", "other")
TERMINATION_REASONS = ("breach", "mutual", "notice", "unlawful", "other")
REASONS = (CHANGES_REQUESTED, REWORK, RECALLED, *TERMINATION_REASONS)  # that people name

# The rights that moves need, each besides that of the endpoint.
_WRITE, _APPROVE, _SEND, _RECALL = "contracts:write", "contracts:approve", "contracts:send", "contracts:recall"
ATTEST, _TERMINATE = "contracts:attest", "contracts:terminate"

DOCUMENT_MISSING, APPROVAL_VOID, PARTY_WITHOUT_EMAIL = "document_missing", "approval_void", "party_without_email"
SIGN_BY_PASSED, HAS_PARTIES = "sign_by_passed", "has_parties"


@dataclass(frozen=True)
class MoveFacts:
    """What moves are decided on. `document`: none, promised (a place was asked for, nothing has arrived), or arrived.

    `without_email` are the ids of parties that nothing can be sent to.
    """

    today: date
    document: str = "none"
    approval_stands: bool = False
    has_parties: bool = False
    without_email: tuple[str, ...] = ()
    sign_by: date | None = None


def _without_email(facts: MoveFacts) -> Conflict:
    return Conflict("Some of its parties have no e-mail address.", code=PARTY_WITHOUT_EMAIL, parties=list(facts.without_email))


_ARRIVED: Guard[MoveFacts] = Guard(DOCUMENT_MISSING, "Its document has not arrived.", lambda facts: facts.document != "promised")
_IN_TIME: Guard[MoveFacts] = Guard(
    SIGN_BY_PASSED, "Its last day to sign has passed.", lambda facts: facts.sign_by is None or facts.today <= facts.sign_by
)
_TO_SEND: tuple[Guard[MoveFacts], ...] = (
    Guard(DOCUMENT_MISSING, "It has no document.", lambda facts: facts.document == "arrived"),
    Guard(APPROVAL_VOID, "What was approved is not what it says.", lambda facts: facts.approval_stands),
    Guard(PARTY_WITHOUT_EMAIL, "", lambda facts: not facts.without_email, problem=_without_email),
    _IN_TIME,
)
_NO_PARTIES: Guard[MoveFacts] = Guard(
    HAS_PARTIES, "It has parties: it is signed once each of them has signed.", lambda facts: not facts.has_parties
)

MACHINE: StateMachine[MoveFacts] = StateMachine(
    "contract",
    STATUSES,
    [
        Transition(DRAFT, UNDER_REVIEW, permissions=(_WRITE,), guards=(_ARRIVED,)),
        Transition(UNDER_REVIEW, APPROVED, permissions=(_APPROVE,)),
        Transition(UNDER_REVIEW, DRAFT, permissions=(_APPROVE,), reasons=(CHANGES_REQUESTED,), note_required=True),
        Transition(APPROVED, SENT, permissions=(_SEND,), guards=_TO_SEND),
        Transition(APPROVED, DRAFT, permissions=(_APPROVE, _SEND), reasons=(REWORK,)),
        Transition(SENT, DRAFT, permissions=(_RECALL, _APPROVE), reasons=(RECALLED,)),
        Transition(SENT, SIGNED, permissions=(ATTEST,), required=(RequiredField("document_sha256"),), guards=(_NO_PARTIES, _IN_TIME)),
        Transition(SENT, SIGNED, PARTY, guards=(_IN_TIME,)),
        Transition(SENT, DECLINED, PARTY, reasons=DECLINE_REASONS),
        Transition(SENT, EXPIRED, SYSTEM),
        Transition(SIGNED, TERMINATED, permissions=(_TERMINATE,), reasons=TERMINATION_REASONS),
        *(Transition(source, ARCHIVED, permissions=(_SEND,)) for source in (DRAFT, UNDER_REVIEW, APPROVED, DECLINED, EXPIRED)),
        *(Transition(source, ARCHIVED, permissions=(_TERMINATE,)) for source in (SIGNED, TERMINATED)),
    ],
    hints={
        (DRAFT, APPROVED): "Submit it for review first.",
        (DRAFT, SENT): "It must be approved first.",
        (UNDER_REVIEW, SENT): "It must be approved first.",
        (SENT, ARCHIVED): "Recall it first.",
        (SENT, APPROVED): "Recall it first.",
        (SENT, DECLINED): "Its parties decline.",
        (SIGNED, DRAFT): "Make a new contract that amends it.",
    },
)

PERSONS_ONLY = frozenset({(UNDER_REVIEW, APPROVED), (SENT, SIGNED)})  # moves that no API key makes


def require_draft(status: str) -> None:
    """Raise Conflict for a contract that can't be changed any more."""
    if status != DRAFT:
        raise Conflict(f"The contract is {status}: only a draft is changed.", code="not_draft", contract_status=status)


def void_of(version: int, returns: Iterable[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Why what was made in a version of the contract is void: the first return to draft from it, or from a later one; None where it stands."""
    return next(({name: back[name] for name in ("at", "by", "why")} for back in returns if back["version"] >= version), None)
