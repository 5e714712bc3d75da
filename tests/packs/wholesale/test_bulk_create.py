"""Opening many pipelines at once."""

from typing import Any

import pytest

from tests.packs.wholesale.test_pipelines import add_user


@pytest.fixture
def operator(client_as: Any) -> Any:
    return client_as("operator")


@pytest.fixture
def bulk(operator: Any) -> Any:
    def call(items: list[Any], **options: Any) -> Any:
        return operator("POST", "/wholesale/bulk", {"items": items}, **options)

    return call


class Died(BaseException):
    """The process ends here."""


def count(operator: Any) -> int:
    return len(operator("GET", "/wholesale", query={"limit": "200"}).json()["items"])


def test_valid_rows_are_written_and_each_row_has_its_own_result(operator, bulk):
    response = bulk([{"lead_source": "a"}, {"arv": 1}, {}])
    assert response.status == 200, response.text
    good, bad, empty = response.json()["results"]
    assert (good["index"], good["status"], "problem" in good) == (0, 201, False)
    assert (bad["index"], bad["status"], "id" in bad) == (1, 422, False)
    assert bad["problem"]["type"] == "/problems/validation"
    assert bad["problem"]["errors"][0]["loc"] == ["arv"]
    assert empty["status"] == 201
    assert operator("GET", f"/wholesale/{good['id']}").json()["lead_source"] == "a"
    assert count(operator) == 2


@pytest.mark.parametrize(
    "row", [{"stage": "offer_made"}, {"stage": "assigned"}, {"arv_estimate": -1}, {"owner": "user_nobody"}, {"notes": "\x00"}]
)
def test_an_invalid_row_fails_alone(operator, bulk, row):
    results = bulk([row, {}]).json()["results"]
    assert [result["status"] for result in results] == [422, 201]
    assert count(operator) == 1


@pytest.mark.parametrize("row", [5, "mls-1", None, []])
def test_a_row_that_is_no_object_fails_alone(operator, bulk, row):
    response = bulk([{}, row, {}])
    assert response.status == 200, response.text
    assert [result["status"] for result in response.json()["results"]] == [201, 422, 201]
    assert response.json()["results"][1]["problem"]["detail"] == "body: a JSON object is needed"
    assert count(operator) == 2


def test_a_row_with_invalid_text_fails_alone_with_an_idempotency_key_too(operator):
    response = operator("POST", "/wholesale/bulk", raw='{"items": [{"notes": "\\ud800"}, {}]}', headers={"Idempotency-Key": "k1"})
    assert [result["status"] for result in response.json()["results"]] == [422, 201]


def test_an_excessively_nested_body_is_malformed_with_an_idempotency_key(operator):
    raw = '{"items": [{"notes": ' + "[" * 900 + "]" * 900 + "}]}"
    assert operator("POST", "/wholesale/bulk", raw=raw, headers={"Idempotency-Key": "k1"}).status == 400


def test_rows_are_written_in_batches(operator, bulk, round_trips):
    results = bulk([{"external_ref": f"ref {number}", "arv_estimate": number} for number in range(41)]).json()["results"]
    assert [(result["index"], result["status"]) for result in results] == [(number, 201) for number in range(41)]
    assert round_trips() == 5  # one read, four transactions
    assert len({result["id"] for result in results}) == 41
    assert count(operator) == 41


def test_more_than_a_hundred_rows_are_rejected(operator, bulk):
    response = bulk([{}] * 101)
    assert (response.status, response.json()["limit"]) == (413, 100)
    assert count(operator) == 0


@pytest.mark.parametrize("body", [{}, {"items": []}, {"items": {}}, {"items": [{}], "more": 1}])
def test_a_body_without_a_list_of_rows_is_rejected(operator, body):
    assert operator("POST", "/wholesale/bulk", body).status == 422


def test_the_same_reference_is_the_same_pipeline(operator, bulk):
    first = bulk([{"external_ref": "a"}, {"external_ref": "b"}, {"external_ref": "a", "notes": "again"}]).json()["results"]
    assert [result["status"] for result in first] == [201, 201, 200]
    assert first[0]["id"] == first[2]["id"] != first[1]["id"]
    second = bulk([{"external_ref": "c"}, {"external_ref": "b"}]).json()["results"]
    assert [result["status"] for result in second] == [201, 200]
    assert second[1]["id"] == first[1]["id"]
    assert count(operator) == 3


