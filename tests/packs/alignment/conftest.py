"""What the tests of alignment share."""

from typing import Any

import pytest

from tests.packs.alignment.alignment_client import AlignmentClient


@pytest.fixture
def alignment(client_as: Any) -> AlignmentClient:
    return AlignmentClient(client_as("operator"))
