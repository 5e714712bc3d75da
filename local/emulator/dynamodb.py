"""DynamoDB's operations on `Catalog`'s tables. Reads return stored JSON without parsing it, where nothing asks for its parts."""

import hashlib
import json
import sqlite3
import time
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from local.emulator.database import transaction
from local.emulator.errors import ConditionFailed, InvalidUpdate, ServiceError, ValidationError
from local.emulator.expressions import (
    Condition,
    Path,
    Scope,
    Steps,
    apply_update,
    parse_condition,
    parse_projection,
    parse_update,
    project,
)
from local.emulator.key_conditions import key_range
from local.emulator.requests import (
    MAX_TRANSACTION_BYTES,
    Request,
    check_batch_get,
    check_batch_write,
    check_transaction,
    check_unique,
    request_scope,
)
from local.emulator.schema import Key
from local.emulator.stream import Stream
from local.emulator.tables import Catalog, Index, StoredItem, Table, dumps
from local.emulator.values import AttributeValue, Item, canonical_item

_PAGE_BYTES = 1024 * 1024
_BATCH_GET_BYTES = 16 * 1024 * 1024
_TOKEN_SECONDS = 600


@dataclass(frozen=True)
class _Plan:
    """A write that was decided: `item` is what will be stored (None: nothing), `old` what is there."""

    table: Table
    key: Key
    old: StoredItem | None
    item: Item | None
    size: int
    changed: tuple[Steps, ...] = ()

    def carry_out(self) -> None:
        """Write it, within the caller's transaction."""
        if self.item is not None:
            self.table.put(self.key, self.old, self.item, self.size)
        elif self.old is not None:
            self.table.delete(self.key, self.old)


