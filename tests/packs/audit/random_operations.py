"""Random requests that change something, made from the API's document: whatever packs there are, and whatever endpoints they have."""

import random
import re
from collections.abc import Iterator
from typing import Any

from chalicelib.foundation.http.examples import NoExampleError, example
from chalicelib.foundation.manifest import PUBLIC, Endpoint, Pack
from chalicelib.foundation.roles import GOVERNANCE_ROLES, ROLES
from chalicelib.packs import PACKS
from tests.api.endpoint_cases import ALL, operation
from tests.openapi_contract import system_contract

_ID = re.compile(r"([a-z]+)_[a-z]?[0-9A-HJKMNP-TV-Z]{26,}", re.ASCII)
_ULID_OF_EXAMPLES = "01KB0Q5E8G7Z3V9X2M4N6P8R0T"
_CALLERS = ("user_ann", "user_ben", "user_cay")
_NOT_FOR_CALLERS = ("/auth/sessions", "/auth/logout", "/auth/me")  # by which callers would sign themselves out
_PREFIXES = {f"{subject.type}_id": subject.prefix for pack in PACKS for subject in pack.subjects}  # by the name of a parameter
WRITES = [
    (pack, one) for pack, one in ALL if one.method != "GET" and one.permission != PUBLIC and not one.path.startswith(_NOT_FOR_CALLERS)
]


class RandomUser:
    """Makes random requests as one of three people who may do everything, about the things that were made before."""

    def __init__(self, client_as: Any, seed: int) -> None:
        everything = (*(role for role in ROLES if role != "professional"), *GOVERNANCE_ROLES)
        self._callers = {user: client_as(*everything, user=user) for user in _CALLERS}
        self._chance = random.Random(seed)
        self._ids: dict[str, list[str]] = {}  # by what they begin with
        self._prefix_for: dict[str, str] = {}  # of the ids that an endpoint takes
        self._of_pack: dict[str, set[str]] = {}
        self._number = 0

    def know(self, pack: str, id: str) -> None:
        """Something that there is, of a pack's."""
        prefix = id.partition("_")[0]
        self._of_pack.setdefault(pack, set()).add(prefix)
        if id not in self._ids.setdefault(prefix, []):
            self._ids[prefix].append(id)

    def act(self, pack: Pack, endpoint: Endpoint) -> tuple[str, Any]:
        """One request: who made it, and the answer."""
        user = self._chance.choice(_CALLERS)
        path, prefix = self._path(pack, endpoint)
        answer = self._callers[user](endpoint.method, path, self._body(endpoint))
        if prefix and answer.status != 404:
            self._prefix_for.setdefault(f"{endpoint.method} {endpoint.path}", prefix)
        return user, answer

    def choices(self) -> Iterator[tuple[Pack, Endpoint]]:
        """Endpoints at random: each at first, then those of a random pack, fewer that delete."""
        yield from sorted(WRITES, key=lambda one: (one[1].path.count("{"), one[1].method != "POST"))
        packs = sorted({pack.name for pack, _ in WRITES})
        while True:
            name = self._chance.choice(packs)
            pack, endpoint = self._chance.choice([one for one in WRITES if one[0].name == name])
            if endpoint.method != "DELETE" or self._chance.random() < 0.2:
                yield pack, endpoint

    def _path(self, pack: Pack, endpoint: Endpoint) -> tuple[str, str]:
        known = self._prefix_for.get(f"{endpoint.method} {endpoint.path}")
        prefix = known or self._chance.choice(sorted(self._of_pack.get(pack.name, {"x"})))
        path = endpoint.path
        for parameter in map(system_contract().resolved, operation(endpoint)["parameters"]):
            if parameter["in"] == "path":
                wanted = str(parameter.get("example", "x"))
                match = _ID.fullmatch(wanted)
                named = _PREFIXES.get(parameter["name"]) or (match[1] if match else "x")
                value = self._one_of(prefix if named == "x" else named, wanted)
                path = path.replace(f"{{{parameter['name']}}}", value)
        return path, prefix

    def _one_of(self, prefix: str, otherwise: str) -> str:
        ids = self._ids.get(prefix)
        return self._chance.choice(ids[-8:]) if ids else otherwise

    def _body(self, endpoint: Endpoint) -> Any:
        content = operation(endpoint).get("requestBody", {}).get("content", {}).get("application/json")
        if content is None:
            return None
        contract = system_contract()
        components = contract.document["components"]["schemas"]
        schema = contract.resolved(content["schema"])
        bare = {word: value for word, value in schema.items() if word != "examples"}
        try:
            full: Any = example(bare, components)
            least: Any = example(bare, components, everything=False)
        except NoExampleError:
            full = least = content["example"]
        given = content.get("example", least)
        if not isinstance(full, dict) or not isinstance(least, dict) or not isinstance(given, dict):
            return given
        start = self._chance.choice([least, given])
        optional = [name for name in full if name not in start]
        more = self._chance.sample(optional, min(len(optional), self._chance.choice([0, 0, 1, 2])))
        body = start | {name: full[name] for name in more}
        properties = schema.get("properties", {})
        return {name: self._varied(contract.resolved(properties.get(name, {})), value) for name, value in body.items()}

    def _varied(self, schema: Any, value: Any) -> Any:
        """A value of the same kind, mostly another one."""
        self._number += 1
        for one in (schema, *map(system_contract().resolved, schema.get("anyOf", ()))):
            if "enum" in one:
                return self._chance.choice(one["enum"])
        if isinstance(value, dict):
            return {
                name: self._varied({}, item) if isinstance(item, dict | list) else self._referring(item) for name, item in value.items()
            }
        if isinstance(value, list):
            return [self._referring(item) if isinstance(item, str) else item for item in value]
        if isinstance(value, str):
            return self._text(schema, value)
        return value

    def _text(self, schema: Any, value: str) -> str:
        if "@" in value:
            return f"n{self._number}.{value}"
        if (found := self._referring(value)) != value or _ID.fullmatch(value):
            return found
        is_free = not {"pattern", "format"} & schema.keys() and not any(
            {"pattern", "format"} & one.keys() for one in schema.get("anyOf", ())
        )
        return f"{value} {self._number}" if is_free and self._chance.random() < 0.8 else value

    def _referring(self, value: Any) -> Any:
        """An example of an id made one of a thing that there is."""
        if isinstance(value, str) and _ULID_OF_EXAMPLES in value and (match := _ID.fullmatch(value)):
            return self._chance.choice(_CALLERS) if match[1] == "user" else self._one_of(match[1], value)
        return value
