"""What happens by itself on the deployed stack: the stream's two readers, the outbox, the schedules."""

import json
import urllib.request
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from ops.package.build import deployed_functions
from ops.package.inventory import DeployedFunction
from tests.deployed.conftest import HttpApiClient, Stack
from tests.scenarios import NUMBERS

pytestmark = pytest.mark.deployed

SCHEDULED = [function for function in deployed_functions() if function.schedule]


def test_a_created_pipeline_appears_on_the_board(client_as: Callable[..., HttpApiClient], eventually: Callable[..., Any]) -> None:
    call = client_as("operator")

    def leads() -> int:
        board = call("GET", "/wholesale/board")
        assert board.status == 200, board.text
        return int(board.json()["stages"]["lead"]["count"])

    # The stream may still be bringing what other tests did: what must come true is that this one is counted, and once.
    id = call("POST", "/wholesale", NUMBERS).json()["id"]
    listed = len(all_leads(call))
    assert eventually(leads, lambda count: count == listed) == listed
    assert call("POST", f"/wholesale/{id}/stage", {"stage": "dead", "reason": "price"}).status == 200
    assert eventually(leads, lambda count: count == listed - 1) == listed - 1


def all_leads(call: HttpApiClient) -> list[str]:
    ids: list[str] = []
    query = {"stage": "lead", "limit": "200"}
    while True:
        page = call("GET", "/wholesale", query=query).json()
        ids += [item["id"] for item in page["items"]]
        if page["next_cursor"] is None:
            return ids
        query["cursor"] = page["next_cursor"]


def test_a_created_pipeline_appears_on_the_trail(client_as: Callable[..., HttpApiClient], eventually: Callable[..., Any]) -> None:
    call, auditor = client_as("operator"), client_as("auditor")
    made = call("POST", "/wholesale", NUMBERS, headers={"X-Correlation-ID": "deployed-1"})
    id = made.json()["id"]
    assert call("PATCH", f"/wholesale/{id}", {"arv_estimate": 260000}).status == 200
    trail = eventually(
        lambda: auditor("GET", f"/audit/trail/{id}"), lambda response: response.status == 200 and len(response.json()["items"]) == 2
    )
    changed, created = trail.json()["items"]
    assert (created["seq"], created["actor"], created["correlation_id"]) == (1, "user_operator", "deployed-1")
    assert created["request_id"] == made.headers["x-request-id"]
    assert changed["changes"]["arv_estimate"] == {"old": 250000, "new": 260000}
    assert changed["prev_hash"] == created["hash"]
    verdict = client_as("admin")("GET", f"/audit/verify/{id}")
    assert verdict.status == 200, verdict.text
    assert verdict.json()["valid"] is True, verdict.text


def test_an_invitation_is_mailed(stack: Stack, client_as: Callable[..., HttpApiClient], eventually: Callable[..., Any]) -> None:
    """From the request through the table, its stream, the queue and the worker to SES."""
    stack.emulator.client("sesv2").create_email_identity(EmailIdentity=stack.settings.mail_sender)
    address = f"{uuid4().hex[:12]}@example.com"
    response = client_as("admin")("POST", "/auth/invitations", {"email": address, "name": "Ada", "roles": ["viewer"]})
    assert response.status in {201, 202}, response.text

    def mailed() -> str:
        with urllib.request.urlopen(f"{stack.emulator.url}/_ministack/ses/messages", timeout=5) as response:
            return response.read().decode()

    assert address in eventually(mailed, lambda text: address in text)
    dead = stack.emulator.client("sqs").get_queue_attributes(
        QueueUrl=stack.outputs["OutboxDeadLettersUrl"], AttributeNames=["ApproximateNumberOfMessages"]
    )
    assert dead["Attributes"]["ApproximateNumberOfMessages"] == "0"


@pytest.mark.parametrize("function", SCHEDULED, ids=lambda function: function.name)
def test_a_schedule_runs(function: DeployedFunction, stack: Stack) -> None:
    event = {"source": "aws.events", "detail-type": "Scheduled Event", "time": "2026-11-24T16:00:00Z", "detail": {}}
    response = stack.emulator.client("lambda").invoke(FunctionName=stack.resources[function.logical_id], Payload=json.dumps(event))
    run = json.loads(response["Payload"].read())
    assert "FunctionError" not in response, run
    assert function.schedule
    assert (run["schedule"], run["error"], run["failed"]) == (function.schedule.name, "", 0)
    runs = stack.emulator.client("dynamodb").query(
        TableName=stack.outputs["TableName"],
        KeyConditionExpression="pk = :run",
        ExpressionAttributeValues={":run": {"S": f"RUN#{function.schedule.name}"}},
    )
    assert [row["run_id"]["S"] for row in runs["Items"]] == [run["run_id"]]
