from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local import stream_recorder
from local.engine import Engine, EngineClient, EngineError
from local.journal import Journal, records_after
from local.stream_recorder import StreamRecorder, checkpoint, replay


def put(line: EngineClient, table: str, name: str, text: str) -> None:
    line.call(
        "DynamoDB_20120810.PutItem",
        {"TableName": table, "Item": {"pk": {"S": name}, "sk": {"S": "~"}, "text": {"S": text}, "bin": {"B": "AAE="}}},
    )


def remove(line: EngineClient, table: str, name: str) -> None:
    line.call("DynamoDB_20120810.DeleteItem", {"TableName": table, "Key": {"pk": {"S": name}, "sk": {"S": "~"}}})


def items(line: EngineClient, table: str) -> dict[str, Any]:
    found = line.call("DynamoDB_20120810.Scan", {"TableName": table})["Items"]
    return {item["pk"]["S"]: item for item in found}


@pytest.fixture
def journal(tmp_path: Path, journal_at: Any) -> Journal:
    opened: Journal = journal_at(tmp_path / "journal")
    return opened


@pytest.fixture
def reading(engine: Engine, table: str, journal: Journal) -> Iterator[StreamRecorder]:
    own = EngineClient(engine.port)
    yield StreamRecorder(client=own, table=table, journal=journal, offsets=dict, save=lambda: True)
    own.close()


def test_every_change_is_in_the_journal_in_order_as_a_lambda_would_get_it(
    line: EngineClient, table: str, journal: Journal, reading: StreamRecorder
) -> None:
    put(line, table, "a", "1")
    put(line, table, "a", "2")
    put(line, table, "a", "2")  # changes nothing: no record
    remove(line, table, "a")
    reading.read()
    records = [record for _, record in records_after(journal, 0)]
    assert [record["eventName"] for record in records] == ["INSERT", "MODIFY", "REMOVE"]
    assert records[1]["dynamodb"]["NewImage"]["text"] == {"S": "2"}
    assert records[1]["dynamodb"]["OldImage"]["bin"] == {"B": "AAE="}
    assert records[2]["dynamodb"]["Keys"] == {"pk": {"S": "a"}, "sk": {"S": "~"}}
    sequence = [record["dynamodb"]["SequenceNumber"] for record in records]
    assert sequence == sorted(set(sequence))
    assert all(record["eventSource"] == "aws:dynamodb" and table in record["eventSourceARN"] for record in records)


def test_more_than_a_page_is_read_whole(line: EngineClient, table: str, journal: Journal, reading: StreamRecorder) -> None:
    for first in range(0, 1100, 25):
        requests = [{"PutRequest": {"Item": {"pk": {"S": f"p{number}"}, "sk": {"S": "~"}}}} for number in range(first, first + 25)]
        line.call("DynamoDB_20120810.BatchWriteItem", {"RequestItems": {table: requests}})
    reading.read()
    assert journal.last == 1100


def test_replaying_brings_an_empty_table_to_the_same_items_however_often(
    line: EngineClient, table: str, journal: Journal, reading: StreamRecorder
) -> None:
    for name in "abc":
        put(line, table, name, "1")
    put(line, table, "b", "2")
    remove(line, table, "c")
    put(line, table, "d", "1")
    remove(line, table, "d")
    put(line, table, "d", "3")
    reading.read()
    before = items(line, table)
    for name in "abd":
        remove(line, table, name)
    put(line, table, "c", "stale")
    assert replay(line, table, journal) == 8
    assert items(line, table) == before
    assert replay(line, table, journal) == 8
    assert items(line, table) == before


def test_the_order_holds_across_the_pieces_that_a_replay_is_cut_into(
    line: EngineClient, table: str, journal: Journal, reading: StreamRecorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_recorder, "_FOLD", 3)
    for turn in range(7):
        put(line, table, "a", str(turn))
        put(line, table, f"b{turn % 3}", str(turn))
    reading.read()
    before = items(line, table)
    put(line, table, "a", "stale")
    replay(line, table, journal)
    assert items(line, table) == before


def test_what_is_saved_is_not_replayed(line: EngineClient, table: str, journal: Journal, reading: StreamRecorder) -> None:
    put(line, table, "a", "1")
    reading.read()
    assert not checkpoint(journal, lambda: False)
    assert journal.saved == 0
    assert checkpoint(journal, lambda: True)
    put(line, table, "b", "1")
    reading.read()
    remove(line, table, "a")
    assert replay(line, table, journal) == 1
    assert set(items(line, table)) == {"b"}


