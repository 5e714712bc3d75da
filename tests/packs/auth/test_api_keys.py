"""API keys: shown once, never more than their maker, scoped, expiring, revocable, and cheap to check."""

import hashlib
import re
from datetime import timedelta

import pytest

from chalicelib.foundation.auth import api_keys
from tests.packs.auth.auth_fixtures import *  # noqa: F403 - fixtures
from tests.packs.auth.auth_fixtures import rows, sign_in


@pytest.fixture(autouse=True)
def nothing_trusted():
    api_keys._actor_cache.clear()


def make(who, **changes):
    response = who("POST", "/auth/api-keys", {"name": "feed", "roles": ["viewer"], **changes})
    assert response.status == 201, response.text
    return response.json()


def use(anonymous, key, path="/auth/me"):
    return anonymous("GET", path, headers={"X-API-Key": key if isinstance(key, str) else key["key"]})


def trips(capsys):
    return int(re.findall(r'"round_trips":(\d+)', capsys.readouterr().out)[-1])


# -- life


def test_a_key_is_shown_once_and_kept_as_a_hash(anonymous, person, dynamodb):
    eve = person("viewer")
    made = make(eve)
    assert re.fullmatch(r"vk_[0-9A-Z]{26}_[A-Za-z0-9_-]{78}", made["key"])
    assert made["key"].startswith(f"vk_{made['prefix']}_")
    got = eve("GET", f"/auth/api-keys/{made['id']}").json()
    assert got == {name: value for name, value in made.items() if name != "key"}
    secret = made["key"][-78:]  # it may hold the character that separates it
    text = str(dynamodb.scan(TableName="valhalla-test")["Items"])
    assert secret not in text
    assert hashlib.sha256(made["key"].encode()).hexdigest() in text


def test_a_key_acts_as_its_user_by_kind_a_key(anonymous, person):
    eve = person("viewer")
    made = make(eve)
    me = use(anonymous, made).json()
    assert me["id"] == eve.id
    assert me["kind"] == "api_key"
    assert me["session_id"] == made["id"]
    assert me["roles"] == ["viewer"]


def test_a_replay_answers_the_key_without_its_secret(anonymous, person):
    eve, headers = person("viewer"), {"Idempotency-Key": "k1"}
    body = {"name": "feed", "roles": ["viewer"]}
    first = eve("POST", "/auth/api-keys", body, headers=headers)
    again = eve("POST", "/auth/api-keys", body, headers=headers)
    assert again.status == 201
    assert again.headers["idempotent-replayed"] == "true"
    assert again.json() == {**first.json(), "key": None}
    assert len(eve("GET", "/auth/api-keys").json()["items"]) == 1


def test_a_revoked_key_is_refused_after_two_seconds_at_most(anonymous, person, clock):
    eve = person("viewer")
    made = make(eve)
    assert use(anonymous, made).status == 200
    assert eve("DELETE", f"/auth/api-keys/{made['id']}").status == 204
    assert use(anonymous, made).status == 200
    clock.now += timedelta(seconds=2)
    assert use(anonymous, made).status == 401
    assert eve("GET", f"/auth/api-keys/{made['id']}").status == 404
    assert eve("DELETE", f"/auth/api-keys/{made['id']}").status == 404
    assert eve("GET", "/auth/api-keys").json()["items"] == []


def test_a_key_expires(anonymous, person, clock):
    eve = person("viewer")
    made = make(eve, expires_at="2026-11-24T18:10:00Z")
    assert use(anonymous, made).status == 200
    clock.now += timedelta(minutes=10)
    assert use(anonymous, made).status == 401
    assert eve("GET", f"/auth/api-keys/{made['id']}").status == 200, "it stays on record"


def test_an_expiry_in_the_past_is_refused(person):
    response = person("viewer")("POST", "/auth/api-keys", {"name": "k", "roles": ["viewer"], "expires_at": "2026-11-24T17:00:00Z"})
    assert response.status == 422


# -- rights


def test_a_key_takes_no_role_that_its_maker_lacks(person):
    response = person("viewer")("POST", "/auth/api-keys", {"name": "k", "roles": ["viewer", "operator"]})
    assert response.status == 403
    assert "operator" in response.json()["detail"]


def test_scopes_narrow_the_roles(anonymous, ada):
    made = make(ada, roles=["admin"], scopes=["users:read"])
    assert use(anonymous, made).json()["permissions"] == ["users:read"]
    assert use(anonymous, made, "/auth/users").status == 200
    key = {"X-API-Key": made["key"]}
    assert (
        anonymous("POST", "/auth/users", {"email": "a@example.com", "name": "A", "password": "x" * 13, "roles": []}, headers=key).status
        == 403
    )


def test_no_scope_at_all_is_not_every_scope(anonymous, ada):
    assert use(anonymous, make(ada, roles=["admin"], scopes=[])).json()["permissions"] == []
    assert "users:admin" in use(anonymous, make(ada, roles=["admin"], scopes=None)).json()["permissions"]


