"""The stages of a pipeline: which moves there are, what each needs, and how far a pipeline ever came."""

from collections.abc import Iterable, Mapping
from decimal import Decimal

from chalicelib.foundation.errors import Invalid, InvalidTransition
from chalicelib.foundation.states import Move, StateMachine

LEAD, OFFER_MADE, UNDER_CONTRACT, ASSIGNED, CLOSED, DEAD = "lead", "offer_made", "under_contract", "assigned", "closed", "dead"

# The way forward. dead is an end beside it: a dead pipeline keeps what it reached.
FORWARD = (LEAD, OFFER_MADE, UNDER_CONTRACT, ASSIGNED, CLOSED)
STAGES = (*FORWARD, DEAD)
OPEN = (LEAD, OFFER_MADE, UNDER_CONTRACT, ASSIGNED)
# assigned and closed need an assignment, dead a history: nothing begins there.
BEGINNINGS = (LEAD, OFFER_MADE, UNDER_CONTRACT)

DO_NOT_CONTACT = "do_not_contact"
DEAD_REASONS = (
    "price",
    "title",
    "seller_withdrew",
    "lost_to_other",
    "not_reachable",
    "inspection",
    "financing",
    "duplicate",
    DO_NOT_CONTACT,
    "compliance",
    "other",
)

# Why what was offered to buyers ends with a pipeline's move.
CONTRACT_LOST, PIPELINE_DEAD = "contract_lost", "pipeline_dead"

# Who may make the moves that belong to an assignment: its own transaction, which moves both together.
DISPOSITIONS = "dispositions"

MACHINE = StateMachine(
    "pipeline",
    [
        Move(LEAD, OFFER_MADE),
        Move(LEAD, DEAD, codes=DEAD_REASONS),
        Move(OFFER_MADE, LEAD, note=True),
        Move(OFFER_MADE, UNDER_CONTRACT),
        Move(OFFER_MADE, DEAD, codes=DEAD_REASONS),
        Move(UNDER_CONTRACT, OFFER_MADE, note=True),
        Move(UNDER_CONTRACT, ASSIGNED, by=DISPOSITIONS),
        Move(UNDER_CONTRACT, DEAD, codes=DEAD_REASONS),
        Move(ASSIGNED, UNDER_CONTRACT, by=DISPOSITIONS),
        Move(ASSIGNED, CLOSED, by=DISPOSITIONS),
        Move(DEAD, LEAD),
    ],
)

# What to do instead, where a refusal alone would leave its reader at a loss.
_HINTS = {
    (UNDER_CONTRACT, ASSIGNED): "Assign a buyer; the assignment moves it.",
    (ASSIGNED, UNDER_CONTRACT): "Fall the assignment out; that moves it back.",
    (ASSIGNED, CLOSED): "Close the assignment; that closes both.",
    (ASSIGNED, DEAD): "Fall the assignment out first.",
}

# The price that a pipeline in a stage must have, above zero.
PRICE_OF = {
    OFFER_MADE: "offer_price",
    UNDER_CONTRACT: "contract_price",
    ASSIGNED: "contract_price",
    CLOSED: "contract_price",
}

# What a move takes out of the pipeline and keeps in its history: the terms that no longer hold. A contract's effective
# day goes with its price, else the next contract would inherit it.
_TO_HISTORY = {
    (OFFER_MADE, LEAD): ("offer_price",),
    (UNDER_CONTRACT, OFFER_MADE): ("contract_price", "contract_effective_on"),
    (DEAD, LEAD): ("offer_price", "contract_price", "contract_effective_on"),
}


def _revival_fault(dead_reason: str | None, deal_finalized: bool) -> str:
    """Why a dead pipeline must stay dead; empty where it may be revived."""
    if dead_reason == DO_NOT_CONTACT:
        return "The seller is not to be contacted."
    return "Its deal is finalized." if deal_finalized else ""


def allowed(stage: str, *, by: str = "people", dead_reason: str | None = None, deal_finalized: bool = False) -> list[str]:
    """The stages that `by` can reach from `stage` in one move.

    `dead_reason` is the code with which a dead one died, `deal_finalized` whether its deal is: either can bar a revival.
    """
    if stage == DEAD and _revival_fault(dead_reason, deal_finalized):
        return []
    return MACHINE.allowed(stage, by)


def contract_end(source: str, target: str) -> str | None:
    """Why what was offered under the present contract, or none yet, ends with this move; None where it goes on."""
    if target == DEAD:
        return PIPELINE_DEAD
    return CONTRACT_LOST if (source, target) == (UNDER_CONTRACT, OFFER_MADE) else None


def price_set_by(target: str) -> str | None:
    """The field that the price of a move to `target` sets; None where the stage has no price of its own to set."""
    return PRICE_OF.get(target) if target in BEGINNINGS else None


def lacking(stage: str, fields: Mapping[str, object]) -> list[str]:
    """The fields that a pipeline in `stage` must have and `fields` doesn't: a price above zero.

    It holds for a move to the stage, for a pipeline created there, and for an edit while it stands there.
    """
    needed = PRICE_OF.get(stage)
    price = fields.get(needed) if needed else None
    return [needed] if needed and not (isinstance(price, Decimal | int) and price > 0) else []


def check_fields(stage: str, fields: Mapping[str, object]) -> None:
    """Raises Invalid, naming each field that `stage` needs and `fields` lacks."""
    if missing := lacking(stage, fields):
        raise Invalid([{"loc": [name], "message": f"{stage} needs it, above zero", "type": "value_error"} for name in missing])


def check_beginning(stage: str, fields: Mapping[str, object]) -> None:
    """Raises Invalid unless a pipeline with these fields may be created in `stage`."""
    if stage not in BEGINNINGS:
        raise Invalid.field("stage", f"a pipeline begins in one of {', '.join(BEGINNINGS)}")
    check_fields(stage, fields)


def check_move(
    source: str,
    target: str,
    fields: Mapping[str, object],
    *,
    reason: str | None = None,
    note: str | None = None,
    by: str = "people",
    dead_reason: str | None = None,
    deal_finalized: bool = False,
) -> Move:
    """The move from `source` to `target`, all of whose conditions hold.

    `fields` is the pipeline as it will be, the move's own price included. `dead_reason` is the code with which a dead one
    died. Raises InvalidTransition where there is no such move now, Invalid where reason, note, price or next action is
    missing. The stage that it is in already is no move: whether to ask at all is the caller's to decide.
    """
    if source == DEAD and (fault := _revival_fault(dead_reason, deal_finalized)):
        raise InvalidTransition(MACHINE.name, source, target, [], fault)
    move = MACHINE.move(source, target, by=by, hint=_HINTS.get((source, target), ""))
    MACHINE.check_reason(move, reason, note)
    check_fields(target, fields)
    if source == DEAD and not fields.get("next_action"):
        raise Invalid.field("next_action", "a revived pipeline needs its next action")
    return move


def to_history(source: str, target: str) -> tuple[str, ...]:
    """The fields that the move clears; their values belong in its history record."""
    return _TO_HISTORY.get((source, target), ())


def highest(stages: Iterable[str]) -> str:
    """The furthest stage among those that a pipeline ever was in, dead aside.

    Kept along the way as `highest((kept, new))`.
    """
    return max((stage for stage in stages if stage != DEAD), key=FORWARD.index, default=LEAD)
