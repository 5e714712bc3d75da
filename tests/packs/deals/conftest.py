from typing import Any

import pytest

from tests.packs.deals.deals_client import DealsClient


@pytest.fixture
def deals(client_as: Any) -> DealsClient:
    return DealsClient(client_as("operator"))
