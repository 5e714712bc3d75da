"""Every endpoint for every role, straight from the manifests: none can be added without being covered here."""

import base64
import hashlib
import hmac
import json
from dataclasses import replace
from datetime import timedelta

import jwt
import pytest
from cryptography.hazmat.primitives import serialization

from chalicelib.foundation.auth import tokens
from chalicelib.foundation.manifest import PUBLIC, SIGNED_IN
from chalicelib.foundation.roles import ROLES, RoleMatrix
from chalicelib.packs import PACKS
from tests.api.endpoint_cases import ALL, assert_problem, body_of, for_each_endpoint, path_of
from tests.conftest import NOW, ApiClient
from tests.packs.auth.auth_fixtures import admin, quick_hashing  # noqa: F401 - fixtures

ROLE_MATRIX = RoleMatrix(PACKS)
PROTECTED = for_each_endpoint(lambda pack, endpoint: endpoint.permission != PUBLIC)
GUARDED = for_each_endpoint(lambda pack, endpoint: endpoint.permission not in (PUBLIC, SIGNED_IN))


def ask(caller, endpoint):
    return caller(endpoint.method, path_of(endpoint), body_of(endpoint))


def test_every_permission_is_one_that_the_matrix_knows():
    granted = ROLE_MATRIX.permissions(ROLES)
    wanted = {endpoint.permission for _, endpoint in ALL} - {PUBLIC, SIGNED_IN}
    assert wanted <= granted, f"no role has {', '.join(sorted(wanted - granted))}"


def test_what_is_public_is_a_short_list():
    """Everything else needs somebody: health, documentation, keys, the ways to sign in, and the links in mails.

    Those are to opt out of offers, to open and acknowledge a document, to sign or decline a contract, and to have a copy of it.
    """
    prefixes = ("/health/", "/docs", "/redoc", "/problems", "/openapi.json", "/.well-known/", "/auth/")
    public = {endpoint.path for _, endpoint in ALL if endpoint.permission == PUBLIC}
    assert {path for path in public if path != "/" and not path.startswith(prefixes)} == {
        "/dispo/opt-out/{token}",
        *(f"/d/{{token}}{act}" for act in ("", "/open", "/acknowledge")),
        *(f"/s/{{token}}{act}" for act in ("", "/open", "/decline")),
        *(f"/s/copies/{{token}}{act}" for act in ("", "/open")),
    }
    ways_in = {"token", "refresh", "logout", "invitations/confirm", "password-reset", "password-reset/confirm", "email-change/confirm"}
    assert {path.removeprefix("/auth/") for path in public if path.startswith("/auth/")} <= ways_in


@PROTECTED
def test_nobody_gets_in(anonymous, endpoint):
    answer = ask(anonymous, endpoint)
    assert_problem(answer, "unauthenticated")
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert answer.json()["challenge"] == answer.headers["www-authenticate"]


@for_each_endpoint(lambda pack, endpoint: endpoint.permission == PUBLIC and "unauthenticated" not in endpoint.errors)
def test_what_is_public_needs_nobody(anonymous, endpoint):
    assert ask(anonymous, endpoint).status not in (401, 403)


@GUARDED
def test_each_role_gets_what_the_matrix_says_and_no_more(client_as, endpoint):
    for role in ROLES:
        answer = ask(client_as(role, professional_id="pro_01KB0Q5E8G7Z3V9X2M4N6P8R0T" if role == "professional" else None), endpoint)
        if endpoint.permission in ROLE_MATRIX.permissions([role]):
            missing = answer.status == 403 and endpoint.permission in answer.json()["detail"]
            assert answer.status != 401, f"{role}: {answer.text}"
            assert not missing, f"{role}: {answer.text}"
        else:
            assert_problem(answer, "forbidden")
            assert endpoint.permission in answer.json()["detail"], role


@GUARDED
def test_a_user_without_a_role_gets_nothing(client_as, endpoint):
    assert_problem(ask(client_as(), endpoint), "forbidden")


@for_each_endpoint(lambda pack, endpoint: endpoint.permission == SIGNED_IN)
def test_whoever_is_known_reaches_what_is_their_own(client_as, admin, endpoint):  # noqa: F811
    answer = ask(client_as("viewer", user=admin), endpoint)
    assert answer.status != 401
    assert answer.status != 403 or answer.json()["detail"] == "The current password is wrong."


