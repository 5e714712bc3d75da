"""Calls in AWS's JSON protocol without botocore's client: those that requests make.

botocore's client takes 75 ms to create, since it reads the service's model, and 0.4 ms for a call; these take under 1 ms and 0.1 ms. What
is not needed for a JSON document in each direction is left out: parameter validation, types of binary values (they are base64 text,
as in stream records: see `store.codec`), endpoint rules (the host is the region's), retries (the store retries within the
request's time). Connections, credentials, signatures and errors are botocore's. Every operation that isn't named here is passed to botocore's client.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSPreparedRequest, AWSRequest
from botocore.exceptions import ClientError
from botocore.session import Session

from chalicelib.foundation.aws_http import USER_AGENT, ServiceConnection


@dataclass(frozen=True)
class JsonProtocol:
    """How a service is spoken to: the prefix of its target header, its version of the protocol, the operations that are called so."""

    target: str
    version: str
    operations: frozenset[str]


PROTOCOLS = {
    "dynamodb": JsonProtocol(
        "DynamoDB_20120810",
        "1.0",
        frozenset(
            {
                "batch_get_item",
                "batch_write_item",
                "delete_item",
                "get_item",
                "put_item",
                "query",
                "scan",
                "transact_write_items",
                "update_item",
            }
        ),
    ),
    "secretsmanager": JsonProtocol("secretsmanager", "1.1", frozenset({"get_secret_value"})),
}


class JsonClient:
    """A client of one service with botocore's interface: `client.get_item(TableName=…)`.

    An operation raises ClientError for an error response, and botocore's errors of connections. One HTTP exchange each.
    """

    def __init__(self, service: str, region: str, endpoint: str | None, session: Session, full_client: Callable[[], object]) -> None:
        self._connection = ServiceConnection(service, region, endpoint, session)
        self._protocol = PROTOCOLS[service]
        self._url = f"{self._connection.endpoint or f'https://{service}.{region}.amazonaws.com'}/"
        self._full_client = full_client

    def __getattr__(self, name: str) -> Any:
        """An operation of this protocol, else what botocore's client has of that name."""
        if name not in self._protocol.operations:
            return getattr(self._full_client(), name)
        operation = "".join(word.capitalize() for word in name.split("_"))
        method = self.__dict__[name] = partial(self._call, operation)
        return method

    def _call(self, operation: str, **arguments: object) -> dict[str, object]:
        request = self._signed(operation, json.dumps(arguments, separators=(",", ":")).encode())
        response = self._connection.send(operation, request)
        if response.status_code >= 300:
            raise _error(operation, response.status_code, response.content, response.headers.get("x-amzn-RequestId", ""))
        document: dict[str, object] = json.loads(response.content)
        return document

    def _signed(self, operation: str, body: bytes) -> AWSPreparedRequest:
        headers = {
            "Content-Type": f"application/x-amz-json-{self._protocol.version}",
            "X-Amz-Target": f"{self._protocol.target}.{operation}",
            "User-Agent": USER_AGENT,
        }
        request = AWSRequest("POST", self._url, headers=headers, data=body)
        SigV4Auth(self._connection.credentials, self._connection.service, self._connection.region).add_auth(request)
        return request.prepare()


def _error(operation: str, status: int, content: bytes, request_id: str) -> ClientError:
    """The error of a response, in the form of botocore's. What is not JSON was not written by the service, but by what is before it."""
    try:
        document = json.loads(content)
        code = document.pop("__type").rpartition("#")[2]
    except (ValueError, KeyError, AttributeError):
        document, code = {}, "ServiceUnavailable" if status >= 500 else str(status)
    message = document.get("message") or document.get("Message") or ""
    metadata = {"HTTPStatusCode": status, "RequestId": request_id}
    return ClientError({**document, "Error": {"Code": code, "Message": message}, "ResponseMetadata": metadata}, operation)
