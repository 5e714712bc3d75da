"""The interface of this pack to other packs: find a deal, refer to it, and write on it.

What refers to a deal (a task, a packet) counts on its gate, and lies in its partition or names it. Each function here that writes is one
update of the gate, whose condition is the check: nothing is read for it. Where a transaction adds several of them, they must agree in
what they check, since a row takes one action; `change` says all at once.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial

from pynamodb.expressions.condition import Condition

from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import Conflict, NotFound, VersionConflict
from chalicelib.foundation.ids import ItemKey
from chalicelib.foundation.store import references
from chalicelib.foundation.store.access_patterns import KeyRange
from chalicelib.foundation.store.codec import DynamoItem
from chalicelib.foundation.store.entity import ENTITY
from chalicelib.foundation.store.expressions import all_of, any_of, attribute
from chalicelib.foundation.store.store import parse_live
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.foundation.subjects import Subject, SubjectRegistry
from chalicelib.packs.deals.entities import Deal as Deal
from chalicelib.packs.deals.entities import DealGate as DealGate
from chalicelib.packs.deals.entities import contract_entry as contract_entry
from chalicelib.packs.deals.permissions import is_own_deal as is_own_deal
from chalicelib.packs.deals.permissions import not_own
from chalicelib.packs.deals.permissions import require_own_deal as require_own_deal
from chalicelib.packs.deals.rules import ANCHORS as ANCHORS
from chalicelib.packs.deals.rules import CANCELLED as CANCELLED
from chalicelib.packs.deals.rules import CONTRACT_PRICE as CONTRACT_PRICE
from chalicelib.packs.deals.rules import FINALIZED as FINALIZED
from chalicelib.packs.deals.rules import FINALIZING as FINALIZING
from chalicelib.packs.deals.rules import INFORMATION_FIELDS as INFORMATION_FIELDS
from chalicelib.packs.deals.rules import KINDS as KINDS
from chalicelib.packs.deals.rules import LIVE as LIVE
from chalicelib.packs.deals.rules import NOT_FINALIZED as NOT_FINALIZED
from chalicelib.packs.deals.rules import OPEN as OPEN
from chalicelib.packs.deals.rules import OTHER as OTHER
from chalicelib.packs.deals.rules import PURCHASE as PURCHASE
from chalicelib.packs.deals.rules import SALE as SALE
from chalicelib.packs.deals.rules import SERVICE as SERVICE
from chalicelib.packs.deals.rules import STATUSES as STATUSES
from chalicelib.packs.deals.rules import WHOLESALE as WHOLESALE
from chalicelib.packs.deals.rules import Value as Value
from chalicelib.packs.deals.rules import day_of as day_of
from chalicelib.packs.deals.rules import is_filled as is_filled
from chalicelib.packs.deals.rules import is_own as is_own
from chalicelib.packs.deals.rules import not_open as not_open
from chalicelib.packs.deals.rules import require_live as require_live
from chalicelib.packs.deals.rules import value_of as value_of
from chalicelib.packs.deals.schemas import DealView as DealView
from chalicelib.packs.wholesale.public import Pipeline

_ENTITY = {"S": ENTITY}
ANY_STATUS: tuple[str, ...] = ()  # for `statuses`: whatever the deal's status is

# -- finding one


def key(id: str) -> ItemKey:
    """The key of a deal; NotFound for an id of another format."""
    return Deal.ID.key(id)


def is_deal(id: str) -> bool:
    """Whether it is the id of a deal, by its form."""
    return Deal.ID.is_id(id)


def gate_key(id: str) -> ItemKey:
    """The key of a deal's gate; NotFound for an id of another format."""
    return references.counter_key(Deal.ID, id)


def with_gate(child: ItemKey) -> tuple[ItemKey, ...]:
    """The key of a child, and after it that of the gate which tells whose the deal is; without one where it lies in no deal's partition."""
    return (child, gate_key(child.pk)) if Deal.ID.is_id(child.pk) else (child,)


def parse_deal(item: DynamoItem | None) -> Deal | None:
    """The deal in an item; None where there is no item or it is deleted."""
    return parse_live(Deal, item)


def parse_gate(item: DynamoItem | None) -> DealGate | None:
    """The gate in an item; None where there is no item or its deal is deleted."""
    return None if item is None or "closed" in item else DealGate.from_item(item)


def resolve_id(ctx: Context, text: str) -> str:
    """The id of the deal that a request names: its id, or else its external reference, for which a row is read. Raises NotFound.

    That a deal with this id exists is not checked: what reads it or counts on its gate finds out.
    """
    from chalicelib.packs.deals import repository

    return repository.resolve_id(ctx, text)


