"""What the tests of findings share."""

from typing import Any

import pytest

from tests.packs.dispositions.dispositions_client import apply_projections
from tests.packs.findings.findings_client import FindingsClient


@pytest.fixture
def findings(client_as: Any) -> FindingsClient:
    """Who opens deals, works on them and scans them."""
    return FindingsClient(client_as("operator"))


@pytest.fixture
def auditor(client_as: Any) -> FindingsClient:
    return FindingsClient(client_as("auditor"))


@pytest.fixture
def as_(client_as: Any) -> Any:
    """`as_("dealmaker")`: another caller."""
    return lambda *roles, **who: FindingsClient(client_as(*roles, **who))


@pytest.fixture
def project(runtime: Any) -> Any:
    return lambda: apply_projections(runtime)
