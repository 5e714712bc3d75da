"""What a comparison with DynamoDB Local does not show: the stream, expiry, tokens, segments, and what is kept on disk."""

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from chalicelib.foundation.store.table import table_definition
from local.emulator import database
from local.emulator.dynamodb import DynamoDB
from local.emulator.errors import ServiceError
from local.emulator.stream import Stream
from tests.local.emulator.conftest import TABLE, Clock


def call(dynamodb: DynamoDB, operation: str, **arguments: Any) -> Any:
    return json.loads(dynamodb.handle(operation, {"TableName": TABLE, **arguments}))


def key(pk: str, sk: str = "~") -> dict[str, Any]:
    return {"pk": {"S": pk}, "sk": {"S": sk}}


def put(dynamodb: DynamoDB, pk: str, **attributes: Any) -> None:
    call(dynamodb, "PutItem", Item=key(pk) | attributes)


def records(stream: Stream) -> list[Any]:
    return [json.loads(text) for _, text in stream.read(0, 1000)[1]]


def test_each_change_is_a_record_as_lambda_gets_it(dynamodb: DynamoDB, stream: Stream) -> None:
    put(dynamodb, "a", n={"N": "1"})
    call(dynamodb, "UpdateItem", Key=key("a"), UpdateExpression="ADD n :one", ExpressionAttributeValues={":one": {"N": "1.50"}})
    call(dynamodb, "DeleteItem", Key=key("a"))
    inserted, modified, removed = records(stream)
    assert [record["eventName"] for record in (inserted, modified, removed)] == ["INSERT", "MODIFY", "REMOVE"]
    assert inserted["dynamodb"]["NewImage"] == key("a") | {"n": {"N": "1"}}
    assert "OldImage" not in inserted["dynamodb"]
    assert (modified["dynamodb"]["OldImage"]["n"], modified["dynamodb"]["NewImage"]["n"]) == ({"N": "1"}, {"N": "2.5"})
    assert removed["dynamodb"]["OldImage"] == modified["dynamodb"]["NewImage"]
    assert "NewImage" not in removed["dynamodb"]
    assert all(
        record["dynamodb"]["Keys"] == key("a") and record["eventSource"] == "aws:dynamodb" for record in (inserted, modified, removed)
    )
    numbers = [record["dynamodb"]["SequenceNumber"] for record in (inserted, modified, removed)]
    assert numbers == sorted(numbers)
    assert len({len(number) for number in numbers}) == 1, "of one length: ordered as text too"
    assert inserted["eventSourceARN"] == call(dynamodb, "DescribeTable")["Table"]["LatestStreamArn"]


def test_what_changes_nothing_is_no_record(dynamodb: DynamoDB, stream: Stream) -> None:
    put(dynamodb, "a", tags={"SS": ["x", "y"]}, n={"N": "1"})
    put(dynamodb, "a", tags={"SS": ["y", "x"]}, n={"N": "1.0"})
    call(dynamodb, "DeleteItem", Key=key("absent"))
    with pytest.raises(ServiceError, match="ConditionalCheckFailed"):
        call(dynamodb, "PutItem", Item=key("b"), ConditionExpression="attribute_exists(pk)")
    assert len(records(stream)) == 1


def transaction(*actions: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "TransactItems": [{kind: {"TableName": TABLE, **arguments}} for action in actions for kind, arguments in action.items()],
        **more,
    }


