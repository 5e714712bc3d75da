"""SQS, as far as a queue with a dead-letter queue and one worker needs it. Messages are rows of the file: they outlive a restart."""

import hashlib
import json
import sqlite3
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

from local.emulator import ACCOUNT
from local.emulator.database import transaction
from local.emulator.errors import ServiceError
from local.emulator.tables import dumps

Request = dict[str, Any]

_DEFAULTS = {"VisibilityTimeout": "30"}
_MAX_BYTES = 1024 * 1024


class Sqs:
    """The service. `handle` takes an operation's name and arguments and returns its response. Queues' URLs begin with `base_url`."""

    def __init__(self, connection: sqlite3.Connection, base_url: str, clock: Callable[[], float] = time.time) -> None:
        self._connection, self._base_url, self._clock = connection, base_url, clock
        self._queues: dict[str, dict[str, str]] = {
            name: json.loads(attributes) for name, attributes in connection.execute("SELECT name, attributes FROM queues")
        }
        self._operations: dict[str, Callable[[Request], Request]] = {
            "CreateQueue": self._create_queue,
            "GetQueueUrl": lambda request: {"QueueUrl": self._url(self._known(request.get("QueueName")))},
            "SetQueueAttributes": self._set_attributes,
            "GetQueueAttributes": self._get_attributes,
            "SendMessage": lambda request: self._send(self._queue_of(request), request),
            "SendMessageBatch": self._send_batch,
            "ReceiveMessage": self._receive,
            "DeleteMessage": self._delete,
        }

    def handle(self, operation: str, request: Request) -> Request:
        """An operation's response. Raises ServiceError."""
        handler = self._operations.get(operation)
        if handler is None:
            raise ServiceError("UnsupportedOperation", f"{operation} is not supported here.")
        with transaction(self._connection):
            return handler(request)

    def put(self, queue: str, message: str) -> None:
        """Put a message on a queue, as another of AWS's services does. Raises ServiceError where there is no such queue."""
        with transaction(self._connection):
            self._send(self._known(queue), {"MessageBody": message})

    def _url(self, queue: str) -> str:
        return f"{self._base_url}/{ACCOUNT}/{queue}"

    def _known(self, queue: object) -> str:
        if not isinstance(queue, str) or queue not in self._queues:
            raise ServiceError("com.amazonaws.sqs#QueueDoesNotExist", "The specified queue does not exist.")
        return queue

    def _queue_of(self, request: Request) -> str:
        return self._known(str(request.get("QueueUrl", "")).rpartition("/")[2])

    def _create_queue(self, request: Request) -> Request:
        name = request["QueueName"]
        self._queues.setdefault(name, dict(_DEFAULTS))
        self._write_attributes(name, request.get("Attributes") or {})
        return {"QueueUrl": self._url(name)}

    def _set_attributes(self, request: Request) -> Request:
        self._write_attributes(self._queue_of(request), request["Attributes"])
        return {}

    def _write_attributes(self, queue: str, attributes: dict[str, str]) -> None:
        self._queues[queue] |= attributes
        self._connection.execute("INSERT OR REPLACE INTO queues VALUES (?, ?)", (queue, dumps(self._queues[queue])))

    def _get_attributes(self, request: Request) -> Request:
        queue, names = self._queue_of(request), request.get("AttributeNames") or []
        total, visible = self._connection.execute(
            "SELECT count(*), count(*) FILTER (WHERE visible_at <= ?) FROM messages WHERE queue = ?", (self._clock(), queue)
        ).fetchone()
        counts = {"ApproximateNumberOfMessages": str(visible), "ApproximateNumberOfMessagesNotVisible": str(total - visible)}
        attributes = self._queues[queue] | counts
        return {"Attributes": attributes if "All" in names else {name: attributes[name] for name in names if name in attributes}}

    def _send(self, queue: str, message: Request) -> Request:
        body, message_id = message["MessageBody"], str(uuid4())
        if not body or len(body.encode()) > _MAX_BYTES:
            raise ServiceError("InvalidParameterValue", "A message must have from 1 to 1,048,576 bytes.")
        now = self._clock()
        self._connection.execute(
            "INSERT INTO messages (queue, message_id, body, sent_at, visible_at) VALUES (?, ?, ?, ?, ?)",
            (queue, message_id, body, now, now + float(message.get("DelaySeconds") or 0)),
        )
        return {"MessageId": message_id, "MD5OfMessageBody": _md5(body)}

    def _send_batch(self, request: Request) -> Request:
        queue, entries = self._queue_of(request), request.get("Entries") or []
        if not 1 <= len(entries) <= 10:
            raise ServiceError("com.amazonaws.sqs#TooManyEntriesInBatchRequest", "A batch has from 1 to 10 entries.")
        return {"Successful": [{"Id": entry["Id"], **self._send(queue, entry)} for entry in entries], "Failed": []}

    def _receive(self, request: Request) -> Request:
        """Messages that are visible; those received too often go to the dead-letter queue instead."""
        queue, now = self._queue_of(request), self._clock()
        attributes = self._queues[queue]
        redrive = json.loads(attributes.get("RedrivePolicy") or "{}")
        visible_at = now + float(request.get("VisibilityTimeout", attributes["VisibilityTimeout"]))
        if redrive:
            self._connection.execute(
                "UPDATE messages SET queue = ?, receives = 0, receipt = NULL WHERE queue = ? AND visible_at <= ? AND receives >= ?",
                (redrive["deadLetterTargetArn"].rpartition(":")[2], queue, now, int(redrive["maxReceiveCount"])),
            )
        rows = self._connection.execute(
            "SELECT id, message_id, body, sent_at, receives FROM messages WHERE queue = ? AND visible_at <= ? ORDER BY id LIMIT ?",
            (queue, now, request.get("MaxNumberOfMessages", 1)),
        ).fetchall()
        messages = []
        for id, message_id, body, sent_at, receives in rows:
            receipt = uuid4().hex
            self._connection.execute(
                "UPDATE messages SET visible_at = ?, receives = receives + 1, receipt = ? WHERE id = ?", (visible_at, receipt, id)
            )
            messages.append(
                {
                    "MessageId": message_id,
                    "ReceiptHandle": receipt,
                    "Body": body,
                    "MD5OfBody": _md5(body),
                    "Attributes": {"ApproximateReceiveCount": str(receives + 1), "SentTimestamp": str(int(sent_at * 1000))},
                }
            )
        return {"Messages": messages} if messages else {}

    def _delete(self, request: Request) -> Request:
        """Remove a received message; one that was received again since has another receipt and stays."""
        queue = self._queue_of(request)
        self._connection.execute("DELETE FROM messages WHERE queue = ? AND receipt = ?", (queue, request.get("ReceiptHandle")))
        return {}


def _md5(body: str) -> str:
    return hashlib.md5(body.encode(), usedforsecurity=False).hexdigest()
