"""A system of a few lines on the real engine, functions, scheduler and server: what the local run is tested with.

`python -m tests.local.sample_system`; VALHALLA_LOCAL and PORT as for the real one.
POST /things {id, text} writes an entity; GET /things/{id} reads it, GET /trail/{id} what the stream's consumer wrote of it.
"""

import base64
import json
import os
import sys
import threading
from typing import Any

from chalicelib.foundation.manifest import Schedule, StreamConsumer
from chalicelib.foundation.store.table import TTL_ATTRIBUTE, table_definition
from local.clock import LocalClock
from local.components import Components
from local.engine import EngineClient, EngineError
from local.gateway import App
from local.workspace import TABLE, Workspace

_connections = threading.local()


def db(operation: str, **arguments: Any) -> dict[str, Any]:
    if not hasattr(_connections, "client"):
        _connections.client = EngineClient.of(os.environ)
    response: dict[str, Any] = _connections.client.call(f"DynamoDB_20120810.{operation}", {"TableName": TABLE, **arguments})
    return response


def entity(name: str, text: str) -> dict[str, Any]:
    return {"pk": {"S": name}, "sk": {"S": "~"}, "t": {"S": "e"}, "text": {"S": text}}


def respond(status: int, body: Any, **headers: str) -> dict[str, Any]:
    return {"statusCode": status, "headers": {"Content-Type": "application/json", **headers}, "body": json.dumps(body)}


def app(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    method, path = event["httpMethod"], event["path"]
    if path == "/echo":
        return respond(200, event)
    if path == "/large":
        return respond(200, "é" * 5000)
    if method == "POST":
        thing = json.loads(base64.b64decode(event["body"]))  # every type is binary to the gateway
        db("PutItem", Item=entity(thing["id"], thing["text"]))
        return respond(201, thing)
    _, kind, name = path.split("/")
    if kind == "things":
        item = db("GetItem", Key={"pk": {"S": name}, "sk": {"S": "~"}}, ConsistentRead=True).get("Item")
        return respond(200, item["text"]["S"]) if item else respond(404, None)
    page = db("Query", KeyConditionExpression="pk = :p", ExpressionAttributeValues={":p": {"S": f"AUD#{name}"}})
    return respond(200, [item["text"]["S"] for item in page["Items"]])


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
    db("PutItem", Item=entity(f"tidied-{CLOCK[0]():%Y-%m-%dT%H}", event["time"]))
    return {"done": 1}


TRAIL = StreamConsumer("trail", "tests.local.sample_system.trail", "Keeps a trail.", ({"dynamodb": {"NewImage": {"t": {"S": ["e"]}}}},))
TIDY = Schedule("tidy", "rate(1 day)", "tests.local.sample_system.tidy", "Tidies.")


CLOCK: list[LocalClock] = []


def prepare(workspace: Workspace) -> None:
    workspace.write_private(workspace.admin_token, "token")


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
        use_clock=CLOCK.append,
        prepare=prepare,
        search_gaps=lambda: ["tidy"],
    )


if __name__ == "__main__":
    from local import __main__ as command

    command.COMPONENTS = "tests.local.sample_system.sample_components"
    sys.exit(command.main())
