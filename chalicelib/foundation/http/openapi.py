"""OpenAPI 3.1 of the whole API, generated from the manifests and the handlers' type hints.

It is generated when the artifact is built and read from there; a source tree generates it at the first request.
"""

import json
import re
import sys
from collections.abc import Iterable
from inspect import getdoc
from pathlib import Path
from typing import Annotated, get_args, get_origin

from pydantic import BaseModel, TypeAdapter, ValidationError

from chalicelib import __version__
from chalicelib.foundation.errors import PROBLEM_TYPES
from chalicelib.foundation.http import handlers, responses
from chalicelib.foundation.http.examples import REF, NoExampleError, Schema, example
from chalicelib.foundation.http.openapi_schemas import ComponentSchemas
from chalicelib.foundation.http.requests import FORM, HTML
from chalicelib.foundation.json_codec import JsonObject, dumps, parse
from chalicelib.foundation.manifest import PUBLIC, SIGNED_IN, Endpoint, Pack, import_string
from chalicelib.foundation.roles import ROLES, RoleMatrix

PREBUILT = Path(__file__).with_suffix(".json")

_SEGMENT = r"^[A-Za-z0-9._~:@!$&'()*+,;=-]+$"
_ABOUT = """\
Valhalla runs a deal firm. Every body is JSON in UTF-8 (a link's form may be one of HTML); every refusal is a problem as RFC 9457 describes it, and carries the
id of the request. Lists come in pages with a signed cursor. A resource's `revision` is its ETag. A POST with an
`Idempotency-Key` runs once. Instants are UTC; days are the firm's; money is exact.
"""
# Without examples: pages that send requests would fill them in, the same key for every POST, and a revision that isn't the current one.
_REQUEST_HEADERS: dict[str, Schema] = {
    "Idempotency-Key": {
        "description": "Runs the request once a key and user or API key within 24 hours; a repetition answers the first answer.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"},
    },
    "If-Match": {
        "description": "The ETag that was read; an older one is refused with 412.",
        "schema": {"type": "string"},
    },
    "If-None-Match": {
        "description": "An ETag that is held already; 304 if it still holds.",
        "schema": {"type": "string"},
    },
    "X-Correlation-ID": {
        "description": (
            "What this request belongs to; answered, logged, and kept with what it changes. "
            "Up to 128 letters, digits and `._:/+=-`; anything else is replaced by the request's own id."
        ),
        "schema": {"type": "string"},
    },
}
_RESPONSE_HEADERS: dict[str, Schema] = {
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
    "additionalProperties": True,
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
        "held_by": {
            "type": "array",
            "description": "Of a refused deletion (409): ids of what refers to it, 20 at the most.",
            "items": {"type": "string"},
        },
    },
}
_ROW_PROBLEM: Schema = {
    **_PROBLEM,
    "title": "RowProblem",
    "description": "Why one row of a bulk request failed: a problem without a path of its own.",
    "required": [name for name in _PROBLEM["required"] if name != "instance"],
    "properties": {name: schema for name, schema in _PROBLEM["properties"].items() if name != "instance"},
}
_SECURITY: dict[str, Schema] = {
    "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "The access token of POST /auth/token."},
    "api_key": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "A key of POST /auth/api-keys."},
}


def build(packs: Iterable[Pack], base_path: str = "") -> JsonObject:
    """The document. `base_path` is the base path of the API on its gateway, e.g. /api; it becomes the server's URL."""
    packs = tuple(packs)
    roles = RoleMatrix(packs)
    rows = [(pack, endpoint, handlers.handler_for(pack, endpoint)) for pack in packs for endpoint in pack.endpoints]
    schemas = _component_schemas([handler for _, _, handler in rows])
    _add_id_examples(packs, schemas.definitions)
    paths: dict[str, JsonObject] = {}
    responses: JsonObject = {}
    for pack, endpoint, handler in rows:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(pack, endpoint, handler, roles, schemas, responses)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Valhalla", "version": __version__, "description": _ABOUT},
        "servers": servers(base_path),
        "tags": [_tag_object(pack) for pack in packs if pack.endpoints],
        "paths": paths,
        "components": {
            "schemas": schemas.used_by([paths, responses]),
            "responses": dict(sorted(responses.items())),
            "parameters": {name: {"name": name, "in": "header", **header} for name, header in _REQUEST_HEADERS.items()},
            "headers": _RESPONSE_HEADERS,
            "securitySchemes": _SECURITY,
        },
    }


