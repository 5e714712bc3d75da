"""What the tests of signals share."""

from typing import Any

import pytest

from chalicelib.foundation import safe_fetch
from tests.local_site import PUBLIC, local_site
from tests.packs.signals.signals_client import SignalsClient


@pytest.fixture
def signals(client_as: Any) -> SignalsClient:
    return SignalsClient(client_as("operator"), client_as("admin"))


@pytest.fixture
def site(monkeypatch: Any) -> Any:
    """The internet, which is one site: site.example and other.example."""
    with local_site() as running:
        running.names |= {"site.example": [[PUBLIC]], "other.example": [["1.1.1.1"]]}
        monkeypatch.setattr(safe_fetch, "INTERNET", running.network)
        yield running
