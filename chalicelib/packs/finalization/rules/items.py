"""Items: what has to be settled before a deal is finalized, besides its contracts, documents and tasks.

What is stored of an item is not all that its status depends on. An item of information is done while its field is filled. A waiver
holds while the decision behind it stands. A document is there while what it names is still signed, or acknowledged. `standing` says
what an item is now.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple, Protocol

from chalicelib.foundation.errors import Conflict, Forbidden
from chalicelib.foundation.json_codec import JsonObject
from chalicelib.foundation.state_machine import Guard, RequiredField, StateMachine, Transition
from chalicelib.packs.deals.public import ANCHORS, INFORMATION_FIELDS, day_of, is_filled

KINDS = TASK, DOCUMENT, INFORMATION, TWO_PERSON = ("task", "document", "information", "two_person")
STATUSES = OPEN, DONE, NOT_APPLICABLE, WAIVED = ("open", "done", "not_applicable", "waived")
ROLES = (LEGAL,) = ("legal",)
PEOPLE_NEEDED = 2  # who confirm a two-person item

__all__ = ["ANCHORS", "INFORMATION_FIELDS"]  # of the deals pack, since findings go by them, too

DERIVED, NEEDS_TWO = "derived", "two_person"
# Why an item isn't settled.
IS_OPEN, WAIVER_ENDED, EVIDENCE_GONE, NOT_FILLED, ONE_OF_TWO = ("open", "waiver_ended", "evidence_gone", "not_filled", "one_of_two")


@dataclass(frozen=True)
class MoveFacts:
    """What a move of an item is decided on."""

    kind: str


def _derived(facts: MoveFacts) -> bool:
    return facts.kind != INFORMATION


_BY_HAND: Guard[MoveFacts] = Guard(DERIVED, "It is done while its field is filled; nobody sets it.", _derived)
_NO_ESCAPE: Guard[MoveFacts] = Guard(
    NEEDS_TWO, "It is settled by two people, or waived by a decision of governance.", lambda facts: facts.kind != TWO_PERSON
)

MACHINE: StateMachine[MoveFacts] = StateMachine(
    "item",
    STATUSES,
    [
        Transition(OPEN, DONE, guards=(_BY_HAND,)),
        Transition(OPEN, NOT_APPLICABLE, required=(RequiredField("reason"),), guards=(_NO_ESCAPE,)),
        Transition(OPEN, WAIVED, required=(RequiredField("decision_id"),)),
        Transition(DONE, OPEN, guards=(_BY_HAND,)),
        Transition(NOT_APPLICABLE, OPEN),
        Transition(WAIVED, OPEN),
    ],
    hints={
        (source, target): "Open it first."
        for source in (DONE, NOT_APPLICABLE, WAIVED)
        for target in (DONE, NOT_APPLICABLE, WAIVED)
        if source != target
    },
)


# -- what an item is now


class Item(Protocol):
    """An item as it is stored."""

    @property
    def id(self) -> str:
        """Its id."""

    @property
    def kind(self) -> str:
        """What kind of item it is."""

    @property
    def status(self) -> str:
        """The status that somebody moved it to."""

    @property
    def field(self) -> str | None:
        """What is to be filled."""

    @property
    def due(self) -> JsonObject | None:
        """Its anchor, and how many days after it."""

    @property
    def evidence(self) -> JsonObject | None:
        """What shows that it is there."""

    @property
    def decision_id(self) -> str | None:
        """The decision by which it is waived."""

    @property
    def confirmations(self) -> list[JsonObject]:
        """Who has confirmed it, and when."""


class Standing(NamedTuple):
    """What an item is now, and why it isn't settled (None where it is)."""

    status: str
    why: str | None


@dataclass(frozen=True)
class Surroundings:
    """What the standing of a deal's items depends on besides them.

    `deal` and `pipeline` are values by field (None: it has no pipeline); `waivers` the decisions that stand for `waive` on the deal;
    `evidence` says whether a thing of the deal that an item names as evidence is still signed, or acknowledged.
    """

    deal: Mapping[str, object]
    pipeline: Mapping[str, object] | None
    waivers: frozenset[str] = frozenset()
    evidence: Callable[[str], bool] = lambda _id: True


def standing(item: Item, around: Surroundings) -> Standing:
    """What an item is now."""
    match item.status, item.kind:
        case "waived", _ if item.decision_id not in around.waivers:
            return Standing(OPEN, WAIVER_ENDED)
        case "open", "information":
            filled = is_filled(item.field or "", around.deal, around.pipeline)
            return Standing(DONE, None) if filled else Standing(OPEN, NOT_FILLED)
        case "open", _:
            return Standing(OPEN, ONE_OF_TWO if item.confirmations else IS_OPEN)
        case "done", _ if (named := _named(item.evidence)) and not around.evidence(named):
            return Standing(OPEN, EVIDENCE_GONE)
        case status, _:
            return Standing(status, None)


def _named(evidence: JsonObject | None) -> str | None:
    """The thing of the deal that is the evidence; None for a digest of something else."""
    return None if evidence is None else evidence.get("contract_id") or evidence.get("route_id")


def due_on(item: Item, around: Surroundings) -> date | None:
    """The day by which it is due, which moves with what it is counted from; None where that isn't known."""
    return None if item.due is None else day_of(item.due["anchor"], int(item.due["offset_days"]), around.deal, around.pipeline)


# -- confirming


def confirmed(confirmations: Sequence[JsonObject], user_id: str, created_by: str, at: str, *, is_person: bool) -> list[JsonObject]:
    """The confirmations of a two-person item with that of this user; the same ones where they have confirmed it already.

    Raises Forbidden for who entered it, and for who is no person.
    """
    if not is_person:
        raise Forbidden("People confirm it; an API key can't.")
    if user_id == created_by:
        raise Forbidden("Two people confirm it, neither of whom entered it; you did.")
    if any(one["by"] == user_id for one in confirmations):
        return list(confirmations)
    return [*confirmations, {"by": user_id, "at": at}]


def is_confirmed(confirmations: Sequence[JsonObject]) -> bool:
    """Whether enough people have."""
    return len({one["by"] for one in confirmations}) >= PEOPLE_NEEDED


def other_deal(what: str) -> Conflict:
    """The refusal of a thing of another deal."""
    return Conflict(f"The {what} belongs to another deal.", code="other_deal")