class DynamoDB:
    """The service. `handle` takes an operation's name and arguments and returns the JSON of its response."""

    def __init__(self, connection: sqlite3.Connection, stream: Stream, clock: Callable[[], float] = time.time) -> None:
        self._connection, self._clock = connection, clock
        self.catalog = Catalog(connection, stream)
        self._tokens: dict[str, tuple[float, bytes]] = {}  # when each was used, and for what
        self._operations: dict[str, Callable[[Request], str]] = {
            "GetItem": self._get_item,
            "BatchGetItem": self._batch_get_item,
            "Query": self._query,
            "Scan": self._scan,
            "PutItem": lambda request: self._write(self._plan_put, request),
            "UpdateItem": lambda request: self._write(self._plan_update, request),
            "DeleteItem": lambda request: self._write(self._plan_delete, request),
            "BatchWriteItem": self._batch_write_item,
            "TransactWriteItems": self._transact_write_items,
            "TransactGetItems": self._transact_get_items,
            "CreateTable": self._create_table,
            "DeleteTable": self._delete_table,
            "DescribeTable": lambda request: dumps({"Table": _description(self.catalog[request.get("TableName")])}),
            "ListTables": lambda _: dumps({"TableNames": sorted(table.name for table in self.catalog)}),
            "UpdateTimeToLive": self._update_time_to_live,
            "DescribeTimeToLive": self._describe_time_to_live,
        }

    def handle(self, operation: str, request: Request) -> str:
        """The JSON of an operation's response. Raises ServiceError."""
        handler = self._operations.get(operation)
        if handler is None:
            raise ServiceError("UnknownOperationException", f"{operation} is not supported here.")
        return handler(request)

    def delete_expired(self) -> int:
        """Remove what has expired. Returns the number of items."""
        with transaction(self._connection):
            return self.catalog.delete_expired(self._clock())

    # -- tables

    def _create_table(self, request: Request) -> str:
        with transaction(self._connection):
            return dumps({"TableDescription": _description(self.catalog.create(request))})

    def _delete_table(self, request: Request) -> str:
        with transaction(self._connection):
            return dumps({"TableDescription": _description(self.catalog.delete(request.get("TableName")))})

    def _update_time_to_live(self, request: Request) -> str:
        specification = request["TimeToLiveSpecification"]
        with transaction(self._connection):
            self.catalog.set_ttl(request.get("TableName"), specification["AttributeName"] if specification["Enabled"] else None)
        return dumps({"TimeToLiveSpecification": specification})

    def _describe_time_to_live(self, request: Request) -> str:
        attribute = self.catalog[request.get("TableName")].ttl_attribute
        enabled = {"TimeToLiveStatus": "ENABLED", "AttributeName": attribute}
        return dumps({"TimeToLiveDescription": enabled if attribute else {"TimeToLiveStatus": "DISABLED"}})

    # -- reads

    def _get_item(self, request: Request) -> str:
        text = self._read(self.catalog[request.get("TableName")], request)
        return "{}" if text is None else f'{{"Item":{text}}}'

    def _read(self, table: Table, request: Request) -> str | None:
        """The JSON of one item, or of its projection."""
        row = table.get_text(table.key_of(request.get("Key") or {}, exact=True))
        projection = _Projection(request, request_scope(request))
        return None if row is None else projection.text(row[0])

    def _batch_get_item(self, request: Request) -> str:
        check_batch_get(request)
        responses, unprocessed, size = [], {}, 0
        for name, wanted in request["RequestItems"].items():
            table, keys = self.catalog[name], wanted["Keys"]
            check_unique([table.key_of(key, exact=True) for key in keys], "Provided list of item keys contains duplicates")
            projection = _Projection(wanted, request_scope(wanted))
            texts = []
            for position, key in enumerate(keys):
                row = table.get_text(table.key_of(key))
                size += row[1] if row else 0
                if size > _BATCH_GET_BYTES:
                    unprocessed[name] = wanted | {"Keys": keys[position:]}
                    break
                if row:
                    texts.append(projection.text(row[0]))
            responses.append(f"{dumps(name)}:[{','.join(texts)}]")
        return f'{{"Responses":{{{",".join(responses)}}},"UnprocessedKeys":{dumps(unprocessed)}}}'

    def _query(self, request: Request) -> str:
        table, index = self._source(request)
        scope = request_scope(request)
        names = table.schema.indexes[index.name] if index else table.schema.table
        pk, bounds = key_range(request.get("KeyConditionExpression"), scope, names)
        return self._page(table, index, request, scope, pk, bounds)

    def _scan(self, request: Request) -> str:
        table, index = self._source(request)
        return self._page(table, index, request, request_scope(request), None, [])

    def _source(self, request: Request) -> tuple[Table, Index | None]:
        table, name = self.catalog[request.get("TableName")], request.get("IndexName")
        if name is None:
            return table, None
        if name not in table.indexes:
            raise ValidationError(f"The table does not have the specified index: {name}")
        if request.get("ConsistentRead"):
            raise ValidationError("Consistent reads are not supported on global secondary indexes")
        return table, table.indexes[name]

    def _page(
        self, table: Table, index: Index | None, request: Request, scope: Scope, pk: str | None, bounds: list[tuple[str, str]]
    ) -> str:
        """One page of a Query (of the partition `pk`) or Scan: up to Limit rows or 1 MB, filtered after they are counted."""
        limit = request.get("Limit")
        if limit is not None and (not isinstance(limit, int) or limit < 1):
            raise ValidationError("Limit must be greater than or equal to 1")
        row_filter = request.get("FilterExpression")
        condition = parse_condition(row_filter, "FilterExpression").condition if row_filter else None
        if condition is not None and pk is not None:
            _forbid_keys(condition, scope, {index.hash_key, index.range_key} if index else {table.hash_key, table.range_key})
        projection, segment = _Projection(request, scope), _segment(request)
        texts: list[str] = []
        scanned = size = 0
        last: Key | None = None
        more = False
        for item_pk, item_sk, row_size, text in self._rows(table, index, request, pk, bounds):
            if segment is not None and zlib.crc32(item_pk.encode()) % segment[1] != segment[0]:
                continue
            if size > _PAGE_BYTES:  # the item that exceeds it was the last of this page
                more = True
                break
            scanned, size, last = scanned + 1, size + row_size, (item_pk, item_sk)
            if condition is None or condition.holds(scope.on(json.loads(text))):
                texts.append(text)
            if scanned == limit:
                more = True
                break
        parts = [f'"Count":{len(texts)},"ScannedCount":{scanned}']
        if request.get("Select") != "COUNT":
            parts.append(f'"Items":[{",".join(map(projection.text, texts))}]')
        if more and last is not None:
            parts.append(f'"LastEvaluatedKey":{dumps(self._position(table, index, last))}')
        return f"{{{','.join(parts)}}}"

    def _position(self, table: Table, index: Index | None, key: Key) -> Item:
        if index is None:
            return table.key_values(key)
        stored = table.get(key)
        assert stored is not None
        return table.key_values(key) | {name: stored.item[name] for name in (index.hash_key, index.range_key)}

    def _rows(
        self, table: Table, index: Index | None, request: Request, pk: str | None, bounds: list[tuple[str, str]]
    ) -> Iterable[tuple[str, str, int, str]]:
        """The rows of a partition, or of everything, in order behind ExclusiveStartKey: pk, sk, size and JSON of each."""
        order = ["pk", "sk"] if index is None else ["pk", "sk", "item_pk", "item_sk"]
        where, arguments = ["table_id = ?"], [table.id]
        parameters: list[str | int] = list(arguments)
        if index is not None:
            where.append("name = ?")
            parameters.append(index.name)
        if pk is not None:
            where.append("pk = ?")
            parameters.append(pk)
            order.remove("pk")
        for operator, bound in bounds:
            where.append(f"sk {operator} ?")
            parameters.append(bound)
        forward = request.get("ScanIndexForward", True)
        start = request.get("ExclusiveStartKey")
        if start is not None:
            position = _start_position(table, index, start)
            if pk is not None and position.pop(0) != pk:
                raise ValidationError("The provided starting key is outside query boundaries based on provided conditions")
            where.append(f"({', '.join(order)}) {'>' if forward else '<'} ({', '.join('?' * len(order))})")
            parameters += position
        direction = "" if forward else " DESC"
        columns = "pk, sk, size, item FROM items" if index is None else "item_pk, item_sk, size, item FROM index_items"
        sql = f"SELECT {columns} WHERE {' AND '.join(where)} ORDER BY {', '.join(name + direction for name in order)}"
        return self._connection.execute(sql, parameters)

    # -- single writes

    def _write(self, plan: Callable[[Request, Scope], _Plan], request: Request) -> str:
        scope = request_scope(request)
        with transaction(self._connection):
            decided = plan(request, scope)
            decided.carry_out()
        return _returned(request.get("ReturnValues", "NONE"), decided)

    def _plan_put(self, request: Request, scope: Scope) -> _Plan:
        table = self.catalog[request.get("TableName")]
        item, size = canonical_item(request.get("Item"))
        key = table.key_of(item)
        table.schema.check_index_keys(item)
        return _Plan(table, key, self._current(table, key, request, scope), item, size)

    def _plan_delete(self, request: Request, scope: Scope) -> _Plan:
        table = self.catalog[request.get("TableName")]
        key = table.key_of(request.get("Key") or {}, exact=True)
        return _Plan(table, key, self._current(table, key, request, scope), None, 0)

    def _plan_check(self, request: Request, scope: Scope) -> _Plan:
        table = self.catalog[request.get("TableName")]
        key = table.key_of(request.get("Key") or {}, exact=True)
        old = self._current(table, key, request, scope)
        return _Plan(table, key, None, None, 0) if old is None else _Plan(table, key, old, old.item, old.size)

    def _plan_update(self, request: Request, scope: Scope) -> _Plan:
        table = self.catalog[request.get("TableName")]
        key = table.key_of(request.get("Key") or {}, exact=True)
        changes = parse_update(request["UpdateExpression"]).changes if request.get("UpdateExpression") else ()
        for change in changes:
            if change.path.resolve(scope)[0] in (table.hash_key, table.range_key):
                name = change.path.resolve(scope)[0]
                raise ValidationError(
                    f"One or more parameter values were invalid: Cannot update attribute {name}. This attribute is part of the key"
                )
        old = self._current(table, key, request, scope)
        target: Item = json.loads(old.text) if old else table.key_values(key)
        changed = apply_update(changes, scope.on(old.item if old else None), target)
        item, size = canonical_item(target)
        table.schema.check_index_keys(item)
        return _Plan(table, key, old, item, size, tuple(changed))

    def _current(self, table: Table, key: Key, request: Request, scope: Scope) -> StoredItem | None:
        """The item as it is. Raises ConditionFailed where the request's condition does not hold for it."""
        old = table.get(key)
        text = request.get("ConditionExpression")
        condition = parse_condition(text, "ConditionExpression").condition if text else None
        if condition is not None and not condition.holds(scope.on(old.item if old else None)):
            raise ConditionFailed(old.item if old and request.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD" else None)
        return old

    # -- batches and transactions

    def _batch_write_item(self, request: Request) -> str:
        check_batch_write(request)
        plans: list[_Plan] = []
        with transaction(self._connection):
            for name, entries in request["RequestItems"].items():
                for entry in entries:
                    ((kind, arguments),) = entry.items()
                    plan = self._plan_put if kind == "PutRequest" else self._plan_delete
                    plans.append(plan({"TableName": name, **arguments}, Scope({}, {})))
            check_unique([(plan.table.id, plan.key) for plan in plans], "Provided list of item keys contains duplicates")
            for decided in plans:
                decided.carry_out()
        return '{"UnprocessedItems":{}}'

    def _transact_write_items(self, request: Request) -> str:
        actions = check_transaction(request)
        if self._is_repeated(request):
            return "{}"
        planners = {"Put": self._plan_put, "Update": self._plan_update, "Delete": self._plan_delete, "ConditionCheck": self._plan_check}
        plans: list[_Plan] = []
        reasons: list[dict[str, object]] = []
        with transaction(self._connection):
            for action in actions:
                ((kind, arguments),) = action.items()
                reasons.append({"Code": "None"})
                try:
                    plans.append(planners[kind](arguments, request_scope(arguments)))
                except ConditionFailed as failed:
                    reasons[-1] = {"Code": "ConditionalCheckFailed", "Message": failed.message, **failed.details}
                except InvalidUpdate as invalid:
                    reasons[-1] = {"Code": "ValidationError", "Message": invalid.message}
            self._check_transaction(actions, plans, reasons)
            for decided in plans:
                decided.carry_out()
        if "ClientRequestToken" in request:
            self._tokens[request["ClientRequestToken"]] = (self._clock(), _digest(actions))
        return "{}"

    def _check_transaction(self, actions: list[Request], plans: list[_Plan], reasons: list[dict[str, object]]) -> None:
        keys: list[object] = []
        for action in actions:
            ((_, arguments),) = action.items()
            table = self.catalog[arguments.get("TableName")]
            keys.append((table.id, table.key_of(arguments.get("Key") or arguments.get("Item") or {})))
        check_unique(keys, "Transaction request cannot include multiple operations on one item")
        codes = [str(reason["Code"]) for reason in reasons]
        if set(codes) != {"None"}:
            message = f"Transaction cancelled, please refer cancellation reasons for specific reasons [{', '.join(codes)}]"
            raise ServiceError("TransactionCanceledException", message, CancellationReasons=reasons)
        if sum(plan.size for plan in plans) > MAX_TRANSACTION_BYTES:
            raise ValidationError("Collection size of items in the transaction exceeds the limit of 4 MB")

    def _is_repeated(self, request: Request) -> bool:
        """Whether this very transaction was committed within ten minutes. Raises ServiceError where its token was of another one."""
        now = self._clock()
        while self._tokens and now - next(iter(self._tokens.values()))[0] > _TOKEN_SECONDS:  # the oldest is first
            del self._tokens[next(iter(self._tokens))]
        earlier = self._tokens.get(request.get("ClientRequestToken", ""))
        if earlier is not None and earlier[1] != _digest(request["TransactItems"]):
            raise ServiceError(
                "IdempotentParameterMismatchException", "This transaction's token was used with other parameters within ten minutes"
            )
        return earlier is not None

    def _transact_get_items(self, request: Request) -> str:
        gets = [entry["Get"] for entry in check_transaction(request)]
        texts = [self._read(self.catalog[get.get("TableName")], get) for get in gets]
        return f'{{"Responses":[{",".join("{}" if text is None else f"{{{chr(34)}Item{chr(34)}:{text}}}" for text in texts)}]}}'


def _description(table: Table) -> dict[str, Any]:
    """What DescribeTable returns."""
    definition = dict(table.definition)
    indexes = [
        {**index, "IndexStatus": "ACTIVE", "IndexArn": f"{table.arn}/index/{index['IndexName']}"}
        for index in definition.pop("GlobalSecondaryIndexes", None) or ()
    ]
    description = {**definition, "TableArn": table.arn, "TableStatus": "ACTIVE", "ItemCount": 0, "TableSizeBytes": 0}
    description |= {"CreationDateTime": 0, "GlobalSecondaryIndexes": indexes}
    if table.streams:
        description |= {"LatestStreamArn": table.stream_arn, "LatestStreamLabel": table.stream_arn.rpartition("/")[2]}
    return description


def _digest(actions: list[Request]) -> bytes:
    return hashlib.sha256(repr(actions).encode(errors="surrogatepass")).digest()


class _Projection:
    """A request's ProjectionExpression, applied to an item's JSON."""

    def __init__(self, request: Request, scope: Scope) -> None:
        text = request.get("ProjectionExpression")
        self._paths = [path.resolve(scope) for path in parse_projection(text).paths] if text else None

    def text(self, item: str) -> str:
        """The JSON of what is asked for."""
        return item if self._paths is None else dumps(project(json.loads(item), self._paths))


def _forbid_keys(condition: Condition, scope: Scope, names: set[str]) -> None:
    """Raise ValidationError where a filter of a query reads one of its key attributes."""
    pending: list[object] = [condition]
    while pending:
        node = pending.pop()
        if isinstance(node, Path) and node.resolve(scope)[0] in names:
            raise ValidationError(
                f"Filter Expression can only contain non-primary key attributes: Primary key attribute: {node.resolve(scope)[0]}"
            )
        if isinstance(node, tuple):
            pending += node
        elif hasattr(node, "__dataclass_fields__"):
            pending += vars(node).values()


def _segment(request: Request) -> tuple[int, int] | None:
    total = request.get("TotalSegments")
    if total is None:
        return None
    number = request.get("Segment")
    if not isinstance(total, int) or not isinstance(number, int) or not 0 <= number < total:
        raise ValidationError("The Segment parameter is zero-based and must be less than parameter TotalSegments")
    return number, total


def _start_position(table: Table, index: Index | None, start: Any) -> list[str]:
    """ExclusiveStartKey as the values of the columns that rows are ordered by."""
    expected = [table.hash_key, table.range_key]
    names = expected if index is None else [index.hash_key, index.range_key, *expected]
    if not isinstance(start, dict) or start.keys() != set(names):
        raise ValidationError("The provided starting key is invalid")
    texts = [value.get("S") if isinstance(value := start[name], dict) else None for name in names]
    if not all(isinstance(text, str) for text in texts):
        raise ValidationError("The provided starting key is invalid")
    return [str(text) for text in texts]


def _returned(kind: str, plan: _Plan) -> str:
    """A write's response, by its ReturnValues."""
    old, new = plan.old.item if plan.old else None, plan.item
    item: Mapping[str, AttributeValue] | None
    match kind:
        case "NONE":
            return "{}"
        case "ALL_OLD":
            item = old
        case "ALL_NEW":
            item = new
        case "UPDATED_OLD":
            item = project(old or {}, plan.changed)
        case "UPDATED_NEW":
            item = project(new or {}, plan.changed)
        case _:
            raise ValidationError(f"ReturnValues set to invalid value: {kind}")
    return dumps({"Attributes": item}) if item else "{}"
