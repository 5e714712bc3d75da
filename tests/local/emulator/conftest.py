"""The emulator's parts in this process, without HTTP."""

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from chalicelib.foundation.store.table import TTL_ATTRIBUTE, table_definition
from local.emulator import database
from local.emulator.dynamodb import DynamoDB
from local.emulator.stream import Stream

TABLE = "things"
Call = Callable[..., Any]


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    opened = database.connect(tmp_path / "data.sqlite")
    yield opened
    opened.close()


@pytest.fixture
def stream(connection: sqlite3.Connection) -> Stream:
    return Stream(connection)


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def dynamodb(connection: sqlite3.Connection, stream: Stream, clock: Clock) -> DynamoDB:
    service = DynamoDB(connection, stream, clock)
    service.handle("CreateTable", table_definition(TABLE))
    ttl = {"Enabled": True, "AttributeName": TTL_ATTRIBUTE}
    service.handle("UpdateTimeToLive", {"TableName": TABLE, "TimeToLiveSpecification": ttl})
    return service
