"""What the tests of contracts share."""

from typing import Any

import pytest

from chalicelib.foundation import run_time_settings
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.packs.governance.entities import PolicySettings, encode_policy
from chalicelib.packs.governance.public import Policy
from tests.packs.auth.auth_fixtures import ada, admin, person
from tests.packs.contracts.contracts_client import ContractsClient

__all__ = ["ada", "admin", "person"]


@pytest.fixture
def contracts(client_as: Any) -> ContractsClient:
    return ContractsClient(client_as("operator"))


@pytest.fixture
def counsel(client_as: Any) -> ContractsClient:
    return ContractsClient(client_as("counsel"))


@pytest.fixture
def as_(client_as: Any) -> Any:
    """`as_("dealmaker")`: another caller, as a client of contracts."""
    return lambda *roles, **who: ContractsClient(client_as(*roles, **who))


@pytest.fixture
def api_key(anonymous: Any, person: Any) -> Any:
    """`api_key("counsel")`: a program with these roles, as a client of contracts."""

    def make(*roles: str) -> ContractsClient:
        answer = person(*roles)("POST", "/auth/api-keys", {"name": "program", "roles": list(roles)})
        assert answer.status == 201, answer.text
        headers = {"X-API-Key": answer.json()["key"]}
        return ContractsClient(lambda method, path, body=None, **more: anonymous(method, path, body, headers=headers, **more))

    return make


@pytest.fixture
def set_policies(runtime: Any) -> Any:
    """`set_policies(self_approval="refuse")`: policies as if they had been proposed and confirmed."""

    def change(*policies: Policy, self_approval: str = "finding") -> None:
        ctx = runtime.context(request_id="policies")
        before = run_time_settings.read(ctx, PolicySettings)
        values = {"policies": list(map(encode_policy, policies)), "self_approval": self_approval}
        if before is None:
            after = PolicySettings.new(ctx, PolicySettings.ID.example, version=2, **values)
        else:
            after = before.with_changes(ctx, version=before.version + 1, **values)
        run_time_settings.commit_change(ctx, Transaction(ctx.store), before, after)

    return change
