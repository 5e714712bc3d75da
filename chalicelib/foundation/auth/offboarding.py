"""When somebody leaves: their unread events become the operators', too, who would otherwise never hear of what they are about.

A deactivation forwards the newest of them, and the schedule `events-forward` the rest: those beyond that number, those that the index
did not show yet, those of users who left before there was a schedule. Events that are written later are for the operators from the
start (foundation.events). All of them stay the user's as well: one who is reactivated has their events again, with what the operators
have marked as seen, and new ones are for them alone.
"""

from chalicelib.foundation.auth import users
from chalicelib.foundation.auth.schemas import UserPatch, UserView
from chalicelib.foundation.context import Context
from chalicelib.foundation.events import forward_unread

FORWARDED_AT_ONCE = 50  # events that a deactivation forwards: a round trip each


def deactivate(ctx: Context, id: str) -> None:
    """Deactivate a user, and forward their unread events. Repeated, it forwards what is left."""
    users.deactivate(ctx, id)
    forward_unread(ctx, id, FORWARDED_AT_ONCE)


def change(ctx: Context, id: str, body: UserPatch) -> UserView:
    """Update a user; where they are not active then, forward their unread events."""
    view = users.change(ctx, id, body)
    if not view["is_active"]:
        forward_unread(ctx, id, FORWARDED_AT_ONCE)
    return view
