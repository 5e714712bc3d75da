"""Users: unique addresses, roles and who may grant them, the last administrator, first administrators, idempotency."""

import hashlib
import zlib
from datetime import timedelta

import pytest
from typer.testing import CliRunner

import ops.bootstrap
import ops.cli
from chalicelib.foundation.auth import users
from chalicelib.foundation.auth.entities import User
from chalicelib.foundation.canonical_json import Numbers, canonical_json
from chalicelib.foundation.errors import Conflict
from chalicelib.foundation.store import codec
from chalicelib.foundation.store.store import encode_key
from ops.bootstrap import bootstrap_admin
from tests.packs.auth.auth_fixtures import *  # noqa: F403 - fixtures
from tests.packs.auth.auth_fixtures import EMAIL, PASSWORD, refresh, rows, sign_in

EVE = {"email": "Eve@Example.com", "name": "Eve", "password": "another long phrase", "roles": ["viewer"]}


def holders(dynamodb):
    item = dynamodb.get_item(TableName="valhalla-test", Key=encode_key(users.ROLE_COUNTS)).get("Item", {})
    return {name: int(value["N"]) for name, value in item.items() if "N" in value}


# -- making users


def test_a_user_is_made_read_and_listed_without_secrets(ada, clock):
    clock.now += timedelta(milliseconds=1)
    made = ada("POST", "/auth/users", {**EVE, "governance_roles": ["Tyr"]})
    assert made.status == 201, made.text
    body = made.json()
    assert made.headers["location"] == f"/auth/users/{body['id']}"
    assert body["email"] == "Eve@Example.com"
    assert body["roles"] == ["viewer"]
    assert body["governance_roles"] == ["Tyr"]
    assert body["is_active"] is True
    assert body["has_password"] is True
    assert body["password_is_initial"] is True
    assert body["created_by"] == ada.id
    got = ada("GET", f"/auth/users/{body['id']}")
    assert got.json() == body
    assert got.headers["etag"] == '"1"'
    [first, second] = ada("GET", "/auth/users").json()["items"]
    assert (first["id"], second["id"]) == (body["id"], ada.id)
    for text in (made.text, got.text, str(first)):
        assert "argon2" not in text
        assert "another long phrase" not in text


def test_lists_are_filtered_by_role_and_standing(ada, person):
    viewer, auditor = person("viewer"), person("auditor", governance_roles=["Loki"])
    ada("DELETE", f"/auth/users/{viewer.id}")

    def found(**query):
        return [item["id"] for item in ada("GET", "/auth/users", query=query).json()["items"]]

    assert found(role="auditor") == [auditor.id]
    assert found(role="Loki") == [auditor.id]
    assert found(is_active="false") == [viewer.id]
    assert found(is_active="true") == [auditor.id, ada.id]


def test_roles_come_once_each_in_the_matrixs_order(ada):
    made = ada("POST", "/auth/users", {**EVE, "roles": ["viewer", "operator", "viewer"]})
    assert made.json()["roles"] == ["operator", "viewer"]


@pytest.mark.parametrize("email", ["eve@example.com", "EVE@EXAMPLE.COM", " Eve@example.com ", "ｅｖｅ@example.com"])
def test_an_address_is_taken_in_every_spelling(ada, email):
    assert ada("POST", "/auth/users", EVE).status == 201
    response = ada("POST", "/auth/users", {**EVE, "email": email})
    assert response.status == 409
    assert response.json()["code"] == "email_taken"


@pytest.mark.parametrize("email", ["e.ve@example.com", "eve+tag@example.com"])
def test_dots_and_tags_make_another_address(ada, email):
    assert ada("POST", "/auth/users", EVE).status == 201
    assert ada("POST", "/auth/users", {**EVE, "email": email}).status == 201


