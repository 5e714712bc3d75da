"""The trail over HTTP: who sees what of it, its pages, its check, and that reading it is on it."""

from datetime import timedelta

import pytest

from chalicelib.packs.auditor import service
from tests.conftest import TABLE
from tests.streams.feed import deliver

SELLER = {"name": "Ida Wells", "phone": "+12065550100"}


@pytest.fixture
def pipeline(world, as_):
    """A pipeline of one dealmaker, with its trail."""
    made = as_("dealmaker", user="user_dee")("POST", "/wholesale", {"seller": SELLER, "notes": "first"})
    assert made.status == 201, made.text
    id = made.json()["id"]
    assert as_("operator")("PATCH", f"/wholesale/{id}", {"notes": "second", "seller": {**SELLER, "name": "Ada Wells"}}).status == 200
    deliver(world.audit(), world.feed.entities())
    return id


def test_newest_first_field_by_field(as_, pipeline):
    answer = as_("auditor")("GET", f"/audit/trail/{pipeline}")
    assert answer.status == 200, answer.text
    two, one = answer.json()["items"]
    assert (one["seq"], one["action"], one["actor"]) == (1, "created", "user_dee")
    assert (two["seq"], two["action"], two["actor"]) == (2, "updated", "user_operator")
    assert two["changes"]["notes"] == {"old": "first", "new": "second"}
    assert two["prev_hash"] == one["hash"]
    assert two["correlation_id"]
    assert answer.json()["next_cursor"] is None


def test_a_trail_is_walked_in_pages(as_, pipeline):
    auditor = as_("auditor")
    first = auditor("GET", f"/audit/trail/{pipeline}", query={"limit": "1"}).json()
    second = auditor("GET", f"/audit/trail/{pipeline}", query={"limit": "1", "cursor": first["next_cursor"]}).json()
    assert [one["seq"] for one in first["items"] + second["items"]] == [2, 1]
    assert second["next_cursor"] is None
    foreign = as_("auditor", user="user_other")("GET", f"/audit/trail/{pipeline}", query={"cursor": first["next_cursor"]})
    assert (foreign.status, foreign.json()["type"]) == (400, "/problems/bad-request")


@pytest.mark.parametrize("role", ["auditor", "operator", "counsel", "admin"])
def test_who_may_see_contacts_sees_personal_values(as_, pipeline, role):
    changes = as_(role)("GET", f"/audit/trail/{pipeline}").json()["items"][0]["changes"]
    assert changes["seller"]["new"] == {**SELLER, "name": "Ada Wells"}
    assert changes["seller"]["old"] == SELLER


def test_who_may_not_sees_digests(as_, pipeline):
    """A holder of a governance role reads the trail, but no contacts."""
    changes = as_("King")("GET", f"/audit/trail/{pipeline}").json()["items"][0]["changes"]
    assert set(changes["seller"]["new"]) == {"digest"}
    assert "Wells" not in str(changes)


def test_what_was_erased_says_so_and_the_chain_stays_whole(as_, pipeline, context):
    auditor = as_("auditor")
    before = auditor("GET", f"/audit/verify/{pipeline}").json()
    service.erase(context(), pipeline)
    assert auditor("GET", f"/audit/verify/{pipeline}").json() == before
    assert (before["valid"], before["checked"], before["first_break"]) == (True, 2, None)
    changes = auditor("GET", f"/audit/trail/{pipeline}").json()["items"][0]["changes"]
    assert changes["seller"] == {"old": "erased", "new": "erased", "personal": True}


def test_a_sealed_value_that_was_tampered_with_is_no_error(world, as_, pipeline):
    (first, *_) = world.rows(f"AUD#{pipeline}")
    body = first["body"]["S"]
    at = body.index('"sealed":"') + 12
    world.table.put_item(TableName=TABLE, Item=first | {"body": {"S": body[:at] + ("A" if body[at] != "A" else "B") + body[at + 1 :]}})
    assert as_("auditor")("GET", f"/audit/trail/{pipeline}").json()["items"][1]["changes"]["seller"]["new"] == "unreadable"
    assert as_("auditor")("GET", f"/audit/verify/{pipeline}").json()["first_break"]["seq"] == 1


def test_a_record_that_was_made_unreadable_is_no_error(world, as_, pipeline):
    (first, *_) = world.rows(f"AUD#{pipeline}")
    world.table.put_item(TableName=TABLE, Item=first | {"body": {"S": "nothing"}})
    items = as_("auditor")("GET", f"/audit/trail/{pipeline}").json()["items"]
    assert [(one["seq"], one["action"]) for one in items] == [(2, "updated"), (1, "unreadable")]


def test_a_dealmaker_sees_the_trail_of_their_own_only(as_, pipeline):
    assert as_("dealmaker", user="user_dee")("GET", f"/audit/trail/{pipeline}").status == 200
    other = as_("dealmaker", user="user_dan")("GET", f"/audit/trail/{pipeline}")
    unknown = as_("dealmaker", user="user_dan")("GET", "/audit/trail/pipe_01KB0Q5E8G7Z3V9X2M4N6P8R0T")
    assert (other.status, other.json()["detail"]) == (unknown.status, unknown.json()["detail"]) == (404, "No such trail.")
    # Roles add up: one who is counsel, too, sees what counsel sees.
    assert as_("dealmaker", "counsel", user="user_dan")("GET", f"/audit/trail/{pipeline}").status == 200


