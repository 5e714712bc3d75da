"""What the tests of tasks share."""

from typing import Any

import pytest

from tests.packs.dispositions.dispositions_client import apply_projections
from tests.packs.tasks.tasks_client import TasksClient


@pytest.fixture
def tasks(client_as: Any) -> TasksClient:
    return TasksClient(client_as("operator"))


@pytest.fixture
def as_(client_as: Any) -> Any:
    """`as_("dealmaker")`: another caller, as a client of tasks."""
    return lambda *roles, **who: TasksClient(client_as(*roles, **who))


@pytest.fixture
def project(runtime: Any) -> Any:
    return lambda: apply_projections(runtime)
