"""Opting out of offers by the link in a mail."""

from chalicelib.foundation.context import Context
from chalicelib.foundation.http.responses import ApiResponse
from chalicelib.foundation.opt_out import OptOutLink
from chalicelib.foundation.store.retry import retry_on_conflict
from chalicelib.packs.dispositions import repository
from chalicelib.packs.dispositions.entities import Buyer

LINK = OptOutLink(Buyer, "/dispo/opt-out", heading="Offers by mail")


def show_opt_out(ctx: Context, token: str) -> ApiResponse:
    """The page of the opt-out link in a mail. Opening it changes nothing."""
    if LINK.receiver(ctx, token).do_not_contact:
        return _confirmation()
    return LINK.question("You get offers of houses from us.", "Send me no more")


@retry_on_conflict
def opt_out_of_offers(ctx: Context, token: str) -> ApiResponse:
    """Opt the buyer of this link out of offers."""
    before = LINK.receiver(ctx, token)
    if not before.do_not_contact:
        after = before.with_changes(ctx, do_not_contact=True)
        after.updated_by = before.id  # the token identifies the buyer
        repository.save_buyer(ctx, before, after)
    return _confirmation()


def _confirmation() -> ApiResponse:
    return LINK.confirmation("You will get no more offers from us. Nothing else is needed.")
