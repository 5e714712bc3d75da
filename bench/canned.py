"""DynamoDB answers that were recorded once and are played back at botocore's HTTP exchange.

So that what is timed is all of our code and all of botocore's, and nothing of a network or an engine.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from botocore.awsrequest import AWSResponse


class _Raw:
    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self, *_: Any, **__: Any) -> Iterator[bytes]:
        yield self._body


class Canned:
    """One answer an operation, by its target header."""

    def __init__(self, answers: dict[str, Any]) -> None:
        self._bodies = {operation: json.dumps(answer).encode() for operation, answer in answers.items()}

    def send(self, request: Any) -> AWSResponse:
        target = request.headers["X-Amz-Target"]
        name = (target.decode() if isinstance(target, bytes) else target).partition(".")[2]
        headers = {"Content-Type": "application/x-amz-json-1.0", "x-amzn-RequestId": "CANNED"}
        return AWSResponse(request.url, 200, headers, _Raw(self._bodies[name]))


@contextmanager
def canned(answers: dict[str, Any]) -> Iterator[None]:
    """Play `answers` ({"GetItem": {...}}, as DynamoDB's JSON) back to every botocore client."""
    player = Canned(answers)
    with patch("botocore.httpsession.URLLib3Session.send", lambda _self, request: player.send(request)):
        yield
