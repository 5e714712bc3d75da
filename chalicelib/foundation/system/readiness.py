"""The checks of GET /health/ready: table, indexes, stream, secrets. Cached for ten seconds: the control plane is throttled."""

from datetime import datetime, timedelta

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.foundation.context import Context
from chalicelib.foundation.store.table import INDEXES

_CACHE_TTL = timedelta(seconds=10)
_cached: dict[str, tuple[datetime, dict[str, str]]] = {}


def readiness_checks(ctx: Context) -> dict[str, str]:
    """Each check's name with "ok" or the error; at most ten seconds old. One call of DescribeTable."""
    cached = _cached.get(ctx.settings.table)
    if cached and ctx.now - cached[0] < _CACHE_TTL:
        return cached[1]
    results = _run_checks(ctx)
    _cached[ctx.settings.table] = (ctx.now, results)
    return results


def _run_checks(ctx: Context) -> dict[str, str]:
    results = {"secrets": _secrets(ctx)}
    try:
        table = ctx.store.client.describe_table(TableName=ctx.settings.table)["Table"]
    except (BotoCoreError, ClientError) as error:
        code = error.response["Error"]["Code"] if isinstance(error, ClientError) else "unreachable"
        return {**results, "table": code, "indexes": "unknown", "stream": "unknown"}
    states = {index["IndexName"]: index.get("IndexStatus", "ACTIVE") for index in table.get("GlobalSecondaryIndexes", ())}
    missing = [name for name in INDEXES if states.get(name) != "ACTIVE"]
    return {
        **results,
        "table": "ok" if table["TableStatus"] == "ACTIVE" else table["TableStatus"],
        "indexes": "ok" if not missing else f"not active: {', '.join(missing)}",
        "stream": "ok" if table.get("StreamSpecification", {}).get("StreamEnabled") else "off",
    }


def _secrets(ctx: Context) -> str:
    try:
        return "ok" if ctx.secrets.signing_keys else "no signing key"
    except Exception as error:  # any error is the result of the check
        return f"unreadable: {type(error).__name__}"
