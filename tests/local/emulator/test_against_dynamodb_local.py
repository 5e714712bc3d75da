"""The emulator answers as DynamoDB Local does: random operations, right and wrong ones, on both."""

import http.client
import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from chalicelib.foundation.store.table import table_definition
from local.engine import Engine
from tests.dynamodb_local import dynamodb_local_url

__all__ = ["dynamodb_local_url"]
pytestmark = pytest.mark.dynamodb_local

TABLE = "compared"
Call = Callable[[str, dict[str, Any]], tuple[int, Any]]


def caller(connection: http.client.HTTPConnection, access_key: str) -> Call:
    credential = f"AWS4-HMAC-SHA256 Credential={access_key}/20000101/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0"

    def call(operation: str, arguments: dict[str, Any]) -> tuple[int, Any]:
        headers = {
            "X-Amz-Target": f"DynamoDB_20120810.{operation}",
            "Content-Type": "application/x-amz-json-1.0",
            "Authorization": credential,
        }
        connection.request("POST", "/", json.dumps(arguments).encode(), headers)
        response = connection.getresponse()
        return response.status, json.loads(response.read())

    return call


@pytest.fixture(scope="module")
def both(dynamodb_local_url: str, engine: Engine) -> Iterator[tuple[Call, Call]]:
    connections = [
        http.client.HTTPConnection("127.0.0.1", port, timeout=30) for port in (engine.port, int(dynamodb_local_url.rpartition(":")[2]))
    ]
    callers = caller(connections[0], engine.access_key), caller(connections[1], "local")
    for call in callers:
        definition = table_definition(TABLE)
        index = definition["GlobalSecondaryIndexes"][1]
        index["Projection"] = {"ProjectionType": "ALL"}
        assert call("CreateTable", definition)[0] == 200
    yield callers
    for connection in connections:
        connection.close()


def normal(body: Any) -> Any:
    """A response without what may differ: messages, and the order of sets."""
    if isinstance(body, list):
        return [normal(entry) for entry in body]
    if not isinstance(body, dict):
        return body
    if len(body) == 1 and (kind := next(iter(body))) in ("SS", "NS", "BS"):
        return {kind: sorted(body[kind])}
    if len(body) == 1 and isinstance(body.get("N"), str):
        return {"N": Decimal(body["N"])}  # DynamoDB Local leaves numbers in lists and maps as they were written
    if "__type" in body:
        reasons = [{key: value for key, value in reason.items() if key != "Message"} for reason in body.get("CancellationReasons", ())]
        return {"type": body["__type"].rpartition("#")[2], "reasons": normal(reasons), "item": normal(body.get("Item"))}
    return {key: normal(value) for key, value in body.items() if key != "ConsumedCapacity"}


def _invalid_update(body: Any) -> bool:
    """Whether a transaction was cancelled by an update that does not fit its item: DynamoDB Local has no such reason and refuses it."""
    return any(reason["Code"] == "ValidationError" for reason in body.get("CancellationReasons", ()))


def _ends_at_its_bound(arguments: dict[str, Any], body: Any) -> bool:
    """Whether a full page of a table's partition ends at the inclusive bound of its range: DynamoDB Local knows that nothing can follow."""
    return (
        "IndexName" not in arguments
        and body.get("LastEvaluatedKey", {}).get("sk") in arguments.get("ExpressionAttributeValues", {}).values()
    )


def compare(both: tuple[Call, Call], operation: str, arguments: dict[str, Any]) -> None:
    ours, theirs = (call(operation, arguments) for call in both)
    if _invalid_update(ours[1]):
        assert theirs[1]["__type"].endswith(("ValidationException", "TransactionCanceledException"))
        return
    if operation == "Query" and _ends_at_its_bound(arguments, ours[1]) and "LastEvaluatedKey" not in theirs[1]:
        del ours[1]["LastEvaluatedKey"]
    assert (ours[0], normal(ours[1])) == (theirs[0], normal(theirs[1])), f"{operation} {arguments}\nours: {ours}\ntheirs: {theirs}"


