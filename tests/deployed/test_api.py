"""The API's scenarios over HTTP: through API Gateway, a Lambda worker and the deployed table."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.deployed.conftest import HttpApiClient
from tests.scenarios import SCENARIOS

pytestmark = pytest.mark.deployed


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda case: case.__name__)
def test_the_deployed_api(scenario: Callable[..., None], anonymous: HttpApiClient, client_as: Any) -> None:
    scenario(anonymous, client_as)
