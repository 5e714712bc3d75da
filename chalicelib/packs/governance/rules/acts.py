"""What is decided on, and how: the kinds of subjects, the acts that need leave, and the actions of those who decide."""

SUBJECT_TYPES = DEAL, CONTRACT, PROFESSIONAL, RETAINER, PIPELINE, ASSIGNMENT, HOLDING = (
    "deal",
    "contract",
    "professional",
    "retainer",
    "pipeline",
    "assignment",
    "holding",
)

ANY = "*"  # every act
ACTS = FINALIZE, REOPEN, SIGN, ASSIGN, RENEW, WAIVE, ACCEPT_RISK = (
    "finalize",
    "reopen",
    "sign",
    "assign",
    "renew",
    "waive",
    "accept_risk",
)
REQUESTED_ACTIONS = (*ACTS, ANY)
NAMED_ONLY = frozenset({WAIVE, ACCEPT_RISK, REOPEN})  # what is allowed for every act doesn't allow these

ACTIONS = APPROVE, DENY, OVERRIDE, FLAG = ("approve", "deny", "override", "flag")

# What becomes of a decision, as of a moment. It is derived; the record never changes.
STATES = OVERRIDDEN, SUPERSEDED, RESOLVED, LAPSED, STALE, STANDING = (
    "overridden",
    "superseded",
    "resolved",
    "lapsed",
    "stale",
    "standing",
)

VERDICTS = APPROVED, DENIED, PENDING = ("approved", "denied", "pending")


def concerns(decided: str, act: str) -> bool:
    """Whether a decision on the act `decided`, or on every act, is one on `act`."""
    return decided in (act, ANY)


def affected_acts(decided: str) -> tuple[str, ...]:
    """The acts that a decision on `decided` is about: itself, or all of them."""
    return REQUESTED_ACTIONS if decided == ANY else (decided,)
