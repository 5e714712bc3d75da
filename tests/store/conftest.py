"""The store's tests run twice: on moto, and on DynamoDB Local, which judges. Races run on the latter alone (`dynamodb_local`)."""

from typing import Any

import pytest
from moto import mock_aws

from chalicelib.foundation.aws import client
from tests import moto_tables
from tests.dynamodb_local import dynamodb_local, dynamodb_local_url

__all__ = ["dynamodb", "dynamodb_local", "dynamodb_local_url"]


@pytest.fixture(params=["moto", pytest.param("dynamodb-local", marks=pytest.mark.dynamodb_local)])
def dynamodb(request: pytest.FixtureRequest, settings: Any) -> Any:
    """A client on a fresh table, on each engine in turn."""
    if request.param == "dynamodb-local":
        yield request.getfixturevalue("dynamodb_local")
        return
    with mock_aws():
        client.cache_clear()
        found = client("dynamodb", settings)
        moto_tables.create_table(found, settings.region, settings.table)
        yield found
    client.cache_clear()
