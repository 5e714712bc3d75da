"""AWS clients: botocore's own, with plain settings that make them quick."""

from functools import lru_cache
from typing import Any

from botocore.config import Config
from botocore.session import Session

from .settings import Settings

_session = Session()


@lru_cache
def client(service: str, settings: Settings) -> Any:
    """One client a service and process. No retries of botocore's: the store retries within the request's time."""
    return _session.create_client(
        service,
        region_name=settings.region,
        endpoint_url=settings.aws_endpoint,
        config=Config(
            user_agent="valhalla",  # a given string spares botocore building its own twice a call: a sixth of a warm read
            connect_timeout=1,
            read_timeout=5,
            max_pool_connections=32,
            parameter_validation=False,  # what we send is built by code that the tests hold against the real engine
            retries={"total_max_attempts": 1, "mode": "standard"},
        ),
    )
