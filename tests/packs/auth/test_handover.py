"""Handing over what somebody owned: by whom, to whom, page by page, and what becomes of the rows."""

import pytest

from chalicelib.foundation.auth import handover
from chalicelib.foundation.store.keys import reference_counter
from chalicelib.foundation.store.store import Store
from chalicelib.packs.wholesale.entities import PipelineActivityState
from tests.packs.auth.auth_fixtures import *  # noqa: F403 - fixtures
from tests.packs.auth.auth_fixtures import SignedInUser


@pytest.fixture
def leaver(person):
    return person("dealmaker")


@pytest.fixture
def heir(person):
    return person("dealmaker")


def pipelines_of(owner, count):
    return [owner("POST", "/wholesale", {"notes": f"{number}"}).json()["id"] for number in range(count)]


def hand_over(caller, source, target, **more):
    return caller("POST", f"/auth/users/{source.id}/handover", {"to": target.id}, **more)


def owners(caller, ids):
    return {caller("GET", f"/wholesale/{id}").json()["owner"] for id in ids}


def test_all_that_somebody_owned_belongs_to_another(ada, leaver, heir, context):
    mine, others = pipelines_of(leaver, 3), pipelines_of(heir, 1)
    unowned = ada("POST", "/wholesale", {"owner": None}).json()["id"]
    ada("DELETE", f"/auth/users/{leaver.id}")
    response = hand_over(ada, leaver, heir)
    assert (response.status, response.json()) == (200, {"moved": 3, "moved_by_kind": {"pipeline": 3}, "done": True})
    assert owners(ada, mine + others) == {heir.id}
    assert ada("GET", f"/wholesale/{unowned}").json()["owner"] is None
    assert ada("GET", "/wholesale", query={"owner": leaver.id}).json()["items"] == []
    state = PipelineActivityState.from_item(context().store.get_item(reference_counter(mine[0])))
    assert state.owner == heir.id
    assert heir("POST", f"/wholesale/{mine[0]}/activities", {"event_type": "call"}).status == 201


def test_each_row_says_who_handed_it_over(ada, leaver, heir):
    (id,) = pipelines_of(leaver, 1)
    before = ada("GET", f"/wholesale/{id}").json()
    response = hand_over(ada, leaver, heir, headers={"X-Correlation-ID": "leaving-42"})
    assert response.status == 200
    after = ada("GET", f"/wholesale/{id}").json()
    assert (after["revision"], after["updated_by"], after["owner"]) == (before["revision"] + 1, ada.id, heir.id)
    changed = {name for name in before if before[name] != after[name]}
    assert changed <= {"revision", "updated_at", "updated_by", "owner"}


def test_a_page_is_bounded_and_calling_again_goes_on(ada, leaver, heir, monkeypatch, round_trips):
    monkeypatch.setattr(handover, "MAX_ROWS", 2)
    ids = pipelines_of(leaver, 5)
    answers = []
    while not answers or not answers[-1]["done"]:
        answers.append(hand_over(ada, leaver, heir).json())
        assert round_trips() <= 7  # a query for each kind of thing that users own
    assert [answer["moved"] for answer in answers] == [2, 2, 1]
    assert owners(ada, ids) == {heir.id}
    assert hand_over(ada, leaver, heir).json() == {"moved": 0, "moved_by_kind": {}, "done": True}


def test_a_repeated_key_gets_the_first_answer(ada, leaver, heir, monkeypatch):
    monkeypatch.setattr(handover, "MAX_ROWS", 1)
    pipelines_of(leaver, 2)
    first, again = (hand_over(ada, leaver, heir, headers={"Idempotency-Key": "k"}) for _ in range(2))
    assert (first.text, again.headers["idempotent-replayed"]) == (again.text, "true")
    assert hand_over(ada, leaver, heir, headers={"Idempotency-Key": "another"}).json()["moved"] == 1


def test_a_row_that_changes_meanwhile_is_left_to_the_next_call(ada, leaver, heir, monkeypatch, context):
    ids = pipelines_of(leaver, 2)
    changed = []

    def write_first(ctx, owned, before, target_id, move=handover._move):
        if not changed:
            changed.append(before.id)
            ada("PATCH", f"/wholesale/{before.id}", {"notes": "written meanwhile"})
        move(ctx, owned, before, target_id)

    monkeypatch.setattr(handover, "_move", write_first)
    assert hand_over(ada, leaver, heir).json() == {"moved": 1, "moved_by_kind": {"pipeline": 1}, "done": False}
    assert hand_over(ada, leaver, heir).json() == {"moved": 1, "moved_by_kind": {"pipeline": 1}, "done": True}
    assert owners(ada, ids) == {heir.id}
    assert ada("GET", f"/wholesale/{changed[0]}").json()["notes"] == "written meanwhile"


@pytest.mark.parametrize("role", ["operator", "dealmaker", "auditor", "viewer"])
def test_only_who_governs_users_hands_over(role, person, leaver, heir):
    assert hand_over(person(role), leaver, heir).status == 403