def servers(base_path: str) -> list[Schema]:
    """The servers of the document: the base path of the API on its gateway."""
    return [{"url": base_path or "/", "description": "This stage"}]


def write(packs: Iterable[Pack], path: Path) -> None:
    """Generate the document into a file."""
    path.write_text(json.dumps(build(tuple(packs)), separators=(",", ":"), ensure_ascii=False))


def _component_schemas(specs: list[handlers.HandlerSpec]) -> ComponentSchemas:
    bodies = [spec.body for spec in specs if spec.body]
    responses = {repr(body): body for body in (body_type(spec.returns) for spec in specs) if body is not None}
    return ComponentSchemas(bodies, responses, {"Problem": _PROBLEM, "RowProblem": _ROW_PROBLEM})


def _add_id_examples(packs: Iterable[Pack], definitions: dict[str, Schema]) -> None:
    """Give the ids of entities in answers (PipelineView, PipelineSummary) an example of their form."""
    entities = [import_string(path) for pack in packs for path in pack.entities.values()]
    for entity in entities:
        for view in (f"{entity.__name__}View", f"{entity.__name__}Summary"):
            if view in definitions:
                definitions[view]["properties"]["id"]["examples"] = [entity.ID.example]


def body_type(hint: object) -> object:
    """The body type in a handler's return hint: the hint, or `Body` of `Annotated[ApiResponse, Body]`; None where there is no JSON body."""
    if get_origin(hint) is Annotated and get_args(hint)[0] is responses.ApiResponse:
        return get_args(hint)[1]
    return None if hint in (None, type(None), responses.ApiResponse) else hint


def _tag_object(pack: Pack) -> Schema:
    about = getdoc(sys.modules.get(pack.package)) or ""
    about = re.sub(r"^[A-Z]: ", "", about)
    return {"name": pack.title, "description": about[:1].upper() + about[1:]}


def _operation(
    pack: Pack, endpoint: Endpoint, handler: handlers.HandlerSpec, roles: RoleMatrix, schemas: ComponentSchemas, responses: JsonObject
) -> Schema:
    operation: Schema = {
        "operationId": endpoint.operation_id or f"{pack.name}_{endpoint.handler}",
        "tags": [pack.title],
        "summary": endpoint.summary,
        "description": _description(endpoint, handler, roles),
        "parameters": [*_path_parameters(handler, schemas), *_query_parameters(handler, schemas), *_header_parameters(endpoint)],
    }
    if handler.body:
        operation["requestBody"] = _request_body(endpoint, handler.body, schemas)
    operation["responses"] = _responses(endpoint, handler, schemas, responses)
    operation["security"] = [] if endpoint.permission == PUBLIC else [{name: []} for name in _SECURITY]
    operation["x-permission"] = endpoint.permission or "public"
    return operation


def _description(endpoint: Endpoint, handler: handlers.HandlerSpec, roles: RoleMatrix) -> str:
    about = getdoc(handler.function) or endpoint.summary
    if endpoint.permission == PUBLIC:
        return f"{about}\n\nNeeds no credentials."
    if endpoint.permission == SIGNED_IN:
        return f"{about}\n\nNeeds credentials, whatever their roles."
    holders = [role for role in ROLES if endpoint.permission in roles.permissions([role])]
    return f"{about}\n\nNeeds the permission `{endpoint.permission}`, which these roles have: {', '.join(holders) or 'none'}."


def _path_parameters(handler: handlers.HandlerSpec, schemas: ComponentSchemas) -> list[Schema]:
    parameters = []
    for name in handler.parameters:
        hint_schema = schemas.adapted(TypeAdapter(handler.hints[name]).json_schema())
        about = hint_schema.pop(
            "description", "An opaque id, as an answer gave it." if name.endswith("id") else f"The {name.replace('_', ' ')}."
        )
        schema = {"pattern": _SEGMENT, **hint_schema} if hint_schema.get("type") == "string" and "enum" not in hint_schema else hint_schema
        example_member = _try_example(schema, name)
        parameters.append({"name": name, "in": "path", "required": True, "description": about, "schema": schema, **example_member})
    return parameters


