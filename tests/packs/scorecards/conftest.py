"""What the tests of scorecards share."""

from typing import Any

import pytest

from tests.packs.dispositions.dispositions_client import apply_projections
from tests.packs.scorecards.scorecards_client import ScorecardsClient
from tests.streams.conftest import world

__all__ = ["world"]


@pytest.fixture
def scorecards(client_as: Any) -> ScorecardsClient:
    return ScorecardsClient(client_as("operator"))


@pytest.fixture
def project(runtime: Any) -> Any:
    return lambda: apply_projections(runtime)
