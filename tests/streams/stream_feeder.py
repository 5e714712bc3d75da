"""The table's stream as Lambda hands it over, and an event source mapping that delivers it."""

import base64
import random
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from types import SimpleNamespace
from typing import Any

from botocore.session import Session

from chalicelib.foundation.streams import StreamRecord

WRITTEN_AT = datetime(2026, 11, 24, 18, 0, tzinfo=UTC)  # tests.conftest.NOW
Handler = Callable[[dict[str, Any], Any], dict[str, Any]]


class StreamFeeder:
    """Reads the stream of a table on moto; `take` gives what is new since the last time."""

    def __init__(self, dynamodb: Any, table: str) -> None:
        arn = dynamodb.describe_table(TableName=table)["Table"]["LatestStreamArn"]
        self.arn = arn
        self._client = _streams_client()
        shard = self._client.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"][0]["ShardId"]
        self._shard = {"StreamArn": arn, "ShardId": shard}
        self._seen: str | None = None

    def take(self) -> list[StreamRecord]:
        # A new iterator each time: an iterator of moto's ends where the stream ended when it was made.
        place = {"ShardIteratorType": "TRIM_HORIZON"}
        if self._seen:
            place = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": self._seen}
        iterator = self._client.get_shard_iterator(**self._shard, **place)["ShardIterator"]
        found: list[StreamRecord] = []
        while True:
            answer = self._client.get_records(ShardIterator=iterator)
            iterator = answer["NextShardIterator"]
            if not answer["Records"]:
                return found
            self._seen = answer["Records"][-1]["dynamodb"]["SequenceNumber"]
            found += [as_lambda_gives_it(record, self.arn) for record in answer["Records"]]

    def entities(self) -> list[StreamRecord]:
        """What is new of entities: what the mapping's filter lets through."""
        return [record for record in self.take() if _image(record).get("t") in ({"S": "e"}, {"S": "m"})]


@cache  # which takes a quarter of a second to make
def _streams_client() -> Any:
    return Session().create_client("dynamodbstreams", region_name="us-east-1")


def _image(record: StreamRecord) -> dict[str, Any]:
    change = record["dynamodb"]
    found: dict[str, Any] = change.get("OldImage", {}) if record["eventName"] == "REMOVE" else change["NewImage"]
    return found


def record_of(number: int, old: dict[str, Any] | None, new: dict[str, Any] | None) -> StreamRecord:
    """The record of a change between two images, for engines whose stream is not read."""
    image = new or old or {}
    name = "MODIFY" if old and new else "INSERT" if new else "REMOVE"
    change = {
        "Keys": {key: image[key] for key in ("pk", "sk")},
        "SequenceNumber": f"{number:021d}",
        "ApproximateCreationDateTime": WRITTEN_AT.timestamp(),
    }
    change |= {key: value for key, value in (("OldImage", old), ("NewImage", new)) if value is not None}
    return {"eventID": f"event-{number}", "eventName": name, "dynamodb": change}


def as_lambda_gives_it(record: dict[str, Any], arn: str) -> StreamRecord:
    change = dict(record["dynamodb"])
    change["ApproximateCreationDateTime"] = WRITTEN_AT.timestamp()  # by the tests' clock, not the machine's
    for name in ("OldImage", "NewImage"):
        if name in change:
            change[name] = _base64(change[name])
    return {**{name: record[name] for name in ("eventID", "eventName", "awsRegion")}, "eventSourceARN": arn, "dynamodb": change}


def _base64(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            name: base64.b64encode(item).decode() if name == "B" and isinstance(item, bytes) else _base64(item)
            for name, item in value.items()
        }
    return [_base64(item) for item in value] if isinstance(value, list) else value


def deliver(
    handler: Handler, records: list[StreamRecord], *, context: Callable[[], Any] = lambda: None, batch: int = 60, attempts: int = 200
) -> int:
    """Deliver as a mapping does: in batches, going on from the lowest reported record. Returns how many calls it took.

    No batch holds a record twice: one that comes again begins another batch.
    """
    at = calls = 0
    while at < len(records):
        now = _distinct(records[at : at + batch])
        failures = handler({"Records": now}, context())["batchItemFailures"]
        calls += 1
        assert calls < attempts, "it never comes to an end"
        if not failures:
            at += len(now)
            continue
        places = {record["dynamodb"]["SequenceNumber"]: place for place, record in enumerate(now)}
        at += min(places[failure["itemIdentifier"]] for failure in failures)
    return calls


def _distinct(records: list[StreamRecord]) -> list[StreamRecord]:
    """The records up to the first that comes again."""
    seen: set[str] = set()
    for place, record in enumerate(records):
        if (number := record["dynamodb"]["SequenceNumber"]) in seen:
            return records[:place]
        seen.add(number)
    return records


def shuffled(records: list[StreamRecord], chance: random.Random) -> list[StreamRecord]:
    """In another order, but that of each item kept: as parallel shards deliver."""
    queues: dict[str, list[StreamRecord]] = {}
    for record in records:
        queues.setdefault(str(record["dynamodb"]["Keys"]), []).append(record)
    found = []
    while queues:
        name = chance.choice(sorted(queues))
        found.append(queues[name].pop(0))
        if not queues[name]:
            del queues[name]
    return found


def replayed(records: list[StreamRecord], chance: random.Random) -> list[StreamRecord]:
    """With pieces that come again, each right after itself or later."""
    found = list(records)
    for _ in range(chance.randrange(4)):
        begin = chance.randrange(len(records) + 1)
        end = min(len(records), begin + chance.randrange(12))
        at = chance.randrange(len(found) + 1)
        found[at:at] = records[begin:end]
    return found


class ExpiringContext(SimpleNamespace):
    """A Lambda context whose time runs down with each look at it: `before` the last look, and from then on `after`, in milliseconds."""

    def __init__(self, looks: int, *, before: int = 300_000, after: int = 0) -> None:
        super().__init__(looks=looks, before=before, after=after, aws_request_id="run")

    def get_remaining_time_in_millis(self) -> int:
        self.looks -= 1
        return self.before if self.looks > 0 else self.after
