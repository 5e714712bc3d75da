"""The finished stack, deployed once a run to an emulator of its own, and callers that reach it over HTTP."""

import json
import urllib.parse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from chalicelib.foundation.auth import tokens
from chalicelib.foundation.json_codec import dumps
from chalicelib.foundation.runtime import Runtime
from chalicelib.foundation.secret_store import Secrets, SecretStore
from chalicelib.foundation.settings import Settings
from chalicelib.packs import PACKS
from ops.package.build import Build
from ops.package.deploy import deploy
from tests.artifact import STAGE, build_once
from tests.callers import SESSION, sign_in_as
from tests.conftest import ApiResponse
from tests.deployed.emulator import REGION, Emulator, as_the_emulator_reads_it, emulator


@dataclass(frozen=True)
class Stack:
    """The deployed stage: its emulator, its outputs, and where its API answers."""

    emulator: Emulator
    outputs: dict[str, str]
    build: Build
    resources: dict[str, str]  # logical id → physical name
    http: httpx.Client

    @property
    def url(self) -> str:
        return self.emulator.api(self.outputs["RestAPIId"], STAGE)

    @property
    def template(self) -> dict[str, Any]:
        return json.loads(self.build.template.read_text())

    @property
    def secrets(self) -> Secrets:
        store = self.emulator.client("secretsmanager")
        return Secrets.from_json(store.get_secret_value(SecretId=self.outputs["SecretName"])["SecretString"])

    @property
    def settings(self) -> Settings:
        """The settings that the API's function was deployed with."""
        known = self.emulator.client("lambda").get_function_configuration(FunctionName=self.outputs["APIHandlerName"])
        return Settings.from_environment({**known["Environment"]["Variables"], "AWS_REGION": REGION})


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("deployed")
    made = build_once(tmp_path_factory)
    template = folder / "template.json"
    template.write_text(json.dumps(as_the_emulator_reads_it(json.loads(made.template.read_text()))))
    with emulator(folder / "emulator") as running, httpx.Client(timeout=60) as http:
        outputs = deploy(running, STAGE, template, made.zip_file, now=datetime.now(UTC))
        resources = running.client("cloudformation").describe_stack_resources(StackName=f"valhalla-{STAGE}")["StackResources"]
        yield Stack(running, outputs, made, {resource["LogicalResourceId"]: resource["PhysicalResourceId"] for resource in resources}, http)


class HttpApiClient:
    """Calls the deployed API over HTTP, in the same words as the caller that tests within this process use."""

    def __init__(self, stack: Stack, token: str | None = None) -> None:
        self.stack, self.token = stack, token

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
        if self.token:
            sent.setdefault("Authorization", f"Bearer {self.token}")
        text = raw if raw is not None else (None if body is None else dumps(body))
        url = f"{self.stack.url}{path}" + (f"?{urllib.parse.urlencode(query)}" if query else "")
        response = self.stack.http.request(method, url, content=text.encode() if text is not None else None, headers=sent)
        return ApiResponse(status=response.status_code, headers=dict(response.headers), text=response.text)


@pytest.fixture
def anonymous(stack: Stack) -> HttpApiClient:  # type: ignore[override]
    return HttpApiClient(stack)


@pytest.fixture
def client_as(stack: Stack) -> Callable[..., HttpApiClient]:
    """`client_as("operator")`: a caller with these roles, over HTTP."""
    settings, secrets = stack.settings, stack.secrets
    runtime = Runtime(settings, packs=PACKS, dynamodb=stack.emulator.client("dynamodb"), secrets=SecretStore(settings, lambda: secrets))

    def make(*roles: str, user: str | None = None, professional_id: str | None = None) -> HttpApiClient:
        user_id = user or f"user_{'-'.join(roles) or 'none'}"
        sign_in_as(runtime, user_id, roles, professional_id)
        token = tokens.issue(
            settings, secrets, datetime.now(UTC), user_id=user_id, roles=list(roles), session=SESSION, professional_id=professional_id
        )
        return HttpApiClient(stack, token)

    return make


@pytest.fixture
def eventually() -> Callable[..., Any]:
    """`eventually(request, condition)`: repeat the request until the condition holds, for at most 20 seconds; returns the last response."""
    import time

    def wait(request: Callable[[], Any], condition: Callable[[Any], bool]) -> Any:
        deadline = time.monotonic() + 20
        while not condition(result := request()) and time.monotonic() < deadline:
            time.sleep(0.1)
        return result

    return wait