def _try_example(schema: Schema, name: str) -> Schema:
    try:
        return {"example": example(schema, {}, name)}
    except NoExampleError:
        return {}


def _query_parameters(handler: handlers.HandlerSpec, schemas: ComponentSchemas) -> list[Schema]:
    if not handler.takes_query:
        return []
    model = schemas.query_schema(handler.query)
    parameters = []
    for name, property_schema in model.get("properties", {}).items():
        schema = _without_null(property_schema)
        about = schema.pop("description", property_schema.get("description", name.replace("_", " ")))
        required = name in model.get("required", ())
        parameters.append({"name": name, "in": "query", "required": required, "description": about, "schema": schema})
    return parameters


def _without_null(schema: Schema) -> Schema:
    """A parameter's schema without null: a query string can omit a value, but cannot express null."""
    options = [option for option in schema.get("anyOf", ()) if option != {"type": "null"}]
    rest = {word: value for word, value in schema.items() if word not in ("anyOf", "title") and not (word == "default" and value is None)}
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


def _request_body(endpoint: Endpoint, model: type[BaseModel], schemas: ComponentSchemas) -> Schema:
    schema = schemas.input_schema(model)
    content = {"schema": schema, "example": valid_example(endpoint, model, schema, schemas.definitions)}
    needed = endpoint.method == "PATCH" or bool(schemas.resolve(schema).get("required"))
    return {
        "required": needed,
        "content": {responses.JSON: content, **({FORM: _form_content(content["example"])} if endpoint.forms else {})},
    }


def _form_content(example_body: object) -> Schema:
    """A form has the same fields, all of them texts. A schema of its own keeps generated clients from taking it for the JSON body."""
    assert isinstance(example_body, dict)
    values = {name: str(value).lower() if isinstance(value, bool) else value for name, value in example_body.items()}
    about = "The fields of the JSON body as a form of HTML sends them: texts, `true` and `false` for what is one of them."
    return {"schema": {"type": "object", "description": about, "additionalProperties": {"type": "string"}}, "example": values}


def valid_example(endpoint: Endpoint, model: type[BaseModel], schema: Schema, definitions: dict[str, Schema]) -> object:
    """What somebody tries first: the model's own example, else the fields that it requires, else a single one. Raises NoExampleError."""
    reason: Exception | None = None
    for partial in _partial_schemas(schema, definitions):
        try:
            value = example(partial, definitions, everything=False)
            model.model_validate(parse(dumps(value)))
        except (NoExampleError, ValidationError) as error:
            reason = error
        else:
            if value or endpoint.method != "PATCH":  # an empty patch is refused
                return value
    raise NoExampleError(f"{endpoint.method} {endpoint.path}: give {model.__name__} an example (json_schema_extra): {reason}")


def _partial_schemas(schema: Schema, definitions: dict[str, Schema]) -> list[Schema]:
    resolved = definitions[schema["$ref"].removeprefix(REF)] if "$ref" in schema else schema
    fields = resolved.get("properties", {})
    return [resolved, *({**resolved, "required": [name], "properties": {name: field}} for name, field in fields.items())]


def _responses(endpoint: Endpoint, handler: handlers.HandlerSpec, schemas: ComponentSchemas, shared: JsonObject) -> Schema:
    by_status = _success_responses(endpoint, handler, schemas)
    for status, reference in _problem_responses(endpoint, handler, shared).items():
        if status in by_status:  # a status of both success and problem
            problem = shared[reference["$ref"].removeprefix("#/components/responses/")]
            by_status[status] = {**problem, "content": problem["content"] | by_status[status]["content"]}
        else:
            by_status[status] = reference
    return by_status


def _success_responses(endpoint: Endpoint, handler: handlers.HandlerSpec, schemas: ComponentSchemas) -> Schema:
    body = body_type(handler.returns)
    empty = body is None and endpoint.content_type == responses.JSON and handler.returns is not responses.ApiResponse
    status = 204 if empty else endpoint.status
    headers = list(_ALWAYS)
    if status in (201, 202) and endpoint.location:
        headers.append("Location")
    if endpoint.method == "GET" or (body is not None and _has_revision(body, schemas)):
        headers.append("ETag")
    if endpoint.method == "POST" and endpoint.idempotent:
        headers.append("Idempotent-Replayed")
    response: Schema = {"description": endpoint.summary, "headers": _headers(headers)}
    if not empty:
        response["content"] = _content(endpoint, body, schemas)
    by_status = {str(status): response}
    for extra_status in endpoint.extra_statuses:
        created = ("Location", "ETag") if extra_status == 201 and endpoint.location else ()
        extra_headers = _headers((*_ALWAYS, *created))
        by_status[str(extra_status)] = {"description": endpoint.summary, "headers": extra_headers, "content": response["content"]}
    if endpoint.method == "GET":
        by_status["304"] = {"description": "The representation that the caller holds is current.", "headers": _headers((*_ALWAYS, "ETag"))}
    return by_status


