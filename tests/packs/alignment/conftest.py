"""What the tests of alignment share."""

from typing import Any

import pytest

from tests.packs.alignment.alignment_client import AlignmentClient
from tests.packs.dispositions.dispositions_client import apply_projections


@pytest.fixture
def alignment(client_as: Any) -> AlignmentClient:
    return AlignmentClient(client_as("operator"))


@pytest.fixture
def project(runtime: Any) -> Any:
    return lambda: apply_projections(runtime)
