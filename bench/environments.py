"""Environments that count capacity units: DynamoDB Local for reads, ministack for writes.

DynamoDB Local counts reads and single writes as DynamoDB does; of transactions it counts some actions and doubles others. ministack
counts writes as DynamoDB does, transactions included, and every read as one item. Neither counts a refused transaction, which
DynamoDB charges like a committed one.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC
from pathlib import Path
from typing import Any

from bench import harness
from chalicelib.foundation.aws import client
from chalicelib.foundation.runtime import Runtime
from chalicelib.foundation.secret_store import SecretStore
from chalicelib.foundation.settings import Settings
from chalicelib.foundation.store import table
from chalicelib.foundation.store.store import Store
from chalicelib.packs import PACKS
from tests import dynamodb_local
from tests.callers import sign_in_as
from tests.deployed.emulator import emulator


class CountingRuntime(Runtime):
    """A runtime that records its stores, to sum their capacity units and round trips."""

    stores: list[Store]

    def store(self, remaining: Any = None) -> Store:
        store = super().store(remaining or (lambda: 60.0))
        self.stores.append(store)
        return store

    def used(self) -> dict[str, float]:
        """Capacity units and round trips since the last call."""
        usage = {
            "read": sum(store.read_units for store in self.stores),
            "write": sum(store.write_units for store in self.stores),
            "trips": sum(store.round_trips for store in self.stores),
        }
        self.stores.clear()
        return usage


class BenchEnvironment:
    """The API on one database, called by an operator, and the records of its stream."""

    def __init__(self, settings: Settings, dynamodb: Any) -> None:
        self.runtime = CountingRuntime(settings, packs=PACKS, dynamodb=dynamodb, secrets=SecretStore(settings, lambda: harness.SECRETS))
        self.runtime.stores = []
        self.app = harness.make_app(self.runtime)
        self.bearer = harness.token(self.runtime, "admin", "operator", "counsel", "auditor")
        sign_in_as(self.runtime, harness.CALLER, ("admin", "operator", "counsel", "auditor"), None)
        self.streams = client("dynamodbstreams", settings)
        self._position: str | None = None

    def call(self, method: str, path: str, body: Any = None, query: dict[str, str] | None = None, **headers: str) -> Any:
        """Send a request; returns the JSON of its response. `runtime.used` then returns its cost."""
        from chalicelib.foundation.json_codec import loads

        response = self.app(harness.event(method, path, self.bearer, body, query, **headers), None)
        assert response["statusCode"] < 300, response
        return loads(response["body"]) if response["body"] else None

    def records(self) -> list[dict[str, Any]]:
        """The stream records of entities since the last call."""
        arn = self.runtime.dynamodb.describe_table(TableName=harness.TABLE)["Table"]["LatestStreamArn"]
        records = []
        for shard in self.streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]:
            start = {"ShardIteratorType": "TRIM_HORIZON"}
            if self._position:
                start = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": self._position}
            iterator = self.streams.get_shard_iterator(StreamArn=arn, ShardId=shard["ShardId"], **start)["ShardIterator"]
            while iterator:
                page = self.streams.get_records(ShardIterator=iterator)
                records += page["Records"]
                iterator = page.get("NextShardIterator") if page["Records"] else None
        for record in records:
            self._position = record["dynamodb"]["SequenceNumber"]
            moment = record["dynamodb"]["ApproximateCreationDateTime"]
            record["dynamodb"]["ApproximateCreationDateTime"] = moment.replace(tzinfo=moment.tzinfo or UTC).timestamp()
        return [record for record in records if record["dynamodb"].get("NewImage", {}).get("t", {}).get("S") == "e"]


@contextmanager
def counting_writes() -> Iterator[BenchEnvironment]:
    """An environment on ministack."""
    with tempfile.TemporaryDirectory() as folder, emulator(Path(folder)) as ministack:
        yield _environment_at(ministack.url)


@contextmanager
def counting_reads() -> Iterator[BenchEnvironment]:
    """An environment on DynamoDB Local."""
    process, url = dynamodb_local.start()
    try:
        yield _environment_at(url)
    finally:
        process.terminate()
        process.wait()


def _environment_at(url: str) -> BenchEnvironment:
    settings = harness.settings(aws_endpoint=url, count_capacity=True)
    client.cache_clear()
    dynamodb = client("dynamodb", settings)
    table.create(dynamodb, harness.TABLE)
    return BenchEnvironment(settings, dynamodb)
