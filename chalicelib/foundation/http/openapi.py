"""OpenAPI 3.1 of the whole API, from the manifests and the handlers' type hints alone.

It is made when the artifact is made (`python -m chalicelib.foundation.http.openapi TREE` writes it into the unpacked
artifact) and read from there; only a source tree builds it when it is asked for.
"""

import json
import re
import sys
from collections.abc import Iterable
from inspect import getdoc
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel, TypeAdapter, ValidationError

from chalicelib import __version__
from chalicelib.foundation.auth import roles
from chalicelib.foundation.errors import KINDS
from chalicelib.foundation.http import answers, handlers
from chalicelib.foundation.http.examples import REF, NoExampleError, Schema, example
from chalicelib.foundation.json import dumps, parse
from chalicelib.foundation.manifest import PUBLIC, SIGNED_IN, Endpoint, Pack, installed

PREBUILT = Path(__file__).with_suffix(".json")

_SEGMENT = r"^[A-Za-z0-9._~:@!$&'()*+,;=-]+$"
_ABOUT = """\
Valhalla runs a deal firm. Every body is JSON in UTF-8; every refusal is a problem as RFC 9457 describes it, and carries the
id of the request. Lists come in pages with a signed cursor. A resource's `revision` is its ETag. A POST with an
`Idempotency-Key` runs once. Instants are UTC; days are the firm's; money is exact.
"""
_REQUEST_HEADERS: dict[str, Schema] = {
    "Idempotency-Key": {
        "description": "Runs the request once a key and caller within 24 hours; a repetition answers the first answer.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"},
        "example": "7d9f1c52-3c1e-4a53-9a57-0d1f6f0f4b11",
    },
    "If-Match": {
        "description": "The ETag that was read; an older one is refused with 412.",
        "schema": {"type": "string"},
        "example": '"3"',
    },
    "If-None-Match": {
        "description": "An ETag that is held already; 304 if it still holds.",
        "schema": {"type": "string"},
        "example": '"3"',
    },
    "X-Correlation-ID": {
        "description": (
            "What this request belongs to; answered, logged, and kept with what it changes. "
            "Up to 128 letters, digits and `._:/+=-`; anything else is replaced by the request's own id."
        ),
        "schema": {"type": "string"},
        "example": "import-42",
    },
}
_ANSWER_HEADERS: dict[str, Schema] = {
    "ETag": {"description": "The revision, or a digest of the body where it holds more than one resource.", "schema": {"type": "string"}},
    "Idempotent-Replayed": {
        "description": "`true` where this is the answer of an earlier request with the same key.",
        "schema": {"type": "string"},
    },
    "Location": {"description": "Where the new resource is.", "schema": {"type": "string"}},
    "Retry-After": {"description": "Seconds to wait.", "schema": {"type": "string"}},
    "WWW-Authenticate": {"description": "How to authenticate.", "schema": {"type": "string"}},
    "X-Correlation-ID": {"description": "The request's correlation id.", "schema": {"type": "string"}},
    "X-Request-ID": {"description": "The id under which this request is logged.", "schema": {"type": "string"}},
}
_ALWAYS = ("X-Request-ID", "X-Correlation-ID")
_PROBLEM: Schema = {
    "type": "object",
    "title": "Problem",
    "description": "A refusal (RFC 9457). Some kinds carry members of their own, e.g. `errors`, `allowed`, `checklist`.",
    "required": ["type", "title", "status", "detail", "instance", "request_id"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference", "description": "The kind of error; the page there explains it."},
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string", "description": "What was wrong with this request, for people."},
        "instance": {"type": "string", "description": "The path that was asked."},
        "request_id": {"type": "string", "description": "The id under which this request is logged."},
        "errors": {
            "type": "array",
            "description": "One entry a wrong field (422).",
            "items": {
                "type": "object",
                "required": ["loc", "message", "type"],
                "properties": {
                    "loc": {"type": "array", "items": {"type": "string"}},
                    "message": {"type": "string"},
                    "type": {"type": "string"},
                },
            },
        },
    },
}
_SECURITY: dict[str, Schema] = {
    "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "The access token of POST /auth/token."},
    "api_key": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "A key of POST /auth/api-keys."},
}


