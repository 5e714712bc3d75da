"""The queues and the Lambda functions behind them, fed as Lambda's event source mapping would feed them.

What a function reports in `batchItemFailures`, and all of a batch that raises, comes again when its visibility is over; after as
many times as the queue allows the engine moves it to the dead-letter queue.
"""

import json
import logging
import threading
from typing import Any

from chalicelib.foundation.manifest import QueueConsumer
from local.consumers import Handler
from local.engine import REGION, EngineClient, EngineError
from local.gateway import LambdaContext

_SQS = "AmazonSQS"
_ACCOUNT = "000000000000"
_WAIT_SECONDS = 1  # how long a poll of an empty queue waits
_FAILURE_WAIT = 1.0  # after an engine that doesn't respond, or refuses

logger = logging.getLogger("valhalla.local")


def setting(consumer: QueueConsumer) -> str:
    """The environment variable that has the URL of a consumer's queue."""
    return f"VALHALLA_{consumer.queue.upper()}_QUEUE"


def create_queues(client: EngineClient, consumer: QueueConsumer) -> str:
    """Create the consumer's queue and its dead-letter queue where they are not there yet; returns the queue's URL."""
    client.call(f"{_SQS}.CreateQueue", {"QueueName": f"{consumer.queue}-dead"})
    redrive = {"deadLetterTargetArn": _arn(f"{consumer.queue}-dead"), "maxReceiveCount": consumer.max_receives}
    attributes = {"VisibilityTimeout": str(consumer.visibility_seconds), "RedrivePolicy": json.dumps(redrive)}
    created = client.call(f"{_SQS}.CreateQueue", {"QueueName": consumer.queue})
    client.call(f"{_SQS}.SetQueueAttributes", {"QueueUrl": created["QueueUrl"], "Attributes": attributes})
    url: str = created["QueueUrl"]
    return url


def _arn(queue: str) -> str:
    return f"arn:aws:sqs:{REGION}:{_ACCOUNT}:{queue}"


class QueueWorker(threading.Thread):
    """Takes messages from one queue and gives them to its function."""

    def __init__(self, consumer: QueueConsumer, handler: Handler, client: EngineClient, url: str) -> None:
        super().__init__(name=consumer.name, daemon=True)
        self._consumer, self._handler, self._client, self._url = consumer, handler, client, url
        self._stopping = threading.Event()

    def run(self) -> None:
        """Work until `stop`. An engine that doesn't respond stood still: were it gone, the run would be over."""
        try:
            while not self._stopping.is_set():
                try:
                    self.poll()
                except EngineError as error:
                    logger.warning("%s: %s", self.name, error)
                    self._stopping.wait(_FAILURE_WAIT)
        finally:
            self._client.close()

    def poll(self) -> None:
        """Take one batch, if there is one, and delete from the queue what the function did."""
        request = {
            "QueueUrl": self._url,
            "MaxNumberOfMessages": min(self._consumer.batch_size, 10),
            "WaitTimeSeconds": _WAIT_SECONDS,
            "AttributeNames": ["All"],
        }
        messages = self._client.call(f"{_SQS}.ReceiveMessage", request).get("Messages") or []
        if not messages:
            return
        failed = self._failures(messages)
        for message in messages:
            if message["MessageId"] not in failed:
                self._client.call(f"{_SQS}.DeleteMessage", {"QueueUrl": self._url, "ReceiptHandle": message["ReceiptHandle"]})

    def _failures(self, messages: list[dict[str, Any]]) -> set[str]:
        records = [
            {
                "messageId": message["MessageId"],
                "receiptHandle": message["ReceiptHandle"],
                "body": message["Body"],
                "attributes": message.get("Attributes") or {},
                "messageAttributes": message.get("MessageAttributes") or {},
                "md5OfBody": message.get("MD5OfBody", ""),
                "eventSource": "aws:sqs",
                "eventSourceARN": _arn(self._consumer.queue),
                "awsRegion": REGION,
            }
            for message in messages
        ]
        everything = {message["MessageId"] for message in messages}
        try:
            result = self._handler({"Records": records}, LambdaContext(self._consumer.name, self._consumer.timeout_seconds))
        except Exception:
            logger.exception("%s failed on a batch of %d messages", self._consumer.name, len(messages))
            return everything
        failures = result.get("batchItemFailures") if isinstance(result, dict) else None
        named = {failure.get("itemIdentifier") for failure in failures or ()}
        # As Lambda does: an identifier that is not of this batch means that nothing of it was done.
        return named if named <= everything else everything

    def stop(self) -> None:
        """Stop after the current batch, without waiting for that."""
        self._stopping.set()
