"""A baseline: the same three operations written by hand for one Lambda, with a plain botocore client and json.

No users, permissions, problem documents, ETags or log lines. It makes the same DynamoDB calls and returns the same fields.
"""

import json
import os
import time
from decimal import Decimal
from typing import Any

import botocore.session

TABLE = "valhalla-bench"
client = botocore.session.Session().create_client("dynamodb", region_name="us-east-1")


def from_dynamodb(wire: dict[str, Any]) -> Any:
    ((kind, value),) = wire.items()
    if kind == "N":
        return float(value) if "." in value else int(value)
    if kind == "M":
        return {name: from_dynamodb(item) for name, item in value.items()}
    if kind == "L":
        return [from_dynamodb(item) for item in value]
    return None if kind == "NULL" else value


def to_dynamodb(value: Any) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, int | float | Decimal):
        return {"N": str(value)}
    if isinstance(value, dict):
        return {"M": {name: to_dynamodb(item) for name, item in value.items()}}
    if isinstance(value, list):
        return {"L": [to_dynamodb(item) for item in value]}
    return {"S": value}


def response(status: int, body: Any) -> dict[str, Any]:
    return {"statusCode": status, "headers": {"Content-Type": "application/json"}, "body": json.dumps(body)}


def get_one(event: dict[str, Any]) -> dict[str, Any]:
    """A pipeline with its latest activities: one query."""
    items = client.query(
        TableName=TABLE,
        KeyConditionExpression="pk = :pk AND sk BETWEEN :first AND :root",
        ExpressionAttributeValues={":pk": {"S": event["pathParameters"]["id"]}, ":first": {"S": "Y#"}, ":root": {"S": "~"}},
        ScanIndexForward=False,
        Limit=21,
        ConsistentRead=True,
    )["Items"]
    if not items:
        return response(404, {"message": "not found"})
    root, *activities = [{name: from_dynamodb(wire) for name, wire in item.items()} for item in items]
    return response(200, {**root, "activities": activities})


def create(event: dict[str, Any], actions: list[dict[str, Any]]) -> dict[str, Any]:
    """The same transaction as the API's: `actions` is the template of its items."""
    body = json.loads(event["body"], parse_float=Decimal)
    if not isinstance(body.get("asking_price"), Decimal | int) or body["asking_price"] < 0:
        return response(422, {"message": "asking_price"})
    id = f"pipe_{time.time_ns():026d}"
    now = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())
    items = []
    for action in actions:
        ((kind, arguments),) = action.items()
        if "Item" in arguments and "id" in arguments["Item"]:
            fields = {name: to_dynamodb(value) for name, value in body.items()}
            template_fields = {name: wire for name, wire in arguments["Item"].items() if name not in fields}
            arguments = {**arguments, "Item": {**template_fields, **fields, "id": {"S": id}, "pk": {"S": id}, "created_at": {"S": now}}}
        items.append({kind: arguments})
    client.transact_write_items(TransactItems=items, ClientRequestToken=os.urandom(16).hex())
    return response(201, {**body_of(items), **{name: float(v) if isinstance(v, Decimal) else v for name, v in body.items()}})


def body_of(items: list[dict[str, Any]]) -> dict[str, Any]:
    for action in items:
        item = next(iter(action.values())).get("Item", {})
        if "id" in item:
            return {name: from_dynamodb(wire) for name, wire in item.items()}
    return {}


def list_50(event: dict[str, Any]) -> dict[str, Any]:
    """Fifty pipelines of a stage, newest first: one query of the index."""
    page = client.query(
        TableName=TABLE,
        IndexName="gsi1",
        KeyConditionExpression="gsi1pk = :pk",
        ExpressionAttributeValues={":pk": {"S": f"PIPE#{event['queryStringParameters']['stage']}#0"}},
        ScanIndexForward=False,
        Limit=51,
    )
    items = [json.loads(item["view"]["S"]) for item in page["Items"][:50]]
    return response(200, {"items": items, "next": page.get("LastEvaluatedKey")})