@dataclass(frozen=True)
class DealSnapshot:
    """A deal and all that lies in its partition, as of one moment: a write on condition of `gate.ver` meets no change of its children.

    `rows` is everything, by sort key: what a pack keeps there besides its subjects, it finds by its own keys. `parse` makes the subjects.
    """

    deal: Deal
    gate: DealGate
    rows: Mapping[str, DynamoItem]
    parse: Callable[[], Mapping[str, Sequence[Subject]]]

    @cached_property
    def subjects(self) -> Mapping[str, Sequence[Subject]]:
        """Its live children that packs offer as subjects, and itself, by type; made when they are first asked for."""
        return self.parse()

    def of_type(self, type: str) -> Sequence[Subject]:
        """The children of a type, in the order of their ids."""
        return self.subjects.get(type, [])

    def with_items(self, ctx: Context, items: Mapping[ItemKey, DynamoItem]) -> "DealSnapshot":
        """The same, its subjects as they are known with what else was read: some are told by other rows, too, such as those of its pipeline."""
        return replace(self, parse=partial(_subjects, ctx, self.deal.id, self.rows, items))

    def with_subjects(self, subjects: Mapping[str, Sequence[Subject]]) -> "DealSnapshot":
        """The same, with subjects that were made of it before."""
        return replace(self, parse=lambda: subjects)


def read_snapshot(ctx: Context, deal_id: str) -> DealSnapshot:
    """A deal with everything that lies in its partition. Raises NotFound. One round trip for each started MB.

    Not quite one moment where there are several pages: then the gate, which is read first, tells of a change.
    """
    root = key(deal_id)
    rows = {row["sk"]["S"]: row for row in ctx.store.query_all(KeyRange(None, root.pk))}
    deal, gate = parse_deal(rows.get(root.sk)), parse_gate(rows.get(gate_key(deal_id).sk))
    if deal is None or gate is None:
        raise NotFound(Deal.ID.name)
    return DealSnapshot(deal, gate, rows, partial(_subjects, ctx, deal_id, rows, {}))


def _subjects(ctx: Context, deal_id: str, rows: Mapping[str, DynamoItem], items: Mapping[ItemKey, DynamoItem]) -> dict[str, list[Subject]]:
    registry, found = SubjectRegistry(ctx.packs), dict[str, list[Subject]]()
    known = {ItemKey(deal_id, sort_key): row for sort_key, row in rows.items()} | dict(items)
    for row in rows.values():
        if row.get("t") == _ENTITY and "deleted_at" not in row and registry.is_subject(id := row["id"]["S"]):
            subject = registry.parse(id, row, ctx.today, known)
            found.setdefault(subject.type, []).append(subject)
    return found


# -- writing on one


class DependenciesChanged(VersionConflict):
    """What the tasks of a deal depend on has changed, for the time that `dependencies` says."""

    def __init__(self, dependencies: int) -> None:
        super().__init__()
        self.dependencies = dependencies


class CurrencyDiffers(Exception):
    """The deal is in another currency than was assumed: in this one, or in one that its gate doesn't know (None)."""

    def __init__(self, currency: str | None) -> None:
        super().__init__(currency)
        self.currency = currency


def add_reference(
    ctx: Context, tx: Transaction, deal_id: str, *, any_deal: str | None, count: int = 1, dependencies: int | None = None
) -> None:
    """Count `count` new things that refer to a deal which is worked on. The refusals are those of `change`."""
    change(ctx, tx, deal_id, count=count, any_deal=any_deal, dependencies=dependencies)


def remove_reference(
    ctx: Context, tx: Transaction, deal_id: str, *, any_deal: str | None = None, count: int = 1, dependencies: int | None = None
) -> None:
    """Count `count` things that no longer refer to a deal, whatever its status."""
    change(ctx, tx, deal_id, count=-count, any_deal=any_deal, statuses=ANY_STATUS, dependencies=dependencies)


def raise_version(
    ctx: Context,
    tx: Transaction,
    deal_id: str,
    *,
    any_deal: str | None,
    statuses: Collection[str] = LIVE,
    dependencies: int | None = None,
    ver: int | None = None,
) -> None:
    """Say that a child of the deal is written. The refusals are those of `change`."""
    change(ctx, tx, deal_id, any_deal=any_deal, statuses=statuses, dependencies=dependencies, ver=ver)


