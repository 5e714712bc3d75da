"""Signing in, staying in, and going: tokens, rotation, sessions, lockout."""

from datetime import timedelta

import jwt
import pytest

from chalicelib.foundation.auth import lockout, passwords, sessions
from chalicelib.foundation.errors import RateLimited
from chalicelib.foundation.json_codec import dumps
from chalicelib.foundation.secret_store import new_secrets
from chalicelib.foundation.store.transactions import Transaction
from ops.bootstrap import bootstrap_admin
from tests.conftest import NOW, send
from tests.packs.auth.auth_fixtures import *  # noqa: F403 - fixtures
from tests.packs.auth.auth_fixtures import EMAIL, PASSWORD, bearer, refresh, rows, sign_in


@pytest.fixture
def pair(anonymous, admin):
    response = sign_in(anonymous, headers={"User-Agent": "first browser"})
    assert response.status == 200, response.text
    return response.json()


# -- pairs


def test_a_pair_opens_the_door(anonymous, pair, admin):
    assert pair["token_type"] == "Bearer"
    assert pair["expires_in"] == 900
    me = anonymous("GET", "/auth/me", headers=bearer(pair)).json()
    assert me["id"] == admin
    assert me["roles"] == ["admin", "operator", "counsel"]
    assert "users:admin" in me["permissions"]
    assert me["user"]["email"] == EMAIL
    assert "password_hash" not in me["user"]


def test_the_address_is_known_in_any_case(anonymous, admin):
    assert sign_in(anonymous, " aDA@EXAMPLE.com ").status == 200


def test_a_password_keeps_its_spaces(anonymous, runtime):
    bootstrap_admin(runtime, EMAIL, "Ada", f" {PASSWORD}")
    assert sign_in(anonymous).status == 401
    assert sign_in(anonymous, password=f" {PASSWORD}").status == 200


def test_no_secret_lies_in_the_table_or_the_log(anonymous, pair, dynamodb, capsys):
    refresh(anonymous, pair)
    text = str(dynamodb.scan(TableName="valhalla-test")["Items"]) + capsys.readouterr().out
    secret = pair["refresh_token"][-43:]  # it may hold the character that separates it
    assert PASSWORD not in text
    assert secret not in text
    assert pair["access_token"] not in text


def test_an_access_token_ends_after_fifteen_minutes_and_a_minute_of_leeway(anonymous, pair, clock):
    clock.now += timedelta(minutes=15, seconds=60)
    assert anonymous("GET", "/auth/me", headers=bearer(pair)).status == 200
    clock.now += timedelta(seconds=1)
    response = anonymous("GET", "/auth/me", headers=bearer(pair))
    assert response.status == 401
    assert response.headers["www-authenticate"].startswith("Bearer")


def test_a_key_that_was_taken_out_opens_nothing_after_five_minutes(runtime, anonymous, pair, clock):
    assert anonymous("GET", "/auth/me", headers=bearer(pair)).status == 200
    runtime.secrets._fetch = lambda: new_secrets(NOW - timedelta(days=1))
    clock.now += timedelta(minutes=5, seconds=1)
    assert anonymous("GET", "/auth/me", headers=bearer(pair)).status == 401


def test_a_read_with_a_token_asks_the_store_nothing_of_who_it_is(app, runtime, anonymous, pair, capsys):
    for _ in range(2):
        anonymous("GET", "/auth/roles", headers=bearer(pair))
    assert '"round_trips":0' in capsys.readouterr().out.splitlines()[-1]


