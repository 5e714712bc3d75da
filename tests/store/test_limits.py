"""DynamoDB's limits: a request beyond one is refused by every client of the tests, and by the local engine, as DynamoDB refuses it."""

import contextlib
import http.client
import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from chalicelib.foundation.ids import ItemKey
from chalicelib.foundation.store.store import encode_key
from local.emulator.dynamodb import DynamoDB
from local.emulator.errors import ServiceError
from tests.local.emulator.conftest import TABLE, clock, connection, stream
from tests.local.emulator.conftest import dynamodb as emulator

__all__ = ["clock", "connection", "emulator", "stream"]

Request = tuple[str, dict[str, Any]]

KEY = {"pk": {"S": "P"}, "sk": {"S": "S"}}
ONE = {":a": {"N": "1"}}


def put(**attributes: Any) -> Request:
    return "put_item", {"TableName": TABLE, "Item": {**KEY, **attributes}}


def put_at(pk: str, sk: str) -> Request:
    return "put_item", {"TableName": TABLE, "Item": encode_key(ItemKey(pk, sk))}


def update(expression: str, values: dict[str, Any] | None = ONE, **arguments: Any) -> Request:
    values = {} if values is None else {"ExpressionAttributeValues": values}
    return "update_item", {"TableName": TABLE, "Key": KEY, "UpdateExpression": expression, **values, **arguments}


def delete_if(condition: str, values: dict[str, Any] = ONE, **arguments: Any) -> Request:
    request = {"TableName": TABLE, "Key": KEY, "ConditionExpression": condition, "ExpressionAttributeValues": values}
    return "delete_item", request | arguments


def query(condition: str, **values: str) -> Request:
    named = {f":{name}": {"S": text} for name, text in values.items()}
    return "query", {"TableName": TABLE, "KeyConditionExpression": condition, "ExpressionAttributeValues": named}


def transaction(*texts: str, pk: str = "p{}", **arguments: Any) -> Request:
    puts = [{"Put": {"TableName": TABLE, "Item": encode_key(ItemKey(pk.format(n), "s")) | {"x": {"S": x}}}} for n, x in enumerate(texts)]
    return "transact_write_items", {"TransactItems": puts, **arguments}


def batch_put(count: int, pk: str = "p{}") -> Request:
    puts = [{"PutRequest": {"Item": encode_key(ItemKey(pk.format(n), "s"))}} for n in range(count)]
    return "batch_write_item", {"RequestItems": {TABLE: puts}}


def batch_get(count: int, pk: str = "p{}") -> Request:
    return "batch_get_item", {"RequestItems": {TABLE: {"Keys": [encode_key(ItemKey(pk.format(n), "s")) for n in range(count)]}}}


def nested(lists: int) -> dict[str, Any]:
    value: dict[str, Any] = {"S": "x"}
    for _ in range(lists):
        value = {"L": [value]}
    return value


def padded(expression: str, size: int) -> str:
    return expression.ljust(size)


ITEM_BYTES = 400 * 1024 - len("pkPskSx")

WITHIN = {
    "an expression of 4 KB": update(padded("SET a = :a", 4096)),
    "300 operators": update("SET " + ",".join(f"f{n}=:a+:a" for n in range(300))),
    "any number of assignments": update("ADD " + ",".join(f"f{n} :a" for n in range(320))),
    "a condition of 299 operators": delete_if("attribute_not_exists(a) OR " + " OR ".join(["a=:a"] * 149)),
    "100 candidates": delete_if(
        f"attribute_not_exists(a) OR a IN ({','.join(f':{n}' for n in range(100))})", {f":{n}": {"N": "1"} for n in range(100)}
    ),
    "a placeholder of 255 bytes": update("SET #{} = :a".format("n" * 254), ExpressionAttributeNames={"#" + "n" * 254: "a"}),
    "an item of 400 KB": put(x={"S": "x" * ITEM_BYTES}),
    "the longest keys": put_at("p" * 2048, "s" * 1024),
    "a number of 38 digits": put(x={"N": "1" * 38}),
    "32 levels": put(x=nested(31)),
    "an empty text": put(x={"S": ""}),
    "a transaction of 100 actions": transaction(*[""] * 100),
    "a transaction of 4 MB": transaction(*["x" * 400_000] * 10),
    "a token of 36 characters": transaction("", ClientRequestToken="x" * 36),
    "25 writes": batch_put(25),
    "100 reads": batch_get(100),
}

