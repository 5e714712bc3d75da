"""A system of a few lines on the real engine, journal, consumers, clock and server: what the local run is tested with.

`python -m tests.local.sample_system`; VALHALLA_LOCAL and PORT as for the real one.
POST /things {id, text} writes an entity; GET /things/{id} reads it, GET /trail/{id} what the stream's consumer wrote of it.
"""

import json
import os
import sys
import threading
from typing import Any

from chalicelib.foundation.manifest import Schedule, StreamConsumer
from chalicelib.foundation.store.table import TTL_ATTRIBUTE, table_definition
from local import wiring
from local.engine import EngineClient, EngineError
from local.gateway import App
from local.runner import Components
from local.workspace import TABLE, Workspace

_held = threading.local()


def db(operation: str, **arguments: Any) -> dict[str, Any]:
    if not hasattr(_held, "line"):
        _held.line = EngineClient(int(os.environ["VALHALLA_AWS_ENDPOINT"].rsplit(":", 1)[1]))
    answer: dict[str, Any] = _held.line.call(f"DynamoDB_20120810.{operation}", {"TableName": TABLE, **arguments})
    return answer


def entity(name: str, text: str) -> dict[str, Any]:
    return {"pk": {"S": name}, "sk": {"S": "~"}, "t": {"S": "e"}, "text": {"S": text}}


def answer(status: int, body: Any, **headers: str) -> dict[str, Any]:
    return {"statusCode": status, "headers": {"Content-Type": "application/json", **headers}, "body": json.dumps(body)}


def app(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    method, path = event["httpMethod"], event["path"]
    if path == "/echo":
        return answer(200, event)
    if path == "/large":
        return answer(200, "é" * 5000)
    if method == "POST":
        thing = json.loads(event["body"])
        db("PutItem", Item=entity(thing["id"], thing["text"]))
        return answer(201, thing)
    _, kind, name = path.split("/")
    if kind == "things":
        item = db("GetItem", Key={"pk": {"S": name}, "sk": {"S": "~"}}, ConsistentRead=True).get("Item")
        return answer(200, item["text"]["S"]) if item else answer(404, None)
    found = db("Query", KeyConditionExpression="pk = :p", ExpressionAttributeValues={":p": {"S": f"AUD#{name}"}})
    return answer(200, [item["text"]["S"] for item in found["Items"]])


def trail(event: dict[str, Any], _context: Any) -> None:
    for record in event["Records"]:
        change = record["dynamodb"]
        key = {"pk": {"S": f"AUD#{change['Keys']['pk']['S']}"}, "sk": {"S": change["SequenceNumber"]}}
        try:
            db("PutItem", Item=key | {"text": change["NewImage"]["text"]}, ConditionExpression="attribute_not_exists(pk)")
        except EngineError as error:
            if "ConditionalCheckFailed" not in str(error):
                raise


def tidy(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    db("PutItem", Item=entity("tidied", event["resources"][0]))
    return {"done": 1}


TRAIL = StreamConsumer("trail", "tests.local.sample_system.trail", "Keeps a trail.", ({"dynamodb": {"NewImage": {"t": {"S": ["e"]}}}},))
TIDY = Schedule("tidy", "rate(1 day)", "tests.local.sample_system.tidy", "Tidies.")


def prepare(home: Workspace, after_kill: bool) -> None:
    home.write_private(home.admin_token, "token")


def sample_components() -> Components:
    def application() -> App:
        return app

    return Components(
        table=table_definition("small"),
        ttl_attribute=TTL_ATTRIBUTE,
        app=application,
        consumers=lambda: [(TRAIL, trail)],
        queues=list,
        schedules=lambda: [TIDY],
        prepare=prepare,
    )


if __name__ == "__main__":
    wiring.real_components = sample_components
    from local.__main__ import main

    sys.exit(main())
