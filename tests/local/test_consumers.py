import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from chalicelib.foundation.manifest import StreamConsumer
from local import consumers
from local.consumers import Consumer
from local.emulator.stream import TRIMMED
from local.engine import EngineClient, EngineError


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
    monkeypatch.setattr(consumers, "_READ_INTERVAL", 0.0)


class FakeStream:
    """The engine's stream in memory, in place of a client."""

    def __init__(self, kinds: str, **offsets: int) -> None:
        self.records = [(number, record(number, kind)) for number, kind in enumerate(kinds, 1)]
        self.offsets = offsets
        self.closed = False
        self.failures: list[EngineError] = []
        self.trimmed = 0

    def call(self, target: str, arguments: dict[str, Any]) -> dict[str, Any]:
        if self.failures:
            raise self.failures.pop()
        if target == "LocalStream.Progress":
            return {"Trimmed": self.trimmed}
        if target == "LocalStream.SaveOffset":
            self.offsets[arguments["Consumer"]] = arguments["Offset"]
            return {}
        assert target == "LocalStream.Read"
        last = len(self.records)
        if arguments["After"] < self.trimmed:
            raise EngineError("gone", TRIMMED)
        page = [(number, each) for number, each in self.records if number > arguments["After"]][: arguments["Limit"]]
        if not page:
            time.sleep(0.005)
        return {"UpTo": page[-1][0] if page else last, "Numbers": [n for n, _ in page], "Records": [each for _, each in page]}

    def close(self) -> None:
        self.closed = True


def run_on(stream: FakeStream, function: Function, tmp_path: Path, **given: Any) -> Consumer:
    consumer = Consumer(
        mapping(**given), function, cast(EngineClient, stream), stream.offsets.get("audit", 0), tmp_path / "dead" / "audit.jsonl"
    )
    consumer.start()
    return consumer


def work(stream: FakeStream, function: Function, tmp_path: Path, **given: Any) -> Consumer:
    consumer = run_on(stream, function, tmp_path, **given)
    until_done(consumer, stream)
    consumer.stop()
    consumer.join(5)
    assert stream.closed
    return consumer


def until_done(consumer: Consumer, stream: FakeStream) -> None:
    ends = time.monotonic() + 10
    while consumer.done < len(stream.records) and time.monotonic() < ends:
        time.sleep(0.002)
    assert consumer.done == len(stream.records) == stream.offsets["audit"]


def test_records_come_in_order_in_batches_and_only_those_asked_for(tmp_path: Path) -> None:
    function = Function()
    work(FakeStream("eexeeee"), function, tmp_path)
    assert function.batches == [["1", "2", "4", "5"], ["6", "7"]]


def test_what_comes_later_is_seen_too(tmp_path: Path) -> None:
    stream, function = FakeStream("e"), Function()
    consumer = run_on(stream, function, tmp_path)
    until_done(consumer, stream)
    stream.records.append((2, record(2)))
    until_done(consumer, stream)
    consumer.stop()
    assert function.batches == [["1"], ["2"]]


def test_it_goes_on_where_it_was(tmp_path: Path) -> None:
    function = Function()
    work(FakeStream("eee", audit=2), function, tmp_path)
    assert function.batches == [["3"]]


def test_what_it_can_not_store_is_its_failure(tmp_path: Path) -> None:
    stream = FakeStream("e")
    stream.offsets = cast(dict[str, int], None)
    consumer = Consumer(mapping(), Function(), cast(EngineClient, stream), 0, tmp_path / "dead")
    consumer.start()
    consumer.join(5)
    assert isinstance(consumer.failure, TypeError)
    assert consumer.done == 0


def test_an_engine_that_stood_still_is_asked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumers, "_SILENCE_WAIT", 0.001)
    stream, function = FakeStream("ee"), Function()
    stream.failures = [EngineError("timed out"), EngineError("reset")]
    assert work(stream, function, tmp_path).failure is None
    assert function.batches == [["1", "2"]]


def test_a_refusal_of_the_engine_is_its_failure(tmp_path: Path) -> None:
    stream = FakeStream("e")
    stream.failures = [EngineError("full", "InternalServerError")]
    consumer = run_on(stream, Function(), tmp_path)
    consumer.join(5)
    assert isinstance(consumer.failure, EngineError)


def test_what_the_stream_does_not_hold_any_more_is_told_before_it_goes_on_from_the_oldest_record(tmp_path: Path) -> None:
    stream, function, told = FakeStream("eeeee", audit=1), Function(), list[tuple[str, int, int, int]]()
    stream.trimmed = 3
    consumer = Consumer(
        mapping(),
        function,
        cast(EngineClient, stream),
        1,
        tmp_path / "dead",
        lambda name, first, last: told.append((name, first, last, stream.offsets["audit"])),
    )
    consumer.start()
    until_done(consumer, stream)
    consumer.stop()
    consumer.join(5)
    assert told == [("audit", 2, 3, 1)], "told before it counts as done"
    assert function.batches == [["4", "5"]]
    assert consumer.failure is None


def test_a_reported_failure_is_tried_again_from_there_on(tmp_path: Path) -> None:
    failed: list[str] = []

    def fail_three_once(numbers: list[str]) -> Any:
        if "3" in numbers and not failed:
            failed.append("3")
            return {"batchItemFailures": [{"itemIdentifier": "s4"}, {"itemIdentifier": "s3"}]}
        return {"batchItemFailures": []}

    function = Function(fail_three_once)
    work(FakeStream("eeee"), function, tmp_path)
    assert function.batches == [["1", "2", "3", "4"], ["3", "4"]]


def test_a_batch_that_raises_is_halved_until_the_record_stands_alone_and_is_put_aside(tmp_path: Path) -> None:
    def choke_on_three(numbers: list[str]) -> None:
        if "3" in numbers:
            raise RuntimeError("poison")

    function = Function(choke_on_three)
    work(FakeStream("eeeee"), function, tmp_path)
    first = [["1", "2", "3", "4"], ["1", "2"], ["3", "4"]]
    alone = [["3"]] * 4  # once, and three retries
    assert function.batches == [*first, *alone, ["4"], ["5"]]
    put_aside = [json.loads(text) for text in (tmp_path / "dead" / "audit.jsonl").read_text().splitlines()]
    assert put_aside == [record(3)]


def test_a_failure_that_names_no_record_of_the_batch_means_all_of_it(tmp_path: Path) -> None:
    function = Function(lambda numbers: {"batchItemFailures": [{"itemIdentifier": ""}]} if len(numbers) > 1 else None)
    work(FakeStream("ee"), function, tmp_path)
    assert function.batches == [["1", "2"], ["1"], ["2"]]


def test_the_end_interrupts_retries_and_nothing_counts_as_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumers, "_FIRST_WAIT", 60)

    def raise_always(numbers: list[str]) -> None:
        raise RuntimeError("down")

    consumer = run_on(FakeStream("e"), Function(raise_always), tmp_path)
    time.sleep(0.05)
    consumer.stop()
    consumer.join(5)
    assert not consumer.is_alive()
    assert consumer.done == 0
