"""What the tests of governance share."""

from typing import Any

import pytest

from tests.packs.governance.governance_client import GovernanceClient, Office


@pytest.fixture
def office(runtime: Any, client_as: Any) -> Office:
    return Office(runtime, client_as)


@pytest.fixture
def king(office: Office) -> GovernanceClient:
    return office.holder("King")


@pytest.fixture
def queen(office: Office) -> GovernanceClient:
    return office.holder("Queen")


@pytest.fixture
def tyr(office: Office) -> GovernanceClient:
    return office.holder("Tyr")


@pytest.fixture
def odin(office: Office) -> GovernanceClient:
    return office.holder("Odin")