BEYOND = {
    "an expression over 4 KB": update(padded("SET a = :a", 4097)),
    "a condition over 4 KB": delete_if(padded("a = :a", 4097)),
    "a sum over 330 fields": update(
        "ADD " + ", ".join(f"#{n} :{n}" for n in range(400)),
        {f":{n}": {"N": "1"} for n in range(400)},
        ExpressionAttributeNames={f"#{n}": f"2026-{n}" for n in range(400)},
    ),
    "301 operators": update("SET " + ",".join(f"f{n}=:a+:a" for n in range(301))),
    "a condition of 301 operators": delete_if(" OR ".join(["a=:a"] * 151)),
    "101 candidates": delete_if(f"a IN ({','.join(f':{n}' for n in range(101))})", {f":{n}": {"N": "1"} for n in range(101)}),
    "a name's placeholder of 256 bytes": update("SET #{} = :a".format("n" * 255), ExpressionAttributeNames={"#" + "n" * 255: "a"}),
    "a value's placeholder of 256 bytes": update("SET a = :{}".format("n" * 255), {":" + "n" * 255: {"N": "1"}}),
    "values over 2 MB": delete_if(" OR ".join(f"a = :{n}" for n in range(6)), {f":{n}": {"S": "x" * 390_000} for n in range(6)}),
    "an item over 400 KB": put(x={"S": "x" * (ITEM_BYTES + 1)}),
    "a partition key over 2 KB": put_at("p" * 2049, "s"),
    "a sort key over 1 KB": put_at("p", "s" * 1025),
    "an empty partition key": put_at("", "s"),
    "an empty sort key": put_at("p", ""),
    "an index key over 2 KB": put(gsi1pk={"S": "x" * 2049}, gsi1sk={"S": "x"}),
    "an index's sort key over 1 KB": put(gsi1sk={"S": "x" * 1025}),
    "an empty index key": put(gsi1pk={"S": ""}),
    "an index key that is a number": put(gsi1sk={"N": "1"}),
    "an update to an empty index key": update("SET gsi1pk = :k", {":k": {"S": ""}}),
    "a query for a long sort key": query("pk = :p AND begins_with(sk, :s)", p="p", s="s" * 1025),
    "a query for an empty partition": query("pk = :p", p=""),
    "a number of 39 digits": put(x={"N": "1" * 39}),
    "a number too large": update("SET a = :a", {":a": {"N": "1E126"}}),
    "33 levels": put(x=nested(32)),
    "33 levels in an update": update("SET a = :a", {":a": nested(32)}),
    "an empty set": put(x={"SS": []}),
    "an attribute without name": put(**{"": {"S": "x"}}),
    "an attribute's name of 64 KB": put(**{"n" * 65536: {"S": "x"}}),
    "a placeholder that is not used": update("SET a = :a", {":a": {"N": "1"}, ":b": {"N": "1"}}),
    "a transaction of no action": transaction(),
    "a transaction of 101 actions": transaction(*[""] * 101),
    "a transaction over 4 MB": transaction(*["x" * 400_000] * 11),
    "a transaction of two actions on one item": transaction("", "", pk="p"),
    "a token of 37 characters": transaction("", ClientRequestToken="x" * 37),
    "no write": batch_put(0),
    "26 writes": batch_put(26),
    "two writes of one item": batch_put(2, "p"),
    "no read": batch_get(0),
    "101 reads": batch_get(101),
    "two reads of one item": batch_get(2, "p"),
}


def rename(value: Any, table: str) -> Any:
    """The request on another table."""
    if isinstance(value, dict):
        return {table if key == TABLE else key: rename(entry, table) for key, entry in value.items()}
    if isinstance(value, list):
        return [rename(entry, table) for entry in value]
    return table if value == TABLE else value


@pytest.mark.parametrize("case", BEYOND)
def test_a_client_refuses_what_is_beyond(dynamodb, settings, case):
    operation, arguments = BEYOND[case]
    with pytest.raises(ClientError) as refusal:
        getattr(dynamodb, operation)(**rename(arguments, settings.table))
    assert refusal.value.response["Error"]["Code"] == "ValidationException"


@pytest.mark.dynamodb_local
def test_a_client_sends_what_is_within(dynamodb_local, settings):
    for operation, arguments in WITHIN.values():
        getattr(dynamodb_local, operation)(**rename(arguments, settings.table))


def as_sent(operation: str) -> str:
    return "".join(word.capitalize() for word in operation.split("_"))


@pytest.mark.parametrize("case", BEYOND)
def test_the_local_engine_refuses_what_is_beyond(emulator: DynamoDB, case):
    operation, arguments = BEYOND[case]
    with pytest.raises(ServiceError) as refusal:
        emulator.handle(as_sent(operation), arguments)
    assert refusal.value.code == "ValidationException"


@pytest.mark.parametrize("case", WITHIN)
def test_the_local_engine_takes_what_is_within(emulator: DynamoDB, case):
    operation, arguments = WITHIN[case]
    emulator.handle(as_sent(operation), arguments)


@pytest.mark.dynamodb_local
def test_dynamodb_local_refuses_what_is_beyond(dynamodb_local, dynamodb_local_url, settings):
    """It is asked past the client's own checks."""
    server = http.client.HTTPConnection(dynamodb_local_url.removeprefix("http://"), timeout=30)
    credential = "AWS4-HMAC-SHA256 Credential=test/20000101/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0"

    def status(operation: str, arguments: dict[str, Any]) -> int:
        headers = {"X-Amz-Target": f"DynamoDB_20120810.{as_sent(operation)}", "Authorization": credential}
        headers["Content-Type"] = "application/x-amz-json-1.0"
        server.request("POST", "/", json.dumps(rename(arguments, settings.table)).encode(), headers)
        response = server.getresponse()
        response.read()
        return response.status

    with contextlib.closing(server):
        assert [case for case, request in BEYOND.items() if status(*request) != 400] == []