def key_with(ada, *scopes):
    body = {"name": "key", "roles": ["admin"], **({"scopes": list(scopes)} if scopes else {})}
    key = ada("POST", "/auth/api-keys", body).json()["key"]
    return lambda *arguments: ada.anonymous(*arguments, headers={"X-API-Key": key})


def test_a_key_must_hold_the_rights_over_what_moves(ada, leaver, heir):
    (id,) = pipelines_of(leaver, 1)
    narrow = hand_over(key_with(ada, "users:write"), leaver, heir)
    assert (narrow.status, "wholesale:reassign" in narrow.json()["detail"]) == (403, True)
    assert hand_over(key_with(ada, "wholesale:reassign", "wholesale:write"), leaver, heir).status == 403
    assert owners(ada, [id]) == {leaver.id}
    assert hand_over(key_with(ada), leaver, heir).json()["moved"] == 1


def test_a_key_hands_over_nothing_of_who_may_do_more(ada, person, heir):
    boss = person("admin")
    assert hand_over(key_with(ada, "users:write", "wholesale:reassign"), boss, heir).status == 403


def test_the_new_owner_must_be_there_and_able_to_work_on_it(ada, leaver, person):
    (id,) = pipelines_of(leaver, 1)
    gone, viewer = person("dealmaker"), person("viewer")
    ada("DELETE", f"/auth/users/{gone.id}")
    unknown = SignedInUser(anonymous=ada.anonymous, id="user_01ARZ3NDEKTSV4RRFFQ69G5FAV", pair={})
    for target in (gone, viewer, unknown, leaver):
        response = hand_over(ada, leaver, target)
        assert (response.status, [error["loc"] for error in response.json()["errors"]]) == (422, [["to"]]), response.text
    assert owners(ada, [id]) == {leaver.id}
    assert hand_over(ada, unknown, leaver).status == 404
    assert ada("POST", f"/auth/users/{leaver.id}/handover", {}).status == 422


def test_a_new_owner_who_leaves_meanwhile_gets_no_more(ada, leaver, heir, monkeypatch):
    ids = pipelines_of(leaver, 3)
    moved = []

    def leave_after_the_first(ctx, owned, before, target_id, move=handover._move):
        move(ctx, owned, before, target_id)
        if not moved:
            ada("DELETE", f"/auth/users/{heir.id}")
        moved.append(before.id)

    monkeypatch.setattr(handover, "_move", leave_after_the_first)
    assert hand_over(ada, leaver, heir).json() == {"moved": 1, "moved_by_kind": {"pipeline": 1}, "done": False}
    assert hand_over(ada, leaver, heir).status == 422
    assert len([id for id in ids if ada("GET", f"/wholesale/{id}").json()["owner"] == leaver.id]) == 2


def test_an_administrator_who_was_deactivated_hands_over_nothing(ada, person, leaver, heir):
    former = person("admin")
    (id,) = pipelines_of(leaver, 1)
    ada("DELETE", f"/auth/users/{former.id}")
    assert hand_over(former, leaver, heir).status == 401  # the token is good for some minutes yet
    assert owners(ada, [id]) == {leaver.id}


def test_a_pipeline_keeps_its_history_and_its_place_in_the_board(ada, leaver, heir):
    (id,) = pipelines_of(leaver, 1)
    leaver("POST", f"/wholesale/{id}/stage", {"stage": "offer_made", "price": 100_000})
    before = ada("GET", f"/wholesale/{id}/history").json()
    hand_over(ada, leaver, heir)
    assert ada("GET", f"/wholesale/{id}/history").json() == before
    assert [item["id"] for item in ada("GET", "/wholesale", query={"stage": "offer_made"}).json()["items"]] == [id]


def test_what_there_is_no_time_for_is_left_to_the_next_call(ada, leaver, heir, monkeypatch):
    (id,) = pipelines_of(leaver, 1)
    with monkeypatch.context() as short:
        short.setattr(handover, "_SECONDS_RESERVED", 1_000)
        assert hand_over(ada, leaver, heir).json() == {"moved": 0, "moved_by_kind": {}, "done": False}
    assert owners(ada, [id]) == {leaver.id}
    assert hand_over(ada, leaver, heir).json()["moved"] == 1


def test_a_row_that_the_index_still_shows_is_not_taken_from_its_new_owner(ada, person, leaver, heir, monkeypatch):
    ids, third = pipelines_of(leaver, 2), person("dealmaker")
    read = Store.query_all

    def read_before_a_change(store, *arguments, **more):
        rows = list(read(store, *arguments, **more))
        ada("PATCH", f"/wholesale/{ids[0]}", {"owner": third.id})
        return iter(rows)

    with monkeypatch.context() as behind:
        behind.setattr(Store, "query_all", read_before_a_change)
        assert hand_over(ada, leaver, heir).json() == {"moved": 1, "moved_by_kind": {"pipeline": 1}, "done": True}
    assert [owners(ada, [id]) for id in ids] == [{third.id}, {heir.id}]
