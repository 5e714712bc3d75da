"""Handing over what a user owns: every kind of entity that a manifest declares as owned (`OwnedEntities`), a page a request.

Rows are found by the index by owner, and read strongly. Each is moved by a conditional write in a transaction of its own, that stands only
while the new owner is active. A moved row leaves the index, so calling again goes on, whoever else hands over or writes meanwhile: a
row that changed since it was read is left to the next call.
"""

from collections import Counter
from dataclasses import dataclass, field
from itertools import islice

from chalicelib.foundation import access
from chalicelib.foundation.auth import users
from chalicelib.foundation.auth.entities import User
from chalicelib.foundation.auth.schemas import HandoverRequest, HandoverView
from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import NotFound, ValidationFailed, VersionConflict
from chalicelib.foundation.idempotency import idempotent_transaction, read_or_replay
from chalicelib.foundation.ids import ItemKey
from chalicelib.foundation.manifest import OwnedEntities, import_string
from chalicelib.foundation.store.access_patterns import AccessPattern
from chalicelib.foundation.store.entity import Entity
from chalicelib.foundation.store.store import parse_live
from chalicelib.foundation.store.transactions import Transaction

MAX_ROWS = 100  # rows that one request looks at, a round trip for each that it moves
_SECONDS_RESERVED = 5.0  # of the request's time: what is left of a page then is left to the next call


@dataclass
class _Page:
    """What one call has done so far: rows that it may still look at, rows moved by kind, and whether it left nothing behind."""

    rows_left: int
    moved: Counter[str] = field(default_factory=Counter)
    done: bool = True


def hand_over(ctx: Context, id: str, body: HandoverRequest) -> HandoverView:
    """Give up to `MAX_ROWS` rows of user `id` to `body.to`. One round trip for the users, two a kind, one a row.

    Raises NotFound, Forbidden, or ValidationFailed of `to`: then nothing was moved.
    """
    new_owner = _check_users(ctx, id, body.to)
    page = _Page(rows_left=MAX_ROWS)
    try:
        for class_path, owned in ctx.packs.owned:
            _move_kind(ctx, owned, import_string(class_path), id, new_owner, page)
    except ValidationFailed:  # the new owner may not have these, or has left meanwhile: so says the next call
        if not page.moved:
            raise
        page.done = False
    view: HandoverView = {"moved": page.moved.total(), "moved_by_kind": dict(page.moved), "done": page.done}
    tx = idempotent_transaction(ctx, view)
    if len(tx):
        tx.commit()
    return view


def _check_users(ctx: Context, id: str, to: str) -> User:
    """The new owner, after both users were read strongly."""
    for _, owned in ctx.packs.owned:
        ctx.actor.require(owned.reassign)
    owner_key, to_key = User.ID.key(id), access.user_key(to)
    items = read_or_replay(ctx, [owner_key, to_key])
    owner, new_owner = parse_live(User, items.get(owner_key)), parse_live(User, items.get(to_key))
    if owner is None:
        raise NotFound(User.ID.name)
    users.check_can_manage(ctx, owner)
    if new_owner is None or not new_owner.is_active:
        raise access.unknown_user_error("to")
    if new_owner.id == owner.id:
        raise ValidationFailed.field("to", "it must be somebody else")
    return new_owner


def _move_kind(ctx: Context, owned: OwnedEntities, kind: type[Entity], owner_id: str, new_owner: User, page: _Page) -> None:
    """Move the rows of one kind that the page has room for."""
    pattern: AccessPattern = getattr(kind, owned.pattern)
    limit = page.rows_left
    rows = list(islice(ctx.store.query_all(pattern.range(**{owned.field: owner_id}), page_size=limit + 1), limit + 1))
    if len(rows) > limit:
        page.done = False
    keys = [ItemKey(row["pk"]["S"], row["sk"]["S"]) for row in rows[:limit]]
    page.rows_left -= len(keys)
    for item in ctx.store.batch_get(keys).values():
        entity = parse_live(kind, item)
        if entity is None or getattr(entity, owned.field) != owner_id:
            continue  # the index is behind
        if owned.own not in ctx.roles.permissions((*new_owner.roles, *new_owner.governance_roles)):
            raise ValidationFailed.field("to", f"a {kind.ID.name} needs an owner with the permission {owned.own}")
        if ctx.store.remaining_seconds() < _SECONDS_RESERVED:
            page.done = False
            return
        try:
            _move(ctx, owned, entity, new_owner.id)
        except VersionConflict:
            page.done = False
        else:
            page.moved[owned.kind] += 1


def _move(ctx: Context, owned: OwnedEntities, before: Entity, new_owner_id: str) -> None:
    """Give one row to its new owner, with whatever repeats the owner. One round trip."""
    tx = Transaction(ctx.store)
    try:
        import_string(owned.add_update)(ctx, tx, before, before.with_changes(ctx, **{owned.field: new_owner_id}))
        tx.commit()
    except ValidationFailed:
        raise access.unknown_user_error("to") from None