@pytest.mark.parametrize("id", ["x", "pipe_1", "pipe_01KB0Q5E8G7Z3V9X2M4N6P8R0T", "DAY", "a" * 900])
def test_what_is_not_there_is_not_found(as_, id):
    for address in ("trail", "verify"):
        assert as_("auditor")("GET", f"/audit/{address}/{id}").status == 404


def test_reading_the_trail_is_on_the_trail(world, as_, pipeline):
    as_("auditor", user="user_aud")("GET", f"/audit/trail/{pipeline}")
    as_("auditor", user="user_aud")("GET", "/audit/trail", query={"actor": "user_dee"})
    deliver(world.audit(), world.feed.entities())
    found = as_("auditor")("GET", "/audit/trail", query={"actor": "user_aud"}).json()["items"]
    assert [one["kind"] for one in found] == ["trail_access"] * 2
    accesses = [as_("auditor")("GET", f"/audit/trail/{one['entity_id']}").json()["items"][0]["changes"] for one in found]
    assert {one["access"]["new"] for one in accesses} == {"read", "listed"}
    assert {one["subject_id"]["new"] for one in accesses if "subject_id" in one} == {pipeline}
    # Who reads is for those who look after the trail.
    assert as_("operator")("GET", f"/audit/trail/{found[0]['entity_id']}").status == 404


# -- lists


def test_what_an_actor_did(as_, pipeline):
    items = as_("auditor")("GET", "/audit/trail", query={"actor": "user_dee"}).json()["items"]
    assert [(one["entity_id"], one["seq"], one["action"]) for one in items if one["kind"] == "pipeline"] == [(pipeline, 1, "created")]
    assert set(items[0]) == {"entity_id", "kind", "seq", "action", "actor", "at", "recorded_at"}


@pytest.mark.parametrize("actor", ["nobody", "user_dee#2026-11", "%", "a/b ü"])
def test_who_did_nothing_has_an_empty_list(as_, pipeline, actor):
    answer = as_("auditor")("GET", "/audit/trail", query={"actor": actor})
    assert (answer.status, answer.json()) == (200, {"items": [], "next_cursor": None})


def test_what_was_done_between_two_moments(world, as_, clock, pipeline):
    begin = clock.now
    for days in (1, 2, 9):
        clock.now = begin + timedelta(days=days)
        as_("operator")("PATCH", f"/wholesale/{pipeline}", {"notes": f"day {days}"})
        deliver(world.audit(), world.feed.entities())

    def seqs(**query):
        found, cursor = [], None
        auditor = as_("auditor")
        while True:
            sent = {**query, "limit": "2", **({"cursor": cursor} if cursor else {})}
            answer = auditor("GET", "/audit/trail", query=sent)
            assert answer.status == 200, answer.text
            found += [one["seq"] for one in answer.json()["items"] if one["entity_id"] == pipeline]
            cursor = answer.json()["next_cursor"]
            if not cursor:
                return found

    assert seqs() == [5, 4, 3, 2, 1]
    assert seqs(actor="user_operator") == [5, 4, 3, 2]
    day = begin.date()
    assert seqs(**{"from": str(day + timedelta(days=1)), "to": str(day + timedelta(days=2))}) == [4, 3]
    assert seqs(to=(begin + timedelta(days=1)).isoformat().replace("+00:00", "Z")) == [2, 1]


def test_lists_show_what_the_caller_may_see(as_, pipeline):
    def kinds(*roles, user=None):
        return {one["kind"] for one in as_(*roles, user=user)("GET", "/audit/trail").json()["items"]}

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
def test_what_is_wrong_is_named(as_, dynamodb, query, loc):
    answer = as_("auditor")("GET", "/audit/trail", query=query)
    assert answer.status == 422
    assert answer.json()["errors"][0]["loc"][0] == loc


# -- check


def test_verify_names_the_first_break(world, as_, pipeline):
    row = world.rows(f"AUD#{pipeline}")[1]
    world.table.put_item(TableName=TABLE, Item=row | {"body": {"S": row["body"]["S"].replace("second", "third")}})
    verdict = as_("auditor")("GET", f"/audit/verify/{pipeline}").json()
    assert verdict == {
        "entity_id": pipeline,
        "valid": False,
        "checked": 1,
        "complete": True,
        "behind": 0,
        "first_break": {"seq": 2, "reason": "mutated: its hash isn't that of its content"},
        "next_cursor": None,
    }


def test_verify_goes_on_where_it_left_off(as_, pipeline, monkeypatch):
    monkeypatch.setattr(service, "CHECKED_AT_ONCE", 1)
    auditor = as_("auditor")
    verdict, calls = auditor("GET", f"/audit/verify/{pipeline}").json(), 1
    while not verdict["complete"]:
        verdict = auditor("GET", f"/audit/verify/{pipeline}", query={"cursor": verdict["next_cursor"]}).json()
        calls += 1
    assert (verdict["valid"], verdict["checked"], calls) == (True, 2, 3)
    assert auditor("GET", f"/audit/verify/{pipeline}", query={"cursor": "forged"}).status == 400
