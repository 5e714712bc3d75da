"""Contracts and documents as a deal has them, in any status at once: in place of those packs, whose own ways to it are long."""

from datetime import date
from typing import Any

from chalicelib.foundation.context import Context
from chalicelib.foundation.ids import IdFormat
from chalicelib.foundation.manifest import Pack, SubjectEntry
from chalicelib.foundation.pack_registry import PackRegistry
from chalicelib.foundation.store import attributes as a
from chalicelib.foundation.store.entity import Entity
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.foundation.subjects import SubjectAdapter
from chalicelib.packs import PACKS
from chalicelib.packs.deals import public as deals


class Contract(Entity):
    """A contract of a deal."""

    KIND = "contract"
    ID = IdFormat("ctr", "contract", parents={"d": "deal"}, row="C")

    deal_id = a.string()
    title = a.string()
    status = a.string()
    in_force = a.boolean()
    document_sha256 = a.optional_string()


class Route(Entity):
    """A document of a deal that somebody is to acknowledge."""

    KIND = "route"
    ID = IdFormat("doc", "route", parents={"d": "deal"}, row="O")

    deal_id = a.string()
    title = a.string()
    status = a.string()
    contract_id = a.optional_string()
    document_sha256 = a.optional_string()


def _contract(contract: Contract) -> dict[str, Any]:
    names = ("deal_id", "title", "status", "document_sha256")
    return {**{name: getattr(contract, name) for name in names}, "content_hash": f"hash of {contract.status}", "self_approved": False}


def _in_force(contract: Contract, today: date) -> dict[str, Any]:
    return {"in_force": contract.in_force, "ended_on": None}


def _route(route: Route) -> dict[str, Any]:
    names = ("deal_id", "title", "status", "contract_id", "document_sha256")
    return {**{name: getattr(route, name) for name in names}, "professional_id": None}


CONTRACT = SubjectAdapter(Contract, _contract, ("title", "status"), _in_force)
ROUTE = SubjectAdapter(Route, _route, ("title", "status"))

PACK = Pack(
    "#",
    "papers",
    "Papers",
    __name__,
    subjects=(SubjectEntry("contract", "ctr", f"{__name__}.CONTRACT"), SubjectEntry("route", "doc", f"{__name__}.ROUTE")),
    entities={"contract": f"{__name__}.Contract", "route": f"{__name__}.Route"},
)


def register(runtime: Any) -> None:
    """Let the system have these instead of contracts and documents."""
    runtime.packs = PackRegistry([*(pack for pack in PACKS if pack.name not in ("contracts", "documents")), PACK])


def add_contract(ctx: Context, deal: str, status: str = "signed", *, in_force: bool | None = None, sha256: str | None = "aa") -> str:
    """Add a contract in this status: its id. One that is signed is in force unless told otherwise."""
    in_force = status == "signed" if in_force is None else in_force
    values = {"title": "Purchase", "status": status, "in_force": in_force, "document_sha256": sha256}
    return _add(ctx, Contract.new(ctx, Contract.ID.new(ctx.now, deal), deal_id=deal, **values))


def add_route(ctx: Context, deal: str, status: str = "acknowledged", contract: str | None = None, sha256: str | None = "aa") -> str:
    """Add a document in this status: its id."""
    values = {"title": "Disclosure", "status": status, "contract_id": contract, "document_sha256": sha256}
    return _add(ctx, Route.new(ctx, Route.ID.new(ctx.now, deal), deal_id=deal, **values))


def change(ctx: Context, id: str, **values: Any) -> None:
    """Change one of them, whatever the status of its deal."""
    kind: type[Entity] = Contract if id.startswith("ctr_") else Route
    before = ctx.store.require(kind, id)
    tx = Transaction(ctx.store)
    deals.raise_version(ctx, tx, before.key.pk, any_deal=None, statuses=deals.ANY_STATUS)
    tx.save(before.with_changes(ctx, **values))
    tx.commit()


def _add(ctx: Context, entity: Contract | Route) -> str:
    tx = Transaction(ctx.store)
    deals.add_reference(ctx, tx, entity.deal_id, any_deal=None)
    tx.create(entity)
    tx.commit()
    return entity.id
