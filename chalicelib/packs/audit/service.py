"""Reading, verifying and exporting the trail, its seals, and erasing a subject from it."""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

from chalicelib.foundation.context import Context
from chalicelib.foundation.dates import start_of_day
from chalicelib.foundation.errors import NotFound, ValidationFailed
from chalicelib.foundation.idempotency import idempotent_transaction
from chalicelib.foundation.key_pairs import key_set
from chalicelib.foundation.schema_types import PageOf
from chalicelib.foundation.store.entity import Entity
from chalicelib.foundation.streams import MalformedRecord
from chalicelib.packs.audit import alarms, exporting, permissions, presenters, repository, sealing
from chalicelib.packs.audit.entities import AuditExport
from chalicelib.packs.audit.rules import QUEUED, export_range_error
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
)
from chalicelib.packs.audit.sealing import DayVerdict
from chalicelib.packs.audit.verification import ChainVerifier
from chalicelib.packs.audit.writer import entity_resolver

RECORDS_PER_REQUEST = 1000  # records that one request verifies
_MAX_DAYS = 366
_DEFAULT_DAYS = 31
_ID = re.compile(r"[a-z][a-z_]{1,20}_[0-9A-Za-z_-]{1,60}", re.ASCII)  # of every kind: some contain a date instead of a ULID


def list_records(ctx: Context, entity_id: str, query: EntityTrailQuery) -> PageOf[TrailRecordView]:
    """A page of an entity's trail, newest first; NotFound where the caller may not see it."""
    _check_id(entity_id)
    page = repository.list_records(ctx, entity_id, query)
    rows = page["items"]
    if not rows:
        raise NotFound("trail")
    kind = rows[0].get("kind", {}).get("S", "")
    entity = _entity_class(ctx, kind)
    visible = permissions.visibility(ctx, kind)
    if not visible or (visible == "own" and (entity is None or not repository.is_owner(ctx, entity, entity_id))):
        raise NotFound("trail")
    subject = entity.ID.key(entity_id).pk if entity else entity_id
    items = presenters.record_views(ctx, rows, subject, permissions.sees_personal(ctx, kind))
    repository.log_access(ctx, "read", subject_id=entity_id, records=len(items))
    return {"items": items, "next_cursor": page["next_cursor"]}


def list_changes(ctx: Context, query: TrailQuery) -> PageOf[TrailSummary]:
    """A page of changes, newest first: of an actor by the time of the change, of everybody by the time of recording.

    Without a beginning, the last 31 days. A page may be short although it has a cursor.
    """
    since, upto = _time_range(ctx, query.from_, query.to)
    page = repository.list_changes(ctx, query, since, upto, permissions.visible_changes(ctx))
    items = [presenters.change_summary(row) for row in page["items"]]
    given = {"actor": query.actor, "from": query.from_, "to": query.to}
    filters = {name: str(value) for name, value in given.items() if value is not None}
    repository.log_access(ctx, "listed", filters=filters, records=len(items))
    return {"items": items, "next_cursor": page["next_cursor"]}


def _time_range(ctx: Context, start: datetime | date | None, end: datetime | date | None) -> tuple[datetime, datetime]:
    """Start (inclusive) and end (exclusive) of the query; ValidationFailed where the range is not within a year."""
    try:
        upto = _to_instant(ctx, end, after=True) or ctx.now + timedelta(minutes=1)  # another machine's clock may be ahead
        since = _to_instant(ctx, start) or upto - timedelta(days=_DEFAULT_DAYS)
    except OverflowError:
        raise ValidationFailed.field("to" if start is None else "from", "out of range") from None
    if since > upto:
        raise ValidationFailed.field("from", "must not be after `to`")
    if upto - since > timedelta(days=_MAX_DAYS):
        raise ValidationFailed.field("from", f"at most {_MAX_DAYS} days before `to`")
    return since, upto


def _to_instant(ctx: Context, value: datetime | date | None, *, after: bool = False) -> datetime | None:
    if value is None or isinstance(value, datetime):
        return value
    return start_of_day(value + timedelta(days=1) if after else value, ctx.settings.firm_time_zone).astimezone(UTC)


