"""The statuses of a packet, who moves it from one to another, and on which conditions."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from chalicelib.foundation.errors import Conflict, NotReady
from chalicelib.foundation.state_machine import SYSTEM, Guard, StateMachine, Transition
from chalicelib.packs.handoffs.rules.completeness import SENDABLE, is_full
from chalicelib.packs.handoffs.rules.content import Parts

DRAFT, SENT, ACCEPTED, RETURNED, COMPLETED, SUPERSEDED = STATUSES = (
    "draft",
    "sent",
    "accepted",
    "returned",
    "completed",
    "superseded",
)
OPEN = (DRAFT, SENT, RETURNED)  # those that a newer packet of the pair ends when it is sent
RETURN_REASONS = ("incomplete", "wrong_person", "conflict", "capacity", "other")
MAX_OPEN = 20  # packets of a pair that are drafts, sent or returned: one transaction ends them all
TIME_TO_ACCEPT = timedelta(hours=48)

_WRITE, _ACCEPT, _RETURN = "handoffs:write", "handoffs:accept", "handoffs:return"


@dataclass(frozen=True)
class PacketState:
    """What sending and completing a packet are decided on."""

    completeness: int = 0
    missing: tuple[str, ...] = ()
    parts: Parts = field(default_factory=dict)

    @property
    def checklist(self) -> dict[str, bool]:
        """What a packet needs to be sent, and whether it has it."""
        return {
            "completeness": self.completeness >= SENDABLE,
            "risk_status": bool(self.parts["risk_status"]),
            "summary": bool(self.parts["summary"]),
            "full_action": any(map(is_full, self.parts["action_list"])),
        }


def _not_ready(state: PacketState) -> NotReady:
    needed = f"It needs a completeness of {SENDABLE}, a risk status, a summary, and an action with its owner and day."
    return NotReady(needed, checklist=state.checklist, missing=list(state.missing), completeness=state.completeness)


_READY: Guard[PacketState] = Guard("not_ready", "", lambda state: all(state.checklist.values()), problem=_not_ready)

MACHINE: StateMachine[PacketState] = StateMachine(
    "packet",
    STATUSES,
    [
        Transition(DRAFT, SENT, permissions=(_WRITE,), guards=(_READY,)),
        Transition(SENT, ACCEPTED, permissions=(_ACCEPT,)),
        Transition(SENT, RETURNED, permissions=(_RETURN,), reasons=RETURN_REASONS),
        Transition(ACCEPTED, COMPLETED, permissions=(_ACCEPT,)),
        *(Transition(source, SUPERSEDED, initiator=SYSTEM) for source in (*OPEN, ACCEPTED)),
    ],
    hints={(RETURNED, SENT): "Draft another one.", (DRAFT, ACCEPTED): "Send it first.", (SENT, COMPLETED): "Accept it first."},
)


def response_hours(sent_at: datetime, accepted_at: datetime) -> Decimal:
    """How long the receiver took to accept, in hours (A15)."""
    return Decimal((accepted_at - sent_at) // timedelta(milliseconds=1)) / Decimal(3_600_000)


def tasks_open(open_ids: list[str]) -> Conflict:
    """The refusal of completing a packet of which tasks are unfinished."""
    return Conflict("Tasks of it are neither done nor cancelled.", code="tasks_open", open=open_ids)


def frozen(status: str) -> Conflict:
    """The refusal of changing what is no draft any more."""
    return Conflict(f"The packet is {status}: its content is fixed.", code="frozen")


def require_room(open_packets: int) -> None:
    """Raise Conflict where so many packets of a pair are open that no more are drafted."""
    if open_packets >= MAX_OPEN:
        detail = f"{open_packets} packets of this professional are drafts, sent or returned: send the newest, which ends the others."
        raise Conflict(detail, code="too_many_open")
