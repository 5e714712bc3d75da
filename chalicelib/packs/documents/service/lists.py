"""Lists of routes."""

from chalicelib.foundation import access
from chalicelib.foundation.context import Context
from chalicelib.foundation.json_codec import JsonObject
from chalicelib.foundation.presentation import present_row
from chalicelib.foundation.schema_types import PageOf, PageParams
from chalicelib.foundation.store.access_patterns import KeyRange
from chalicelib.foundation.subjects import SubjectRegistry
from chalicelib.packs.deals import public as deals
from chalicelib.packs.deals.public import Deal
from chalicelib.packs.documents import repository
from chalicelib.packs.documents.entities import Route
from chalicelib.packs.documents.permissions import ROW, own_professional
from chalicelib.packs.documents.rules.statuses import STATUSES
from chalicelib.packs.documents.schemas import RouteQuery, RouteSummary
from chalicelib.packs.scorecards.public import Professional


def list_routes(ctx: Context, query: RouteQuery) -> PageOf[RouteSummary]:
    """Routes, newest first; to a professional their own."""
    own = own_professional(ctx)
    if own is not None:
        return _page(ctx, [Route.BY_PROFESSIONAL.range(professional_id=own)], query, status=query.status)
    return _page(ctx, [Route.BY_STATUS.range(status=status) for status in (STATUSES if query.status is None else (query.status,))], query)


def list_deal_routes(ctx: Context, deal_id: str, query: PageParams) -> PageOf[RouteSummary]:
    """The routes of a deal, newest first; to a professional their own of it."""
    id = deals.resolve_id(ctx, deal_id)
    ctx.store.require(Deal, id)
    return _page(ctx, [Route.children_of(id)], query, professional_id=own_professional(ctx))


def list_professional_routes(ctx: Context, professional_id: str, query: PageParams) -> PageOf[RouteSummary]:
    """The routes to a professional, newest first."""
    access.require_own_professional(ctx, ROW, professional_id, Professional.ID.name)
    ctx.store.require(Professional, professional_id)
    return _page(ctx, [Route.BY_PROFESSIONAL.range(professional_id=professional_id)], query)


def list_contract_routes(ctx: Context, contract_id: str, query: PageParams) -> PageOf[RouteSummary]:
    """The routes that bring a contract's document to somebody, newest first; to a professional their own of it."""
    registry = SubjectRegistry(ctx.packs)
    registry.require_type(contract_id, repository.CONTRACT)
    registry.load(ctx, contract_id)
    return _page(ctx, [Route.BY_CONTRACT.range(contract_id=contract_id)], query, professional_id=own_professional(ctx))


def _page(ctx: Context, ranges: list[KeyRange], query: PageParams, **expected: str | None) -> PageOf[RouteSummary]:
    """A page of these ranges, of rows with the expected values; None: with any."""
    wanted = {name: value for name, value in expected.items() if value is not None}

    def is_wanted(row: JsonObject) -> bool:
        return all(row.get(name) == value for name, value in wanted.items())

    return ctx.paginate(ranges, query, lambda row: present_row(RouteSummary, row), predicate=is_wanted if wanted else None)
