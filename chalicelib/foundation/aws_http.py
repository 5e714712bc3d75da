"""Signed HTTP exchanges with an AWS service, without botocore's client: for the calls that requests make (aws_json, object_storage).

Connections, credentials and signatures are botocore's. Its client of a service takes 75 to 120 ms to create, since it reads the service's model.
"""

import socket
from functools import cached_property
from typing import Any

from botocore.awsrequest import AWSPreparedRequest
from botocore.configprovider import ConfiguredEndpointProvider
from botocore.credentials import ReadOnlyCredentials
from botocore.exceptions import NoCredentialsError
from botocore.httpsession import URLLib3Session
from botocore.session import Session
from botocore.utils import get_environ_proxies

CONNECT_TIMEOUT, READ_TIMEOUT = 1, 5  # seconds
MAX_CONNECTIONS = 32
USER_AGENT = "valhalla"


class ServiceConnection:
    """Kept connections to one service. `endpoint` is an emulator's, or what the environment configures for botocore (AWS_ENDPOINT_URL);
    None on AWS, where the host is the region's.
    """

    def __init__(self, service: str, region: str, endpoint: str | None, session: Session) -> None:
        self.service, self.region, self._session = service, region, session
        configured = ConfiguredEndpointProvider(session.full_config, session.get_scoped_config(), service).provide()
        self.endpoint: str | None = (endpoint or configured or "").rstrip("/") or None
        self._events = session.get_component("event_emitter")

    @property
    def credentials(self) -> ReadOnlyCredentials:
        """The credentials of this moment. Raises NoCredentialsError."""
        credentials = self._session.get_credentials()
        if credentials is None:
            raise NoCredentialsError
        return credentials.get_frozen_credentials()

    def send(self, operation: str, request: AWSPreparedRequest) -> Any:
        """The response to a signed request. Raises botocore's errors of connections."""
        # An emulator in the same process (moto) answers this event.
        _, response = self._events.emit_until_response(f"before-send.{self.service}.{operation}", request=request)
        return self._http.send(request) if response is None else response

    @cached_property
    def _http(self) -> URLLib3Session:
        return URLLib3Session(
            verify=self._session.get_config_variable("ca_bundle") or True,
            proxies=get_environ_proxies(self.endpoint or f"https://{self.service}.{self.region}.amazonaws.com"),
            timeout=(CONNECT_TIMEOUT, READ_TIMEOUT),
            max_pool_connections=MAX_CONNECTIONS,
            # The body is sent after the headers; with Nagle's algorithm it would wait for their acknowledgement, 40 ms.
            socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
        )