def test_an_offset_stands_behind_the_effects_that_came_before_it(line: EngineClient, engine: Engine, table: str, journal: Journal) -> None:
    """A consumer that says it is done while the stream is read must not be believed ahead of what it wrote."""
    done = {"audit": 0}

    def offsets() -> dict[str, int]:
        seen = dict(done)
        put(line, table, "effect", str(done["audit"]))  # the consumer's own write, and only then its word
        done["audit"] += 1
        return seen

    own = EngineClient(engine.port)
    reading = StreamRecorder(client=own, table=table, journal=journal, offsets=offsets, save=lambda: True)
    for expected in range(3):
        reading.read()
        effects = [int(record["dynamodb"]["NewImage"]["text"]["S"]) for _, record in records_after(journal, 0)]
        assert journal.offsets["audit"] <= expected
        assert max(effects) >= journal.offsets["audit"]
    own.close()


def test_a_machine_that_slept_too_long_for_the_iterator_misses_nothing(
    line: EngineClient, table: str, journal: Journal, reading: StreamRecorder
) -> None:
    put(line, table, "a", "1")
    reading.read()
    real = reading._line.call
    expired: list[str] = []

    def expire_once(target: str, arguments: dict[str, Any]) -> dict[str, Any]:
        if target.endswith("GetRecords") and not expired:
            expired.append(target)
            raise EngineError("ExpiredIteratorException: The shard iterator has expired")
        return real(target, arguments)

    reading._line.call = expire_once  # type: ignore[method-assign]
    put(line, table, "b", "1")
    reading.read()
    assert expired
    assert [record["dynamodb"]["Keys"]["pk"]["S"] for _, record in records_after(journal, 0)] == ["a", "b"]


def test_the_state_is_saved_when_it_is_quiet_and_worth_it(
    engine: Engine, line: EngineClient, table: str, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_recorder, "_QUIET_SECONDS", 0.0)
    monkeypatch.setattr(stream_recorder, "_WORTH_SAVING", 2)
    saves: list[int] = []
    own = EngineClient(engine.port)
    reading = StreamRecorder(client=own, table=table, journal=journal, offsets=dict, save=lambda: not saves.append(1))  # type: ignore[func-returns-value]
    put(line, table, "a", "1")
    reading.read()
    reading._save_when_quiet()
    assert saves == []
    put(line, table, "b", "1")
    reading.read()
    reading._save_when_quiet()
    reading._save_when_quiet()
    assert (saves, journal.saved) == ([1], 2)

    monkeypatch.setattr(stream_recorder, "_QUIET_SECONDS", 60.0)
    for name in "cd":
        put(line, table, name, "1")
    reading.read()
    reading._save_when_quiet()
    assert saves == [1], "somebody is writing"
    monkeypatch.setattr(stream_recorder, "_TOO_MANY", 2)
    reading._save_when_quiet()
    assert (saves, journal.saved) == ([1, 1], 4)
    own.close()


def test_a_thread_that_loses_its_engine_says_so(tmp_path: Path, journal: Journal) -> None:
    from chalicelib.foundation.store.table import table_definition

    own = Engine(tmp_path / "engine")
    line = EngineClient(own.port)
    line.call("DynamoDB_20120810.CreateTable", table_definition("table-own"))
    reading = StreamRecorder(client=line, table="table-own", journal=journal, offsets=dict, save=own.save)
    reading.start()
    own.stop()
    reading.join(5)
    assert not reading.is_alive()
    assert reading.failure is not None
    line.close()


def test_an_engine_that_cannot_write_its_state_says_so(tmp_path: Path) -> None:
    own = Engine(tmp_path / "engine")
    line = EngineClient(own.port)
    line.call("DynamoDB_20120810.ListTables", {})
    assert own.save()
    assert own.save(), "again and again"
    blocked = tmp_path / "engine" / "state"
    for path in blocked.iterdir():
        path.unlink()
    blocked.rmdir()
    blocked.write_text("a file where the folder was")
    assert not own.save()
    own.stop()
    assert not own.save(), "nor one that is gone"
    with pytest.raises(EngineError, match="doesn't respond"):
        line.call("DynamoDB_20120810.ListTables", {})
    line.close()
