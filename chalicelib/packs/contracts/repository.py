"""Reading and writing contracts, with what changes with them on the gate of their deal and among the names of parties."""

from collections.abc import Collection
from dataclasses import dataclass

from chalicelib.foundation import idempotency, party_rows
from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import Conflict, NotFound, Problem, ValidationFailed
from chalicelib.foundation.ids import ItemKey
from chalicelib.foundation.state_history import StateHistory
from chalicelib.foundation.store.codec import DynamoItem
from chalicelib.foundation.store.expressions import all_of, attribute
from chalicelib.foundation.store.store import parse_live
from chalicelib.foundation.store.transactions import MAX_ACTIONS, Transaction
from chalicelib.packs.contracts.entities import Contract, ContractVersion
from chalicelib.packs.contracts.permissions import ANY_DEAL
from chalicelib.packs.contracts.rules.statuses import REISSUABLE, SIGNED, VERSIONED
from chalicelib.packs.contracts.schemas import ContractStatusInterval
from chalicelib.packs.deals import public as deals
from chalicelib.packs.deals.public import DealGate
from chalicelib.packs.scorecards import public as scorecards

HISTORY = StateHistory(ContractStatusInterval)

# -- reading


@dataclass(frozen=True)
class ContractSnapshot:
    """A contract as it was read, with its deal's gate and whatever else was asked for."""

    contract: Contract
    gate: DealGate
    items: dict[ItemKey, DynamoItem]


def read(ctx: Context, id: str, also: Collection[ItemKey] = ()) -> ContractSnapshot:
    """A contract (NotFound) and its deal's gate; IdempotentReplay for a repeated request. One round trip."""
    key = Contract.ID.key(id)
    gate_key = deals.gate_key(key.pk)
    items = idempotency.read_or_replay(ctx, [key, gate_key, *also])
    contract, gate = parse_live(Contract, items.get(key)), deals.parse_gate(items.get(gate_key))
    if contract is None or gate is None:
        raise NotFound(Contract.ID.name)
    return ContractSnapshot(contract, gate, items)


# -- writing


def add_new(ctx: Context, tx: Transaction, contract: Contract, *, currency: str | None) -> None:
    """Add a new contract: it counts on the gate of its deal, which must be open and in this currency, and on that of its professional."""
    deals.change(ctx, tx, contract.deal_id, count=1, any_deal=ANY_DEAL, statuses=(deals.OPEN,), currency=currency)
    if contract.professional_id is not None:
        scorecards.add_reference(tx, contract.professional_id)
    _require_relations(tx, None, contract)
    party_rows.add_changes(tx, {}, contract.party_rows)
    tx.create(contract)


def add_edit(ctx: Context, tx: Transaction, before: Contract, after: Contract) -> None:
    """Add a draft that somebody has changed: its deal must be open."""
    deals.raise_version(ctx, tx, after.deal_id, any_deal=ANY_DEAL, statuses=(deals.OPEN,))
    if after.professional_id != before.professional_id:
        if after.professional_id is not None:
            scorecards.add_reference(tx, after.professional_id)
        if before.professional_id is not None:
            scorecards.remove_reference(tx, before.professional_id)
    _require_relations(tx, before, after)
    party_rows.add_changes(tx, before.party_rows, after.party_rows)
    tx.save(after)


def add_move(
    ctx: Context, tx: Transaction, before: Contract, after: Contract, *, deal_statuses: Collection[str], any_deal: str | None = None
) -> None:
    """Add a contract that has come into another status, or further in it, and what that changes on its deal's gate.

    The deal must be in one of `deal_statuses` (none: in any). `any_deal` is the permission without which it must be the caller's own.
    """
    was, now = (_gate_entry(contract) for contract in (before, after))
    changes = {"add_contract": now} if was is None else {"remove_contract": was} if now is None else {}
    deals.change(ctx, tx, after.deal_id, any_deal=any_deal, statuses=deal_statuses, **(changes if was != now else {}))
    if after.status != before.status:
        HISTORY.add(tx, ctx, before, after)
        if after.status in VERSIONED:
            tx.put(ContractVersion.of(after))
    tx.save(after)


def _gate_entry(contract: Contract) -> str | None:
    return deals.contract_entry(contract.id, contract.content_hash) if contract.is_fixed else None


def delete(ctx: Context, before: Contract) -> None:
    """Mark a draft deleted: it counts no more, and its parties are found by it no more. One round trip."""
    tx = Transaction(ctx.store)
    deals.change(ctx, tx, before.deal_id, count=-1, any_deal=ANY_DEAL, statuses=(deals.OPEN, deals.CANCELLED))
    if before.professional_id is not None:
        scorecards.remove_reference(tx, before.professional_id)
    party_rows.add_changes(tx, before.party_rows, {})
    tx.save(before.soft_deleted(ctx))
    commit(tx)


def commit(tx: Transaction) -> None:
    """Commit, or raise ValidationFailed for parties with more different words in their names than one transaction takes."""
    if len(tx) > MAX_ACTIONS:
        raise ValidationFailed.field("parties", "their names have too many different words for one change: make several of it")
    tx.commit()


# -- contracts that a contract refers to


def _require_relations(tx: Transaction, before: Contract | None, after: Contract) -> None:
    """Let the transaction stand only while what it amends is signed, and what it is issued for again has come to an end."""
    if after.amends is not None and (before is None or before.amends != after.amends):
        _require_status(tx, after.amends, (SIGNED,), "amends_unsigned", "What it amends is not signed.")
    if after.reissue_of is not None and (before is None or before.reissue_of != after.reissue_of):
        _require_status(tx, after.reissue_of, REISSUABLE, "not_reissuable", "What it is issued for again has not come to an end.")


def check_relations(contract: Contract) -> None:
    """Raise NotFound, Conflict or ValidationFailed for contracts that it can't refer to whatever they are."""
    for id in (contract.amends, contract.reissue_of):
        if id is not None and Contract.ID.key(id).pk != contract.deal_id:
            raise Conflict("That contract is another deal's.", code="other_deal")
    if contract.amends is not None and contract.amends == contract.reissue_of:
        raise ValidationFailed.field("reissue_of", "it can't be the contract that is amended")
    if contract.id in (contract.amends, contract.reissue_of):
        raise ValidationFailed.field("amends" if contract.amends == contract.id else "reissue_of", "it can't be the contract itself")


def _require_status(tx: Transaction, id: str, statuses: Collection[str], code: str, detail: str) -> None:
    def refusal(row: DynamoItem) -> Problem:
        return NotFound(Contract.ID.name) if parse_live(Contract, row or None) is None else Conflict(detail, code=code)

    is_so = all_of(attribute("status").is_in(*statuses), attribute("deleted_at").does_not_exist())
    tx.condition_check(Contract.ID.key(id), is_so, refusal)
