"""An outside issuer: its tokens by its published keys, from a real server on this machine; its groups as roles."""

import base64
import hashlib
import hmac
import json
import threading
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from chalicelib.foundation.auth import authentication, oidc
from chalicelib.foundation.environment import SettingsError
from chalicelib.foundation.settings import Settings
from tests.conftest import NOW, TABLE

ISSUER = "https://login.example.com/realm"
KEYS = {
    "rsa": rsa.generate_private_key(65537, 2048),
    "rsa2": rsa.generate_private_key(65537, 2048),
    "ec": ec.generate_private_key(ec.SECP256R1()),
    "small": rsa.generate_private_key(65537, 1024),
    "p384": ec.generate_private_key(ec.SECP384R1()),
}


def jwk(kid, **more):
    key = KEYS[kid].public_key()
    form = jwt.algorithms.RSAAlgorithm if isinstance(key, rsa.RSAPublicKey) else jwt.algorithms.ECAlgorithm
    return {**form.to_jwk(key, as_dict=True), "kid": kid, "use": "sig", **more}


class _Issuer(BaseHTTPRequestHandler):
    def do_GET(self):
        state = self.server.state
        state.asked += 1
        self.send_response(state.status)
        for name, value in state.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(state.body if state.body is not None else json.dumps({"keys": state.keys}).encode())

    def log_message(self, *_):
        pass


