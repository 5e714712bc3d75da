"""Signing in, staying in, and going: tokens, rotation, sessions, lockout."""

from datetime import timedelta

import pytest

from ops.bootstrap import bootstrap_admin

PASSWORD = "a long enough phrase"


@pytest.fixture
def admin(runtime):
    """The first administrator's id."""
    return bootstrap_admin(runtime, "Ada@Example.com", "Ada", PASSWORD)[0]


@pytest.fixture
def pair(nobody, admin):
    answer = nobody("POST", "/auth/token", {"email": "ada@example.COM", "password": PASSWORD})
    assert answer.status == 200, answer.text
    return answer.json()


def bearer(pair):
    return {"Authorization": f"Bearer {pair['access_token']}"}


def refresh(nobody, token):
    return nobody("POST", "/auth/refresh", {"refresh_token": token})


def test_a_pair_opens_the_door(nobody, pair, admin):
    assert pair["token_type"] == "Bearer"
    assert pair["expires_in"] == 900
    me = nobody("GET", "/auth/me", headers=bearer(pair)).json()
    assert me["id"] == admin
    assert me["roles"] == ["admin", "operator", "counsel"]
    assert "users:admin" in me["permissions"]
    assert me["user"]["email"] == "Ada@Example.com"
    assert "password_hash" not in me["user"]
