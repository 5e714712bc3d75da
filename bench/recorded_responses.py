"""Recorded DynamoDB responses, replayed at botocore's HTTP exchange.

So measured time includes all of our code and of botocore's, but no network and no database.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from botocore.awsrequest import AWSResponse


class _RawBody:
    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self, *_: Any, **__: Any) -> Iterator[bytes]:
        yield self._body


class RecordedHttp:
    """One response per operation, chosen by the target header."""

    def __init__(self, responses: dict[str, Any]) -> None:
        self._bodies = {operation: json.dumps(response).encode() for operation, response in responses.items()}

    def send(self, request: Any) -> AWSResponse:
        target = request.headers["X-Amz-Target"]
        name = (target.decode() if isinstance(target, bytes) else target).partition(".")[2]
        headers = {"Content-Type": "application/x-amz-json-1.0", "x-amzn-RequestId": "RECORDED"}
        return AWSResponse(request.url, 200, headers, _RawBody(self._bodies[name]))


@contextmanager
def replay_responses(responses: dict[str, Any]) -> Iterator[None]:
    """Replay `answers` ({"GetItem": {...}}, as DynamoDB's JSON) to every botocore client."""
    player = RecordedHttp(responses)
    with patch("botocore.httpsession.URLLib3Session.send", lambda _self, request: player.send(request)):
        yield