@pytest.mark.parametrize("change", ["other key", "none", "hs256 with the public key", "other stage", "other audience", "no kid"])
def test_a_forged_token_is_refused(anonymous, pair, runtime, clock, change):
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key

    key = runtime.secrets.get(clock()).signing_keys[0]
    claims = jwt.decode(pair["access_token"], options={"verify_signature": False})
    if change == "other key":
        token = jwt.encode(claims, generate_private_key(SECP256R1()), "ES256", headers={"kid": key.kid})
    elif change == "none":
        token = jwt.encode(claims, None, "none", headers={"kid": key.kid})
    elif change == "hs256 with the public key":
        token = jwt.encode(claims, b"0" * 32, "HS256", headers={"kid": key.kid})
    elif change == "other stage":
        token = jwt.encode({**claims, "iss": "valhalla:prod"}, key.private_pem, "ES256", headers={"kid": key.kid})
    elif change == "other audience":
        token = jwt.encode({**claims, "aud": "else"}, key.private_pem, "ES256", headers={"kid": key.kid})
    else:
        token = jwt.encode(claims, key.private_pem, "ES256")
    assert anonymous("GET", "/auth/me", headers={"Authorization": f"Bearer {token}"}).status == 401


# -- rotation


def test_a_refresh_answers_another_pair_and_spends_the_token(anonymous, pair, clock):
    clock.now += timedelta(minutes=14)
    second = refresh(anonymous, pair).json()
    assert second["refresh_token"] != pair["refresh_token"]
    assert second["access_token"] != pair["access_token"]
    clock.now += timedelta(minutes=10)
    assert anonymous("GET", "/auth/me", headers=bearer(second)).status == 200
    third = refresh(anonymous, second)
    assert third.status == 200


def test_the_token_just_spent_answers_the_same_pair_for_ten_seconds(anonymous, pair, clock):
    second = refresh(anonymous, pair).json()
    clock.now += timedelta(seconds=10)
    again = refresh(anonymous, pair).json()
    assert (again["access_token"], again["refresh_token"]) == (second["access_token"], second["refresh_token"])
    assert again["expires_in"] == 890
    assert refresh(anonymous, second).status == 200


def test_a_spent_token_after_ten_seconds_ends_the_session_and_tells_the_administrators(anonymous, pair, clock, dynamodb):
    second = refresh(anonymous, pair).json()
    clock.now += timedelta(seconds=11)
    assert refresh(anonymous, pair).status == 401
    assert refresh(anonymous, second).status == 401
    [event] = rows(dynamodb, "evt_")
    assert event["event"]["S"] == "auth.token_reuse"
    assert event["for_role"]["S"] == "admin"


def test_a_token_spent_long_ago_ends_the_session(anonymous, pair, clock):
    last = pair
    for _ in range(5):
        clock.now += timedelta(minutes=1)
        last = refresh(anonymous, last).json()
    assert refresh(anonymous, pair).status == 401
    assert refresh(anonymous, last).status == 401


@pytest.mark.parametrize("number", [0, 1, 7])
def test_an_invented_token_of_a_known_session_is_refused_and_ends_nothing(anonymous, pair, number):
    pair = refresh(anonymous, pair).json()
    head = pair["refresh_token"].split("_")[1]
    assert refresh(anonymous, {"refresh_token": f"vr_{head}_{number}_{'A' * 43}"}).status == 401
    assert refresh(anonymous, pair).status == 200


@pytest.mark.parametrize("token", ["x", "vr_", "vr_" + "0" * 52 + "_0_" + "A" * 43])
def test_what_is_no_token_is_refused(anonymous, admin, token):
    assert refresh(anonymous, {"refresh_token": token}).status == 401
    assert anonymous("POST", "/auth/logout", {"refresh_token": token}).status == 204


def test_a_refresh_token_ends_after_thirty_days_without_use(anonymous, pair, clock):
    clock.now += timedelta(days=30)
    assert refresh(anonymous, pair).status == 401


def test_two_tabs_at_once_are_answered_one_pair(runtime, anonymous, pair, monkeypatch):
    """The second read of the row happens before the first write: what a race looks like to the loser."""
    ctx = runtime.context(request_id="loser")
    update = ctx.store.update
    answers = []

    def beaten(*args, **kwargs):
        if not answers:
            answers.append(refresh(anonymous, pair).json())
        return update(*args, **kwargs)

    monkeypatch.setattr(ctx.store, "update", beaten)
    mine = sessions.refresh(ctx, pair["refresh_token"])
    assert mine["access_token"] == answers[0]["access_token"]
    assert mine["refresh_token"] == answers[0]["refresh_token"]