def test_a_transaction_is_all_or_nothing_and_says_why(dynamodb: DynamoDB, stream: Stream) -> None:
    put(dynamodb, "there", n={"N": "7"})
    request = transaction(
        {"Put": {"Item": key("new")}},
        {
            "Put": {
                "Item": key("there"),
                "ConditionExpression": "attribute_not_exists(pk)",
                "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            }
        },
        {"ConditionCheck": {"Key": key("other"), "ConditionExpression": "attribute_not_exists(pk)"}},
    )
    with pytest.raises(ServiceError) as refused:
        dynamodb.handle("TransactWriteItems", request)
    codes = [reason["Code"] for reason in refused.value.details["CancellationReasons"]]  # type: ignore[attr-defined]
    assert codes == ["None", "ConditionalCheckFailed", "None"]
    assert refused.value.details["CancellationReasons"][1]["Item"]["n"] == {"N": "7"}  # type: ignore[index]
    assert "Item" not in call(dynamodb, "GetItem", Key=key("new"))
    assert len(records(stream)) == 1


def test_a_repeated_transaction_is_committed_once(dynamodb: DynamoDB, clock: Clock) -> None:
    add = {"Update": {"Key": key("a"), "UpdateExpression": "ADD n :one", "ExpressionAttributeValues": {":one": {"N": "1"}}}}
    for _ in range(2):
        dynamodb.handle("TransactWriteItems", transaction(add, ClientRequestToken="token"))
    assert call(dynamodb, "GetItem", Key=key("a"))["Item"]["n"] == {"N": "1"}
    with pytest.raises(ServiceError, match="IdempotentParameterMismatch"):
        dynamodb.handle("TransactWriteItems", transaction({"Delete": {"Key": key("a")}}, ClientRequestToken="token"))
    clock.now += 601
    dynamodb.handle("TransactWriteItems", transaction(add, ClientRequestToken="token"))
    assert call(dynamodb, "GetItem", Key=key("a"))["Item"]["n"] == {"N": "2"}, "a token is forgotten after ten minutes"


def test_what_has_expired_is_removed_as_by_the_service(dynamodb: DynamoDB, stream: Stream, clock: Clock) -> None:
    put(dynamodb, "soon", ttl={"N": str(int(clock.now) + 10)})
    put(dynamodb, "later", ttl={"N": str(int(clock.now) + 1000)})
    put(dynamodb, "never")
    put(dynamodb, "text", ttl={"S": "1"})
    assert dynamodb.delete_expired() == 0
    clock.now += 11
    assert dynamodb.delete_expired() == 1
    assert {item["pk"]["S"] for item in call(dynamodb, "Scan")["Items"]} == {"later", "never", "text"}
    assert records(stream)[-1]["userIdentity"] == {"type": "Service", "principalId": "dynamodb.amazonaws.com"}
    assert records(stream)[-1]["eventName"] == "REMOVE"


def test_a_ttl_that_is_set_later_counts_for_what_is_there(dynamodb: DynamoDB, clock: Clock) -> None:
    put(dynamodb, "a", expires={"N": "5"})
    specification = {"Enabled": True, "AttributeName": "expires"}
    call(dynamodb, "UpdateTimeToLive", TimeToLiveSpecification=specification)
    assert call(dynamodb, "DescribeTimeToLive")["TimeToLiveDescription"]["AttributeName"] == "expires"
    assert dynamodb.delete_expired() == 1
    call(dynamodb, "UpdateTimeToLive", TimeToLiveSpecification=specification | {"Enabled": False})
    put(dynamodb, "b", expires={"N": "5"})
    assert dynamodb.delete_expired() == 0


def test_segments_of_a_scan_hold_everything_once(dynamodb: DynamoDB) -> None:
    for number in range(40):
        put(dynamodb, f"p{number}")
    names: list[str] = []
    for segment in range(3):
        start: dict[str, Any] = {}
        while True:
            page = call(dynamodb, "Scan", Segment=segment, TotalSegments=3, Limit=7, **start)
            names += [item["pk"]["S"] for item in page["Items"]]
            if "LastEvaluatedKey" not in page:
                break
            start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}
    assert sorted(names) == sorted(f"p{number}" for number in range(40))
    with pytest.raises(ServiceError, match="TotalSegments"):
        call(dynamodb, "Scan", Segment=3, TotalSegments=3)


