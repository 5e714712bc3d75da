"""Where the JSON client sends its calls."""

import pytest
from botocore.session import Session

from chalicelib.foundation.aws_json import JsonClient


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_DYNAMODB"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def url(endpoint: str | None = None) -> str:
    return JsonClient("dynamodb", "eu-west-1", endpoint, Session(), lambda: None)._url


def test_to_the_regions_host(environment):
    assert url() == "https://dynamodb.eu-west-1.amazonaws.com/"


def test_to_where_the_environment_sends_botocore(environment):
    environment.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")
    assert url() == "http://127.0.0.1:4566/"
    environment.setenv("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:8000/")
    assert url() == "http://127.0.0.1:8000/"


def test_to_the_settings_endpoint_before_all(environment):
    environment.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")
    assert url("http://127.0.0.1:9000") == "http://127.0.0.1:9000/"