@pytest.fixture
def issuer():
    """A server that publishes keys: `keys`, `status`, `body` may be set, `asked` counts."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Issuer)
    server.state = SimpleNamespace(keys=[jwk("rsa"), jwk("ec")], status=200, headers={}, body=None, asked=0)
    server.state.url = f"http://127.0.0.1:{server.server_port}/jwks"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    oidc._jwks_cache.clear()
    authentication._claims_cache.clear()
    yield server.state
    server.shutdown()
    thread.join()
    server.server_close()
    oidc._http.clear()


@pytest.fixture
def settings(issuer):
    return Settings(
        stage="test",
        table=TABLE,
        region="us-east-1",
        secrets="file:/dev/null",
        oidc_issuer=ISSUER,
        oidc_audience="valhalla",
        oidc_client_ids=("3n4b5", "7h8j9"),
        oidc_jwks_url=issuer.url,
        oidc_group_roles=(("Deal Team", "dealmaker"), ("Read All", "viewer"), ("Read All", "auditor")),
    )


def token(kid="rsa", algorithm=None, header_kid=None, **changes):
    claims = {
        "iss": ISSUER,
        "aud": "valhalla",
        "sub": "auth0|5f7c",
        "iat": int(NOW.timestamp()),
        "exp": int((NOW + timedelta(hours=1)).timestamp()),
        "groups": ["Deal Team", "Something else"],
        **changes,
    }
    claims = {name: value for name, value in claims.items() if value is not None}
    algorithm = algorithm or ("ES256" if kid == "ec" else "RS256")
    return jwt.encode(claims, KEYS[kid], algorithm, headers={"kid": header_kid or kid})


def me(anonymous, given):
    return anonymous("GET", "/auth/me", headers={"Authorization": f"Bearer {given}"})


@pytest.mark.parametrize("kid", ["rsa", "ec"])
def test_its_token_opens_the_door_with_the_roles_of_its_groups(anonymous, kid):
    response = me(anonymous, token(kid))
    assert response.status == 200, response.text
    body = response.json()
    assert body["id"] == "oidc:auth0|5f7c"
    assert body["kind"] == "user"
    assert body["roles"] == ["dealmaker"]
    assert body["user"] is None
    assert "wholesale:write" in body["permissions"]


@pytest.mark.parametrize(
    ("groups", "roles"),
    [
        (["Read All", "Deal Team"], ["dealmaker", "auditor", "viewer"]),
        ("Read All", ["auditor", "viewer"]),
        ([], []),
        (None, []),
        ([["x"], 3], []),
        (7, []),
        ({"Read All": True}, []),
    ],
)
def test_groups_map_to_roles_and_unknown_ones_to_none(anonymous, groups, roles):
    assert me(anonymous, token(groups=groups)).json()["roles"] == roles


def test_who_is_in_no_known_group_may_nothing(anonymous):
    assert anonymous("GET", "/auth/users", headers={"Authorization": f"Bearer {token(groups=[])}"}).status == 403


def test_what_needs_an_account_here_says_so(anonymous):
    assert anonymous("GET", "/auth/sessions", headers={"Authorization": f"Bearer {token()}"}).status == 403


def test_our_own_tokens_stay_good_beside_it(client_as):
    assert client_as("viewer")("GET", "/auth/roles").status == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "another"},
        {"aud": None},
        {"iss": "https://evil.example.com"},
        {"sub": None},
        {"exp": None},
        {"exp": int((NOW - timedelta(seconds=61)).timestamp())},
        {"nbf": int((NOW + timedelta(seconds=61)).timestamp())},
        {"iat": int((NOW + timedelta(seconds=61)).timestamp())},
    ],
    ids=str,
)
def test_a_token_for_others_or_another_time_is_refused(anonymous, changes):
    assert me(anonymous, token(**changes)).status == 401


def test_clocks_may_differ_by_a_minute(anonymous):
    assert me(anonymous, token(exp=int((NOW - timedelta(seconds=60)).timestamp()))).status == 200


def test_another_key_under_a_known_id_is_refused(anonymous):
    assert me(anonymous, token("rsa2", header_kid="rsa")).status == 401


def test_a_key_of_another_type_than_the_algorithm_is_refused(anonymous):
    assert me(anonymous, token("ec", header_kid="rsa")).status == 401


@pytest.mark.parametrize("algorithm", ["RS384", "RS512", "PS256"])
def test_an_algorithm_off_the_list_is_refused_though_the_key_is_right(anonymous, algorithm):
    assert me(anonymous, token("rsa", algorithm)).status == 401


def test_a_public_key_is_no_shared_secret(anonymous, issuer):
    pem = KEYS["rsa"].public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    head, body, _ = token().split(".")
    head = base64.urlsafe_b64encode(json.dumps({"alg": "HS256", "typ": "JWT", "kid": "rsa"}).encode()).decode().rstrip("=")
    mac = base64.urlsafe_b64encode(hmac.digest(pem, f"{head}.{body}".encode(), hashlib.sha256)).decode().rstrip("=")
    assert me(anonymous, f"{head}.{body}.{mac}").status == 401


@pytest.mark.parametrize("kid", ["small", "p384"])
def test_keys_that_are_too_weak_or_of_another_curve_are_not_used(issuer, kid):
    issuer.keys = [jwk(kid), jwk("ec")]
    assert set(oidc._fetch(issuer.url)) == {"ec"}


@pytest.mark.parametrize(
    "entry",
    [
        {"kty": "oct", "kid": "rsa", "k": "c2VjcmV0"},
        jwk("rsa", use="enc"),
        jwk("rsa", alg="RS512"),
        {"kty": "RSA", "kid": "rsa"},
        "x",
        None,
    ],
    ids=["shared secret", "for encryption", "other algorithm", "broken", "text", "null"],
)
def test_entries_that_are_no_verifying_key_are_passed_over(issuer, entry):
    issuer.keys = [entry, jwk("ec")]
    assert set(oidc._fetch(issuer.url)) == {"ec"}


# -- Cognito's access tokens


def cognito(**changes):
    """An access token of Cognito's: no audience, its client instead."""
    access = {"aud": None, "token_use": "access", "client_id": "3n4b5", "username": "ada", "scope": "openid", "version": 2}
    return token(**access | changes)


