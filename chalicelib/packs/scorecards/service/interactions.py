"""What professionals did: logging it, reading it, disputing it."""

from datetime import datetime

from chalicelib.foundation import disputes
from chalicelib.foundation.context import Context
from chalicelib.foundation.dates import business_date
from chalicelib.foundation.dispute_schemas import DisputeRequest, SettleRequest
from chalicelib.foundation.errors import Forbidden
from chalicelib.foundation.events import Notification
from chalicelib.foundation.idempotency import idempotent_transaction
from chalicelib.foundation.schema_types import PageOf, PageParams, occurred_at
from chalicelib.foundation.store.retry import retry_on_conflict
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.foundation.subjects import SubjectRegistry
from chalicelib.packs.scorecards import repository, schemas
from chalicelib.packs.scorecards.entities import Interaction, Professional
from chalicelib.packs.scorecards.permissions import ANY_DEAL, require_visible
from chalicelib.packs.scorecards.presenters import interaction_view
from chalicelib.packs.scorecards.rules import interactions


def log_interaction(ctx: Context, id: str, body: schemas.InteractionCreate) -> schemas.InteractionView:
    """Log something that a professional did. Who may not write on every deal names one of their own deals."""
    require_visible(ctx, id, right="log")
    Professional.ID.key(id)
    at = occurred_at(ctx.now, body.occurred_at)
    if body.deal_id is None and not ctx.actor.can(ANY_DEAL):
        ctx.store.require(Professional, id)
        raise Forbidden(f"Without the permission {ANY_DEAL} the interaction is logged with one of your own deals.")
    deal_id = None if body.deal_id is None else SubjectRegistry(ctx.packs).resolve(ctx, "deal", body.deal_id)
    return ctx.store.retry_on_conflict(lambda: _log(ctx, id, body, at, deal_id))


def _log(ctx: Context, id: str, body: schemas.InteractionCreate, at: datetime, deal_id: str | None) -> schemas.InteractionView:
    role = repository.role_of(ctx, id)
    values = {**body.model_dump(exclude={"occurred_at", "deal_id"}), "deal_id": deal_id}
    interaction = new_interaction(ctx, id, role, at, source=interactions.LOG, **values)
    view = interaction_view(interaction)
    tx = idempotent_transaction(ctx, view)
    if deal_id is not None:
        SubjectRegistry(ctx.packs).require_own(ctx, tx, deal_id, ANY_DEAL)
    repository.require_active_in_role(ctx, tx, id, role)
    tx.create(interaction)
    tx.commit()
    return view


def new_interaction(ctx: Context, professional_id: str, role: str, at: datetime, *, id: str | None = None, **values: object) -> Interaction:
    """An interaction of a professional with this role, which occurred at this time."""
    own_id = id or Interaction.ID.new(ctx.now, parent=professional_id)
    on = business_date(at, ctx.settings.firm_time_zone)
    return Interaction.new(ctx, id=own_id, professional_id=professional_id, role=role, occurred_at=at, on=on, **values)


def add_keyed_interaction(ctx: Context, tx: Transaction, professional_id: str, key: str, at: datetime, **values: object) -> str:
    """Add the one interaction of an occasion to its transaction; its id."""
    id, role = repository.keyed_interaction_id(professional_id, key, at), repository.role_of(ctx, professional_id)
    tx.create(new_interaction(ctx, professional_id, role, at, id=id, **values))
    return id


def list_interactions(ctx: Context, id: str, query: PageParams) -> PageOf[schemas.InteractionView]:
    """What a professional did, the latest logged first."""
    require_visible(ctx, id)
    professional = ctx.store.require(Professional, id)
    return ctx.paginate(Interaction.children_of(professional.id), query, interaction_view, decode=Interaction.from_item)


def get_interaction(ctx: Context, id: str, interaction_id: str) -> schemas.InteractionView:
    """One thing that a professional did."""
    require_visible(ctx, id)
    return interaction_view(repository.find_interaction(ctx, id, interaction_id))


@retry_on_conflict
def dispute_interaction(ctx: Context, id: str, interaction_id: str, body: DisputeRequest) -> schemas.InteractionView:
    """Dispute an interaction. It counts in no score from then on, until the dispute is rejected."""
    require_visible(ctx, id, right="dispute")
    before = repository.find_interaction(ctx, id, interaction_id)
    after = before.with_changes(ctx, dispute=disputes.opened(ctx, before.dispute, body.reason))
    title = "An interaction of a professional is disputed"
    event = disputes.disputed_event(ctx, "scorecards.disputed", title, Interaction.KIND, after.id, id)
    return _save(ctx, after, event)


@retry_on_conflict
def settle_interaction(ctx: Context, id: str, interaction_id: str, body: SettleRequest) -> schemas.InteractionView:
    """Settle a dispute: upheld, the interaction never counts again; rejected, it counts. Not by who logged it."""
    require_visible(ctx, id, right="settle")
    before = repository.find_interaction(ctx, id, interaction_id)
    settled = disputes.settled(ctx, before.dispute, body.outcome, body.note, before.created_by)
    return _save(ctx, before.with_changes(ctx, dispute=settled))


def _save(ctx: Context, after: Interaction, *events: Notification) -> schemas.InteractionView:
    view = interaction_view(after)
    repository.save_dispute(ctx, after, view, *events)
    return view