TEXTS = st.sampled_from(["", "a", "ab", "b", "é", "\U0001f3e0", "0"])
NUMBERS = st.sampled_from(["0", "1", "1.0", "10", "1E2", "-1.50", "0.001", "9" * 38, "1E-130", "9.9E125"])
SCALARS = st.one_of(
    st.builds(lambda text: {"S": text}, TEXTS),
    st.builds(lambda text: {"N": text}, NUMBERS),
    st.sampled_from([{"BOOL": True}, {"BOOL": False}, {"NULL": True}, {"B": "AQI="}, {"B": "AQ=="}]),
)
SETS = st.one_of(
    st.builds(lambda texts: {"SS": texts}, st.lists(TEXTS.filter(bool), min_size=1, max_size=3, unique=True)),
    st.builds(lambda texts: {"NS": texts}, st.lists(st.sampled_from(["1", "2", "3.5", "-4"]), min_size=1, max_size=3, unique=True)),
)
VALUES = st.recursive(
    st.one_of(SCALARS, SETS),
    lambda inner: st.one_of(
        st.builds(lambda values: {"L": values}, st.lists(inner, max_size=3)),
        st.builds(lambda values: {"M": values}, st.dictionaries(st.sampled_from(["x", "y"]), inner, max_size=2)),
    ),
    max_leaves=4,
)
BAD_VALUES = st.sampled_from([{}, {"S": "a", "N": "1"}, {"N": "x"}, {"SS": []}, {"SS": ["a", "a"]}, {"N": "1E126"}, {"N": "1" * 39}])
NAMES = st.sampled_from(["a1", "b1", "m1", "#n"])
PATHS = st.one_of(
    NAMES, NAMES, st.builds("{}.{}".format, NAMES, st.sampled_from(["x", "y"])), st.builds("{}[{}]".format, NAMES, st.integers(0, 2))
)
PLACEHOLDERS = st.sampled_from([":v", ":w"])
OPERANDS = st.one_of(PATHS, PLACEHOLDERS, st.builds("size({})".format, PATHS))
CLAUSES = st.one_of(
    st.builds("{} {} {}".format, OPERANDS, st.sampled_from(["=", "<>", "<", "<=", ">", ">="]), PLACEHOLDERS),
    st.builds("{} BETWEEN :v AND :w".format, PATHS),
    st.builds("{} IN (:v, :w)".format, PATHS),
    st.builds("attribute_exists({})".format, PATHS),
    st.builds("attribute_not_exists({})".format, PATHS),
    st.builds("begins_with({}, {})".format, PATHS, PLACEHOLDERS),
    st.builds("contains({}, {})".format, PATHS, PLACEHOLDERS),
)
CONDITIONS = st.recursive(
    CLAUSES,
    lambda inner: st.one_of(
        st.builds("{} AND {}".format, inner, inner),
        st.builds("{} OR {}".format, inner, inner),
        st.builds("NOT {}".format, inner),
        st.builds("({})".format, inner),
    ),
    max_leaves=4,
)
TERMS = st.one_of(
    PATHS,
    PLACEHOLDERS,
    st.builds("{} + {}".format, PATHS, PLACEHOLDERS),
    st.builds("{} - {}".format, PLACEHOLDERS, PATHS),
    st.builds("if_not_exists({}, {})".format, PATHS, PLACEHOLDERS),
    st.builds("list_append({}, {})".format, PATHS, PLACEHOLDERS),
)
UPDATES = st.builds(
    lambda sets, removes, adds, deletes: " ".join(
        f"{verb} {', '.join(parts)}" for verb, parts in (("SET", sets), ("REMOVE", removes), ("ADD", adds), ("DELETE", deletes)) if parts
    ),
    st.lists(st.builds("{} = {}".format, PATHS, TERMS), max_size=2),
    st.lists(PATHS, max_size=2),
    st.lists(st.builds("{} {}".format, PATHS, PLACEHOLDERS), max_size=1),
    st.lists(st.builds("{} {}".format, PATHS, PLACEHOLDERS), max_size=1),
).filter(bool)
ITEMS = st.dictionaries(st.sampled_from(["a1", "b1", "m1", "n1"]), VALUES, max_size=4)
SORT_KEYS = st.sampled_from(["1", "2", "é", "\U0001f3e0", "~"])


def placeholders(draw: st.DrawFn, *texts: str) -> dict[str, Any]:
    """Names and values for what occurs in the expressions."""
    whole = " ".join(texts)
    arguments: dict[str, Any] = {}
    values = {name: draw(st.one_of(VALUES, SCALARS)) for name in (":v", ":w") if name in whole}
    if values:
        arguments["ExpressionAttributeValues"] = values
    if "#n" in whole:
        arguments["ExpressionAttributeNames"] = {"#n": "n1"}
    return arguments


