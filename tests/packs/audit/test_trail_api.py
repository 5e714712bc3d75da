"""The trail over HTTP: who sees what of it, its pages, its check, and that reading it is on it."""

from datetime import timedelta

import pytest

from chalicelib.packs.audit import service
from tests.conftest import TABLE
from tests.streams.stream_feeder import deliver

SELLER = {"name": "Ida Wells", "phone": "+12065550100"}


@pytest.fixture
def pipeline(world, client_as):
    """A pipeline of one dealmaker, with its trail."""
    made = client_as("dealmaker", user="user_dee")("POST", "/wholesale", {"seller": SELLER, "notes": "first"})
    assert made.status == 201, made.text
    id = made.json()["id"]
    assert client_as("operator")("PATCH", f"/wholesale/{id}", {"notes": "second", "seller": {**SELLER, "name": "Ada Wells"}}).status == 200
    deliver(world.audit(), world.feed.entities())
    return id


def test_newest_first_field_by_field(client_as, pipeline):
    response = client_as("auditor")("GET", f"/audit/trail/{pipeline}")
    assert response.status == 200, response.text
    two, one = response.json()["items"]
    assert (one["seq"], one["action"], one["actor"]) == (1, "created", "user_dee")
    assert (two["seq"], two["action"], two["actor"]) == (2, "updated", "user_operator")
    assert two["changes"]["notes"] == {"old": "first", "new": "second"}
    assert two["prev_hash"] == one["hash"]
    assert two["correlation_id"]
    assert response.json()["next_cursor"] is None


def test_a_trail_is_paginated(client_as, pipeline):
    auditor = client_as("auditor")
    first = auditor("GET", f"/audit/trail/{pipeline}", query={"limit": "1"}).json()
    second = auditor("GET", f"/audit/trail/{pipeline}", query={"limit": "1", "cursor": first["next_cursor"]}).json()
    assert [record["seq"] for record in first["items"] + second["items"]] == [2, 1]
    assert second["next_cursor"] is None
    foreign = client_as("auditor", user="user_other")("GET", f"/audit/trail/{pipeline}", query={"cursor": first["next_cursor"]})
    assert (foreign.status, foreign.json()["type"]) == (400, "/problems/bad-request")


@pytest.mark.parametrize("role", ["auditor", "operator", "counsel", "admin"])
def test_contact_permission_reveals_personal_values(client_as, pipeline, role):
    changes = client_as(role)("GET", f"/audit/trail/{pipeline}").json()["items"][0]["changes"]
    assert changes["seller"]["new"] == {**SELLER, "name": "Ada Wells"}
    assert changes["seller"]["old"] == SELLER


def test_without_contact_permission_values_are_digests(client_as, pipeline):
    """A holder of a governance role reads the trail, but no contacts."""
    changes = client_as("King")("GET", f"/audit/trail/{pipeline}").json()["items"][0]["changes"]
    assert set(changes["seller"]["new"]) == {"digest"}
    assert "Wells" not in str(changes)


def test_erased_values_are_marked_and_the_chain_remains_valid(client_as, pipeline, context):
    auditor = client_as("auditor")
    before = auditor("GET", f"/audit/verify/{pipeline}").json()
    service.erase(context(), pipeline)
    assert auditor("GET", f"/audit/verify/{pipeline}").json() == before
    assert (before["valid"], before["checked"], before["first_break"]) == (True, 2, None)
    changes = auditor("GET", f"/audit/trail/{pipeline}").json()["items"][0]["changes"]
    assert changes["seller"] == {"old": "erased", "new": "erased", "personal": True}


def test_a_sealed_value_that_was_tampered_with_is_no_error(world, client_as, pipeline):
    (first, *_) = world.rows(f"AUD#{pipeline}")
    body = first["body"]["S"]
    at = body.index('"sealed":"', body.index('"seller"')) + 12
    world.table.put_item(TableName=TABLE, Item=first | {"body": {"S": body[:at] + ("A" if body[at] != "A" else "B") + body[at + 1 :]}})
    assert client_as("auditor")("GET", f"/audit/trail/{pipeline}").json()["items"][1]["changes"]["seller"]["new"] == "unreadable"
    assert client_as("auditor")("GET", f"/audit/verify/{pipeline}").json()["first_break"]["seq"] == 1


def test_an_unreadable_record_is_no_error(world, client_as, pipeline):
    (first, *_) = world.rows(f"AUD#{pipeline}")
    world.table.put_item(TableName=TABLE, Item=first | {"body": {"S": "nothing"}})
    items = client_as("auditor")("GET", f"/audit/trail/{pipeline}").json()["items"]
    assert [(record["seq"], record["action"]) for record in items] == [(2, "updated"), (1, "unreadable")]


def test_a_dealmaker_sees_only_the_trail_of_own_entities(client_as, pipeline):
    assert client_as("dealmaker", user="user_dee")("GET", f"/audit/trail/{pipeline}").status == 200
    other = client_as("dealmaker", user="user_dan")("GET", f"/audit/trail/{pipeline}")
    unknown = client_as("dealmaker", user="user_dan")("GET", "/audit/trail/pipe_01KB0Q5E8G7Z3V9X2M4N6P8R0T")
    assert (other.status, other.json()["detail"]) == (unknown.status, unknown.json()["detail"]) == (404, "No such trail.")
    # Roles add up: one who is counsel, too, sees what counsel sees.
    assert client_as("dealmaker", "counsel", user="user_dan")("GET", f"/audit/trail/{pipeline}").status == 200