def test_a_reference_claimed_concurrently_is_detected_by_the_write(operator, bulk, runtime, monkeypatch):
    """Its guard isn't there when it is looked for, but when the row is written."""
    id = bulk([{"external_ref": "a"}]).json()["results"][0]["id"]
    make = runtime.store

    def blind(remaining: Any = None) -> Any:
        store = make(remaining)
        monkeypatch.setattr(store, "batch_get", lambda keys: dict.fromkeys(()))
        return store

    monkeypatch.setattr(runtime, "store", blind)
    results = bulk([{"external_ref": "b"}, {"external_ref": "a"}]).json()["results"]
    assert [result["status"] for result in results] == [201, 200]
    assert results[1]["id"] == id


def test_a_dry_run_writes_nothing(operator, bulk):
    known = bulk([{"external_ref": "a"}]).json()["results"][0]["id"]
    response = bulk([{"external_ref": "a"}, {"external_ref": "b"}, {"arv": 1}, {}, {"owner": "user_nobody"}], query={"dry_run": "true"})
    assert [(result["status"], result.get("id")) for result in response.json()["results"]] == [
        (200, known),
        (200, None),
        (422, None),
        (200, None),
        (422, None),
    ]
    assert count(operator) == 1
    assert bulk([{"external_ref": "b"}]).json()["results"][0]["status"] == 201


def test_a_dry_run_does_not_use_the_idempotency_key(bulk):
    key = {"Idempotency-Key": "k"}
    bulk([{}], headers=key, query={"dry_run": "true"})
    assert bulk([{}], headers=key).json()["results"][0]["status"] == 201


def test_a_replay_returns_the_result_of_each_row(operator, bulk, round_trips):
    items = [{}, {"external_ref": "a"}, {"arv": 1}, {"external_ref": "a"}]
    first = bulk(items, headers={"Idempotency-Key": "k"})
    again = bulk(items, headers={"Idempotency-Key": "k"})
    assert round_trips() == 2
    assert again.headers["idempotent-replayed"] == "true"
    assert "idempotent-replayed" not in first.headers
    for row, repeated in zip(first.json()["results"], again.json()["results"], strict=True):
        assert (row["status"], row.get("id")) == (repeated["status"], repeated.get("id"))
    assert count(operator) == 2
    assert bulk([{}], headers={"Idempotency-Key": "k"}).json()["type"] == "/problems/idempotency-mismatch"


def test_a_replay_completes_an_interrupted_request(operator, bulk, runtime, monkeypatch):
    """The first request died between two transactions."""
    items = [{"lead_source": str(number)} for number in range(30)]
    call, written = runtime.dynamodb.transact_write_items, []

    def dying(**arguments: Any) -> Any:
        if len(written) == 1:  # the first twelve; the request's own record is no transaction
            raise Died
        written.append(arguments)
        return call(**arguments)

    monkeypatch.setattr(runtime.dynamodb, "transact_write_items", dying)
    with pytest.raises(Died):
        bulk(items, headers={"Idempotency-Key": "k"})
    monkeypatch.setattr(runtime.dynamodb, "transact_write_items", call)
    assert count(operator) == 12
    assert [result["status"] for result in bulk(items, headers={"Idempotency-Key": "k"}).json()["results"]] == [201] * 30
    assert count(operator) == 30


def test_owners_of_rows_are_checked(operator, bulk, runtime):
    add_user(runtime, "user_ada")
    results = bulk([{"owner": "user_ada"}, {"owner": "user_ada"}, {"owner": None}]).json()["results"]
    assert [result["status"] for result in results] == [201, 201, 201]
    assert len(operator("GET", "/wholesale", query={"owner": "user_ada"}).json()["items"]) == 2


@pytest.mark.parametrize("role", ["dealmaker", "viewer", "auditor", "counsel"])
def test_it_requires_its_permission(client_as, role):
    assert client_as(role)("POST", "/wholesale/bulk", {"items": [{}]}).status == 403
