"""Requests made from the OpenAPI document, right and wrong ones, by an administrator: no 5xx, and every answer as described."""

from collections.abc import Callable
from typing import Any

import hypothesis
import pytest
import schemathesis
from schemathesis.checks import not_a_server_error
from schemathesis.config import SchemathesisConfig
from schemathesis.core.parameters import ParameterLocation
from schemathesis.specs.openapi import checks

from chalicelib.foundation.http import openapi
from chalicelib.packs import PACKS
from local.server import wsgi
from tests.packs.auth.auth_fixtures import admin, quick_hashing  # noqa: F401 - fixtures

EXAMPLES = 10


def wrong_input_is_refused(context: Any, response: Any, case: Any) -> bool | None:
    """A wrong query or body gets 4xx. A wrong set of headers is one with a header that nobody knows, which is ignored; ids are put in below."""
    wrong = {location for location, part in case.meta.components.items() if part.mode.is_negative}
    return checks.negative_data_rejection(context, response, case) if wrong & {ParameterLocation.QUERY, ParameterLocation.BODY} else None


CHECKS = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
    wrong_input_is_refused,
]

_serving: list[Any] = []


def _app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
    plain = {**environ, "HTTP_ACCEPT_ENCODING": "identity"}  # the test client leaves gzip packed
    return wsgi(_serving[-1])(plain, start_response)


config = SchemathesisConfig.from_dict(
    {"seed": 20261124, "generation": {"max-examples": EXAMPLES, "database": "none"}, "phases": {"coverage": {"enabled": False}}}
)
schema = schemathesis.openapi.from_dict(openapi.build(PACKS), config=config)
schema.app = _app


@pytest.mark.slow
@schema.parametrize()
@hypothesis.settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(hypothesis.HealthCheck),
    print_blob=False,
)
def test_every_answer_is_as_described(case, app, client_as, admin):  # noqa: F811
    boss = client_as("admin", user=admin)
    _serving[:] = [app]
    if case.operation.path.startswith("/wholesale/{id}"):
        case.path_parameters["id"] = boss("POST", "/wholesale", {}).json()["id"]
    if case.operation.path.startswith("/auth/users/{id}") and case.method == "GET":
        case.path_parameters["id"] = admin
    case.call_and_validate(headers={"Authorization": f"Bearer {boss.token()}"}, checks=CHECKS)