def verify(ctx: Context, entity_id: str, cursor: str | None = None, limit: int | None = None) -> ChainVerdictView:
    """Verify an entity's chain: up to `limit` records from `cursor` on; NotFound without trail and entity."""
    _check_id(entity_id)
    limit = limit or RECORDS_PER_REQUEST
    signer = ctx.cursor_signer("verify", entity_id)
    chain = ChainVerifier(entity_id, *(signer.verify(cursor) if cursor else ()))
    rows = list(repository.read_chain(ctx, entity_id, after=chain.checked, limit=limit))
    first_break = chain.check_records(rows)
    complete, behind = first_break is not None or len(rows) < limit, 0
    kind = rows[-1]["kind"]["S"] if rows else None
    if first_break is None and complete:
        entity = repository.current_item(ctx, entity_id, _candidates(ctx, entity_id, kind))
        if entity is None and not chain.checked:
            raise NotFound("trail")
        first_break, behind = chain.check_end(entity, ctx.now)
        kind = kind or (entity["kind"]["S"] if entity else None)
    if complete:
        alarms.report_chain(ctx, entity_id, kind or "trail", _root_of(ctx, entity_id, kind), first_break)
    return {
        "entity_id": entity_id,
        "valid": first_break is None,
        "checked": chain.checked,
        "complete": complete,
        "behind": behind,
        "first_break": {"seq": first_break.seq, "reason": first_break.reason} if first_break else None,
        "next_cursor": None if complete else signer.sign([chain.checked, chain.hash, chain.action]),
    }


RECORDS_PER_DAY = 20_000  # that one request verifies of a day


def list_seals(ctx: Context, query: SealQuery) -> SealPage:
    """A page of seals, newest first, with the keys that verify them. One round trip."""
    return presenters.seal_page(repository.page_of_seals(ctx, query), key_set(ctx.secrets.seal_keys))


def verify_day(ctx: Context, query: DayQuery) -> DayVerdictView:
    """Verify the records of a UTC day against its seal: up to 20,000 of them. What isn't as it was sealed is told to auditors."""
    return presenters.day_view(check_day(ctx, query.date, limit=RECORDS_PER_DAY))


def check_day(ctx: Context, day: date, *, limit: int | None) -> DayVerdict:
    """Verify a day, and tell of what was found; where it is a record, verify its chain, too."""
    verdict = sealing.verify_day(ctx, day, limit=limit)
    alarms.report_day(ctx, verdict)
    if verdict.first_break is not None and verdict.first_break.entity_id is not None:
        verify(ctx, verdict.first_break.entity_id)
    return verdict


def create_export(ctx: Context, body: AuditExportCreate) -> AuditExportView:
    """Ask for an export, which the worker of the outbox then makes. One round trip."""
    if error := export_range_error(body.from_, body.to, ctx.now):
        raise ValidationFailed.field(*error)
    expires_at = ctx.now + exporting.KEPT
    export = AuditExport.new(
        ctx,
        first_day=body.from_,
        last_day=body.to,
        status=QUEUED,
        records=0,
        expires_at=expires_at,
        ttl=int(expires_at.timestamp()),
    )
    view = presenters.export_view(export, None)
    tx = idempotent_transaction(ctx, view)
    tx.create(export)
    exporting.add_work(tx, ctx, export)
    tx.commit()
    return view


def get_export(ctx: Context, id: str) -> AuditExportView:
    """An export; once it is done, with the URL of its file, whose handing over is recorded like a reading of the trail."""
    export = repository.find_export(ctx, id)
    if export is None:
        raise NotFound(AuditExport.ID.name)
    url = exporting.download_url(ctx, export)
    if url is not None:
        repository.log_access(ctx, "exported", subject_id=export.id, records=export.records)
    return presenters.export_view(export, url)


def erase(ctx: Context, subject: str) -> None:
    """Make a subject's personal data on the trail permanently unreadable. No record changes; every chain remains valid.

    The subject is the root of the entities' partition, e.g. a user or a pipeline. The erasure itself is recorded.
    """
    _check_id(subject)
    repository.shred_key(ctx, subject)
    repository.log_access(ctx, "erased", subject_id=subject, records=0)


def _candidates(ctx: Context, entity_id: str, kind: str | None) -> Iterator[type[Entity]]:
    """The classes that an entity may be of: of the kind that its records name, else of those whose ids begin like this one."""
    for candidate in [kind] if kind in ctx.packs.by_kind else list(ctx.packs.by_kind):
        entity = _entity_class(ctx, candidate)
        if entity is not None and entity_id.startswith(f"{entity.ID.prefix}_"):
            yield entity


def _root_of(ctx: Context, entity_id: str, kind: str | None) -> str | None:
    """The root in whose partition an entity lies; None where that can't be known."""
    entity = _entity_class(ctx, kind)
    return entity.ID.key(entity_id).pk if entity is not None and entity.ID.is_id(entity_id) else None


def _entity_class(ctx: Context, kind: str | None) -> type[Entity] | None:
    try:
        return entity_resolver(ctx.packs)(kind or "")
    except MalformedRecord:
        return None


def _check_id(entity_id: str) -> None:
    if not _ID.fullmatch(entity_id):
        raise NotFound("trail")
