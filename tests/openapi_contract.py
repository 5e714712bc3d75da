"""Holds every answer of an app against the app's own OpenAPI document: status, headers, content type, body."""

from collections.abc import Iterable
from decimal import Decimal
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator

from chalicelib.foundation.errors import Problem
from chalicelib.foundation.http import openapi
from chalicelib.foundation.http.routing import Router, resolve_method
from chalicelib.foundation.json_codec import loads
from chalicelib.foundation.manifest import Pack
from chalicelib.packs import PACKS

_SOMETIMES = {"Idempotent-Replayed"}  # described, but only of a repeated request


class OpenApiContract:
    """The document of some packs, and the check of an answer against it."""

    def __init__(self, packs: Iterable[Pack]) -> None:
        packs = tuple(packs)
        self.document: dict[str, Any] = openapi.build(packs)
        self._components = {"schemas": _close_objects(self.document["components"]["schemas"])}
        self._validators: dict[tuple[str, str, str, str], Draft202012Validator] = {}
        self._routes = Router()
        for pack in packs:
            for endpoint in pack.endpoints:
                self._routes.add(endpoint.path, endpoint.method)

    def check(self, method: str, path: str, status: int, headers: dict[str, str], text: str) -> None:
        """Raise AssertionError where the answer isn't as described. Names of headers in lower case."""
        if method in ("HEAD", "OPTIONS"):
            return  # answered for every address alike
        try:
            match = self._routes.match(path)
            resolve_method(match, method)
        except Problem:
            return  # no such address or verb: nothing describes it
        exchange = f"{method} {match.template} answered {status}"
        described = self.document["paths"][match.template][method.lower()]["responses"]
        assert str(status) in described, f"{exchange}, which isn't described ({', '.join(described)}): {text[:500]}"
        response = self.resolved(described[str(status)])
        missing = [name for name in response.get("headers", {}) if name.lower() not in headers and name not in _SOMETIMES]
        assert not missing, f"{exchange} without the described headers {missing}"
        if "content" not in response:
            assert not text, f"{exchange} with a body, described without: {text[:200]}"
            return
        media_type = headers.get("content-type", "").partition(";")[0]
        family = media_type.partition("/")[0] + "/*"
        content_type = next((one for one in response["content"] if one in (media_type, family)), None)
        assert content_type, f"{exchange} as {media_type or 'no named type'}, described as {', '.join(response['content'])}"
        if media_type.endswith("json"):
            errors = self._validator(match.template, method.lower(), str(status), content_type).iter_errors(_to_json_types(loads(text)))
            problems = [f"{'/'.join(map(str, one.absolute_path)) or 'body'}: {one.message[:300]}" for one in errors]
            assert not problems, f"{exchange}, and not as described: {problems[:5]}"

    def resolved(self, node: Any) -> Any:
        """What a reference inside of the document refers to."""
        while "$ref" in node:
            target: Any = self.document
            for part in node["$ref"].removeprefix("#/").split("/"):
                target = target[part]
            node = target
        return node

    def _validator(self, *where: str) -> Draft202012Validator:
        if where not in self._validators:
            template, method, status, kind = where
            response = self.resolved(self.document["paths"][template][method]["responses"][status])
            schema = {**_close_objects(response["content"][kind]["schema"]), "components": self._components}
            self._validators[where] = Draft202012Validator(schema)  # type: ignore[index]
        return self._validators[where]  # type: ignore[index]


def _close_objects(node: Any) -> Any:
    """The schemas with every described object closed: a field that the document doesn't name is a mistake here."""
    if isinstance(node, list):
        return [_close_objects(item) for item in node]
    if not isinstance(node, dict):
        return node
    closed = {name: _close_objects(value) for name, value in node.items()}
    is_open = "additionalProperties" in node or node.get("title") == "Problem"
    if node.get("type") == "object" and isinstance(node.get("properties"), dict) and not is_open:
        closed["additionalProperties"] = False
    return closed


def _to_json_types(value: Any) -> Any:
    """Decimals as the numbers that the validator knows; a schema asks for no more than a number."""
    if isinstance(value, dict):
        return {name: _to_json_types(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_to_json_types(item) for item in value]
    return float(value) if isinstance(value, Decimal) else value


@cache
def system_contract() -> OpenApiContract:
    """The system as it is."""
    return OpenApiContract(PACKS)


_others: dict[tuple[tuple[str, str], ...], OpenApiContract] = {}


def check(packs: tuple[Pack, ...], method: str, path: str, status: int, headers: dict[str, str], text: str) -> None:
    """Hold an answer of an app of these packs against its document."""
    if packs == PACKS:
        return system_contract().check(method, path, status, headers, text)
    names = tuple((pack.package, endpoint.handler) for pack in packs for endpoint in pack.endpoints)
    if names not in _others:
        _others[names] = OpenApiContract(packs)
    return _others[names].check(method, path, status, headers, text)
