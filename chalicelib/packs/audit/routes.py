"""The endpoints of the audit trail."""

from chalicelib.foundation.context import Context
from chalicelib.packs.audit import service
from chalicelib.packs.audit.schemas import ChainVerdictView, EntityTrailQuery, TrailPage, TrailQuery, TrailRecordPage, VerifyQuery


def entity_trail(ctx: Context, entity_id: str, query: EntityTrailQuery) -> TrailRecordPage:
    """Field by field; personal values only for callers with the permission."""
    return service.entity_trail(ctx, entity_id, query.limit, query.cursor)


def trail(ctx: Context, query: TrailQuery) -> TrailPage:
    """By day of recording, or by actor."""
    return service.trail(ctx, query.actor, query.from_, query.to, query.limit, query.cursor)


def verify(ctx: Context, entity_id: str, query: VerifyQuery) -> ChainVerdictView:
    """Up to a thousand records a request."""
    return service.verify(ctx, entity_id, query.cursor)
