"""Reading and verifying the trail, and erasing a subject from it."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any

from cryptography.exceptions import InvalidTag

from chalicelib.foundation.context import Context
from chalicelib.foundation.dates import format_timestamp, start_of_day
from chalicelib.foundation.errors import NotFound, ValidationFailed
from chalicelib.foundation.json_codec import JsonObject
from chalicelib.foundation.store.access_patterns import KeyRange
from chalicelib.foundation.store.codec import DynamoItem
from chalicelib.foundation.store.entity import Entity
from chalicelib.foundation.store.pagination import CursorSigner, decode_view, paginate
from chalicelib.foundation.streams import MalformedRecord
from chalicelib.packs.audit import crypto_shredding, records
from chalicelib.packs.audit.entities import TrailAccess
from chalicelib.packs.audit.records import AuditRecord
from chalicelib.packs.audit.schemas import ChainVerdictView, TrailPage, TrailRecordPage
from chalicelib.packs.audit.verification import ChainVerifier
from chalicelib.packs.audit.writer import entity_resolver

RECORDS_PER_REQUEST = 1000  # records that one request verifies
RANGES_PER_REQUEST = 7  # days (or months, for one actor) that one request reads for a page
_MAX_DAYS = 366
_ID = re.compile(r"[a-z][a-z_]{1,20}_[0-9A-Za-z_-]{1,60}", re.ASCII)  # of every kind: some contain a date instead of a ULID
_READ_PERMISSION, _ADMIN_PERMISSION = "trail:read", "trail:admin"


# -- permissions


def _area(ctx: Context, kind: str) -> str | None:
    """The name that the permissions on a kind of entity begin with: that of its pack."""
    pack = ctx.packs.by_kind.get(kind)
    return pack.name if pack else None


def _visibility(ctx: Context, kind: str) -> str:
    """How much of a kind's trail the caller sees: "all", "own" (entities they own, or their own actions), or "" for nothing.

    The widest of the caller's roles counts. A role that may write only its own entities in the kind's pack sees only their trail.
    """
    if ctx.actor.can(_ADMIN_PERMISSION):
        return "all"
    pack = _area(ctx, kind)
    if pack is None or pack == "trail" or not ctx.actor.can(f"{pack}:read"):
        return ""
    visibility = ""
    for role in ctx.actor.roles:
        permissions = ctx.roles.permissions((role,))
        if {_READ_PERMISSION, f"{pack}:read"} <= permissions:
            if f"{pack}:write" not in permissions or f"{pack}:any-owner" in permissions:
                return "all"
            visibility = "own"
    return visibility


def _sees_personal(ctx: Context, kind: str) -> bool:
    return ctx.actor.can(_ADMIN_PERMISSION) or ctx.actor.can(f"{_area(ctx, kind) or kind}:contacts")


def _entity_class(ctx: Context, kind: str) -> type[Entity] | None:
    try:
        return entity_resolver(ctx.packs)(kind)
    except MalformedRecord:
        return None


def _is_own(ctx: Context, entity: type[Entity] | None, id: str) -> bool:
    """Whether the caller owns or created the entity, or the root of its partition."""
    if entity is None:
        return False
    key = entity.ID.key(id)
    items = ctx.store.batch_get([key, key._replace(sk="~")])
    return any(ctx.actor.id == row.get(name, {}).get("S") for row in items.values() for name in ("owner", "owner_id", "created_by"))


# -- reading


def entity_trail(ctx: Context, entity_id: str, limit: int, cursor: str | None) -> TrailRecordPage:
    """A page of an entity's trail, newest first; NotFound where the caller may not see it."""
    _check_id(entity_id)
    seal = CursorSigner(ctx.secrets.cursor_key, ctx.now, ctx.endpoint, entity_id, ctx.actor.id)
    before = seal.verify(cursor)[0] if cursor else None
    candidates = list(_chain(ctx, entity_id, limit + 1, before=before))
    if not candidates:
        raise NotFound("trail")
    kind = candidates[0].get("kind", {}).get("S", "")
    entity = _entity_class(ctx, kind)
    visibility = _visibility(ctx, kind)
    if not visibility or (visibility == "own" and not _is_own(ctx, entity, entity_id)):
        raise NotFound("trail")
    rows = candidates[:limit]
    items = _record_views(ctx, rows, entity.ID.key(entity_id).pk if entity else entity_id, _sees_personal(ctx, kind))
    _log_access(ctx, "read", subject_id=entity_id, records=len(items))
    has_more = len(candidates) > limit
    return {"items": items, "next_cursor": seal.sign([int(rows[-1]["sk"]["S"])]) if has_more else None}


