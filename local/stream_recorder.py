"""From the table's stream into the journal, and from the journal back into the table.

While it runs, one thread reads the stream and appends. At the start, before that thread, what the engine's state lacks is
put back: each record holds the whole item, so putting it again, in order, ends in the same table however often it is done.
"""

import itertools
import json
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

from local.engine import EngineClient, EngineError
from local.journal import Journal, Record, records_after

_STREAMS = "DynamoDBStreams_20120810"
_TABLE = "DynamoDB_20120810"
_IDLE_SECONDS = 0.2  # how soon a change is seen that no activity announced
_GATHER_SECONDS = 0.02  # what comes together is read together: a reading costs the engine as much as a write
_FULL = 50  # a page of so many records may have been cut at 1 MB: there is more
_BATCH = 25  # items a BatchWriteItem takes
_FOLD = 2_000  # records that are folded to their items' newest images at a time
_QUIET_SECONDS = 10.0
_WORTH_SAVING = 2_000  # records that would have to be replayed
_TOO_MANY = 100_000  # so many that it must not wait for quiet


class StreamRecorder(threading.Thread):
    """Appends what the table's stream shows. `offsets` tells how much each consumer has done; `wake` saves it the wait.

    What a consumer did is in the stream before it says so. So the offsets are taken first and the stream read after:
    an offset never gets into the journal ahead of its own effects.
    """

    def __init__(
        self, *, client: EngineClient, table: str, journal: Journal, offsets: Callable[[], dict[str, int]], save: Callable[[], bool]
    ) -> None:
        super().__init__(name="stream recorder", daemon=True)
        self._line, self._journal, self._offsets, self._save = client, journal, offsets, save
        self._wake, self._ending = threading.Event(), False
        self._grown_at = time.monotonic()
        self.polls = 0  # how often it has read all that was there
        self.failure: Exception | None = None
        arn = client.call(f"{_TABLE}.DescribeTable", {"TableName": table})["Table"]["LatestStreamArn"]
        shard = client.call(f"{_STREAMS}.DescribeStream", {"StreamArn": arn})["StreamDescription"]["Shards"][0]["ShardId"]
        self._shard = {"StreamArn": arn, "ShardId": shard}
        self._iterator = self._new_iterator({"ShardIteratorType": "LATEST"})
        self._seen = ""

    def _new_iterator(self, position: dict[str, str]) -> str:
        iterator: str = self._line.call(f"{_STREAMS}.GetShardIterator", self._shard | position)["ShardIterator"]
        return iterator

    def wake(self) -> None:
        """Poll now: something was probably written."""
        self._wake.set()

    def run(self) -> None:
        """Read and append until `stop`, or until the engine is gone or the journal can't be written (`failure`)."""
        try:
            while not self._ending:
                if self._wake.wait(_IDLE_SECONDS):
                    time.sleep(_GATHER_SECONDS)
                self._wake.clear()
                self.read()
                self._journal.sync_if_due()
                self._save_when_quiet()
        except Exception as error:  # whatever it is: nothing may go on unrecorded
            self.failure = error

    def read(self) -> None:
        """Append all that is in the stream by now."""
        more = True
        while more:
            offsets = self._offsets()
            response = self._records()
            records: list[Record] = [{**record, "eventSourceARN": self._shard["StreamArn"]} for record in response["Records"]]
            self._journal.append(records, offsets)
            self._iterator = response["NextShardIterator"]
            if records:
                self._seen = records[-1]["dynamodb"]["SequenceNumber"]
                self._grown_at = time.monotonic()
            more = len(records) >= _FULL or (bool(records) and self._ending)
        self.polls += 1

    def _records(self) -> dict[str, Any]:
        try:
            return self._line.call(f"{_STREAMS}.GetRecords", {"ShardIterator": self._iterator, "Limit": 1000})
        except EngineError as error:
            if "ExpiredIterator" not in str(error):
                raise
        # The machine slept for longer than an iterator lives.
        position = (
            {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": self._seen}
            if self._seen
            else {"ShardIteratorType": "TRIM_HORIZON"}
        )
        self._iterator = self._new_iterator(position)
        return self._line.call(f"{_STREAMS}.GetRecords", {"ShardIterator": self._iterator, "Limit": 1000})

    def _save_when_quiet(self) -> None:
        """Keep the next start short: saving stops the engine for a moment, so it is done when nobody writes."""
        quiet = time.monotonic() - self._grown_at > _QUIET_SECONDS
        if self._journal.last - self._journal.saved >= (_WORTH_SAVING if quiet else _TOO_MANY):
            checkpoint(self._journal, self._save)
            self._grown_at = time.monotonic()

    def stop(self) -> None:
        """Stop reading, after one last poll."""
        self._ending = True
        self._wake.set()
        self.join()
        if self.failure is None:
            self.read()


def checkpoint(journal: Journal, save: Callable[[], bool]) -> bool:
    """Save the engine's state and note how far it reaches; the state may hold more than is noted, never less."""
    upto = journal.last
    journal.sync()
    if not save():
        return False
    journal.mark_saved(upto)
    return True


def replay(client: EngineClient, table: str, journal: Journal) -> int:
    """Put back what the engine's state lacks. Returns how many records that were."""
    count = 0
    records = records_after(journal, journal.saved)
    while chunk := [record for _, record in itertools.islice(records, _FOLD)]:
        count += len(chunk)
        newest = {json.dumps(record["dynamodb"]["Keys"], sort_keys=True): record for record in chunk}
        for batch in _batches(newest.values(), _BATCH):
            _write(client, table, [_request(record) for record in batch])
    return count


def _batches(records: Iterable[Record], size: int) -> Iterable[list[Record]]:
    rest = iter(records)
    while batch := list(itertools.islice(rest, size)):
        yield batch


def _request(record: Record) -> dict[str, Any]:
    change = record["dynamodb"]
    if record["eventName"] == "REMOVE":
        return {"DeleteRequest": {"Key": change["Keys"]}}
    return {"PutRequest": {"Item": change["NewImage"]}}


def _write(client: EngineClient, table: str, requests: list[dict[str, Any]]) -> None:
    while requests:
        response = client.call(f"{_TABLE}.BatchWriteItem", {"RequestItems": {table: requests}})
        requests = response.get("UnprocessedItems", {}).get(table, [])