def test_roles_are_read_again_at_refresh(anonymous, pair, client_as, admin, clock):
    made = client_as("admin")(
        "POST", "/auth/users", {"email": "eve@example.com", "name": "Eve", "password": "another long phrase", "roles": ["viewer"]}
    )
    eve = sign_in(anonymous, "eve@example.com", "another long phrase").json()
    assert change(anonymous, eve, "another long phrase", "a phrase of her own").status == 204
    assert (
        client_as("admin")("PATCH", f"/auth/users/{made.json()['id']}", {"roles": ["auditor"], "governance_roles": ["Loki"]}).status == 200
    )
    assert anonymous("GET", "/auth/me", headers=bearer(eve)).json()["roles"] == ["viewer"]
    assert anonymous("GET", "/auth/me", headers=bearer(refresh(anonymous, eve).json())).json()["roles"] == ["auditor", "Loki"]


# -- sessions


def test_logout_ends_the_session_by_its_present_or_a_spent_token(anonymous, pair, clock):
    other = sign_in(anonymous).json()
    second = refresh(anonymous, pair).json()
    clock.now += timedelta(minutes=1)
    assert anonymous("POST", "/auth/logout", {"refresh_token": pair["refresh_token"]}).status == 204
    assert refresh(anonymous, second).status == 401
    assert anonymous("POST", "/auth/logout", {"refresh_token": other["refresh_token"]}).status == 204
    assert refresh(anonymous, other).status == 401
    assert anonymous("GET", "/auth/me", headers=bearer(other)).status == 200, "access tokens live out their time"


def test_sessions_are_listed_with_where_they_come_from(anonymous, pair, clock):
    clock.now += timedelta(minutes=2)
    sign_in(anonymous, headers={"User-Agent": "second\tbrowser" + "x" * 500})
    pair = refresh(anonymous, pair).json()
    response = anonymous("GET", "/auth/sessions", headers=bearer(pair)).json()
    second, first = response["items"]
    assert first["current"] is True
    assert second["current"] is False
    assert first["created_at"] == "2026-11-24T18:00:00.000Z"
    assert first["last_used_at"] == "2026-11-24T18:02:00.000Z"
    assert first["expires_at"] == "2026-12-24T18:02:00.000Z"
    assert first["address"] == "127.0.0.1"
    assert second["user_agent"].startswith("second?browserxxx")
    assert len(second["user_agent"]) == 200
    page = anonymous("GET", "/auth/sessions", headers=bearer(pair), query={"limit": "1"}).json()
    assert [item["id"] for item in page["items"]] == [second["id"]]
    rest = anonymous("GET", "/auth/sessions", headers=bearer(pair), query={"limit": "1", "cursor": page["next_cursor"]}).json()
    assert [item["id"] for item in rest["items"]] == [first["id"]]


def test_a_session_that_has_run_out_is_not_listed_though_its_row_is_there(anonymous, pair, clock):
    clock.now += timedelta(days=31)
    later = sign_in(anonymous).json()
    items = anonymous("GET", "/auth/sessions", headers=bearer(later)).json()["items"]
    assert [item["current"] for item in items] == [True]


def test_one_session_can_be_ended(anonymous, pair):
    other = sign_in(anonymous).json()
    found = {item["current"]: item["id"] for item in anonymous("GET", "/auth/sessions", headers=bearer(pair)).json()["items"]}
    assert anonymous("DELETE", f"/auth/sessions/{found[False]}", headers=bearer(pair)).status == 204
    assert refresh(anonymous, other).status == 401
    assert refresh(anonymous, pair).status == 200
    assert anonymous("DELETE", f"/auth/sessions/{found[False]}", headers=bearer(pair)).status == 404
    assert anonymous("DELETE", "/auth/sessions/nonsense", headers=bearer(pair)).status == 404