def build(packs: Iterable[Pack], base_path: str = "") -> dict[str, Any]:
    """The document. `base_path` is what the API lies under on its gateway, e.g. /api; it becomes the server's URL."""
    rows = [(pack, endpoint, handlers.of(pack, endpoint)) for pack in packs for endpoint in pack.endpoints]
    schemas = _Schemas([handler for _, _, handler in rows])
    paths: dict[str, dict[str, Any]] = {}
    responses: dict[str, Any] = {}
    for pack, endpoint, handler in rows:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(pack, endpoint, handler, schemas, responses)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Valhalla", "version": __version__, "description": _ABOUT},
        "servers": servers(base_path),
        "tags": [_tag(pack) for pack in packs if pack.endpoints],
        "paths": paths,
        "components": {
            "schemas": {**schemas.definitions, "Problem": _PROBLEM},
            "responses": dict(sorted(responses.items())),
            "parameters": {name: {"name": name, "in": "header", **said} for name, said in _REQUEST_HEADERS.items()},
            "headers": _ANSWER_HEADERS,
            "securitySchemes": _SECURITY,
        },
    }


def servers(base_path: str) -> list[Schema]:
    """Where the API is, beside the document: the path that it lies under on its gateway."""
    return [{"url": base_path or "/", "description": "This stage"}]


def write(packs: Iterable[Pack], path: Path) -> None:
    """Build the document into a file."""
    path.write_text(json.dumps(build(tuple(packs)), separators=(",", ":"), ensure_ascii=False))


class _Schemas:
    """The JSON schemas of everything that handlers take and give, with shared definitions."""

    def __init__(self, found: list[handlers.Handler]) -> None:
        inputs: list[type[BaseModel]] = [model for one in found for model in (one.query, one.body) if model]
        taken = [(model, "validation", TypeAdapter(model)) for model in dict.fromkeys(inputs)]
        given = {repr(body): body for body in (body_type(one.answer) for one in found) if body is not None}
        answered = [(name, "serialization", TypeAdapter(hint)) for name, hint in given.items()]
        schemas, shared = TypeAdapter.json_schemas([*taken, *answered], ref_template=REF + "{model}")  # type: ignore[list-item]
        self._schemas: dict[Any, Schema] = dict(schemas)
        self.definitions: dict[str, Schema] = dict(sorted(shared.get("$defs", {}).items()))

    def taken(self, model: type[BaseModel]) -> Schema:
        return self._schemas[(model, "validation")]

    def given(self, hint: Any) -> Schema:
        return self._schemas[(repr(hint), "serialization")]

    def resolved(self, schema: Schema) -> Schema:
        return self.definitions[schema["$ref"].removeprefix(REF)] if "$ref" in schema else schema


def body_type(hint: Any) -> Any:
    """What an answer's body is by a handler's return hint: the hint, or what `Annotated[Reply, Body]` names; None for no JSON."""
    if get_origin(hint) is Annotated and get_args(hint)[0] is answers.Reply:
        return get_args(hint)[1]
    return None if hint in (None, type(None), answers.Reply) else hint


def _tag(pack: Pack) -> Schema:
    about = getdoc(sys.modules.get(pack.package)) or ""
    about = re.sub(r"^[A-Z]: ", "", about)
    return {"name": pack.title, "description": about[:1].upper() + about[1:]}


def _operation(pack: Pack, endpoint: Endpoint, handler: handlers.Handler, schemas: _Schemas, responses: dict[str, Any]) -> Schema:
    operation: Schema = {
        "operationId": f"{pack.name}_{endpoint.handler}",
        "tags": [pack.title],
        "summary": endpoint.summary,
        "description": _description(endpoint, handler),
        "parameters": [*_path_parameters(handler), *_query_parameters(handler, schemas), *_header_parameters(endpoint)],
    }
    if handler.body:
        operation["requestBody"] = _request_body(endpoint, handler.body, schemas)
    operation["responses"] = _responses(endpoint, handler, schemas, responses)
    operation["security"] = [] if endpoint.permission == PUBLIC else [{name: []} for name in _SECURITY]
    operation["x-permission"] = endpoint.permission or "public"
    return operation


def _description(endpoint: Endpoint, handler: handlers.Handler) -> str:
    about = getdoc(handler.function) or endpoint.summary
    if endpoint.permission == PUBLIC:
        return f"{about}\n\nNeeds no credentials."
    if endpoint.permission == SIGNED_IN:
        return f"{about}\n\nNeeds credentials, whatever their roles."
    holders = [role for role in roles.ROLES if endpoint.permission in roles.permissions([role])]
    return f"{about}\n\nNeeds the permission `{endpoint.permission}`, which these roles have: {', '.join(holders) or 'none'}."


