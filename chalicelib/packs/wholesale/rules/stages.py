"""The stages of a pipeline: its transitions, what each requires, and the furthest stage reached."""

from collections.abc import Iterable
from dataclasses import dataclass

from chalicelib.foundation.state_machine import Lock, RequiredField, StateMachine, Transition, is_above_zero

LEAD, OFFER_MADE, UNDER_CONTRACT, ASSIGNED, CLOSED, DEAD = "lead", "offer_made", "under_contract", "assigned", "closed", "dead"

# The stages in order. `dead` is not among them: a dead pipeline keeps its furthest stage.
FORWARD = (LEAD, OFFER_MADE, UNDER_CONTRACT, ASSIGNED, CLOSED)
STAGES = (*FORWARD, DEAD)
OPEN = (LEAD, OFFER_MADE, UNDER_CONTRACT, ASSIGNED)
# assigned and closed require an assignment, dead an earlier stage: no pipeline is created there.
INITIAL_STAGES = (LEAD, OFFER_MADE, UNDER_CONTRACT)

DO_NOT_CONTACT = "do_not_contact"
DEAD_REASONS = (
    "price", "title", "seller_withdrew", "lost_to_other", "not_reachable", "inspection", "financing", "duplicate", DO_NOT_CONTACT,
    "compliance", "other",
)  # fmt: skip

# Why offers to buyers end with a transition of the pipeline.
CONTRACT_LOST, PIPELINE_DEAD = "contract_lost", "pipeline_dead"

# The initiator of transitions that belong to an assignment: its own transaction changes both.
DISPOSITIONS = "dispositions"

# The price that a pipeline in a stage must have, above zero.
PRICE_OF = {
    OFFER_MADE: "offer_price",
    UNDER_CONTRACT: "contract_price",
    ASSIGNED: "contract_price",
    CLOSED: "contract_price",
}


DEAL_FINALIZED = "finalized"  # the status of a deal in which its pipeline stays dead


@dataclass(frozen=True)
class StageFacts:
    """What decides whether a dead pipeline can be revived: the reason code of a dead one, and whether its deal is finalized."""

    dead_reason: str | None = None
    deal_finalized: bool = False


def _price(stage: str) -> tuple[RequiredField]:
    return (RequiredField(PRICE_OF[stage], f"{stage} needs it, above zero", is_above_zero),)


# `clears`: terms that no longer apply after the transition. A contract's effective date is cleared with its price, else the next
# contract would inherit it.
MACHINE: StateMachine[StageFacts] = StateMachine(
    "pipeline",
    STAGES,
    [
        Transition(LEAD, OFFER_MADE),
        Transition(LEAD, DEAD, reasons=DEAD_REASONS),
        Transition(OFFER_MADE, LEAD, note_required=True, clears=("offer_price",)),
        Transition(OFFER_MADE, UNDER_CONTRACT),
        Transition(OFFER_MADE, DEAD, reasons=DEAD_REASONS),
        Transition(UNDER_CONTRACT, OFFER_MADE, note_required=True, clears=("contract_price", "contract_effective_on")),
        Transition(UNDER_CONTRACT, ASSIGNED, initiator=DISPOSITIONS),
        Transition(UNDER_CONTRACT, DEAD, reasons=DEAD_REASONS),
        Transition(ASSIGNED, UNDER_CONTRACT, initiator=DISPOSITIONS),
        Transition(ASSIGNED, CLOSED, initiator=DISPOSITIONS),
        Transition(
            DEAD,
            LEAD,
            required=(RequiredField("next_action", "a revived pipeline needs its next action"),),
            clears=("offer_price", "contract_price", "contract_effective_on"),
        ),
    ],
    initial=INITIAL_STAGES,
    field="stage",
    required={stage: _price(stage) for stage in PRICE_OF},
    locks={
        DEAD: (
            Lock(lambda facts: facts.dead_reason == DO_NOT_CONTACT, "The seller is not to be contacted."),
            Lock(lambda facts: facts.deal_finalized, "Its deal is finalized."),
        )
    },
    hints={
        (UNDER_CONTRACT, ASSIGNED): "Assign a buyer; the assignment moves it.",
        (ASSIGNED, UNDER_CONTRACT): "Fall the assignment out; that moves it back.",
        (ASSIGNED, CLOSED): "Close the assignment; that closes both.",
        (ASSIGNED, DEAD): "Fall the assignment out first.",
    },
)


def contract_end_reason(source: str, target: str) -> str | None:
    """The reason why current offers to buyers end with this transition; None where they don't."""
    if target == DEAD:
        return PIPELINE_DEAD
    return CONTRACT_LOST if (source, target) == (UNDER_CONTRACT, OFFER_MADE) else None


def price_set_by(target: str) -> str | None:
    """The field that the price of a transition to `target` sets; None where the stage has none."""
    return PRICE_OF.get(target) if target in INITIAL_STAGES else None


def highest(stages: Iterable[str]) -> str:
    """The furthest of these stages, dead ignored. Updated incrementally as `highest((stored, new))`."""
    return max((stage for stage in stages if stage != DEAD), key=FORWARD.index, default=LEAD)