def _chain(ctx: Context, entity_id: str, limit: int, *, before: int | None = None, after: int | None = None) -> Iterator[DynamoItem]:
    """Up to `limit` records of a chain: descending from `before`, or ascending from `after`. A round trip per 1 MB."""
    condition, values = "pk = :pk", {":pk": {"S": records.partition(entity_id)}}
    if before is not None or after is not None:
        condition += " AND sk < :from" if before is not None else " AND sk > :from"
        values[":from"] = {"S": f"{before if before is not None else after:010d}"}
    start: JsonObject = {}
    while limit > 0:
        response = ctx.store.query(
            KeyConditionExpression=condition,
            ExpressionAttributeValues=values,
            ConsistentRead=True,
            ScanIndexForward=after is not None,
            Limit=limit,
            **start,
        )
        yield from response["Items"]
        limit -= len(response["Items"])
        if "LastEvaluatedKey" not in response:
            return
        start = {"ExclusiveStartKey": response["LastEvaluatedKey"]}


def _record_views(ctx: Context, rows: list[DynamoItem], subject: str, sees_personal: bool) -> list[Any]:
    """Record views: personal values decrypted where the caller may see them, else digests; "erased" after an erasure."""
    subject_keys = crypto_shredding.DataSubjectKeys(ctx.store, lambda: ctx.secrets.personal_key)
    views = [_record_view(raw) for raw in rows]
    if any(change.get("personal") for view in views for change in view["changes"].values()):
        subject_keys.load([subject])

    def value(context: str, sealed: Any) -> Any:
        if sealed is None:
            return None
        if subject_keys.is_erased(subject):
            return crypto_shredding.ERASED
        if not sees_personal:
            return {"digest": sealed["digest"]}
        try:
            return subject_keys.unseal(subject, context, sealed["sealed"])
        except InvalidTag:
            return "unreadable"  # the verification says which record was tampered with

    items = []
    for raw, view in zip(rows, views, strict=True):
        for name, change in view["changes"].items():
            if change.get("personal"):
                for side in ("old", "new"):
                    context = records.seal_context(view["entity_id"], view["seq"], name, side)
                    change[side] = value(context, change[side]) if side in change else crypto_shredding.ERASED
        record = AuditRecord.from_item(raw)
        items.append({**view, "prev_hash": record.prev_hash, "hash": record.hash})
    return items


def _record_view(raw: DynamoItem) -> JsonObject:
    """The content of a record; a placeholder where its body is not valid JSON (the verification reports that, too)."""
    try:
        return AuditRecord.from_item(raw).values
    except ValueError:
        unknown = dict.fromkeys(("kind", "actor", "at", "request_id", "correlation_id", "recorded_at", "code_version"), "")
        id, seq = raw["pk"]["S"].removeprefix("AUD#"), int(raw["sk"]["S"])
        return {"entity_id": id, "seq": seq, "action": "unreadable", **unknown, "changes": {}}


def trail(
    ctx: Context, actor: str | None, start: datetime | date | None, end: datetime | date | None, limit: int, cursor: str | None
) -> TrailPage:
    """A page of changes, newest first: of an actor by the time of the change, of everybody by the time of recording.

    Without `start`, the last 31 days. A page reads seven days (of an actor: months), and may be short although it has a cursor.
    """
    since, upto = _time_range(ctx, start, end)
    # The cursor is bound to the query and contains the computed times, as the current time differs between two pages.
    seal = CursorSigner(ctx.secrets.cursor_key, ctx.now, ctx.endpoint, actor, str(start), str(end), ctx.actor.id)
    if cursor:
        index, inner_cursor, low, high = seal.verify(cursor)
    else:
        index, inner_cursor, low, high = 0, None, format_timestamp(since), format_timestamp(upto)
    partitions = _key_ranges(actor, low, high)
    items: list[Any] = []
    predicate = _predicate(ctx)
    examined = 0
    while index < len(partitions) and len(items) < limit and examined < RANGES_PER_REQUEST:
        inner_seal = CursorSigner(ctx.secrets.cursor_key, ctx.now, str(partitions[index]), ctx.actor.id)
        result = paginate(
            ctx.store, partitions[index], inner_seal, limit=limit - len(items), cursor=inner_cursor, predicate=predicate, decode=decode_view
        )
        items += result.rows
        inner_cursor = result.next_cursor
        if inner_cursor is None:
            index, examined = index + 1, examined + 1
    filters = {name: str(value) for name, value in (("actor", actor), ("from", start), ("to", end)) if value is not None}
    _log_access(ctx, "listed", filters=filters, records=len(items))
    return {"items": items, "next_cursor": seal.sign([index, inner_cursor, low, high]) if index < len(partitions) else None}


