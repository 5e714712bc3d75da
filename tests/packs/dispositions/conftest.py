"""What the tests of dispositions share."""

from typing import Any

import pytest

from tests.packs.dispositions.dispositions_client import DispositionsClient, apply_projections
from tests.streams.conftest import world

__all__ = ["world"]


@pytest.fixture
def dispositions(client_as: Any) -> DispositionsClient:
    return DispositionsClient(client_as("operator"))


@pytest.fixture
def project(runtime: Any) -> Any:
    return lambda: apply_projections(runtime)
