"""Reading and writing deals, with their gates, their pipelines and what else changes in the same transaction."""

from collections.abc import Sequence

from chalicelib.foundation import access, idempotency, party_rows
from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import Conflict, NotFound, ValidationFailed
from chalicelib.foundation.state_history import StateHistory
from chalicelib.foundation.store import references
from chalicelib.foundation.store.access_patterns import KeyRange
from chalicelib.foundation.store.codec import DynamoItem
from chalicelib.foundation.store.expressions import all_of, attribute
from chalicelib.foundation.store.transactions import MAX_ACTIONS, Transaction
from chalicelib.foundation.store.unique import UniqueValue, external_ref_taken
from chalicelib.packs.deals.entities import NO_OWNER, Deal, DealGate, ProfessionalDeal, mirrored
from chalicelib.packs.deals.rules import STATUSES
from chalicelib.packs.deals.schemas import DealQuery, DealStatusInterval
from chalicelib.packs.scorecards import public as scorecards
from chalicelib.packs.wholesale import public as wholesale
from chalicelib.packs.wholesale.public import Pipeline

EXTERNAL_REF = UniqueValue.by_digest("deal-ref")
_TAKEN = external_ref_taken("deal")
HISTORY = StateHistory(DealStatusInterval)
MAX_CHECKED_USERS = 5  # of a team that are conditions of one transaction
MAX_UNFINISHED = 80  # things that are cancelled with their deal in one transaction

# -- reading


def resolve_id(ctx: Context, text: str) -> str:
    """The id that a request names, by itself or by the external reference. One round trip for what is no id. Raises NotFound.

    IdempotentReplay for a repeated request: the reference may be another deal's by then.
    """
    if Deal.ID.is_id(text):
        return text
    key = EXTERNAL_REF.key(text)
    id = EXTERNAL_REF.owner_in(idempotency.read_or_replay(ctx, [key]).get(key))
    if id is None:
        raise NotFound(Deal.ID.name)
    return id


def read_pipeline(ctx: Context, id: str) -> Pipeline:
    """The pipeline of a new deal (NotFound); IdempotentReplay for a repeated request. One round trip."""
    key = wholesale.key(id)
    pipeline = wholesale.parse_pipeline(idempotency.read_or_replay(ctx, [key]).get(key))
    if pipeline is None:
        raise NotFound("pipeline")
    return pipeline


def pricing_pipeline(ctx: Context, deal: Deal) -> Pipeline | None:
    """The pipeline whose contract price is the deal's value. One round trip where there is one."""
    return ctx.store.find(Pipeline, deal.priced_by) if deal.priced_by else None


def list_ranges(query: DealQuery) -> list[KeyRange]:
    """Where the listed deals are: owner, else kind, else status picks the index."""
    if query.owner is not None:
        return [Deal.BY_OWNER.range(owner=None if query.owner == NO_OWNER else query.owner)]
    if query.kind is not None:
        return [Deal.BY_KIND.range(kind=query.kind)]
    return [Deal.BY_STATUS.range(status=status) for status in (STATUSES if query.status is None else (query.status,))]


# -- writing


def create(ctx: Context, deal: Deal, pipeline: Pipeline | None, response: object) -> None:
    """Write a new deal with its gate, counted on its pipeline and its professionals. One round trip, replay or not."""
    tx = idempotency.idempotent_transaction(ctx, response)
    _require_users(ctx, tx, deal.owner, deal.team)
    _change_professionals(tx, deal.id, (), deal.professional_ids)
    EXTERNAL_REF.change(ctx, tx, None, deal.external_ref, deal.id, _TAKEN)
    if pipeline is not None:
        wholesale.add_deal(ctx, tx, pipeline, deal.id)
    tx.create(deal)
    tx.put(DealGate.of(deal))
    party_rows.add_changes(tx, {}, deal.party_rows)
    _commit(tx)


def save(ctx: Context, before: Deal, after: Deal) -> None:
    """Write a changed deal, with what changes with it. One round trip."""
    tx = Transaction(ctx.store)
    add_update(ctx, tx, before, after)
    _commit(tx)


