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

USER = {"email": "eve@example.com", "name": "Eve", "password": "a long enough phrase", "roles": ["viewer"]}


def _made(path: str, body: Any) -> Callable[[Any, str], str]:
    """The id of something that is made for each case; of the same that is there already, where it can't be made twice."""

    def make(boss: Any) -> str:
        response = boss("POST", path, body)
        found: str = response.json()["id"] if response.status == 201 else boss("GET", path).json()["items"][0]["id"]
        return found

    return make


# What stands behind these paths; a random id would only ever be unknown.
EXISTING: dict[str, Callable[[Any], str]] = {
    "/auth/users/{id}": _made("/auth/users", USER),
    "/auth/api-keys/{id}": _made("/auth/api-keys", {"name": "a program", "roles": ["admin"]}),
    "/auth/external-blocks/{id}": _made("/auth/external-blocks", {"user_id": "oidc:eve"}),
    "/system/status/packs/{id}": lambda boss: "C",
}


def _is_for_what_exists(case: Any) -> bool:
    """Whether a case stays what it is with another id: right in all parts, or wrong in its body or query."""
    wrong = {location for location, part in case.meta.components.items() if part.mode.is_negative}
    return not wrong or bool(wrong & {ParameterLocation.BODY, ParameterLocation.QUERY})


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
    boss = client_as("admin", "counsel", "auditor", user=admin)
    _serving[:] = [app]
    if case.operation.path.startswith("/wholesale/{id}"):
        case.path_parameters["id"] = boss("POST", "/wholesale", {}).json()["id"]
    if case.operation.path in EXISTING and _is_for_what_exists(case):
        case.path_parameters["id"] = EXISTING[case.operation.path](boss)
    case.call_and_validate(headers={"Authorization": f"Bearer {boss.token()}"}, checks=CHECKS)