@pytest.mark.parametrize("password", ["short", "eve@example.com", "password1234", "x" * 201])
def test_a_password_that_will_not_do_is_refused_and_not_repeated(ada, password):
    response = ada("POST", "/auth/users", {**EVE, "email": "eve@example.com", "password": password})
    assert response.status == 422
    assert response.json()["errors"][0]["loc"] == ["password"]
    assert password == "eve@example.com" or password not in response.text


def test_a_professional_needs_to_be_one(ada):
    response = ada("POST", "/auth/users", {**EVE, "roles": ["professional"]})
    assert response.status == 422
    assert response.json()["errors"][0]["loc"] == ["professional_id"]
    pro = professional(ada)
    made = ada("POST", "/auth/users", {**EVE, "roles": ["professional"], "professional_id": pro})
    assert made.json()["professional_id"] == pro
    assert ada("PATCH", f"/auth/users/{made.json()['id']}", {"professional_id": None}).status == 422


def professional(ada):
    return ada("POST", "/pros/scorecard/professionals", {"name": "Grace Hopper", "role": "lawyer"}).json()["id"]


UNKNOWN_PROFESSIONAL = "pro_01ARZ3NDEKTSV4RRFFQ69G5FAV"


def test_a_user_is_a_professional_that_there_is(ada, person):
    asked = {**EVE, "roles": ["professional"], "professional_id": UNKNOWN_PROFESSIONAL}
    assert ada("POST", "/auth/users", asked).status == 404
    assert ada("POST", "/auth/invitations", {name: value for name, value in asked.items() if name != "password"}).status == 404
    user = person("viewer").id
    assert ada("PATCH", f"/auth/users/{user}", {"professional_id": UNKNOWN_PROFESSIONAL}).status == 404
    assert ada("PATCH", f"/auth/users/{user}", {"professional_id": "pro_1"}).status == 422


def test_a_professional_who_is_a_user_stays(ada, person):
    pro, other = professional(ada), professional(ada)
    path = f"/pros/scorecard/professionals/{pro}"
    first, second = person("professional", professional_id=pro), person("professional", professional_id=pro)
    refusal = ada("DELETE", path).json()
    assert (refusal["code"], sorted(refusal["held_by"])) == ("referred_to", sorted([first.id, second.id]))
    assert ada("PATCH", f"/auth/users/{first.id}", {"professional_id": other}).status == 200
    assert ada("DELETE", f"/auth/users/{second.id}").status == 204  # who was deactivated may come back
    assert ada("DELETE", path).json()["held_by"] == [second.id]
    assert ada("PATCH", f"/auth/users/{second.id}", {"roles": ["viewer"], "professional_id": None}).status == 200
    assert ada("DELETE", path).status == 204
    assert ada("DELETE", f"/pros/scorecard/professionals/{other}").json()["held_by"] == [first.id]
    assert ada("PATCH", f"/auth/users/{second.id}", {"professional_id": pro}).status == 409


def test_a_user_from_before_professionals_were_kept_here_can_become_one(ada, person, runtime):
    user = person("viewer").id
    old = runtime.store().require(User, user)
    change = {"UpdateExpression": "SET professional_id = :old", "ExpressionAttributeValues": {":old": {"S": UNKNOWN_PROFESSIONAL}}}
    runtime.dynamodb.update_item(TableName=runtime.settings.table, Key=encode_key(old.key), **change)
    assert ada("PATCH", f"/auth/users/{user}", {"name": "Grace"}).status == 200
    pro = professional(ada)
    assert ada("PATCH", f"/auth/users/{user}", {"professional_id": pro}).json()["professional_id"] == pro


def test_an_invited_professional_counts_once(ada):
    pro = professional(ada)
    invitation = {"email": EVE["email"], "name": "Eve", "roles": ["professional"], "professional_id": pro}
    invited = [ada("POST", "/auth/invitations", invitation).json()["user_id"] for _ in range(2)]
    assert ada("DELETE", f"/pros/scorecard/professionals/{pro}").json()["held_by"] == invited[:1]
    assert ada("PATCH", f"/auth/users/{invited[0]}", {"roles": ["viewer"], "professional_id": None}).status == 200
    assert ada("DELETE", f"/pros/scorecard/professionals/{pro}").status == 204


