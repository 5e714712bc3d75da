"""What every layer of tests shares: a table on moto, the app, and clients that act as somebody."""

import os
from collections.abc import Callable
from copy import copy
from datetime import UTC, datetime
from pathlib import Path
from socket import gaierror
from types import SimpleNamespace
from typing import Any

import hypothesis
import pytest

os.environ |= {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCOUNT_ID_ENDPOINT_MODE": "disabled",  # moto doesn't know the account's own host of DynamoDB Streams
}

from moto import mock_aws

from chalicelib.foundation import safe_fetch
from chalicelib.foundation.actor import Actor
from chalicelib.foundation.auth import tokens
from chalicelib.foundation.aws import client
from chalicelib.foundation.http.app import ValhallaApp
from chalicelib.foundation.runtime import Runtime
from chalicelib.foundation.schedules import run_schedule
from chalicelib.foundation.secret_store import SecretStore, new_secrets
from chalicelib.foundation.settings import Settings
from chalicelib.packs import PACKS
from local.gateway import proxy_event
from tests import dynamodb_limits, moto_buckets, moto_tables, openapi_contract
from tests.callers import SESSION, sign_in_as

# A busy machine is no failure: tests bound what is done, never how long it takes.
hypothesis.settings.register_profile("ours", deadline=None)
hypothesis.settings.load_profile("ours")

moto_tables.install()
dynamodb_limits.install()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--pack", help="Of the tests that go through every endpoint, only those of this pack.")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if name := config.getoption("--pack"):
        kept = [item for item in items if _is_of_pack(item, name)]
        config.hook.pytest_deselected(items=[item for item in items if item not in kept])
        items[:] = kept


def _is_of_pack(item: pytest.Item, name: str) -> bool:
    """Whether a test is the pack's own, or one of its endpoints among all."""
    if item.path.is_relative_to(Path(__file__).parent / "packs"):
        return item.path.parent.name == name
    endpoints = {f"{one.method} {one.path}" for pack in PACKS if pack.name == name for one in pack.endpoints}
    case = getattr(item, "callspec", None)
    return (case is not None and case.id == name) or item.name.partition("[")[2].removesuffix("]") in endpoints


TABLE = "valhalla-test"
NOW = datetime(2026, 11, 24, 18, 0, tzinfo=UTC)
SECRETS = new_secrets(datetime(2026, 1, 1, tzinfo=UTC))


class Clock:
    """A clock that tests set."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


def _unknown_host(host: str, port: int) -> list[str]:
    raise gaierror(f"{host} is unknown in tests")


@pytest.fixture(autouse=True)
def _no_internet(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test has fetched comes from a site of its own (tests/local_site.py), and nothing from elsewhere."""
    monkeypatch.setattr(safe_fetch, "INTERNET", safe_fetch.Network(resolve=_unknown_host))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def settings() -> Settings:
    return Settings(
        stage="test",
        table=TABLE,
        region="us-east-1",
        secrets="file:/dev/null",
        cors_origins=("https://app.example.com",),
        files_bucket="valhalla-test-files",
        seals_bucket="valhalla-test-seals",
    )


@pytest.fixture
def dynamodb(settings: Settings) -> Any:
    """A fresh table on moto, single-threaded, and the stage's buckets."""
    with mock_aws():
        client.cache_clear()
        connection = client("dynamodb", settings)
        moto_tables.create_table(connection, settings.region, TABLE)
        moto_buckets.create_buckets(settings)
        yield connection
    client.cache_clear()


@pytest.fixture
def runtime(settings: Settings, dynamodb: Any, clock: Clock) -> Runtime:
    return Runtime(
        settings, packs=PACKS, dynamodb=dynamodb, secrets=SecretStore(settings, lambda: SECRETS), clock=clock, sleep=lambda _: None
    )


@pytest.fixture
def app(runtime: Runtime) -> ValhallaApp:
    app = ValhallaApp("valhalla", runtime=lambda: runtime)
    app.register(PACKS)
    return app


