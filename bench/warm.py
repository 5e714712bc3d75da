"""Warm requests: processor time compared with a hand-written handler, in one run, with recorded responses of DynamoDB."""

import json
import os
import statistics
import time
from collections.abc import Callable
from typing import Any

os.environ |= {"AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench", "AWS_ACCOUNT_ID_ENDPOINT_MODE": "disabled"}

from moto import mock_aws

from bench import handwritten, harness
from bench.recorded_responses import replay_responses
from chalicelib.foundation.aws import client
from chalicelib.foundation.store import table

LEAD = {
    "lead_source": "county records",
    "seller": {"name": "Ada Example", "phone": "+12065550100"},
    "property": {
        "address": {"line1": "12 Main St", "city": "Seattle", "region": "WA", "postal_code": "98103", "country": "US"},
        "bedrooms": 3,
        "bathrooms": 2,
        "sqft": 1780,
        "year_built": 1960,
    },
    "asking_price": 229500.00,
    "arv_estimate": 285000.00,
    "repair_estimate": 35000.00,
    "assignment_fee_target": 15000.00,
    "tags": ["estimate"],
    "notes": "Called twice.",
}
ROUNDS, CALLS = 15, 150
BOUNDS = {"GET one": 0.7, "POST": 1.0, "list of 50": 0.6}

Call = Callable[[], dict[str, Any]]


def record() -> dict[str, Any]:
    """DynamoDB's responses to the three operations, recorded in memory, and the transaction of a creation."""
    settings = harness.settings()
    with mock_aws():
        client.cache_clear()
        store = harness.RecordingClient(client("dynamodb", settings))
        table.create(store, harness.TABLE)
        app = harness.make_app(harness.runtime(settings, store))
        bearer = harness.token(app.runtime, "operator")
        ids = []
        with harness.capture_stdout():
            for _ in range(52):
                created = app(harness.event("POST", "/wholesale", bearer, LEAD, **{"Idempotency-Key": os.urandom(8).hex()}), None)
                ids.append(json.loads(created["body"])["id"])
            creation = next(arguments for name, arguments, _ in reversed(store.calls) if name == "transact_write_items")["TransactItems"]
            for number in range(20):
                activity = {"event_type": "call", "description": f"Call number {number}, left a message."}
                app(harness.event("POST", f"/wholesale/{ids[0]}/activities", bearer, activity), None)
        query_response = store.query(
            TableName=harness.TABLE,
            KeyConditionExpression="pk = :pk AND sk BETWEEN :a AND :b",
            ExpressionAttributeValues={":pk": {"S": ids[0]}, ":a": {"S": "Y#"}, ":b": {"S": "~"}},
            ScanIndexForward=False,
            Limit=21,
        )
        list_response = store.query(
            TableName=harness.TABLE,
            IndexName="gsi1",
            KeyConditionExpression="gsi1pk = :pk",
            ExpressionAttributeValues={":pk": {"S": "PIPE#lead#0"}},
            ScanIndexForward=False,
            Limit=51,
        )
    client.cache_clear()
    return {"id": ids[0], "one": query_response, "many": list_response, "creation": creation}


def measure() -> dict[str, Any]:
    """Median processor time per request of each, in microseconds, and the median ratio of pairs."""
    recorded = record()
    app = harness.make_app(harness.runtime(harness.settings()))
    bearer = harness.token(app.runtime, "operator")
    id = recorded["id"]
    get_event = harness.event("GET", f"/wholesale/{id}", bearer)
    post_event = harness.event("POST", "/wholesale", bearer, LEAD, **{"Idempotency-Key": "0123456789abcdef"})
    list_event = harness.event("GET", "/wholesale", bearer, query={"stage": "lead", "limit": "50"})
    by_hand = {"pathParameters": {"id": id}, "queryStringParameters": {"stage": "lead"}, "body": json.dumps(LEAD)}
    cases: dict[str, tuple[dict[str, Any], Call, Call]] = {
        "GET one": ({"Query": recorded["one"]}, lambda: app(get_event, None), lambda: handwritten.get_one(by_hand)),
        "POST": ({"TransactWriteItems": {}}, lambda: app(post_event, None), lambda: handwritten.create(by_hand, recorded["creation"])),
        "list of 50": ({"Query": recorded["many"]}, lambda: app(list_event, None), lambda: handwritten.list_50(by_hand)),
    }
    return {name: _pair(*case) | {"bound": BOUNDS[name]} for name, case in cases.items()}


def _pair(responses: dict[str, Any], ours: Call, theirs: Call) -> dict[str, Any]:
    with replay_responses(responses), harness.capture_stdout():
        first, second = ours(), theirs()
        assert first["statusCode"] == second["statusCode"], (first, second)
        _timed(ours), _timed(theirs)
        pairs = [(_timed(ours), _timed(theirs)) for _ in range(ROUNDS)]
    return {
        "us": round(statistics.median(a for a, _ in pairs), 1),
        "by_hand_us": round(statistics.median(b for _, b in pairs), 1),
        "ratio": round(statistics.median(a / b for a, b in pairs), 3),
    }


def _timed(call: Call) -> float:
    started = time.process_time()
    for _ in range(CALLS):
        call()
    return (time.process_time() - started) / CALLS * 1e6


if __name__ == "__main__":
    print(json.dumps(measure(), indent=1))
