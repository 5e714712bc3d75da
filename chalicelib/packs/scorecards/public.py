"""The interface of this pack to other packs: refer to a professional, read their card and scores, log what tasks and packets tell of them.

Other packs use nothing else of it, and depend on neither its keys nor its indexes. What needs the schemas is imported at its call.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from chalicelib.foundation.context import Context
from chalicelib.foundation.dates import format_timestamp
from chalicelib.foundation.errors import Conflict, NotFound, Problem
from chalicelib.foundation.ids import ItemKey
from chalicelib.foundation.json_codec import JsonObject
from chalicelib.foundation.store import references
from chalicelib.foundation.store.codec import DynamoItem
from chalicelib.foundation.store.expressions import all_of, attribute
from chalicelib.foundation.store.store import OnConditionFailed, parse_live
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.packs.scorecards.entities import Professional as Professional
from chalicelib.packs.scorecards.entities import ProfessionalCard as ProfessionalCard
from chalicelib.packs.scorecards.entities import ProfessionalCounter as ProfessionalCounter
from chalicelib.packs.scorecards.entities import inactive as inactive
from chalicelib.packs.scorecards.entities import score_row
from chalicelib.packs.scorecards.rules.interactions import HANDOFF as HANDOFF
from chalicelib.packs.scorecards.rules.interactions import TASK as TASK
from chalicelib.packs.scorecards.rules.professionals import ROLES as ROLES
from chalicelib.packs.scorecards.rules.scorecard import Sums as Sums

if TYPE_CHECKING:
    from chalicelib.packs.scorecards.schemas import ScorecardView

_HOURS_STEP = Decimal("0.0001")
_IS_ACTIVE = all_of(references.IS_OPEN, attribute("active") == True)  # noqa: E712 - a condition of the table


def key(id: str) -> ItemKey:
    """The key of a professional; NotFound for an id of another format."""
    return Professional.ID.key(id)


def counter_key(id: str) -> ItemKey:
    """The key of a professional's counter, which says whether they are active; NotFound for an id of another format."""
    return references.counter_key(Professional.ID, id)


def parse_professional(item: DynamoItem | None) -> Professional | None:
    """The professional in an item; None where there is no item or it is soft-deleted."""
    return parse_live(Professional, item)


def add_reference(
    tx: Transaction, professional_id: str, count: int = 1, *, active: bool = True, on_conflict: OnConditionFailed | None = None
) -> None:
    """Add `count` references, which prevent deletion: one update of the counter.

    The transaction fails with NotFound where the professional doesn't exist, Conflict where they are deleted, and, unless `active` is
    false, Conflict `professional_inactive` where they aren't active; or as `on_conflict` says.
    """
    when = _IS_ACTIVE if active else references.IS_OPEN
    tx.update(counter_key(professional_id), add={"refs": count}, when=when, on_conflict=on_conflict or unusable)


def require_usable(tx: Transaction, professional_id: str, *, active: bool = True) -> None:
    """Let the transaction stand only while the professional exists and, unless `active` is false, is active. Fails as `add_reference`."""
    tx.condition_check(counter_key(professional_id), _IS_ACTIVE if active else references.IS_OPEN, unusable)


def unusable(counter: DynamoItem) -> Problem:
    """Why nothing new may refer to a professional with this counter."""
    if not counter:
        return NotFound(Professional.ID.name)
    if "closed" in counter:
        return Conflict("The professional has been deleted.")
    return inactive()


def require_email(tx: Transaction, professional_id: str, email: str | None, on_conflict: OnConditionFailed | None = None) -> None:
    """Let the transaction stand only while this is the professional's address, to which a mail is sent (VersionConflict). One action."""
    address = attribute("email")
    when = address.does_not_exist() if email is None else address == email
    tx.condition_check(key(professional_id), when, on_conflict)


def remove_reference(tx: Transaction, professional_id: str, count: int = 1) -> None:
    """Remove `count` references."""
    references.remove_reference(tx, Professional.ID, professional_id, count)


# -- interactions of tasks and packets


def log_interaction(
    ctx: Context,
    tx: Transaction,
    professional_id: str,
    *,
    source: str,
    key: str,
    at: datetime,
    deal_id: str | None = None,
    task_id: str | None = None,
    packet_id: str | None = None,
    met_deadline: bool | None = None,
    response_time_hours: Decimal | None = None,
) -> str:
    """Add an interaction to the transaction of its occasion, e.g. a task that is done; its id, by which it can be reversed.

    `source` is TASK or HANDOFF; `key` names the occasion, and `at` is when it occurred: with both the id is given, so that it is logged
    once. One action; a round trip where this process doesn't know the professional's role, who must exist, active or not.
    """
    from chalicelib.packs.scorecards.service.interactions import add_keyed_interaction

    hours = None if response_time_hours is None else response_time_hours.quantize(_HOURS_STEP)
    values = {"deal_id": deal_id, "task_id": task_id, "packet_id": packet_id, "met_deadline": met_deadline, "response_time_hours": hours}
    return add_keyed_interaction(ctx, tx, professional_id, key, at, source=source, **values)


def reverse_interaction(ctx: Context, tx: Transaction, interaction_id: str) -> None:
    """Let an interaction count no more, e.g. that of a task which is reopened. One action; nothing is read.

    The transaction fails with VersionConflict where it was reversed already.
    """
    from chalicelib.packs.scorecards import repository

    repository.add_reversal(ctx, tx, interaction_id)


# -- scores


def find_with_scorecard(
    ctx: Context, professional_id: str, also: Iterable[ItemKey] = ()
) -> tuple[Professional, "ScorecardView", dict[ItemKey, DynamoItem]]:
    """A professional (NotFound) with the scorecard as GET …/scorecard shows it, and the items of other keys. One round trip."""
    from chalicelib.packs.scorecards import repository
    from chalicelib.packs.scorecards.presenters import scorecard_view

    professional, sums, items = repository.find_sums(ctx, professional_id, also)
    return professional, scorecard_view(sums, format_timestamp(ctx.now)), items


def scores_of(scorecard: "ScorecardView") -> JsonObject:
    """What is kept of a scorecard where somebody is told how a professional did until then."""
    return {
        "overall_score": scorecard["overall_score"],
        "reliability_score": scorecard["reliability_score"],
        "communication_score": scorecard["communication_score"],
        "quality_score": scorecard["quality_score"],
        "responsiveness_score": scorecard["responsiveness_score"],
        "adjusted_score": scorecard["adjusted_score"],
        "trend": scorecard["trend"],
        "interactions": scorecard["counts"]["interactions"],
        "as_of": scorecard["as_of"],
    }


def numbers_row(professional_id: str) -> tuple[str, str]:
    """The aggregate row of a professional's numbers, to which other packs contribute, too, each to fields of its own.

    So one query reads all that is kept from the stream of all professionals.
    """
    return score_row(professional_id)


def read_sums(ctx: Context, roles: Mapping[str, str]) -> dict[str, Sums]:
    """What the scores of many professionals (id → role) are computed from; `adjusted` of each is the adjusted score, not rounded; `own`
    has the fields of other packs, too (`numbers_row`).

    One query of one partition: a round trip for each MB, which holds some 4,000 professionals; one more during a rebuild.
    """
    from chalicelib.packs.scorecards import repository

    return repository.read_all_sums(ctx, roles)