@pytest.mark.parametrize("client", ["3n4b5", "7h8j9"])
def test_an_access_token_without_an_audience_is_taken_of_the_stages_clients(anonymous, client):
    assert me(anonymous, cognito(client_id=client)).json()["roles"] == ["dealmaker"]


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": "another"},
        {"client_id": None},
        {"client_id": ["3n4b5"]},
        {"client_id": {"3n4b5": 1}},
        {"token_use": "id"},
        {"token_use": None},
        {"token_use": ["access"]},
        {"aud": "another"},
        {"aud": ["another"]},
        {"aud": []},
        {"aud": {"valhalla": 1}},
        {"iss": "https://evil.example.com"},
    ],
    ids=str,
)
def test_an_access_token_of_another_client_or_for_another_audience_is_refused(anonymous, changes):
    assert me(anonymous, cognito(**changes)).status == 401


def test_where_an_audience_is_named_it_decides(anonymous):
    assert me(anonymous, cognito(aud=["https://api.example.com", "valhalla"], client_id="another")).status == 200


def test_without_clients_a_token_needs_an_audience(app, anonymous, runtime):
    runtime.settings = replace(runtime.settings, oidc_client_ids=())
    assert me(anonymous, cognito()).status == 401
    assert me(anonymous, token()).status == 200


def test_without_an_audience_only_tokens_of_the_clients_are_taken(app, anonymous, runtime):
    runtime.settings = replace(runtime.settings, oidc_audience=None)
    assert me(anonymous, cognito()).status == 200
    assert me(anonymous, token()).status == 401
    assert me(anonymous, token(aud=[None])).status == 401


# -- how long a token may last


def issued(minutes_ago, lasting):
    start = NOW - timedelta(minutes=minutes_ago)
    return token(iat=int(start.timestamp()), exp=int((start + timedelta(minutes=lasting)).timestamp()))


@pytest.mark.parametrize(("minutes_ago", "lasting", "status"), [(0, 60, 200), (60, 60, 200), (0, 61, 401), (59, 24 * 60, 401)])
def test_a_token_may_not_be_issued_for_longer_than_the_stage_accepts(anonymous, minutes_ago, lasting, status):
    answer = me(anonymous, issued(minutes_ago, lasting))
    assert answer.status == status
    if status == 401:
        assert "60 minutes" in answer.json()["detail"]


def test_the_stage_says_how_long_that_is(app, anonymous, runtime):
    runtime.settings = replace(runtime.settings, oidc_max_minutes=5)
    assert me(anonymous, issued(0, 6)).status == 401
    assert me(anonymous, issued(0, 5)).status == 200


def test_a_token_says_when_it_was_issued_and_not_in_the_future(anonymous):
    assert me(anonymous, token(iat=None)).status == 401
    later = int((NOW + timedelta(minutes=30)).timestamp())
    assert me(anonymous, token(iat=later, nbf=int(NOW.timestamp()))).status == 401


# -- users who were deactivated here


@pytest.fixture
def local_user(client_as, clock):
    """A user of this stage whom the administrator deactivates and activates: `local_user(False)`."""
    boss = client_as("admin")
    body = {"email": "Ada@example.com", "name": "Ada", "password": "a long enough phrase", "roles": ["viewer"]}
    made = boss("POST", "/auth/users", body)
    assert made.status == 201, made.text

    def set_active(is_active):
        assert boss("PATCH", f"/auth/users/{made.json()['id']}", {"is_active": is_active}).status == 200

    return set_active


@pytest.mark.parametrize("claim", ["email", "username", "cognito:username", "preferred_username"])
def test_who_was_deactivated_here_is_refused_within_two_seconds_whatever_the_issuer_says(anonymous, local_user, clock, claim):
    given = token(**{claim: "ada@EXAMPLE.com", "email_verified": False})
    assert me(anonymous, given).status == 200
    local_user(False)
    clock.now += timedelta(seconds=2)
    assert me(anonymous, given).status == 401
    assert me(anonymous, token(**{claim: "ada@example.com", "sub": "another account"})).status == 401
    assert me(anonymous, token(**{claim: "bob@example.com", "sub": "bob"})).status == 200
    local_user(True)
    clock.now += timedelta(seconds=2)
    assert me(anonymous, given).status == 200


