"""The log line of each request, which also carries its metrics (CloudWatch's embedded metric format)."""

import sys

from chalicelib.foundation.context import Context
from chalicelib.foundation.http.requests import Request
from chalicelib.foundation.json_codec import dumps
from chalicelib.foundation.telemetry import NAMESPACE, embedded_timestamp, redact

_REQUEST_METRICS = [
    {
        "Namespace": NAMESPACE,
        "Dimensions": [["route"]],
        "Metrics": [
            {"Name": "Latency", "Unit": "Milliseconds"},
            {"Name": "Errors", "Unit": "Count"},
            {"Name": "Throttles", "Unit": "Count"},
        ],
    }
]


def log_request(request: Request, ctx: Context | None, status: int, seconds: float, cold: bool) -> None:
    """The line of one request, with its latency and errors as metrics."""
    milliseconds, correlation = round(seconds * 1000, 2), request.correlation_id
    fields: dict[str, object] = {
        "level": "ERROR" if status >= 500 else "INFO",
        "message": "request",
        "method": request.method,
        "route": request.template or "(none)",
        "status": status,
        "ms": milliseconds,
        "request_id": request.request_id,
        "correlation_id": request.request_id
        if correlation == request.request_id
        else redact(correlation),  # otherwise chosen by the caller
        "cold_start": cold,
        "_aws": {"Timestamp": embedded_timestamp(), "CloudWatchMetrics": _REQUEST_METRICS},
        "Latency": milliseconds,
        "Errors": int(status >= 500),
        "Throttles": int(status in (429, 503)),
    }
    if ctx:
        fields |= {"actor": ctx.actor.id, "round_trips": ctx.store.round_trips}
        if ctx.store.count_capacity:
            fields |= {"read_units": ctx.store.read_units, "write_units": ctx.store.write_units}
    sys.stdout.write(dumps(fields) + "\n")
