import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chalicelib.foundation.manifest import StreamConsumer
from local import consumers
from local.consumers import Consumer
from local.journal import Journal


def record(number: int, kind: str = "e") -> dict[str, Any]:
    return {
        "eventName": "INSERT",
        "dynamodb": {"Keys": {"pk": {"S": str(number)}}, "SequenceNumber": f"s{number}", "NewImage": {"t": {"S": kind}}},
    }


def mapping(**given: Any) -> StreamConsumer:
    filters = ({"dynamodb": {"NewImage": {"t": {"S": ["e"]}}}},)
    return StreamConsumer("audit", "", "", **{"filters": filters, "batch_size": 4, "retries": 3, **given})


class Function:
    """A Lambda function that notes its batches; `behave` decides how a batch ends."""

    def __init__(self, behave: Callable[[list[str]], Any] = lambda numbers: None) -> None:
        self.batches: list[list[str]] = []
        self._behave = behave

    def __call__(self, event: dict[str, Any], context: Any) -> Any:
        assert context.get_remaining_time_in_millis() > 0
        numbers = [one["dynamodb"]["Keys"]["pk"]["S"] for one in event["Records"]]
        self.batches.append(numbers)
        return self._behave(numbers)


@pytest.fixture(autouse=True)
def _no_long_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumers, "_FIRST_WAIT", 0.001)


def work(journal: Journal, function: Function, tmp_path: Path, **given: Any) -> Consumer:
    consumer = Consumer(mapping(**given), function, journal, tmp_path / "dead" / "audit.jsonl", lambda: None)
    consumer.start()
    ends = time.monotonic() + 10
    while not consumer.idle and time.monotonic() < ends:
        time.sleep(0.002)
    assert consumer.idle
    consumer.stop()
    return consumer


@pytest.fixture
def journal_of(tmp_path: Path, journal_at: Any) -> Any:
    """`journal_of("eex")`: a journal with a record of each kind."""

    def make(kinds: str) -> Journal:
        journal: Journal = journal_at(tmp_path / "journal")
        journal.append([record(number, kind) for number, kind in enumerate(kinds, 1)], {})
        return journal

    return make


def test_records_come_in_order_in_batches_and_only_those_asked_for(tmp_path: Path, journal_of: Any) -> None:
    function = Function()
    work(journal_of("eexeeee"), function, tmp_path)
    assert function.batches == [["1", "2", "4", "5"], ["6", "7"]]


def test_what_comes_later_is_seen_too(tmp_path: Path, journal_of: Any) -> None:
    journal, function = journal_of("e"), Function()
    consumer = Consumer(mapping(), function, journal, tmp_path / "dead", lambda: None)
    consumer.start()
    time.sleep(0.05)
    journal.append([record(2)], {})
    ends = time.monotonic() + 5
    while not consumer.idle and time.monotonic() < ends:
        time.sleep(0.002)
    consumer.stop()
    assert function.batches == [["1"], ["2"]]


def test_it_goes_on_where_the_journal_says_it_was(tmp_path: Path, journal_of: Any) -> None:
    journal, function = journal_of("eee"), Function()
    journal.append([], {"audit": 2})
    work(journal, function, tmp_path)
    assert function.batches == [["3"]]


def test_a_reported_failure_is_tried_again_from_there_on(tmp_path: Path, journal_of: Any) -> None:
    failed: list[str] = []

    def fail_three_once(numbers: list[str]) -> Any:
        if "3" in numbers and not failed:
            failed.append("3")
            return {"batchItemFailures": [{"itemIdentifier": "s4"}, {"itemIdentifier": "s3"}]}
        return {"batchItemFailures": []}

    function = Function(fail_three_once)
    work(journal_of("eeee"), function, tmp_path)
    assert function.batches == [["1", "2", "3", "4"], ["3", "4"]]


def test_a_batch_that_raises_is_halved_until_the_record_stands_alone_and_is_put_aside(tmp_path: Path, journal_of: Any) -> None:
    def choke_on_three(numbers: list[str]) -> None:
        if "3" in numbers:
            raise RuntimeError("poison")

    function = Function(choke_on_three)
    work(journal_of("eeeee"), function, tmp_path)
    first = [["1", "2", "3", "4"], ["1", "2"], ["3", "4"]]
    alone = [["3"]] * 4  # once, and three retries
    assert function.batches == [*first, *alone, ["4"], ["5"]]
    put_aside = [json.loads(text) for text in (tmp_path / "dead" / "audit.jsonl").read_text().splitlines()]
    assert put_aside == [record(3)]


def test_a_failure_that_names_no_record_of_the_batch_means_all_of_it(tmp_path: Path, journal_of: Any) -> None:
    function = Function(lambda numbers: {"batchItemFailures": [{"itemIdentifier": ""}]} if len(numbers) > 1 else None)
    work(journal_of("ee"), function, tmp_path)
    assert function.batches == [["1", "2"], ["1"], ["2"]]


def test_the_end_interrupts_retries_and_nothing_counts_as_done(tmp_path: Path, journal_of: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumers, "_FIRST_WAIT", 60)

    def raise_always(numbers: list[str]) -> None:
        raise RuntimeError("down")

    journal = journal_of("e")
    consumer = Consumer(mapping(), Function(raise_always), journal, tmp_path / "dead", lambda: None)
    consumer.start()
    time.sleep(0.05)
    consumer.stop()
    assert consumer.done == 0