def test_a_professionals_token_says_who_they_are(ada, person):
    pro = professional(ada)
    assert person("professional", professional_id=pro)("GET", "/auth/me").json()["professional_id"] == pro


@pytest.mark.parametrize("body", [{**EVE, "roles": ["king"]}, {**EVE, "admin": True}, {**EVE, "roles": "viewer"}, {"email": "a@b.co"}])
def test_what_is_no_user_is_refused(ada, body):
    assert ada("POST", "/auth/users", body).status == 422


# -- idempotency


def test_a_replay_answers_the_first_answer_and_makes_nobody(ada, dynamodb):
    key = {"Idempotency-Key": "make-eve"}
    first = ada("POST", "/auth/users", EVE, headers=key)
    again = ada("POST", "/auth/users", EVE, headers=key)
    assert (first.status, again.status) == (201, 201)
    assert again.json() == first.json()
    assert again.headers["idempotent-replayed"] == "true"
    assert ada("POST", "/auth/users", {**EVE, "password": "a third long phrase"}, headers=key).status == 422


def test_the_idempotency_record_is_no_oracle_for_the_password(ada, dynamodb):
    ada("POST", "/auth/users", EVE, headers={"Idempotency-Key": "make-eve"})
    [record] = rows(dynamodb, "IDEM#")
    assert record["fp"]["S"] != hashlib.sha256(f"POST /auth/users\n{canonical_json(EVE, Numbers.EXACT)}".encode()).hexdigest()
    kept = zlib.decompress(codec.decode_value(record["body"])).decode()
    assert "phrase" not in kept
    assert "argon2" not in kept


# -- changing users


def test_a_patch_changes_what_it_names(ada, person):
    eve = person("viewer")
    response = ada("PATCH", f"/auth/users/{eve.id}", {"name": "Evelyn", "roles": ["dealmaker"]})
    assert response.status == 200
    assert response.json()["name"] == "Evelyn"
    assert response.json()["roles"] == ["dealmaker"]
    assert response.json()["email"] == eve.email
    assert response.json()["revision"] == 2
    assert response.json()["updated_by"] == ada.id


def test_a_patch_that_changes_nothing_is_no_revision(ada, person):
    eve = person("viewer", "counsel")
    before = ada("GET", f"/auth/users/{eve.id}").json()
    same = {"name": before["name"], "email": before["email"], "roles": ["viewer", "counsel", "viewer"], "is_active": True}
    assert ada("PATCH", f"/auth/users/{eve.id}", same).json() == before
    assert ada("GET", f"/auth/users/{eve.id}").json() == before


def test_a_change_of_address_is_pending_and_takes_none_of_another_user(ada, anonymous, person):
    eve, other = person("viewer"), person("viewer")
    assert ada("PATCH", f"/auth/users/{eve.id}", {"email": other.email.upper()}).status == 409
    response = ada("PATCH", f"/auth/users/{eve.id}", {"email": "new@example.com"})
    assert (response.status, response.json()["pending_email"]) == (200, "new@example.com")
    assert sign_in(anonymous, eve.email).status == 200, "until it is confirmed"


def test_a_change_of_case_alone_keeps_the_address(ada, anonymous, person):
    eve = person("viewer")
    assert ada("PATCH", f"/auth/users/{eve.id}", {"email": eve.email.upper()}).json()["email"] == eve.email.upper()
    assert sign_in(anonymous, eve.email).status == 200
    assert ada("POST", "/auth/users", {**EVE, "email": eve.email}).status == 409