def _path_parameters(handler: handlers.Handler) -> list[Schema]:
    found = []
    for name in handler.parameters:
        said = TypeAdapter(handler.hints[name]).json_schema()
        about = said.pop("description", "An opaque id, as an answer gave it." if name.endswith("id") else f"The {name.replace('_', ' ')}.")
        schema = {"pattern": _SEGMENT, **said} if said.get("type") == "string" and "enum" not in said else said
        shown = _try_example(schema, name)
        found.append({"name": name, "in": "path", "required": True, "description": about, "schema": schema, **shown})
    return found


def _try_example(schema: Schema, name: str) -> Schema:
    try:
        return {"example": example(schema, {}, name)}
    except NoExampleError:
        return {}


def _query_parameters(handler: handlers.Handler, schemas: _Schemas) -> list[Schema]:
    if not handler.takes_query:
        return []
    model = schemas.resolved(schemas.taken(handler.query))
    found = []
    for name, said in model.get("properties", {}).items():
        schema = _without_null(said)
        about = schema.pop("description", said.get("description", name.replace("_", " ")))
        required = name in model.get("required", ())
        found.append({"name": name, "in": "query", "required": required, "description": about, "schema": schema})
    return found


def _without_null(said: Schema) -> Schema:
    """A query string can leave a value out, but can't say null."""
    options = [one for one in said.get("anyOf", ()) if one != {"type": "null"}]
    rest = {word: value for word, value in said.items() if word not in ("anyOf", "title") and not (word == "default" and value is None)}
    if len(options) == 1:
        return {**options[0], **rest}
    return {"anyOf": options, **rest} if options else rest


def _header_parameters(endpoint: Endpoint) -> list[Schema]:
    names = ["X-Correlation-ID"]
    if endpoint.method == "GET":
        names.append("If-None-Match")
    if endpoint.method == "POST" and endpoint.idempotent:
        names.append("Idempotency-Key")
    if endpoint.method in ("PATCH", "DELETE", "PUT"):
        names.append("If-Match")
    return [{"$ref": f"#/components/parameters/{name}"} for name in names]


def _request_body(endpoint: Endpoint, model: type[BaseModel], schemas: _Schemas) -> Schema:
    schema = schemas.taken(model)
    content = {"schema": schema, "example": valid_example(endpoint, model, schema, schemas.definitions)}
    needed = endpoint.method == "PATCH" or bool(schemas.resolved(schema).get("required"))
    return {"required": needed, "content": {answers.JSON: content}}


def valid_example(endpoint: Endpoint, model: type[BaseModel], schema: Schema, definitions: dict[str, Schema]) -> Any:
    """An example that the model itself takes: every field, else the required ones, else one alone. Raises NoExampleError."""
    reason: Exception | None = None
    for wanted in _shapes(schema, definitions):
        try:
            shown = example(wanted, definitions, everything=wanted is schema)
            model.model_validate(parse(dumps(shown)))
        except (NoExampleError, ValidationError) as error:
            reason = error
        else:
            if shown or endpoint.method != "PATCH":  # an empty patch is refused
                return shown
    raise NoExampleError(f"{endpoint.method} {endpoint.path}: give {model.__name__} an example (json_schema_extra): {reason}")


def _shapes(schema: Schema, definitions: dict[str, Schema]) -> list[Schema]:
    whole = definitions[schema["$ref"].removeprefix(REF)] if "$ref" in schema else schema
    required = {
        **whole,
        "properties": {name: said for name, said in whole.get("properties", {}).items() if name in whole.get("required", ())},
    }
    alone = [{**whole, "required": [name], "properties": {name: said}} for name, said in whole.get("properties", {}).items()]
    return [schema, required, *alone]


def _responses(endpoint: Endpoint, handler: handlers.Handler, schemas: _Schemas, shared: dict[str, Any]) -> Schema:
    found = _success(endpoint, handler, schemas)
    for status, refusal in _refusals(endpoint, handler, shared).items():
        if status in found:  # a status under which either may come
            problem = shared[refusal["$ref"].removeprefix("#/components/responses/")]
            found[status] = {**problem, "content": problem["content"] | found[status]["content"]}
        else:
            found[status] = refusal
    return found


