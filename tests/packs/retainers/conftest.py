"""What the tests of retainers share."""

from typing import Any

import pytest

from chalicelib.packs.retainers import schedules
from tests.packs.dispositions.dispositions_client import apply_projections
from tests.packs.retainers.retainers_client import RetainersClient
from tests.streams.conftest import world

__all__ = ["world"]


@pytest.fixture
def retainers(client_as: Any) -> RetainersClient:
    return RetainersClient(client_as("operator"))


@pytest.fixture
def project(runtime: Any) -> Any:
    return lambda: apply_projections(runtime)


@pytest.fixture
def run(run_work: Any) -> Any:
    """Run the schedule now, as its clock does; the run's record."""
    return lambda context=None: run_work(schedules.due, context)
