"""What the tests of handoffs share."""

from typing import Any

import pytest

from tests.packs.dispositions.dispositions_client import apply_projections
from tests.packs.handoffs.handoffs_client import HandoffsClient


@pytest.fixture
def handoffs(client_as: Any) -> HandoffsClient:
    return HandoffsClient(client_as("operator"))


@pytest.fixture
def as_(client_as: Any) -> Any:
    """`as_("dealmaker")`: another caller, as a client of handoffs."""
    return lambda *roles, **who: HandoffsClient(client_as(*roles, **who))


@pytest.fixture
def project(runtime: Any) -> Any:
    return lambda: apply_projections(runtime)
