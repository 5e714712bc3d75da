"""Who lost their rights changes nothing that gives rights, though their token or key still lives: the request itself reads who they are."""

from datetime import timedelta

import pytest

from chalicelib.foundation.auth import api_keys, users
from chalicelib.foundation.auth.schemas import ApiKeyCreate, UserCreate, UserPatch
from chalicelib.foundation.errors import Forbidden, NotFound, Unauthenticated
from chalicelib.foundation.manifest import PUBLIC, SIGNED_IN, Endpoint, Pack, PermissionRow
from chalicelib.foundation.roles import RoleMatrix
from chalicelib.packs import PACKS
from tests.api.endpoint_cases import ALL, assert_problem, body_of, path_of
from tests.packs.auth.auth_fixtures import *  # noqa: F403 - fixtures
from tests.packs.auth.auth_fixtures import sign_in

MATRIX = RoleMatrix(PACKS)
LIVE = [endpoint for _, endpoint in ALL if MATRIX.needs_live_caller(endpoint)]
ADDRESS = {"line1": "1 Main St", "city": "Seattle", "region": "WA", "postal_code": "98101"}
LEAD = {"property": {"address": ADDRESS}, "seller": {"name": "Ada Byron", "phone": "+1 206 555 0100"}}
EVE = {"email": "eve@example.com", "name": "Eve", "password": "another long phrase", "roles": ["admin"]}


@pytest.fixture(autouse=True)
def no_cached_keys():
    api_keys._actor_cache.clear()


@pytest.fixture
def bob(person):
    """A second administrator, who is about to lose their rights."""
    return person("admin", "operator")


def key_of(who, **values):
    response = who("POST", "/auth/api-keys", {"name": "k", "roles": ["admin"], **values})
    assert response.status == 201, response.text
    return response.json()


def by_key(anonymous, key):
    return lambda method, path, body=None, **more: anonymous(
        method, path, body, headers={"X-API-Key": key["key"], **more.get("headers", {})}
    )


def deactivate(ada, bob, dynamodb):
    assert ada("DELETE", f"/auth/users/{bob.id}").status == 204


def demote(ada, bob, dynamodb):
    assert ada("PATCH", f"/auth/users/{bob.id}", {"roles": ["viewer"]}).status == 200


def delete(ada, bob, dynamodb):
    key = {"pk": {"S": bob.id}, "sk": {"S": "~"}}
    values = {":now": {"S": "2026-11-24T18:00:00.000000Z"}}
    dynamodb.update_item(TableName="valhalla-test", Key=key, UpdateExpression="SET deleted_at = :now", ExpressionAttributeValues=values)


def end_session(ada, bob, dynamodb):
    session = bob("GET", "/auth/me").json()["session_id"]
    assert bob("DELETE", f"/auth/sessions/{session}").status == 204


def end_all_sessions(ada, bob, dynamodb):
    assert bob("DELETE", "/auth/sessions").status == 204


LOSSES = [(deactivate, 401), (demote, 403), (delete, 401), (end_session, 401), (end_all_sessions, 401)]


# -- tokens


@pytest.mark.parametrize(("lose", "status"), LOSSES, ids=lambda value: getattr(value, "__name__", ""))
def test_a_token_that_still_lives_changes_no_users(ada, bob, person, dynamodb, lose, status):
    eve = person("viewer")
    lose(ada, bob, dynamodb)
    assert bob("POST", "/auth/users", EVE).status == status
    assert bob("POST", "/auth/invitations", {"email": "x@example.com", "name": "X", "roles": ["admin"]}).status == status
    assert bob("PATCH", f"/auth/users/{bob.id}", {"is_active": True, "roles": ["admin"]}).status == status
    assert bob("DELETE", f"/auth/users/{eve.id}").status == status
    assert ada("GET", f"/auth/users/{eve.id}").json()["is_active"] is True


@pytest.mark.parametrize("endpoint", LIVE, ids=lambda endpoint: f"{endpoint.method} {endpoint.path}")
def test_every_change_of_rights_refuses_somebody_deactivated(ada, bob, endpoint):
    ada("DELETE", f"/auth/users/{bob.id}")
    answer = bob(endpoint.method, path_of(endpoint), body_of(endpoint))
    assert_problem(answer, "unauthenticated")
    assert answer.headers["www-authenticate"].startswith("Bearer")