@pytest.mark.parametrize("scope", ["users:write", "nonsense:read"])
def test_a_scope_beyond_the_roles_is_refused(person, scope):
    assert person("viewer")("POST", "/auth/api-keys", {"name": "k", "roles": ["viewer"], "scopes": [scope]}).status == 422


def test_a_key_loses_what_its_user_loses(anonymous, ada, person, clock):
    eve = person("operator", "viewer")
    made = make(eve, roles=["operator", "viewer"])
    assert use(anonymous, made).json()["roles"] == ["operator", "viewer"]
    ada("PATCH", f"/auth/users/{eve.id}", {"roles": ["viewer", "auditor"]})
    clock.now += timedelta(seconds=2)
    assert use(anonymous, made).json()["roles"] == ["viewer"]
    assert use(anonymous, made, "/auth/users").status == 403


def test_a_key_carries_no_governance_role(anonymous, person):
    eve = person("viewer", governance_roles=["Loki"])
    assert use(anonymous, make(eve)).json()["roles"] == ["viewer"]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/auth/api-keys", {"name": "k", "roles": ["viewer"]}),
        ("GET", "/auth/sessions", None),
        ("DELETE", "/auth/sessions", None),
        ("POST", "/auth/me/password", {"current_password": "a long enough phrase", "new_password": "quite another phrase"}),
    ],
)
def test_a_key_is_no_way_to_its_users_account(anonymous, person, method, path, body):
    key = make(person("viewer"))["key"]
    assert anonymous(method, path, body, headers={"X-API-Key": key}).status == 403


def by_key(anonymous, key):
    return lambda method, path, body=None, **more: anonymous(method, path, body, headers={"X-API-Key": key["key"]}, **more)


@pytest.mark.parametrize("role", ["operator", "dealmaker", "viewer"])
def test_an_administrator_makes_a_key_with_a_role_whose_rights_they_hold(anonymous, person, runtime, role):
    ada = person("admin")
    made = make(ada, roles=[role])
    me = use(anonymous, made).json()
    assert me["roles"] == [role]
    assert set(me["permissions"]) == runtime.packs.roles.permissions([role])
    both = make(ada, roles=["operator", role], scopes=["wholesale:read"])
    assert [one for one in use(anonymous, both).json()["permissions"] if one.startswith("wholesale:")] == ["wholesale:read"]


@pytest.mark.parametrize("role", ["counsel", "auditor"])
def test_no_key_of_an_administrators_may_what_they_may_not(person, role):
    answer = person("admin")("POST", "/auth/api-keys", {"name": "k", "roles": ["operator", role]})
    assert answer.status == 403
    assert role in answer.json()["detail"]
    assert "operator" not in answer.json()["detail"]


def test_scopes_of_an_administrators_key_stay_below_its_role(person):
    ada = person("admin")
    assert ada("POST", "/auth/api-keys", {"name": "k", "roles": ["viewer"], "scopes": ["wholesale:write"]}).status == 422
    assert ada("POST", "/auth/api-keys", {"name": "k", "roles": ["viewer"], "scopes": ["wholesale:read"]}).status == 201


@pytest.mark.parametrize("role", ["operator", "dealmaker"])
def test_others_make_keys_with_their_own_roles_only(person, role):
    assert person(role)("POST", "/auth/api-keys", {"name": "k", "roles": ["viewer"]}).status == 403


def test_a_key_made_by_an_administrator_loses_its_role_with_their_rights(anonymous, ada, person, clock):
    bob = person("admin")
    made = make(bob, roles=["operator", "viewer"])
    ada("PATCH", f"/auth/users/{bob.id}", {"roles": ["viewer"]})
    clock.now += timedelta(seconds=2)
    assert use(anonymous, made).json()["roles"] == ["viewer"]


def test_what_narrows_a_role_is_no_scope_that_a_key_can_leave_out(anonymous, person):
    narrow = make(person("dealmaker"), roles=["dealmaker"], scopes=["tasks:read", "wholesale:read"])
    permissions = set(use(anonymous, narrow).json()["permissions"])
    assert permissions >= {"tasks:own-deals", "tasks:read", "wholesale:read"}
    assert "tasks:write" not in permissions


@pytest.mark.parametrize(
    ("roles", "scopes"),
    [(["viewer"], None), (["admin"], []), (["admin"], ["wholesale:read"]), (["admin"], ["users:read"]), (["admin"], None)],
    ids=["read-only", "no scopes", "scoped", "reads users", "all rights"],
)
def test_a_key_ends_none_of_its_makers_other_keys(anonymous, ada, person, roles, scopes):
    maker = person("admin", "viewer")
    other, call = make(maker), by_key(anonymous, make(maker, roles=roles, scopes=scopes))
    reads_users = "users:read" in (scopes if scopes is not None else ["users:read"] if roles == ["admin"] else [])
    assert call("GET", "/auth/api-keys").status == (200 if reads_users else 403)
    assert call("GET", f"/auth/api-keys/{other['id']}").status == (200 if reads_users else 404)
    assert call("DELETE", f"/auth/api-keys/{other['id']}").status in (403, 404)
    assert call("POST", "/auth/api-keys", {"name": "again", "roles": roles}).status == 403
    assert maker("GET", f"/auth/api-keys/{other['id']}").status == 200


