"""What the tests of contracts share."""

from typing import Any

import pytest

from tests.packs.contracts.contracts_client import ContractsClient


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