def _time_range(ctx: Context, start: datetime | date | None, end: datetime | date | None) -> tuple[datetime, datetime]:
    """Start (inclusive) and end (exclusive) of the query; ValidationFailed where the range is not within a year."""
    try:
        upto = _to_instant(ctx, end, after=True) or ctx.now + timedelta(minutes=1)  # another machine's clock may be ahead
        since = _to_instant(ctx, start) or upto - timedelta(days=31)
    except OverflowError:
        raise ValidationFailed.field("to" if start is None else "from", "out of range") from None
    if since > upto:
        raise ValidationFailed.field("from", "must not be after `to`")
    if upto - since > timedelta(days=_MAX_DAYS):
        raise ValidationFailed.field("from", f"at most {_MAX_DAYS} days before `to`")
    return since, upto


def _key_ranges(actor: str | None, low: str, high: str) -> list[list[KeyRange]]:
    """The index partitions to read, newest first: an actor's months, or the shards of each day."""
    days = [
        (date.fromisoformat(high[:10]) - timedelta(days=back)).isoformat()
        for back in range((date.fromisoformat(high[:10]) - date.fromisoformat(low[:10])).days + 1)
    ]
    if actor is None:
        return [[KeyRange("gsi1", records.day_partition(day, shard), low, high) for shard in range(records.SHARDS)] for day in days]
    months = dict.fromkeys(day[:7] for day in days)
    return [[KeyRange("gsi2", records.actor_partition(actor, month), low, high)] for month in months]


def _predicate(ctx: Context) -> Callable[[JsonObject], bool]:
    visibility = cache(lambda kind: _visibility(ctx, kind))

    def is_visible(view: JsonObject) -> bool:
        visible = visibility(view["kind"])
        return visible == "all" or (visible == "own" and view["actor"] == ctx.actor.id)

    return is_visible


def _to_instant(ctx: Context, value: datetime | date | None, *, after: bool = False) -> datetime | None:
    if value is None or isinstance(value, datetime):
        return value
    return start_of_day(value + timedelta(days=1) if after else value, ctx.settings.firm_time_zone).astimezone(UTC)


def _log_access(ctx: Context, access: str, *, subject_id: str | None = None, filters: JsonObject | None = None, records: int) -> None:
    """Record the access: one item, which the stream consumer puts on the trail like every other change."""
    entity = TrailAccess.new(ctx, access=access, subject_id=subject_id, filters=filters, records=records)
    ctx.store.call("put_item", TableName=ctx.store.table, Item=entity.to_item())


def _check_id(entity_id: str) -> None:
    if not _ID.fullmatch(entity_id):
        raise NotFound("trail")


# -- verifying


def verify(ctx: Context, entity_id: str, cursor: str | None = None, limit: int | None = None) -> ChainVerdictView:
    """Verify an entity's chain: up to `limit` records (default 1000) from `cursor` on; NotFound without trail and entity."""
    _check_id(entity_id)
    seal = CursorSigner(ctx.secrets.cursor_key, ctx.now, "verify", entity_id, ctx.actor.id)
    limit = limit or RECORDS_PER_REQUEST
    chain = ChainVerifier(entity_id, *(seal.verify(cursor) if cursor else ()))
    rows = list(_chain(ctx, entity_id, limit, after=chain.checked))
    first_break = chain.check_records(rows)
    complete, behind = first_break is not None or len(rows) < limit, 0
    if first_break is None and complete:
        entity = _current_item(ctx, entity_id, rows[-1]["kind"]["S"] if rows else None)
        if entity is None and not chain.checked:
            raise NotFound("trail")
        first_break, behind = chain.check_end(entity, ctx.now)
    return {
        "entity_id": entity_id,
        "valid": first_break is None,
        "checked": chain.checked,
        "complete": complete,
        "behind": behind,
        "first_break": {"seq": first_break.seq, "reason": first_break.reason} if first_break else None,
        "next_cursor": None if complete else seal.sign([chain.checked, chain.hash, chain.action]),
    }


def _current_item(ctx: Context, entity_id: str, kind: str | None) -> DynamoItem | None:
    """The entity's current item, soft-deleted or not."""
    for candidate in [kind] if kind in ctx.packs.by_kind else list(ctx.packs.by_kind):
        entity = _entity_class(ctx, candidate)
        if entity is not None and entity_id.startswith(f"{entity.ID.prefix}_"):
            try:
                return ctx.store.get_item(entity.ID.key(entity_id))
            except NotFound:
                continue
    return None


# -- erasing


def erase(ctx: Context, subject: str) -> None:
    """Make a subject's personal data on the trail permanently unreadable. No record changes; every chain remains valid.

    The subject is the root of the entities' partition, e.g. a user or a pipeline. The erasure itself is recorded.
    """
    _check_id(subject)
    crypto_shredding.shred_key(ctx, subject)
    _log_access(ctx, "erased", subject_id=subject, records=0)
