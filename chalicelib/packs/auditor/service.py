"""Reading and checking the trail, and erasing a subject from it."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any

from cryptography.exceptions import InvalidTag

from chalicelib.foundation.auth import roles
from chalicelib.foundation.calendar import day_start, instant
from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import Invalid, NotFound
from chalicelib.foundation.manifest import installed
from chalicelib.foundation.store.codec import Raw
from chalicelib.foundation.store.entity import Entity
from chalicelib.foundation.store.pages import CursorSeal, Partition, page
from chalicelib.foundation.streams import Unreadable
from chalicelib.packs.auditor import personal, records
from chalicelib.packs.auditor.entities import TrailAccess
from chalicelib.packs.auditor.records import Record
from chalicelib.packs.auditor.schemas import EntityTrail, TrailPage, Verdict
from chalicelib.packs.auditor.trail import kinds
from chalicelib.packs.auditor.verifier import Chain

CHECKED_AT_ONCE = 1000  # records that one request verifies
DAYS_AT_ONCE = 7  # days (or months, of one actor) that one request looks through for a page
_MOST_DAYS = 366
_ID = re.compile(r"[a-z][a-z_]{1,20}_[0-9A-Za-z_-]{1,60}", re.ASCII)  # of every kind: some name a day and not an instant
_READ, _ALL = "trail:read", "trail:admin"


# -- who may see what


@cache
def _packs() -> dict[str, str]:
    return {kind: pack.name for pack in installed() for kind in pack.entities}


def _reach(ctx: Context, kind: str) -> str:
    """How much of a kind's trail the caller sees: "all", "own" (what is theirs, or what they did), or "" for nothing.

    It goes by the roles' rights in the kind's own pack, the widest of them: who writes there only what is theirs reads only
    the trail of that.
    """
    if ctx.actor.may(_ALL):
        return "all"
    pack = _packs().get(kind)
    if pack is None or pack == "trail" or not ctx.actor.may(f"{pack}:read"):
        return ""
    reach = ""
    for role in ctx.actor.roles:
        held = roles.permissions((role,))
        if {_READ, f"{pack}:read"} <= held:
            if f"{pack}:write" not in held or f"{pack}:any-owner" in held:
                return "all"
            reach = "own"
    return reach


def _sees_personal(ctx: Context, kind: str) -> bool:
    return ctx.actor.may(_ALL) or ctx.actor.may(f"{_packs().get(kind, kind)}:contacts")


def _class(kind: str) -> type[Entity] | None:
    try:
        return kinds(installed())(kind)
    except Unreadable:
        return None


def _is_own(ctx: Context, entity: type[Entity] | None, id: str) -> bool:
    """Whether the entity, or the root in whose partition it lies, is the caller's: theirs to work, or made by them."""
    if entity is None:
        return False
    place = entity.ID.key(id)
    found = ctx.store.get_many([place, place._replace(sk="~")])
    return any(ctx.actor.id == row.get(name, {}).get("S") for row in found.values() for name in ("owner", "owner_id", "created_by"))


# -- reading


def entity_trail(ctx: Context, entity_id: str, limit: int, cursor: str | None) -> EntityTrail:
    """A page of an entity's trail, newest first; NotFound for what the caller may not see."""
    _check_id(entity_id)
    seal = CursorSeal(ctx.secrets.cursor_key, ctx.now, ctx.endpoint, entity_id, ctx.actor.id)
    before = seal.open(cursor)[0] if cursor else None
    found = list(_chain(ctx, entity_id, limit + 1, before=before))
    if not found:
        raise NotFound("trail")
    kind = found[0].get("kind", {}).get("S", "")
    entity = _class(kind)
    reach = _reach(ctx, kind)
    if not reach or (reach == "own" and not _is_own(ctx, entity, entity_id)):
        raise NotFound("trail")
    shown = found[:limit]
    items = _revealed(ctx, shown, entity.ID.key(entity_id).pk if entity else entity_id, _sees_personal(ctx, kind))
    _note(ctx, "read", subject_id=entity_id, records=len(items))
    more = len(found) > limit
    return {"items": items, "next_cursor": seal.seal([int(shown[-1]["sk"]["S"])]) if more else None}


