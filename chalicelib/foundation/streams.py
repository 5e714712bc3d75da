"""Records of the table's stream: how a consumer reads them, says what it didn't do, and keeps what it can't do.

Lambda delivers records at least once, in order per item. A consumer that fails for the moment reports the first record that
it did not do, and gets everything from there on again. A record that would fail each time (unreadable, of an unknown kind)
is parked: kept in a row of its own, with its images, so that it never stands in the way of the others and nothing is lost.
"""

import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.foundation import telemetry
from chalicelib.foundation.calendar import instant
from chalicelib.foundation.errors import Unavailable
from chalicelib.foundation.ids import Key
from chalicelib.foundation.json import dumps
from chalicelib.foundation.store import codec, keys
from chalicelib.foundation.store.codec import Raw
from chalicelib.foundation.store.store import Store, wire_key

Record = dict[str, Any]  # one entry of the event's `Records`, as Lambda hands it over

PARKED_LIFE = timedelta(days=30)
ENTITY = "e"  # what the attribute `t` says of an entity's row
_EXPIRY = "dynamodb.amazonaws.com"  # who removes a row whose time to live is over


class Unreadable(Exception):
    """A record that no repetition will make readable."""


@dataclass(frozen=True)
class Change:
    """One change of one row. `old` is absent of a new row, `new` of a removed one."""

    event_id: str
    key: Key
    old: Raw | None
    new: Raw | None
    at: datetime  # when the table made it
    expired: bool  # removed by its time to live
    record: Record

    @property
    def image(self) -> Raw:
        """The row as it is now or, when it is gone, as it was."""
        return self.new or self.old or {}

    @property
    def type(self) -> str:
        """What the row is: an entity ("e"), mail ("m"), or nothing that a consumer concerns itself with ("")."""
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
            raise Unreadable("the image has no revision") from None
        return revision + (self.new is None)

    def _text(self, name: str, default: str | None = None) -> str:
        value = self.image.get(name, {}).get("S", default)
        if not isinstance(value, str):
            raise Unreadable(f"the image has no {name}")
        return value


def read(record: Record) -> Change:
    """A record as a change; Unreadable where it isn't one."""
    try:
        change = record["dynamodb"]
        identity = record.get("userIdentity") or {}
        return Change(
            event_id=record["eventID"],
            key=Key(change["Keys"]["pk"]["S"], change["Keys"]["sk"]["S"]),
            old=change.get("OldImage"),
            new=None if record["eventName"] == "REMOVE" else change["NewImage"],
            at=datetime.fromtimestamp(float(change["ApproximateCreationDateTime"]), UTC),
            expired=(identity.get("principalId") or identity.get("PrincipalId")) == _EXPIRY,
            record=record,
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Unreadable(f"not a stream record: {type(error).__name__} {error}") from None


def outcome(records: list[Record], undone: list[Record]) -> dict[str, Any]:
    """What the function answers: nothing failed, or the first record that was not done.

    Lambda goes on from the lowest number that is reported, whatever else is: one is enough.
    """
    missing = {id(record) for record in undone}
    first = next((record for record in records if id(record) in missing), None)
    return {"batchItemFailures": [] if first is None else [{"itemIdentifier": first["dynamodb"]["SequenceNumber"]}]}


def passing(error: BaseException) -> bool:
    """Whether a failure is of the moment, so that a repetition may mend it: a busy store, a lost connection, missing rights.

    What DynamoDB finds invalid is about what was sent, and that stays the same.
    """
    if isinstance(error, ClientError):
        reasons = {reason.get("Code") for reason in error.response.get("CancellationReasons", ())}
        return error.response["Error"]["Code"] != "ValidationException" and "ValidationError" not in reasons
    return isinstance(error, Unavailable | BotoCoreError | OSError)


# -- parking


@dataclass(frozen=True)
class Parked:
    """A parked record, where it lies, and why."""

    key: Key
    entity: str
    reason: str
    record: Record


def waiting_key(stream: str, entity: str, version: int) -> Key:
    """Where a record lies that waits for the one before it: found by its number."""
    return Key(keys.joined("PARK", stream, entity), f"{version:010d}")


def park(store: Store, stream: str, record: Record, reason: str, now: datetime, *, waits: Change | None = None) -> Key:
    """Keep a record for later. `waits` is the change where it is readable and only its predecessor is missing.

    The same record is parked in the same place, however often it comes.
    """
    entity = waits.entity_id if waits else _name(record)
    key = waiting_key(stream, entity, waits.version) if waits else Key(keys.joined("PARK", stream, entity), f"~{record.get('eventID', '')}")
    at = instant(now)
    view = {"stream": stream, "entity": entity, "reason": reason[:200], "parked_at": at}
    values = {
        "kind": "parked",
        **view,
        "record": zlib.compress(json.dumps(record).encode()),
        "view": dumps(view),
        "gsi1pk": _partition(stream),
        "gsi1sk": keys.joined(at, entity, key.sk),
        "ttl": int((now + PARKED_LIFE).timestamp()),
    }
    store.call("put_item", TableName=store.table, Item=wire_key(key) | codec.wire(values))
    telemetry.line("ERROR", "parked", stream=stream, entity=entity, place=key.sk, reason=reason)
    telemetry.metric({"Parked": 1}, stream=stream)
    return key


def parked(store: Store, stream: str, entity: str, now: datetime) -> list[Parked]:
    """The records of one entity that are parked, in their order. One query a page of 1 MB."""
    condition = {"KeyConditionExpression": "pk = :pk", "ConsistentRead": True}
    values = {":pk": {"S": keys.joined("PARK", stream, entity)}}
    return [
        Parked(Key(raw["pk"]["S"], raw["sk"]["S"]), entity, raw["reason"]["S"], json.loads(zlib.decompress(codec.decode(raw["record"]))))
        for raw in _all(store, ExpressionAttributeValues=values, **condition)
        if int(raw["ttl"]["N"]) > now.timestamp()
    ]


def parked_entities(store: Store, stream: str) -> list[str]:
    """The entities of which records are parked, the longest waiting first."""
    values = {":pk": {"S": _partition(stream)}}
    rows = _all(store, IndexName="gsi1", KeyConditionExpression="gsi1pk = :pk", ExpressionAttributeValues=values)
    return list(dict.fromkeys(json.loads(raw["view"]["S"])["entity"] for raw in rows))


def unpark(store: Store, key: Key) -> None:
    """The record is done: nothing is left to keep."""
    store.call("delete_item", TableName=store.table, Key=wire_key(key))


def _partition(stream: str) -> str:
    return keys.joined("PARK", "open", stream)


def _all(store: Store, **arguments: Any) -> Iterator[Raw]:
    start: dict[str, Any] = {}
    while True:
        answer = store.query(**arguments, **start)
        yield from answer["Items"]
        if "LastEvaluatedKey" not in answer:
            return
        start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}


def _name(record: Record) -> str:
    """The entity that a record is about, as far as it can be told."""
    change = record.get("dynamodb")
    change = change if isinstance(change, dict) else {}
    for image in (change.get("NewImage"), change.get("OldImage")):
        if isinstance(image, dict) and isinstance(found := image.get("id"), dict) and found.get("S"):
            return str(found["S"])
    try:
        return keys.part(f"{change['Keys']['pk']['S']}|{change['Keys']['sk']['S']}")
    except (KeyError, TypeError):
        return "unknown"
