"""The one way through an endpoint: who, may they, what do they send, do it, answer."""

from typing import TYPE_CHECKING, Any

from chalice.app import Response

from chalicelib.foundation import telemetry
from chalicelib.foundation.context import ANYONE, Context
from chalicelib.foundation.errors import Invalid, Problem, TooLarge
from chalicelib.foundation.http.answers import JSON, MAX_ANSWER, Reply, etag, is_too_large, matches, problem_answer, unexpected
from chalicelib.foundation.http.requests import Request
from chalicelib.foundation.idempotency import IdempotencyKey, Replay
from chalicelib.foundation.json import dumps
from chalicelib.foundation.manifest import PUBLIC, SIGNED_IN, Endpoint, Pack

if TYPE_CHECKING:
    from chalicelib.foundation.http.doorway import Doorway


def view(app: "Doorway", pack: Pack, endpoint: Endpoint) -> Any:
    """The Chalice view of an endpoint. It loads the pack's routes when it is first asked."""

    def lazy_view(**parameters: str) -> Response:
        exchange = app.exchange
        try:
            return _serve(app, pack, endpoint, exchange.request, exchange.context, parameters)
        except Problem as problem:
            return problem_answer(problem, exchange.request.request_id, exchange.request.path)
        except Exception as error:  # Chalice would answer it in its own shape
            telemetry.exception(error, exchange.request.request_id, exchange.request.correlation_id)
            return problem_answer(unexpected(error), exchange.request.request_id, exchange.request.path)

    lazy_view.__name__ = f"{pack.name}_{endpoint.handler}"
    return lazy_view


def _serve(app: "Doorway", pack: Pack, endpoint: Endpoint, request: Request, ctx: Context, parameters: dict[str, str]) -> Response:
    if endpoint.permission != PUBLIC:
        ctx.actor = app.runtime.identify(request.headers, ctx)
        if endpoint.permission != SIGNED_IN:
            ctx.actor.need(endpoint.permission)
    from chalicelib.foundation.http import handlers  # pydantic and the pack's schemas, when they are first needed

    handler = handlers.of(pack, endpoint)
    arguments: dict[str, Any] = dict(parameters)
    query = handlers.validate(handler.query, request.query_values())
    if handler.takes_query:
        arguments["query"] = query
    if handler.body is not None:
        values = request.json()
        arguments["body"] = handlers.validate(handler.body, values)
        _expect_changes(endpoint, values)
        ctx.idempotency = _idempotency(endpoint, request, ctx, values)
    elif endpoint.method == "POST":
        ctx.idempotency = _idempotency(endpoint, request, ctx, None)
    ctx.if_match = request.if_match()
    replayed = False
    try:
        result = handler.function(ctx, **arguments)
    except Replay as replay:
        result, replayed = replay.body, True
    return _answer(endpoint, request, result, replayed)


def _expect_changes(endpoint: Endpoint, values: Any) -> None:
    if endpoint.method == "PATCH" and values == {}:
        raise Invalid([{"loc": [], "message": "an empty patch changes nothing", "type": "empty"}])


def _idempotency(endpoint: Endpoint, request: Request, ctx: Context, values: Any) -> IdempotencyKey | None:
    given = request.idempotency_key() if endpoint.method == "POST" and endpoint.idempotent else None
    if given is None:
        return None
    actor = ctx.actor if ctx.actor is not ANYONE else None
    return IdempotencyKey.of(actor.id if actor else request.source_ip, given, request.method, request.path, values)


def _answer(endpoint: Endpoint, request: Request, result: Any, replayed: bool) -> Response:
    reply = result if isinstance(result, Reply) else Reply(result, content_type=endpoint.content_type)
    status = reply.status or (204 if reply.body is None else endpoint.status)
    headers = {"Cache-Control": endpoint.cache_control, **reply.headers}
    if replayed:
        headers["Idempotent-Replayed"] = "true"
    if reply.body is None:
        return Response("", headers=headers, status_code=status)
    text = dumps(reply.body) if reply.content_type == JSON else reply.body
    headers["Content-Type"] = reply.content_type
    if isinstance(text, str) and is_too_large(text):
        raise TooLarge("The answer would be too large; ask for fewer items.", limit=MAX_ANSWER)
    if status == 201 and endpoint.location:
        headers["Location"] = request.prefix + endpoint.location.format(**{**request.parameters, **reply.body})
    if status < 300 and isinstance(text, str) and (endpoint.method == "GET" or _is_resource(reply.body)):
        headers["ETag"] = etag(reply.body, text, composite=endpoint.composite)
        if endpoint.method == "GET" and matches(request, headers["ETag"]):
            del headers["Content-Type"]
            return Response("", headers=headers, status_code=304)
    return Response(text, headers=headers, status_code=status)


def _is_resource(body: Any) -> bool:
    return isinstance(body, dict) and "revision" in body
