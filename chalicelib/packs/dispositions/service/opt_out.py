"""Opting out of offers by the link in a mail, and asking for them again."""

from chalicelib.foundation.context import Context
from chalicelib.foundation.http.responses import ApiResponse
from chalicelib.foundation.opt_out import OptOutLink, OptOutParams, Wording
from chalicelib.packs.dispositions import repository
from chalicelib.packs.dispositions.entities import OPT_OUTS, Buyer

_WORDING = Wording(
    footer="To get no more offers",
    heading="Offers by mail",
    subscribed="You get offers of houses from us.",
    opt_out="Send me no more",
    opted_out="You will get no more offers from us. Nothing else is needed.",
    ask_again="Receive offers again",
)
LINK = OptOutLink(Buyer, "/dispo/opt-out", OPT_OUTS, _WORDING)


def show_opt_out(ctx: Context, token: str, query: OptOutParams) -> ApiResponse:  # noqa: ARG001 - the page's own buttons lead here
    """The page of the opt-out link in a mail. Opening it changes nothing."""
    return LINK.show(ctx, token)


def opt_out_of_offers(ctx: Context, token: str, query: OptOutParams) -> ApiResponse:
    """Opt the address of this link out of offers, whichever buyers have it; with `again=true` let it be sent offers again."""
    return LINK.decide(ctx, token, repository.save_buyer, again=query.again)
