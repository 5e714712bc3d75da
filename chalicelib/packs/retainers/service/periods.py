"""Periods and their statements."""

from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import NotFound
from chalicelib.foundation.schema_types import ExplainParams, PageOf
from chalicelib.foundation.store.codec import DynamoItem
from chalicelib.foundation.store.store import parse_live
from chalicelib.packs.retainers import permissions, repository
from chalicelib.packs.retainers.entities import ClosedPeriod, Retainer
from chalicelib.packs.retainers.presenters import period_view, statement_view
from chalicelib.packs.retainers.rules.accounts import PeriodFigures
from chalicelib.packs.retainers.schemas import ExplainedPageParams, RetainerPeriodView, RetainerStatementView, StatementQuery

_NAME = "period"
_MAX_DIGITS = 6


def list_periods(ctx: Context, id: str, query: ExplainedPageParams) -> PageOf[RetainerPeriodView]:
    """The periods of a retainer, newest first: on the first page the open one as it is now, before up to the limit of closed ones."""
    retainer = repository.require_readable(ctx, id)
    page = ctx.paginate(
        ClosedPeriod.range(id), query, lambda figures: period_view(ctx, figures, explain=query.explain), decode=_closed_figures
    )
    if query.cursor is None and retainer.account.period is not None:
        page["items"].insert(0, period_view(ctx, retainer.account.figures, explain=query.explain))
    return page


def get_period(ctx: Context, id: str, n: str, query: ExplainParams) -> RetainerPeriodView:
    """A period; the open one as it is now."""
    if not (n.isascii() and n.isdigit() and len(n) <= _MAX_DIGITS and not n.startswith("0")):
        raise NotFound(_NAME)
    return period_view(ctx, _read(ctx, id, int(n)), explain=query.explain)


def read_statement(ctx: Context, id: str, query: StatementQuery) -> RetainerStatementView:
    """The statement of a period: of the open one as it is now, of the last one where none is open."""
    return statement_view(ctx, _read(ctx, id, query.period), explain=query.explain)


def _read(ctx: Context, id: str, n: int | None) -> PeriodFigures:
    """The figures of a period; without a number of the open one, else of the last. One round trip, one more for the last."""
    keys = [Retainer.ID.key(id), *([] if n is None else [ClosedPeriod.key_of(id, n)])]
    items = ctx.store.batch_get(keys)
    retainer = parse_live(Retainer, items.get(keys[0]))
    if retainer is None:
        raise NotFound(Retainer.ID.name)
    permissions.require_read(ctx, retainer.professional_id)
    if retainer.account.period is not None and n in (None, retainer.account.period.n):
        return retainer.account.figures
    found = items.get(keys[-1]) if n is not None else ctx.store.get_item(ClosedPeriod.key_of(id, retainer.periods))
    if found is None:
        raise NotFound(_NAME)
    return _closed_figures(found)


def _closed_figures(item: DynamoItem) -> PeriodFigures:
    return ClosedPeriod.from_item(item).figures
