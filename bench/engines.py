"""The two engines that count capacity: DynamoDB Local for reads, ministack for writes.

DynamoDB Local counts reads and single writes as DynamoDB does; of transactions it counts some actions and doubles others. ministack
counts writes as DynamoDB does, transactions included, and every read as one item. Each is asked for what it knows. Neither says
anything of a refused transaction, which DynamoDB charges like one that landed.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC
from pathlib import Path
from typing import Any

from bench import house
from chalicelib.foundation.aws import client
from chalicelib.foundation.runtime import Runtime
from chalicelib.foundation.secrets import SecretStore
from chalicelib.foundation.settings import Settings
from chalicelib.foundation.store import table
from chalicelib.foundation.store.store import Store
from local.engine import Engine
from tests import dynamodb_local


class Counted(Runtime):
    """A runtime that remembers the stores it gave out, to add up what they used."""

    stores: list[Store]

    def store(self, remaining: Any = None) -> Store:
        made = super().store(remaining or (lambda: 60.0))
        self.stores.append(made)
        return made

    def used(self) -> dict[str, float]:
        """Units and round trips since the last time."""
        found = {
            "read": sum(one.read_units for one in self.stores),
            "write": sum(one.write_units for one in self.stores),
            "trips": sum(one.round_trips for one in self.stores),
        }
        self.stores.clear()
        return found


class World:
    """The API on one engine, as an operator and its stream as events."""

    def __init__(self, settings: Settings, dynamodb: Any) -> None:
        self.runtime = Counted(settings, dynamodb=dynamodb, secrets=SecretStore(settings, lambda: house.SECRETS))
        self.runtime.stores = []
        self.app = house.app_on(self.runtime)
        self.bearer = house.token(self.runtime, "admin", "operator")
        self.streams = client("dynamodbstreams", settings)
        self._position: str | None = None

    def call(self, method: str, path: str, body: Any = None, query: dict[str, str] | None = None, **headers: str) -> Any:
        """One request; its answer's JSON. `used` then tells what it cost."""
        from chalicelib.foundation.json import loads

        answer = self.app(house.event(method, path, self.bearer, body, query, **headers), None)
        assert answer["statusCode"] < 300, answer
        return loads(answer["body"]) if answer["body"] else None

    def records(self) -> list[dict[str, Any]]:
        """What the stream holds since the last time, of entities only."""
        arn = self.runtime.dynamodb.describe_table(TableName=house.TABLE)["Table"]["LatestStreamArn"]
        found = []
        for shard in self.streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]:
            start = {"ShardIteratorType": "TRIM_HORIZON"}
            if self._position:
                start = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": self._position}
            at = self.streams.get_shard_iterator(StreamArn=arn, ShardId=shard["ShardId"], **start)["ShardIterator"]
            while at:
                page = self.streams.get_records(ShardIterator=at)
                found += page["Records"]
                at = page.get("NextShardIterator") if page["Records"] else None
        for record in found:
            self._position = record["dynamodb"]["SequenceNumber"]
            moment = record["dynamodb"]["ApproximateCreationDateTime"]
            record["dynamodb"]["ApproximateCreationDateTime"] = moment.replace(tzinfo=moment.tzinfo or UTC).timestamp()
        return [record for record in found if record["dynamodb"].get("NewImage", {}).get("t", {}).get("S") == "e"]


@contextmanager
def counting_writes() -> Iterator[World]:
    """A world on ministack."""
    with tempfile.TemporaryDirectory() as folder:
        engine = Engine(Path(folder))
        try:
            yield _world(engine.url)
        finally:
            engine.stop()


@contextmanager
def counting_reads() -> Iterator[World]:
    """A world on DynamoDB Local."""
    process, url = dynamodb_local.start()
    try:
        yield _world(url)
    finally:
        process.terminate()
        process.wait()


def _world(url: str) -> World:
    settings = house.settings(aws_endpoint=url, count_capacity=True)
    client.cache_clear()
    dynamodb = client("dynamodb", settings)
    table.create(dynamodb, house.TABLE)
    return World(settings, dynamodb)