@st.composite
def writes(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    operation = draw(st.sampled_from(["PutItem", "UpdateItem", "UpdateItem", "DeleteItem"]))
    key = {"pk": {"S": "P"}, "sk": {"S": draw(SORT_KEYS)}}
    arguments: dict[str, Any] = {"TableName": TABLE}
    texts = []
    if draw(st.booleans()):
        arguments["ConditionExpression"] = draw(CONDITIONS)
        texts.append(arguments["ConditionExpression"])
        if draw(st.booleans()):
            arguments["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
    if operation == "PutItem":
        arguments["Item"] = key | draw(ITEMS)
        if draw(st.booleans()):
            place = key["sk"]["S"] + draw(st.sampled_from(["", "0"]))  # of its own: in which order equal ones come is not specified
            arguments["Item"] |= {"gsi2pk": {"S": "G"}, "gsi2sk": {"S": place}}
    else:
        arguments["Key"] = key
    if operation == "UpdateItem":
        arguments["UpdateExpression"] = draw(UPDATES)
        texts.append(arguments["UpdateExpression"])
        arguments["ReturnValues"] = draw(st.sampled_from(["NONE", "ALL_OLD", "ALL_NEW"]))
    else:
        arguments["ReturnValues"] = draw(st.sampled_from(["NONE", "ALL_OLD"]))
    return operation, arguments | placeholders(draw, *texts)


@st.composite
def reads(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    arguments: dict[str, Any] = {"TableName": TABLE}
    if draw(st.integers(0, 3)) == 0:
        texts = [draw(st.lists(PATHS, min_size=1, max_size=2, unique=True).map(", ".join))]
        arguments |= {"Key": {"pk": {"S": "P"}, "sk": {"S": draw(SORT_KEYS)}}, "ProjectionExpression": texts[0]}
        return "GetItem", arguments | placeholders(draw, *texts)
    index = draw(st.booleans())
    pk, sk = ("gsi2pk", "gsi2sk") if index else ("pk", "sk")
    sort = draw(
        st.sampled_from(
            ["", " AND {sk} = :a", " AND {sk} > :a", " AND {sk} <= :a", " AND {sk} BETWEEN :a AND :b", " AND begins_with({sk}, :a)"]
        )
    )
    values = {":p": {"S": "G" if index else "P"}}
    condition = f"{pk} = :p{sort.format(sk=sk)}"
    values |= {name: {"S": draw(SORT_KEYS)} for name in (":a", ":b") if name in condition}
    arguments |= {"KeyConditionExpression": condition, "ExpressionAttributeValues": values, "ScanIndexForward": draw(st.booleans())}
    arguments |= {"Limit": draw(st.integers(1, 4))} if draw(st.booleans()) else {}
    if index:
        arguments["IndexName"] = "gsi2"
    if draw(st.booleans()):
        arguments["FilterExpression"] = draw(CONDITIONS)
        more = placeholders(draw, arguments["FilterExpression"])
        arguments["ExpressionAttributeValues"] = values | more.pop("ExpressionAttributeValues", {})
        arguments |= more
    return "Query", arguments


def in_partition(value: Any, prefix: str) -> Any:
    """The arguments in partitions of their own, so that no example sees another's items."""
    if isinstance(value, dict):
        if value in ({"S": "P"}, {"S": "G"}):
            return {"S": prefix + value["S"]}
        return {key: in_partition(entry, prefix) for key, entry in value.items()}
    return [in_partition(entry, prefix) for entry in value] if isinstance(value, list) else value


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.one_of(writes(), writes(), reads()), min_size=3, max_size=12))
def test_writes_and_reads(both: tuple[Call, Call], operations: list[tuple[str, dict[str, Any]]]) -> None:
    prefix = uuid4().hex
    for operation, arguments in operations:
        compare(both, operation, in_partition(arguments, prefix))
    everything = {"KeyConditionExpression": "pk = :p", "ExpressionAttributeValues": {":p": {"S": f"{prefix}P"}}, "ConsistentRead": True}
    compare(both, "Query", {"TableName": TABLE, **everything})


def sort_key(write: tuple[str, dict[str, Any]]) -> str:
    text: str = (write[1].get("Key") or write[1]["Item"])["sk"]["S"]
    return text


TRANSACTIONS = st.lists(writes(), min_size=1, max_size=4, unique_by=sort_key)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(TRANSACTIONS, TRANSACTIONS)
def test_transactions(both: tuple[Call, Call], first: list[Any], second: list[Any]) -> None:
    prefix = uuid4().hex
    for operations in (first, second):
        actions = []
        for operation, arguments in operations:
            arguments.pop("ReturnValues", None)
            if "ConditionExpression" not in arguments:
                arguments.pop("ReturnValuesOnConditionCheckFailure", None)
            actions.append({operation.removesuffix("Item"): arguments})
        compare(both, "TransactWriteItems", {"TransactItems": in_partition(actions, prefix)})
    everything = {"KeyConditionExpression": "pk = :p", "ExpressionAttributeValues": {":p": {"S": f"{prefix}P"}}, "ConsistentRead": True}
    compare(both, "Query", {"TableName": TABLE, **everything})


@settings(max_examples=60, deadline=None)
@given(BAD_VALUES)
@example({"S": "x" * 409_600})
def test_values_that_cannot_be_stored(both: tuple[Call, Call], value: Any) -> None:
    compare(both, "PutItem", {"TableName": TABLE, "Item": {"pk": {"S": "bad"}, "sk": {"S": "1"}, "a1": value}})


KEY = {"pk": {"S": "P"}, "sk": {"S": "1"}}
P = {":p": {"S": "P"}}


@pytest.mark.parametrize(
    ("operation", "arguments"),
    [
        ("GetItem", {"Key": {"pk": {"S": "P"}}}),
        ("GetItem", {"Key": KEY | {"a1": {"S": "x"}}}),
        ("PutItem", {"Item": {"pk": {"S": "P"}}}),
        ("PutItem", {"Item": {"pk": {"S": ""}, "sk": {"S": "1"}}}),
        ("PutItem", {"Item": {"pk": {"N": "1"}, "sk": {"S": "1"}}}),
        ("PutItem", {"Item": KEY | {"gsi1pk": {"N": "1"}, "gsi1sk": {"S": "1"}}}),
        ("PutItem", {"Item": KEY, "ConditionExpression": "a1 ="}),
        ("PutItem", {"Item": KEY, "ConditionExpression": "a1 = :v"}),
        ("PutItem", {"Item": KEY, "ConditionExpression": "attribute_exists(a1)", "ExpressionAttributeValues": P}),
        ("PutItem", {"Item": KEY, "ConditionExpression": "attribute_exists(#x)"}),
        ("PutItem", {"Item": KEY, "ConditionExpression": "unknown(a1)"}),
        ("PutItem", {"Item": KEY, "ConditionExpression": ""}),
        ("UpdateItem", {"Key": KEY, "UpdateExpression": "SET sk = :p", "ExpressionAttributeValues": P}),
        ("UpdateItem", {"Key": KEY, "UpdateExpression": "SET a1 = :p, a1 = :p", "ExpressionAttributeValues": P}),
        ("UpdateItem", {"Key": KEY, "UpdateExpression": "SET a1 = :p REMOVE a1", "ExpressionAttributeValues": P}),
        ("UpdateItem", {"Key": KEY, "UpdateExpression": "SET a1 = :p SET b1 = :p", "ExpressionAttributeValues": P}),
        ("UpdateItem", {"Key": KEY, "UpdateExpression": "ADD a1 :p", "ExpressionAttributeValues": P}),
        ("UpdateItem", {"Key": {"pk": {"S": "new"}, "sk": {"S": "1"}}, "UpdateExpression": "REMOVE a1", "ReturnValues": "ALL_NEW"}),
        ("UpdateItem", {"Key": {"pk": {"S": "newer"}, "sk": {"S": "1"}}, "ReturnValues": "ALL_NEW"}),
        ("Query", {"KeyConditionExpression": "sk = :p", "ExpressionAttributeValues": P}),
        ("Query", {"KeyConditionExpression": "pk > :p", "ExpressionAttributeValues": P}),
        ("Query", {"KeyConditionExpression": "pk = :p OR sk = :p", "ExpressionAttributeValues": P}),
        ("Query", {"KeyConditionExpression": "pk = :p AND sk <> :p", "ExpressionAttributeValues": P}),
        ("Query", {"KeyConditionExpression": "pk = :p AND contains(sk, :p)", "ExpressionAttributeValues": P}),
        ("Query", {"KeyConditionExpression": "pk = :p", "ExpressionAttributeValues": {":p": {"N": "1"}}}),
        ("Query", {"KeyConditionExpression": "pk = :p", "ExpressionAttributeValues": P, "FilterExpression": "sk = :p"}),
        ("Query", {"KeyConditionExpression": "gsi1pk = :p", "ExpressionAttributeValues": P, "IndexName": "gsi1", "ConsistentRead": True}),
        ("Query", {"KeyConditionExpression": "pk = :p", "ExpressionAttributeValues": P, "IndexName": "none"}),
        ("Query", {"KeyConditionExpression": "pk = :p", "ExpressionAttributeValues": P, "Limit": 0}),
        ("Query", {"KeyConditionExpression": "pk = :p", "ExpressionAttributeValues": P, "ExclusiveStartKey": {"pk": {"S": "P"}}}),
        ("Query", {"KeyConditionExpression": "pk = :p", "ExpressionAttributeValues": P, "ExclusiveStartKey": KEY | {"pk": {"S": "Q"}}}),
        ("Query", {}),
        ("Query", {"KeyConditionExpression": "pk = :p", "ExpressionAttributeValues": P, "Select": "COUNT"}),
    ],
)
def test_requests_at_the_edge(both: tuple[Call, Call], operation: str, arguments: dict[str, Any]) -> None:
    compare(both, operation, {"TableName": TABLE, **arguments})


@pytest.mark.parametrize(
    ("operation", "arguments"),
    [
        ("GetItem", {"TableName": "none", "Key": KEY}),
        ("TransactWriteItems", {"TransactItems": []}),
        ("TransactWriteItems", {"TransactItems": [{"Put": {"TableName": TABLE, "Item": KEY}}] * 2}),
        (
            "TransactWriteItems",
            {"TransactItems": [{"ConditionCheck": {"TableName": TABLE, "Key": KEY, "ConditionExpression": "attribute_exists(zz)"}}]},
        ),
        ("BatchWriteItem", {"RequestItems": {TABLE: [{"PutRequest": {"Item": KEY}}] * 2}}),
        ("BatchWriteItem", {"RequestItems": {TABLE: [{"DeleteRequest": {"Key": KEY | {"sk": {"S": str(n)}}}} for n in range(26)]}}),
        ("BatchWriteItem", {"RequestItems": {TABLE: [{"DeleteRequest": {"Key": KEY | {"sk": {"S": str(n)}}}} for n in range(25)]}}),
        ("BatchGetItem", {"RequestItems": {TABLE: {"Keys": [KEY, KEY]}}}),
        ("BatchGetItem", {"RequestItems": {TABLE: {"Keys": [KEY | {"sk": {"S": str(n)}} for n in range(101)]}}}),
        ("BatchGetItem", {"RequestItems": {TABLE: {"Keys": [KEY], "ProjectionExpression": "a1"}}}),
        ("TransactGetItems", {"TransactItems": [{"Get": {"TableName": TABLE, "Key": KEY | {"sk": {"S": "none"}}}}]}),
        ("DescribeTimeToLive", {"TableName": TABLE}),
    ],
)
def test_other_operations(both: tuple[Call, Call], operation: str, arguments: dict[str, Any]) -> None:
    compare(both, operation, arguments)


def test_a_long_partition_is_read_page_by_page(both: tuple[Call, Call]) -> None:
    for number in range(12):
        item = {"pk": {"S": "long"}, "sk": {"S": f"{number:02}"}, "a1": {"S": "x" * 200_000}, "gsi1pk": {"S": "long"}, "gsi1sk": {"S": "s"}}
        compare(both, "PutItem", {"TableName": TABLE, "Item": item})
    for index, limit in (({}, {}), ({}, {"Limit": 5}), ({"IndexName": "gsi1"}, {"Limit": 6}), ({"IndexName": "gsi2"}, {})):
        pk = f"{index['IndexName']}pk" if index else "pk"
        arguments = {
            "TableName": TABLE,
            "KeyConditionExpression": f"{pk} = :p",
            "ExpressionAttributeValues": {":p": {"S": "long"}},
            **index,
            **limit,
        }
        seen: list[list[Any]] = []
        for call in both:
            start: dict[str, Any] = {}
            pages = []
            while True:
                page = call("Query", arguments | start)[1]
                pages.append(page["Count"])
                if "LastEvaluatedKey" not in page:
                    break
                start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}
            seen.append(pages)
        assert seen[0] == seen[1], index
