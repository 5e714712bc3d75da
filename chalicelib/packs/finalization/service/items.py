"""Adding, listing and settling the items of a deal."""

from datetime import date

from chalicelib.foundation.context import Context
from chalicelib.foundation.dates import format_timestamp
from chalicelib.foundation.errors import NotFound, ValidationFailed
from chalicelib.foundation.idempotency import idempotent_transaction, read_or_replay
from chalicelib.foundation.json_codec import JsonObject
from chalicelib.foundation.schema_types import PageOf, PageParams
from chalicelib.foundation.store.retry import retry_on_conflict
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.packs.deals import public as deals
from chalicelib.packs.finalization import repository
from chalicelib.packs.finalization.entities import Item
from chalicelib.packs.finalization.permissions import ANY_OWNER, require_settle
from chalicelib.packs.finalization.presenters import item_view
from chalicelib.packs.finalization.rules import items as rules
from chalicelib.packs.finalization.rules.items import MACHINE, MoveFacts
from chalicelib.packs.finalization.schemas import ItemCreate, ItemEvidence, ItemMoveRequest, ItemView
from chalicelib.packs.governance import public as governance

_USER = "user"  # the kind of actor that is a person
_NO_DAY = date.max.isoformat()


def create_item(ctx: Context, deal_id: str, body: ItemCreate) -> ItemView:
    """Add an item to a deal that is worked on. Without the right to write on any deal it must be one's own."""
    id = deals.resolve_id(ctx, deal_id)
    if (body.kind == rules.INFORMATION) != (body.field is not None):
        raise ValidationFailed.field("field", "information has a field, and nothing else has one")
    key = deals.key(id)
    deal = deals.parse_deal(read_or_replay(ctx, [key]).get(key))
    if deal is None:
        raise NotFound(deals.Deal.ID.name)
    item = Item.new(
        ctx,
        Item.ID.new(ctx.now, id),
        deal_id=id,
        kind_of_item=body.kind,
        title=body.title,
        field=body.field,
        role=body.role,
        due=body.due and body.due.model_dump(),
        status=rules.OPEN,
        confirmations=[],
    )
    pipeline = repository.read_pipeline(ctx, deal)
    view = item_view(item, repository.surroundings_of(deal, pipeline.facts if pipeline else None))
    tx = idempotent_transaction(ctx, view)
    deals.add_reference(ctx, tx, id, any_deal=ANY_OWNER)
    tx.create(item)
    tx.commit()
    return view


def list_items(ctx: Context, deal_id: str, query: PageParams) -> PageOf[ItemView]:
    """The items of a deal, each as it is now: the soonest due first."""
    state = repository.read(ctx, deals.resolve_id(ctx, deal_id))
    views = sorted((item_view(item, state.surroundings) for item in state.items), key=_place)
    page, cursor = ctx.page_of(views, _place, query, state.deal.id)
    return {"items": page, "next_cursor": cursor}


def _place(item: ItemView) -> tuple[object, ...]:
    return item["due_on"] or _NO_DAY, item["id"]


@retry_on_conflict
def move_item(ctx: Context, deal_id: str, item_id: str, body: ItemMoveRequest) -> ItemView:
    """Settle an item of a deal that is worked on, or open it again.

    A document needs evidence. Two people confirm a two-person item, each by moving it to done, neither of whom entered it; it is never not
    applicable. Information is done while its field is filled. An item is waived by a standing decision of governance on the deal, for as long
    as that stands. Counsel settles legal items only.
    """
    state = repository.read(ctx, deals.resolve_id(ctx, deal_id))
    before = state.find_item(item_id)
    any_deal = require_settle(ctx, state.deal, before)
    ctx.check_if_match(before.revision)
    deals.require_live(state.deal.status)
    if _is_confirmed_by(ctx, before, body):
        return item_view(before, state.surroundings)
    now = rules.standing(before, state.surroundings)
    fields = {"reason": body.reason, "decision_id": body.decision_id}
    MACHINE.check(now.status, body.status, MoveFacts(before.kind), actor=ctx.actor, fields=fields)
    values = _after(ctx, state, before, body)
    after = before.with_changes(ctx, **values)
    tx = Transaction(ctx.store)
    deals.raise_version(ctx, tx, state.deal.id, any_deal=any_deal)
    tx.save(after)
    tx.commit()
    return item_view(after, state.with_item(after).surroundings)


def _is_confirmed_by(ctx: Context, item: Item, body: ItemMoveRequest) -> bool:
    """Whether it is a confirmation of who has confirmed the item already, which changes nothing."""
    return (item.kind, body.status) == (rules.TWO_PERSON, rules.DONE) and any(one["by"] == ctx.actor.id for one in item.confirmations)


def _after(ctx: Context, state: repository.DealState, item: Item, body: ItemMoveRequest) -> JsonObject:
    """What the move changes of the item: what settled it before is gone, but for the first of two confirmations."""
    _refuse_unused(body)
    values: JsonObject = {"status": body.status, "reason": body.reason, "evidence": None, "decision_id": None, "confirmations": []}
    if body.status == rules.DONE:
        values["evidence"] = _evidence(ctx, state, item, body.evidence)
        if item.kind == rules.TWO_PERSON:
            at = format_timestamp(ctx.now)
            values["confirmations"] = rules.confirmed(
                item.confirmations, ctx.actor.id, item.created_by, at, is_person=ctx.actor.kind == _USER
            )
            if not rules.is_confirmed(values["confirmations"]):
                return values | {"status": rules.OPEN}
    if body.status == rules.WAIVED:
        values["decision_id"] = _waiver(ctx, state, body.decision_id or "")
    is_settled = body.status != rules.OPEN
    return values | {"settled_at": ctx.now if is_settled else None, "settled_by": ctx.actor.id if is_settled else None}


def _waiver(ctx: Context, state: repository.DealState, decision_id: str) -> str:
    """The decision, which has to stand for waiving something of the deal. Raises Conflict."""
    if state.decision_to_act_by(ctx, decision_id, governance.WAIVE) is None:
        raise repository.unusable()
    return decision_id


def _refuse_unused(body: ItemMoveRequest) -> None:
    """Raise ValidationFailed for what a move to this status doesn't take."""
    for field, status in (("evidence", rules.DONE), ("decision_id", rules.WAIVED)):
        if getattr(body, field) is not None and body.status != status:
            raise ValidationFailed.field(field, f"it goes with {status}")


def _evidence(ctx: Context, state: repository.DealState, item: Item, evidence: ItemEvidence | None) -> JsonObject | None:
    """The evidence as it is kept. ValidationFailed where a document has none; NotFound or Conflict for what is not there, or another deal's."""
    if evidence is None:
        if item.kind == rules.DOCUMENT:
            raise ValidationFailed.field("evidence", "a document needs it", "missing")
        return None
    given = evidence.model_dump(exclude_none=True)
    if len(given) != 1:
        raise ValidationFailed.field("evidence", "one of contract_id, route_id and sha256 is needed")
    for field, type in (("contract_id", "contract"), ("route_id", "route")):
        if field in given:
            state.require_child(ctx, given[field], type)
    return given