def test_nobody_ends_another_users_session(anonymous, pair, client_as):
    client_as("admin")(
        "POST", "/auth/users", {"email": "eve@example.com", "name": "Eve", "password": "another long phrase", "roles": ["viewer"]}
    )
    eve = sign_in(anonymous, "eve@example.com", "another long phrase").json()
    [mine] = anonymous("GET", "/auth/sessions", headers=bearer(pair)).json()["items"]
    assert anonymous("DELETE", f"/auth/sessions/{mine['id']}", headers=bearer(eve)).status == 404
    assert refresh(anonymous, pair).status == 200


def test_all_sessions_can_be_ended(anonymous, pair):
    other = sign_in(anonymous).json()
    assert anonymous("DELETE", "/auth/sessions", headers=bearer(pair)).status == 204
    assert refresh(anonymous, pair).status == 401
    assert refresh(anonymous, other).status == 401
    assert anonymous("GET", "/auth/sessions", headers=bearer(pair)).json()["items"] == []


# -- one's password


def change(anonymous, pair, current, new):
    return anonymous("POST", "/auth/me/password", {"current_password": current, "new_password": new}, headers=bearer(pair))


def test_a_changed_password_ends_the_other_sessions_only(anonymous, pair):
    other = sign_in(anonymous).json()
    assert change(anonymous, pair, PASSWORD, "quite another phrase").status == 204
    assert refresh(anonymous, other).status == 401
    assert refresh(anonymous, pair).status == 200
    assert sign_in(anonymous).status == 401
    assert sign_in(anonymous, password="quite another phrase").status == 200


def test_guessing_the_present_password_is_counted(anonymous, pair):
    for _ in range(5):
        assert change(anonymous, pair, "wrong", "quite another phrase").status == 403
    assert change(anonymous, pair, PASSWORD, "quite another phrase").status == 429
    assert sign_in(anonymous).status == 429


def test_a_password_that_will_not_do_names_its_field_and_counts_as_no_failure(anonymous, pair):
    for _ in range(6):
        response = change(anonymous, pair, PASSWORD, "password1234")
        assert response.status == 422
    assert response.json()["errors"][0]["loc"] == ["new_password"]
    assert "password1234" not in response.text
    assert change(anonymous, pair, PASSWORD, "quite another phrase").status == 204


# -- lockout


def fail(anonymous, times, email=EMAIL):
    return [sign_in(anonymous, email, "wrong").status for _ in range(times)]


def test_five_failures_lock_the_pair_for_fifteen_minutes(anonymous, admin, clock):
    assert fail(anonymous, 5) == [401] * 5
    response = sign_in(anonymous)
    assert response.status == 429
    assert response.headers["retry-after"] == "900"
    clock.now += timedelta(seconds=899)
    assert sign_in(anonymous).status == 429
    clock.now += timedelta(seconds=1)
    assert sign_in(anonymous).status == 200


def test_an_unknown_address_is_counted_and_answered_alike(anonymous, admin):
    known, unknown = sign_in(anonymous, EMAIL, "wrong"), sign_in(anonymous, "who@example.com", "wrong")
    for body in (known.json(), unknown.json()):
        assert body["detail"] == "The mail address or the password is wrong."
    assert known.headers.keys() == unknown.headers.keys()
    fail(anonymous, 4)
    fail(anonymous, 4, "who@example.com")
    known, unknown = sign_in(anonymous), sign_in(anonymous, "who@example.com")
    assert known.status == unknown.status == 429
    assert known.json()["detail"] == unknown.json()["detail"]
    assert known.headers["retry-after"] == unknown.headers["retry-after"]


def test_an_unknown_address_costs_as_much_as_a_known_one(anonymous, admin, monkeypatch, capsys):
    verified = []
    matches = passwords.verify_password
    monkeypatch.setattr(passwords, "verify_password", lambda kept, given: verified.append(given) or matches(kept, given))
    sign_in(anonymous, "first@example.com", "wrong")  # the first failure from an address costs a round trip less
    verified.clear()
    trips = []
    for email in (EMAIL, "who@example.com"):
        sign_in(anonymous, email, "wrong")
        trips.append([line for line in capsys.readouterr().out.splitlines() if "round_trips" in line][-1].split('"round_trips":')[1])
    assert trips[0] == trips[1]
    assert verified == ["wrong", "wrong"]