def _content(endpoint: Endpoint, body: object, schemas: ComponentSchemas) -> Schema:
    content: Schema = {}
    if body is not None:
        schema = schemas.output_schema(repr(body))
        value = example(schema, schemas.definitions)
        content[responses.JSON] = {"schema": schema, "example": value}
    if endpoint.content_type != responses.JSON:
        content[endpoint.content_type] = {"schema": {"type": "string"}}
    for name in endpoint.formats:
        is_text = name.startswith("text/")
        content[name] = {"schema": {"type": "string"} if is_text else {"type": "string", "format": "binary"}}
    return content or {responses.JSON: {"schema": {}}}


def _has_revision(body: object, schemas: ComponentSchemas) -> bool:
    """Whether the body always has one: what may be kept has one where it is."""
    return "revision" in schemas.resolve(schemas.output_schema(repr(body))).get("required", ())


def _headers(names: Iterable[str]) -> Schema:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def problem_responses(endpoint: Endpoint, *, path_parameters: bool, body: bool) -> dict[str, list[str]]:
    """The problem types of an endpoint, by status: those of every endpoint, those that follow from its declaration, and its own `errors`."""
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
    names = {*kinds, *endpoint.errors}
    by_status: dict[str, list[str]] = {}
    for kind in PROBLEM_TYPES:  # in the order of their declaration
        if kind in names:
            by_status.setdefault(str(PROBLEM_TYPES[kind].status), []).append(kind)
    if unknown := names - set(PROBLEM_TYPES):
        raise KeyError(f"{endpoint.method} {endpoint.path} names unknown problem kinds: {', '.join(sorted(unknown))}")
    return by_status


def _problem_responses(endpoint: Endpoint, handler: handlers.HandlerSpec, responses: JsonObject) -> Schema:
    by_reference: Schema = {}
    by_status = problem_responses(endpoint, path_parameters=bool(handler.parameters), body=handler.body is not None)
    for status, kinds in sorted(by_status.items()):
        name = ".".join([*kinds, *(["page"] if endpoint.has_pages else [])])
        responses.setdefault(name, _problem_response(kinds, has_pages=endpoint.has_pages))
        by_reference[status] = {"$ref": f"#/components/responses/{name}"}
    return by_reference


def _problem_response(kinds: list[str], *, has_pages: bool) -> Schema:
    headers = list(_ALWAYS)
    if {"rate-limited", "unavailable"} & set(kinds):
        headers.append("Retry-After")
    if "unauthenticated" in kinds:
        headers.append("WWW-Authenticate")
    examples = {kind: {"summary": PROBLEM_TYPES[kind].title, "value": _problem_example(kind)} for kind in kinds}
    content: Schema = {responses.PROBLEM_JSON: {"schema": {"$ref": f"{REF}Problem"}, "examples": examples}}
    if has_pages:
        content[HTML] = {"schema": {"type": "string"}}
    about = " ".join(f"{PROBLEM_TYPES[kind].title}: {PROBLEM_TYPES[kind].advice}" for kind in kinds)
    return {"description": about, "headers": _headers(headers), "content": content}


def _problem_example(kind: str) -> Schema:
    problem_type = PROBLEM_TYPES[kind]
    value: Schema = {"type": f"/problems/{kind}", "title": problem_type.title, "status": problem_type.status, "detail": problem_type.advice}
    value |= {"instance": "/wholesale", "request_id": "7d9f1c52-3c1e-4a53-9a57-0d1f6f0f4b11"}
    if kind == "validation":
        value["errors"] = [{"loc": ["name"], "message": "Field required", "type": "missing"}]
    if kind == "invalid-transition":
        value |= {"from": "lead", "to": "closed", "allowed": ["contacted", "dead"]}
    return value
