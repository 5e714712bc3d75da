"""The endpoints of the audit trail."""

from chalicelib.foundation.context import Context
from chalicelib.foundation.schema_types import PageOf
from chalicelib.packs.audit import service
from chalicelib.packs.audit.schemas import (
    AuditExportCreate,
    AuditExportView,
    ChainVerdictView,
    DayQuery,
    DayVerdictView,
    EntityTrailQuery,
    SealPage,
    SealQuery,
    TrailQuery,
    TrailRecordView,
    TrailSummary,
    VerifyQuery,
)


def entity_trail(ctx: Context, entity_id: str, query: EntityTrailQuery) -> PageOf[TrailRecordView]:
    """Field by field; personal values only for callers with the permission."""
    return service.list_records(ctx, entity_id, query)


def trail(ctx: Context, query: TrailQuery) -> PageOf[TrailSummary]:
    """By day of recording, or by actor."""
    return service.list_changes(ctx, query)


def verify(ctx: Context, entity_id: str, query: VerifyQuery) -> ChainVerdictView:
    """Up to a thousand records a request."""
    return service.verify(ctx, entity_id, query.cursor)


def verify_day(ctx: Context, query: DayQuery) -> DayVerdictView:
    """Up to 20,000 records; `python -m ops verify-audit --date` goes on where there are more."""
    return service.verify_day(ctx, query)


def seals(ctx: Context, query: SealQuery) -> SealPage:
    """Keep the newest one elsewhere, with the keys: it proves all that was recorded until its day."""
    return service.list_seals(ctx, query)


def create_export(ctx: Context, body: AuditExportCreate) -> AuditExportView:
    """A gzipped file of JSON lines, each in the form of RFC 8785: the records in the order of recording, and after each day its seal.

    It is kept for a week. `python -m ops verify-audit --file EXPORT --key JWKS` verifies it with nothing else.
    """
    return service.create_export(ctx, body)


def get_export(ctx: Context, id: str) -> AuditExportView:
    """Its status, and once it is done the URL of the file. Handing that over is recorded."""
    return service.get_export(ctx, id)