@pytest.mark.parametrize(("method", "body"), [("PATCH", {"name": "X"}), ("DELETE", None)])
def test_if_match_that_is_behind_changes_nothing(ada, person, method, body):
    eve = person("viewer")
    ada("PATCH", f"/auth/users/{eve.id}", {"name": "Evelyn"})
    assert ada(method, f"/auth/users/{eve.id}", body, headers={"If-Match": '"1"'}).status == 412
    assert ada("GET", f"/auth/users/{eve.id}").json()["revision"] == 2


@pytest.mark.parametrize("body", [{}, {"email": None}, {"roles": None}, {"password": "another long phrase"}])
def test_a_patch_that_changes_nothing_sensible_is_refused(ada, person, body):
    assert ada("PATCH", f"/auth/users/{person('viewer').id}", body).status == 422


@pytest.mark.parametrize("id", ["nonsense", "user_01ARZ3NDEKTSV4RRFFQ69G5FAV"])
@pytest.mark.parametrize(("method", "body"), [("GET", None), ("PATCH", {"name": "X"}), ("DELETE", None)])
def test_nobody_is_not_found(ada, id, method, body):
    assert ada(method, f"/auth/users/{id}", body).status == 404


# -- deactivation


def test_a_deactivated_user_is_out_and_stays_on_record(ada, anonymous, person):
    eve = person("viewer")
    key = eve("POST", "/auth/api-keys", {"name": "k", "roles": ["viewer"]}).json()["key"]
    assert ada("DELETE", f"/auth/users/{eve.id}").status == 204
    assert refresh(anonymous, eve.pair).status == 401
    assert sign_in(anonymous, eve.email).status == 401
    assert anonymous("GET", "/auth/me", headers={"X-API-Key": key}).status == 401
    assert eve("GET", "/auth/sessions").status == 403
    left = ada("GET", f"/auth/users/{eve.id}").json()
    assert left["is_active"] is False
    assert ada("DELETE", f"/auth/users/{eve.id}").status == 204
    assert ada("GET", f"/auth/users/{eve.id}").json()["revision"] == left["revision"]


def test_a_user_who_comes_back_has_a_password_but_no_old_session(ada, anonymous, person):
    eve = person("viewer")
    ada("PATCH", f"/auth/users/{eve.id}", {"is_active": False})
    assert sign_in(anonymous, eve.email).status == 401
    ada("PATCH", f"/auth/users/{eve.id}", {"is_active": True})
    assert refresh(anonymous, eve.pair).status == 401
    assert sign_in(anonymous, eve.email).status == 200


@pytest.mark.parametrize(("method", "body"), [("DELETE", None), ("PATCH", {"is_active": False})])
def test_a_user_who_comes_back_has_no_old_key(ada, anonymous, person, clock, method, body):
    eve = person("viewer")
    make = {"name": "k", "roles": ["viewer"]}
    old = eve("POST", "/auth/api-keys", make).json()["key"]
    clock.now += timedelta(seconds=1)
    assert ada(method, f"/auth/users/{eve.id}", body).status in (200, 204)
    ada("PATCH", f"/auth/users/{eve.id}", {"is_active": True})
    assert anonymous("GET", "/auth/me", headers={"X-API-Key": old}).status == 401
    clock.now += timedelta(seconds=1)
    assert eve("POST", "/auth/api-keys", make).status == 401, "neither has the token from before"
    eve.pair = sign_in(anonymous, eve.email).json()
    new = eve("POST", "/auth/api-keys", make).json()["key"]
    assert anonymous("GET", "/auth/me", headers={"X-API-Key": new}).status == 200


# -- the last administrator


@pytest.mark.parametrize(("method", "body"), [("DELETE", None), ("PATCH", {"roles": ["viewer"]}), ("PATCH", {"is_active": False})])
def test_the_last_administrator_stays(ada, method, body):
    response = ada(method, f"/auth/users/{ada.id}", body)
    assert response.status == 409
    assert response.json()["code"] == "last_administrator"
    assert ada("GET", f"/auth/users/{ada.id}").json()["roles"] == ["admin", "operator", "counsel"]


