"""Records of the table's stream: parsing them, reporting batch failures to Lambda, and parking records that cannot be processed.

Lambda delivers records at least once, in order per item. After a transient failure a consumer reports the first record that it
did not process, and receives everything from there on again, until the record is 23 hours old. A record that would fail each time
(malformed, of an unknown kind, one that ends the function) is parked: stored in a row of its own, so that it does not block the others
and nothing is lost. `process_batch` decides when.
"""

import json
import zlib
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.foundation import telemetry
from chalicelib.foundation.dates import format_timestamp
from chalicelib.foundation.errors import Unavailable, VersionConflict
from chalicelib.foundation.ids import ItemKey
from chalicelib.foundation.json_codec import JsonObject, dumps
from chalicelib.foundation.store import codec, keys
from chalicelib.foundation.store.access_patterns import KeyRange
from chalicelib.foundation.store.codec import DynamoItem
from chalicelib.foundation.store.expiry import find_live_row, live_row
from chalicelib.foundation.store.expressions import attribute
from chalicelib.foundation.store.store import Store

StreamRecord = JsonObject  # one entry of the event's `Records`, as Lambda delivers it

TRAIL, AGGREGATES = "audit", "projection"  # the names under which the two consumers park records
PARKED_TTL = timedelta(days=30)
GUARD_AFTER = timedelta(minutes=15)  # a record of this age that is delivered alone is parked while it is processed
PARK_AFTER = timedelta(hours=20)  # a record of this age that is not processed is parked; Lambda gives it up at MAX_RECORD_AGE
MAX_RECORD_AGE = timedelta(hours=23)  # an hour before the stream loses it
_TTL_PRINCIPAL = "dynamodb.amazonaws.com"  # the principal that removes expired rows


class MalformedRecord(Exception):
    """A record that cannot be parsed, however often it is retried."""


@dataclass(frozen=True)
class StreamChange:
    """One change of one row. `old` is absent of a new row, `new` of a removed one."""

    event_id: str
    key: ItemKey
    old: DynamoItem | None
    new: DynamoItem | None
    at: datetime  # when the change was written, UTC
    expired: bool  # removed by its time to live
    record: StreamRecord

    @property
    def has_values(self) -> bool:
        """Whether its images hold the item's values. Those of a record that was parked without them hold only who wrote it, and when."""
        return not self.record.get(_WITHOUT_VALUES)

    @property
    def image(self) -> DynamoItem:
        """The row as it is now or, when it is gone, as it was."""
        return self.new or self.old or {}

    @property
    def type(self) -> str:
        """What the row is: an entity ("e"), mail ("m"), or a row that no consumer processes ("")."""
        return self._text("t", "")

    @property
    def kind(self) -> str:
        """The entity's kind."""
        return self._text("kind")

    @property
    def entity_id(self) -> str:
        """The entity's id."""
        return self._text("id")

    @property
    def version(self) -> int:
        """The entity's revision; a removal is the one after the last."""
        try:
            revision = int(self.image["revision"]["N"])
        except (KeyError, ValueError):
            raise MalformedRecord("the image has no revision") from None
        return revision + (self.new is None)

    def _text(self, name: str, default: str | None = None) -> str:
        value = self.image.get(name, {}).get("S", default)
        if not isinstance(value, str):
            raise MalformedRecord(f"the image has no {name}")
        return value


