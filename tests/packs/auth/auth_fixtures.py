"""What the tests of /auth share: quick hashing of passwords, people, and their bearer headers."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from chalicelib.foundation.auth import passwords
from ops.bootstrap import bootstrap_admin

PASSWORD = "a long enough phrase"
EMAIL = "Ada@Example.com"


@pytest.fixture(autouse=True)
def quick_hashing(monkeypatch):
    """argon2id with the least memory: the rules are the same, and a test takes a tenth of the time."""
    monkeypatch.setattr(passwords, "MEMORY_COST", 8)
    monkeypatch.setattr(passwords, "TIME_COST", 1)
    passwords._hasher.cache_clear()
    passwords._dummy_hash.cache_clear()
    yield
    passwords._hasher.cache_clear()
    passwords._dummy_hash.cache_clear()


@pytest.fixture
def admin(runtime):
    """The first administrator's id."""
    return bootstrap_admin(runtime, EMAIL, "Ada", PASSWORD)[0]


def sign_in(anonymous: Any, email: str = EMAIL, password: str = PASSWORD, **more: Any) -> Any:
    return anonymous("POST", "/auth/token", {"email": email, "password": password}, **more)


def bearer(pair: dict[str, Any]) -> dict[str, str]:
    return {"Authorization": f"Bearer {pair['access_token']}"}


def refresh(anonymous: Any, pair: dict[str, Any]) -> Any:
    return anonymous("POST", "/auth/refresh", {"refresh_token": pair["refresh_token"]})


def rows(dynamodb: Any, prefix: str) -> list[dict[str, Any]]:
    return [item for item in dynamodb.scan(TableName="valhalla-test")["Items"] if item["pk"]["S"].startswith(prefix)]


class SignedInUser(SimpleNamespace):
    """Somebody who has signed in: `id`, `email`, `pair`, and a call that acts as them."""

    anonymous: Any
    pair: dict[str, Any]

    def __call__(self, method: str, path: str, body: Any = None, *, headers: dict[str, str] | None = None, **more: Any) -> Any:
        return self.anonymous(method, path, body, headers={**bearer(self.pair), **(headers or {})}, **more)


@pytest.fixture
def ada(anonymous, admin):
    """The administrator, signed in."""
    return SignedInUser(anonymous=anonymous, id=admin, email=EMAIL, pair=sign_in(anonymous).json())


@pytest.fixture
def person(anonymous, ada, clock):
    """`person("viewer")`: a user of these roles whom the administrator made, signed in."""
    count = iter(range(100))

    def make(*roles: str, **more: Any) -> SignedInUser:
        clock.now += timedelta(milliseconds=1)  # lists are newest first
        email = more.pop("email", f"person{next(count)}@example.com")
        response = ada("POST", "/auth/users", {"email": email, "name": "Somebody", "password": PASSWORD, "roles": list(roles), **more})
        assert response.status == 201, response.text
        return SignedInUser(anonymous=anonymous, id=response.json()["id"], email=email, pair=sign_in(anonymous, email).json())

    return make
