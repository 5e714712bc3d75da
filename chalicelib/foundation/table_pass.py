"""Going through the whole table in portions, for what no index finds: each run continues where the one before stopped.

A row remembers the place. Two runs at once do the same pages twice, so what is done with a page must be safe to repeat. Nothing that
is written while a pass is under way is missed for good: the next pass sees it.
"""

from collections.abc import Callable
from datetime import timedelta

from chalicelib.foundation import telemetry
from chalicelib.foundation.context import Context
from chalicelib.foundation.dates import parse_timestamp
from chalicelib.foundation.errors import Unavailable
from chalicelib.foundation.ids import ItemKey
from chalicelib.foundation.schedules import RunStats
from chalicelib.foundation.store import codec
from chalicelib.foundation.store.codec import DynamoItem
from chalicelib.foundation.streams import is_transient

PAGE_SIZE = 300  # rows of a page
_SECONDS_FOR_A_PAGE = 20.0  # a page is begun only while so much time is left

HandlePage = Callable[[list[DynamoItem]], None]


def run_portion(ctx: Context, run: RunStats, name: str, handle: HandlePage, *, every: timedelta) -> bool:
    """Hand pages of the table to `handle`, from where the last run stopped, while there is time. Whether the pass came to its end.

    A new pass begins no sooner than `every` after the one before began; until then nothing is read. What fails transiently is done again by the next run. A
    page costs a scan of its rows and one write.
    """
    key = _progress_row(name)
    raw = ctx.store.get_item(key)
    progress = codec.decode_item(raw) if raw else {}
    begun_at = parse_timestamp(progress["begun_at"]) if progress else ctx.now
    after = ItemKey(*progress["after"]) if progress.get("after") else None
    if progress and after is None:  # the last pass is done
        if ctx.now - begun_at < every:
            return True
        begun_at = ctx.now
    while ctx.store.remaining_seconds() > _SECONDS_FOR_A_PAGE:
        try:
            rows, after = ctx.store.scan_page(after, PAGE_SIZE)
            _handle_page(ctx, run, handle, rows)
            ctx.store.put_values(key, {"kind": "pass", "begun_at": begun_at, "after": list(after) if after else None})
        except Unavailable as error:  # the page is done again
            telemetry.log("WARNING", "pass interrupted", name=name, error=str(error))
            break
        if after is None:
            return True
    run.has_more = True
    return False


def _handle_page(ctx: Context, run: RunStats, handle: HandlePage, rows: list[DynamoItem]) -> None:
    """An error that a repetition won't mend is counted and logged, and the pass goes on: the next one comes to this page again."""
    try:
        handle(rows)
    except Exception as error:
        if is_transient(error):
            raise Unavailable("The store is busy; nothing is lost.") from error
        run.failed += 1
        telemetry.log_exception(error, ctx.request_id)


def restart(ctx: Context, name: str) -> None:
    """Let the next portion begin at the beginning of the table. One round trip."""
    ctx.store.delete(_progress_row(name))


def _progress_row(name: str) -> ItemKey:
    return ItemKey(f"PASS#{name}", "P")
