"""The statuses of a deal: who moves it from one to another, and on which conditions.

It is finalized and reopened by their own requests alone; what they take is no condition of a table (`checklist`).
"""

from chalicelib.foundation.state_machine import StateMachine, Transition
from chalicelib.packs.deals.public import CANCELLED, FINALIZED, FINALIZING, OPEN, STATUSES

MOVE, ANY_OWNER = "deals:move", "deals:any-owner"
CANCEL_REASONS = ("seller", "buyer", "price", "title", "other")
FINALIZATION = "finalization"  # the initiator of what has a request of its own

MACHINE = StateMachine[None](
    "deal",
    STATUSES,
    [
        Transition(OPEN, FINALIZING, permissions=(MOVE,)),
        Transition(FINALIZING, OPEN, permissions=(MOVE,), note_required=True),
        *(Transition(source, CANCELLED, permissions=(ANY_OWNER,), reasons=CANCEL_REASONS) for source in (OPEN, FINALIZING)),
        *(Transition(source, FINALIZED, initiator=FINALIZATION) for source in (OPEN, FINALIZING)),
        Transition(FINALIZED, OPEN, initiator=FINALIZATION),
    ],
    hints={
        (OPEN, FINALIZED): "POST /deals/finalization/{deal_id} finalizes it.",
        (FINALIZING, FINALIZED): "POST /deals/finalization/{deal_id} finalizes it.",
        (FINALIZED, OPEN): "POST /deals/finalization/{deal_id}/reopen reopens it.",
    },
)
