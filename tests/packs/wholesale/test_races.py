"""Many at once, on the engine that bears threads: nothing is lost, nothing doubled."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.dynamodb_local import dynamodb_local, dynamodb_local_url

__all__ = ["dynamodb_local", "dynamodb_local_url"]

pytestmark = pytest.mark.dynamodb_local


@pytest.fixture
def dynamodb(dynamodb_local: Any) -> Any:
    return dynamodb_local


@pytest.fixture
def operator(client_as: Any) -> Any:
    return client_as("operator")


def at_once(count: int, call: Callable[[int], Any]) -> list[Any]:
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(call, range(count)))


def test_concurrent_requests_with_one_key_create_one_pipeline(operator):
    responses = at_once(8, lambda _: operator("POST", "/wholesale", {"notes": "x"}, headers={"Idempotency-Key": "k"}))
    assert {response.status for response in responses} == {201}
    assert len({response.json()["id"] for response in responses}) == 1
    assert sum("idempotent-replayed" not in response.headers for response in responses) == 1
    assert len(operator("GET", "/wholesale").json()["items"]) == 1


def test_concurrent_requests_with_one_reference_create_one_pipeline(operator):
    rows = [{"external_ref": f"r{number}"} for number in range(25)]
    responses = at_once(4, lambda _: operator("POST", "/wholesale/bulk", {"items": rows}))
    results = [result for response in responses for result in response.json()["results"]]
    assert sorted({result["status"] for result in results}) in ([200, 201], [201])
    assert sum(result["status"] == 201 for result in results) == 25
    assert len({result["id"] for result in results}) == 25
    assert len(operator("GET", "/wholesale").json()["items"]) == 25


def test_concurrent_patches_of_different_fields_are_all_applied(operator):
    id = operator("POST", "/wholesale", {}).json()["id"]
    fields = ["asking_price", "arv_estimate", "repair_estimate", "assignment_fee_target", "offer_price", "contract_price"]
    responses = at_once(len(fields), lambda number: operator("PATCH", f"/wholesale/{id}", {fields[number]: number + 1}))
    assert {response.status for response in responses} == {200}
    body = operator("GET", f"/wholesale/{id}").json()
    assert [body[field] for field in fields] == [1, 2, 3, 4, 5, 6]
    assert body["revision"] == 7


def test_one_of_many_concurrent_transitions_succeeds(operator):
    id = operator("POST", "/wholesale", {}).json()["id"]
    responses = at_once(6, lambda number: operator("POST", f"/wholesale/{id}/stage", {"stage": "offer_made", "price": number + 1}))
    assert sorted(response.status for response in responses) == [200] + [409] * 5
    (winner,) = [response.json() for response in responses if response.status == 200]
    assert operator("GET", f"/wholesale/{id}").json()["offer_price"] == winner["offer_price"]
    assert [stay["stage"] for stay in operator("GET", f"/wholesale/{id}/history").json()["items"]] == ["offer_made", "lead"]


def test_activities_and_edits_do_not_conflict(operator):
    id = operator("POST", "/wholesale", {}).json()["id"]

    def act(number: int) -> Any:
        if number % 2:
            return operator("PATCH", f"/wholesale/{id}", {"on_hold": number % 4 == 1})
        return operator("POST", f"/wholesale/{id}/activities", {"event_type": "call", "description": str(number)})

    assert {response.status for response in at_once(10, act)} == {200, 201}
    assert sorted(activity["description"] for activity in operator("GET", f"/wholesale/{id}/activities").json()["items"]) == [
        "0",
        "2",
        "4",
        "6",
        "8",
    ]


def test_a_deleted_pipeline_accepts_no_activities(operator):
    id = operator("POST", "/wholesale", {}).json()["id"]

    def act(number: int) -> Any:
        if number == 3:
            return operator("DELETE", f"/wholesale/{id}")
        return operator("POST", f"/wholesale/{id}/activities", {"event_type": "call"})

    assert {response.status for response in at_once(6, act)} <= {201, 204, 404}
    assert operator("POST", f"/wholesale/{id}/activities", {"event_type": "call"}).status == 404
    assert operator("GET", "/wholesale").json()["items"] == []
