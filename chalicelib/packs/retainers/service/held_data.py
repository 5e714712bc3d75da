"""What is held on a professional of retainers: what was agreed, what was billed, and the hours that were logged."""

from collections.abc import Mapping

from chalicelib.foundation.context import Context
from chalicelib.foundation.json_codec import JsonObject
from chalicelib.foundation.store.access_patterns import KeyRange
from chalicelib.foundation.store.codec import DynamoItem
from chalicelib.foundation.store.pagination import decode_view
from chalicelib.foundation.store.store import parse_live
from chalicelib.packs.retainers.entities import ClosedPeriod, Entry, Retainer
from chalicelib.packs.retainers.presenters import entry_view, period_view, retainer_view

_PAGE = 100


def read_held(ctx: Context, professional_id: str) -> tuple[list[JsonObject], bool]:
    """The rows, newest first, and whether there are more: the newest retainer with its periods and hours, the others as lists show them.

    Each row says in `row` what it is: retainer, period, hours. Two round trips, whatever there is; of a second retainer the periods and
    hours are what is cut.
    """
    listed = ctx.store.query(
        **Retainer.BY_PROFESSIONAL.range(professional_id=professional_id).query_arguments(), ScanIndexForward=False, Limit=_PAGE
    )
    views = [decode_view(row) for row in listed["Items"]]
    if not views:
        return [], False
    newest, *others = views
    page = ctx.store.query(**KeyRange(None, newest["id"]).query_arguments(), ScanIndexForward=False)
    rows = [row for item in page["Items"] if (row := _row(ctx, item)) is not None]
    is_cut = bool(others) or "LastEvaluatedKey" in listed or "LastEvaluatedKey" in page
    return [*rows, *(_named("retainer", view) for view in others)], is_cut


def _row(ctx: Context, item: DynamoItem) -> JsonObject | None:
    """A row of a retainer's partition; None for what says no more than the others (the history of its status)."""
    kind = item.get("kind", {}).get("S")
    if kind == Retainer.KIND:
        return _named("retainer", retainer_view(ctx, Retainer.from_item(item)))
    if kind == ClosedPeriod.KIND:
        return _named("period", period_view(ctx, ClosedPeriod.from_item(item).figures))
    entry = parse_live(Entry, item) if kind == Entry.KIND else None
    return None if entry is None else _named("hours", entry_view(entry))


def _named(row: str, values: Mapping[str, object]) -> JsonObject:
    return {"row": row, **values}