def test_of_two_administrators_one_can_go(ada, person, dynamodb):
    second = person("admin")
    assert holders(dynamodb) == {"admin": 2}
    assert second("DELETE", f"/auth/users/{ada.id}").status == 204
    assert second("PATCH", f"/auth/users/{second.id}", {"roles": []}).status == 409
    assert holders(dynamodb) == {"admin": 1}


def test_two_administrators_who_demote_each_other_at_once_leave_one(ada, person, runtime, monkeypatch, dynamodb):
    """Each reads while both are there; the second to write meets the count, not what it read."""
    second = person("admin")
    ctx = runtime.context(request_id="slow")
    object.__setattr__(ctx, "actor", runtime.identify({"authorization": f"Bearer {second.pair['access_token']}"}, ctx))
    find, done = ctx.store.find, []

    def read_then_be_overtaken(kind, id):
        found = find(kind, id)
        if not done:
            done.append(ada("PATCH", f"/auth/users/{second.id}", {"roles": ["viewer"]}).status)
        return found

    monkeypatch.setattr(ctx.store, "find", read_then_be_overtaken)
    with pytest.raises(Conflict, match="last administrator"):
        users.deactivate(ctx, ada.id)
    assert done == [200]
    assert holders(dynamodb) == {"admin": 1}


def test_an_invited_administrator_who_never_came_does_not_count(ada):
    assert ada("POST", "/auth/invitations", {"email": "b@example.com", "name": "B", "roles": ["admin"]}).status == 202
    assert ada("DELETE", f"/auth/users/{ada.id}").status == 409


# -- granting


@pytest.mark.parametrize("role", ["operator", "auditor"])
def test_who_reads_users_changes_none(person, ada, role):
    reader = person(role)
    assert reader("GET", f"/auth/users/{ada.id}").status == 200
    assert reader("PATCH", f"/auth/users/{ada.id}", {"name": "X"}).status == 403
    assert reader("POST", "/auth/users", EVE).status == 403


@pytest.mark.parametrize("role", ["dealmaker", "counsel", "viewer"])
def test_the_others_see_themselves_only(person, ada, role):
    other = person(role)
    assert other("GET", "/auth/users").status == 403
    assert other("GET", f"/auth/users/{other.id}").status == 403
    assert other("GET", "/auth/me").json()["user"]["id"] == other.id


def test_a_key_for_users_alone_cannot_raise_itself(ada, anonymous, person):
    key = ada("POST", "/auth/api-keys", {"name": "k", "roles": ["admin"], "scopes": ["users:write", "users:read"]}).json()["key"]

    def by_key(method, path, body):
        return anonymous(method, path, body, headers={"X-API-Key": key})

    assert by_key("POST", "/auth/users", {**EVE, "roles": ["admin"]}).status == 403
    assert by_key("PATCH", f"/auth/users/{ada.id}", {"email": "mine@example.com"}).status == 403
    assert by_key("DELETE", f"/auth/users/{person('operator').id}", None).status == 403
    assert by_key("POST", "/auth/users", {**EVE, "roles": []}).status == 201


# -- governance roles


def test_an_administrator_grants_governance_roles_to_others(ada, person, dynamodb):
    eve, bob = person("viewer"), person("viewer")
    for one in (eve, bob):
        assert ada("PATCH", f"/auth/users/{one.id}", {"governance_roles": ["King"]}).status == 200
    assert holders(dynamodb)["King"] == 2
    assert ada("PATCH", f"/auth/users/{eve.id}", {"governance_roles": []}).status == 200
    assert ada("DELETE", f"/auth/users/{bob.id}").status == 204
    assert holders(dynamodb)["King"] == 0


