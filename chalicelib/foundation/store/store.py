"""The one way to the table: calls that are counted, retried within the request's time, and translated.

A `Store` belongs to one request (or one run of a function): it holds the deadline and counts round trips and capacity.
"""

import random
import time
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.foundation.errors import Stale, Unavailable
from chalicelib.foundation.ids import Key
from chalicelib.foundation.store.codec import Raw
from chalicelib.foundation.store.entity import Entity

E = TypeVar("E", bound=Entity)
T = TypeVar("T")

_BUSY = {
    "ProvisionedThroughputExceededException",
    "ThrottlingException",
    "ThrottlingError",
    "RequestLimitExceeded",
    "InternalServerError",
    "ServiceUnavailable",
    "TransactionInProgressException",
    "TransactionConflict",
    "TransactionConflictException",
    "ProvisionedThroughputExceeded",
    "LimitExceededException",
}
_FIRST_PAUSE, _LONGEST_PAUSE = 0.025, 1.0
_BATCH, _WRITE_BATCH = 100, 25  # the most that one batch reads, and writes


class Store:
    """Access to one table for the length of one request.

    `remaining` tells the seconds that are left; `sleep` waits. Both come from outside, so that tests own time.
    """

    def __init__(
        self,
        client: Any,
        table: str,
        *,
        remaining: Callable[[], float] = lambda: 25.0,
        count_capacity: bool = False,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.client = client
        self.table = table
        self.remaining = remaining
        self.count_capacity = count_capacity
        self.sleep = sleep
        self.round_trips = 0
        self.read_units = 0.0
        self.write_units = 0.0

    # -- calls

    def call(self, operation: str, **arguments: Any) -> dict[str, Any]:
        """One DynamoDB operation; busy answers and lost connections are repeated with full jitter until the deadline.

        Raises Unavailable when time runs out, ClientError for everything that repeating won't mend.
        """
        if self.count_capacity:
            arguments["ReturnConsumedCapacity"] = "TOTAL"
        attempt = 0
        while True:
            self.round_trips += 1
            try:
                answer: dict[str, Any] = getattr(self.client, operation)(**arguments)
            except ClientError as error:
                if not _is_busy(error):
                    raise
                cause: Exception = error
            except BotoCoreError as error:
                cause = error
            else:
                if self.count_capacity:
                    self._count(operation, answer.get("ConsumedCapacity"))
                return answer
            self.pause(attempt, cause)
            attempt += 1

    def pause(self, attempt: int, cause: Exception | None = None) -> None:
        """Wait before attempt number `attempt` + 1, with full jitter; Unavailable when the request's time wouldn't allow it."""
        wait = random.uniform(0, min(_LONGEST_PAUSE, _FIRST_PAUSE * 2**attempt))  # noqa: S311 - jitter, not a secret
        if wait >= self.remaining():
            raise Unavailable("The store is busy; nothing is lost.") from cause
        self.sleep(wait)

    def settle(self, step: Callable[[], T]) -> T:
        """Run a read-decide-write `step` again while others get in between, until the deadline."""
        attempt = 0
        while True:
            try:
                return step()
            except Stale as stale:
                self.pause(attempt, stale)
                attempt += 1

    def _count(self, operation: str, consumed: Any) -> None:
        units = sum(entry["CapacityUnits"] for entry in (consumed if isinstance(consumed, list) else [consumed]) if entry)
        if operation in ("get_item", "query", "scan", "batch_get_item"):
            self.read_units += units
        else:
            self.write_units += units

    # -- reads: strong, by key

    def get_raw(self, key: Key, *, consistent: bool = True) -> Raw | None:
        """One row, or None. One round trip."""
        answer = self.call("get_item", TableName=self.table, Key=wire_key(key), ConsistentRead=consistent)
        return answer.get("Item")

    def find(self, kind: type[E], id: str) -> E | None:
        """The live entity of that id, or None. Raises NotFound for an id of another form, without asking the store."""
        raw = self.get_raw(kind.ID.key(id))
        return alive(kind, raw)

    def get_many(self, keys: Iterable[Key]) -> dict[Key, Raw]:
        """The rows that exist among `keys`, strongly read, in batches of 100 (one round trip each)."""
        wanted = list(dict.fromkeys(keys))
        found: dict[Key, Raw] = {}
        for start in range(0, len(wanted), _BATCH):
            pending: list[Any] = [wire_key(key) for key in wanted[start : start + _BATCH]]
            attempt = 0
            while pending:
                answer = self.call("batch_get_item", RequestItems={self.table: {"Keys": pending, "ConsistentRead": True}})
                for raw in answer["Responses"].get(self.table, ()):
                    found[Key(raw["pk"]["S"], raw["sk"]["S"])] = raw
                pending = answer.get("UnprocessedKeys", {}).get(self.table, {}).get("Keys", [])
                if pending:
                    self.pause(attempt)
                    attempt += 1
        return found

    def query(self, **arguments: Any) -> dict[str, Any]:
        """One page of a Query, as DynamoDB answers it."""
        return self.call("query", TableName=self.table, **arguments)

    # -- single conditional writes

    def save(self, entity: Entity) -> None:
        """Write an entity that was read: only if nobody wrote it since (else Stale). One round trip."""
        item = entity.to_item()
        self._write(
            item,
            TableName=self.table,
            Item=item,
            ConditionExpression="revision = :seen",
            ExpressionAttributeValues={":seen": {"N": str(entity.revision - 1)}},
        )

    def _write(self, item: Raw, **arguments: Any) -> None:
        try:
            self.call("put_item", ReturnValuesOnConditionCheckFailure="ALL_OLD", **arguments)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            # Our own write, whose answer was lost, and which we sent again.
            old = error.response.get("Item", {})
            if old.get("request_id") == item["request_id"] and old.get("revision") == item["revision"]:
                return
            raise Stale from None

    def update(self, key: Key, expression: str, **arguments: Any) -> dict[str, Any]:
        """One UpdateItem on a row that is no entity (a counter, a gate, a claim). Raises Stale where its condition fails."""
        try:
            return self.call("update_item", TableName=self.table, Key=wire_key(key), UpdateExpression=expression, **arguments)
        except ClientError as error:
            if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
                raise Stale from None
            raise

    def delete_many(self, keys: Iterable[Key]) -> int:
        """Remove rows that are no entities and that nobody writes any more, 25 a round trip; answers how many."""
        removed, wanted = 0, iter(keys)
        while batch := list(islice(wanted, _WRITE_BATCH)):
            pending: list[Any] = [{"DeleteRequest": {"Key": wire_key(key)}} for key in batch]
            attempt = 0
            while pending:
                answer = self.call("batch_write_item", RequestItems={self.table: pending})
                pending = answer.get("UnprocessedItems", {}).get(self.table, [])
                if pending:
                    self.pause(attempt)
                    attempt += 1
            removed += len(batch)
        return removed


def alive(kind: type[E], raw: Raw | None) -> E | None:
    """The entity in a row, unless there is none or it is marked deleted."""
    if raw is None or "deleted_at" in raw:
        return None
    return kind.from_item(raw)


def wire_key(key: Key) -> Raw:
    """A key as DynamoDB takes it."""
    return {"pk": {"S": key.pk}, "sk": {"S": key.sk}}


def _is_busy(error: ClientError) -> bool:
    if error.response["Error"]["Code"] != "TransactionCanceledException":
        return error.response["Error"]["Code"] in _BUSY
    codes = {reason.get("Code", "None") for reason in error.response.get("CancellationReasons", ())} - {"None"}
    return bool(codes) and codes <= _BUSY
