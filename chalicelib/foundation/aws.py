"""AWS clients: botocore's, configured for speed."""

from functools import lru_cache
from typing import Any

from botocore.config import Config
from botocore.exceptions import UnknownServiceError
from botocore.loaders import Loader
from botocore.session import Session

from chalicelib.foundation.settings import Settings

# The shapes of typed values and of containers of them.
_DOCUMENTS = ("AttributeMap", "Key", "PutItemInputAttributeMap", "ExpressionAttributeValueMap", "TransactWriteItem", "ItemList")


class _Loader(Loader):  # type: ignore[misc]
    """botocore's service models, with DynamoDB's items as documents and without its endpoint rules.

    A document is passed through as JSON. Otherwise botocore examines the ten possible members of every value's shape, which takes more
    than half of the time of a list. Binary values are then base64 text, as they are in stream records: see `store.codec`.

    The endpoint rules search each call's arguments for table ARNs, to route to an account's own host. This code uses table names;
    without the rules botocore uses the region's host, which it computes once.
    """

    def load_service_model(self, service_name: str, type_name: str, api_version: str | None = None) -> Any:
        if (service_name, type_name) == ("dynamodb", "endpoint-rule-set-1"):
            raise UnknownServiceError(service_name=service_name, known_service_names="")
        model = super().load_service_model(service_name, type_name, api_version)
        if (service_name, type_name) == ("dynamodb", "service-2"):
            model["shapes"] |= {name: {"type": "structure", "members": {}, "document": True} for name in _DOCUMENTS}
        return model


def _session() -> Session:
    session = Session()
    session.register_component("data_loader", _Loader(session.get_config_variable("data_path")))
    return session


_SESSION = _session()


@lru_cache
def client(service: str, settings: Settings) -> Any:
    """One client per service and process. Botocore's retries are off: the store retries within the request's time."""
    return _SESSION.create_client(
        service,
        region_name=settings.region,
        endpoint_url=settings.aws_endpoint,
        config=Config(
            user_agent="valhalla",  # otherwise botocore builds its own twice per call, a sixth of the time of a warm read
            connect_timeout=1,
            read_timeout=5,
            max_pool_connections=32,
            parameter_validation=False,  # tests check the requests against a real engine
            retries={"total_max_attempts": 1, "mode": "standard"},
        ),
    )
