import json
from pathlib import Path
from typing import Any

import pytest

from local.journal import Journal, Reader, records_after


def record(name: str) -> dict[str, Any]:
    return {"eventName": "INSERT", "dynamodb": {"Keys": {"pk": {"S": name}}}}


def names(journal: Journal, after: int = 0) -> list[str]:
    return [found["dynamodb"]["Keys"]["pk"]["S"] for _, found in records_after(journal, after)]


def test_what_was_appended_is_there_after_a_restart(tmp_path: Path, journal_at: Any) -> None:
    journal = journal_at(tmp_path)
    journal.append([record("a"), record("b")], {"audit": 0})
    journal.append([record("c")], {"audit": 2})
    journal.close()
    again = journal_at(tmp_path)
    assert (again.last, again.offsets, names(again)) == (3, {"audit": 2}, ["a", "b", "c"])
    assert names(again, after=2) == ["c"]


@pytest.mark.parametrize("torn", ['{"n":3,"r":{"eventN', '{"n":3,"r":{}}\n', '{"n":3,"r":{}}\n{"n":4,"r', "\0\0\0\0\n"])
def test_what_a_kill_left_half_written_does_not_count(tmp_path: Path, journal_at: Any, torn: str) -> None:
    journal = journal_at(tmp_path)
    journal.append([record("a"), record("b")], {"audit": 1})
    journal.close()
    with journal.segments()[-1].open("a") as file:
        file.write(torn)
    again = journal_at(tmp_path)
    assert (again.last, again.offsets, names(again)) == (2, {"audit": 1}, ["a", "b"])
    again.append([record("c")], {"audit": 1})
    again.close()
    assert names(journal_at(tmp_path)) == ["a", "b", "c"]


def test_a_kill_while_a_segment_is_begun_falls_back_to_the_one_before(tmp_path: Path, journal_at: Any) -> None:
    journal = journal_at(tmp_path)
    journal.append([record("a")], {"audit": 0})
    journal.close()
    (tmp_path / f"{2:020d}.log").write_text('{"c": 1, "off')
    again = journal_at(tmp_path)
    again.append([record("b")], {"audit": 0})
    assert (again.last, names(again)) == (2, ["a", "b"])


def test_a_reader_follows_across_segments_and_sees_nothing_uncommitted(tmp_path: Path, journal_at: Any) -> None:
    journal = journal_at(tmp_path)
    reader = Reader(journal, 0)
    assert reader.take(10) == []
    journal.append([record("a"), record("b"), record("c")], {"audit": 0})
    assert [number for number, _ in reader.take(2)] == [1, 2]
    journal.mark_saved(3)
    with journal.segments()[-1].open("a") as file:  # appended, but not committed
        file.write(json.dumps({"n": 4, "r": record("x")}) + "\n")
    assert [number for number, _ in reader.take(10)] == [3]
    assert not reader.waiting()


def test_segments_go_when_they_are_saved_and_consumed_and_not_before(tmp_path: Path, journal_at: Any) -> None:
    journal = journal_at(tmp_path)
    journal.append([record("a"), record("b")], {"audit": 1, "projection": 2})
    journal.mark_saved(2)
    assert names(journal, after=1) == ["b"], "the trail has not seen b"
    journal.append([], {"audit": 2, "projection": 2})
    journal.mark_saved(2)
    assert len(journal.segments()) == 1
    assert names(journal) == []
    journal.close()
    again = journal_at(tmp_path)
    assert (again.last, again.saved, again.offsets) == (2, 2, {"audit": 2, "projection": 2})


def test_an_unchanged_state_writes_nothing(tmp_path: Path, journal_at: Any) -> None:
    journal = journal_at(tmp_path)
    journal.append([record("a")], {"audit": 1})
    size = journal.segments()[-1].stat().st_size
    for _ in range(100):
        journal.append([], {"audit": 1})
    assert journal.segments()[-1].stat().st_size == size


def test_a_reader_that_starts_behind_what_was_dropped_takes_what_is_left(tmp_path: Path, journal_at: Any) -> None:
    journal = journal_at(tmp_path)
    journal.append([record("a")], {"audit": 1})
    journal.mark_saved(1)
    journal.append([record("b")], {"audit": 1})
    assert [number for number, _ in Reader(journal, 0).take(10)] == [2]


def test_a_reader_goes_on_where_the_segment_that_it_has_read_was_dropped(tmp_path: Path, journal_at: Any) -> None:
    journal = journal_at(tmp_path)
    reader = Reader(journal, 0)
    journal.append([record("a"), record("b")], {"audit": 0})
    assert [number for number, _ in reader.take(10)] == [1, 2]
    journal.append([], {"audit": 2})
    journal.mark_saved(2)
    assert len(journal.segments()) == 1  # the first one is gone
    journal.append([record("c")], {"audit": 2})
    assert [number for number, _ in reader.take(10)] == [3]
