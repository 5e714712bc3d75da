"""The mails of a contract: a link to sign, a link to one's copy, or that there is nothing to sign any more. Title and link, nothing else.

Links to sign end with the sending that they were made for, with the last day to sign, or after 90 days; links to a copy after 90 days.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from chalicelib.foundation import links, outbox
from chalicelib.foundation.context import Context
from chalicelib.foundation.dates import start_of_day
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.packs.contracts.entities import Contract
from chalicelib.packs.contracts.rules.parties import PENDING

SIGN, COPY, ENDED = "contract-sign", "contract-copy", "contract-ended"  # purposes of links and mails
SIGN_PATH, COPY_PATH = "/s", "/s/copies"
LINK_TERM = timedelta(days=90)


def add_sign_links(ctx: Context, tx: Transaction, contract: Contract, party_ids: Sequence[str]) -> None:
    """Add a link to sign, and its mail, for each of these parties: two actions each."""
    for party in contract.parties:
        if party["id"] in party_ids:
            token = links.add_link(
                ctx, tx, SIGN, contract.id, epoch=contract.sending, ends_at=_last_instant(ctx, contract), part=party["id"]
            )
            until = "" if contract.sign_by is None else f"\n\nIt can be signed until {contract.sign_by.isoformat()}."
            text = f"{contract.title}\n\nRead and sign it here:\n{links.link_url(ctx, SIGN_PATH, token)}{until}\n"
            outbox.add_mail(tx, ctx, to=party["email"], subject=f"To sign: {contract.title}", text=text, about=contract.id, purpose=SIGN)


def add_copies(ctx: Context, tx: Transaction, contract: Contract) -> None:
    """Add a link to a copy of what was signed, and its mail, for each party: two actions each."""
    for party in contract.parties:
        if party.get("email"):
            token = links.add_link(ctx, tx, COPY, contract.id, epoch=contract.sending, ends_at=ctx.now + LINK_TERM, part=party["id"])
            text = f"{contract.title}\n\nEverybody has signed. Your copy, for 90 days:\n{links.link_url(ctx, COPY_PATH, token)}\n"
            outbox.add_mail(tx, ctx, to=party["email"], subject=f"Signed: {contract.title}", text=text, about=contract.id, purpose=COPY)


def add_endings(ctx: Context, tx: Transaction, before: Contract, words: str) -> None:
    """Add a mail to each party who was asked to sign, that there is nothing to sign any more: one action each."""
    for party in before.parties:
        if party["status"] != PENDING and party.get("email"):
            text = f"{before.title}\n\nIt {words}. There is nothing to sign any more.\n"
            outbox.add_mail(
                tx, ctx, to=party["email"], subject=f"Not to be signed: {before.title}", text=text, about=before.id, purpose=ENDED
            )


def _last_instant(ctx: Context, contract: Contract) -> datetime:
    """When a link to sign that is made now ends."""
    latest = ctx.now + LINK_TERM
    if contract.sign_by is None:
        return latest
    return min(latest, start_of_day(contract.sign_by + timedelta(days=1), ctx.settings.firm_time_zone))
