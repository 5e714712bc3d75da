"""The API's scenarios within this process, so that a scenario that fails deployed is known to hold here."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.scenarios import SCENARIOS


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda one: one.__name__)
def test_the_api_in_process(scenario: Callable[..., None], anonymous: Any, client_as: Any) -> None:
    scenario(anonymous, client_as)
