"""Mail addresses that nothing of a kind may be sent to: who opts out does so for their address, whichever records hold it.

    OFFERS = SuppressionList("offers")

A row for each address says whether it is suppressed, since when, by whom and why. Its key is a keyed digest of the folded address, so
the address can't be read from it, nor guesses be tested without the stage's secret. Records repeat the row in `do_not_contact`, for lists
and searches; the row decides. A write of a record with an address depends on the row in its transaction (`add`), and so does an offer
(`check`): there is no moment at which another record of the address is still free. A mail names the row, and isn't sent while that
says no (foundation.outbox).

Most addresses are free, so a write assumes that, and costs no read. A condition that fails shows what holds, in `ctx.suppressions`, and the
use case runs again, as after any VersionConflict.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Protocol, TypeVar, cast

from chalicelib.foundation.context import Context
from chalicelib.foundation.emails import normalize_email
from chalicelib.foundation.errors import ValidationFailed, VersionConflict
from chalicelib.foundation.ids import ItemKey
from chalicelib.foundation.signing import pseudonym
from chalicelib.foundation.store import attributes as a
from chalicelib.foundation.store.codec import DynamoItem
from chalicelib.foundation.store.entity import Entity
from chalicelib.foundation.store.expressions import any_of, unchanged
from chalicelib.foundation.store.keys import join_key
from chalicelib.foundation.store.pagination import decode_view
from chalicelib.foundation.store.row import Row
from chalicelib.foundation.store.store import parse_many
from chalicelib.foundation.store.transactions import Transaction

E = TypeVar("E", bound=Entity)

PREFIX = "SUPPRESS"  # of the partitions
MAX_SPREAD = 50  # records that one step changes

# Why a record isn't to be contacted, or is again, where nobody gave a reason of their own.
OPTED_OUT = "Opted out by the link in a mail."
ASKED_AGAIN = "Asked for more by the link in a mail."
ADDRESS_OPTED_OUT = "The address has opted out."


class Suppression(Row):
    """What holds for an address, and since when, by whom and why. One that was lifted stays, with the same of its end."""

    is_active = a.boolean()
    reason = a.optional_string()
    changed_at = a.datetime()
    changed_by = a.string()
    request_id = a.string()

    @staticmethod
    def key_at(pk: str) -> ItemKey:
        """The key of the row in this partition."""
        return ItemKey(pk, "S")


_IS_ACTIVE = unchanged({"is_active": True})[0]
_IS_FREE = any_of(*unchanged({"is_active": None}), *unchanged({"is_active": False}))


def is_active(row: DynamoItem | None) -> bool:
    """Whether the address of this row, as it was read, is suppressed."""
    return row is not None and Suppression.from_item(row).is_active


class Addressee(Protocol):
    """A record of somebody whom mail is sent to. `contact_reason` says why `do_not_contact` was set or taken back."""

    @property
    def email(self) -> str | None:
        """The mail address."""

    @property
    def do_not_contact(self) -> bool:
        """Whether they are not to be contacted."""

    @property
    def contact_reason(self) -> str | None:
        """Why."""

    @property
    def updated_by(self) -> str:
        """Who wrote the record last."""


def addressee(entity: Entity) -> Addressee:
    """An entity that has these attributes, as one."""
    return cast(Addressee, entity)


def with_contact(ctx: Context, before: E, *, allowed: bool, reason: str | None, by: str) -> E:
    """A record after `by` allowed contact with it, or forbade it."""
    return before.with_changes(ctx, do_not_contact=not allowed, contact_reason=reason).with_values(updated_by=by)


@dataclass(frozen=True)
class SuppressionList:
    """The suppressed addresses of one kind of mail, e.g. "offers"."""

    name: str

    def digest(self, ctx: Context, address: str) -> str:
        """What stands for an address: the same for each of its spellings."""
        return pseudonym(ctx.secrets.personal_key, PREFIX, self.name, normalize_email(address))

    def key_of(self, digest: str) -> ItemKey:
        """The key of the address with this digest."""
        return Suppression.key_at(join_key(PREFIX, self.name, digest))

    def key(self, ctx: Context, address: str) -> ItemKey:
        """The key of an address."""
        return self.key_of(self.digest(ctx, address))

    def holds(self, ctx: Context, address: str | None) -> bool:
        """Whether an address is suppressed, as far as this request knows: without `look`, only a write that depends on it shows it."""
        return address is not None and ctx.suppressions.setdefault(self.key(ctx, address), False)

    def look(self, ctx: Context, addresses: Iterable[str | None]) -> None:
        """Read what holds for these addresses. One round trip for each hundred."""
        _look(ctx, [self.key(ctx, address) for address in addresses if address is not None])

    def check(self, ctx: Context, tx: Transaction, addresses: Iterable[str | None]) -> None:
        """Let the transaction stand only while what `holds` says of these addresses is true; else VersionConflict. One action for each."""
        for key in dict.fromkeys(self.key(ctx, address) for address in addresses if address is not None):
            when = _IS_ACTIVE if ctx.suppressions.setdefault(key, False) else _IS_FREE
            tx.condition_check(key, when, lambda _: _look_again(ctx))

    def set(self, ctx: Context, tx: Transaction, key: ItemKey, *, active: bool, reason: str | None, by: str) -> None:
        """Suppress the address of this key, or lift that, where it is otherwise so far; else VersionConflict. One action."""
        values = {"is_active": active, "reason": reason, "changed_at": ctx.now, "changed_by": by, "request_id": ctx.request_id}
        tx.update(key, set=values, when=_IS_FREE if active else _IS_ACTIVE, on_conflict=lambda _: _look_again(ctx))

    def settle(self, ctx: Context, before: E | None, after: E, sent: Collection[str], right: str) -> E:
        """A record that somebody writes, as it may be contacted: not at a suppressed address.

        `sent` are the fields of the request. Who has an address and wasn't to be contacted may be again by those with the `right`, who say
        why: else Forbidden, ValidationFailed.
        """
        then, now = None if before is None else addressee(before), addressee(after)
        if "contact_reason" in sent and now.contact_reason is not None and "do_not_contact" not in sent:
            raise ValidationFailed.field("contact_reason", "it belongs to do_not_contact")
        was_barred = then is not None and then.do_not_contact
        if now.do_not_contact != was_barred and "contact_reason" not in sent:
            after = after.with_values(contact_reason=None)
        if after is before or now.do_not_contact:
            return after
        if then is not None and was_barred and then.email is not None:
            ctx.actor.require(right)
            if addressee(after).contact_reason is None:
                raise ValidationFailed.field("contact_reason", "it is needed where contact is allowed again", "missing")
        elif self.holds(ctx, now.email):
            return after.with_values(do_not_contact=True, contact_reason=ADDRESS_OPTED_OUT)
        return after

    def add(self, ctx: Context, tx: Transaction, before: Addressee | None, after: Addressee) -> bool:
        """Add what a write of this record needs; whether it changes what holds for its address, so that others must follow (`spread`).

        At most one action, and none where neither address nor `do_not_contact` changes.
        """
        if after.email is None:
            return False
        key = self.key(ctx, after.email)
        known = before is not None and before.email is not None and self.key(ctx, before.email) == key
        was_suppressed = before is not None and known and before.do_not_contact
        if known and was_suppressed == after.do_not_contact:
            return False
        if ctx.suppressions.setdefault(key, was_suppressed) == after.do_not_contact:
            self.check(ctx, tx, [after.email])
            return False
        self.set(ctx, tx, key, active=after.do_not_contact, reason=after.contact_reason, by=after.updated_by)
        return True

    def spread(self, ctx: Context, source: E, rows: Iterable[DynamoItem], save: Callable[[Context, E, E], object]) -> bool:
        """Bring the records that share the address of `source` to what holds for it; whether none is left that could be.

        `rows` are theirs in an index whose view shows `do_not_contact`, the more recent `source` among them. A step changes 50 records at
        most. One round trip where there is one to change, and those of `save(ctx, before, after)` for each, which adds what `add` says.
        """
        origin, kind = addressee(source), type(source)
        stale = (row["pk"]["S"] for row in rows if decode_view(row).get("do_not_contact", False) != origin.do_not_contact)
        ids = list(islice((id for id in stale if id != source.id), MAX_SPREAD))
        if origin.email is None or not ids:
            return True
        key, done, failed = self.key(ctx, origin.email), 0, False
        items = ctx.store.batch_get([key, *map(kind.ID.key, ids)])
        ctx.suppressions[key] = active = is_active(items.get(key))
        for before in parse_many(kind, ids, items).values():
            other = addressee(before)
            if other.email is None or self.key(ctx, other.email) != key or other.do_not_contact == active:
                continue  # the index is behind
            try:
                save(ctx, before, with_contact(ctx, before, allowed=not active, reason=origin.contact_reason, by=origin.updated_by))
                done += 1
            except VersionConflict:
                failed = True
        return not failed and (len(ids) < MAX_SPREAD or not done)


def _look(ctx: Context, keys: Iterable[ItemKey]) -> None:
    keys = list(keys)
    rows = ctx.store.batch_get(keys)
    ctx.suppressions.update({key: is_active(rows.get(key)) for key in keys})


def _look_again(ctx: Context) -> VersionConflict:
    """Read what holds for every address that this request assumed something of, since it was wrong about one."""
    _look(ctx, ctx.suppressions)
    return VersionConflict()
