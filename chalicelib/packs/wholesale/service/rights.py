"""Whose rows a caller may write, and whom a row may belong to."""

from ....foundation.context import Context
from ....foundation.errors import Forbidden, Invalid
from ....foundation.ids import ROOT, Key
from ....foundation.store.transactions import Transaction

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


def check_owner(ctx: Context, tx: Transaction, owner: str | None) -> None:
    """Let the transaction stand only if `owner` is an active user. The caller is: a token says so."""
    if owner is None or owner == ctx.actor.id:
        return
    tx.check(
        Key(owner, ROOT),
        "attribute_exists(pk) AND attribute_not_exists(deleted_at) AND (attribute_not_exists(is_active) OR is_active = :yes)",
        Invalid.field("owner", "no active user has this id"),
        {":yes": True},
    )
