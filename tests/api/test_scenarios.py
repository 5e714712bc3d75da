"""The API's scenarios within this process, so that a scenario that fails deployed is known to hold here."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.foundation.manifest import import_string
from chalicelib.packs import PACKS
from tests.conftest import TABLE
from tests.scenarios import SCENARIOS


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda one: one.__name__)
def test_the_api_in_process(scenario: Callable[..., None], anonymous: Any, client_as: Any, dynamodb: Any) -> None:
    scenario(anonymous, client_as)
    written = {re.split("[#_]", item["pk"]["S"])[0] for item in dynamodb.scan(TableName=TABLE)["Items"]}
    assert written <= declared_prefixes(), "a pack writes under a prefix that its manifest doesn't name"


def declared_prefixes() -> set[str]:
    """What partition keys may begin with: the ids of entities, and what manifests name."""
    ids = {import_string(path).ID.prefix for pack in PACKS for path in pack.entities.values()}
    return ids | {prefix for pack in PACKS for prefix in pack.key_prefixes}
