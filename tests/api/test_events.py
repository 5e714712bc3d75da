"""Events: each caller's own and their roles', newest first, and one mark that they have been seen."""

from datetime import date, timedelta

import pytest

from chalicelib.foundation.events import LIFE, Event


@pytest.fixture
def tell(context, clock):
    """`tell("key", for_user=…)`: an event as a schedule writes it."""

    def make(key, *, on=date(2026, 11, 24), kind="wholesale.follow_up", **values):
        ctx = context()
        event = Event.single(ctx, key, on=on, event=kind, subject_type="pipeline", subject_id="pipe_1", title=f"About {key}", **values)
        ctx.store.call("put_item", TableName=ctx.store.table, Item=event.to_item())
        return event.id

    return make


def titles(answer):
    assert answer.status == 200, answer.text
    return [item["title"] for item in answer.json()["items"]]


def test_own_and_role_events_are_merged_newest_first(tell, as_):
    tell("a", on=date(2026, 11, 20), for_user="user_ann")
    tell("b", on=date(2026, 11, 21), for_role="operator")
    tell("c", on=date(2026, 11, 22), for_user="user_ann")
    tell("d", on=date(2026, 11, 23), for_role="dealmaker")
    tell("e", on=date(2026, 11, 23), for_user="user_bob")
    tell("f", on=date(2026, 11, 23), for_role="admin")
    assert titles(as_("operator", user="user_ann")("GET", "/events")) == ["About c", "About b", "About a"]
    assert titles(as_("operator", "dealmaker", user="user_ann")("GET", "/events")) == ["About d", "About c", "About b", "About a"]
    assert titles(as_("viewer", user="user_bob")("GET", "/events")) == ["About e"]


def test_the_same_occasion_told_twice_is_one_event(tell, as_):
    assert tell("same", for_user="user_ann") == tell("same", for_user="user_ann")
    assert titles(as_("viewer", user="user_ann")("GET", "/events")) == ["About same"]


def test_lists_are_filtered_and_paged(tell, as_):
    ids = [tell(f"{day}", on=date(2026, 11, day), for_user="user_ann", kind="alarm" if day % 2 else "follow_up") for day in range(1, 8)]
    ann = as_("viewer", user="user_ann")
    ann("POST", f"/events/{ids[0]}/seen")
    assert titles(ann("GET", "/events", query={"kind": "alarm", "unseen": "true"})) == ["About 7", "About 5", "About 3"]
    assert titles(ann("GET", "/events", query={"unseen": "false"})) == ["About 1"]
    first = ann("GET", "/events", query={"limit": "3"})
    second = ann("GET", "/events", query={"limit": "3", "cursor": first.json()["next_cursor"]})
    third = ann("GET", "/events", query={"limit": "3", "cursor": second.json()["next_cursor"]})
    assert titles(first) + titles(second) + titles(third) == [f"About {day}" for day in range(7, 0, -1)]
    assert third.json()["next_cursor"] is None
    assert ann("GET", "/events", query={"kind": "alarm", "cursor": first.json()["next_cursor"]}).status == 400


def test_a_cursor_ends_when_the_callers_roles_change(tell, as_):
    for day in range(1, 5):
        tell(f"{day}", on=date(2026, 11, day), for_user="user_ann")
    cursor = as_("viewer", user="user_ann")("GET", "/events", query={"limit": "2"}).json()["next_cursor"]
    answer = as_("viewer", "operator", user="user_ann")("GET", "/events", query={"limit": "2", "cursor": cursor})
    assert (answer.status, answer.json()["type"]) == (400, "/problems/bad-request")


def test_anothers_event_is_not_there(tell, as_):
    own, role = tell("own", for_user="user_ann"), tell("role", for_role="admin")
    stranger = as_("viewer", user="user_bob")
    for id in (own, role, "evt_01ARZ3NDEKTSV4RRFFQ69G5FAV", "evt_x"):
        for method, path in (("GET", f"/events/{id}"), ("POST", f"/events/{id}/seen")):
            answer = stranger(method, path)
            assert (answer.status, answer.json()["detail"]) == (404, "No such event.")


def test_seen_is_marked_once_and_names_who(tell, as_, clock):
    id = tell("duty", for_role="operator", data={"days": 7})
    first = as_("operator", user="user_ann")("POST", f"/events/{id}/seen")
    assert first.status == 200, first.text
    body = first.json()
    assert (body["seen_by"], body["seen_at"], body["revision"], body["data"]) == ("user_ann", "2026-11-24T18:00:00.000Z", 2, {"days": 7})
    clock.now += timedelta(hours=1)
    again = as_("operator", user="user_bob")("POST", f"/events/{id}/seen").json()
    assert (again["seen_by"], again["revision"]) == ("user_ann", 2)
    assert as_("operator")("GET", f"/events/{id}").headers["etag"] == '"2"'
    (listed,) = as_("operator")("GET", "/events").json()["items"]
    assert listed["seen_by"] == "user_ann"


def test_marking_replays_by_its_key(tell, as_):
    id = tell("duty", for_user="user_ann")
    ann = as_("viewer", user="user_ann")
    answers = [ann("POST", f"/events/{id}/seen", headers={"Idempotency-Key": "k"}) for _ in range(2)]
    assert answers[0].text == answers[1].text
    assert answers[1].headers["idempotent-replayed"] == "true"


def test_an_event_that_has_run_out_is_gone_before_the_table_removes_it(tell, as_, clock):
    id = tell("old", for_user="user_ann")
    ann = as_("viewer", user="user_ann")
    clock.now += LIFE - timedelta(seconds=1)
    assert titles(as_("viewer", user="user_ann")("GET", "/events")) == ["About old"]
    clock.now += timedelta(seconds=1)
    ann = as_("viewer", user="user_ann")
    assert titles(ann("GET", "/events")) == []
    assert ann("GET", f"/events/{id}").status == 404


@pytest.mark.parametrize("query", [{"unseen": "maybe"}, {"kind": ""}, {"limit": "0"}, {"limit": "201"}, {"knid": "x"}])
def test_wrong_queries_are_refused(as_, query):
    assert as_("viewer")("GET", "/events", query=query).status == 422


def test_nobody_is_told_nothing(nobody):
    assert nobody("GET", "/events").status == 401
