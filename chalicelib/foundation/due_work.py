"""What is due: found in the due index, claimed by whoever does it, however many runs there are at once.

    process_due(ctx, run, Pipeline.REMINDERS.until(ctx.today), remind, keys=own_key(Pipeline.ID))

An item is in the index until its claim, a conditional write, moves or removes its key. So what a run doesn't reach, or fails at, the
next one finds; and of two runs that find the same item one loses the claim.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import TypedDict, TypeVar

from chalicelib.foundation import telemetry
from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import Problem, Unavailable, VersionConflict
from chalicelib.foundation.events import FALLBACK_ROLE, AddresseeLeft, Notification, add_notifications
from chalicelib.foundation.ids import IdFormat, ItemKey
from chalicelib.foundation.schedules import RunStats
from chalicelib.foundation.store.access_patterns import KeyRange
from chalicelib.foundation.store.codec import DynamoItem
from chalicelib.foundation.store.entity import Entity
from chalicelib.foundation.store.keys import reference_counter
from chalicelib.foundation.store.references import ReferenceCounter
from chalicelib.foundation.store.store import parse_live
from chalicelib.foundation.store.transactions import Transaction

PAGE_SIZE = 50

T = TypeVar("T")
E = TypeVar("E", bound=Entity)
C = TypeVar("C", bound=ReferenceCounter)
DueItems = Mapping[ItemKey, DynamoItem]
DueHandler = Callable[[Context, str, DueItems], bool]
"""Handles one due item, by its id and the items that were read for its page. True where it did something; False, or a VersionConflict,
where somebody else was first, or the index was behind."""


# -- finding


def process_due(
    ctx: Context, run: RunStats, due: KeyRange, handle: DueHandler, *, keys: Callable[[str], Iterable[ItemKey]] = lambda _: ()
) -> None:
    """Handle everything in a range of the due index, the longest due first, while there is time.

    `keys` names the items to read for an id: they are read together, 50 ids to a page. Two round trips a page (one without
    `keys`), and those of the handler. What fails is counted and logged, and stays in the index.
    """

    def handle_one(id_and_items: tuple[str, DueItems]) -> None:
        run.found += 1
        with suppress(VersionConflict):
            run.done += handle(ctx, *id_and_items)

    for rows in ctx.store.query_pages(due, page_size=PAGE_SIZE):
        ids = [item_id(row) for row in rows]
        items = ctx.store.batch_get(key for id in ids for key in keys(id))
        if not work_in_time(ctx, run, ((id, items) for id in ids), handle_one):
            return


def process_due_entities(ctx: Context, run: RunStats, due: KeyRange, kind: type[E], handle: Callable[[Context, E], bool]) -> None:
    """`process_due` for entities that carry their due key themselves. Those that are deleted are not handled. Two round trips a page."""

    def handle_item(ctx: Context, id: str, items: DueItems) -> bool:
        entity = parse_live(kind, items.get(kind.ID.key(id)))
        return entity is not None and handle(ctx, entity)

    process_due(ctx, run, due, handle_item, keys=own_key(kind.ID))


def process_due_counters(
    ctx: Context, run: RunStats, due: KeyRange, kind: type[E], counter: type[C], handle: Callable[[Context, E, C], bool]
) -> None:
    """`process_due` for roots whose reference counter carries the due key: the live root with its counter. Two round trips a page."""

    def handle_items(ctx: Context, id: str, items: DueItems) -> bool:
        root, row = parse_live(kind, items.get(kind.ID.key(id))), items.get(reference_counter(id))
        return root is not None and row is not None and handle(ctx, root, counter.from_item(row))

    process_due(ctx, run, due, handle_items, keys=lambda id: (kind.ID.key(id), reference_counter(id)))


def own_key(id_format: IdFormat) -> Callable[[str], tuple[ItemKey]]:
    """For `keys`: nothing but the item itself."""
    return lambda id: (id_format.key(id),)


def item_id(row: DynamoItem) -> str:
    """The id in a row's key: a child's stands in its sort key, a root's is the partition."""
    return str(row["sk"]["S"].partition("#")[2] or row["pk"]["S"])


def work_in_time(ctx: Context, run: RunStats, things: Iterable[T], work: Callable[[T], None]) -> bool:
    """Work on one thing after the other, and whether there was time for all of them: else the run has more to do.

    An error in one is counted and logged, and the next one has its turn. The deadline is the store's: it leaves the time to write
    the run's record.
    """
    for thing in things:
        if ctx.store.remaining_seconds() <= 0:
            run.has_more = True
            return False
        try:
            work(thing)
        except Unavailable:  # the store is busy, and will be so for the next one
            run.has_more = True
            return False
        except Exception as error:
            run.failed += 1
            telemetry.log_exception(error, ctx.request_id)
    return True


# -- claiming


class _NotificationExists(Problem):
    """A notification with this id was created before. Never shown."""

    kind = "conflict"

    def __init__(self, notification: Notification) -> None:
        super().__init__(notification.id)
        self.notification = notification


def commit_claim(ctx: Context, claim: Callable[[Transaction], None], notifications: Sequence[Notification]) -> bool:
    """Commit a claim with its notifications in one transaction. True where anybody was notified.

    `claim` adds a conditional write that only one run can win; False where another run was first. A notification that exists
    already (a date was moved away and back) is not created again; the claim is committed without it. One round trip, one more for each
    of those, and for each addressee who has left.
    """
    missing = list(notifications)
    while True:
        tx = Transaction(ctx.store)
        claim(tx)
        add_notifications(ctx, tx, missing, _NotificationExists)
        try:
            tx.commit()
        except _NotificationExists as exists:
            missing = [notification for notification in missing if notification.id != exists.notification.id]
        except AddresseeLeft:
            continue
        except VersionConflict:
            return False
        else:
            return bool(missing)


class NotificationTarget(TypedDict):
    """What a notification is about, and for whom."""

    subject_type: str
    subject_id: str
    for_user: str | None
    for_role: str | None


def notification_target(subject_type: str, subject_id: str, owner: str | None, fallback_role: str = FALLBACK_ROLE) -> NotificationTarget:
    """A notification about a subject for its owner, or for those who look after what nobody owns. To be passed on by `**`."""
    return {
        "subject_type": subject_type,
        "subject_id": subject_id,
        "for_user": owner,
        "for_role": None if owner else fallback_role,
    }
