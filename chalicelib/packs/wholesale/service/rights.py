"""Whose rows a caller may write, and whom a row may belong to."""

from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import Forbidden, Invalid
from chalicelib.foundation.ids import ROOT, Key
from chalicelib.foundation.store.codec import Raw
from chalicelib.foundation.store.transactions import Transaction

ANY_OWNER, REASSIGN = "wholesale:any-owner", "wholesale:reassign"


def may_write(ctx: Context, owner: str | None) -> bool:
    """Whether the caller may write a row of `owner`: one's own, nobody's, or anybody's with the right to it."""
    return owner is None or owner == ctx.actor.id or ctx.actor.may(ANY_OWNER)


def need_write(ctx: Context, owner: str | None) -> None:
    """Raise Forbidden where the row is another's."""
    if not may_write(ctx, owner):
        raise Forbidden("It belongs to somebody else.")


def first_owner(ctx: Context) -> str | None:
    """Whom a new pipeline belongs to unless it is said: the person who creates it. A key or a job owns nothing."""
    return ctx.actor.id if ctx.actor.kind == "user" else None


def user_key(id: str) -> Key:
    """Where a user lies. The id's form was checked when it came in."""
    return Key(id, ROOT)


def unknown_owner() -> Invalid:
    """The refusal of an owner who isn't an active user."""
    return Invalid.field("owner", "no active user has this id")


def is_active(user: Raw | None) -> bool:
    """Whether the row is that of a user who may own a pipeline."""
    return user is not None and "deleted_at" not in user and user.get("is_active", {}).get("BOOL", False)


def check_owner(ctx: Context, tx: Transaction, owner: str | None) -> None:
    """Let the transaction stand only if `owner` is an active user. The caller is: a token says so."""
    if owner is None or owner == ctx.actor.id:
        return
    condition = "is_active = :yes AND attribute_not_exists(deleted_at)"
    tx.check(user_key(owner), condition, unknown_owner(), {":yes": True})