def test_failures_older_than_fifteen_minutes_do_not_count(anonymous, admin, clock):
    fail(anonymous, 4)
    clock.now += timedelta(minutes=15)
    assert fail(anonymous, 4) == [401] * 4
    assert sign_in(anonymous).status == 200


def test_success_forgets_the_failures_of_the_pair(anonymous, admin):
    for _ in range(3):
        assert fail(anonymous, 4) == [401] * 4
        assert sign_in(anonymous).status == 200


class FromAddress:
    """The app, as seen from another address of the net."""

    def __init__(self, app, address):
        self.app, self.address, self.packs = app, address, app.packs

    def __call__(self, event, context):
        event["requestContext"]["identity"]["sourceIp"] = self.address
        return self.app(event, context)


def from_address(app, address, password, email=EMAIL, **headers):
    body = dumps({"email": email, "password": password})
    return send(FromAddress(app, address), "POST", "/auth/token", body, {}, {"Content-Type": "application/json", **headers})


def test_another_address_of_the_net_is_not_locked_by_five(app, anonymous, admin):
    fail(anonymous, 5)
    assert from_address(app, "192.0.2.1", PASSWORD).status == 200


def test_fifty_failures_from_anywhere_lock_the_mail_address(app, anonymous, admin, clock):
    for n in range(50):
        assert from_address(app, f"192.0.2.{n}", "wrong").status == 401
    assert from_address(app, "192.0.2.99", PASSWORD).status == 429
    clock.now += timedelta(minutes=15)
    assert from_address(app, "192.0.2.99", PASSWORD).status == 200


def spray(app, address, times, who="user"):
    """One guess for each of many mail addresses; the statuses."""
    return [from_address(app, address, "Winter2026!!", f"{who}{n}@example.com").status for n in range(times)]


def test_one_guess_for_many_mail_addresses_is_slowed_to_one_a_minute(app, anonymous, admin, clock):
    assert spray(app, "192.0.2.1", 40) == [401] * 30 + [429] * 10
    refused = from_address(app, "192.0.2.1", "Winter2026!!", "another@example.com")
    assert (refused.status, refused.headers["retry-after"]) == (429, "60")
    tried = 0
    for minute in range(20):
        clock.now += timedelta(minutes=1)
        tried += spray(app, "192.0.2.1", 3, f"minute{minute}-").count(401)
    assert tried == 20


def test_spraying_locks_nobody_out_elsewhere_and_counts_nothing_for_them_once_it_is_slowed(app, anonymous, admin, dynamodb):
    spray(app, "192.0.2.1", 31)
    before = len(rows(dynamodb, "RATE#"))
    for _ in range(60):
        assert from_address(app, "192.0.2.1", "wrong").status == 429
    assert len(rows(dynamodb, "RATE#")) == before
    assert from_address(app, "192.0.2.2", PASSWORD).status == 200
    assert spray(app, "192.0.2.2", 30) == [401] * 30


def test_a_forwarded_address_that_the_client_names_changes_nothing(app, anonymous, admin):
    for n in range(30):
        from_address(app, "192.0.2.1", "wrong", f"user{n}@example.com", **{"X-Forwarded-For": f"198.51.100.{n}", "Forwarded": f"for=a{n}"})
    assert from_address(app, "192.0.2.1", "wrong", "x@example.com", **{"X-Forwarded-For": "198.51.100.99"}).status == 429


def test_an_ipv6_client_is_its_network(app, anonymous, admin):
    for n in range(30):
        assert from_address(app, f"2001:db8:0:1:{n:x}::1", "wrong", f"user{n}@example.com").status == 401
    assert from_address(app, "2001:db8:0:1:ffff::1", "wrong", "x@example.com").status == 429
    assert from_address(app, "2001:db8:0:2::1", PASSWORD).status == 200


def test_the_owner_is_not_locked_out_by_one_ipv6_network(app, anonymous, admin):
    assert [from_address(app, f"2001:db8:0:1::{n:x}", "wrong").status for n in range(60)] == [401] * 5 + [429] * 55
    assert from_address(app, "2001:db8:0:2::1", PASSWORD).status == 200


