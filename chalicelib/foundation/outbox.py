"""The outbox: what leaves the system, written in the transaction of its reason, and sent afterwards, at least once.

A mail is a row (`t` is "m"; it is no entity and never enters the trail, since it may hold a code). The stream's audit function
puts its key on the queue by `enqueue`; the worker behind the queue claims the row with a lease, sends it by SES and marks it sent.
A worker that dies between sending and marking sends it twice: no mail is lost, and a second one says the same.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.foundation import telemetry
from chalicelib.foundation.aws import client
from chalicelib.foundation.errors import Stale
from chalicelib.foundation.ids import Key, ulid
from chalicelib.foundation.json import dumps, loads
from chalicelib.foundation.store import codec
from chalicelib.foundation.store.transactions import Transaction

if TYPE_CHECKING:
    from chalicelib.foundation.context import Context
    from chalicelib.foundation.settings import Settings

MAIL = "m"  # `t` of a mail's row: what the stream's audit function looks for
LIFE = timedelta(days=7)
LEASE = timedelta(seconds=60)  # how long a claim holds: longer than SES's slowest answer, shorter than the queue's patience
BATCH = 10  # what SQS takes at once

# What SES says of a message that no repetition will send. Everything else may be mended: throttling, a paused account.
_HOPELESS = frozenset({"MessageRejected", "BadRequestException"})
_MENDABLE = "not verified"  # SES says MessageRejected of an identity that isn't verified yet, too


class QueueError(Exception):
    """The queue didn't take all of it; the caller repeats, which harms nothing."""


@dataclass(frozen=True)
class Sent:
    """How the delivery of one row went: sent, gone (nothing to do), busy (somebody else has it), failed for good."""

    outcome: str


# -- writing


def mail(tx: Transaction, ctx: "Context", *, to: str, subject: str, text: str, void: bool = False) -> Key:
    """Put a mail into the transaction; answers its key.

    `void` writes the same row for nobody: no stream function looks at it. For answers that must cost the same whether or not
    there is somebody to write to.
    """
    key = Key(f"MAIL#{ulid(ctx.now)}", "M")
    row = {
        "kind": "mail",
        "state": "void" if void else "queued",
        "to": to,
        "subject": subject,
        "text": text,
        "attempts": 0,
        "created_at": ctx.now,
        "updated_by": ctx.actor.id,
        "request_id": ctx.request_id,
        "correlation_id": ctx.correlation_id,
        "ttl": int((ctx.now + LIFE).timestamp()),
    }
    tx.put_row(key, row if void else {"t": MAIL, **row}, "attribute_not_exists(pk)")
    return key


# -- to the queue


def enqueue(settings: "Settings", keys: Iterable[Key], kind: str = "mail") -> None:
    """Put the keys of outbox rows on the stage's queue, ten in a call. QueueError where it didn't take all of them.

    For the function on the table's stream, once for each row of `t` "m" that it sees inserted. Without a queue (in tests)
    it does nothing.
    """
    if settings.outbox_queue is None:
        return
    sqs = client("sqs", settings)
    for batch in _batches(keys, BATCH):
        entries = [{"Id": str(place), "MessageBody": dumps({"kind": kind, "pk": key.pk, "sk": key.sk})} for place, key in enumerate(batch)]
        try:
            answer = sqs.send_message_batch(QueueUrl=settings.outbox_queue, Entries=entries)
        except (BotoCoreError, ClientError) as error:
            raise QueueError("The queue can't be reached.") from error
        if answer.get("Failed"):
            raise QueueError(f"The queue refused {len(answer['Failed'])} of {len(entries)} messages.")


def _batches(keys: Iterable[Key], size: int) -> Iterator[list[Key]]:
    rest = iter(keys)
    while batch := list(islice(rest, size)):
        yield batch


def key_of(message: str) -> tuple[str, Key]:
    """Kind and key in a message of the queue."""
    found = loads(message)
    return str(found["kind"]), Key(str(found["pk"]), str(found["sk"]))


