"""Whose pipelines a caller may deal with, and who sees contacts."""

from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import Forbidden

ANY_OWNER, CONTACTS = "dispositions:any-owner", "dispositions:contacts"


def require_write(ctx: Context, owner: str | None) -> None:
    """Raise Forbidden unless the pipeline is one's own, nobody's, or one may deal with anybody's."""
    if owner is not None and owner != ctx.actor.id and not ctx.actor.can(ANY_OWNER):
        raise Forbidden("The pipeline belongs to somebody else.")


def sees_contacts(ctx: Context) -> bool:
    """Whether the caller sees who buyers are and how they are reached."""
    return ctx.actor.can(CONTACTS)
