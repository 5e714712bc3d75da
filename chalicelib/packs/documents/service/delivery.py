"""The mails that bring somebody the link to a document."""

from datetime import datetime

from chalicelib.foundation import links, outbox
from chalicelib.foundation.context import Context
from chalicelib.foundation.dates import business_date, day_in_words
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.packs.documents.entities import Route
from chalicelib.packs.documents.rules import reminders

LINK = "document"  # the purpose of the links
PATH = "/d"  # where they lead


def start(ctx: Context, link_expires_at: datetime) -> dict[str, object]:
    """The attributes of a route that is sent now, so that everything counts from today."""
    ends_on = business_date(link_expires_at, ctx.settings.firm_time_zone)
    return {
        "sent_at": ctx.now,
        "sent_on": ctx.today,
        "begun_on": ctx.today,
        "links_end_on": ends_on,
        "reminder_on": reminders.next_day(ctx.today, ctx.today, ends_on, ctx.today),
        "reminder_count": 0,
        "reminded_at": None,
        "is_undeliverable": None,
        "is_unanswered": None,
    }


def sending_of(route: Route) -> str:
    """What the mails of the present sending are known by, when one of them comes back."""
    return f"sending-{route.epoch}"


def add_mail(ctx: Context, tx: Transaction, route: Route, *, is_reminder: bool = False) -> None:
    """Add a new link and the mail that brings it: the title, the link, and nothing else of the matter. Two actions."""
    token = links.add_link(ctx, tx, LINK, route.id, epoch=route.epoch, ends_at=route.link_expires_at, part=route.contract_id or "")
    title = route.title or route.document_type
    words = "A reminder: you have not confirmed this document yet." if is_reminder else "A document has been sent to you."
    paragraphs = [
        words,
        title,
        f"Open it and confirm that you have it:\n{links.link_url(ctx, PATH, token)}",
        f"The link is for you alone, and works until {day_in_words(route.links_end_on)}.",
    ]
    subject = f"{'Reminder: a' if is_reminder else 'A'} document for you: {title}"
    text = "\n\n".join(paragraphs) + "\n"
    outbox.add_mail(tx, ctx, to=route.recipient["email"], subject=subject, text=text, about=route.id, purpose=sending_of(route))