def _chain(ctx: Context, entity_id: str, most: int, *, before: int | None = None, after: int | None = None) -> Iterator[Raw]:
    """Up to `most` rows of a chain: descending from `before`, or ascending from `after`. A round trip a page of 1 MB."""
    condition, values = "pk = :pk", {":pk": {"S": records.partition(entity_id)}}
    if before is not None or after is not None:
        condition += " AND sk < :from" if before is not None else " AND sk > :from"
        values[":from"] = {"S": f"{before if before is not None else after:010d}"}
    start: dict[str, Any] = {}
    while most > 0:
        answer = ctx.store.query(
            KeyConditionExpression=condition,
            ExpressionAttributeValues=values,
            ConsistentRead=True,
            ScanIndexForward=after is not None,
            Limit=most,
            **start,
        )
        yield from answer["Items"]
        most -= len(answer["Items"])
        if "LastEvaluatedKey" not in answer:
            return
        start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}


def _revealed(ctx: Context, found: list[Raw], subject: str, sees_personal: bool) -> list[Any]:
    """Records as they are answered: personal values opened where the caller may see them, digests else, "erased" when they are."""
    subjects = personal.Subjects(ctx.store, lambda: ctx.secrets.personal_key)
    said = [_said(raw) for raw in found]
    if any(change.get("personal") for one in said for change in one["changes"].values()):
        subjects.load([subject])

    def value(place: str, kept: Any) -> Any:
        if kept is None:
            return None
        if subjects.erased(subject):
            return personal.ERASED
        if not sees_personal:
            return {"digest": kept["digest"]}
        try:
            return subjects.open(subject, place, kept["sealed"])
        except InvalidTag:
            return "unreadable"  # the chain's check says which record was tampered with

    items = []
    for raw, one in zip(found, said, strict=True):
        for name, change in one["changes"].items():
            if change.get("personal"):
                for side in ("old", "new"):
                    place = records.place(one["entity_id"], one["seq"], name, side)
                    change[side] = value(place, change[side]) if side in change else personal.ERASED
        record = Record.of_item(raw)
        items.append({**one, "prev_hash": record.prev_hash, "hash": record.hash})
    return items


def _said(raw: Raw) -> dict[str, Any]:
    """What a record says; of one that was made unreadable, that it is (the chain's check says so, too)."""
    try:
        return Record.of_item(raw).values
    except ValueError:
        unknown = dict.fromkeys(("kind", "actor", "at", "request_id", "correlation_id", "recorded_at", "code_version"), "")
        id, seq = raw["pk"]["S"].removeprefix("AUD#"), int(raw["sk"]["S"])
        return {"entity_id": id, "seq": seq, "action": "unreadable", **unknown, "changes": {}}


def trail(
    ctx: Context, actor: str | None, begin: datetime | date | None, end: datetime | date | None, limit: int, cursor: str | None
) -> TrailPage:
    """What was changed, newest first: of an actor by the instant of the change, of everybody by that of its recording.

    Without `begin` the last 31 days. A page looks through seven days (of an actor: months), and may be short and carry a cursor.
    """
    since, upto = _span(ctx, begin, end)
    # Bound to what was asked; the moments themselves stand in the cursor, as "now" moves on between two pages.
    seal = CursorSeal(ctx.secrets.cursor_key, ctx.now, ctx.endpoint, actor, str(begin), str(end), ctx.actor.id)
    if cursor:
        at, inner, low, high = seal.open(cursor)
    else:
        at, inner, low, high = 0, None, instant(since), instant(upto)
    partitions = _partitions(actor, low, high)
    items: list[Any] = []
    keep = _keep(ctx)
    looked = 0
    while at < len(partitions) and len(items) < limit and looked < DAYS_AT_ONCE:
        inner_seal = CursorSeal(ctx.secrets.cursor_key, ctx.now, str(partitions[at]), ctx.actor.id)
        found = page(ctx.store, partitions[at], inner_seal, limit=limit - len(items), cursor=inner, keep=keep)
        items += found.rows
        inner = found.next_cursor
        if inner is None:
            at, looked = at + 1, looked + 1
    filters = {name: str(given) for name, given in (("actor", actor), ("from", begin), ("to", end)) if given is not None}
    _note(ctx, "listed", filters=filters, records=len(items))
    return {"items": items, "next_cursor": seal.seal([at, inner, low, high]) if at < len(partitions) else None}


