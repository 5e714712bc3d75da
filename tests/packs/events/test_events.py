"""Events: each caller's own and their roles', newest first, and one mark that they have been seen."""

from datetime import date, timedelta

import pytest

from chalicelib.foundation.events import NOTIFICATION_TTL, Notification


@pytest.fixture
def notify(context, clock):
    """`notify("key", for_user=…)`: an event as a schedule writes it."""

    def make(key, *, on=date(2026, 11, 24), kind="wholesale.follow_up", **values):
        ctx = context()
        event = Notification.for_occasion(
            ctx, key, on=on, event=kind, subject_type="pipeline", subject_id="pipe_1", title=f"About {key}", **values
        )
        ctx.store.call("put_item", TableName=ctx.store.table, Item=event.to_item())
        return event.id

    return make


def titles(response):
    assert response.status == 200, response.text
    return [item["title"] for item in response.json()["items"]]


def test_own_and_role_events_are_merged_newest_first(notify, client_as):
    notify("a", on=date(2026, 11, 20), for_user="user_ann")
    notify("b", on=date(2026, 11, 21), for_role="operator")
    notify("c", on=date(2026, 11, 22), for_user="user_ann")
    notify("d", on=date(2026, 11, 23), for_role="dealmaker")
    notify("e", on=date(2026, 11, 23), for_user="user_bob")
    notify("f", on=date(2026, 11, 23), for_role="admin")
    assert titles(client_as("operator", user="user_ann")("GET", "/events")) == ["About c", "About b", "About a"]
    assert titles(client_as("operator", "dealmaker", user="user_ann")("GET", "/events")) == ["About d", "About c", "About b", "About a"]
    assert titles(client_as("viewer", user="user_bob")("GET", "/events")) == ["About e"]


def test_a_repeated_occasion_is_one_event(notify, client_as):
    assert notify("same", for_user="user_ann") == notify("same", for_user="user_ann")
    assert titles(client_as("viewer", user="user_ann")("GET", "/events")) == ["About same"]


def test_lists_are_filtered_and_paged(notify, client_as):
    ids = [notify(f"{day}", on=date(2026, 11, day), for_user="user_ann", kind="alarm" if day % 2 else "follow_up") for day in range(1, 8)]
    ann = client_as("viewer", user="user_ann")
    ann("POST", f"/events/{ids[0]}/seen")
    assert titles(ann("GET", "/events", query={"kind": "alarm", "unseen": "true"})) == ["About 7", "About 5", "About 3"]
    assert titles(ann("GET", "/events", query={"unseen": "false"})) == ["About 1"]
    first = ann("GET", "/events", query={"limit": "3"})
    second = ann("GET", "/events", query={"limit": "3", "cursor": first.json()["next_cursor"]})
    third = ann("GET", "/events", query={"limit": "3", "cursor": second.json()["next_cursor"]})
    assert titles(first) + titles(second) + titles(third) == [f"About {day}" for day in range(7, 0, -1)]
    assert third.json()["next_cursor"] is None
    assert ann("GET", "/events", query={"kind": "alarm", "cursor": first.json()["next_cursor"]}).status == 400


def test_a_cursor_is_invalid_after_a_change_of_roles(notify, client_as):
    for day in range(1, 5):
        notify(f"{day}", on=date(2026, 11, day), for_user="user_ann")
    cursor = client_as("viewer", user="user_ann")("GET", "/events", query={"limit": "2"}).json()["next_cursor"]
    response = client_as("viewer", "operator", user="user_ann")("GET", "/events", query={"limit": "2", "cursor": cursor})
    assert (response.status, response.json()["type"]) == (400, "/problems/bad-request")


def test_events_of_others_are_not_found(notify, client_as):
    own, role = notify("own", for_user="user_ann"), notify("role", for_role="admin")
    stranger = client_as("viewer", user="user_bob")
    for id in (own, role, "evt_01ARZ3NDEKTSV4RRFFQ69G5FAV", "evt_x"):
        for method, path in (("GET", f"/events/{id}"), ("POST", f"/events/{id}/seen")):
            response = stranger(method, path)
            assert (response.status, response.json()["detail"]) == (404, "No such event.")


def test_seen_is_set_once_with_its_user(notify, client_as, clock):
    id = notify("duty", for_role="operator", data={"days": 7})
    first = client_as("operator", user="user_ann")("POST", f"/events/{id}/seen")
    assert first.status == 200, first.text
    body = first.json()
    assert (body["seen_by"], body["seen_at"], body["revision"], body["data"]) == ("user_ann", "2026-11-24T18:00:00.000Z", 2, {"days": 7})
    clock.now += timedelta(hours=1)
    again = client_as("operator", user="user_bob")("POST", f"/events/{id}/seen").json()
    assert (again["seen_by"], again["revision"]) == ("user_ann", 2)
    assert client_as("operator")("GET", f"/events/{id}").headers["etag"] == '"2"'
    (listed,) = client_as("operator")("GET", "/events").json()["items"]
    assert listed["seen_by"] == "user_ann"


def test_marking_is_idempotent(notify, client_as):
    id = notify("duty", for_user="user_ann")
    ann = client_as("viewer", user="user_ann")
    responses = [ann("POST", f"/events/{id}/seen", headers={"Idempotency-Key": "k"}) for _ in range(2)]
    assert responses[0].text == responses[1].text
    assert responses[1].headers["idempotent-replayed"] == "true"


def test_an_expired_event_is_hidden_before_its_removal(notify, client_as, clock):
    id = notify("old", for_user="user_ann")
    ann = client_as("viewer", user="user_ann")
    clock.now += NOTIFICATION_TTL - timedelta(seconds=1)
    assert titles(client_as("viewer", user="user_ann")("GET", "/events")) == ["About old"]
    clock.now += timedelta(seconds=1)
    ann = client_as("viewer", user="user_ann")
    assert titles(ann("GET", "/events")) == []
    assert ann("GET", f"/events/{id}").status == 404


@pytest.mark.parametrize("query", [{"unseen": "maybe"}, {"kind": ""}, {"limit": "0"}, {"limit": "201"}, {"knid": "x"}])
def test_invalid_queries_are_rejected(client_as, query):
    assert client_as("viewer")("GET", "/events", query=query).status == 422


def test_anonymous_callers_are_rejected(anonymous):
    assert anonymous("GET", "/events").status == 401
