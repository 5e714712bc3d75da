"""The statuses of a finding, and who moves it from one to another.

People acknowledge, resolve, or accept a risk for a time. What a scan sees decides over them: it resolves what is gone, and opens again
what was resolved and is there, or what was accepted until a day that has passed.
"""

from chalicelib.foundation.state_machine import SYSTEM, StateMachine, Transition

OPEN, ACKNOWLEDGED, ACCEPTED_RISK, RESOLVED = STATUSES = ("open", "acknowledged", "accepted_risk", "resolved")
COUNTED = (OPEN, ACKNOWLEDGED)  # those that count as open

_ACKNOWLEDGE, _RESOLVE, _ACCEPT = "findings:acknowledge", "findings:resolve", "findings:accept"

MACHINE = StateMachine[None](
    "finding",
    STATUSES,
    [
        Transition(OPEN, ACKNOWLEDGED, permissions=(_ACKNOWLEDGE,)),
        *(Transition(source, RESOLVED, permissions=(_RESOLVE,), note_required=True) for source in COUNTED),
        *(Transition(source, ACCEPTED_RISK, permissions=(_ACCEPT,)) for source in COUNTED),
        *(Transition(source, RESOLVED, initiator=SYSTEM) for source in (*COUNTED, ACCEPTED_RISK)),  # the cause is gone
        *(Transition(source, OPEN, initiator=SYSTEM) for source in (RESOLVED, ACCEPTED_RISK)),
    ],
)
