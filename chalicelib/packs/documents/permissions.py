"""Who may read and move which routes: a professional their own, others those of their own deals, unless they may write on any deal."""

from chalicelib.foundation import access
from chalicelib.foundation.context import Context
from chalicelib.packs.deals import public as deals
from chalicelib.packs.documents.entities import Route

ROW = "documents"
ANY_DEAL, CONTACTS = f"{ROW}:any-deal", f"{ROW}:contacts"
_SESSION = "user"


def own_professional(ctx: Context) -> str | None:
    """The professional whose routes are all that the caller sees; None where they see those of all."""
    return access.own_professional(ctx, ROW)


def require_read(ctx: Context, route: Route) -> None:
    """Raise NotFound for a route of somebody else, to a caller who sees only their own."""
    access.require_own_professional(ctx, ROW, route.professional_id, Route.ID.name)


def require_own_deal(ctx: Context, gate: deals.DealGate) -> None:
    """Raise Forbidden unless the caller may write on the deal."""
    deals.require_own_deal(ctx, gate, ANY_DEAL)


def require_work(ctx: Context, route: Route, gate: deals.DealGate) -> None:
    """Raise NotFound or Forbidden unless the caller may move the route, as its professional or on their own deal."""
    access.require_own_professional(ctx, ROW, route.professional_id, Route.ID.name, "status")
    if not is_their_own(ctx, route):
        require_own_deal(ctx, gate)


def is_their_own(ctx: Context, route: Route) -> bool:
    """Whether the caller is the professional whom it was sent to."""
    return ctx.actor.professional_id is not None and ctx.actor.professional_id == route.professional_id


def is_person(ctx: Context) -> bool:
    """Whether a person is signed in: what is said by an API key, nobody has said."""
    return ctx.actor.kind == _SESSION
