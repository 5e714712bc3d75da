"""The trail over HTTP."""

from chalicelib.foundation.context import Context
from chalicelib.packs.auditor import service
from chalicelib.packs.auditor.schemas import EntityTrail, EntityTrailQuery, TrailPage, TrailQuery, Verdict, VerifyQuery


def entity_trail(ctx: Context, entity_id: str, query: EntityTrailQuery) -> EntityTrail:
    """Field by field; personal values for those who may see them."""
    return service.entity_trail(ctx, entity_id, query.limit, query.cursor)


def trail(ctx: Context, query: TrailQuery) -> TrailPage:
    """By day of recording, or by actor."""
    return service.trail(ctx, query.actor, query.from_, query.to, query.limit, query.cursor)


def verify(ctx: Context, entity_id: str, query: VerifyQuery) -> Verdict:
    """Up to a thousand records a request."""
    return service.verify(ctx, entity_id, query.cursor)
