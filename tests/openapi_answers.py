"""Holds every answer of an app against the app's own OpenAPI document: status, headers, content type, body."""

from collections.abc import Iterable
from decimal import Decimal
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator

from chalicelib.foundation.errors import Problem
from chalicelib.foundation.http import openapi
from chalicelib.foundation.http.routing import Routes, verb
from chalicelib.foundation.json import loads
from chalicelib.foundation.manifest import Pack
from chalicelib.packs import PACKS

_SOMETIMES = {"Idempotent-Replayed"}  # described, but only of a repeated request


class Described:
    """The document of some packs, and the check of an answer against it."""

    def __init__(self, packs: Iterable[Pack]) -> None:
        packs = tuple(packs)
        self.document: dict[str, Any] = openapi.build(packs)
        self._components = {"schemas": _closed(self.document["components"]["schemas"])}
        self._validators: dict[tuple[str, str, str, str], Draft202012Validator] = {}
        self._routes = Routes()
        for pack in packs:
            for endpoint in pack.endpoints:
                self._routes.add(endpoint.path, endpoint.method)

    def check(self, method: str, path: str, status: int, headers: dict[str, str], text: str) -> None:
        """Raise AssertionError where the answer isn't as described. Names of headers in lower case."""
        if method in ("HEAD", "OPTIONS"):
            return  # answered for every address alike
        try:
            match = self._routes.match(path)
            verb(match, method)
        except Problem:
            return  # no such address or verb: nothing describes it
        where = f"{method} {match.template} answered {status}"
        described = self.document["paths"][match.template][method.lower()]["responses"]
        assert str(status) in described, f"{where}, which isn't described ({', '.join(described)}): {text[:500]}"
        said = self.resolved(described[str(status)])
        missing = [name for name in said.get("headers", {}) if name.lower() not in headers and name not in _SOMETIMES]
        assert not missing, f"{where} without the described headers {missing}"
        if "content" not in said:
            assert not text, f"{where} with a body, described without: {text[:200]}"
            return
        media_type = headers.get("content-type", "").partition(";")[0]
        family = media_type.partition("/")[0] + "/*"
        kind = next((one for one in said["content"] if one in (media_type, family)), None)
        assert kind, f"{where} as {media_type or 'no named type'}, described as {', '.join(said['content'])}"
        if media_type.endswith("json"):
            found = self._validator(match.template, method.lower(), str(status), kind).iter_errors(_plain(loads(text)))
            wrong = [f"{'/'.join(map(str, one.absolute_path)) or 'body'}: {one.message[:300]}" for one in found]
            assert not wrong, f"{where}, and not as described: {wrong[:5]}"

    def resolved(self, node: Any) -> Any:
        """What a reference inside of the document refers to."""
        while "$ref" in node:
            found: Any = self.document
            for part in node["$ref"].removeprefix("#/").split("/"):
                found = found[part]
            node = found
        return node

    def _validator(self, *where: str) -> Draft202012Validator:
        if where not in self._validators:
            template, method, status, kind = where
            said = self.resolved(self.document["paths"][template][method]["responses"][status])
            schema = {**_closed(said["content"][kind]["schema"]), "components": self._components}
            self._validators[where] = Draft202012Validator(schema)  # type: ignore[index]
        return self._validators[where]  # type: ignore[index]


def _closed(node: Any) -> Any:
    """The schemas with every described object closed: a field that the document doesn't name is a mistake here."""
    if isinstance(node, list):
        return [_closed(one) for one in node]
    if not isinstance(node, dict):
        return node
    found = {name: _closed(value) for name, value in node.items()}
    is_open = "additionalProperties" in node or node.get("title") == "Problem"
    if node.get("type") == "object" and isinstance(node.get("properties"), dict) and not is_open:
        found["additionalProperties"] = False
    return found


def _plain(value: Any) -> Any:
    """Decimals as the numbers that the validator knows; a schema asks for no more than a number."""
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return float(value) if isinstance(value, Decimal) else value


@cache
def described() -> Described:
    """The system as it is."""
    return Described(PACKS)


_others: dict[tuple[tuple[str, str], ...], Described] = {}


def check(packs: tuple[Pack, ...], method: str, path: str, status: int, headers: dict[str, str], text: str) -> None:
    """Hold an answer of an app of these packs against its document."""
    if packs == PACKS:
        return described().check(method, path, status, headers, text)
    names = tuple((pack.package, one.handler) for pack in packs for one in pack.endpoints)
    if names not in _others:
        _others[names] = Described(packs)
    return _others[names].check(method, path, status, headers, text)
