"""The request pipeline of an endpoint: authenticate, authorise, validate, call the handler, build the response."""

import base64
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from chalice.app import Response

from chalicelib.foundation import telemetry
from chalicelib.foundation.actor import ANONYMOUS, Actor
from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import PROBLEM_TYPES, Problem, TooLarge, Unauthenticated
from chalicelib.foundation.http.caller_limit import CallerLimit, caller_of
from chalicelib.foundation.http.requests import FORM, Request
from chalicelib.foundation.http.responses import (
    JSON,
    MAX_RESPONSE,
    PROBLEM_JSON,
    ApiResponse,
    etag,
    exceeds_lambda_limit,
    exceeds_lambda_limit_encoded,
    if_none_match,
    internal_problem,
)
from chalicelib.foundation.idempotency import IdempotencyRecordKey, IdempotentReplay
from chalicelib.foundation.json_codec import JsonObject, dumps
from chalicelib.foundation.manifest import PUBLIC, SIGNED_IN, Endpoint, Pack
from chalicelib.foundation.runtime import Runtime


@dataclass
class CurrentRequest:
    """A request that is being served, and its context."""

    request: Request
    context: Context


class Server(Protocol):
    """What a view asks of the application that serves it."""

    @property
    def current(self) -> CurrentRequest:
        """The request that this thread serves."""

    @property
    def runtime(self) -> Runtime:
        """The dependencies of the process."""

    @property
    def caller_limit(self) -> CallerLimit:
        """The counts of each caller's requests."""


class BinaryResponse(Response):  # type: ignore[misc]
    """A response of bytes, which travel to the gateway in base64.

    Chalice does the same for the types that it is told are binary, but refuses a caller whose Accept names none of them, `*/*` for one.
    """

    def __init__(self, body: bytes, headers: dict[str, str], status_code: int) -> None:
        super().__init__(base64.b64encode(body).decode(), headers=headers, status_code=status_code)

    def to_dict(self, binary_types: list[str] | None = None) -> JsonObject:  # noqa: ARG002 - Chalice's signature
        """What the function returns to the gateway."""
        return {**super().to_dict(), "isBase64Encoded": True}


def make_view(app: Server, pack: Pack, endpoint: Endpoint) -> Callable[..., Response]:
    """The Chalice view of an endpoint. It imports the pack's routes at its first call."""

    def lazy_view(**parameters: str) -> Response:
        exchange = app.current
        request, ctx = exchange.request, exchange.context
        ctx.wants_page = endpoint.has_pages and request.prefers_html()
        try:
            return _handle(app, pack, endpoint, request, ctx, parameters)
        except Problem as refusal:
            problem = refusal
        except Exception as error:  # Chalice would respond in its own format
            telemetry.log_exception(error, request.request_id, request.correlation_id)
            problem = internal_problem(error)
        return _problem_page(problem, request) if ctx.wants_page else problem_response(problem, request.request_id, request.instance)

    lazy_view.__name__ = f"{pack.name}_{endpoint.handler}"
    return lazy_view


def problem_response(problem: Problem, request_id: str, instance: str) -> Response:
    """The RFC 9457 response of a problem."""
    problem_type = PROBLEM_TYPES[problem.kind]
    body = {
        "type": f"/problems/{problem.kind}",
        "title": problem_type.title,
        "status": problem_type.status,
        "detail": problem.detail,
        "instance": instance,
        "request_id": request_id,
        **problem.members,
    }
    headers = {"Content-Type": PROBLEM_JSON, "Cache-Control": "no-store", **problem.headers}
    return Response(dumps(body), headers=headers, status_code=problem_type.status)


def _problem_page(problem: Problem, request: Request) -> Response:
    from chalicelib.foundation.http.public_page import problem_page

    page = problem_page(problem, request.request_id)
    headers = {"Content-Type": page.content_type, "Cache-Control": "no-store", **page.headers, **problem.headers}
    return Response(page.body, headers=headers, status_code=page.status)


