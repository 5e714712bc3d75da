"""What the tests of finalization share."""

from typing import Any

import pytest

from tests.packs.finalization.finalization_client import FinalizationClient


@pytest.fixture
def office(client_as: Any) -> FinalizationClient:
    return FinalizationClient(client_as("operator"))


@pytest.fixture
def as_(client_as: Any) -> Any:
    """`as_("dealmaker")`: another caller, as a client of finalization."""

    def make(*roles: str, **who: Any) -> FinalizationClient:
        user = FinalizationClient(client_as(*roles, **who))
        user.call.be_signed_in()
        return user

    return make
