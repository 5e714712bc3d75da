"""The statuses of a deal, whose own it is, what it is worth, and what its fields and those of its pipeline say."""

from collections.abc import Collection, Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import NamedTuple

from chalicelib.foundation.errors import Conflict
from chalicelib.packs.wholesale.public import stages

OPEN, FINALIZING, FINALIZED, CANCELLED = STATUSES = ("open", "finalizing", "finalized", "cancelled")
LIVE = (OPEN, FINALIZING)  # those that tasks, packets and the like may be added to
NOT_FINALIZED = (*LIVE, CANCELLED)  # those whose tasks and routes may be deleted: what a finalized one was decided on stays
# What stays as it is while a deal is being finalized, and once it is: what approvals and the certificate are about.
LOCKED_FIELDS = frozenset({"kind", "kind_of_deal", "value", "currency", "professional_ids", "pipeline_id"})

KINDS = WHOLESALE, PURCHASE, SALE, SERVICE, OTHER = ("wholesale", "purchase", "sale", "service", "other")

# Where the value of a deal comes from: it was given, or it is the contract price of its pipeline.
BASES = GIVEN, CONTRACT_PRICE = ("given", "contract_price")


class Value(NamedTuple):
    """What a deal is worth, in its currency, and where that comes from; both None where it is unknown."""

    amount: Decimal | None
    basis: str | None


def value_of(given: Decimal | None, contract_price: Decimal | None) -> Value:
    """The value of a deal (domain rule D31): as given, else the contract price of its pipeline, where it has one."""
    if given is not None:
        return Value(given, GIVEN)
    if contract_price is not None:
        return Value(contract_price, CONTRACT_PRICE)
    return Value(None, None)


def is_own(user_id: str, owner: str | None, team: Collection[str]) -> bool:
    """Whether it is a user's own deal: theirs, their team's, or nobody's."""
    return owner is None or owner == user_id or user_id in team


def not_open(status: str) -> Conflict:
    """The refusal of what takes a deal that is worked on."""
    return Conflict(f"The deal is {status}.", code="deal_not_open", deal_status=status)


def require_live(status: str) -> None:
    """Raise Conflict unless the deal is worked on."""
    if status not in LIVE:
        raise not_open(status)


def check_edit(status: str, changed: Collection[str]) -> None:
    """Raise Conflict where these fields of a deal of that status don't change: none of a cancelled one."""
    if status == CANCELLED or (status != OPEN and LOCKED_FIELDS & set(changed)):
        raise not_open(status)


# -- what is asked of the fields of a deal and its pipeline, by their names: `value`, `pipeline.closes_on`

_PIPELINE = "pipeline."
_DEAL_FIELDS = (
    *("title", "kind", "external_ref", "pipeline_id", "property_id", "professional_ids", "parties", "owner", "team", "value"),
    *("currency", "opened_on", "target_close_on", "notes"),
)
_PIPELINE_FIELDS = (
    *("stage", "owner", "external_ref", "property_id", "property", "seller", "buyer", "lead_source", "asking_price", "arv_estimate"),
    *("repair_estimate", "offer_price", "contract_price", "assignment_price", "assignment_fee_target", "assignment_id"),
    *("exit_strategy", "contract_effective_on", "earnest_money_due_on", "earnest_money_paid_on", "inspection_ends_on"),
    *("inspection_cleared_on", "closes_on", "notes"),
)
INFORMATION_FIELDS = (*_DEAL_FIELDS, *(f"{_PIPELINE}{name}" for name in _PIPELINE_FIELDS))
ANCHORS = ("opened_on", "target_close_on", *(f"{_PIPELINE}{name}" for name in ("contract_effective_on", "inspection_ends_on", "closes_on")))

Fields = Mapping[str, object]  # a deal's or a pipeline's values by field


def is_filled(name: str, deal: Fields, pipeline: Fields | None) -> bool:
    """Whether there is something in a field; in `pipeline.stage`, whether it is closed."""
    value = _value(name, deal, pipeline)
    return value == stages.CLOSED if name == f"{_PIPELINE}stage" else value not in (None, "", [], {})


def day_of(anchor: str, offset_days: int, deal: Fields, pipeline: Fields | None) -> date | None:
    """The day so many days after the one that a field holds; None where it holds none."""
    day = _value(anchor, deal, pipeline)
    return day + timedelta(days=offset_days) if isinstance(day, date) else None


def _value(name: str, deal: Fields, pipeline: Fields | None) -> object:
    if name.startswith(_PIPELINE):
        return None if pipeline is None else pipeline.get(name.removeprefix(_PIPELINE))
    return deal.get(name)
