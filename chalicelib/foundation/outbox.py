"""The transactional outbox: messages are written in the transaction of their cause, and sent afterwards, at least once.

A mail is a row (`t` is "m"; it is no entity and never enters the trail, since it may hold a code). The stream's audit function
puts its key on the queue by `enqueue`; the worker behind the queue claims the row with a lease, sends it by SES and marks it sent.
A worker that dies between sending and marking sends it twice: no mail is lost, and a second one says the same. A row that is not sent
after a quarter of an hour is due in an index, from which the schedule `outbox-requeue` queues it again, once an hour.

Other work that is too long for a request lies in the outbox, too (`add_work`), and is done by the same worker, in parts: at the end of one it
keeps how far it came in the row (`update_leased`), and puts the row's key on the queue again. So a worker that dies loses one part.

A mail of a thing names it, and what the mail is for: when it bounces, that thing's pack is told (foundation.mail_events).

A mail that its receiver may opt out of names the row that says so (foundation.suppression). The worker reads it just before it sends.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError
from pynamodb.expressions.condition import Condition

from chalicelib.foundation import mail_events, suppression, telemetry
from chalicelib.foundation.aws import client
from chalicelib.foundation.errors import VersionConflict
from chalicelib.foundation.ids import ItemKey, ulid
from chalicelib.foundation.json_codec import JsonObject, dumps, loads
from chalicelib.foundation.store import codec
from chalicelib.foundation.store.access_patterns import DuePattern
from chalicelib.foundation.store.expiry import find_live_row, is_live
from chalicelib.foundation.store.expressions import ROW_ABSENT, all_of, any_of, attribute, unchanged
from chalicelib.foundation.store.keys import KeyPart
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.foundation.suppression import Suppression

if TYPE_CHECKING:
    from chalicelib.foundation.context import Context
    from chalicelib.foundation.settings import Settings

MAIL = "m"  # `t` of a row in the outbox, of mail and other work: what the stream's audit function looks for
MAIL_TTL = timedelta(days=7)
LEASE = timedelta(seconds=60)  # how long a claim holds: longer than SES takes to respond, shorter than the queue's visibility timeout
BATCH = 10  # the maximum of SendMessageBatch
# A mail that isn't sent by then is queued again: the stream did not bring it, or the queue gave it up.
FORGOTTEN_AFTER = timedelta(minutes=15)
_DECOYS = "DUE#outbox-decoy#0"  # read by nobody; an entry in the index costs the same there
UNSENT = DuePattern("outbox", on="due_at", by="pk", serves="outbox-requeue")  # rows without an entity's class: the keys are written here

_TAG = re.compile("[A-Za-z0-9_-]{0,256}", re.ASCII)  # values of SES's message tags

# SES errors that are permanent for a message. Everything else is retried: throttling, a paused account.
_PERMANENT_ERRORS = frozenset({"MessageRejected", "BadRequestException"})
_TRANSIENT_MESSAGE = "not verified"  # SES also answers MessageRejected for an identity that is not verified yet


class QueueError(Exception):
    """The queue did not accept every message; repeating the call is safe."""


@dataclass(frozen=True)
class DeliveryResult:
    """The outcome of one delivery: sent, suppressed (the receiver has opted out), gone (nothing to do), busy (leased by another worker),
    failed (permanently); of an event of a mail: reported, or ignored; of work in parts: done, or continued (its next part is queued).
    """

    outcome: str


# -- writing


def add_mail(
    tx: Transaction,
    ctx: "Context",
    *,
    to: str,
    subject: str,
    text: str,
    decoy: bool = False,
    unless: ItemKey | None = None,
    about: str = "",
    purpose: str = "",
) -> ItemKey:
    """Add a mail to the transaction; returns its key.

    `decoy` writes the same row without sending it, for responses that must cost the same whether or not the recipient exists.
    `unless` is the key of a Suppression: while that is active the mail isn't sent. `about` is the id of the thing that the mail is of, and
    `purpose` a word of its pack's: both come back with what becomes of the mail. Letters, digits, `_` and `-`.
    """
    assert _TAG.fullmatch(about), about
    assert _TAG.fullmatch(purpose), purpose
    key = _key(ulid(ctx.now))
    more = ({"unless": unless.pk} if unless else {}) | ({"about": about, "purpose": purpose} if about else {})
    row = _row(ctx, key, "mail", to=to, subject=subject, text=text, **more)
    tx.put_values(key, row | {"state": "void", UNSENT.pk_name: _DECOYS} if decoy else {"t": MAIL, **row}, ROW_ABSENT)
    return key


def add_work(tx: Transaction, ctx: "Context", kind: str, id: str, **values: object) -> ItemKey:
    """Add work to the transaction that the worker behind the queue does for `kind`, with `values` in its row; returns its key."""
    key = _key(id)
    tx.put_values(key, {"t": MAIL, **_row(ctx, key, kind, **values)}, ROW_ABSENT)
    return key


def _key(id: str) -> ItemKey:
    return ItemKey(f"MAIL#{id}", "M")


def _row(ctx: "Context", key: ItemKey, kind: str, **values: object) -> JsonObject:
    return {
        "kind": kind,
        "state": "queued",
        "attempts": 0,
        "created_at": ctx.now,
        "updated_by": ctx.actor.id,
        "request_id": ctx.request_id,
        "correlation_id": ctx.correlation_id,
        "ttl": int((ctx.now + MAIL_TTL).timestamp()),
        **values,
        **due_keys(key, ctx.now + FORGOTTEN_AFTER),
    }


def due_keys(key: ItemKey, due_at: datetime) -> dict[str, str]:
    """The keys by which a mail that isn't sent is found at `due_at`."""
    return {UNSENT.pk_name: UNSENT.partition.text, UNSENT.sk_name: UNSENT.sort.fill({"due_at": due_at, "pk": KeyPart(key.pk)})}