def parse_record(record: StreamRecord) -> StreamChange:
    """Parse a record. Raises MalformedRecord."""
    try:
        change = record["dynamodb"]
        identity = record.get("userIdentity") or {}
        return StreamChange(
            event_id=record["eventID"],
            key=ItemKey(change["Keys"]["pk"]["S"], change["Keys"]["sk"]["S"]),
            old=change.get("OldImage"),
            new=None if record["eventName"] == "REMOVE" else change["NewImage"],
            at=datetime.fromtimestamp(float(change["ApproximateCreationDateTime"]), UTC),
            expired=(identity.get("principalId") or identity.get("PrincipalId")) == _TTL_PRINCIPAL,
            record=record,
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise MalformedRecord(f"not a stream record: {type(error).__name__} {error}") from None


def batch_response(records: list[StreamRecord], undone: list[StreamRecord]) -> JsonObject:
    """The function's response to Lambda: no failures, or the first record that was not processed.

    Lambda resumes from the lowest sequence number that is reported, so one is enough.
    """
    missing = {id(record) for record in undone}
    first = next((record for record in records if id(record) in missing), None)
    return {"batchItemFailures": [] if first is None else [{"itemIdentifier": first["dynamodb"]["SequenceNumber"]}]}


def is_transient(error: BaseException) -> bool:
    """Whether a retry may succeed: a throttled store, a lost connection, missing IAM permissions.

    A ValidationException of DynamoDB is about the request itself, so it is permanent.
    """
    if isinstance(error, ClientError):
        reasons = {reason.get("Code") for reason in error.response.get("CancellationReasons", ())}
        return error.response["Error"]["Code"] != "ValidationException" and "ValidationError" not in reasons
    return isinstance(error, Unavailable | BotoCoreError | OSError)


# -- processing a batch

Process = Callable[[list[StreamRecord]], list[StreamRecord]]  # returns the records that were not processed, after transient failures
Park = Callable[[StreamRecord, str], object]  # stores a record that can't be processed, with the reason
GUARD = "its processing ended the function"  # the reason of a record that is parked while it is processed
LATE = "it could not be processed in time"  # the reason of a record that is valid, and was parked for its age


def process_batch(store: Store, stream: str, records: list[StreamRecord], now: datetime, process: Process, park: Park) -> JsonObject:
    """Process a batch and return the response to Lambda, so that no record is left in the stream alone when it expires.

    - What is not processed is delivered again. A record older than `PARK_AFTER` is parked instead.
    - Where processing raises, Lambda splits the batch and delivers the halves, until the record stands alone; then it is parked.
    - A record that ends the function (memory, time) can't be parked afterwards. One that is delivered alone and is older than
      `GUARD_AFTER` is therefore parked before it is processed; where it is found parked at the next delivery, it stays so.
    """
    ages = {id(record): _age(record, now) for record in records}
    guarded = len(records) == 1 and ages[id(records[0])] > GUARD_AFTER
    try:
        if guarded and _is_guarded(store, stream, records[0], now, park):
            return batch_response(records, [])
        undone = process(records)
    except Exception as error:
        if is_transient(error):
            undone = records
        elif len(records) > 1:
            raise
        else:
            telemetry.log_exception(error, stream)
            park(records[0], f"{type(error).__name__}: {error}")
            undone = []
    undone = [record for record in undone if ages[id(record)] <= PARK_AFTER or not _try_to_park(park, record)]
    if guarded:
        _remove_guard(store, stream, records[0])
    return batch_response(records, undone)


def _age(record: StreamRecord, now: datetime) -> timedelta:
    try:
        return now - datetime.fromtimestamp(float(record["dynamodb"]["ApproximateCreationDateTime"]), UTC)
    except (KeyError, TypeError, ValueError):
        return timedelta(0)


def _is_guarded(store: Store, stream: str, record: StreamRecord, now: datetime, park: Park) -> bool:
    """Whether the record was parked at an earlier delivery; parks it otherwise. Two round trips."""
    if find_live_row(store, key := _record_key(stream, record), now) is not None:
        _report_parked(stream, key, GUARD)
        return True
    park(record, GUARD)
    return False


def _remove_guard(store: Store, stream: str, record: StreamRecord) -> None:
    """Remove what `_is_guarded` parked, unless the record was parked for another reason since. One that stays is redriven without effect."""
    try:
        with suppress(VersionConflict):
            store.delete(_record_key(stream, record), attribute("reason") == GUARD)
    except Exception as error:
        if not is_transient(error):
            raise


def _try_to_park(park: Park, record: StreamRecord) -> bool:
    try:
        park(record, LATE)
    except Exception as error:
        if not is_transient(error):
            raise
        return False
    return True


# -- parking

Seal = Callable[[str, str, bytes], bytes | None]  # (subject, context, content) -> sealed, or opened; None where the subject was erased
_WITHOUT_VALUES = "withoutValues"
_METADATA = {
    "pk", "sk", "t", "kind", "id", "revision", "created_at", "created_by", "updated_at", "updated_by",
    "request_id", "correlation_id", "deleted_at", "deleted_by",
}  # fmt: skip
_MAX_SEALED = 350_000  # bytes; an item of the table has 400 KB at most


@dataclass(frozen=True)
class ParkedRecord:
    """A parked record, its key, and the reason. A record that is not sealed, or can't be opened any more, has no values."""

    key: ItemKey
    entity: str
    reason: str
    record: StreamRecord


def parked_key(stream: str, entity: str, version: int) -> ItemKey:
    """The key of a record that waits for its predecessor: it ends in the revision."""
    return ItemKey(keys.join_key("PARK", stream, entity), f"{version:010d}")


def is_waiting(key: ItemKey) -> bool:
    """Whether a parked record is valid, and waits for its predecessor or for a store that answers."""
    return not key.sk.startswith("~")


def _record_key(stream: str, record: StreamRecord) -> ItemKey:
    """The key of a record that can't be processed."""
    return ItemKey(keys.join_key("PARK", stream, _entity_of(record)), f"~{record.get('eventID', '')}")


def park_record(
    store: Store,
    stream: str,
    record: StreamRecord,
    reason: str,
    now: datetime,
    *,
    waiting_change: StreamChange | None = None,
    seal: Seal | None = None,
) -> ItemKey:
    """Store a record for a later attempt. `waiting_change` is its change where it is valid and only has to wait.

    The row says who changed what, and when. The item's values are in it only where `seal` encrypts them, under the subject (the item's
    partition) and the row's own key. The same record always gets the same key, however often it is delivered. One round trip, and those
    of `seal`.
    """
    entity = waiting_change.entity_id if waiting_change else _entity_of(record)
    key = parked_key(stream, entity, waiting_change.version) if waiting_change else _record_key(stream, record)
    parked_at = format_timestamp(now)
    view = {"stream": stream, "entity": entity, "reason": reason[:200], "parked_at": parked_at}
    subject = _subject_of(record)
    sealed = seal(subject, _seal_context(key), _pack(record)) if seal else None
    if sealed and len(sealed) > _MAX_SEALED:
        telemetry.log("ERROR", "parked without values: too large", stream=stream, entity=entity, bytes=len(sealed))
        sealed = None
    values = {
        "kind": "parked",
        **view,
        "record": _pack(without_values(record)),
        **({"sealed": sealed, "subject": subject} if sealed else {}),
        "view": dumps(view),
        "gsi1pk": _partition(stream),
        "gsi1sk": keys.join_key(parked_at, entity, key.sk),
        "ttl": int((now + PARKED_TTL).timestamp()),
    }
    store.put_values(key, values)
    if reason != GUARD:  # which is expected to be gone in a moment
        _report_parked(stream, key, reason)
    return key


def _report_parked(stream: str, key: ItemKey, reason: str) -> None:
    telemetry.log("ERROR", "parked", stream=stream, partition=key.pk, place=key.sk, reason=reason)
    telemetry.emit_metric({"Parked": 1}, stream=stream)


def without_values(record: StreamRecord) -> StreamRecord:
    """A record whose images hold only what identifies a change: the entity, its revision, who wrote it and when."""
    change = record.get("dynamodb")
    if not isinstance(change, dict):
        return {name: record[name] for name in ("eventID", "eventName") if name in record}
    images = {
        side: {name: value for name, value in change[side].items() if name in _METADATA}
        for side in ("OldImage", "NewImage")
        if isinstance(change.get(side), dict)
    }
    return {**record, "dynamodb": {**change, **images}, _WITHOUT_VALUES: True}


def parked_records(store: Store, stream: str, entity: str, now: datetime, *, unseal: Seal | None = None) -> list[ParkedRecord]:
    """The parked records of one entity, in order of revision, with their values where `unseal` can open them. One round trip per 1 MB."""
    return [
        ParkedRecord(key := ItemKey(raw["pk"]["S"], raw["sk"]["S"]), entity, raw["reason"]["S"], _stored_record(key, raw, unseal))
        for raw in store.query_all(KeyRange(None, keys.join_key("PARK", stream, entity)))
        if live_row(raw, now)
    ]


def _stored_record(key: ItemKey, raw: DynamoItem, unseal: Seal | None) -> StreamRecord:
    if unseal and "sealed" in raw:
        content = unseal(raw["subject"]["S"], _seal_context(key), codec.decode_value(raw["sealed"]))
        if content is not None:
            return _unpack(content)
    return _unpack(codec.decode_value(raw["record"]))


def _pack(record: StreamRecord) -> bytes:
    return zlib.compress(json.dumps(record).encode())


def _unpack(packed: bytes) -> StreamRecord:
    record: StreamRecord = json.loads(zlib.decompress(packed))
    return record


def _seal_context(key: ItemKey) -> str:
    return f"{key.pk}|{key.sk}"


def which_are_parked(store: Store, keys: Iterable[ItemKey], now: datetime) -> list[ItemKey]:
    """The keys among these at which a record is parked. One round trip per hundred."""
    return [key for key, raw in store.batch_get(keys).items() if live_row(raw, now)]


def parked_entities(store: Store, stream: str) -> list[str]:
    """The ids of entities with parked records, longest waiting first."""
    rows = store.query_all(KeyRange("gsi1", _partition(stream)))
    return list(dict.fromkeys(json.loads(raw["view"]["S"])["entity"] for raw in rows))


def parked_keys(store: Store, stream: str, entity: str) -> list[ItemKey]:
    """The keys of an entity's parked records. One round trip."""
    return [ItemKey(raw["pk"]["S"], raw["sk"]["S"]) for raw in store.query_all(KeyRange(None, keys.join_key("PARK", stream, entity)))]


def remove_parked(store: Store, key: ItemKey) -> None:
    """Remove a parked record that was processed. One round trip."""
    store.delete(key)


def _partition(stream: str) -> str:
    return keys.join_key("PARK", "open", stream)


def _entity_of(record: StreamRecord) -> str:
    """The id of the entity that a record is about, else its escaped key, else "unknown"."""
    change = record.get("dynamodb")
    change = change if isinstance(change, dict) else {}
    for image in (change.get("NewImage"), change.get("OldImage")):
        if isinstance(image, dict) and isinstance(entity_id := image.get("id"), dict) and entity_id.get("S"):
            return str(entity_id["S"])
    try:
        return keys.escape_key_part(f"{change['Keys']['pk']['S']}|{change['Keys']['sk']['S']}")
    except (KeyError, TypeError):
        return "unknown"


def _subject_of(record: StreamRecord) -> str:
    """The partition of the item that a record is about, else "unknown"."""
    try:
        return str(record["dynamodb"]["Keys"]["pk"]["S"])
    except (KeyError, TypeError):
        return "unknown"