def _handle(app: Server, pack: Pack, endpoint: Endpoint, request: Request, ctx: Context, parameters: dict[str, str]) -> Response:
    if endpoint.permission == PUBLIC:
        app.caller_limit.check(ctx, caller_of(None, request.source_ip))
    else:
        ctx.actor = _identify(app, endpoint, request, ctx)
        if endpoint.permission != SIGNED_IN:
            ctx.actor.require(endpoint.permission)
    from chalicelib.foundation.http import handlers  # imports pydantic and the pack's schemas only when needed

    handler = handlers.handler_for(pack, endpoint)
    arguments: JsonObject = dict(parameters)
    query = handlers.validate(handler.query, request.query_values())
    if handler.takes_query:
        arguments["query"] = query
    if handler.body is not None:
        values = handlers.from_form(handler.body, request.form()) if endpoint.forms and request.media_type == FORM else request.json()
        arguments["body"] = handlers.validate(handler.body, values)
        handlers.reject_empty_patch(handler.body, values)
        ctx.idempotency = _idempotency_key(endpoint, request, ctx, values)
    elif endpoint.method == "POST":
        ctx.idempotency = _idempotency_key(endpoint, request, ctx, None)
    ctx.if_match = request.if_match()
    replayed = False
    try:
        result = handler.function(ctx, **arguments)
    except IdempotentReplay as replay:
        result, replayed = replay.body, True
    return _to_response(endpoint, request, result, replayed)


def _identify(app: Server, endpoint: Endpoint, request: Request, ctx: Context) -> Actor:
    """The caller, within their limit; who can't be identified counts by address."""
    try:
        actor = app.runtime.identify(request.headers, ctx, live=ctx.roles.needs_live_caller(endpoint))
    except Unauthenticated:
        app.caller_limit.check(ctx, caller_of(None, request.source_ip))
        raise
    app.caller_limit.check(ctx, caller_of(actor, request.source_ip))
    return actor


def _idempotency_key(endpoint: Endpoint, request: Request, ctx: Context, values: object) -> IdempotencyRecordKey | None:
    header = request.idempotency_key() if endpoint.method == "POST" and endpoint.idempotent else None
    if header is None:
        return None
    caller = request.source_ip if ctx.actor is ANONYMOUS else ctx.actor.credential
    return IdempotencyRecordKey.from_request(caller, ctx.actor.roles, header, request.method, request.path, values)


def _to_response(endpoint: Endpoint, request: Request, result: object, replayed: bool) -> Response:
    response = result if isinstance(result, ApiResponse) else ApiResponse(result, content_type=endpoint.content_type)
    is_empty = response.body is None and not response.is_null
    status = response.status or (204 if is_empty else endpoint.status)
    headers = {"Cache-Control": endpoint.cache_control, **response.headers}
    if replayed:
        headers["Idempotent-Replayed"] = "true"
    if is_empty:
        return Response("", headers=headers, status_code=status)
    headers["Content-Type"] = response.content_type
    body = dumps(response.body) if response.content_type == JSON else response.body
    if exceeds_lambda_limit_encoded(body) if isinstance(body, bytes) else exceeds_lambda_limit(body):
        raise TooLarge("The response would be too large; request fewer items.", limit=MAX_RESPONSE)
    if status in (201, 202) and endpoint.location:
        headers["Location"] = request.prefix + endpoint.location.format(**{**request.parameters, **response.body})
    if status < 300 and (endpoint.method == "GET" or _is_resource(response.body)):
        encoded = body if isinstance(body, bytes) else body.encode()
        headers["ETag"] = etag(response.body, encoded, composite=endpoint.composite, revision=response.revision)
        if endpoint.method == "GET" and if_none_match(request, headers["ETag"]):
            del headers["Content-Type"]
            return Response("", headers=headers, status_code=304)
    return BinaryResponse(body, headers, status) if isinstance(body, bytes) else Response(body, headers=headers, status_code=status)


def _is_resource(body: object) -> bool:
    return isinstance(body, dict) and "revision" in body