def test_what_a_token_reads_lasts_until_it_expires(ada, bob, anonymous, clock):
    ada("DELETE", f"/auth/users/{bob.id}")
    assert bob("GET", "/wholesale").status == 200, "reading by token reads no user"
    clock.now += timedelta(minutes=17)
    assert bob("GET", "/wholesale").status == 401


def test_new_rights_still_come_with_the_next_token(ada, person):
    eve = person("viewer")
    ada("PATCH", f"/auth/users/{eve.id}", {"roles": ["admin"]})
    assert eve("POST", "/auth/users", EVE).status == 403
    eve.pair = sign_in(eve.anonymous, eve.email).json()
    assert eve("POST", "/auth/users", EVE).status == 201


def test_it_costs_one_read_and_only_there(ada, round_trips):
    ada("GET", "/auth/users")
    assert round_trips() == 1
    ada("POST", "/wholesale/calculate", {"arv_estimate": 300000})
    assert round_trips() == 0
    ada("POST", "/auth/users", EVE)
    assert round_trips() == 2, "who asks, and the transaction"


# -- keys


@pytest.mark.parametrize("lose", [deactivate, demote, delete], ids=lambda value: value.__name__)
def test_a_key_that_a_process_has_just_verified_changes_no_users(ada, bob, anonymous, dynamodb, lose):
    call = by_key(anonymous, key_of(bob))
    assert call("GET", "/auth/me").status == 200
    lose(ada, bob, dynamodb)
    assert call("GET", "/auth/me").status == 200, "trusted for two seconds"
    assert call("POST", "/auth/users", EVE).status in (401, 403)


def test_a_revoked_key_changes_no_users_at_once(bob, anonymous):
    key = key_of(bob)
    call = by_key(anonymous, key)
    assert call("GET", "/auth/me").status == 200
    bob("DELETE", f"/auth/api-keys/{key['id']}")
    assert call("POST", "/auth/users", EVE).status == 401


# -- in the middle of a request


def actor_of(runtime, ctx, who):
    return runtime.identify({"authorization": f"Bearer {who.pair['access_token']}"}, ctx, live=True)


@pytest.mark.parametrize(("lose", "status"), LOSSES, ids=lambda value: getattr(value, "__name__", ""))
def test_rights_lost_between_reading_and_writing_are_lost(runtime, ada, bob, person, dynamodb, lose, status):
    """A request that has read who asks, and writes after they lost their rights, writes nothing."""
    eve = person("viewer")
    ctx = runtime.context(request_id="slow")
    ctx.actor = actor_of(runtime, ctx, bob)
    lose(ada, bob, dynamodb)
    for step in (
        lambda: users.create(ctx, UserCreate(**EVE)),
        lambda: users.change(ctx, eve.id, UserPatch(name="Evelyn")),
        lambda: users.deactivate(ctx, eve.id),
        lambda: api_keys.create(ctx, ApiKeyCreate(name="k", roles=["operator"])),
    ):
        with pytest.raises((Unauthenticated, Forbidden, NotFound)):
            step()
    left = ada("GET", f"/auth/users/{eve.id}").json()
    assert (left["name"], left["is_active"]) == ("Somebody", True)
    assert not [user for user in ada("GET", "/auth/users").json()["items"] if user["email"] == EVE["email"]]
    assert ada("GET", "/auth/api-keys").json()["items"] == []


@pytest.mark.parametrize("lose", [deactivate, demote], ids=lambda value: value.__name__)
def test_nobody_takes_back_what_they_lost_meanwhile(runtime, ada, bob, dynamodb, lose):
    ctx = runtime.context(request_id="slow")
    ctx.actor = actor_of(runtime, ctx, bob)
    lose(ada, bob, dynamodb)
    with pytest.raises(Unauthenticated):
        users.change(ctx, bob.id, UserPatch(is_active=True, roles=["admin"]))


# -- the declaration


