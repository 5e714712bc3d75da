"""Opening and acknowledging, whoever says so: what changes of the route."""

from chalicelib.foundation.context import Context
from chalicelib.foundation.json_codec import JsonObject
from chalicelib.packs.documents import repository
from chalicelib.packs.documents.entities import Route
from chalicelib.packs.documents.rules import statuses

_LONGEST_AGENT = 500  # characters that are kept of what a browser says of itself


def opened(ctx: Context, before: Route, *, attested_by: str | None = None) -> Route:
    """The route, opened now."""
    marked = {} if attested_by is None else {"attested_by": attested_by}
    return before.with_changes(ctx, **repository.HISTORY.entry(ctx, statuses.OPENED), opened_at=ctx.now, **marked)


def acknowledged(ctx: Context, before: Route, name: str, authentication: str, *, attested_by: str | None = None) -> Route:
    """The route, acknowledged now, and opened with it where it wasn't, with the evidence."""
    evidence: JsonObject = {
        "name": name,
        "authentication": authentication,
        "document_sha256": before.document_sha256,
        "ip_address": ctx.source_ip or None,
        "user_agent": "".join(character for character in ctx.user_agent if character.isprintable())[:_LONGEST_AGENT] or None,
    }
    marked = {} if attested_by is None else {"attested_by": attested_by}
    return before.with_changes(
        ctx,
        **repository.HISTORY.entry(ctx, statuses.ACKNOWLEDGED),
        opened_at=before.opened_at or ctx.now,
        acknowledged_at=ctx.now,
        acknowledgement={field: value for field, value in evidence.items() if value is not None},
        **marked,
    )
