"""Access to the table: calls are counted, retried by one policy, and their errors translated.

A `Store` belongs to one request (or one run of a function): it has the deadline and counts round trips and capacity.
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import chain, islice
from typing import Any, Protocol, TypeVar

from botocore.exceptions import BotoCoreError, ClientError
from pynamodb.expressions.condition import Condition

from chalicelib.foundation.actor import Stamp
from chalicelib.foundation.errors import NotFound, VersionConflict
from chalicelib.foundation.ids import ROOT_SORT_KEY, ItemKey
from chalicelib.foundation.json_codec import JsonObject
from chalicelib.foundation.store.access_patterns import KeyRange
from chalicelib.foundation.store.codec import DynamoItem, encode_item
from chalicelib.foundation.store.entity import Entity
from chalicelib.foundation.store.expressions import NOTHING, ROW_ABSENT, Arguments, condition_arguments, filter_arguments, update_arguments
from chalicelib.foundation.store.retry_policy import REQUESTS, Patience, Retries, RetryBudget, RetryPolicy, is_retryable

E = TypeVar("E", bound=Entity)
T = TypeVar("T")
OnConditionFailed = Exception | Callable[[DynamoItem], Exception]  # what a failed condition means; given the existing item ({} for none)

_READ_BATCH, _WRITE_BATCH = 100, 25  # items per BatchGetItem and BatchWriteItem


class RowChanged(Exception):
    """A row isn't as a write expected it, for callers that go on with what it is now: `row`, None where there is none."""

    def __init__(self, row: DynamoItem) -> None:
        super().__init__("a row isn't as expected")
        self.row = row or None


class Storable(Protocol):
    """What knows its item: a row, an entity, or what is built of one text."""

    def to_item(self) -> DynamoItem:
        """The item as the table holds it."""


