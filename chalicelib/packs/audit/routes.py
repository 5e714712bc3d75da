"""The endpoints of the audit trail."""

from chalicelib.foundation.context import Context
from chalicelib.foundation.schema_types import PageOf
from chalicelib.packs.audit import service
from chalicelib.packs.audit.schemas import ChainVerdictView, EntityTrailQuery, TrailQuery, TrailRecordView, TrailSummary, VerifyQuery


def entity_trail(ctx: Context, entity_id: str, query: EntityTrailQuery) -> PageOf[TrailRecordView]:
    """Field by field; personal values only for callers with the permission."""
    return service.list_records(ctx, entity_id, query)


def trail(ctx: Context, query: TrailQuery) -> PageOf[TrailSummary]:
    """By day of recording, or by actor."""
    return service.list_changes(ctx, query)


def verify(ctx: Context, entity_id: str, query: VerifyQuery) -> ChainVerdictView:
    """Up to a thousand records a request."""
    return service.verify(ctx, entity_id, query.cursor)
