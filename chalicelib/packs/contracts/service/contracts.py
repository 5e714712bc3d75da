"""Drafting, reading, listing, changing and deleting contracts."""

from typing import Any

from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import Conflict, ValidationFailed
from chalicelib.foundation.idempotency import idempotent_transaction
from chalicelib.foundation.json_codec import JsonObject
from chalicelib.foundation.presentation import present_row
from chalicelib.foundation.schema_types import ExplainParams, PageOf, PageParams, check_money
from chalicelib.foundation.store.references import holding_ids
from chalicelib.foundation.store.retry import retry_on_conflict
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.packs.contracts import repository
from chalicelib.packs.contracts.entities import Contract, ContractVersion
from chalicelib.packs.contracts.permissions import require_own
from chalicelib.packs.contracts.presenters import contract_view, version_view
from chalicelib.packs.contracts.rules import parties as party_rules
from chalicelib.packs.contracts.rules.statuses import DRAFT, STATUSES, require_draft
from chalicelib.packs.contracts.rules.terms import contradictions
from chalicelib.packs.contracts.schemas import (
    ContractCreate,
    ContractFromTemplateCreate,
    ContractPatch,
    ContractQuery,
    ContractStatusQuery,
    ContractSummary,
    ContractVersionView,
    ContractView,
)
from chalicelib.packs.contracts.service import documents
from chalicelib.packs.deals import public as deals
from chalicelib.packs.deals.public import Deal

_TAKEN_APART = ("kind", "parties")  # fields of a patch whose stored form isn't what was sent

# -- drafting


def create_contract(ctx: Context, body: ContractCreate, query: ExplainParams) -> ContractView:
    """Draft a contract of a deal that is open. Without the right to write on any deal it must be one's own."""
    deal_id = deals.resolve_id(ctx, body.deal_id)
    draft = new_draft(ctx, Contract.ID.new(ctx.now, deal_id), deal_id, body, kind=body.kind, title=body.title)
    return add_draft(ctx, draft, body.currency, explained=query.explain)


def new_draft(
    ctx: Context, id: str, deal_id: str, body: ContractCreate | ContractFromTemplateCreate, *, kind: str, title: str, **values: object
) -> Contract:
    """The draft that a request describes. Raises ValidationFailed or Conflict."""
    given = body.model_dump(exclude={"deal_id", "template_id", "values", "kind", "title", "parties", "currency"})
    sent = [party.model_dump() for party in body.parties or ()]
    parties, number = party_rules.named(sent, [], 0)
    untouched: dict[str, Any] = {
        **{"version": 1, "sending": 0, "terms_told": 0},
        **{"approvals": [], "signatures": [], "returns": []},
    }
    contract = Contract.new(
        ctx,
        id,
        deal_id=deal_id,
        kind_of_contract=kind,
        title=title,
        parties=parties,
        party_number=number,
        currency=body.currency or ctx.settings.default_currency,
        **{**untouched, **given, **repository.HISTORY.entry(ctx, DRAFT), **values},
    )
    _check(contract)
    return contract


def add_draft(ctx: Context, draft: Contract, currency: str | None, *, explained: bool = False) -> ContractView:
    """Write a new draft, in the deal's currency: where `currency` was given, it must be that. One round trip.

    A second one where no currency was given and the deal is in another than most.
    """
    try:
        return _add_draft(ctx, draft, explained=explained)
    except deals.CurrencyDiffers as differs:
        actual = differs.currency or ctx.store.require(Deal, draft.deal_id).currency
        if currency not in (None, actual):
            raise ValidationFailed.field("currency", f"the deal is in {actual}") from None
        draft = draft.with_values(currency=actual)
        check_money(actual, {"value": draft.value})
        return _add_draft(ctx, draft, explained=explained, is_known=differs.currency is not None)


def _add_draft(ctx: Context, draft: Contract, *, explained: bool, is_known: bool = True) -> ContractView:
    view = contract_view(ctx, draft, arrived=documents.has_arrived(ctx, draft), explained=explained)
    tx = idempotent_transaction(ctx, view)
    repository.add_new(ctx, tx, draft, currency=draft.currency if is_known else None)
    repository.commit(tx)
    return view


def _check(contract: Contract) -> None:
    """Raise ValidationFailed for what contradicts itself, Conflict for what it can't refer to."""
    if errors := contradictions(contract.terms, contract.effective_on):
        raise ValidationFailed([{"loc": [field], "message": message, "type": "value_error"} for field, message in errors])
    check_money(contract.currency, {"value": contract.value})
    repository.check_relations(contract)