def test_an_office_signs_in_together_and_who_hammers_a_locked_account_slows_nobody(app, anonymous, admin):
    for _ in range(40):
        assert from_address(app, "192.0.2.1", PASSWORD).status == 200
    assert [from_address(app, "192.0.2.1", "wrong", "bob@example.com").status for _ in range(50)] == [401] * 5 + [429] * 45
    assert spray(app, "192.0.2.1", 26) == [401] * 25 + [429]


def test_attempts_at_once_do_not_exceed_what_an_address_may_fail(runtime, admin):
    ctx = runtime.context(request_id="r", source_ip="192.0.2.1")
    under_way = [lockout.count_attempt(ctx, f"user{n}@example.com") for n in range(30)]
    with pytest.raises(RateLimited):
        lockout.count_attempt(ctx, EMAIL)
    tx = Transaction(ctx.store)
    under_way[0].add_success(tx)
    tx.commit()
    assert lockout.count_attempt(ctx, EMAIL)


def test_who_asks_while_the_address_is_locked_by_others_does_not_lock_themselves_out(app, anonymous, admin, clock, monkeypatch):
    monkeypatch.setattr(lockout, "LIMIT_FROM_ANYWHERE", 2)
    for n in range(2):
        assert from_address(app, f"192.0.2.{n}", "wrong").status == 401
    clock.now += timedelta(minutes=14)
    for _ in range(6):
        assert sign_in(anonymous).status == 429
    clock.now += timedelta(minutes=1)
    assert sign_in(anonymous).status == 200


def test_attempts_under_way_refuse_one_more_for_a_moment_and_do_not_count_it(anonymous, admin, runtime):
    ctx = runtime.context(request_id="r", source_ip="127.0.0.1")
    under_way = [lockout.count_attempt(ctx, EMAIL) for _ in range(5)]
    for _ in range(3):
        response = sign_in(anonymous)
        assert (response.status, response.headers["retry-after"]) == (429, "2")
    tx = Transaction(ctx.store)
    under_way[0].add_success(tx)
    tx.commit()
    assert sign_in(anonymous).status == 200


def test_successes_do_not_fill_the_wider_count(app, anonymous, admin, monkeypatch):
    monkeypatch.setattr(lockout, "LIMIT_FROM_ANYWHERE", 6)
    for n in range(8):
        assert from_address(app, f"192.0.2.{n}", PASSWORD).status == 200


def test_the_rows_name_nobody_and_run_out(anonymous, admin, dynamodb, clock):
    fail(anonymous, 1)
    found = rows(dynamodb, "RATE#")
    assert len(found) == 3
    assert "ada" not in str(found).lower()
    assert "127.0.0.1" not in str(found)
    assert all(int(row["ttl"]["N"]) > clock.now.timestamp() for row in found)


def test_a_password_kept_with_older_parameters_is_kept_anew_at_sign_in(anonymous, admin, dynamodb, monkeypatch):
    def kept():
        [row] = [row for row in rows(dynamodb, admin) if row["sk"]["S"] == "~"]
        return row["password_hash"]["S"]

    assert "m=8,t=1,p=1" in kept()
    monkeypatch.setattr(passwords, "TIME_COST", 3)
    passwords._hasher.cache_clear()
    assert sign_in(anonymous).status == 200
    assert "m=8,t=3,p=1" in kept()
    assert sign_in(anonymous).status == 200


# -- keys


def test_the_public_keys_verify_a_token_and_may_be_cached(anonymous, pair):
    response = anonymous("GET", "/.well-known/jwks.json")
    assert response.status == 200
    assert response.headers["cache-control"] == "public, max-age=300"
    kid = jwt.get_unverified_header(pair["access_token"])["kid"]
    [key] = [key for key in response.json()["keys"] if key["kid"] == kid]
    assert "d" not in key
    claims = jwt.decode(
        pair["access_token"], jwt.PyJWK(key), [key["alg"]], audience="valhalla-api", options={"verify_exp": False, "verify_iat": False}
    )
    assert claims["iss"] == "valhalla:test"