# -- to the queue


class Message(NamedTuple):
    """What the queue holds: the key of a row in the outbox, and its kind."""

    kind: str
    key: ItemKey


def enqueue(settings: "Settings", messages: Iterable[Message]) -> None:
    """Put messages about outbox rows on the stage's queue, ten per call. Raises QueueError unless all were accepted.

    For the function on the table's stream, once for each row of `t` "m" that it sees inserted. Without a queue (in tests)
    it does nothing.
    """
    if settings.outbox_queue is None:
        return
    sqs = client("sqs", settings)
    for batch in batches(messages, BATCH):
        entries = [
            {"Id": str(index), "MessageBody": dumps({"kind": kind, "pk": key.pk, "sk": key.sk})} for index, (kind, key) in enumerate(batch)
        ]
        try:
            response = sqs.send_message_batch(QueueUrl=settings.outbox_queue, Entries=entries)
        except (BotoCoreError, ClientError) as error:
            raise QueueError("The queue is unreachable.") from error
        if response.get("Failed"):
            raise QueueError(f"The queue refused {len(response['Failed'])} of {len(entries)} messages.")


def batches(messages: Iterable[Message], size: int) -> Iterator[list[Message]]:
    """Up to `size` messages at a time."""
    rest = iter(messages)
    while batch := list(islice(rest, size)):
        yield batch


def parse_message(message: str) -> Message:
    """The kind and key in a message of the queue."""
    return message_kind_and_key(loads(message))


def message_kind_and_key(message: JsonObject) -> Message:
    """The kind and key in a message of the queue that was decoded."""
    return Message(str(message["kind"]), ItemKey(str(message["pk"]), str(message["sk"])))


# -- from the queue


