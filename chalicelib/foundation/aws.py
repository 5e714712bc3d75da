"""AWS clients: botocore's, configured for speed, and for the calls that requests make `aws_json`'s."""

from functools import cache, lru_cache, partial
from typing import Any

from botocore.config import Config
from botocore.session import Session

from chalicelib.foundation import aws_http, aws_json
from chalicelib.foundation.object_storage import ObjectStorage
from chalicelib.foundation.settings import Settings

_SESSION = Session()


@lru_cache
def client(service: str, settings: Settings) -> Any:
    """One client per service and process. Botocore's retries are off: the store retries within the request's time."""
    full_client = cache(partial(_full_client, service, settings))
    if service in aws_json.PROTOCOLS:
        return aws_json.JsonClient(service, settings.region, settings.aws_endpoint, _SESSION, full_client)
    return full_client()


def _full_client(service: str, settings: Settings) -> Any:
    return _SESSION.create_client(
        service,
        region_name=settings.region,
        endpoint_url=settings.aws_endpoint,
        config=Config(
            user_agent=aws_http.USER_AGENT,  # otherwise botocore builds its own twice per call
            connect_timeout=aws_http.CONNECT_TIMEOUT,
            read_timeout=aws_http.READ_TIMEOUT,
            max_pool_connections=aws_http.MAX_CONNECTIONS,
            parameter_validation=False,  # tests check the requests against a real engine
            retries={"total_max_attempts": 1, "mode": "standard"},
        ),
    )


@lru_cache
def object_storage(settings: Settings) -> ObjectStorage:
    """S3, one connection per process."""
    return ObjectStorage(aws_http.ServiceConnection("s3", settings.region, settings.aws_endpoint, _SESSION))
