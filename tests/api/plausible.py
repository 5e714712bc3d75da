"""Plausible requests to every endpoint, from the OpenAPI document, and what a refusal must look like."""

from typing import Any

import pytest

from chalicelib.foundation.errors import KINDS
from chalicelib.foundation.http import handlers
from chalicelib.foundation.json import dumps
from chalicelib.foundation.manifest import Endpoint, Pack
from chalicelib.packs import PACKS
from tests.openapi_answers import described

ALL = [(pack, endpoint) for pack in PACKS for endpoint in pack.endpoints]


def each(keep: Any = lambda pack, endpoint: True) -> Any:
    """A parametrisation over the endpoints that `keep` takes."""
    rows = [pytest.param(endpoint, id=f"{endpoint.method} {endpoint.path}") for pack, endpoint in ALL if keep(pack, endpoint)]
    return pytest.mark.parametrize("endpoint", rows)


def takes_body(pack: Pack, endpoint: Endpoint) -> bool:
    return handlers.of(pack, endpoint).body is not None


def operation(endpoint: Endpoint) -> dict[str, Any]:
    found: dict[str, Any] = described().document["paths"][endpoint.path][endpoint.method.lower()]
    return found


def path_of(endpoint: Endpoint, **values: str) -> str:
    """The endpoint's path with well-formed parameters; `values` are put in instead."""
    path = endpoint.path
    for given in map(described().resolved, operation(endpoint)["parameters"]):
        if given["in"] == "path":
            path = path.replace(f"{{{given['name']}}}", values.get(given["name"]) or str(given.get("example", "x")))
    return path


def body_of(endpoint: Endpoint) -> Any:
    """The example of its body; None where it takes none."""
    content = operation(endpoint).get("requestBody", {}).get("content", {})
    return content["application/json"]["example"] if content else None


def text_of(endpoint: Endpoint) -> str | None:
    body = body_of(endpoint)
    return None if body is None else dumps(body)


def refused(answer: Any, *kinds: str, not_echoed: str = "") -> dict[str, Any]:
    """The problem, after checking that it is one: of these kinds where any are named, with its request id, echoing nothing."""
    assert 400 <= answer.status < 500, f"{answer.status}: {answer.text[:500]}"
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    kind = body["type"].removeprefix("/problems/")
    assert not kinds or kind in kinds, f"{kind} instead of {' or '.join(kinds)}: {answer.text[:500]}"
    assert answer.status == body["status"] == KINDS[kind].status
    assert body["title"] == KINDS[kind].title
    assert body["detail"]
    assert body["request_id"] == answer.headers["x-request-id"]
    assert answer.headers["cache-control"] == "no-store"
    assert "Traceback" not in answer.text
    places = [tuple(one["loc"]) for one in body.get("errors", ())]
    assert len(set(places)) == len(places), f"a field is refused twice: {answer.text[:500]}"
    # pydantic names the branches of a union, e.g. function-before[check(), str], as if they were fields
    assert not any("[" in part.removesuffix("[key]") for place in places for part in place), answer.text[:500]
    if not_echoed:
        assert not_echoed not in answer.text
        assert not any(not_echoed in value for value in answer.headers.values())
    return body