def deliver_mail(ctx: "Context", key: ItemKey) -> DeliveryResult:
    """Send the mail of this row, unless it is sent, gone, or leased by another worker. Raises errors that a retry may resolve."""
    row = claim(ctx, key)
    if row is None:
        return unclaimed_result(ctx, key)
    if "unless" in row and suppression.is_active(ctx.store.get_item(Suppression.key_at(row["unless"]))):
        _finish(ctx, key, row, "suppressed")
        return DeliveryResult("suppressed")
    try:
        response = client("sesv2", ctx.settings).send_email(
            FromEmailAddress=ctx.settings.mail_sender,
            Destination={"ToAddresses": [row["to"]]},
            **_reporting(ctx.settings, row),
            Content={
                "Simple": {
                    "Subject": {"Data": row["subject"], "Charset": "UTF-8"},
                    "Body": {"Text": {"Data": row["text"], "Charset": "UTF-8"}},
                }
            },
        )
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code in _PERMANENT_ERRORS and _TRANSIENT_MESSAGE not in error.response["Error"].get("Message", ""):
            _finish(ctx, key, row, "failed", error=code)
            telemetry.log("ERROR", "mail refused", code=code, row=key.pk, request_id=row["request_id"])
            return DeliveryResult("failed")
        _release(ctx, key, row)
        raise
    except BotoCoreError:
        _release(ctx, key, row)
        raise
    _finish(ctx, key, row, "sent", message_id=response["MessageId"])
    return DeliveryResult("sent")


def _reporting(settings: "Settings", row: JsonObject) -> JsonObject:
    """What makes SES report on this mail, and to name its thing then."""
    configuration = {"ConfigurationSetName": settings.mail_configuration_set} if settings.mail_configuration_set else {}
    tags = mail_events.tags(row.get("about", ""), row.get("purpose", ""))
    return {**configuration, **({"EmailTags": tags} if tags else {})}


def claim(ctx: "Context", key: ItemKey) -> JsonObject | None:
    """Lease a row, for a minute; None where it is done, gone, or leased by another worker. One round trip."""
    now = int(ctx.now.timestamp())
    is_free = any_of(attribute("lease").does_not_exist(), attribute("lease") < now)
    try:
        row = ctx.store.update(
            key,
            set={"lease": now + int(LEASE.total_seconds()), "leased_by": ctx.request_id},
            add={"attempts": 1},
            when=all_of(attribute("state") == "queued", is_live(ctx.now), is_free),
        )
    except VersionConflict:
        return None
    return codec.decode_item(row)


def unclaimed_result(ctx: "Context", key: ItemKey) -> DeliveryResult:
    """Why a row couldn't be leased: busy, or gone. One round trip."""
    row = find_live_row(ctx.store, key, ctx.now) or {}
    return DeliveryResult("busy" if row.get("state") == {"S": "queued"} else "gone")


def _release(ctx: "Context", key: ItemKey, row: JsonObject) -> None:
    """Release the lease, so that the queue's next delivery need not wait for it to expire."""
    update_leased(ctx, key, row, {})


def _finish(ctx: "Context", key: ItemKey, row: JsonObject, state: str, **attributes: str) -> None:
    """Set the final state, and remove the text: it may contain a code, and is no longer needed."""
    update_leased(ctx, key, row, {"state": state, "finished_at": ctx.now, "text": None, **NOT_DUE, **attributes})


NOT_DUE = dict.fromkeys((UNSENT.pk_name, UNSENT.sk_name))  # set in a row that is done


def update_leased(ctx: "Context", key: ItemKey, row: JsonObject, values: JsonObject) -> None:
    """Update a row and release it while this worker holds its lease; otherwise log and leave it to the new holder."""
    try:
        ctx.store.update(key, set=values, remove=("lease", "leased_by"), when=is_leased_as(row))
    except VersionConflict:
        telemetry.log("WARNING", "the lease of a mail ran out before it was marked", row=key.pk)


def is_leased_as(row: JsonObject) -> Condition:
    """That a row is still leased as it was when it was claimed."""
    return all_of(*unchanged({"leased_by": row["leased_by"], "lease": row["lease"]}))
