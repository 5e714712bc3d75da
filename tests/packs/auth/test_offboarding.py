"""Somebody has left: what is addressed to them, then or before, reaches the operators, who would otherwise never hear of it."""

from datetime import date, timedelta

import pytest

from chalicelib.foundation.actor import system_actor
from chalicelib.foundation.auth import offboarding
from chalicelib.foundation.events import Notification, forward_unread
from chalicelib.packs.events import schedules
from chalicelib.packs.wholesale import schedules as wholesale_schedules
from tests.packs.auth.auth_fixtures import *  # noqa: F403 - fixtures
from tests.packs.auth.auth_fixtures import SignedInUser, sign_in

OCCASION = date(2026, 11, 20)


@pytest.fixture
def store_event(context):
    """`store_event("key", user_id)`: an event for a user, as it was written while they were there."""

    def make(key, user_id, **values):
        event = Notification.for_occasion(
            context(),
            key,
            on=OCCASION,
            event="wholesale.follow_up",
            subject_type="pipeline",
            subject_id="pipe_1",
            title=key,
            for_user=user_id,
            **values,
        )
        context().store.call("put_item", TableName="valhalla-test", Item=event.to_item())
        return event.id

    return make


def titles(caller, **query):
    response = caller("GET", "/events", query=query)
    assert response.status == 200, response.text
    return [item["title"] for item in response.json()["items"]]


LEAVING = {
    "deleted": lambda ada, user: ada("DELETE", f"/auth/users/{user.id}"),
    "deactivated": lambda ada, user: ada("PATCH", f"/auth/users/{user.id}", {"is_active": False}),
}


@pytest.mark.parametrize("leave", LEAVING.values(), ids=LEAVING)
def test_unread_events_of_somebody_who_leaves_reach_the_operators(leave, ada, person, store_event):
    leaver, operator = person("dealmaker"), person("operator")
    id = store_event("unread", leaver.id)
    read = store_event("read", leaver.id)
    leaver("POST", f"/events/{read}/seen")
    assert titles(operator) == []
    assert leave(ada, leaver).status in (200, 204)
    assert titles(operator) == ["unread"]
    event = operator("GET", f"/events/{id}").json()
    assert (event["for_user"], event["for_role"], event["updated_by"]) == (leaver.id, "operator", ada.id)
    assert operator("POST", f"/events/{id}/seen").json()["seen_by"] == operator.id
    assert titles(person("dealmaker")) == []


def test_an_event_of_somebody_who_has_left_is_for_the_operators_from_the_start(ada, person, client_as, run_work, clock):
    leaver = person("dealmaker")
    pipeline = leaver("POST", "/wholesale", {}).json()["id"]
    ada("DELETE", f"/auth/users/{leaver.id}")
    clock.now += timedelta(days=8)
    run = run_work(wholesale_schedules.follow_ups)
    assert (run["done"], run["failed"]) == (1, 0)
    (event,) = client_as("operator")("GET", "/events").json()["items"]
    assert (event["subject_id"], event["for_user"], event["for_role"]) == (pipeline, leaver.id, "operator")


def test_a_reactivated_person_has_their_events_again_and_new_ones_alone(ada, person, client_as, store_event, run_work, clock):
    leaver, operator = person("dealmaker"), person("operator")
    leaver("POST", "/wholesale", {})
    id = store_event("before", leaver.id)
    ada("DELETE", f"/auth/users/{leaver.id}")
    operator("POST", f"/events/{id}/seen")
    ada("PATCH", f"/auth/users/{leaver.id}", {"is_active": True})
    clock.now += timedelta(minutes=1)
    back = SignedInUser(anonymous=ada.anonymous, id=leaver.id, email=leaver.email, pair=sign_in(ada.anonymous, leaver.email).json())
    assert titles(back, unseen="false") == ["before"]
    clock.now += timedelta(days=8)
    run_work(wholesale_schedules.follow_ups)
    back.pair = sign_in(ada.anonymous, leaver.email).json()
    assert [event["for_role"] for event in back("GET", "/events").json()["items"]] == [None, "operator"]
    assert titles(client_as("operator")) == ["before"]


def test_a_reactivated_operator_sees_an_event_once(ada, person, store_event):
    leaver = person("operator")
    store_event("mine", leaver.id)
    ada("DELETE", f"/auth/users/{leaver.id}")
    ada("PATCH", f"/auth/users/{leaver.id}", {"is_active": True})
    leaver.pair = sign_in(ada.anonymous, leaver.email).json()
    assert titles(leaver) == ["mine"]


def test_a_deactivation_forwards_a_bounded_number_and_the_schedule_the_rest(ada, person, store_event, run_work, monkeypatch):
    monkeypatch.setattr(offboarding, "FORWARDED_AT_ONCE", 2)
    leaver, operator, other = person("dealmaker"), person("operator"), person("dealmaker")
    for number in range(5):
        store_event(f"event {number}", leaver.id)
    store_event("another's", other.id)
    ada("DELETE", f"/auth/users/{leaver.id}")
    assert len(titles(operator)) == 2
    run = run_work(schedules.forward)
    assert (run["found"], run["done"], run["failed"]) == (3, 3, 0)
    assert sorted(titles(operator)) == [f"event {number}" for number in range(5)]
    assert run_work(schedules.forward)["found"] == 0
    assert titles(other) == ["another's"]


def test_the_schedule_finds_who_left_long_ago(ada, person, store_event, run_work):
    leaver, operator = person("dealmaker"), person("operator")
    ada("DELETE", f"/auth/users/{leaver.id}")
    id = store_event("old", leaver.id)  # as one that an earlier version of the code wrote
    assert titles(operator) == []
    run_work(schedules.forward)
    assert titles(operator) == ["old"]
    assert operator("GET", f"/events/{id}").json()["updated_by"] == "system:events-forward"


def test_an_event_that_is_read_meanwhile_stays_as_it_is(ada, person, store_event, runtime):
    leaver = person("dealmaker")
    id = store_event("read just now", leaver.id)
    ctx = runtime.context(request_id="r", actor=system_actor("test"))
    save = ctx.store.save

    def save_late(event):
        leaver("POST", f"/events/{id}/seen")
        save(event)

    ctx.store.save = save_late
    assert forward_unread(ctx, leaver.id, 10) == (1, 0)
    assert ctx.store.find(Notification, id).for_role is None


def test_an_event_that_the_index_still_shows_as_unread_is_not_forwarded(person, store_event, runtime):
    leaver = person("dealmaker")
    id = store_event("read", leaver.id)
    ctx = runtime.context(request_id="r", actor=system_actor("test"))
    pages = list(ctx.store.query_pages(Notification.BY_USER.range(for_user=leaver.id)))
    leaver("POST", f"/events/{id}/seen")
    ctx.store.query_pages = lambda *_, **__: iter(pages)
    assert forward_unread(ctx, leaver.id) == (0, 0)
    assert ctx.store.find(Notification, id).for_role is None
