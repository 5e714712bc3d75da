"""G: structured logs, one JSON line per request, which also carry metrics (CloudWatch's embedded metric format).

Written with the standard library: aws-lambda-powertools adds 10 ms to each cold start and takes four times as long per line;
see docs/decisions/0006-logging.md.
"""

import re
import sys
import traceback
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from math import isfinite
from typing import Any

from chalicelib.foundation.json_codec import dumps

_SECRET_NAMES = re.compile("passw|secret|token|authorization|api[_-]?key|cookie|signature|private|credential", re.IGNORECASE)
_PERSONAL_NAMES = re.compile(
    "^(email|phone|mobile|seller|holder|contact|((first|last|full|legal)_?)?name|address|street|line[12])$", re.IGNORECASE
)
_PATTERNS = (
    re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}"),  # mail addresses
    re.compile(r"\beyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*"),  # JSON web tokens
    re.compile(r"\bvk_[A-Za-z0-9_-]{8,}"),  # our API keys
    re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"),  # AWS access keys
    re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)", re.DOTALL),
    re.compile(r"\$argon2[a-z]+\$[^\s'\"]+"),  # password hashes
    re.compile(r"\+[1-9][0-9]{6,14}\b"),  # telephone numbers, E.164
    re.compile(r"(?<![\w.-])\(?[2-9][0-9]{2}\)?[ .-] ?[2-9][0-9]{2}[ .-][0-9]{4}(?![\w-])"),  # and as they are written in North America
    re.compile(r"(?i)\bbearer +[A-Za-z0-9._~+/=-]{8,}"),
)
# A secret's name with its value, as in code, JSON, tracebacks and query strings: password='…', "token": "…", secret=…
_NAME = r"(?i)((?:password|passphrase|secret|token|api_?key)"
_NAMED = (
    (re.compile(_NAME + r"['\"]?\s*[=:]\s*(['\"]))(?:(?!\2).)+"), r"\1[redacted]"),
    (re.compile(_NAME + r"=)(?!['\"\[])[^\s'\",;&)}\]]+"), r"\1[redacted]"),
)
NAMESPACE = "Valhalla"


def redact(value: Any) -> Any:
    """A value with secrets and personal data replaced, by field name and by patterns in texts. Other types are converted to text."""
    if isinstance(value, str):
        for pattern in _PATTERNS:
            value = pattern.sub("[redacted]", value)
        for pattern, rest in _NAMED:
            value = pattern.sub(rest, value)
        return value
    if isinstance(value, Mapping):
        return {
            str(name): "[redacted]" if _SECRET_NAMES.search(str(name)) or _PERSONAL_NAMES.match(str(name)) else redact(item)
            for name, item in value.items()
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [redact(item) for item in value]
    if value is None or isinstance(value, bool | int | Decimal | date) or (isinstance(value, float) and isfinite(value)):
        return value
    return redact(str(value))


def log(level: str, message: str, **fields: object) -> None:
    """One line of JSON on standard output, redacted."""
    sys.stdout.write(dumps({"level": level, "message": message, **redact(fields)}) + "\n")


def log_exception(error: BaseException, request_id: str, correlation_id: str = "") -> None:
    """Log an unexpected exception with its traceback."""
    trace = "".join(traceback.format_exception(error))
    log("ERROR", "unexpected error", request_id=request_id, correlation_id=correlation_id, error=type(error).__name__, trace=trace)


def emit_metric(values: Mapping[str, float], unit: str = "Count", **dimensions: str) -> None:
    """Metrics in CloudWatch's embedded format, as one line."""
    definition = [{"Namespace": NAMESPACE, "Dimensions": [list(dimensions)], "Metrics": [{"Name": name, "Unit": unit} for name in values]}]
    sys.stdout.write(dumps({"_aws": {"Timestamp": embedded_timestamp(), "CloudWatchMetrics": definition}, **dimensions, **values}) + "\n")


def embedded_timestamp() -> int:
    """Now, in milliseconds, as CloudWatch's embedded metrics want it."""
    import time

    return int(time.time() * 1000)