def test_an_index_has_what_it_projects_and_only_rows_with_its_keys(dynamodb: DynamoDB) -> None:
    index = {"gsi1pk": {"S": "G"}, "gsi1sk": {"S": "1"}}
    put(dynamodb, "a", kind={"S": "k"}, view={"M": {}}, other={"S": "x"}, **index)
    put(dynamodb, "b", gsi1pk={"S": "G"})
    query = {"IndexName": "gsi1", "KeyConditionExpression": "gsi1pk = :g", "ExpressionAttributeValues": {":g": {"S": "G"}}}
    assert call(dynamodb, "Query", **query)["Items"] == [key("a") | {"kind": {"S": "k"}, "view": {"M": {}}} | index]
    call(dynamodb, "UpdateItem", Key=key("a"), UpdateExpression="SET kind = :k", ExpressionAttributeValues={":k": {"S": "l"}})
    assert call(dynamodb, "Query", **query)["Items"][0]["kind"] == {"S": "l"}
    call(dynamodb, "UpdateItem", Key=key("a"), UpdateExpression="REMOVE gsi1sk")
    assert call(dynamodb, "Query", **query)["Items"] == []


def test_prefixes_end_where_the_next_character_begins(dynamodb: DynamoDB) -> None:
    names = ["a", "a\U0010ffff", "a\U0010ffffz", "b", "\ud7ff", "\ud7ffx", "\ue000"]
    for name in names:
        call(dynamodb, "PutItem", Item=key("p", name))
    for prefix in ("a", "a\U0010ffff", "\ud7ff", "\ue000"):
        condition = "pk = :p AND begins_with(sk, :s)"
        page = call(dynamodb, "Query", KeyConditionExpression=condition, ExpressionAttributeValues={":p": {"S": "p"}, ":s": {"S": prefix}})
        assert [item["sk"]["S"] for item in page["Items"]] == [name for name in names if name.startswith(prefix)]


def test_everything_is_there_after_it_is_opened_again(
    dynamodb: DynamoDB, stream: Stream, connection: sqlite3.Connection, tmp_path: Path
) -> None:
    put(dynamodb, "a", ttl={"N": "5"})
    stream.register(["audit"])
    stream.save_offset("audit", stream.last)
    connection.close()
    again = database.connect(tmp_path / "data.sqlite")
    stream = Stream(again)
    dynamodb = DynamoDB(again, stream)
    assert call(dynamodb, "GetItem", Key=key("a"))["Item"]["ttl"] == {"N": "5"}
    assert stream.register(["audit"]) == {"audit": 1}
    put(dynamodb, "b")
    assert [number for number, _ in stream.read(1, 10)[1]] == [2], "numbers go on where they were"
    assert dynamodb.delete_expired() == 1, "so does the TTL"
    again.close()


def test_tables_are_made_once_and_dropped_with_their_items(dynamodb: DynamoDB) -> None:
    with pytest.raises(ServiceError, match="ResourceInUse"):
        dynamodb.handle("CreateTable", table_definition(TABLE))
    put(dynamodb, "a")
    call(dynamodb, "DeleteTable")
    assert json.loads(dynamodb.handle("ListTables", {})) == {"TableNames": []}
    with pytest.raises(ServiceError, match="ResourceNotFound"):
        call(dynamodb, "GetItem", Key=key("a"))
    dynamodb.handle("CreateTable", table_definition(TABLE))
    assert call(dynamodb, "Scan")["Items"] == []
    with pytest.raises(ServiceError, match="UnknownOperation"):
        call(dynamodb, "CreateBackup")


def test_keys_other_than_of_two_strings_are_refused_at_once(dynamodb: DynamoDB) -> None:
    numbers = table_definition("numbers")
    numbers["AttributeDefinitions"][0]["AttributeType"] = "N"
    with pytest.raises(ServiceError, match="not supported here"):
        dynamodb.handle("CreateTable", numbers)
    single = table_definition("single")
    single["KeySchema"] = single["KeySchema"][:1]
    with pytest.raises(ServiceError, match="not supported here"):
        dynamodb.handle("CreateTable", single)


@pytest.mark.parametrize("content", [b"no database at all" * 100, None])
def test_a_file_that_is_none_of_its_own_is_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "data.sqlite"
    if content is None:
        other = sqlite3.connect(path)
        other.execute("PRAGMA user_version = 99")
        other.close()
    else:
        path.write_bytes(content)
    with pytest.raises(database.UnreadableError):
        database.connect(path)