class ApiResponse(SimpleNamespace):
    """An answer of the API: status, headers (lower case), text, and json() with exact numbers."""

    status: int
    headers: dict[str, str]
    text: str

    def json(self) -> Any:
        from chalicelib.foundation.json_codec import loads

        return loads(self.text)


class ApiClient:
    """Calls the app as the gateway does, as a user with these roles, or anonymously."""

    def __init__(self, app: Any, token: Callable[[], str] | None = None, sign_in: Callable[[], None] | None = None) -> None:
        self.app, self.token, self.sign_in = app, token, sign_in

    def __call__(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
        raw: str | None = None,
    ) -> ApiResponse:
        sent = {"Content-Type": "application/json", **(headers or {})}
        if method not in ("GET", "HEAD"):  # reading by token reads nothing of the caller's
            self.be_signed_in()
        if self.token:
            sent.setdefault("Authorization", f"Bearer {self.token()}")
        from chalicelib.foundation.json_codec import dumps

        text = raw if raw is not None else (None if body is None else dumps(body))
        return send(self.app, method, path, text, query or {}, sent)

    def be_signed_in(self) -> None:
        """Have the rows of a signed-in user, which changes of users, settings and policies read."""
        if self.sign_in:
            self.sign_in()
            self.sign_in = None


def send(app: Any, method: str, path: str, text: str | None, query: dict[str, str], headers: dict[str, str]) -> ApiResponse:
    response = app(proxy_event(method, path, headers, list(query.items()), text), None)
    response_headers = {name.lower(): value for name, value in response["headers"].items()}
    openapi_contract.check(getattr(app, "packs", PACKS), method, path, response["statusCode"], response_headers, response["body"])
    return ApiResponse(status=response["statusCode"], headers=response_headers, text=response["body"])


@pytest.fixture
def anonymous(app: ValhallaApp) -> ApiClient:
    return ApiClient(app)


@pytest.fixture
def client_as(app: ValhallaApp, runtime: Runtime) -> Any:
    """`client_as("operator")`: a caller with these roles, whose token is always fresh; `user=` names whom."""

    def make(*roles: str, user: str | None = None, professional_id: str | None = None) -> ApiClient:
        user_id = user or f"user_{'-'.join(roles) or 'none'}"

        def token() -> str:
            now = runtime.clock()
            return tokens.issue(
                runtime.settings,
                runtime.secrets.get(now),
                now,
                user_id=user_id,
                roles=list(roles),
                session=SESSION,
                professional_id=professional_id,
            )

        return ApiClient(app, token, lambda: sign_in_as(runtime, user_id, roles, professional_id))

    return make


@pytest.fixture
def context(runtime: Runtime) -> Any:
    """`context("operator")`: a Context for calling services directly."""

    def make(*roles: str, user: str = "user_someone") -> Any:
        actor = Actor(id=user, roles=frozenset(roles), permissions=runtime.packs.roles.permissions(roles))
        return runtime.context(request_id=os.urandom(8).hex(), actor=actor)

    return make


@pytest.fixture
def run_work(runtime: Runtime) -> Callable[..., dict[str, Any]]:
    """`run_work(schedules.follow_ups)`: run a schedule's work now, as its Lambda function does, with the rights of its role; its record."""
    from tests.roles_of_functions import AsRole, policy_of

    def run(work: Any, context: Any = None) -> dict[str, Any]:
        path = f"{work.__module__}.{work.__name__}"
        name = next(schedule.name for pack in PACKS for schedule in pack.schedules if schedule.function == path)
        limited = copy(runtime)  # runs may be at once
        limited.dynamodb = AsRole(runtime.dynamodb, policy_of(name))
        return run_schedule(name, work, limited, {}, context)

    return run


@pytest.fixture
def round_trips(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> Any:
    """`round_trips()`: the number of round trips to the table of the last request."""
    stores: list[Any] = []
    make = runtime.store

    def recording_store(remaining: Any = None) -> Any:
        stores.append(make(remaining))
        return stores[-1]

    monkeypatch.setattr(runtime, "store", recording_store)
    return lambda: stores[-1].round_trips