def test_to_oneself_only_while_nobody_holds_it_and_the_auditor_is_told(ada, person, dynamodb):
    eve = person("viewer", governance_roles=["Queen"])
    refused = ada("PATCH", f"/auth/users/{ada.id}", {"governance_roles": ["Queen"]})
    assert refused.status == 403
    assert "Queen is held" in refused.json()["detail"]
    assert ada("PATCH", f"/auth/users/{ada.id}", {"governance_roles": ["King"]}).status == 200
    [event] = rows(dynamodb, "evt_")
    assert event["event"]["S"] == "auth.self_grant"
    assert event["for_role"]["S"] == "auditor"
    ada("PATCH", f"/auth/users/{eve.id}", {"governance_roles": []})
    assert ada("PATCH", f"/auth/users/{ada.id}", {"governance_roles": ["King", "Queen"]}).status == 200


def test_a_key_grants_no_governance_role(ada, anonymous, person):
    key = ada("POST", "/auth/api-keys", {"name": "k", "roles": ["admin"]}).json()["key"]
    eve = person("viewer")
    response = anonymous("PATCH", f"/auth/users/{eve.id}", {"governance_roles": ["Loki"]}, headers={"X-API-Key": key})
    assert response.status == 403


# -- the first administrator


def test_the_first_administrator_holds_what_one_person_needs(runtime, anonymous):
    id, password = bootstrap_admin(runtime, EMAIL, "Ada")
    pair = sign_in(anonymous, password=password).json()
    user = anonymous("GET", "/auth/me", headers={"Authorization": f"Bearer {pair['access_token']}"}).json()["user"]
    assert user["id"] == id
    assert user["roles"] == ["admin", "operator", "counsel"]
    assert user["password_is_initial"] is True
    assert user["created_by"] == "system:bootstrap"


def test_there_is_one_first_administrator(runtime, admin):
    with pytest.raises(Conflict, match="administrator already"):
        bootstrap_admin(runtime, "second@example.com", "Bob", PASSWORD)


def test_nobody_is_made_by_a_refused_bootstrap(runtime, admin, dynamodb):
    with pytest.raises(Conflict):
        bootstrap_admin(runtime, "second@example.com", "Bob", PASSWORD)
    assert len(rows(dynamodb, "user_")) == 1
    assert holders(dynamodb) == {"admin": 1}


def test_the_command_reads_a_password_prints_none_and_refuses_twice(runtime, monkeypatch):
    monkeypatch.setattr(ops.cli, "runtime", lambda: runtime)
    run = CliRunner()
    first = run.invoke(ops.bootstrap.app, ["bootstrap-admin", "--email", EMAIL, "--password-stdin"], input=f"{PASSWORD}\n")
    assert first.exit_code == 0, first.output
    assert PASSWORD not in first.output
    second = run.invoke(ops.bootstrap.app, ["bootstrap-admin", "--email", "b@example.com"])
    assert second.exit_code == 1
    assert "administrator already" in str(second.exception)
    wrong = run.invoke(ops.bootstrap.app, ["bootstrap-admin", "--email", "nonsense"])
    assert wrong.exit_code == 2


def test_the_command_prints_a_fresh_password_that_works(runtime, monkeypatch, anonymous):
    monkeypatch.setattr(ops.cli, "runtime", lambda: runtime)
    made = CliRunner().invoke(ops.bootstrap.app, ["bootstrap-admin", "--email", EMAIL])
    assert sign_in(anonymous, password=made.output.rsplit(" ", 1)[1].strip()).status == 200


# -- roles


def test_roles_are_listed_with_what_they_allow(person):
    items = {item["name"]: item for item in person("viewer")("GET", "/auth/roles").json()["items"]}
    assert len(items) == 12
    assert "users:admin" in items["admin"]["permissions"]
    assert "wholesale:write" not in items["viewer"]["permissions"]
    assert items["King"]["governance"] is True
    assert {"governance:override", "deals:read"} <= set(items["King"]["permissions"])
    assert set(items["Loki"]["permissions"]) >= {"governance:flag"}
    assert "governance:approve" not in items["Loki"]["permissions"]