def add_update(ctx: Context, tx: Transaction, before: Deal, after: Deal, *, ver: int | None = None, refs: int = 0) -> None:
    """Add a changed deal to a transaction, with its external reference, what its gate repeats, and the interval in its status.

    With `ver` a change of the gate stands only where no child has been written since the gate had that number; else VersionConflict. `refs`
    are new children, that count on it.
    """
    _require_users(ctx, tx, after.owner if after.owner != before.owner else None, [id for id in after.team if id not in before.team])
    _change_professionals(tx, after.id, before.professional_ids, after.professional_ids)
    EXTERNAL_REF.change(ctx, tx, before.external_ref, after.external_ref, after.id, _TAKEN)
    if mirrored(after) != mirrored(before) or refs:
        when = references.IS_OPEN if ver is None else all_of(references.IS_OPEN, attribute("ver") == ver)
        added = {"refs": refs, "ver": 1} if refs else {}
        tx.update(references.counter_key(Deal.ID, after.id), set=mirrored(after), add=added, when=when)
    party_rows.add_changes(tx, before.party_rows, after.party_rows)
    if after.status != before.status:
        HISTORY.add(tx, ctx, before, after)
    tx.save(after)


def add_cancellation(ctx: Context, tx: Transaction, before: Deal, after: Deal, gate: DealGate) -> None:
    """Add a cancelled deal, and with it what is unfinished of it: a query for each kind of thing that refers to it.

    Conflict where an assignment of its pipeline stands, or more is unfinished than one transaction takes.
    """
    if before.pipeline_id is not None:
        wholesale.check_not_assigned(tx, before.pipeline_id, _assignment_stands)
    if gate.refs:
        _cancel_unfinished(ctx, tx, before.id)
    add_update(ctx, tx, before, after, ver=gate.ver)


def _cancel_unfinished(ctx: Context, tx: Transaction, deal_id: str) -> None:
    if references.cancel_dependents(ctx, tx, Deal.KIND, deal_id, MAX_UNFINISHED) > MAX_UNFINISHED:
        raise Conflict(f"More than {MAX_UNFINISHED} of its tasks and documents are unfinished: settle some.", code="too_many_open")


def _assignment_stands(assignment_id: str) -> Conflict:
    detail = "Its pipeline is assigned: fall the assignment out first."
    return Conflict(detail, code="assignment_stands", assignment_id=assignment_id)


def delete(ctx: Context, deal: Deal, pipeline: Pipeline | None) -> None:
    """Mark a deal deleted, and take it from its pipeline and its professionals; Conflict while anything refers to it. One round trip.

    Rows by which it is found, and that one transaction has no room for, are removed after it: without the deal they say nothing.
    """
    tx = Transaction(ctx.store)
    references.close_if_unreferenced(ctx, tx, Deal, deal.id)
    EXTERNAL_REF.change(ctx, tx, deal.external_ref, None, deal.id, _TAKEN)
    if pipeline is not None:
        wholesale.remove_deal(ctx, tx, pipeline)
    for id in deal.professional_ids:
        scorecards.remove_reference(tx, id)
    tx.save(deal.soft_deleted(ctx))
    keys = [*(ProfessionalDeal.of(id, deal.id).key for id in deal.professional_ids), *deal.party_rows]
    room = MAX_ACTIONS - len(tx)
    for key in keys[:room]:
        tx.delete(key)
    tx.commit()
    ctx.store.batch_delete(keys[room:])


def _commit(tx: Transaction) -> None:
    """Commit, or raise ValidationFailed for parties with more different words in their names than one transaction takes."""
    if len(tx) > MAX_ACTIONS:
        detail = "their names have too many different words for one change, with all else that it changes: make several of it"
        raise ValidationFailed.field("parties", detail)
    tx.commit()


def _require_users(ctx: Context, tx: Transaction, owner: str | None, team: Sequence[str]) -> None:
    """Let the transaction stand only while these users are active: one action each, but for the caller.

    Many of a team are read instead, in one round trip: else they would take the room of what is written.
    """
    access.require_active_user(ctx, tx, owner)
    others = [id for id in team if id not in (owner, ctx.actor.id)]
    if len(others) <= MAX_CHECKED_USERS:
        for id in others:
            access.require_active_user(ctx, tx, id, "team")
    elif not all(access.is_active_user(user) for user in _read_users(ctx, others)):
        raise access.unknown_user_error("team")


def _read_users(ctx: Context, ids: Sequence[str]) -> list[DynamoItem | None]:
    keys = [access.user_key(id) for id in ids]
    items = idempotency.read_or_replay(ctx, keys)
    return [items.get(key) for key in keys]


def _change_professionals(tx: Transaction, deal_id: str, before: Sequence[str], after: Sequence[str]) -> None:
    """Count the deal on the professionals who come into it, who must be active, and no more on those who leave it: two actions each."""
    for id in after:
        if id not in before:
            scorecards.add_reference(tx, id)
            tx.put(ProfessionalDeal.of(id, deal_id))
    for id in before:
        if id not in after:
            scorecards.remove_reference(tx, id)
            tx.delete(ProfessionalDeal.of(id, deal_id).key)