# -- from the queue


def deliver_mail(ctx: "Context", key: Key) -> Sent:
    """Send the mail of this row, unless it is sent, gone, or in somebody else's hands. Raises what another try may mend."""
    row = _claim(ctx, key)
    if row is None:
        return _why_not(ctx, key)
    try:
        answer = client("sesv2", ctx.settings).send_email(
            FromEmailAddress=ctx.settings.mail_sender,
            Destination={"ToAddresses": [row["to"]]},
            Content={
                "Simple": {
                    "Subject": {"Data": row["subject"], "Charset": "UTF-8"},
                    "Body": {"Text": {"Data": row["text"], "Charset": "UTF-8"}},
                }
            },
        )
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code in _HOPELESS and _MENDABLE not in error.response["Error"].get("Message", ""):
            _finish(ctx, key, row, "failed", error=code)
            telemetry.line("ERROR", "mail refused", code=code, row=key.pk, request_id=row["request_id"])
            return Sent("failed")
        _release(ctx, key, row)
        raise
    except BotoCoreError:
        _release(ctx, key, row)
        raise
    _finish(ctx, key, row, "sent", message_id=answer["MessageId"])
    return Sent("sent")


def _claim(ctx: "Context", key: Key) -> dict[str, Any] | None:
    now = int(ctx.now.timestamp())
    try:
        answer = ctx.store.update(
            key,
            "SET lease = :until, leased_by = :me ADD attempts :one",
            ConditionExpression="#state = :queued AND #ttl > :now AND (attribute_not_exists(lease) OR lease < :now)",
            ExpressionAttributeNames={"#state": "state", "#ttl": "ttl"},
            ExpressionAttributeValues=codec.wire(
                {":until": now + int(LEASE.total_seconds()), ":me": ctx.request_id, ":one": 1, ":queued": "queued", ":now": now}
            ),
            ReturnValues="ALL_NEW",
        )
    except Stale:
        return None
    return codec.plain(answer["Attributes"])


def _why_not(ctx: "Context", key: Key) -> Sent:
    raw = ctx.store.get_raw(key)
    row = codec.plain(raw) if raw else {}
    waits = row.get("state") == "queued" and row["ttl"] > ctx.now.timestamp()
    return Sent("busy" if waits else "gone")


def _release(ctx: "Context", key: Key, row: dict[str, Any]) -> None:
    """Give the row back at once, so that the queue's next try needn't wait for the lease."""
    _settle(ctx, key, row, "REMOVE lease, leased_by", {}, {})


def _finish(ctx: "Context", key: Key, row: dict[str, Any], state: str, **facts: str) -> None:
    """Mark the row, and take the text out of it: it may hold a code, and has done its work."""
    sets = "".join(f", #{name} = :{name}" for name in facts)
    names = {"#state": "state", "#text": "text", **{f"#{name}": name for name in facts}}
    values = {":state": state, ":now": ctx.now, **{f":{name}": value for name, value in facts.items()}}
    _settle(ctx, key, row, f"SET #state = :state, finished_at = :now{sets} REMOVE lease, leased_by, #text", values, names)


def _settle(ctx: "Context", key: Key, row: dict[str, Any], expression: str, values: dict[str, Any], names: dict[str, str]) -> None:
    """Write to a row that is still in our hands. When it no longer is, whoever has it decides."""
    arguments: dict[str, Any] = {"ExpressionAttributeNames": names} if names else {}
    try:
        ctx.store.update(
            key,
            expression,
            ConditionExpression="leased_by = :me AND lease = :lease",
            ExpressionAttributeValues=codec.wire({":me": row["leased_by"], ":lease": row["lease"], **values}),
            **arguments,
        )
    except Stale:
        telemetry.line("WARNING", "the lease of a mail ran out before it was marked", row=key.pk)
