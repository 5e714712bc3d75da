"""Records of the table's stream: parsing them, reporting batch failures to Lambda, and parking records that cannot be processed.

Lambda delivers records at least once, in order per item. After a transient failure a consumer reports the first record that it
did not process, and receives everything from there on again. A record that would fail each time (malformed, of an unknown kind)
is parked: stored in a row of its own, with its images, so that it does not block the others and nothing is lost.
"""

import json
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.foundation import telemetry
from chalicelib.foundation.dates import format_timestamp
from chalicelib.foundation.errors import Unavailable
from chalicelib.foundation.ids import ItemKey
from chalicelib.foundation.json_codec import JsonObject, dumps
from chalicelib.foundation.store import codec, keys
from chalicelib.foundation.store.access_patterns import KeyRange
from chalicelib.foundation.store.codec import DynamoItem
from chalicelib.foundation.store.expiry import live_row
from chalicelib.foundation.store.store import Store

StreamRecord = JsonObject  # one entry of the event's `Records`, as Lambda delivers it

PARKED_TTL = timedelta(days=30)
ENTITY = "e"  # the value of the attribute `t` in an entity's row
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


# -- parking


@dataclass(frozen=True)
class ParkedRecord:
    """A parked record, its key, and the reason."""

    key: ItemKey
    entity: str
    reason: str
    record: StreamRecord


def parked_key(stream: str, entity: str, version: int) -> ItemKey:
    """The key of a record that waits for its predecessor: it ends in the revision."""
    return ItemKey(keys.join_key("PARK", stream, entity), f"{version:010d}")


def park_record(
    store: Store, stream: str, record: StreamRecord, reason: str, now: datetime, *, waiting_change: StreamChange | None = None
) -> ItemKey:
    """Store a record for a later attempt. `waiting_change` is its change where it is valid and only its predecessor is missing.

    The same record always gets the same key, however often it is delivered. One round trip.
    """
    entity = waiting_change.entity_id if waiting_change else _entity_of(record)
    key = (
        parked_key(stream, entity, waiting_change.version)
        if waiting_change
        else ItemKey(keys.join_key("PARK", stream, entity), f"~{record.get('eventID', '')}")
    )
    parked_at = format_timestamp(now)
    view = {"stream": stream, "entity": entity, "reason": reason[:200], "parked_at": parked_at}
    values = {
        "kind": "parked",
        **view,
        "record": zlib.compress(json.dumps(record).encode()),
        "view": dumps(view),
        "gsi1pk": _partition(stream),
        "gsi1sk": keys.join_key(parked_at, entity, key.sk),
        "ttl": int((now + PARKED_TTL).timestamp()),
    }
    store.put_values(key, values)
    telemetry.log("ERROR", "parked", stream=stream, entity=entity, place=key.sk, reason=reason)
    telemetry.emit_metric({"Parked": 1}, stream=stream)
    return key


def parked_records(store: Store, stream: str, entity: str, now: datetime) -> list[ParkedRecord]:
    """The parked records of one entity, in order of revision. One round trip per 1 MB."""
    return [
        ParkedRecord(
            ItemKey(raw["pk"]["S"], raw["sk"]["S"]),
            entity,
            raw["reason"]["S"],
            json.loads(zlib.decompress(codec.decode_value(raw["record"]))),
        )
        for raw in store.query_all(KeyRange(None, keys.join_key("PARK", stream, entity)))
        if live_row(raw, now)
    ]


def which_are_parked(store: Store, keys: Iterable[ItemKey], now: datetime) -> list[ItemKey]:
    """The keys among these at which a record is parked. One round trip per hundred."""
    return [key for key, raw in store.batch_get(keys).items() if live_row(raw, now)]


def parked_entities(store: Store, stream: str) -> list[str]:
    """The ids of entities with parked records, longest waiting first."""
    rows = store.query_all(KeyRange("gsi1", _partition(stream)))
    return list(dict.fromkeys(json.loads(raw["view"]["S"])["entity"] for raw in rows))


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