def _success(endpoint: Endpoint, handler: handlers.Handler, schemas: _Schemas) -> Schema:
    body = body_type(handler.answer)
    empty = body is None and endpoint.content_type == answers.JSON and handler.answer is not answers.Reply
    status = 204 if empty else endpoint.status
    headers = list(_ALWAYS)
    if status == 201 and endpoint.location:
        headers.append("Location")
    if endpoint.method == "GET" or (body is not None and _has_revision(body, schemas)):
        headers.append("ETag")
    if endpoint.method == "POST" and endpoint.idempotent:
        headers.append("Idempotent-Replayed")
    answer: Schema = {"description": endpoint.summary, "headers": _headers(headers)}
    if not empty:
        answer["content"] = _content(endpoint, body, schemas)
    found = {str(status): answer}
    for other in endpoint.also:
        found[str(other)] = {"description": endpoint.summary, "headers": _headers(_ALWAYS), "content": answer["content"]}
    if endpoint.method == "GET":
        found["304"] = {"description": "What the caller holds still holds.", "headers": _headers((*_ALWAYS, "ETag"))}
    return found


def _content(endpoint: Endpoint, body: Any, schemas: _Schemas) -> Schema:
    found: Schema = {}
    if body is not None:
        schema = schemas.given(body)
        shown = example(schema, schemas.definitions)
        found[answers.JSON] = {"schema": schema, "example": shown}
    if endpoint.content_type != answers.JSON:
        found[endpoint.content_type] = {"schema": {"type": "string"}}
    return found or {answers.JSON: {"schema": {}}}


def _has_revision(body: Any, schemas: _Schemas) -> bool:
    return "revision" in schemas.resolved(schemas.given(body)).get("properties", {})


def _headers(names: Iterable[str]) -> Schema:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def refusals(endpoint: Endpoint, *, path_parameters: bool, body: bool) -> dict[str, list[str]]:
    """The problem kinds that an endpoint can answer, by status: what every endpoint can, what its form brings, what it adds."""
    kinds = ["bad-request", "validation", "rate-limited", "internal", "unavailable"]
    if endpoint.permission != PUBLIC:
        kinds += ["unauthenticated", "forbidden"]
    if path_parameters:
        kinds.append("not-found")
    if body:
        kinds += ["malformed-json", "too-large", "unsupported-media-type"]
    if endpoint.method == "POST" and endpoint.idempotent:
        kinds += ["idempotency-mismatch", "idempotency-in-progress"]
    if endpoint.method in ("PATCH", "DELETE"):
        kinds.append("precondition-failed")
    wanted = {*kinds, *endpoint.errors}
    found: dict[str, list[str]] = {}
    for kind in KINDS:  # in their own order, and a KeyError for one that doesn't exist
        if kind in wanted:
            found.setdefault(str(KINDS[kind].status), []).append(kind)
    if unknown := wanted - set(KINDS):
        raise KeyError(f"{endpoint.method} {endpoint.path} names unknown problem kinds: {', '.join(sorted(unknown))}")
    return found


def _refusals(endpoint: Endpoint, handler: handlers.Handler, responses: dict[str, Any]) -> Schema:
    found: Schema = {}
    by_status = refusals(endpoint, path_parameters=bool(handler.parameters), body=handler.body is not None)
    for status, kinds in sorted(by_status.items()):
        name = ".".join(kinds)
        responses.setdefault(name, _refusal(kinds))
        found[status] = {"$ref": f"#/components/responses/{name}"}
    return found


def _refusal(kinds: list[str]) -> Schema:
    headers = list(_ALWAYS)
    if {"rate-limited", "unavailable"} & set(kinds):
        headers.append("Retry-After")
    if "unauthenticated" in kinds:
        headers.append("WWW-Authenticate")
    examples = {kind: {"summary": KINDS[kind].title, "value": _problem_example(kind)} for kind in kinds}
    content = {answers.PROBLEM_JSON: {"schema": {"$ref": f"{REF}Problem"}, "examples": examples}}
    about = " ".join(f"{KINDS[kind].title}: {KINDS[kind].advice}" for kind in kinds)
    return {"description": about, "headers": _headers(headers), "content": content}


def _problem_example(kind: str) -> Schema:
    said = KINDS[kind]
    shown: Schema = {"type": f"/problems/{kind}", "title": said.title, "status": said.status, "detail": said.advice}
    shown |= {"instance": "/wholesale", "request_id": "7d9f1c52-3c1e-4a53-9a57-0d1f6f0f4b11"}
    if kind == "validation":
        shown["errors"] = [{"loc": ["name"], "message": "Field required", "type": "missing"}]
    if kind == "invalid-transition":
        shown |= {"from": "lead", "to": "closed", "allowed": ["contacted", "dead"]}
    return shown


if __name__ == "__main__":
    write(installed(), Path(sys.argv[1]).resolve() / PREBUILT.relative_to(Path(__file__).resolve().parents[3]))