# -- reading


def get_contract(ctx: Context, id: str, query: ExplainParams) -> ContractView:
    """A contract."""
    contract = ctx.store.require(Contract, id)
    return contract_view(ctx, contract, arrived=documents.has_arrived(ctx, contract), explained=query.explain)


def list_contracts(ctx: Context, query: ContractQuery) -> PageOf[ContractSummary]:
    """Contracts, newest first."""
    statuses = STATUSES if query.status is None else (query.status,)
    return ctx.paginate([Contract.BY_STATUS.range(status=status) for status in statuses], query, _summary)


def list_contracts_by_status(ctx: Context, query: ContractStatusQuery) -> PageOf[ContractSummary]:
    """The contracts of a status, newest first."""
    return ctx.paginate(Contract.BY_STATUS.range(status=query.status), query, _summary)


def list_deal_contracts(ctx: Context, deal_id: str, query: PageParams) -> PageOf[ContractSummary]:
    """A deal's contracts, newest first."""
    id = deals.resolve_id(ctx, deal_id)
    ctx.store.require(Deal, id)
    return ctx.paginate(Contract.children_of(id), query, _summary)


def list_versions(ctx: Context, id: str, query: PageParams) -> PageOf[ContractVersionView]:
    """The versions of a contract that were submitted, approved or signed, newest first."""
    contract = ctx.store.require(Contract, id)
    return ctx.paginate(ContractVersion.range(id), query, lambda version: version_view(contract, version), decode=ContractVersion.from_item)


def _summary(row: JsonObject) -> ContractSummary:
    return present_row(ContractSummary, row)


# -- changing


@retry_on_conflict
def edit_contract(ctx: Context, id: str, body: ContractPatch, query: ExplainParams) -> ContractView:
    """Change a draft. Omitted fields keep their value, null clears, the parties are replaced as a whole."""
    before = _find_to_write(ctx, id)
    require_draft(before.status)
    after = _apply_patch(ctx, before, body)
    if after is not before:
        tx = Transaction(ctx.store)
        repository.add_edit(ctx, tx, before, after)
        repository.commit(tx)
    return contract_view(ctx, after, arrived=documents.has_arrived(ctx, after), explained=query.explain)


def _apply_patch(ctx: Context, before: Contract, body: ContractPatch) -> Contract:
    """The draft after the patch; `before` itself where nothing changes."""
    values = body.changes_to(before.attribute_values, exclude=_TAKEN_APART)
    if "kind" in body.model_fields_set and body.kind != before.kind:
        values["kind_of_contract"] = body.kind
    if "parties" in body.model_fields_set:
        parties, number = _replaced_parties(before, body)
        if parties != before.parties:
            values |= {"parties": parties, "party_number": number}
    if not values:
        return before
    after = before.with_changes(ctx, **values)
    _check(after)
    return after


def _replaced_parties(before: Contract, body: ContractPatch) -> tuple[list[JsonObject], int]:
    """The parties that were sent. Raises ValidationFailed for an id that isn't one of the contract's, or is named twice."""
    sent = [party.model_dump() for party in body.parties or ()]
    known, seen = {party["id"] for party in before.parties}, set[str]()
    for index, id in enumerate(party["id"] for party in sent):
        if id is not None and (id not in known or id in seen):
            raise ValidationFailed.field(f"parties.{index}.id", "named twice" if id in seen else "no party of the contract has this id")
        seen |= {id} if id else set()
    return party_rules.named(sent, before.parties, before.party_number)


def delete_contract(ctx: Context, id: str) -> None:
    """Delete a draft that nothing refers to: what was routed of it, before it went back to draft, keeps it."""
    ctx.store.retry_on_conflict(lambda: _delete(ctx, id))


def _delete(ctx: Context, id: str) -> None:
    before = _find_to_write(ctx, id)
    require_draft(before.status)
    if held_by := holding_ids(ctx, Contract.KIND, id):  # none is added to a draft
        raise Conflict("The contract can't be deleted: other things refer to it.", code="referred_to", held_by=held_by)
    repository.delete(ctx, before)


def _find_to_write(ctx: Context, id: str) -> Contract:
    snapshot = repository.read(ctx, id)
    require_own(ctx, snapshot.gate)
    ctx.check_if_match(snapshot.contract.revision)
    return snapshot.contract
