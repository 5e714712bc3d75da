"""DynamoDB's limits for every client of the tests, whichever engine is behind it: moto knows few of them.

The checks are the local emulator's own (`local.emulator.requests`), made before a request is sent, and answered in DynamoDB's form.
"""

import json
from typing import Any

from botocore.awsrequest import AWSPreparedRequest, AWSResponse

from chalicelib.foundation import aws
from chalicelib.foundation.store.table import table_definition
from local.emulator.errors import ValidationError
from local.emulator.requests import check_request
from local.emulator.schema import KeySchema

_SCHEMA = KeySchema(table_definition("any"))


class _Body:
    """The body of a response, as botocore reads it."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self, **_: Any) -> Any:
        yield self._content


def _refuse_beyond_limits(request: AWSPreparedRequest, **_: Any) -> AWSResponse | None:
    """DynamoDB's error for a request that it refuses, else None: the request is sent."""
    target = request.headers["X-Amz-Target"]
    operation = (target if isinstance(target, str) else target.decode()).rpartition(".")[2]
    try:
        check_request(operation, json.loads(request.body), _SCHEMA)
    except ValidationError as error:
        body = {"__type": "com.amazon.coral.validate#ValidationException", "message": error.message}
        headers = {"x-amzn-RequestId": "limits", "Content-Type": "application/x-amz-json-1.0"}
        return AWSResponse(request.url, 400, headers, _Body(json.dumps(body).encode()))
    return None


def install() -> None:
    """Once a process, before the first client."""
    aws._SESSION.get_component("event_emitter").register_first("before-send.dynamodb", _refuse_beyond_limits)
