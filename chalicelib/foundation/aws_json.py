"""Calls in AWS's JSON protocol without botocore's client: those that requests make.

botocore's client takes 75 ms to create, since it reads the service's model, and 0.4 ms for a call; these take under 1 ms and 0.1 ms. What
is not needed for a JSON document in each direction is left out: parameter validation, types of binary values (they are base64 text,
as in stream records: see `store.codec`), endpoint rules (the host is the region's), retries (the store retries within the
request's time). Connections, credentials and errors are botocore's. Every operation that isn't named here is passed to botocore's client.
"""

import hashlib
import hmac
import json
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from typing import Any
from urllib.parse import urlsplit

from botocore.awsrequest import AWSPreparedRequest
from botocore.exceptions import ClientError, NoCredentialsError
from botocore.httpsession import URLLib3Session
from botocore.session import Session
from botocore.utils import get_environ_proxies

CONNECT_TIMEOUT, READ_TIMEOUT = 1, 5  # seconds
MAX_CONNECTIONS = 32
USER_AGENT = "valhalla"


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
        self._service, self._region, self._session = service, region, session
        self._protocol = PROTOCOLS[service]
        self._url = f"{(endpoint or f'https://{service}.{region}.amazonaws.com').rstrip('/')}/"
        self._host = _host(self._url)
        self._full_client = full_client
        self._events = session.get_component("event_emitter")

    def __getattr__(self, name: str) -> Any:
        """An operation of this protocol, else what botocore's client has of that name."""
        if name not in self._protocol.operations:
            return getattr(self._full_client(), name)
        operation = "".join(word.capitalize() for word in name.split("_"))
        method = self.__dict__[name] = partial(self._call, operation)
        return method

    @cached_property
    def _http(self) -> URLLib3Session:
        return URLLib3Session(
            verify=self._session.get_config_variable("ca_bundle") or True,
            proxies=get_environ_proxies(self._url),
            timeout=(CONNECT_TIMEOUT, READ_TIMEOUT),
            max_pool_connections=MAX_CONNECTIONS,
            # The body is sent after the headers; with Nagle's algorithm it would wait for their acknowledgement, 40 ms.
            socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
        )

    def _call(self, operation: str, **arguments: object) -> dict[str, object]:
        body = json.dumps(arguments, separators=(",", ":")).encode()
        request = AWSPreparedRequest("POST", self._url, self._headers(operation, body), body, stream_output=False)
        # An emulator in the same process (moto) answers this event.
        _, response = self._events.emit_until_response(f"before-send.{self._service}.{operation}", request=request)
        if response is None:
            response = self._http.send(request)
        if response.status_code >= 300:
            raise _error(operation, response.status_code, response.content, response.headers.get("x-amzn-RequestId", ""))
        document: dict[str, object] = json.loads(response.content)
        return document

    def _headers(self, operation: str, body: bytes) -> dict[str, str]:
        """The headers with their signature (version 4)."""
        credentials = self._session.get_credentials()
        if credentials is None:
            raise NoCredentialsError
        access_key, secret_key, token, *_ = credentials.get_frozen_credentials()
        now = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        headers = {
            "content-type": f"application/x-amz-json-{self._protocol.version}",
            "host": self._host,
            "x-amz-date": now,
            "x-amz-target": f"{self._protocol.target}.{operation}",
        }
        if token:
            headers["x-amz-security-token"] = token
        names = sorted(headers)
        signed, scope = ";".join(names), f"{now[:8]}/{self._region}/{self._service}/aws4_request"
        lines = "".join(f"{name}:{headers[name]}\n" for name in names)
        canonical = f"POST\n/\n\n{lines}\n{signed}\n{hashlib.sha256(body).hexdigest()}"
        to_sign = f"AWS4-HMAC-SHA256\n{now}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        signature = hmac.digest(_signing_key(secret_key, scope), to_sign.encode(), "sha256").hex()
        authorization = f"AWS4-HMAC-SHA256 Credential={access_key}/{scope}, SignedHeaders={signed}, Signature={signature}"
        return {
            "Content-Type": headers["content-type"],
            "X-Amz-Date": now,
            "X-Amz-Target": headers["x-amz-target"],
            "User-Agent": USER_AGENT,
            "Authorization": authorization,
            **({"X-Amz-Security-Token": token} if token else {}),
        }


@lru_cache(maxsize=16)
def _signing_key(secret_key: str, scope: str) -> bytes:
    key = f"AWS4{secret_key}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def _host(url: str) -> str:
    """The Host header of a URL: with the port, unless it is the scheme's own."""
    parts = urlsplit(url)
    default = {"http": 80, "https": 443}.get(parts.scheme)
    return parts.netloc.removesuffix(f":{default}").rpartition("@")[2].lower()


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