def without_signature(token):
    head, claims, _ = token.split(".")
    plain = json.loads(base64.urlsafe_b64decode(head + "=="))
    unsigned = base64.urlsafe_b64encode(json.dumps({**plain, "alg": "none"}).encode()).decode().rstrip("=")
    return f"{unsigned}.{claims}."


def with_more_roles(token):
    head, claims, signature = token.split(".")
    said = json.loads(base64.urlsafe_b64decode(claims + "=="))
    more = base64.urlsafe_b64encode(json.dumps({**said, "roles": ["admin"]}).encode()).decode().rstrip("=")
    return f"{head}.{more}.{signature}"


def signed_by_the_public_key(token, public_key):
    """The old confusion of algorithms: an HMAC whose secret is the key that everybody may read."""
    head, claims, _ = token.split(".")
    kid = json.loads(base64.urlsafe_b64decode(head + "=="))["kid"]
    said = json.loads(base64.urlsafe_b64decode(claims + "=="))
    pem = public_key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    body = f"{_part({'alg': 'HS256', 'kid': kid})}.{_part(said)}"
    mac = base64.urlsafe_b64encode(hmac.new(pem, body.encode(), hashlib.sha256).digest()).decode().rstrip("=")
    return f"{body}.{mac}"


def _part(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


@pytest.fixture
def bad_tokens(runtime, settings):
    """Every token that must not hold, by what is wrong with it."""
    secrets = runtime.secrets.get(NOW)
    key = tokens.signing_key(secrets, NOW)

    def made(at=NOW, stage=settings, **claims):
        good = tokens.issue(stage, secrets, at, user_id="user_x", roles=["admin"], session="s")
        if not claims:
            return good
        said = {**jwt.decode(good, options={"verify_signature": False}), **claims}
        return jwt.encode(
            {name: value for name, value in said.items() if value is not None}, key.private_pem, "ES256", headers={"kid": key.kid}
        )

    good = made()
    foreign = jwt.encode(jwt.decode(good, options={"verify_signature": False}), key.private_pem, "ES256", headers={"kid": "another"})
    return {
        "run out": made(NOW - timedelta(minutes=17)),
        "of the future": made(NOW + timedelta(minutes=5)),
        "of another stage": made(stage=replace(settings, stage="prod")),
        "of another audience": made(aud="another"),
        "without an end": made(exp=None),
        "with an end that is no number": made(exp="soon"),
        "with an end beyond all days": made(exp=10**18),
        "with roles that are a number": made(roles=5),
        "of an unknown key": foreign,
        "without a signature": without_signature(good),
        "with roles put in": with_more_roles(made(roles=["viewer"])),
        "signed by the public key": signed_by_the_public_key(good, dict(tokens.public_keys(secrets.signing_keys))[key.kid]),
        "cut short": good[:-10],
        "three words": "a.b.c",
        "empty": "",
        "not ASCII": "ключ",
        "very long": "x" * 100_000,
    }


def test_no_bad_token_is_taken(app, anonymous, bad_tokens):
    for wrong, token in bad_tokens.items():
        answer = ApiClient(app, lambda token=token: token)("GET", "/wholesale")
        assert answer.status == 401, f"a token {wrong}: {answer.text}"
        assert_problem(answer, "unauthenticated", not_echoed=token if len(token) > 10 else "")
    for scheme in ("Basic dXNlcjpwYXNz", "Bearer", "bearer ", "Token x", "Bearer a b"):
        assert_problem(anonymous("GET", "/wholesale", headers={"Authorization": scheme}), "unauthenticated")


@PROTECTED
def test_a_token_that_has_run_out_opens_nothing(app, bad_tokens, endpoint):
    assert_problem(ask(ApiClient(app, lambda: bad_tokens["run out"]), endpoint), "unauthenticated")


def test_the_leeway_is_a_minute(app, runtime, settings, clock):
    token = tokens.issue(settings, runtime.secrets.get(NOW), NOW, user_id="user_x", roles=["operator"], session="s")
    clock.now = NOW + timedelta(minutes=15, seconds=59)
    assert ApiClient(app, lambda: token)("GET", "/wholesale").status == 200
    clock.now = NOW + timedelta(minutes=16, seconds=1)
    assert ApiClient(app, lambda: token)("GET", "/wholesale").status == 401
