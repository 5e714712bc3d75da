"""Who may write what belongs to somebody, who may own it, what a professional sees, and what is hidden from those who may not see contacts.

`any_owner` is the pack's permission to write what belongs to others, e.g. "wholesale:any-owner". What belongs to nobody may be written
by everybody with the endpoint's own permission.
"""

from collections.abc import Collection, Mapping
from typing import Literal

from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import Forbidden, NotFound, Unauthenticated, ValidationFailed
from chalicelib.foundation.ids import ROOT_SORT_KEY, ItemKey
from chalicelib.foundation.store.codec import DynamoItem
from chalicelib.foundation.store.entity import Entity
from chalicelib.foundation.store.expressions import ROW_ABSENT, all_of, any_of, unchanged
from chalicelib.foundation.store.transactions import Transaction

MASK = "•••"

# -- owners


def can_write(ctx: Context, owner: str | None, any_owner: str) -> bool:
    """Whether the caller may write what belongs to `owner`: their own, nobody's, or anybody's with the permission."""
    return owner is None or owner == ctx.actor.id or ctx.actor.can(any_owner)


def require_owner(ctx: Context, owner: str | None, any_owner: str, detail: str = "It belongs to somebody else.") -> None:
    """Raise Forbidden where it belongs to somebody else and the caller lacks the permission."""
    if not can_write(ctx, owner, any_owner):
        raise Forbidden(detail)


def default_owner(ctx: Context) -> str | None:
    """The owner of something new that names none: the user who creates it. API keys and jobs own nothing."""
    return ctx.actor.id if ctx.actor.kind == "user" else None


Reach = Literal["all", "own", ""]


def reach_of_roles(ctx: Context, area: str, *needed: str) -> Reach:
    """How far those of the caller's roles reach that have all of the `needed` permissions, in the area of a pack; the widest counts.

    "all"; "own" where each of them may write only what is theirs or nobody's, as a dealmaker; "" where there is none.
    """
    widest: Reach = ""
    for role in ctx.actor.roles:
        permissions = ctx.roles.permissions((role,))
        if permissions.issuperset(needed):
            if f"{area}:write" not in permissions or f"{area}:any-owner" in permissions:
                return "all"
            widest = "own"
    return widest


# -- professionals


def own_professional(ctx: Context, row: str, right: str = "read") -> str | None:
    """The professional to whose things the caller's `right` in a row of the matrix is limited, e.g. "tasks", "status"; None: to nobody's.

    It is "", which is nobody's id, for a limited caller who is no professional.
    """
    is_limited = ctx.actor.can(f"{row}:own") or ctx.actor.can(f"{row}:own-{right}")
    return (ctx.actor.professional_id or "") if is_limited else None


def require_own_professional(ctx: Context, row: str, professional_id: str | None, name: str, right: str = "read") -> None:
    """Raise NotFound of `name` where the caller's right is limited to the things of another professional."""
    if own_professional(ctx, row, right) not in (None, professional_id):
        raise NotFound(name)


# -- users

_IS_ACTIVE = all_of(*unchanged({"is_active": True, "deleted_at": None}))
HAS_NOT_LEFT = any_of(ROW_ABSENT, _IS_ACTIVE)  # a condition on a user's row: users of an external issuer have none


def user_key(user_id: str) -> ItemKey:
    """The key of a user. The id's format was validated with the request."""
    return ItemKey(user_id, ROOT_SORT_KEY)


def is_active_user(user: DynamoItem | None) -> bool:
    """Whether the item is an active user."""
    return user is not None and "deleted_at" not in user and user.get("is_active", {}).get("BOOL", False)


def unknown_user_error(field: str = "owner") -> ValidationFailed:
    """The error for a user who isn't there, or isn't active."""
    return ValidationFailed.field(field, "no active user has this id")


def require_active_user(ctx: Context, tx: Transaction, user_id: str | None, field: str = "owner") -> None:
    """Let the transaction stand only while the user is active: one action, and none for nobody or for the caller, whose token says so.

    The transaction fails with ValidationFailed of `field`. It may hold one action on each row: where several rows of a bulk request
    name the same user, read the user first and ask `is_active_user`.
    """
    if user_id is not None and user_id != ctx.actor.id:
        tx.condition_check(user_key(user_id), _IS_ACTIVE, unknown_user_error(field))


# -- callers


def require_live_caller(ctx: Context, tx: Transaction, changed: Entity | None = None) -> None:
    """Let the transaction stand only while the caller's rights are what this request read of them. Raises Unauthenticated.

    For changes that give rights, whose endpoints read the caller (RoleMatrix.needs_live_caller). Two actions: the user, and the session or
    API key. `changed` is an entity that the transaction saves, as it was read: where that is the caller's own user or key, it is compared
    here instead, since its save is conditional already and a transaction takes one action a row.
    """
    own = next((row for row in ctx.actor.rows if changed is not None and row.key == changed.key), None)
    if own is None:
        for row in ctx.actor.rows:
            tx.condition_check(row.key, all_of(*unchanged(row.values)), _lost_rights())
    elif any(getattr(changed, name) != value for name, value in own.values.items()):
        raise _lost_rights()


def _lost_rights() -> Unauthenticated:
    return Unauthenticated("Your rights have changed meanwhile. Sign in again.")


# -- contacts


def masked(value: object) -> str | None:
    """What is shown in a value's place: that there is one."""
    return None if value is None else MASK


def shown(ctx: Context, permission: str, value: str | None) -> str | None:
    """One contact, masked for a caller without the permission to see contacts."""
    return value if ctx.actor.can(permission) else masked(value)


def mask(values: Mapping[str, object], fields: Collection[str]) -> dict[str, object]:
    """The values with those of `fields` masked; absent ones stay absent, and null stays null."""
    return {name: masked(value) if name in fields else value for name, value in values.items()}


def mask_unless(ctx: Context, permission: str, values: Mapping[str, object] | None, fields: Collection[str]) -> dict[str, object] | None:
    """The values, masked for a caller without the permission to see contacts; None stays None."""
    if values is None:
        return None
    return dict(values) if ctx.actor.can(permission) else mask(values, fields)
