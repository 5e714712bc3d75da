"""Plausible requests to every endpoint, from the OpenAPI document, and what a refusal must look like."""

import inspect
from typing import Any

import pytest

from chalicelib.foundation.errors import PROBLEM_TYPES, ValidationFailed
from chalicelib.foundation.http import handlers
from chalicelib.foundation.http.examples import NoExampleError, example
from chalicelib.foundation.json_codec import dumps, parse
from chalicelib.foundation.manifest import Endpoint, Pack
from chalicelib.packs import PACKS
from tests.openapi_contract import system_contract

ALL = [(pack, endpoint) for pack in PACKS for endpoint in pack.endpoints]


def for_each_endpoint(predicate: Any = lambda pack, endpoint: True) -> Any:
    """Makes of a test of one `endpoint` one of a pack: it runs for each of the pack's endpoints that `predicate` takes, on one table.

    Each endpoint that fails is reported on its own. A table a case would take most of the time of these thousands of cases.
    """
    rows = [
        pytest.param(endpoints, id=pack.name)
        for pack in PACKS
        if (endpoints := [endpoint for endpoint in pack.endpoints if predicate(pack, endpoint)])
    ]

    def decorate(test: Any) -> Any:
        def run(subtests: pytest.Subtests, endpoints: list[Endpoint], **fixtures: Any) -> None:
            for endpoint in endpoints:
                with subtests.test(f"{endpoint.method} {endpoint.path}"):
                    test(endpoint=endpoint, **fixtures)

        run.__name__, run.__doc__, run.__module__ = test.__name__, test.__doc__, test.__module__
        run.pytestmark = list(getattr(test, "pytestmark", ()))  # type: ignore[attr-defined]
        fixtures = [one for name, one in inspect.signature(test).parameters.items() if name != "endpoint"]
        own = [one for one in inspect.signature(run).parameters.values() if one.kind is not inspect.Parameter.VAR_KEYWORD]
        run.__signature__ = inspect.Signature([*own, *fixtures])  # type: ignore[attr-defined]
        return pytest.mark.parametrize("endpoints", rows)(run)

    return decorate


def takes_body(pack: Pack, endpoint: Endpoint) -> bool:
    return handlers.handler_for(pack, endpoint).body is not None


def operation(endpoint: Endpoint) -> dict[str, Any]:
    described: dict[str, Any] = system_contract().document["paths"][endpoint.path][endpoint.method.lower()]
    return described


def path_of(endpoint: Endpoint, **values: str) -> str:
    """The endpoint's path with well-formed parameters; `values` are put in instead."""
    path = endpoint.path
    for parameter in map(system_contract().resolved, operation(endpoint)["parameters"]):
        if parameter["in"] == "path":
            path = path.replace(f"{{{parameter['name']}}}", values.get(parameter["name"]) or str(parameter.get("example", "x")))
    return path


def query_of(endpoint: Endpoint) -> dict[str, str]:
    """A value for each parameter of the query that is needed; of most endpoints there is none."""
    contract = system_contract()
    needed = [one for one in map(contract.resolved, operation(endpoint)["parameters"]) if one["in"] == "query" and one.get("required")]
    return {one["name"]: str(example(one["schema"], contract.document["components"]["schemas"])) for one in needed}


def body_of(endpoint: Endpoint) -> Any:
    """A body with a value for every field where that is valid, else the example; None where it takes none."""
    content = operation(endpoint).get("requestBody", {}).get("content", {}).get("application/json")
    if content is None:
        return None
    components = system_contract().document["components"]["schemas"]
    schema = {word: value for word, value in system_contract().resolved(content["schema"]).items() if word != "examples"}
    try:
        full = example(schema, components)
        handlers.validate(handlers.handler_for(pack_of(endpoint), endpoint).body, parse(dumps(full)))
    except (NoExampleError, ValidationFailed):
        return content["example"]
    return full


def pack_of(endpoint: Endpoint) -> Pack:
    return next(pack for pack, one in ALL if one is endpoint)


def text_of(endpoint: Endpoint) -> str | None:
    body = body_of(endpoint)
    return None if body is None else dumps(body)


def assert_problem(response: Any, *kinds: str, not_echoed: str = "") -> dict[str, Any]:
    """The problem, after checking that it is one: of these kinds where any are named, with its request id, echoing nothing."""
    assert 400 <= response.status < 500, f"{response.status}: {response.text[:500]}"
    assert response.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = response.json()
    kind = body["type"].removeprefix("/problems/")
    assert not kinds or kind in kinds, f"{kind} instead of {' or '.join(kinds)}: {response.text[:500]}"
    assert response.status == body["status"] == PROBLEM_TYPES[kind].status
    assert body["title"] == PROBLEM_TYPES[kind].title
    assert body["detail"]
    assert body["request_id"] == response.headers["x-request-id"]
    assert response.headers["cache-control"] == "no-store"
    assert "Traceback" not in response.text
    locations = [tuple(one["loc"]) for one in body.get("errors", ())]
    assert len(set(locations)) == len(locations), f"a field is refused twice: {response.text[:500]}"
    # pydantic names the branches of a union, e.g. function-before[check(), str], as if they were fields
    assert not any("[" in part.removesuffix("[key]") for location in locations for part in location), response.text[:500]
    if not_echoed:
        assert not_echoed not in response.text
        assert not any(not_echoed in value for value in response.headers.values())
    return body