def test_a_key_sees_and_ends_itself(anonymous, person):
    maker = person("viewer")
    made = make(maker)
    call = by_key(anonymous, made)
    assert call("GET", f"/auth/api-keys/{made['id']}").json()["prefix"] == made["prefix"]
    assert call("DELETE", f"/auth/api-keys/{made['id']}").status == 204
    assert maker("GET", f"/auth/api-keys/{made['id']}").status == 404


# -- whose keys


def test_everyone_sees_their_own_and_who_reads_users_sees_all(person, clock):
    eve, bob, operator = person("viewer"), person("viewer"), person("operator")
    first = make(eve)
    clock.now += timedelta(seconds=1)
    second = make(bob)
    assert [item["id"] for item in eve("GET", "/auth/api-keys").json()["items"]] == [first["id"]]
    assert [item["id"] for item in operator("GET", "/auth/api-keys").json()["items"]] == [second["id"], first["id"]]
    assert eve("GET", f"/auth/api-keys/{second['id']}").status == 404
    assert operator("GET", f"/auth/api-keys/{second['id']}").status == 200


def test_others_keys_are_revoked_by_who_writes_users(ada, person):
    made = make(person("viewer"))
    assert person("viewer")("DELETE", f"/auth/api-keys/{made['id']}").status == 404
    assert person("operator")("DELETE", f"/auth/api-keys/{made['id']}").status == 404
    assert ada("DELETE", f"/auth/api-keys/{made['id']}").status == 204


def test_keys_are_found_by_their_prefix(ada, person, clock):
    eve = person("viewer")
    first = make(eve)
    clock.now += timedelta(days=400)
    eve.pair, ada.pair = sign_in(eve.anonymous, eve.email).json(), sign_in(ada.anonymous).json()
    make(eve)
    for who in (eve, ada):
        for length in (4, 26):
            found = who("GET", "/auth/api-keys", query={"prefix": first["prefix"][:length]}).json()["items"]
            assert [item["id"] for item in found] == [first["id"]], length
        assert who("GET", "/auth/api-keys", query={"prefix": "7ZZZ"}).json()["items"] == []
        assert len(who("GET", "/auth/api-keys", query={"prefix": "0"}).json()["items"]) == 2


@pytest.mark.parametrize("id", ["nonsense", "key_u01ARZ3NDEKTSV4RRFFQ69G5FAV01ARZ3NDEKTSV4RRFFQ69G5FAV"])
def test_no_such_key(ada, id):
    assert ada("GET", f"/auth/api-keys/{id}").status == 404
    assert ada("DELETE", f"/auth/api-keys/{id}").status == 404


# -- presenting one


@pytest.mark.parametrize("change", ["", "x", "vk_", "cut", "last", "first", "other user"])
def test_a_wrong_key_is_refused(anonymous, person, change):
    key = make(person("viewer"))["key"]
    wrong = {
        "cut": key[:-1],
        "last": key[:-1] + ("A" if key[-1] != "A" else "B"),
        "first": key[:30] + "A" * 78,
        "other user": make(person("viewer"))["key"][:30] + key[30:],
    }.get(change, change)
    response = use(anonymous, wrong)
    assert response.status == 401
    assert response.json()["challenge"]


def test_two_ways_in_at_once_are_refused(anonymous, person):
    eve = person("viewer")
    assert eve("GET", "/auth/me", headers={"X-API-Key": make(eve)["key"]}).status == 401


def test_a_key_costs_one_read_and_none_within_two_seconds(anonymous, person, clock, capsys):
    made = make(person("viewer"))
    use(anonymous, made, "/auth/roles")
    assert trips(capsys) == 2, "the first use is stamped"
    use(anonymous, made, "/auth/roles")
    assert trips(capsys) == 0
    clock.now += timedelta(seconds=2)
    use(anonymous, made, "/auth/roles")
    assert trips(capsys) == 1


def test_a_use_is_stamped_every_five_minutes_and_is_no_change_of_the_key(anonymous, person, clock, dynamodb):
    eve = person("viewer")
    made = make(eve)
    assert made["last_used_at"] is None
    start = clock.now

    def used_at(after):
        clock.now = start + after
        use(anonymous, made)
        listed = eve("GET", "/auth/api-keys").json()["items"][0]["last_used_at"]
        got = eve("GET", f"/auth/api-keys/{made['id']}").json()
        assert (got["last_used_at"], got["revision"]) == (listed, 1)
        return listed

    first = used_at(timedelta(0))
    assert used_at(timedelta(minutes=4, seconds=58)) == first
    assert used_at(timedelta(minutes=5, seconds=1)) > first
    assert len(rows(dynamodb, "KEYUSED#")) == 1
