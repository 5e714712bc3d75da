"""What DynamoDB refuses of a request by itself, whatever the table holds: its limits, and what is malformed.

The numbers are those of AWS's "Quotas in Amazon DynamoDB"; DynamoDB Local, which knows most of them, is asked in the tests. The emulator checks
each request so, and the tests' clients do (`check_request`), whose engines let pass what AWS does not.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from local.emulator.errors import ValidationError
from local.emulator.expressions import (
    Parsed,
    Scope,
    Value,
    check,
    parse_condition,
    parse_projection,
    parse_update,
)
from local.emulator.key_conditions import key_range
from local.emulator.schema import KeySchema
from local.emulator.values import canonical_item, canonical_value

Request = dict[str, Any]

MAX_TRANSACTION_BYTES = 4 * 1024 * 1024
_MAX_TRANSACTION_ACTIONS = 100
_MAX_BATCH_READS, _MAX_BATCH_WRITES = 100, 25
_MAX_TOKEN_LENGTH = 36
_MAX_EXPRESSION_BYTES = 4096  # as it is sent: placeholders are not replaced, blanks count
_MAX_PLACEHOLDER_BYTES = 255
_MAX_PLACEHOLDERS_BYTES = 2 * 1024 * 1024  # all names, and all values, with their placeholders
_EXPRESSIONS = ("ConditionExpression", "FilterExpression", "KeyConditionExpression", "UpdateExpression", "ProjectionExpression")


# -- expressions


def request_scope(request: Request) -> Scope:
    """The request's placeholders. Raises ValidationError for those that are undefined, unused or malformed, and for wrong expressions."""
    names, values = request.get("ExpressionAttributeNames") or {}, request.get("ExpressionAttributeValues") or {}
    expressions: dict[str, Parsed] = {}
    used_names: set[str] = set()
    used_values: set[str] = set()
    for kind in _EXPRESSIONS:
        text = request.get(kind)
        if text is None:
            continue
        parsed = _parse(kind, text)
        expressions[kind] = parsed
        used_names |= parsed.names
        used_values |= parsed.values
    for used, defined, what in ((used_names, names, "name"), (used_values, values, "value")):
        _check_placeholders(f"ExpressionAttribute{what.title()}s", defined)
        if missing := used - defined.keys():
            raise ValidationError(f"An expression attribute {what} used in expression is not defined; attribute {what}: {min(missing)}")
        if unused := defined.keys() - used:
            raise ValidationError(f"Value provided in ExpressionAttribute{what.title()}s unused in expressions: keys: {{{min(unused)}}}")
    sizes = sum(len(placeholder.encode()) + len(name.encode()) for placeholder, name in names.items())
    if sizes > _MAX_PLACEHOLDERS_BYTES:
        raise ValidationError("ExpressionAttributeNames exceeds max size")
    scope = Scope(names, _canonical_values(values))
    for kind, parsed in expressions.items():
        check(kind, parsed, scope)
    return scope


def _canonical_values(values: Mapping[str, object]) -> dict[str, Any]:
    canonical, size = {}, 0
    for placeholder, value in values.items():
        canonical[placeholder], bytes_ = canonical_value(value)
        size += len(placeholder.encode()) + bytes_
    if size > _MAX_PLACEHOLDERS_BYTES:
        raise ValidationError("ExpressionAttributeValues exceeds max size")
    return canonical


def _check_placeholders(kind: str, placeholders: Iterable[str]) -> None:
    for placeholder in placeholders:
        if len(placeholder.encode()) > _MAX_PLACEHOLDER_BYTES:
            raise ValidationError(
                f"{kind} contains invalid key: The expression attribute map contains a key that is too long; "
                f"size of key: {len(placeholder.encode())}"
            )


def _parse(kind: str, text: object) -> Parsed:
    if not isinstance(text, str) or not text.strip():
        raise ValidationError(f"Invalid {kind}: The expression can not be empty;")
    size = len(text) if text.isascii() else len(text.encode())
    if size > _MAX_EXPRESSION_BYTES:
        raise ValidationError(f"Invalid {kind}: Expression size has exceeded the maximum allowed size; expression size: {size}")
    if kind == "UpdateExpression":
        return parse_update(text)
    return parse_projection(text) if kind == "ProjectionExpression" else parse_condition(text, kind)


# -- batches and transactions


