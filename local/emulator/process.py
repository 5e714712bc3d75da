"""The emulator's process: it serves on a socket that it is handed, and ends with its parent.

Started by `local.engine` as `python -m local.emulator.process FD DATABASE MAIL OBJECTS CLOCK`, with the run's access key in AWS_ACCESS_KEY_ID. Standard input is a pipe from the parent; its end means
that the parent is gone, however that ended, and ends this process too. Nothing has to be saved then: a response is sent after its commit.
"""

import asyncio
import gc
import json
import os
import socket
import sqlite3
import sys
import threading
from collections.abc import Awaitable
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

from local.clock import LocalClock
from local.emulator import READY, UNREADABLE
from local.emulator.access import check_access
from local.emulator.database import UnreadableError, connect, transaction
from local.emulator.dynamodb import DynamoDB
from local.emulator.errors import ServiceError, log_error
from local.emulator.http import Connection, HttpRequest, HttpResponse
from local.emulator.s3 import S3
from local.emulator.ses import Ses
from local.emulator.sqs import Sqs
from local.emulator.stream import Stream
from local.emulator.tables import dumps

_EXPIRY_SECONDS = 60.0  # how often the TTL is applied
_GATHER_SECONDS = 0.02  # records that come together are read together: a batch costs a consumer little more than a record
_POLL_SECONDS = 0.1  # how often a waiting ReceiveMessage checks its queue


class Folders(NamedTuple):
    """Where mail and objects lie, as files."""

    mail: Path
    objects: Path


