"""Which pipelines a caller may write, and who may own one."""

from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import Forbidden, ValidationFailed
from chalicelib.foundation.ids import ROOT_SORT_KEY, ItemKey
from chalicelib.foundation.store.codec import DynamoItem
from chalicelib.foundation.store.transactions import Transaction

ANY_OWNER, REASSIGN = "wholesale:any-owner", "wholesale:reassign"


def can_write(ctx: Context, owner: str | None) -> bool:
    """Whether the caller may write a pipeline of `owner`: their own, one without owner, or any with the permission."""
    return owner is None or owner == ctx.actor.id or ctx.actor.can(ANY_OWNER)


def require_write(ctx: Context, owner: str | None) -> None:
    """Raise Forbidden where the pipeline belongs to somebody else and the caller lacks the permission."""
    if not can_write(ctx, owner):
        raise Forbidden("It belongs to somebody else.")


def default_owner(ctx: Context) -> str | None:
    """The owner of a new pipeline that names none: the user who creates it. API keys and jobs own nothing."""
    return ctx.actor.id if ctx.actor.kind == "user" else None


def user_key(id: str) -> ItemKey:
    """The key of a user. The id's format was validated with the request."""
    return ItemKey(id, ROOT_SORT_KEY)


def unknown_owner_error() -> ValidationFailed:
    """The error for an owner who isn't an active user."""
    return ValidationFailed.field("owner", "no active user has this id")


def is_active(user: DynamoItem | None) -> bool:
    """Whether the item is an active user, who may own a pipeline."""
    return user is not None and "deleted_at" not in user and user.get("is_active", {}).get("BOOL", False)


def check_owner(ctx: Context, tx: Transaction, owner: str | None) -> None:
    """Condition the transaction on `owner` being an active user. The caller is one: authentication checked it."""
    if owner is None or owner == ctx.actor.id:
        return
    condition = "is_active = :yes AND attribute_not_exists(deleted_at)"
    tx.check_by_expression(user_key(owner), condition, unknown_owner_error(), {":yes": True})
