"""What who has a link sees and does: they open the document and acknowledge it, without an account.

Opening the link is no opening of the document: mail scanners follow links, too. The button on its page is.
"""

from dataclasses import replace
from typing import Annotated

from chalicelib.foundation import files, links
from chalicelib.foundation.actor import ANONYMOUS
from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import NotFound
from chalicelib.foundation.http.public_page import view_or_page
from chalicelib.foundation.http.responses import ApiResponse
from chalicelib.foundation.store.retry import retry_on_conflict
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.packs.documents import repository
from chalicelib.packs.documents.presenters import acknowledged_view, link_view, opened_view
from chalicelib.packs.documents.repository import RouteSnapshot
from chalicelib.packs.documents.rules.statuses import ACKNOWLEDGED, LINKED, MACHINE, SENT, RouteFacts
from chalicelib.packs.documents.schemas import EMAIL_LINK, RouteAcknowledgedView, RouteAcknowledgeRequest, RouteLinkView, RouteOpenedView
from chalicelib.packs.documents.service import acknowledging, delivery, pages

_ACKNOWLEDGE = MACHINE.transition(SENT, ACKNOWLEDGED)


def show_document(ctx: Context, token: str) -> Annotated[ApiResponse, RouteLinkView]:
    """What the link in a mail is about. Opening it changes nothing; how often that happens is counted."""
    snapshot = _find(ctx, token)
    route = snapshot.route
    if ctx.is_visit:
        repository.count_visit(ctx, route.id, fetches=1)
    return view_or_page(ctx, link_view(route), lambda: pages.document_page(ctx, route, is_stale=snapshot.is_stale))


@retry_on_conflict
def open_document(ctx: Context, token: str) -> Annotated[ApiResponse, RouteOpenedView]:
    """Open the document: where it is, and that it was opened, the first time."""
    snapshot = _find(ctx, token)
    route = snapshot.route
    if route.status == SENT:
        after = acknowledging.opened(ctx, route)
        tx = Transaction(ctx.store)
        repository.add_change(ctx, tx, route, after)
        repository.add_opening(tx, route.id)
        tx.commit()
        route = after
    else:
        repository.count_visit(ctx, route.id, opens=1)
    url = document_url(ctx, snapshot)
    return view_or_page(ctx, opened_view(route, url), lambda: pages.opened_page(ctx, route, url, is_stale=snapshot.is_stale))


@retry_on_conflict
def acknowledge_document(ctx: Context, token: str, body: RouteAcknowledgeRequest) -> Annotated[ApiResponse, RouteAcknowledgedView]:
    """Acknowledge the document. A repetition is answered in the same way; the first time stays."""
    snapshot = _find(ctx, token)
    route = snapshot.route
    facts = RouteFacts(is_stale=snapshot.is_stale, is_other_document=body.document_sha256 != route.document_sha256)
    if route.status != ACKNOWLEDGED or facts.is_other_document:
        _ACKNOWLEDGE.check_guards(facts)  # which refuses another document than the one that is acknowledged already
        after = acknowledging.acknowledged(ctx, route, body.name, EMAIL_LINK)
        tx = Transaction(ctx.store)
        repository.add_change(ctx, tx, route, after)
        repository.add_contract_check(ctx, tx, snapshot.contract)
        tx.commit()
        route = after
    return view_or_page(ctx, acknowledged_view(route), lambda: pages.acknowledged_page(ctx, route))


def document_url(ctx: Context, snapshot: RouteSnapshot) -> str | None:
    """Where the document is: where it was said to be, else the contract's own file, for a few minutes. None where neither is known.

    Of a contract that has another document by now there is nothing to show: what it has isn't what was sent.
    """
    route, contract = snapshot.route, snapshot.contract
    if route.storage_url is not None or contract is None or snapshot.is_stale:
        return route.storage_url
    file = contract.facts.get("document") or {}
    if "version_id" not in file:
        return None
    name, content_type = file["filename"], file["content_type"]
    return files.presigned_get(ctx, file["key"], version_id=file["version_id"], filename=name, content_type=content_type)


def _find(ctx: Context, token: str) -> RouteSnapshot:
    """The route of a link, with its contract, for whose holder the rest of the request is. Two round trips.

    One and the same NotFound for a link that is wrong, has run out or was revoked, and for a route that is recalled, bounced or deleted.
    """
    link = links.find_link(ctx, delivery.LINK, token)
    try:
        snapshot = repository.read(ctx, link.thing_id, link.part or None)
    except NotFound:
        raise links.no_such_link() from None
    if snapshot.route.epoch != link.epoch or snapshot.route.status not in LINKED:
        raise links.no_such_link()
    ctx.actor = replace(ANONYMOUS, id=f"link:{snapshot.route.id}")
    return snapshot
