"""What the tests of holdings share: the API with the stream behind it."""

import pytest

from tests.packs.holdings.holdings_client import HoldingsClient


@pytest.fixture
def holdings_client(client_as, runtime, clock):
    return HoldingsClient(client_as, runtime, clock)