class Emulator:
    """The services behind one address."""

    def __init__(self, connection: sqlite3.Connection, base_url: str, folders: Folders, access_key: str, clock: LocalClock) -> None:
        self._connection, self._access_key = connection, access_key
        self._stream = Stream(connection, clock.timestamp)
        self.dynamodb = DynamoDB(connection, self._stream, clock.timestamp)
        self._sqs = Sqs(connection, base_url, clock.timestamp)
        self._ses = Ses(folders.mail, clock, self._sqs.put)
        self._s3 = S3(connection, folders.objects, access_key, clock.timestamp)

    def handle(self, request: HttpRequest) -> HttpResponse | Awaitable[HttpResponse]:
        """The response to a request of any service."""
        service, _, operation = request.headers.get("x-amz-target", "").partition(".")
        if not service and _is_of_s3(request.path):
            return self._s3.handle(request)
        try:
            check_access(request.headers, self._access_key)
            arguments = json.loads(request.body or b"{}")
            if not isinstance(arguments, dict):
                raise ServiceError("SerializationException", "The body is not an object.")
            if service == "DynamoDB_20120810":
                return HttpResponse(200, self.dynamodb.handle(operation, arguments).encode())
            if service == "AmazonSQS":
                if operation == "ReceiveMessage" and arguments.get("WaitTimeSeconds"):
                    return self._receive(arguments)
                return _ok(self._sqs.handle(operation, arguments))
            if service == "LocalStream":
                return self._handle_stream(operation, arguments)
            if service == "LocalStorage":
                return _ok(self._handle_storage(operation, arguments))
            return _ok(self._ses.handle(request.method, request.path.partition("?")[0], arguments))
        except ServiceError as error:
            return _failure(error)
        except (UnicodeError, json.JSONDecodeError):  # lone surrogates can't be stored
            return _failure(ServiceError("SerializationException", "The body is not valid JSON."))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            # A request of another shape than the service's; the log has more, should it be this program's mistake.
            log_error(error)
            return _failure(ServiceError("SerializationException", f"The request is malformed: {error!r}"))
        except sqlite3.Error as error:
            log_error(error)
            return _failure(ServiceError("InternalServerError", str(error), status=500))

    async def _receive(self, arguments: dict[str, Any]) -> HttpResponse:
        """ReceiveMessage that waits up to WaitTimeSeconds for the first message."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + float(arguments["WaitTimeSeconds"])
        try:
            while not (response := self._sqs.handle("ReceiveMessage", arguments)) and loop.time() < deadline:
                await asyncio.sleep(_POLL_SECONDS)
        except ServiceError as error:
            return _failure(error)
        return _ok(response)

    def _handle_stream(self, operation: str, arguments: dict[str, Any]) -> HttpResponse | Awaitable[HttpResponse]:
        """What the local run's consumers use in place of Lambda's event source mapping."""
        match operation:
            case "Register":
                with transaction(self._connection):
                    return _ok({"Offsets": self._stream.register(arguments["Consumers"])})
            case "SaveOffset":
                with transaction(self._connection):
                    self._stream.save_offset(arguments["Consumer"], arguments["Offset"])
                return _ok({})
            case "Progress":
                return _ok({"Last": self._stream.last, "Trimmed": self._stream.trimmed, "Offsets": self._stream.offsets()})
            case "Read":
                return self._read(arguments["After"], arguments["Limit"], arguments.get("WaitSeconds", 0))
        raise ServiceError("UnknownOperationException", f"{operation} is not supported here.")

    def _handle_storage(self, operation: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """What stands in for CloudFormation: a bucket is made."""
        if operation != "CreateBucket":
            raise ServiceError("UnknownOperationException", f"{operation} is not supported here.")
        return self._s3.create_bucket(arguments)

    async def _read(self, after: int, limit: int, wait_seconds: float) -> HttpResponse:
        """Records behind a number, when there are some or the time is over; `Numbers` has one for each, `UpTo` is all that was seen."""
        if wait_seconds and self._stream.last <= after:
            await self._stream.wait(after, wait_seconds)
            if self._stream.last > after:
                await asyncio.sleep(_GATHER_SECONDS)
        try:
            up_to, rows = self._stream.read(after, limit)
        except ServiceError as error:
            return _failure(error)
        numbers, records = dumps([number for number, _ in rows]), ",".join(record for _, record in rows)
        return HttpResponse(200, f'{{"UpTo":{up_to},"Last":{self._stream.last},"Numbers":{numbers},"Records":[{records}]}}'.encode())

    async def apply_ttl(self) -> None:
        """Delete what has expired, for ever."""
        while True:
            await asyncio.sleep(_EXPIRY_SECONDS)
            try:
                self.dynamodb.delete_expired()
            except sqlite3.Error as error:  # a full disk: the next time may do it
                log_error(error)


def _is_of_s3(path: str) -> bool:
    """Whether a path is that of a bucket or an object, rather than of SES."""
    return path.partition("?")[0] != "/" and not path.startswith("/v2/")


def _ok(body: dict[str, Any]) -> HttpResponse:
    return HttpResponse(200, dumps(body).encode())


def _failure(error: ServiceError) -> HttpResponse:
    body = {"__type": error.code, "message": error.message, "RequestId": str(uuid4()), **error.details}
    return HttpResponse(error.status, dumps(body).encode(errors="replace"))


async def serve(listening: socket.socket, emulator: Emulator) -> None:
    """Serve until standard input ends."""
    loop, parent_gone = asyncio.get_running_loop(), asyncio.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), loop.call_soon_threadsafe(parent_gone.set)), name="parent", daemon=True).start()
    expiry = asyncio.create_task(emulator.apply_ttl())
    await loop.create_server(lambda: Connection(emulator.handle), sock=listening, backlog=128)
    await parent_gone.wait()
    expiry.cancel()


def main() -> None:
    """Serve until the parent's end of standard input closes."""
    listening = socket.socket(fileno=int(sys.argv[1]))
    database, clock = Path(sys.argv[2]), LocalClock(Path(sys.argv[5]))
    folders = Folders(mail=Path(sys.argv[3]), objects=Path(sys.argv[4]))
    try:
        connection = connect(database)
    except UnreadableError as error:
        print(UNREADABLE, error, flush=True)
        return
    print(READY, flush=True)
    gc.freeze()
    base_url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    asyncio.run(serve(listening, Emulator(connection, base_url, folders, os.environ["AWS_ACCESS_KEY_ID"], clock)))
    connection.close()


if __name__ == "__main__":
    main()
