"""Which pipelines a caller may write, and who sees contacts."""

from chalicelib.foundation import access
from chalicelib.foundation.context import Context
from chalicelib.packs.wholesale.settings import ALL, WholesaleSettings

ANY_OWNER, REASSIGN, CONTACTS = "wholesale:any-owner", "wholesale:reassign", "wholesale:contacts"


def require_write(ctx: Context, owner: str | None) -> None:
    """Raise Forbidden where the pipeline belongs to somebody else and the caller lacks the permission."""
    access.require_owner(ctx, owner, ANY_OWNER)


def sees_contacts(ctx: Context, owner: str | None) -> bool:
    """Whether the caller sees the contacts of a pipeline of `owner`.

    With the setting VALHALLA_DEALMAKER_SIGHT=own, whoever may write only what is theirs or nobody's (a dealmaker) sees the contacts of
    these alone; roles that read without writing, and those that write everything, see all.
    """
    if not ctx.actor.can(CONTACTS):
        return False
    if owner in (None, ctx.actor.id) or ctx.settings.of(WholesaleSettings).dealmaker_sight == ALL:
        return True
    return access.reach_of_roles(ctx, "wholesale", CONTACTS) == "all"


def seen_contact(ctx: Context, owner: str | None, value: str | None) -> str | None:
    """A contact of a pipeline of `owner`, masked for callers who don't see it."""
    return value if sees_contacts(ctx, owner) else access.masked(value)
