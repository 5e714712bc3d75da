"""Routes as answers."""

from chalicelib.foundation.context import Context
from chalicelib.foundation.dates import format_timestamp
from chalicelib.foundation.presentation import present
from chalicelib.packs.documents.entities import Route, RouteVisits
from chalicelib.packs.documents.permissions import CONTACTS
from chalicelib.packs.documents.schemas import (
    RouteAcknowledgedView,
    RouteAcknowledgementView,
    RouteLinkView,
    RouteOpenedView,
    RouteRecipientView,
    RouteView,
)


def route_view(ctx: Context, route: Route, visits: RouteVisits | None, *, is_stale: bool) -> RouteView:
    """A route, with addresses for those who may see contacts."""
    shows_contacts = ctx.actor.can(CONTACTS)
    return present(
        RouteView,
        route,
        recipient=_recipient(route, shows_contacts=shows_contacts),
        sent_to=route.recipient["email"] if shows_contacts else None,
        status_since=route.status_entered_at,
        fetches=visits.fetches if visits else 0,
        opens=visits.opens if visits else 0,
        stale_hash=is_stale,
        acknowledgement=_acknowledgement(route, shows_contacts=shows_contacts),
        reminders={
            "count": route.reminder_count,
            "last_at": route.reminded_at and format_timestamp(route.reminded_at),
            "next_on": route.next_reminder_on,
        },
    )


def _recipient(route: Route, *, shows_contacts: bool) -> RouteRecipientView | None:
    if route.professional_id is not None:
        return None
    return {"name": route.recipient["name"], "email": route.recipient["email"] if shows_contacts else None}


def _acknowledgement(route: Route, *, shows_contacts: bool) -> RouteAcknowledgementView | None:
    said = route.acknowledgement
    if said is None or route.acknowledged_at is None:
        return None
    return {
        "name": said["name"],
        "at": format_timestamp(route.acknowledged_at),
        "authentication": said["authentication"],
        "document_sha256": said.get("document_sha256"),
        "ip_address": said.get("ip_address") if shows_contacts else None,
        "user_agent": said.get("user_agent") if shows_contacts else None,
    }


def link_view(route: Route) -> RouteLinkView:
    """What who has a link sees before they open the document."""
    return present(RouteLinkView, route)


def opened_view(route: Route, url: str | None) -> RouteOpenedView:
    """What they see once they have."""
    return present(RouteOpenedView, route, url=url)


def acknowledged_view(route: Route) -> RouteAcknowledgedView:
    """What they see once they have acknowledged it."""
    return present(RouteAcknowledgedView, route)
