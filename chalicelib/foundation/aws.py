"""AWS clients: botocore's own, with plain settings that make them quick."""

from functools import lru_cache
from typing import Any

from botocore.config import Config
from botocore.loaders import Loader
from botocore.session import Session

from chalicelib.foundation.settings import Settings


class _Loader(Loader):  # type: ignore[misc]
    """botocore's service models, with DynamoDB's typed values as a document.

    A document passes through as the JSON that it is. Else botocore walks the ten possible members of every value's shape, which is
    more than half of what a list costs. Binary values are then base 64 text, as they are in stream records: see `store.codec`.
    """

    def load_service_model(self, service_name: str, type_name: str, api_version: str | None = None) -> Any:
        model = super().load_service_model(service_name, type_name, api_version)
        if (service_name, type_name) == ("dynamodb", "service-2"):
            model["shapes"]["AttributeValue"]["document"] = True
        return model


def _session() -> Session:
    session = Session()
    session.register_component("data_loader", _Loader(session.get_config_variable("data_path")))
    return session


_SESSION = _session()


@lru_cache
def client(service: str, settings: Settings) -> Any:
    """One client a service and process. No retries of botocore's: the store retries within the request's time."""
    return _SESSION.create_client(
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
