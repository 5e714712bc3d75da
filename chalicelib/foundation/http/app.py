"""The Chalice application, with the same path matching locally, in tests and deployed.

The gateway forwards everything (`/` and `/{proxy+}`). The app finds the route, handles unknown paths, wrong methods, HEAD and
preflight requests itself, lets Chalice call the view, and adds the headers that every response has.
"""

import threading
import time
from collections.abc import Callable, Iterable
from functools import cached_property

from chalice import Chalice

from chalicelib.foundation import lambda_context, telemetry
from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import Problem
from chalicelib.foundation.http import cors, responses
from chalicelib.foundation.http.caller_limit import CallerLimit
from chalicelib.foundation.http.dispatch import CurrentRequest, make_view, problem_response
from chalicelib.foundation.http.request_log import log_request
from chalicelib.foundation.http.requests import Request
from chalicelib.foundation.http.routing import RouteMatch, Router, allow_header, resolve_method
from chalicelib.foundation.json_codec import JsonObject
from chalicelib.foundation.manifest import Pack
from chalicelib.foundation.runtime import Runtime

_MARGIN = 1.5  # seconds reserved for the answer
# Keys that Chalice's request object reads; an event written by hand may lack them.
_EVENT_DEFAULTS: JsonObject = {
    "headers": {},
    "multiValueQueryStringParameters": None,
    "body": None,
    "isBase64Encoded": False,
    "stageVariables": None,
}


class ValhallaApp(Chalice):  # type: ignore[misc]
    """A Chalice app whose routes are the packs' manifests."""

    def __init__(self, name: str, runtime: Callable[[], Runtime]) -> None:
        super().__init__(name, configure_logs=False)
        self.packs: tuple[Pack, ...] = ()
        self._make_runtime = runtime
        self._local = threading.local()
        self._router = Router()
        self._cold = True

    @cached_property
    def runtime(self) -> Runtime:
        """Created at the first request, or by `warm_up`."""
        return self._make_runtime()

    @cached_property
    def caller_limit(self) -> CallerLimit:
        """The counts of each caller's requests in this process."""
        return CallerLimit(self.runtime.settings.throttle_rate)

    def warm_up(self) -> None:
        """Create the runtime and its client now: Lambda's initialisation phase has the full processor."""
        _ = self.runtime

    @property
    def current(self) -> CurrentRequest:
        """The request that this thread serves."""
        return self._local.current  # type: ignore[no-any-return]

    # Chalice stores the current request on the app; a local server has several threads.
    @property
    def current_request(self) -> object:
        """Chalice's own request object, one per thread."""
        return getattr(self._local, "chalice_request", None)

    @current_request.setter
    def current_request(self, request: object) -> None:
        self._local.chalice_request = request

    def register(self, packs: Iterable[Pack]) -> None:
        """Register every endpoint of the packs as a Chalice route with a lazy view."""
        for pack in packs:
            self.packs += (pack,)
            for endpoint in pack.endpoints:
                self._router.add(endpoint.path, endpoint.method)
                route = self.route(endpoint.path, methods=[endpoint.method], content_types=["*/*"])
                route(make_view(self, pack, endpoint))

    def __call__(self, event: JsonObject, context: object) -> JsonObject:
        """Serve one REST API proxy event."""
        started = time.perf_counter()
        request = Request.from_event(event)
        ctx: Context | None = None
        try:
            ctx = self._context(request, context)
            response = self._dispatch(event, context, request, ctx)
        except Problem as problem:
            response = problem_response(problem, request.request_id, request.instance).to_dict()
        except Exception as error:
            telemetry.log_exception(error, request.request_id, request.correlation_id)
            response = problem_response(responses.internal_problem(error), request.request_id, request.instance).to_dict()
        headers = response["headers"]
        headers |= responses.SECURITY_HEADERS
        headers["X-Request-ID"] = request.request_id
        headers["X-Correlation-ID"] = request.correlation_id
        headers |= cors.headers(self.runtime.settings.cors_origins, request.headers.get("origin"))
        if ctx and self.runtime.settings.count_capacity:
            headers["X-Consumed-Capacity"] = f"read={ctx.store.read_units:g} write={ctx.store.write_units:g} trips={ctx.store.round_trips}"
        log_request(request, ctx, response["statusCode"], time.perf_counter() - started, self._cold)
        self._cold = False
        if request.method == "HEAD":
            response["body"] = ""
        return response

    def _context(self, request: Request, context: object) -> Context:
        return self.runtime.context(
            request_id=request.request_id,
            correlation_id=request.correlation_id,
            remaining_seconds=lambda_context.remaining_seconds(context, _MARGIN),
            source_ip=request.source_ip,
            user_agent=request.headers.get("user-agent", ""),
        )

    def _dispatch(self, event: JsonObject, context: object, request: Request, ctx: Context) -> JsonObject:
        match: RouteMatch = self._router.match(request.path)
        request.template, request.parameters = match.template, match.parameters
        if path := request.form_path():
            match = self._router.match(path)
            request.template, request.parameters = match.template, match.parameters
        if request.method == "OPTIONS":
            return cors.preflight(self.runtime.settings.cors_origins, request, allow_header(match))
        method = resolve_method(match, request.method)
        ctx.endpoint = f"{method} {match.template}"
        ctx.base_path = request.prefix
        ctx.is_visit = request.is_visit
        self._local.current = CurrentRequest(request, ctx)
        routed = {
            **_EVENT_DEFAULTS,
            **event,
            "pathParameters": match.parameters,
            "requestContext": {**(event.get("requestContext") or {}), "resourcePath": match.template, "httpMethod": method},
        }
        routed["headers"] = routed["headers"] or {}
        response: JsonObject = super().__call__(routed, context)
        return response
