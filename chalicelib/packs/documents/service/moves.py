"""Moving a route from one status to another, by somebody who is signed in."""

from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import Forbidden, ValidationFailed
from chalicelib.foundation.store.retry import retry_on_conflict
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.packs.documents import repository
from chalicelib.packs.documents.entities import Route
from chalicelib.packs.documents.permissions import ANY_DEAL, is_person, is_their_own, require_own_deal, require_work
from chalicelib.packs.documents.presenters import route_view
from chalicelib.packs.documents.repository import RouteSnapshot
from chalicelib.packs.documents.rules.statuses import ACKNOWLEDGED, MACHINE, OPENED, RECALLED, SENT, RouteFacts
from chalicelib.packs.documents.schemas import ATTESTED, SESSION, RouteMoveRequest, RouteView
from chalicelib.packs.documents.service import acknowledging, delivery
from chalicelib.packs.scorecards import public as scorecards

_BY_RECIPIENT = (OPENED, ACKNOWLEDGED)  # what who it was sent to says, or somebody attests


def move_route(ctx: Context, id: str, body: RouteMoveRequest) -> RouteView:
    """Open, acknowledge or recall a route, or send one that bounced again.

    The professional whom it was sent to opens and acknowledges; others attest that the recipient has, which marks the route. Of one that is
    recalled all links end. One that bounced is sent to the right address with a new link, and its reminders begin anew.
    """
    Route.ID.key(id)  # an id of another form is not found, whatever the request says
    if body.email is not None and body.status != SENT:
        raise ValidationFailed.field("email", "it goes with sent")
    for field in ("name", "document_sha256"):
        if getattr(body, field) is not None and body.status != ACKNOWLEDGED:
            raise ValidationFailed.field(field, "it goes with acknowledged")
    return _move(ctx, id, body)


@retry_on_conflict
def _move(ctx: Context, id: str, body: RouteMoveRequest) -> RouteView:
    snapshot = repository.read(ctx, id)
    require_work(ctx, snapshot.route, snapshot.gate)
    ctx.check_if_match(snapshot.route.revision)
    snapshot = repository.with_contract(ctx, snapshot)
    before, facts = snapshot.route, _facts(ctx, snapshot, body)
    transition = MACHINE.transition(before.status, body.status, facts)
    is_own = body.status in _BY_RECIPIENT and is_their_own(ctx, before)
    if body.status in _BY_RECIPIENT and not is_person(ctx):
        raise Forbidden("Nobody acknowledges by an API key.")
    if not is_own:
        transition.check_permission(ctx.actor)
        require_own_deal(ctx, snapshot.gate)
    transition.check_reason(body.reason, body.note)
    transition.check_guards(facts)
    tx = Transaction(ctx.store)
    after = _moved(ctx, tx, before, body, is_own=is_own)
    repository.add_change(ctx, tx, before, after, any_deal=None if is_own else ANY_DEAL)
    repository.add_contract_check(ctx, tx, snapshot.contract)
    tx.commit()
    return route_view(ctx, after, snapshot.visits, is_stale=snapshot.is_stale)


def _facts(ctx: Context, snapshot: RouteSnapshot, body: RouteMoveRequest) -> RouteFacts:
    route, seen = snapshot.route, body.document_sha256
    return RouteFacts(
        is_stale=snapshot.is_stale,
        is_other_document=seen is not None and seen != route.document_sha256,
        has_expired=route.link_expires_at <= ctx.now,
    )


def _moved(ctx: Context, tx: Transaction, before: Route, body: RouteMoveRequest, *, is_own: bool) -> Route:
    """The route after the move; what goes with it is added."""
    attested_by = None if is_own else ctx.actor.id
    if body.status == OPENED:
        return acknowledging.opened(ctx, before, attested_by=attested_by)
    if body.status == ACKNOWLEDGED:
        name = body.name or before.recipient["name"]
        return acknowledging.acknowledged(ctx, before, name, SESSION if is_own else ATTESTED, attested_by=attested_by)
    entry = repository.HISTORY.entry(ctx, body.status, reason=body.reason, note=body.note)
    if body.status == RECALLED:
        return before.with_changes(ctx, **entry, epoch=before.epoch + 1)
    recipient = {**before.recipient, "email": body.email or _address(ctx, tx, before)}
    after = before.with_changes(ctx, **entry, **delivery.start(ctx, before.link_expires_at), recipient=recipient)
    delivery.add_mail(ctx, tx, after)
    return after


def _address(ctx: Context, tx: Transaction, route: Route) -> str:
    """Where to send it again, when no address is given: where a professional is by now, or where it went before.

    A professional is read, in one round trip, and must have that address still when it is sent.
    """
    if route.professional_id is None:
        return str(route.recipient["email"])
    key = scorecards.key(route.professional_id)
    professional = scorecards.parse_professional(ctx.store.get_item(key))
    if professional is None or professional.email is None:
        raise ValidationFailed.field("email", "this professional has no e-mail", "missing")
    scorecards.require_email(tx, route.professional_id, professional.email)
    return professional.email


def cancel_with_deal(ctx: Context, tx: Transaction, deal_id: str, limit: int) -> int:
    """Add that the routes which wait for somebody are recalled, since their deal is cancelled; how many they are. Of more than `limit` nothing.

    One action a route; one round trip for each MB of the deal's routes. That none is written meanwhile is for the caller to see to.
    """
    waiting = [route for route in repository.routes_of_deal(ctx, deal_id) if route.is_waiting]
    if len(waiting) <= limit:
        entry = repository.HISTORY.entry(ctx, RECALLED, reason="other", note="The deal was cancelled.")
        for before in waiting:
            tx.save(before.with_changes(ctx, **entry, epoch=before.epoch + 1, last_stay=repository.HISTORY.ended_stay(ctx, before)))
    return len(waiting)
