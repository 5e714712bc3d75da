import asyncio
import sqlite3
import time

import pytest

from local.emulator import stream as module
from local.emulator.errors import ServiceError
from local.emulator.stream import Stream
from tests.local.emulator.conftest import Clock


def fill(stream: Stream, count: int) -> None:
    for _ in range(count):
        stream.append(lambda sequence_number: sequence_number)


def test_pages_go_on_to_the_end(stream: Stream) -> None:
    fill(stream, 5)
    up_to, rows = stream.read(1, 2)
    assert (up_to, [number for number, _ in rows]) == (3, [2, 3])
    up_to, rows = stream.read(3, 100)
    assert (up_to, [number for number, _ in rows]) == (5, [4, 5])
    assert stream.read(5, 100) == (5, [])


def test_a_number_that_was_rolled_back_is_passed_over(stream: Stream, connection: sqlite3.Connection) -> None:
    fill(stream, 1)
    connection.execute("BEGIN")
    fill(stream, 1)
    connection.execute("ROLLBACK")
    assert stream.read(1, 10) == (2, []), "a reader gets to the end all the same"
    fill(stream, 1)
    assert [number for number, _ in stream.read(1, 10)[1]] == [3]


def test_records_are_dropped_when_every_consumer_has_read_them(stream: Stream, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_TRIM_EVERY", 2)
    assert stream.register(["a", "b"]) == {"a": 0, "b": 0}
    fill(stream, 6)
    stream.save_offset("a", 5)
    assert len(stream.read(0, 10)[1]) == 6
    stream.save_offset("b", 3)
    assert [number for number, _ in stream.read(3, 10)[1]] == [4, 5, 6]
    stream.save_offset("b", 4)
    assert len(stream.read(3, 10)[1]) == 3, "some at a time"
    assert stream.register(["a", "new"]) == {"a": 5, "new": 3}, "a new one begins with the oldest record"
    stream.save_offset("b", 1)
    assert stream.register(["b"]) == {"b": 3}, "a consumer that was gone begins anew"


def test_what_was_dropped_is_refused_also_after_a_restart(
    stream: Stream, connection: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_TRIM_EVERY", 2)
    stream.register(["a"])
    fill(stream, 6)
    stream.save_offset("a", 4)
    for again in (stream, Stream(connection)):
        with pytest.raises(ServiceError) as refused:
            again.read(3, 10)
        assert refused.value.code == module.TRIMMED
        assert [number for number, _ in again.read(4, 10)[1]] == [5, 6]


def test_age_drops_nothing(connection: sqlite3.Connection, clock: Clock) -> None:
    stream = Stream(connection, clock)
    stream.register(["a", "b"])
    fill(stream, 600)
    clock.now += 30 * 86_400
    stream.save_offset("a", 600)
    stream.save_offset("b", 1)
    assert len(stream.read(1, 1000)[1]) == 599


def test_a_reader_waits_until_there_is_something_or_the_time_is_over(stream: Stream) -> None:
    async def wait() -> tuple[float, float]:
        began = time.monotonic()
        asyncio.get_running_loop().call_later(0.05, fill, stream, 1)
        await stream.wait(0, 5.0)
        came = time.monotonic()
        await stream.wait(1, 0.05)
        return came - began, time.monotonic() - came

    came, timed_out = asyncio.run(wait())
    assert came < 2.0
    assert 0.04 < timed_out < 2.0
