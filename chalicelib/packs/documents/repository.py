"""Reading and writing routes, with their contracts, and with what changes on the gate of their deal in the same transaction."""

from collections.abc import Iterable
from dataclasses import dataclass

from chalicelib.foundation import idempotency
from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import NotFound
from chalicelib.foundation.ids import ItemKey
from chalicelib.foundation.state_history import StateHistory
from chalicelib.foundation.store.codec import DynamoItem
from chalicelib.foundation.store.expressions import attribute
from chalicelib.foundation.store.store import parse_live
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.foundation.subjects import Subject, SubjectRegistry
from chalicelib.packs.deals import public as deals
from chalicelib.packs.documents.entities import Route, RouteVisits
from chalicelib.packs.documents.rules import statuses
from chalicelib.packs.documents.schemas import RouteStatusInterval

HISTORY = StateHistory(RouteStatusInterval)
CONTRACT = "contract"  # the type of subject

# -- reading


@dataclass(frozen=True)
class RouteSnapshot:
    """A route as it was read, with its deal's gate, its visits, and its contract where that was asked for."""

    route: Route
    gate: deals.DealGate
    visits: RouteVisits | None
    contract: Subject | None = None

    @property
    def is_stale(self) -> bool:
        """Whether its contract has another document by now."""
        return statuses.is_stale(self.route.contract_id, self.route.document_sha256, document_of(self.contract))


def find(ctx: Context, id: str) -> RouteSnapshot:
    """A route (NotFound) with its contract. One round trip, and one for the contract."""
    snapshot = read(ctx, id)
    return with_contract(ctx, snapshot)


def read(ctx: Context, id: str, contract_id: str | None = None) -> RouteSnapshot:
    """A route (NotFound), and the contract whose id is known; IdempotentReplay for a repeated request. One round trip."""
    key = Route.ID.key(id)
    keys = [key, deals.gate_key(key.pk), RouteVisits.key_of(id)]
    if contract_id:
        keys.append(SubjectRegistry(ctx.packs).key(contract_id))
    items = idempotency.read_or_replay(ctx, keys)
    route, gate = parse_live(Route, items.get(key)), deals.parse_gate(items.get(keys[1]))
    if route is None or gate is None:
        raise NotFound(Route.ID.name)
    visits = items.get(keys[2])
    contract = parse_contract(ctx, contract_id, items.get(keys[-1])) if contract_id else None
    return RouteSnapshot(route, gate, None if visits is None else RouteVisits.from_item(visits), contract)


def with_contract(ctx: Context, snapshot: RouteSnapshot) -> RouteSnapshot:
    """The same with the contract of the route. One round trip where it has one."""
    contract_id = snapshot.route.contract_id
    if contract_id is None:
        return snapshot
    raw = ctx.store.get_item(contract_key(ctx, contract_id))
    return RouteSnapshot(snapshot.route, snapshot.gate, snapshot.visits, parse_contract(ctx, contract_id, raw))


def contract_key(ctx: Context, contract_id: str) -> ItemKey:
    """Where a contract lies; NotFound for what is no contract's id."""
    registry = SubjectRegistry(ctx.packs)
    registry.require_type(contract_id, CONTRACT)
    return registry.key(contract_id)


def parse_contract(ctx: Context, contract_id: str, raw: DynamoItem | None) -> Subject | None:
    """The contract in an item; None where there is none any more."""
    try:
        return SubjectRegistry(ctx.packs).parse(contract_id, raw, ctx.today)
    except NotFound:
        return None


def document_of(contract: Subject | None) -> str | None:
    """The hash of the document that a contract has; None where it has none, or isn't there."""
    return None if contract is None else contract.facts["document_sha256"]


# -- writing


def add_contract_check(ctx: Context, tx: Transaction, contract: Subject | None) -> None:
    """Let the transaction stand only while the contract is as it was read: VersionConflict. At most one action."""
    if contract is not None:
        tx.condition_check(SubjectRegistry(ctx.packs).key(contract.id), attribute("revision") == contract.revision)


def add_change(
    ctx: Context,
    tx: Transaction,
    before: Route,
    after: Route,
    *,
    any_deal: str | None = None,
    statuses: Iterable[str] = deals.LIVE,
) -> None:
    """Add a changed route, which its deal's gate is told of. The route comes first: where it was written since, that is the refusal.

    `any_deal` is the permission without which it must be the caller's own deal (None: whoever's it is).
    """
    tx.save(after)
    deals.raise_version(ctx, tx, after.deal_id, any_deal=any_deal, statuses=tuple(statuses))
    if after.status != before.status:
        HISTORY.add(tx, ctx, before, after)


def count_visit(ctx: Context, id: str, *, fetches: int = 0, opens: int = 0) -> None:
    """Count that a link was fetched or its document opened, which is no change of the route. One round trip."""
    ctx.store.update(RouteVisits.key_of(id), set={"kind": RouteVisits.KIND}, add={"fetches": fetches, "opens": opens})


def add_opening(tx: Transaction, id: str) -> None:
    """The same for the first opening, in the transaction that says so of the route."""
    tx.update(RouteVisits.key_of(id), set={"kind": RouteVisits.KIND}, add={"fetches": 0, "opens": 1})


# -- of a deal


def routes_of_deal(ctx: Context, deal_id: str) -> list[Route]:
    """The routes of a deal, the oldest first. One round trip for each MB of them."""
    rows = (parse_live(Route, raw) for raw in ctx.store.query_all(Route.children_of(deal_id)))
    return [route for route in rows if route is not None]