def _span(ctx: Context, begin: datetime | date | None, end: datetime | date | None) -> tuple[datetime, datetime]:
    """The first moment that is asked for, and the one before which; Invalid where they are no span of at most a year."""
    try:
        upto = _moment(ctx, end, after=True) or ctx.now + timedelta(minutes=1)  # another clock may be a little ahead
        since = _moment(ctx, begin) or upto - timedelta(days=31)
    except OverflowError:
        raise Invalid.field("to" if begin is None else "from", "out of range") from None
    if since > upto:
        raise Invalid.field("from", "must not be after `to`")
    if upto - since > timedelta(days=_MOST_DAYS):
        raise Invalid.field("from", f"at most {_MOST_DAYS} days before `to`")
    return since, upto


def _partitions(actor: str | None, low: str, high: str) -> list[list[Partition]]:
    """The index partitions to look through, newest first: an actor's months, or the shards of each day."""
    days = [
        (date.fromisoformat(high[:10]) - timedelta(days=back)).isoformat()
        for back in range((date.fromisoformat(high[:10]) - date.fromisoformat(low[:10])).days + 1)
    ]
    if actor is None:
        return [[Partition("gsi1", records.day_partition(day, shard), low, high) for shard in range(records.SHARDS)] for day in days]
    months = dict.fromkeys(day[:7] for day in days)
    return [[Partition("gsi2", records.actor_partition(actor, month), low, high)] for month in months]


def _keep(ctx: Context) -> Callable[[dict[str, Any]], bool]:
    reach = cache(lambda kind: _reach(ctx, kind))

    def keep(view: dict[str, Any]) -> bool:
        how_far = reach(view["kind"])
        return how_far == "all" or (how_far == "own" and view["actor"] == ctx.actor.id)

    return keep


def _moment(ctx: Context, given: datetime | date | None, *, after: bool = False) -> datetime | None:
    if given is None or isinstance(given, datetime):
        return given
    return day_start(given + timedelta(days=1) if after else given, ctx.settings.firm_time_zone).astimezone(UTC)


def _note(ctx: Context, access: str, **values: Any) -> None:
    """Put the reading itself on the trail: one small row, which the stream's reader records as it does everything."""
    look = TrailAccess.fresh(ctx, access=access, **values)
    ctx.store.call("put_item", TableName=ctx.store.table, Item=look.to_item())


def _check_id(entity_id: str) -> None:
    if not _ID.fullmatch(entity_id):
        raise NotFound("trail")


# -- checking


def verify(ctx: Context, entity_id: str, cursor: str | None = None, most: int | None = None) -> Verdict:
    """Check an entity's chain, up to `most` (else a thousand) records from where `cursor` left off; NotFound where there is neither trail nor entity."""
    _check_id(entity_id)
    seal = CursorSeal(ctx.secrets.cursor_key, ctx.now, "verify", entity_id, ctx.actor.id)
    most = most or CHECKED_AT_ONCE
    chain = Chain(entity_id, *(seal.open(cursor) if cursor else ()))
    found = list(_chain(ctx, entity_id, most, after=chain.checked))
    first_break = chain.follow(found)
    complete, behind = first_break is not None or len(found) < most, 0
    if first_break is None and complete:
        entity = _present(ctx, entity_id, found[-1]["kind"]["S"] if found else None)
        if entity is None and not chain.checked:
            raise NotFound("trail")
        first_break, behind = chain.end(entity, ctx.now)
    return {
        "entity_id": entity_id,
        "valid": first_break is None,
        "checked": chain.checked,
        "complete": complete,
        "behind": behind,
        "first_break": {"seq": first_break.seq, "reason": first_break.reason} if first_break else None,
        "next_cursor": None if complete else seal.seal([chain.checked, chain.hash, chain.action]),
    }


def _present(ctx: Context, entity_id: str, kind: str | None) -> Raw | None:
    """The entity's row as it is now, marked deleted or not."""
    for known in [kind] if kind in _packs() else list(_packs()):
        entity = _class(known)
        if entity is not None and entity_id.startswith(f"{entity.ID.prefix}_"):
            try:
                return ctx.store.get_raw(entity.ID.key(entity_id))
            except NotFound:
                continue
    return None


# -- erasing


def erase(ctx: Context, subject: str) -> None:
    """Make everything personal that the trail holds of a subject unreadable for ever. No record changes; every chain stays valid.

    The subject is the root in whose partition the entities lie, e.g. a user or a pipeline. That it was done is on the trail.
    """
    _check_id(subject)
    personal.destroy(ctx, subject)
    _note(ctx, "erased", subject_id=subject, records=0)