def check_batch_get(request: Request) -> None:
    """Raise ValidationError for a BatchGetItem of no key, or of too many."""
    lists = {name: wanted.get("Keys") or [] for name, wanted in (request.get("RequestItems") or {}).items()}
    _check_batch("BatchGetItem", lists, _MAX_BATCH_READS)


def check_batch_write(request: Request) -> None:
    """Raise ValidationError for a BatchWriteItem of no write, or of too many."""
    _check_batch("BatchWriteItem", request.get("RequestItems") or {}, _MAX_BATCH_WRITES)


def _check_batch(operation: str, lists: Mapping[str, list[Any]], most: int) -> None:
    if not lists or not all(lists.values()):
        raise ValidationError(f"The list of requests of {operation} can't be empty")
    if sum(map(len, lists.values())) > most:
        raise ValidationError(f"Too many items requested for the {operation} call")


def check_transaction(request: Request) -> list[Request]:
    """The actions of a transaction. Raises ValidationError for none, or for too many, and for a token that is too long."""
    actions: list[Request] = request.get("TransactItems") or []
    if not 1 <= len(actions) <= _MAX_TRANSACTION_ACTIONS:
        raise ValidationError(f"Member must have length less than or equal to {_MAX_TRANSACTION_ACTIONS}, and greater than or equal to 1")
    if len(request.get("ClientRequestToken", "")) > _MAX_TOKEN_LENGTH:
        raise ValidationError(f"Value at 'clientRequestToken': Member must have length less than or equal to {_MAX_TOKEN_LENGTH}")
    return actions


def check_unique(keys: list[object], message: str) -> None:
    """Raise ValidationError where a key occurs twice."""
    if len(set(keys)) < len(keys):
        raise ValidationError(message)


# -- a whole request


def check_request(operation: str, request: Request, schema: KeySchema) -> None:
    """Raise ValidationError for what DynamoDB refuses of a request on tables of these keys, before it looks at an item.

    What an update makes of its item is not known here: its size, its types.
    """
    match operation:
        case "BatchGetItem":
            check_batch_get(request)
            for wanted in request["RequestItems"].values():
                check_unique([schema.key_of(key, exact=True) for key in wanted["Keys"]], "Provided list of item keys contains duplicates")
                request_scope(wanted)
        case "BatchWriteItem":
            check_batch_write(request)
            for entries in request["RequestItems"].values():
                keys = [key for key, _ in _written(entries, schema)]
                check_unique(keys, "Provided list of item keys contains duplicates")
        case "TransactWriteItems":
            written = list(_written(check_transaction(request), schema))
            tables = [next(iter(action.values()))["TableName"] for action in request["TransactItems"]]
            keys = list(zip(tables, (key for key, _ in written), strict=True))
            check_unique(keys, "Transaction request cannot include multiple operations on one item")
            if sum(size for _, size in written) > MAX_TRANSACTION_BYTES:
                raise ValidationError("Transaction payload size cannot exceed 4MB.")
        case "TransactGetItems":
            for action in check_transaction(request):
                _check_statement(action["Get"], schema)
        case "Query" | "Scan":
            scope = request_scope(request)
            if operation == "Query":
                index = request.get("IndexName")
                key_range(request.get("KeyConditionExpression"), scope, schema.indexes.get(index, schema.table))
        case "GetItem" | "PutItem" | "UpdateItem" | "DeleteItem":
            _check_statement(request, schema)


def _written(actions: Iterable[Request], schema: KeySchema) -> Iterator[tuple[object, int]]:
    """The key of each action of a batch or a transaction, and its size in bytes."""
    for action in actions:
        (body,) = action.values()
        yield _check_statement(body, schema)


def _check_statement(body: Request, schema: KeySchema) -> tuple[object, int]:
    """The key of what one item is put, changed, removed or read by, and the size in bytes of what is sent of it."""
    scope = request_scope(body)
    if "Item" in body:
        item, size = canonical_item(body["Item"])
        schema.check_index_keys(item)
        return schema.key_of(item), size
    key = schema.key_of(body.get("Key") or {}, exact=True)
    if "UpdateExpression" in body:
        schema.check_index_keys(_assigned(body["UpdateExpression"], scope))
    return key, sum(canonical_value(value)[1] for value in scope.values.values())


def _assigned(update: str, scope: Scope) -> dict[str, Any]:
    """The attributes that an update sets to values of the request."""
    changes = ((change.path.resolve(scope), change.operand) for change in parse_update(update).changes if change.verb == "SET")
    return {str(path[0]): scope.values[value.placeholder] for path, value in changes if len(path) == 1 and isinstance(value, Value)}