@pytest.mark.parametrize("id", ["x", "pipe_1", "pipe_01KB0Q5E8G7Z3V9X2M4N6P8R0T", "DAY", "a" * 900])
def test_an_unknown_entity_is_not_found(client_as, id):
    for address in ("trail", "verify"):
        assert client_as("auditor")("GET", f"/audit/{address}/{id}").status == 404


def test_reading_the_trail_is_recorded(world, client_as, pipeline):
    client_as("auditor", user="user_aud")("GET", f"/audit/trail/{pipeline}")
    client_as("auditor", user="user_aud")("GET", "/audit/trail", query={"actor": "user_dee"})
    deliver(world.audit(), world.feed.entities())
    records = client_as("auditor")("GET", "/audit/trail", query={"actor": "user_aud"}).json()["items"]
    assert [record["kind"] for record in records] == ["trail_access"] * 2
    accesses = [client_as("auditor")("GET", f"/audit/trail/{record['entity_id']}").json()["items"][0]["changes"] for record in records]
    assert {record["access"]["new"] for record in accesses} == {"read", "listed"}
    assert {record["subject_id"]["new"] for record in accesses if "subject_id" in record} == {pipeline}
    # Who reads is for those who look after the trail.
    assert client_as("operator")("GET", f"/audit/trail/{records[0]['entity_id']}").status == 404


# -- lists


def test_changes_of_an_actor(client_as, pipeline):
    items = client_as("auditor")("GET", "/audit/trail", query={"actor": "user_dee"}).json()["items"]
    assert [(record["entity_id"], record["seq"], record["action"]) for record in items if record["kind"] == "pipeline"] == [
        (pipeline, 1, "created")
    ]
    assert set(items[0]) == {"entity_id", "kind", "seq", "action", "actor", "at", "recorded_at"}


@pytest.mark.parametrize("actor", ["nobody", "user_dee#2026-11", "%", "a/b ü"])
def test_an_actor_without_changes_has_an_empty_list(client_as, pipeline, actor):
    response = client_as("auditor")("GET", "/audit/trail", query={"actor": actor})
    assert (response.status, response.json()) == (200, {"items": [], "next_cursor": None})


def test_changes_in_a_time_range(world, client_as, clock, pipeline):
    begin = clock.now
    for days in (1, 2, 9):
        clock.now = begin + timedelta(days=days)
        client_as("operator")("PATCH", f"/wholesale/{pipeline}", {"notes": f"day {days}"})
        deliver(world.audit(), world.feed.entities())

    def seqs(**query):
        records, cursor = [], None
        auditor = client_as("auditor")
        while True:
            sent = {**query, "limit": "2", **({"cursor": cursor} if cursor else {})}
            response = auditor("GET", "/audit/trail", query=sent)
            assert response.status == 200, response.text
            records += [record["seq"] for record in response.json()["items"] if record["entity_id"] == pipeline]
            cursor = response.json()["next_cursor"]
            if not cursor:
                return records

    assert seqs() == [5, 4, 3, 2, 1]
    assert seqs(actor="user_operator") == [5, 4, 3, 2]
    day = begin.date()
    assert seqs(**{"from": str(day + timedelta(days=1)), "to": str(day + timedelta(days=2))}) == [4, 3]
    assert seqs(to=(begin + timedelta(days=1)).isoformat().replace("+00:00", "Z")) == [2, 1]


def test_lists_show_what_the_caller_may_see(client_as, pipeline):
    def kinds(*roles, user=None):
        return {record["kind"] for record in client_as(*roles, user=user)("GET", "/audit/trail").json()["items"]}

    assert {"pipeline"} <= kinds("operator")
    assert kinds("dealmaker", user="user_dee") == {"pipeline"}
    assert kinds("dealmaker", user="user_dan") == set()


@pytest.mark.parametrize(
    ("query", "loc"),
    [
        ({"from": "2026-11-25", "to": "2026-11-23"}, "from"),
        ({"from": "2020-01-01"}, "from"),
        ({"from": "yesterday"}, "from"),
        ({"from": "0001-01-01"}, "from"),
        ({"to": "9999-12-31"}, "to"),
        ({"to": "0001-01-05T00:00:00Z"}, "to"),
        ({"limit": "0"}, "limit"),
        ({"since": "2026-11-01"}, "since"),
    ],
)
def test_errors_name_the_invalid_field(client_as, dynamodb, query, loc):
    response = client_as("auditor")("GET", "/audit/trail", query=query)
    assert response.status == 422
    assert response.json()["errors"][0]["loc"][0] == loc


# -- check


def test_verify_names_the_first_break(world, client_as, pipeline):
    row = world.rows(f"AUD#{pipeline}")[1]
    world.table.put_item(TableName=TABLE, Item=row | {"body": {"S": row["body"]["S"].replace("second", "third")}})
    verdict = client_as("auditor")("GET", f"/audit/verify/{pipeline}").json()
    assert verdict == {
        "entity_id": pipeline,
        "valid": False,
        "checked": 1,
        "complete": True,
        "behind": 0,
        "first_break": {"seq": 2, "reason": "mutated: its hash isn't that of its content"},
        "next_cursor": None,
    }


def test_verification_continues_at_its_cursor(client_as, pipeline, monkeypatch):
    monkeypatch.setattr(service, "RECORDS_PER_REQUEST", 1)
    auditor = client_as("auditor")
    verdict, calls = auditor("GET", f"/audit/verify/{pipeline}").json(), 1
    while not verdict["complete"]:
        verdict = auditor("GET", f"/audit/verify/{pipeline}", query={"cursor": verdict["next_cursor"]}).json()
        calls += 1
    assert (verdict["valid"], verdict["checked"], calls) == (True, 2, 3)
    assert auditor("GET", f"/audit/verify/{pipeline}", query={"cursor": "forged"}).status == 400