@pytest.mark.parametrize("named", [7, ["ada@example.com"], "", "ada", "@", "a" * 400 + "@example.com", "\u0000@example.com"], ids=repr)
def test_a_name_that_is_no_mail_address_refuses_nobody(anonymous, local_user, named):
    local_user(False)
    assert me(anonymous, token(email=named, username=named)).status == 200


def test_who_has_no_account_here_is_refused_by_a_block_of_their_id(anonymous, client_as, clock):
    boss = client_as("admin")
    given = cognito()
    assert me(anonymous, given).json()["id"] == "oidc:auth0|5f7c"
    made = boss("POST", "/auth/external-blocks", {"user_id": "oidc:auth0|5f7c", "reason": "left the firm"})
    assert made.status == 201, made.text
    clock.now += timedelta(seconds=2)
    refused = me(anonymous, given)
    assert (refused.status, refused.headers["www-authenticate"][:6]) == (401, "Bearer")
    assert me(anonymous, token(sub="somebody else")).status == 200
    again = boss("POST", "/auth/external-blocks", {"user_id": "oidc:auth0|5f7c"})
    assert (again.status, again.json()["id"]) == (409, made.json()["id"])
    [listed] = boss("GET", "/auth/external-blocks").json()["items"]
    assert (listed["id"], listed["user_id"], listed["reason"]) == (made.json()["id"], "oidc:auth0|5f7c", "left the firm")
    assert boss("GET", f"/auth/external-blocks/{listed['id']}").json() == made.json()

    assert boss("DELETE", f"/auth/external-blocks/{listed['id']}").status == 204
    clock.now += timedelta(seconds=2)
    assert me(anonymous, given).status == 200
    assert boss("GET", "/auth/external-blocks").json()["items"] == []
    assert boss("DELETE", f"/auth/external-blocks/{listed['id']}").status == 404
    assert boss("POST", "/auth/external-blocks", {"user_id": "oidc:auth0|5f7c"}).status == 201


def test_a_subject_that_is_known_by_its_hash_can_be_blocked_too(anonymous, client_as, clock):
    given = token(sub="näme with spaces")
    user_id = me(anonymous, given).json()["id"]
    assert client_as("admin")("POST", "/auth/external-blocks", {"user_id": user_id}).status == 201
    clock.now += timedelta(seconds=2)
    assert me(anonymous, given).status == 401


def test_a_user_of_the_issuer_costs_a_read_or_two_every_two_seconds(anonymous, local_user, clock, round_trips):
    costs = []
    for pause in (2, 0, 1, 2):
        clock.now += timedelta(seconds=pause)
        anonymous("GET", "/auth/roles", headers={"Authorization": f"Bearer {token(email='ada@example.com')}"})
        costs.append(round_trips())
    assert costs == [3, 0, 0, 3], "the cache's generation, the guards, the user"


# -- fetching


def test_the_keys_are_fetched_once_and_again_after_ten_minutes(anonymous, issuer, clock):
    for n in range(3):
        assert me(anonymous, token(sub=f"s{n}")).status == 200
    assert issuer.asked == 1
    clock.now += timedelta(minutes=10)
    assert me(anonymous, token(sub="later")).status == 200
    assert issuer.asked == 2


def test_a_key_added_later_is_found_but_not_asked_for_at_every_token(anonymous, issuer, clock):
    assert me(anonymous, token()).status == 200
    issuer.keys.append(jwk("rsa2"))
    clock.now += timedelta(seconds=31)
    assert me(anonymous, token("rsa2")).status == 200
    assert issuer.asked == 2
    for n in range(5):
        assert me(anonymous, token("rsa", header_kid=f"invented{n}")).status == 401
    assert issuer.asked == 2


def test_a_key_that_was_withdrawn_is_refused_after_ten_minutes(anonymous, issuer, clock):
    assert me(anonymous, token(sub="a")).status == 200
    issuer.keys = [jwk("ec")]
    clock.now += timedelta(minutes=10)
    assert me(anonymous, token(sub="b")).status == 401


