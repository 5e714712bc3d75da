"""Events about users, for those who watch over them."""

from chalicelib.foundation.context import Context
from chalicelib.foundation.events import Notification
from chalicelib.foundation.store.transactions import Transaction


def add_user_event(
    ctx: Context, tx: Transaction, event: str, user_id: str, occasion: str, title: str, *, for_role: str, data: dict[str, object]
) -> None:
    """Raise an event about a user with the transaction, for everybody with the role. It is raised once for an `occasion`."""
    about = {"subject_type": "user", "subject_id": user_id}
    tx.create(
        Notification.for_occasion(ctx, f"{event}#{occasion}", on=ctx.today, event=event, title=title, for_role=for_role, data=data, **about)
    )
