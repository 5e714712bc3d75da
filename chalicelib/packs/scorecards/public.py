"""The interface of this pack to other packs: refer to a professional, read their card.

Other packs use nothing else of it, and depend on neither its keys nor its indexes.
"""

from chalicelib.foundation.errors import Conflict, NotFound, Problem
from chalicelib.foundation.ids import ItemKey
from chalicelib.foundation.store import references
from chalicelib.foundation.store.codec import DynamoItem
from chalicelib.foundation.store.expressions import all_of, attribute
from chalicelib.foundation.store.store import parse_live
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.packs.scorecards.entities import Professional as Professional
from chalicelib.packs.scorecards.entities import ProfessionalCard as ProfessionalCard
from chalicelib.packs.scorecards.entities import ProfessionalCounter as ProfessionalCounter
from chalicelib.packs.scorecards.rules.professionals import ROLES as ROLES

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


def add_reference(tx: Transaction, professional_id: str, count: int = 1, *, active: bool = True) -> None:
    """Add `count` references, which prevent deletion: one update of the counter.

    The transaction fails with NotFound where the professional doesn't exist, Conflict where they are deleted, and, unless `active` is
    false, Conflict `professional_inactive` where they aren't active.
    """
    when = _IS_ACTIVE if active else references.IS_OPEN
    tx.update(counter_key(professional_id), add={"refs": count}, when=when, on_conflict=unusable)


def require_usable(tx: Transaction, professional_id: str, *, active: bool = True) -> None:
    """Let the transaction stand only while the professional exists and, unless `active` is false, is active. Fails as `add_reference`."""
    tx.condition_check(counter_key(professional_id), _IS_ACTIVE if active else references.IS_OPEN, unusable)


def unusable(counter: DynamoItem) -> Problem:
    """Why nothing new may refer to a professional with this counter."""
    if not counter:
        return NotFound(Professional.ID.name)
    if "closed" in counter:
        return Conflict("The professional has been deleted.")
    return Conflict("The professional isn't active.", code="professional_inactive")


def remove_reference(tx: Transaction, professional_id: str, count: int = 1) -> None:
    """Remove `count` references."""
    references.remove_reference(tx, Professional.ID, professional_id, count)
