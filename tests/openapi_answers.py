"""Holds every answer of the app against its own OpenAPI document: status, content type, headers, body."""

from functools import cache
from typing import Any

from jsonschema import Draft202012Validator

from chalicelib.foundation.http import openapi
from chalicelib.foundation.http.routing import Match, Routes, verb
from chalicelib.packs import PACKS

DOCUMENT: dict[str, Any] = openapi.build(PACKS)
_ROUTES = Routes()
for _pack in PACKS:
    for _endpoint in _pack.endpoints:
        _ROUTES.add(_endpoint.path, _endpoint.method)


def check(method: str, path: str, status: int, headers: dict[str, str], text: str) -> None:
    """Raise AssertionError where the answer of a described endpoint isn't as described. Header names in lower case."""
    from chalicelib.foundation.errors import Problem

    try:
        match: Match = _ROUTES.match(path)
        method = verb(match, method) if method not in ("OPTIONS", "HEAD") else method
    except Problem:
        return  # no such address or verb: there is nothing to hold it against
    if method in ("OPTIONS", "HEAD"):
        return
    where = f"{method} {match.template} → {status}"
    described = DOCUMENT["paths"][match.template][method.lower()]["responses"]
    if str(status) == "500":
        raise AssertionError(f"{where}: {text}")
    assert str(status) in described, (
        f"{where}: this status is not in the OpenAPI document ({', '.join(described)}); the answer was {text[:500]}"
    )
    said = _resolved(described[str(status)])
    missing = [name for name in said.get("headers", {}) if name.lower() not in headers and name not in _SOMETIMES]
    assert not missing, f"{where}: described headers are missing: {missing}"
    if "content" not in said:
        assert not text, f"{where}: described without a body, answered {text[:200]}"
        return
    media_type = headers.get("content-type", "").partition(";")[0]
    kind = next((one for one in said["content"] if one == media_type or one == media_type.partition("/")[0] + "/*"), None)
    assert kind, f"{where}: {media_type or 'no content type'} is not among {', '.join(said['content'])}"
    if not media_type.endswith("json"):
        return
    from chalicelib.foundation.json import loads

    wrong = [
        f"{'/'.join(map(str, one.path)) or 'body'}: {one.message}"
        for one in _validator(match.template, method, status, kind).iter_errors(_plain(loads(text)))
    ]
    assert not wrong, f"{where}: the answer is not as described: {wrong[:5]}"


_SOMETIMES = {"Idempotent-Replayed", "Location", "ETag"}  # Location and ETag are checked by tests of their own


def _resolved(node: Any) -> Any:
    while "$ref" in node:
        found: Any = DOCUMENT
        for part in node["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        node = found
    return node


def _closed(node: Any) -> Any:
    """The schemas with every described object closed: a field that the document doesn't name is a mistake here."""
    if isinstance(node, list):
        return [_closed(one) for one in node]
    if not isinstance(node, dict):
        return node
    found = {name: _closed(value) for name, value in node.items()}
    if (
        node.get("type") == "object"
        and isinstance(node.get("properties"), dict)
        and "additionalProperties" not in node
        and node.get("title") != "Problem"
    ):
        found["additionalProperties"] = False
    return found


_COMPONENTS = {"schemas": _closed(DOCUMENT["components"]["schemas"])}


@cache
def _validator(template: str, method: str, status: int, kind: str) -> Draft202012Validator:
    said = _resolved(DOCUMENT["paths"][template][method.lower()]["responses"][str(status)])
    return Draft202012Validator({**_closed(said["content"][kind]["schema"]), "components": _COMPONENTS})


def _plain(value: Any) -> Any:
    """Decimals as the numbers that the validator knows; a schema asks for no more than a number."""
    from decimal import Decimal

    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return float(value) if isinstance(value, Decimal) else value
