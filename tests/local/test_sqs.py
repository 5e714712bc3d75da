import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chalicelib.foundation.manifest import QueueConsumer
from local import sqs
from local.engine import Engine, EngineClient


def consumer(name: str, visibility: int = 30, receives: int = 5) -> QueueConsumer:
    return QueueConsumer(
        name="worker",
        function="",
        summary="",
        queue=name,
        batch_size=10,
        timeout_seconds=60,
        visibility_seconds=visibility,
        max_receives=receives,
    )


def send(engine_client: EngineClient, url: str, *bodies: str) -> None:
    for body in bodies:
        engine_client.call("AmazonSQS.SendMessage", {"QueueUrl": url, "MessageBody": body})


def left(engine_client: EngineClient, url: str) -> dict[str, str]:
    wanted = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    found: dict[str, str] = engine_client.call("AmazonSQS.GetQueueAttributes", {"QueueUrl": url, "AttributeNames": wanted})["Attributes"]
    return found


@pytest.fixture
def own(engine: Engine) -> Iterator[EngineClient]:
    opened = engine.client()
    yield opened
    opened.close()


@pytest.fixture(autouse=True)
def _short_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqs, "_WAIT_SECONDS", 0)


def test_messages_come_as_lambda_gets_them_and_what_was_done_is_gone(engine_client: EngineClient, own: EngineClient) -> None:
    url = sqs.create_queues(engine_client, consumer("q-done"))
    assert sqs.create_queues(engine_client, consumer("q-done")) == url, "it may be there already"
    seen: list[dict[str, Any]] = []
    worker = sqs.QueueWorker(consumer("q-done"), lambda event, _: seen.extend(event["Records"]), own, url)
    worker.poll()
    assert seen == []
    send(engine_client, url, "one", "two")
    worker.poll()
    assert {record["body"] for record in seen} == {"one", "two"}
    assert all(record["eventSource"] == "aws:sqs" and record["eventSourceARN"].endswith(":q-done") for record in seen)
    assert seen[0]["attributes"]["ApproximateReceiveCount"] == "1"
    assert left(engine_client, url) == {"ApproximateNumberOfMessages": "0", "ApproximateNumberOfMessagesNotVisible": "0"}


def raise_it(_event: Any, _context: Any) -> None:
    raise RuntimeError("down")


@pytest.mark.parametrize(
    ("function", "kept"),
    [
        (lambda event, _: {"batchItemFailures": [{"itemIdentifier": event["Records"][0]["messageId"]}]}, 1),
        (lambda event, _: {"batchItemFailures": [{"itemIdentifier": "of another batch"}]}, 2),
        (lambda event, _: {"batchItemFailures": []}, 0),
        (raise_it, 2),
    ],
)
def test_what_was_not_done_stays(
    engine_client: EngineClient, own: EngineClient, function: Any, kept: int, request: pytest.FixtureRequest
) -> None:
    name = f"q-kept-{abs(hash(request.node.name))}"
    url = sqs.create_queues(engine_client, consumer(name))
    send(engine_client, url, "one", "two")
    sqs.QueueWorker(consumer(name), function, own, url).poll()
    assert left(engine_client, url)["ApproximateNumberOfMessagesNotVisible"] == str(kept)


def test_what_fails_too_often_goes_to_the_dead_letters(engine_client: EngineClient, own: EngineClient) -> None:
    short = consumer("q-dead", visibility=0, receives=2)
    url = sqs.create_queues(engine_client, short)
    send(engine_client, url, "poison")
    attempts: list[int] = []

    def fail(_event: Any, _context: Any) -> None:
        attempts.append(1)
        raise RuntimeError("poison")

    worker = sqs.QueueWorker(short, fail, own, url)
    for _ in range(5):
        worker.poll()
        time.sleep(0.02)
    assert len(attempts) == 2
    dead = engine_client.call("AmazonSQS.GetQueueUrl", {"QueueName": "q-dead-dead"})["QueueUrl"]
    assert left(engine_client, dead)["ApproximateNumberOfMessages"] == "1"


def test_the_thread_ends_when_told_and_outlives_an_engine_that_does_not_respond(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sqs, "_FAILURE_WAIT", 0.01)
    engine = Engine(tmp_path)
    engine_client = engine.client()
    url = sqs.create_queues(engine_client, consumer("q-thread"))
    seen = threading.Event()
    first, second = (sqs.QueueWorker(consumer("q-thread"), lambda *_: seen.set(), engine.client(), url) for _ in range(2))
    first.start()
    send(engine_client, url, "x")
    assert seen.wait(5)
    first.stop()
    first.join(5)
    assert not first.is_alive()
    second.start()
    engine.stop()
    ends = time.monotonic() + 5
    while "doesn't respond" not in caplog.text and time.monotonic() < ends:
        time.sleep(0.01)
    assert second.is_alive()
    second.stop()
    second.join(5)
    assert not second.is_alive()
    engine_client.close()


def test_messages_outlive_a_kill_on_another_port(tmp_path: Path) -> None:
    engine = Engine(tmp_path)
    engine_client = engine.client()
    send(engine_client, sqs.create_queues(engine_client, consumer("q-restart")), "kept")
    engine.stop()
    engine_client.close()
    again = Engine(tmp_path)
    engine_client = again.client()
    url = sqs.create_queues(engine_client, consumer("q-restart"))
    assert str(again.port) in url
    bodies: list[str] = []

    def note(event: Any, _context: Any) -> None:
        bodies.extend(record["body"] for record in event["Records"])

    sqs.QueueWorker(consumer("q-restart"), note, engine_client, url).poll()
    assert bodies == ["kept"]
    again.stop()
    engine_client.close()
