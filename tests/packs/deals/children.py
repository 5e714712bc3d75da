"""A pack whose things are parts of deals, as tasks are: they count on the deal's gate, and end with it."""

from dataclasses import replace
from typing import Any

from chalicelib.foundation.context import Context
from chalicelib.foundation.ids import IdFormat
from chalicelib.foundation.manifest import Pack
from chalicelib.foundation.pack_registry import PackRegistry
from chalicelib.foundation.store import attributes as a
from chalicelib.foundation.store.entity import Entity
from chalicelib.foundation.store.references import Holders
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.packs import PACKS
from chalicelib.packs.deals import public


class Child(Entity):
    """A part of a deal, which is open, done or cancelled."""

    KIND = "child"
    ID = IdFormat("child", "child", parents={"d": "deal"}, row="T")
    LIST_FIELDS = ("id", "status")

    status = a.string()


def cancel(ctx: Context, tx: Transaction, deal_id: str, limit: int) -> int:
    """Cancel the open ones of a deal."""
    children = map(Child.from_item, ctx.store.query_all(Child.children_of(deal_id)))
    unfinished = [child for child in children if child.status == "open"]
    if len(unfinished) <= limit:
        for child in unfinished:
            tx.save(child.with_changes(ctx, status="cancelled"))
    return len(unfinished)


def holders(deal_id: str) -> Holders:
    """The children of a deal."""
    return Holders(Child.children_of(deal_id))


PACK = Pack(
    "#", "children", "Children", __name__, holders={"deal": f"{__name__}.holders"}, cancels={"deal": f"{__name__}.cancel"}
)  # fmt: skip


def register(runtime: Any) -> None:
    """Let the system have these instead of tasks and packets."""
    runtime.packs = PackRegistry([*map(_without_deals, PACKS), PACK])


def _without_deals(pack: Pack) -> Pack:
    holders, cancels = ({kind: path for kind, path in paths.items() if kind != "deal"} for paths in (pack.holders, pack.cancels))
    return replace(pack, holders=holders, cancels=cancels)


def add(ctx: Context, deal_id: str, status: str = "open") -> str:
    """Add one to a deal: its id."""
    child = Child.new(ctx, Child.ID.new(ctx.now, deal_id), status=status)
    tx = Transaction(ctx.store)
    public.add_reference(ctx, tx, deal_id, any_deal=None)
    tx.create(child)
    tx.commit()
    return child.id


def statuses(ctx: Context, deal_id: str) -> list[str]:
    """The statuses of a deal's, sorted."""
    return sorted(Child.from_item(row).status for row in ctx.store.query_all(Child.children_of(deal_id)))
