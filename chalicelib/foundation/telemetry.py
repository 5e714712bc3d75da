"""G: structured logs, one JSON line a request, which are metrics too (CloudWatch's embedded format).

Written with the standard library: aws-lambda-powertools does it well and costs 13 ms of each cold start and more a line than
the whole of our routing; docs/decisions weighs it.
"""

import re
import sys
import traceback
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .json import dumps

if TYPE_CHECKING:
    from .context import Context
    from .http.requests import Request

_SECRET_NAMES = re.compile("password|secret|token|authorization|api_?key|cookie|signature|private", re.IGNORECASE)
_PERSONAL_NAMES = re.compile("^(email|phone|seller|holder|name|address|line1|line2)$", re.IGNORECASE)
_PATTERNS = (
    re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}"),  # mail addresses
    re.compile(r"\beyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*"),  # JSON web tokens
    re.compile(r"\bvk_[A-Za-z0-9_-]{8,}"),  # our API keys
    re.compile(r"\+[1-9][0-9]{6,14}\b"),  # telephone numbers, E.164
)
_NAMESPACE = "Valhalla"


def redact(value: Any) -> Any:
    """A value without secrets and personal data: by field name, and by pattern in texts."""
    if isinstance(value, Mapping):
        return {
            name: "[redacted]" if _SECRET_NAMES.search(str(name)) or _PERSONAL_NAMES.match(str(name)) else redact(item)
            for name, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [redact(item) for item in value]
    if isinstance(value, str):
        for pattern in _PATTERNS:
            value = pattern.sub("[redacted]", value)
    return value


def line(level: str, message: str, **fields: Any) -> None:
    """One line of JSON on standard output, redacted."""
    sys.stdout.write(dumps({"level": level, "message": message, **redact(fields)}) + "\n")


def exception(error: BaseException, request_id: str, correlation_id: str = "") -> None:
    """An error that nobody expected, with its trace."""
    trace = "".join(traceback.format_exception(error))
    line("ERROR", "unexpected error", request_id=request_id, correlation_id=correlation_id, error=type(error).__name__, trace=trace)


def metric(values: Mapping[str, float], unit: str = "Count", **dimensions: str) -> None:
    """Metrics in CloudWatch's embedded format, as one line."""
    definition = [{"Namespace": _NAMESPACE, "Dimensions": [list(dimensions)], "Metrics": [{"Name": name, "Unit": unit} for name in values]}]
    sys.stdout.write(dumps({"_aws": {"Timestamp": _timestamp(), "CloudWatchMetrics": definition}, **dimensions, **values}) + "\n")


def request(request: "Request", ctx: "Context | None", status: int, seconds: float, cold: bool) -> None:
    """The line of one request, with its latency and errors as metrics."""
    milliseconds = round(seconds * 1000, 2)
    fields: dict[str, Any] = {
        "level": "ERROR" if status >= 500 else "INFO",
        "message": "request",
        "method": request.method,
        "route": request.template,
        "status": status,
        "ms": milliseconds,
        "request_id": request.request_id,
        "correlation_id": request.correlation_id,
        "cold_start": cold,
        "_aws": {"Timestamp": _timestamp(), "CloudWatchMetrics": _REQUEST_METRICS},
        "Latency": milliseconds,
        "Errors": int(status >= 500),
        "Throttles": int(status in (429, 503)),
    }
    if ctx:
        fields |= {"actor": ctx.actor.id, "round_trips": ctx.store.round_trips}
        if ctx.store.count_capacity:
            fields |= {"read_units": ctx.store.read_units, "write_units": ctx.store.write_units}
    sys.stdout.write(dumps(fields) + "\n")


_REQUEST_METRICS = [
    {
        "Namespace": _NAMESPACE,
        "Dimensions": [["route"]],
        "Metrics": [
            {"Name": "Latency", "Unit": "Milliseconds"},
            {"Name": "Errors", "Unit": "Count"},
            {"Name": "Throttles", "Unit": "Count"},
        ],
    }
]


def _timestamp() -> int:
    import time

    return int(time.time() * 1000)
