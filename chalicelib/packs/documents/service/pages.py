"""The pages that a link leads to: the document, where it is, and that it was acknowledged. They name nobody, as the answers in JSON don't."""

from chalicelib.foundation.context import Context
from chalicelib.foundation.dates import day_in_words, instant_in_words
from chalicelib.foundation.http.public_page import Anchor, Field, Form, Notice, Part, page
from chalicelib.foundation.http.responses import ApiResponse
from chalicelib.foundation.printing.document import Pairs, Prose, Tone
from chalicelib.packs.documents.entities import Route
from chalicelib.packs.documents.rules.statuses import ACKNOWLEDGED, OPENED, SENT

_LONGEST_NAME = 200
_WORDS: dict[str, tuple[str, Tone]] = {SENT: ("Not opened yet", "plain"), OPENED: ("Opened", "watch"), ACKNOWLEDGED: ("Confirmed", "calm")}
_REPLACED = "This document has been replaced by another one. You will get a new link, or ask who has sent this one to you."


def document_page(ctx: Context, route: Route, *, is_stale: bool) -> ApiResponse:
    """What a link is about, with a button to open the document."""
    parts: list[Part] = [Pairs(_about(route))]
    if is_stale:
        parts.append(Notice(_REPLACED))
    elif route.status == ACKNOWLEDGED:
        parts.append(Notice(_confirmed(ctx, route)))
    else:
        parts.append(Prose("Open the document, read it, and confirm that you have it."))
    parts.append(Form("Open the document", "?to=open", quiet=route.status == ACKNOWLEDGED or is_stale))
    return _page(route, parts)


def opened_page(ctx: Context, route: Route, url: str | None, *, is_stale: bool) -> ApiResponse:
    """Where the document is, with a form to acknowledge it."""
    parts: list[Part] = [Pairs(_about(route))]
    parts.append(Anchor("Read the document", url) if url else Prose("The document itself has come to you by another way."))
    if is_stale:
        parts.append(Notice(_REPLACED))
    elif route.status == ACKNOWLEDGED:
        parts.append(Notice(_confirmed(ctx, route)))
    else:
        fields = [Field("name", "Your full name", max_length=_LONGEST_NAME)]
        if route.document_sha256 is not None:
            fields.append(Field("document_sha256", "", "hidden", route.document_sha256))
        parts += [
            Prose("By confirming you say that you have received and read this document. It is no signature, and agrees to nothing in it."),
            Form("I have received and read it", "?to=acknowledge", fields),
        ]
    return _page(route, parts)


def acknowledged_page(ctx: Context, route: Route) -> ApiResponse:
    """That it was acknowledged."""
    return _page(route, [Notice(_confirmed(ctx, route)), Pairs(_about(route)), Prose("Nothing else is needed; you may close this page.")])


def _page(route: Route, parts: list[Part]) -> ApiResponse:
    return page(route.title or route.document_type, parts, kicker="A document for you", badges=[_WORDS[route.status]])


def _about(route: Route) -> list[tuple[str, str]]:
    rows = [("Document", route.document_type)]
    if route.due_on is not None and route.status != ACKNOWLEDGED:
        rows.append(("Please confirm by", day_in_words(route.due_on)))
    if route.document_sha256 is not None:
        rows.append(("Its SHA-256", route.document_sha256))
    return rows


def _confirmed(ctx: Context, route: Route) -> str:
    at = instant_in_words(route.acknowledged_at or ctx.now, ctx.settings.firm_time_zone)
    return f"It was confirmed on {at} that this document has been received and read."