class Store:
    """Access to one table for the length of one request.

    `remaining_seconds` returns the seconds left; `sleep` waits, `clock` tells the time: they are parameters, so that tests control it.
    Calls are repeated by `policy`, at the expense of the process's `budget`.
    """

    def __init__(
        self,
        client: Any,
        table: str,
        *,
        remaining_seconds: Callable[[], float] = lambda: 25.0,
        count_capacity: bool = False,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
        policy: RetryPolicy = REQUESTS,
        budget: RetryBudget | None = None,
    ) -> None:
        self.client = client
        self.table = table
        self.remaining_seconds = remaining_seconds
        self.count_capacity = count_capacity
        self.sleep = sleep
        self.clock = clock
        self.policy = policy
        self.budget = budget or RetryBudget(policy)
        self._patience: Patience | None = None
        self._loop = threading.local()
        self.round_trips = 0
        self.read_units = 0.0
        self.write_units = 0.0

    # -- calls

    def call(self, operation: str, **arguments: object) -> JsonObject:
        """One DynamoDB operation, repeated as the policy says while the table is busy or unreachable.

        Raises Unavailable where it may not be repeated any more, ClientError for everything that a repetition can't resolve.
        """
        if self.count_capacity:
            arguments["ReturnConsumedCapacity"] = "TOTAL"
        spent, retries = 0, None
        while True:
            self.round_trips += 1
            try:
                response: JsonObject = getattr(self.client, operation)(**arguments)
            except (ClientError, BotoCoreError) as error:
                if isinstance(error, ClientError) and not is_retryable(error):
                    raise
                retries = retries or self._current_retries or self._new_retries()
                spent += retries.wait(error)
            else:
                if retries is not None:
                    retries.stop_clock()
                if spent or not self.budget.is_full:
                    self.budget.give(spent)
                if self.count_capacity:
                    self._count(operation, response.get("ConsumedCapacity"))
                return response

    def retry_on_conflict(self, step: Callable[[], T]) -> T:
        """Run a read-decide-write `step` again after each VersionConflict, as the policy says. Raises Unavailable."""
        with self._one_operation() as retries:
            while True:
                try:
                    return step()
                except VersionConflict as stale:
                    retries.wait(stale)

    def batch(self, operation: str, requests: Any) -> list[JsonObject]:
        """The responses to a batch of the table's requests, of which DynamoDB may do a part at a time, until all of it is done."""
        unprocessed = "UnprocessedKeys" if operation == "batch_get_item" else "UnprocessedItems"
        responses: list[JsonObject] = []
        spent = 0
        with self._one_operation() as retries:
            while True:
                responses.append(self.call(operation, RequestItems={self.table: requests}))
                left = responses[-1].get(unprocessed, {}).get(self.table)
                if not left:
                    break
                if _batch_size(left) < _batch_size(requests):
                    retries.got_on()
                spent += retries.wait()
                requests = left
        if spent:
            self.budget.give(spent)
        return responses

    @property
    def _current_retries(self) -> Retries | None:
        """Those of the loop that this thread is in."""
        return getattr(self._loop, "retries", None)

    def _new_retries(self) -> Retries:
        if self._patience is None:
            self._patience = Patience(self.policy, lambda: self.remaining_seconds())
        return Retries(self.policy, self.budget, self._patience, sleep=self.sleep, clock=self.clock)

    @contextmanager
    def _one_operation(self) -> Iterator[Retries]:
        """What is repeated within counts as one operation, which the outermost of nested loops is."""
        outer = self._current_retries
        self._loop.retries = retries = outer or self._new_retries()
        try:
            yield retries
        finally:
            retries.stop_clock()
            self._loop.retries = outer

    def _count(self, operation: str, consumed: Any) -> None:
        units = sum(entry["CapacityUnits"] for entry in (consumed if isinstance(consumed, list) else [consumed]) if entry)
        if operation in ("get_item", "query", "scan", "batch_get_item"):
            self.read_units += units
        else:
            self.write_units += units

    # -- reads: strong, by key

    def get_item(self, key: ItemKey, *, consistent: bool = True) -> DynamoItem | None:
        """One item, or None. One round trip."""
        response = self.call("get_item", TableName=self.table, Key=encode_key(key), ConsistentRead=consistent)
        return response.get("Item")

    def find(self, kind: type[E], id: str) -> E | None:
        """The live entity of that id, or None. One round trip. Raises NotFound for an id of another format, without a round trip."""
        raw = self.get_item(kind.ID.key(id))
        return parse_live(kind, raw)

    def require(self, kind: type[E], id: str) -> E:
        """The live entity of that id. Raises NotFound. One round trip."""
        entity = self.find(kind, id)
        if entity is None:
            raise NotFound(kind.ID.name)
        return entity

    def require_with_rows(self, kind: type[E], id: str, low: str | None = None) -> tuple[E, list[DynamoItem]]:
        """A live root and the other rows of its partition, from the sort key `low` on, as of one moment. Raises NotFound.

        One query: one round trip for each MB.
        """
        rows = list(self.query_all(KeyRange(None, kind.ID.key(id).pk, low, ROOT_SORT_KEY)))
        root = parse_live(kind, rows.pop()) if rows and rows[-1]["sk"]["S"] == ROOT_SORT_KEY else None
        if root is None:
            raise NotFound(kind.ID.name)
        return root, rows

    def find_many(self, kind: type[E], ids: Iterable[str]) -> dict[str, E]:
        """The live entities of these ids, by id. One round trip for each hundred. Raises NotFound for an id of another format."""
        ids = list(ids)
        return parse_many(kind, ids, self.batch_get(map(kind.ID.key, ids)))

    def batch_get(self, keys: Iterable[ItemKey]) -> dict[ItemKey, DynamoItem]:
        """The existing items among `keys`, by consistent reads, in batches of 100 (one round trip each)."""
        unique_keys = list(dict.fromkeys(keys))
        items: dict[ItemKey, DynamoItem] = {}
        for start in range(0, len(unique_keys), _READ_BATCH):
            wanted = [encode_key(key) for key in unique_keys[start : start + _READ_BATCH]]
            for response in self.batch("batch_get_item", {"Keys": wanted, "ConsistentRead": True}):
                for raw in response["Responses"].get(self.table, ()):
                    items[ItemKey(raw["pk"]["S"], raw["sk"]["S"])] = raw
        return items

    def query(self, **arguments: object) -> JsonObject:
        """One page of a Query, as DynamoDB returns it. One round trip."""
        return self.call("query", TableName=self.table, **arguments)

    def query_pages(self, range: KeyRange, *, newest_first: bool = False, page_size: int | None = None) -> Iterator[list[DynamoItem]]:
        """Everything in a range, a page at a time: one round trip each, of at most `page_size` rows (1 MB where none is given)."""
        arguments = range.query_arguments() | {"ScanIndexForward": not newest_first}
        if page_size is not None:
            arguments["Limit"] = page_size
        while True:
            response = self.query(**arguments)
            yield response["Items"]
            if "LastEvaluatedKey" not in response:
                return
            arguments["ExclusiveStartKey"] = response["LastEvaluatedKey"]

    def query_all(self, range: KeyRange, *, newest_first: bool = False, page_size: int | None = None) -> Iterator[DynamoItem]:
        """Every row in a range, read page by page as it is asked for. Only for what is bounded, or where the caller stops."""
        for rows in self.query_pages(range, newest_first=newest_first, page_size=page_size):
            yield from rows

    def query_some(self, ranges: Iterable[KeyRange], limit: int) -> tuple[list[DynamoItem], bool]:
        """The rows of these ranges, one after the other, and whether these are all: at most `limit` are returned."""
        rows = chain.from_iterable(map(self.query_all, ranges))
        return list(islice(rows, limit)), next(rows, None) is None

    def scan_all(self, when: Condition) -> Iterator[DynamoItem]:
        """Every row of the table that fulfils a condition, by consistent reads. Not for requests: it reads the whole table."""
        arguments: JsonObject = {"TableName": self.table, "ConsistentRead": True, **filter_arguments(when)}
        while True:
            response = self.call("scan", **arguments)
            yield from response["Items"]
            if "LastEvaluatedKey" not in response:
                return
            arguments["ExclusiveStartKey"] = response["LastEvaluatedKey"]

    def scan_page(self, after: ItemKey | None, limit: int) -> tuple[list[DynamoItem], ItemKey | None]:
        """Up to `limit` rows of the table that follow `after` in its own order, and where to go on. Eventually consistent: half the cost.

        Not for requests: only for work that goes through the whole table in portions.
        """
        start = {} if after is None else {"ExclusiveStartKey": encode_key(after)}
        response = self.call("scan", TableName=self.table, Limit=limit, **start)
        last = response.get("LastEvaluatedKey")
        return response["Items"], ItemKey(last["pk"]["S"], last["sk"]["S"]) if last else None

    # -- single conditional writes

    def save(self, entity: Entity) -> None:
        """Write an entity that was read. Raises VersionConflict where it was written since. One round trip."""
        item = entity.to_item()
        self._write(
            item,
            TableName=self.table,
            Item=item,
            ConditionExpression="revision = :seen",
            ExpressionAttributeValues={":seen": {"N": str(entity.revision - 1)}},
        )

    def _write(self, item: DynamoItem, **arguments: object) -> None:
        try:
            self.call("put_item", ReturnValuesOnConditionCheckFailure="ALL_OLD", **arguments)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            # Our own write: it was retried after its response had been lost.
            old = error.response.get("Item", {})
            if old.get("request_id") == item["request_id"] and old.get("revision") == item["revision"]:
                return
            raise VersionConflict from None

    def create(self, row: Storable, on_conflict: OnConditionFailed | None = None) -> None:
        """Write a row whose key must be free. Raises `on_conflict`, by default VersionConflict. One round trip."""
        self._put(row.to_item(), ROW_ABSENT, on_conflict)

    def put_values(
        self, key: ItemKey, values: Mapping[str, object], when: Condition | None = None, on_conflict: OnConditionFailed | None = None
    ) -> None:
        """Write a row of plain values, under a condition where one is given. Raises `on_conflict`. One round trip."""
        self._put(encode_key(key) | encode_item(values), when, on_conflict)

    def _put(self, item: DynamoItem, when: Condition | None, on_conflict: OnConditionFailed | None) -> None:
        self._write_one("put_item", condition_arguments(when), on_conflict, Item=item)

    def delete(self, key: ItemKey, when: Condition | None = None, on_conflict: OnConditionFailed | None = None) -> None:
        """Remove a row that is no entity. Raises `on_conflict`. One round trip."""
        self._write_one("delete_item", condition_arguments(when), on_conflict, Key=encode_key(key))

    def update(
        self,
        key: ItemKey,
        *,
        set: Mapping[str, object] = NOTHING,
        remove: Iterable[str] = (),
        add: Mapping[str, object] = NOTHING,
        default: Mapping[str, object] = NOTHING,
        discard: Mapping[str, object] = NOTHING,
        when: Condition | None = None,
        on_conflict: OnConditionFailed | None = None,
    ) -> DynamoItem:
        """Update a row that is no entity (a counter, a claim), as `update_arguments` says; the row as it is then. One round trip.

        Raises `on_conflict`, by default VersionConflict, where its condition fails.
        """
        arguments = update_arguments(set, remove, add, when, default=default, discard=discard)
        response = self._write_one("update_item", arguments, on_conflict, Key=encode_key(key), ReturnValues="ALL_NEW")
        row: DynamoItem = response["Attributes"]
        return row

    def _write_one(self, operation: str, conditional: Arguments, on_conflict: OnConditionFailed | None, **arguments: object) -> JsonObject:
        if "ConditionExpression" in conditional and on_conflict is not None:
            arguments["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
        try:
            return self.call(operation, TableName=self.table, **arguments, **conditional)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            refusal = on_conflict or VersionConflict()
            raise (refusal if isinstance(refusal, Exception) else refusal(error.response.get("Item", {}))) from None

    def batch_delete(self, keys: Iterable[ItemKey]) -> int:
        """Delete items that are not entities and are no longer written, 25 per round trip; returns how many."""
        removed, remaining_keys = 0, iter(keys)
        while batch := list(islice(remaining_keys, _WRITE_BATCH)):
            self.batch("batch_write_item", [{"DeleteRequest": {"Key": encode_key(key)}} for key in batch])
            removed += len(batch)
        return removed


class StoreStamp(Stamp, Protocol):
    """Who writes, when, in which request, and to which store. A Context is one."""

    @property
    def store(self) -> Store:
        """The store of the request."""


def parse_live(kind: type[E], raw: DynamoItem | None) -> E | None:
    """The entity in an item; None where it is absent or marked deleted."""
    if raw is None or "deleted_at" in raw:
        return None
    return kind.from_item(raw)


def parse_many(kind: type[E], ids: Iterable[str], items: Mapping[ItemKey, DynamoItem]) -> dict[str, E]:
    """The live entities of these ids among items that were read, by id."""
    found = {id: parse_live(kind, items.get(kind.ID.key(id))) for id in ids}
    return {id: entity for id, entity in found.items() if entity}


def encode_key(key: ItemKey) -> DynamoItem:
    """A key in DynamoDB's format."""
    return {"pk": {"S": key.pk}, "sk": {"S": key.sk}}


def _batch_size(requests: Any) -> int:
    """How many requests there are: a list of writes, or keys with how they are read."""
    return len(requests["Keys"] if isinstance(requests, dict) else requests)
