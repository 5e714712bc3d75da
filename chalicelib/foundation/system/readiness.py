"""The checks of GET /health/ready: table, indexes, stream, secrets. Kept for ten seconds: the control plane is throttled."""

from datetime import datetime, timedelta

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.foundation.context import Context
from chalicelib.foundation.store.table import INDEXES

_KEPT = timedelta(seconds=10)
_last: dict[str, tuple[datetime, dict[str, str]]] = {}


def checks(ctx: Context) -> dict[str, str]:
    """Each check's name with "ok" or what is wrong; at most ten seconds old."""
    held = _last.get(ctx.settings.table)
    if held and ctx.now - held[0] < _KEPT:
        return held[1]
    found = _look(ctx)
    _last[ctx.settings.table] = (ctx.now, found)
    return found


def _look(ctx: Context) -> dict[str, str]:
    found = {"secrets": _secrets(ctx)}
    try:
        table = ctx.store.client.describe_table(TableName=ctx.settings.table)["Table"]
    except (BotoCoreError, ClientError) as error:
        code = error.response["Error"]["Code"] if isinstance(error, ClientError) else "unreachable"
        return {**found, "table": code, "indexes": "unknown", "stream": "unknown"}
    states = {index["IndexName"]: index.get("IndexStatus", "ACTIVE") for index in table.get("GlobalSecondaryIndexes", ())}
    missing = [name for name in INDEXES if states.get(name) != "ACTIVE"]
    return {
        **found,
        "table": "ok" if table["TableStatus"] == "ACTIVE" else table["TableStatus"],
        "indexes": "ok" if not missing else f"not active: {', '.join(missing)}",
        "stream": "ok" if table.get("StreamSpecification", {}).get("StreamEnabled") else "off",
    }


def _secrets(ctx: Context) -> str:
    try:
        return "ok" if ctx.secrets.signing_keys else "no signing key"
    except Exception as error:  # whatever keeps them from us is the finding
        return f"unreadable: {type(error).__name__}"
