"""Who sees what of the trail: it depends on what the caller may do with the kind of entity that a record is about."""

from collections.abc import Callable
from functools import cache

from chalicelib.foundation import access
from chalicelib.foundation.context import Context
from chalicelib.foundation.json_codec import JsonObject
from chalicelib.packs.audit.schemas import Visibility

READ, ADMIN = "trail:read", "trail:admin"
_OWN_AREA = "audit"


def visibility(ctx: Context, kind: str) -> Visibility:
    """How much of a kind's trail the caller sees: "all", "own" (entities they own, or their own actions), or "" for nothing.

    The widest of the caller's roles counts. A role that may write only its own entities in the kind's pack sees only their trail.
    """
    if ctx.actor.can(ADMIN):
        return "all"
    area = _area(ctx, kind)
    if area is None or area == _OWN_AREA or not ctx.actor.can(f"{area}:read"):
        return ""
    return access.reach_of_roles(ctx, area, READ, f"{area}:read")


def sees_personal(ctx: Context, kind: str) -> bool:
    """Whether the caller sees the personal values in a kind's trail."""
    return ctx.actor.can(ADMIN) or ctx.actor.can(f"{_area(ctx, kind) or kind}:contacts")


def visible_changes(ctx: Context) -> Callable[[JsonObject], bool]:
    """Whether the caller sees a change in lists: all of them, or their own actions."""
    visibility_of = cache(lambda kind: visibility(ctx, kind))

    def is_visible(view: JsonObject) -> bool:
        visible = visibility_of(view["kind"])
        return visible == "all" or (visible == "own" and bool(view["actor"] == ctx.actor.id))

    return is_visible


def _area(ctx: Context, kind: str) -> str | None:
    """The name that the permissions on a kind of entity begin with: that of its pack."""
    pack = ctx.packs.by_kind.get(kind)
    return pack.name if pack else None