def test_one_word_of_a_row_of_permissions_makes_its_changes_live():
    live, plain = PermissionRow("flags", {"admin": "rwa"}, live=True), PermissionRow("parcels", {"admin": "rwa"})
    matrix = RoleMatrix([Pack("T", "t", "T", "t", permissions=(live, plain))])

    def needs(method, permission):
        return matrix.needs_live_caller(Endpoint(method, "/x", "x", permission, ""))

    assert [needs(method, "flags:write") for method in ("POST", "PUT", "PATCH", "DELETE", "GET")] == [True] * 4 + [False]
    assert not needs("POST", "parcels:write")
    assert needs("POST", "parcels:admin"), "what only administrators may is a setting or a policy"
    assert needs("POST", SIGNED_IN), "the caller's own account and credentials"
    assert not needs("POST", PUBLIC)


def test_changes_of_users_roles_keys_settings_and_policies_are_live():
    live = {(endpoint.method, endpoint.path) for endpoint in LIVE}
    expected = {
        ("POST", "/auth/invitations"),
        ("POST", "/auth/users"),
        ("PATCH", "/auth/users/{id}"),
        ("DELETE", "/auth/users/{id}"),
        ("POST", "/auth/api-keys"),
        ("DELETE", "/auth/api-keys/{id}"),
        ("DELETE", "/auth/sessions"),
        ("DELETE", "/auth/sessions/{id}"),
        ("POST", "/auth/me/password"),
        ("DELETE", "/ops/cache"),
    }
    assert expected <= live
    assert {"users", "ops", "governance"} <= {name for name, row in MATRIX.rows.items() if row.live}


# -- replays


def test_a_narrower_key_is_answered_nothing_of_its_makers_request(person, anonymous):
    eve, header = person("operator"), {"Idempotency-Key": "same"}
    made = eve("POST", "/wholesale", LEAD, headers=header)
    assert made.status == 201, made.text
    narrow = key_of(eve, roles=["operator"], scopes=["wholesale:read", "wholesale:write"])
    answer = by_key(anonymous, narrow)("POST", "/wholesale", LEAD, headers=header)
    assert "idempotent-replayed" not in answer.headers
    assert answer.json().get("id") != made.json()["id"]
    wide = key_of(eve, roles=["operator"])
    by_wide = by_key(anonymous, wide)("POST", "/wholesale", LEAD, headers={"Idempotency-Key": "of keys"})
    by_narrow = by_key(anonymous, narrow)("POST", "/wholesale", LEAD, headers={"Idempotency-Key": "of keys"})
    assert by_wide.status == 201
    assert by_narrow.json().get("id") != by_wide.json()["id"]


def test_the_same_credential_and_the_same_persons_next_session_are_answered_again(person, anonymous):
    eve, header = person("operator"), {"Idempotency-Key": "same"}
    first = eve("POST", "/wholesale", LEAD, headers=header)
    eve.pair = sign_in(anonymous, eve.email).json()
    assert eve("POST", "/wholesale", LEAD, headers=header).json() == first.json()
    call = by_key(anonymous, key_of(eve, roles=["operator"]))
    by_call = call("POST", "/wholesale", LEAD, headers=header)
    again = call("POST", "/wholesale", LEAD, headers=header)
    assert again.json() == by_call.json()
    assert again.headers["idempotent-replayed"] == "true"


def test_who_lost_a_role_is_answered_nothing_that_was_made_with_it(ada, person, anonymous):
    eve, header = person("operator", "dealmaker"), {"Idempotency-Key": "same"}
    assert eve("POST", "/wholesale", LEAD, headers=header).status == 201
    ada("PATCH", f"/auth/users/{eve.id}", {"roles": ["dealmaker"]})
    eve.pair = sign_in(anonymous, eve.email).json()
    answer = eve("POST", "/wholesale", LEAD, headers=header)
    assert_problem(answer, "forbidden")
    assert "seller" not in answer.text
    ada("PATCH", f"/auth/users/{eve.id}", {"roles": ["dealmaker", "operator", "viewer"]})
    eve.pair = sign_in(anonymous, eve.email).json()
    assert eve("POST", "/wholesale", LEAD, headers=header).headers["idempotent-replayed"] == "true"