def change(
    ctx: Context,
    tx: Transaction,
    deal_id: str,
    *,
    count: int = 0,
    any_deal: str | None = None,
    statuses: Collection[str] = LIVE,
    dependencies: int | None = None,
    changes_dependencies: bool = False,
    tasks: int = 0,
    max_tasks: int = 0,
    add_contract: str | None = None,
    remove_contract: str | None = None,
    ver: int | None = None,
    currency: str | None = None,
) -> None:
    """One update of a deal's gate: `ver` raised, and `count` references added.

    Of several refusals the first is raised: NotFound; Forbidden where it isn't the caller's own deal and the caller lacks the permission
    `any_deal` (None: not asked); Conflict `deal_not_open` where its status is none of `statuses` (ANY_STATUS: not asked). `dependencies` is the
    gate's number as the caller has read it, where what tasks depend on changes: it is raised, and DependenciesChanged where another changed
    it. `changes_dependencies` raises it whatever it is. `tasks` of the references are tasks, of which a deal has `max_tasks` at the most
    (Conflict `too_many_tasks`). `add_contract` and `remove_contract` are entries of its `contracts` (`contract_entry`).
    `ver` is the gate's number as the caller has read it, where what is written follows from all children: VersionConflict where another
    child was written since.
    CurrencyDiffers where the deal isn't in `currency`, if that is given.
    """
    own = any_deal is not None and not ctx.actor.can(any_deal)
    conditions = _conditions(ctx, own=own)
    if statuses:
        conditions.append(attribute("status").is_in(*statuses))
    added: dict[str, object] = {"ver": 1, **({"refs": count} if count else {}), **({"tasks": tasks} if tasks else {})}
    if add_contract is not None:
        added["contracts"] = {add_contract}
    if ver is not None:
        conditions.append(attribute("ver") == ver)
    if tasks > 0:
        conditions.append(attribute("tasks") <= max_tasks - tasks)
    if currency is not None:
        conditions.append(attribute("currency") == currency)
    if dependencies is not None:
        conditions.append(attribute("dependencies") == dependencies)
    if dependencies is not None or changes_dependencies:
        added["dependencies"] = 1

    def refusal(row: DynamoItem) -> Exception:
        gate = parse_gate(row or None)
        if gate is None:
            return NotFound(Deal.ID.name)
        if own and not is_own(ctx.actor.id, gate.owner, gate.team):
            return not_own()
        if statuses and gate.status not in statuses:
            return not_open(gate.status)
        if dependencies is not None and gate.dependencies != dependencies:
            return DependenciesChanged(gate.dependencies)
        if currency is not None and gate.currency != currency:
            return CurrencyDiffers(gate.currency)
        if tasks > 0 and gate.tasks > max_tasks - tasks:
            return Conflict(f"The deal has {gate.tasks} tasks, and takes {max_tasks} at the most.", code="too_many_tasks")
        return VersionConflict()

    discarded: dict[str, object] = {} if remove_contract is None else {"contracts": {remove_contract}}
    tx.update(gate_key(deal_id), add=added, discard=discarded, when=all_of(*conditions), on_conflict=refusal)


def require_own(ctx: Context, tx: Transaction, deal_id: str, any_deal: str) -> None:
    """Let the transaction stand only while the deal exists, whatever its status: a condition of its gate, which isn't written.

    NotFound; Forbidden where it isn't the caller's own deal and the caller lacks the permission `any_deal`.
    """

    def refusal(row: DynamoItem) -> Exception:
        return NotFound(Deal.ID.name) if parse_gate(row or None) is None else not_own()

    tx.condition_check(gate_key(deal_id), all_of(*_conditions(ctx, own=not ctx.actor.can(any_deal))), refusal)


def _conditions(ctx: Context, *, own: bool) -> list[Condition]:
    """That the gate is there and, if asked, that the deal is the caller's own."""
    owner = attribute("owner")
    is_own_deal = any_of(owner.does_not_exist(), owner == ctx.actor.id, attribute("team").contains(ctx.actor.id))
    return [references.IS_OPEN, is_own_deal] if own else [references.IS_OPEN]


# -- moving one


def moved(ctx: Context, deal: Deal, status: str, *, reason: str | None = None, note: str | None = None) -> Deal:
    """The deal in another status, by the caller, now."""
    from chalicelib.packs.deals import repository

    return deal.with_changes(ctx, **repository.HISTORY.entry(ctx, status, reason=reason, note=note))


def add_move(ctx: Context, tx: Transaction, before: Deal, after: Deal, gate: DealGate, *, new: int = 0) -> None:
    """Add that a deal moved, with its gate and the interval in its status, and with `new` things that refer to it from now on.

    The transaction fails with VersionConflict where the deal or anything in its partition was written since the gate was read.
    """
    from chalicelib.packs.deals import repository

    repository.add_update(ctx, tx, before, after, ver=gate.ver, refs=new)


def add_cancellation(ctx: Context, tx: Transaction, before: Deal, after: Deal, gate: DealGate) -> None:
    """Add that a deal is cancelled, and with it what is unfinished of it; a query for each kind of thing that refers to it.

    Conflict where more is unfinished than one transaction takes; the transaction fails with Conflict while an assignment of its pipeline
    stands, and as that of `add_move` does.
    """
    from chalicelib.packs.deals import repository

    repository.add_cancellation(ctx, tx, before, after, gate)


def pricing_pipeline(ctx: Context, deal: Deal) -> Pipeline | None:
    """The pipeline whose contract price is the deal's value. One round trip where there is one."""
    from chalicelib.packs.deals import repository

    return repository.pricing_pipeline(ctx, deal)


def view(ctx: Context, deal: Deal, pipeline: Pipeline | None, *, explain: bool) -> DealView:
    """A deal as its own endpoints answer it. `pipeline` is the one that it is priced by."""
    from chalicelib.packs.deals.presenters import deal_view

    return deal_view(ctx, deal, pipeline, explain=explain)
