"""Who is told of what becomes of a certificate: the deal's owner, else the operators."""

from chalicelib.foundation.context import Context
from chalicelib.foundation.due_work import notification_target
from chalicelib.foundation.events import Notification
from chalicelib.packs.deals import public as deals
from chalicelib.packs.finalization.entities import Certificate
from chalicelib.packs.finalization.repository import DEAL


def event_of(ctx: Context, deal: deals.Deal, certificate: Certificate, what: str, words: str) -> Notification:
    """The event `deals.<what>`, once a certificate."""
    return Notification.for_occasion(
        ctx,
        f"{certificate.id}/{what}",
        on=ctx.today,
        event=f"deals.{what}",
        title=f"{words}: {deal.title}"[:200],
        data={"deal_id": deal.id, "certificate_id": certificate.id, "number": certificate.number},
        **notification_target(DEAL, deal.id, deal.owner),
    )