def test_an_issuer_out_of_reach_leaves_the_keys_we_have(anonymous, issuer, clock):
    assert me(anonymous, token(sub="a")).status == 200
    issuer.status = 500
    clock.now += timedelta(minutes=11)
    assert me(anonymous, token(sub="b")).status == 200


@pytest.mark.parametrize(
    ("status", "body", "headers"),
    [
        (500, None, {}),
        (200, b"not json", {}),
        (200, b"x" * (256 * 1024 + 1), {}),
        (302, None, {"Location": "http://127.0.0.1:1/"}),
        (200, b"[]", {}),
        (200, b'{"keys": 3}', {}),
    ],
    ids=["error", "no json", "too large", "redirect", "no object", "no list"],
)
def test_without_keys_it_is_unavailable_not_open(anonymous, issuer, status, body, headers):
    issuer.status, issuer.body, issuer.headers = status, body, headers
    for _ in range(2):
        response = me(anonymous, token())
        assert response.status == 503
        assert response.headers["retry-after"] == "30"
    assert issuer.asked == 1


# -- settings

BASE = {"VALHALLA_STAGE": "t", "VALHALLA_TABLE": "t", "AWS_REGION": "us-east-1", "VALHALLA_SECRETS": "file:/x"}
FULL = {
    "VALHALLA_OIDC_ISSUER": ISSUER,
    "VALHALLA_OIDC_AUDIENCE": "valhalla",
    "VALHALLA_OIDC_JWKS_URL": "https://login.example.com/jwks",
    "VALHALLA_OIDC_GROUP_ROLES": "Deal Team=dealmaker, cn=admins,ou=x=admin",
}


def test_settings_are_read():
    found = Settings.from_environment({**BASE, **FULL, "VALHALLA_OIDC_GROUP_ROLES": "Deal Team=dealmaker, cn=admins=admin"})
    assert found.oidc_group_roles == (("Deal Team", "dealmaker"), ("cn=admins", "admin"))


@pytest.mark.parametrize(
    "wrong",
    [
        {"VALHALLA_OIDC_JWKS_URL": "http://login.example.com/jwks"},
        {"VALHALLA_OIDC_JWKS_URL": "file:///etc/passwd"},
        {"VALHALLA_OIDC_ISSUER": "http://localhost.example.com"},
        {"VALHALLA_OIDC_GROUP_ROLES": "Deal Team"},
        {"VALHALLA_OIDC_GROUP_ROLES": "Deal Team=emperor"},
        {"VALHALLA_OIDC_GROUP_ROLES": "Pros=professional"},
        {"VALHALLA_OIDC_AUDIENCE": ""},
        {"VALHALLA_OIDC_JWKS_URL": ""},
        {"VALHALLA_OIDC_MAX_MINUTES": "0"},
        {"VALHALLA_OIDC_MAX_MINUTES": "1441"},
        {"VALHALLA_OIDC_MAX_MINUTES": "1h"},
    ],
    ids=str,
)
def test_a_wrong_setting_stops_the_start_and_is_named(wrong):
    with pytest.raises(SettingsError, match=next(iter(wrong))):
        Settings.from_environment({**BASE, **FULL, "VALHALLA_OIDC_GROUP_ROLES": "A=viewer", **wrong})


def test_clients_may_stand_in_for_an_audience():
    only_clients = {**FULL, "VALHALLA_OIDC_GROUP_ROLES": "", "VALHALLA_OIDC_AUDIENCE": "", "VALHALLA_OIDC_CLIENT_IDS": "3n4b5, 7h8j9,"}
    assert Settings.from_environment({**BASE, **only_clients}).oidc_client_ids == ("3n4b5", "7h8j9")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_on_this_machine_http_will_do(host):
    wanted = f"http://{host}:8080/jwks"
    assert (
        Settings.from_environment({**BASE, **FULL, "VALHALLA_OIDC_GROUP_ROLES": "", "VALHALLA_OIDC_JWKS_URL": wanted}).oidc_jwks_url
        == wanted
    )
