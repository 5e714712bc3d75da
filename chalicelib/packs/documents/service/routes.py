"""Sending, reading and deleting routes."""

from chalicelib.foundation import idempotency
from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import Conflict, ValidationFailed
from chalicelib.foundation.idempotency import idempotent_transaction
from chalicelib.foundation.store.retry import retry_on_conflict
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.packs.deals import public as deals
from chalicelib.packs.documents import repository
from chalicelib.packs.documents.permissions import ANY_DEAL, require_own_deal, require_read
from chalicelib.packs.documents.presenters import route_view
from chalicelib.packs.documents.schemas import RouteCreate, RouteView
from chalicelib.packs.documents.service import sending
from chalicelib.packs.documents.service.sending import Addressee
from chalicelib.packs.scorecards import public as scorecards


def create_route(ctx: Context, body: RouteCreate) -> RouteView:
    """Send a document of a deal to a professional or to somebody else, by a mail with a link, and follow how far it comes.

    Of a contract the document is the contract's, which is fixed from its review on. Without the right to write on any deal it must be one's own.
    """
    if (body.professional_id is None) == (body.recipient is None):
        raise ValidationFailed.field("recipient", "exactly one of professional_id and recipient is needed")
    sending.check_fields(ctx, body)
    deal_id = deals.resolve_id(ctx, body.deal_id)
    return ctx.store.retry_on_conflict(lambda: _create(ctx, deal_id, body))


def _create(ctx: Context, deal_id: str, body: RouteCreate) -> RouteView:
    keys = sending.contract_keys(ctx, body.contract_id)
    if body.professional_id is not None:
        keys.append(scorecards.key(body.professional_id))
    items: sending.Items = {}
    if keys:  # else the transaction itself finds out about the deal
        items = idempotency.read_or_replay(ctx, [*keys, deals.gate_key(deal_id)])
        sending.known_contract(ctx, items, body.contract_id)
        if body.professional_id is not None:
            sending.known_professional(items, body.professional_id)
        sending.require_deal(ctx, items, deal_id)
    contract = sending.contract_in(ctx, items, body.contract_id, deal_id)
    route = sending.new_route(ctx, deal_id, body, contract, _addressee(body, items))
    view = route_view(ctx, route, None, is_stale=False)
    tx = idempotent_transaction(ctx, view)
    sending.add_routes(ctx, tx, deal_id, [route], contract)
    tx.commit()
    return view


def _addressee(body: RouteCreate, items: sending.Items) -> Addressee:
    if body.professional_id is not None:
        return sending.professional_in(items, body.professional_id)
    assert body.recipient is not None
    return Addressee(None, body.recipient.name, body.recipient.email)


def get_route(ctx: Context, id: str) -> RouteView:
    """A route, with how often its links were fetched and its document opened."""
    snapshot = repository.read(ctx, id)
    require_read(ctx, snapshot.route)
    snapshot = repository.with_contract(ctx, snapshot)
    return route_view(ctx, snapshot.route, snapshot.visits, is_stale=snapshot.is_stale)


@retry_on_conflict
def delete_route(ctx: Context, id: str) -> None:
    """Delete a route that nobody has acknowledged; its links end. Of a finalized deal none is deleted."""
    snapshot = repository.read(ctx, id)
    before = snapshot.route
    require_own_deal(ctx, snapshot.gate)
    ctx.check_if_match(before.revision)
    if before.acknowledged_at is not None:
        raise Conflict("It has been acknowledged.", code="acknowledged")
    tx = Transaction(ctx.store)
    tx.save(before.with_values(epoch=before.epoch + 1).soft_deleted(ctx))
    deals.change(ctx, tx, before.deal_id, count=-1, any_deal=ANY_DEAL, statuses=deals.NOT_FINALIZED)
    if before.professional_id is not None:
        scorecards.remove_reference(tx, before.professional_id)
    tx.commit()
