"""Sending one document to many, each by a mail and a link of their own."""

from collections.abc import Mapping

from chalicelib.foundation import bulk
from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import Problem, ValidationFailed, VersionConflict
from chalicelib.foundation.http.handlers import validate
from chalicelib.foundation.schema_types import RowResult
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.packs.deals import public as deals
from chalicelib.packs.documents.entities import Route
from chalicelib.packs.documents.schemas import MAX_RECIPIENTS, RouteAddressee, RouteBulkCreate, RouteBulkQuery, RouteBulkView
from chalicelib.packs.documents.service import sending
from chalicelib.packs.documents.service.sending import Addressee
from chalicelib.packs.scorecards import public as scorecards

_BATCH_SIZE = 16  # of at most five actions each; a transaction has at most a hundred


def send_to_many(ctx: Context, body: RouteBulkCreate, query: RouteBulkQuery) -> RouteBulkView:
    """Send one document to up to 100. Each has a result of their own, and a route of their own; who can't get it holds nobody up."""
    bulk.check_row_count(body.recipients, MAX_RECIPIENTS, "recipients")
    sending.check_fields(ctx, body)
    deal_id = deals.resolve_id(ctx, body.deal_id)

    def plan() -> list[str]:
        return [str(index) for index in range(len(body.recipients))]

    def decide(some: list[str], first: int) -> bulk.Step[RowResult]:
        return _decide(ctx, deal_id, body, first, len(some), dry_run=query.dry_run)

    return {"results": bulk.run_in_steps(ctx, plan, decide, dry_run=query.dry_run, rows_per_step=_BATCH_SIZE)}


def _decide(ctx: Context, deal_id: str, body: RouteBulkCreate, first: int, count: int, *, dry_run: bool) -> bulk.Step[RowResult]:
    """The result for each of the next recipients, and the actions that write the good ones. One round trip.

    What is wrong with the deal or the contract is wrong for all, and is raised.
    """
    rows = {index: _parse(body.recipients[index]) for index in range(first, first + count)}
    items = _read(ctx, deal_id, body.contract_id, [row for row in rows.values() if isinstance(row, RouteAddressee)])
    sending.known_contract(ctx, items, body.contract_id)
    sending.require_deal(ctx, items, deal_id)
    contract = sending.contract_in(ctx, items, body.contract_id, deal_id)
    results: list[RowResult] = []
    routes: list[Route] = []
    for index, row in rows.items():
        try:
            route = sending.new_route(ctx, deal_id, body, contract, _addressee(row, items))
        except Problem as problem:
            results.append({"index": index, **bulk.refused(ctx, problem)})
            continue
        routes.append(route)
        results.append({"index": index, "status": 200} if dry_run else {"index": index, "status": 201, "id": route.id})

    def add(tx: Transaction) -> None:
        sending.add_routes(ctx, tx, deal_id, routes, contract, on_unusable=VersionConflict)

    return bulk.Step(results, add if routes else None)


def _parse(row: object) -> RouteAddressee | Problem:
    """The recipient in a row, or what is wrong with it."""
    if not isinstance(row, Mapping):
        return ValidationFailed([{"loc": [], "message": "a JSON object is needed", "type": "model_type"}])
    try:
        addressee: RouteAddressee = validate(RouteAddressee, row)
    except Problem as problem:
        return problem
    named, given = (addressee.name, addressee.email), addressee.professional_id
    if given is None and None in named:
        return ValidationFailed.field(
            "email" if addressee.name else "name", "a professional_id, or a name with an email, is needed", "missing"
        )
    if given is not None and named != (None, None):
        return ValidationFailed.field("professional_id", "a professional_id, or a name with an email, not both")
    return addressee


def _read(ctx: Context, deal_id: str, contract_id: str | None, rows: list[RouteAddressee]) -> sending.Items:
    ids = [row.professional_id for row in rows if row.professional_id]
    professionals = [scorecards.key(id) for id in ids if scorecards.Professional.ID.is_id(id)]
    return ctx.store.batch_get([deals.gate_key(deal_id), *sending.contract_keys(ctx, contract_id), *professionals])


def _addressee(row: RouteAddressee | Problem, items: sending.Items) -> Addressee:
    """Who gets it. Raises what is wrong with the row."""
    if isinstance(row, Problem):
        raise row
    if row.professional_id is not None:
        return sending.professional_in(items, row.professional_id)
    return Addressee(None, row.name or "", row.email or "")
