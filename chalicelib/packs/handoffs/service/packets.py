"""Previewing, drafting, reading, listing and changing packets."""

from collections.abc import Callable
from typing import Annotated

from chalicelib.foundation import access
from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import NotFound, ValidationFailed
from chalicelib.foundation.free_form import any_object, merge_json
from chalicelib.foundation.http.responses import CONTENT_SECURITY_POLICY, ApiResponse
from chalicelib.foundation.idempotency import idempotent_transaction
from chalicelib.foundation.json_codec import JsonObject, dumps
from chalicelib.foundation.schema_types import ExplainParams, PageOf, PageParams
from chalicelib.foundation.store.retry import retry_on_conflict
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.packs.deals import public as deals
from chalicelib.packs.handoffs import repository
from chalicelib.packs.handoffs.entities import Packet, PacketFacts, PacketRegister
from chalicelib.packs.handoffs.permissions import ANY_DEAL, ROW, own_professional, require_own_deal, require_visible
from chalicelib.packs.handoffs.presenters import packet_summary, packet_view, preview_view
from chalicelib.packs.handoffs.rules import statuses
from chalicelib.packs.handoffs.rules.completeness import completeness
from chalicelib.packs.handoffs.rules.content import NO_PARTS, hash_of
from chalicelib.packs.handoffs.schemas import (
    MAX_CONTEXT,
    DealQuery,
    FormatQuery,
    PacketCreate,
    PacketParts,
    PacketPatch,
    PacketPreviewView,
    PacketSummary,
    PacketView,
)
from chalicelib.packs.handoffs.service.facts import gather
from chalicelib.packs.scorecards import public as scorecards
from chalicelib.packs.scorecards.public import Professional


def preview_packet(ctx: Context, professional_id: str, query: DealQuery) -> PacketPreviewView:
    """What a packet for this professional would hold now. Nothing is kept. A professional is shown no deal before it is handed to them."""
    access.require_own_professional(ctx, ROW, professional_id, Professional.ID.name)
    Professional.ID.key(professional_id)
    if query.deal_id is not None and own_professional(ctx) is not None:
        raise NotFound(deals.Deal.ID.name)
    deal_id = None if query.deal_id is None else deals.resolve_id(ctx, query.deal_id)
    facts = gather(ctx, professional_id, deal_id).facts
    return preview_view(professional_id, deal_id, facts, explained=query.explain)


@retry_on_conflict
def create_packet(ctx: Context, professional_id: str, body: PacketCreate, query: DealQuery) -> PacketView:
    """Draft a packet for an active professional, who receives it once it is sent. Its facts are frozen now, its parts may be changed.

    The deal must be open and, without the right to write on any deal, one's own; without that right it must be of a deal.
    """
    Professional.ID.key(professional_id)
    deal_id = None if query.deal_id is None else deals.resolve_id(ctx, query.deal_id)
    if deal_id is None:
        require_own_deal(ctx, None)
    partition = deal_id or professional_id
    register_key, owners = PacketRegister.key_in(partition), _owners(body)
    gathered = gather(ctx, professional_id, deal_id, [register_key, *map(repository.owner_key, owners)])
    require_own_deal(ctx, gathered.deal)
    raw = gathered.items.get(register_key)
    register = PacketRegister.empty(partition) if raw is None else PacketRegister.from_item(raw)
    pair = register.pair(professional_id)
    statuses.require_room(len(pair["open"]))
    parts = NO_PARTS | _sent_parts(body, repository.owner_names(gathered.items, owners))
    values = {"number": pair["number"] + 1, "professional_id": professional_id, "deal_id": deal_id, "status": statuses.DRAFT}
    untouched = {"context": "{}", "completeness": 0, "missing": [], "content_hash": "", "task_ids": []}
    draft = Packet.new(ctx, Packet.ID.new(ctx.now, parent=partition), **values, **untouched, **NO_PARTS)
    packet = _with_content(draft, gathered.facts, body.context or {}, parts)
    view = packet_view(packet, gathered.facts, explained=query.explain)
    tx = idempotent_transaction(ctx, view)
    scorecards.add_reference(tx, professional_id)
    if deal_id is not None:
        deals.add_reference(ctx, tx, deal_id, any_deal=ANY_DEAL)
    opened = [*pair["open"], {"id": packet.id, "number": packet.number}]
    repository.save_register(tx, register.with_pair(professional_id, {**pair, "number": packet.number, "open": opened}))
    tx.create(packet)
    tx.put(PacketFacts.of(packet.id, gathered.facts, gathered.professional.email))
    tx.commit()
    return view


def get_packet(ctx: Context, id: str, query: FormatQuery) -> Annotated[ApiResponse, PacketView]:
    """A packet: as JSON, or as a page or a PDF to hand over. A professional sees one of theirs once it is sent."""
    packet, facts = repository.find(ctx, id)
    require_visible(ctx, packet)
    view = packet_view(packet, facts.content, explained=query.explain and query.format == "json")
    if query.format == "json":
        return ApiResponse(view)
    from chalicelib.packs.handoffs.service import documents

    document = documents.describe(view, ctx.settings.firm_time_zone)
    if query.format == "html":
        headers = {"Content-Security-Policy": CONTENT_SECURITY_POLICY}
        return ApiResponse(documents.as_html(document), headers=headers, content_type="text/html; charset=utf-8", revision=packet.revision)
    headers = {"Content-Disposition": f'inline; filename="{packet.id}.pdf"'}
    return ApiResponse(
        documents.as_pdf(document, packet.updated_at), headers=headers, content_type="application/pdf", revision=packet.revision
    )


@retry_on_conflict
def edit_packet(ctx: Context, id: str, body: PacketPatch, query: ExplainParams) -> PacketView:
    """Change the context and the parts of a draft. Omitted fields keep their value, null clears, lists are replaced, context is merged."""
    owners = _owners(body)
    snapshot = repository.read(ctx, id, tuple(map(repository.owner_key, owners)))
    before, facts = snapshot.packet, snapshot.facts.content
    require_visible(ctx, before)
    require_own_deal(ctx, snapshot.gate)
    ctx.check_if_match(before.revision)
    if before.status != statuses.DRAFT:
        raise statuses.frozen(before.status)
    parts = before.parts | _sent_parts(body, repository.owner_names(snapshot.items, owners))
    after = _with_content(before, facts, _patched_context(before.context_object, body), parts)
    if after.attribute_values != before.attribute_values:
        after = after.with_changes(ctx)
        tx = Transaction(ctx.store)
        if after.deal_id is not None:
            deals.raise_version(ctx, tx, after.deal_id, any_deal=ANY_DEAL)
        tx.save(after)
        tx.commit()
    return packet_view(after, facts, explained=query.explain)


def _patched_context(before: JsonObject, body: PacketPatch) -> JsonObject:
    if "context" not in body.model_fields_set:
        return before
    context: JsonObject = {} if body.context is None else merge_json(before, body.context)
    try:
        return any_object(MAX_CONTEXT)(context)
    except ValueError as error:
        raise ValidationFailed.field("context", str(error)) from None


def _with_content(packet: Packet, facts: JsonObject, context: JsonObject, parts: JsonObject) -> Packet:
    """The packet with this content, how complete it is, and its digest."""
    whole = completeness(facts, facts["looked_up"], parts, has_deal=packet.deal_id is not None)
    identity = {name: packet.attribute_values.get(name) for name in ("id", "professional_id", "deal_id", "number")}
    return packet.with_values(
        **parts,
        context=dumps(context),
        completeness=whole.figure,
        missing=list(whole.missing),
        content_hash=hash_of(identity, facts, context, parts),
    )


def _sent_parts(body: PacketParts, names: dict[str, str]) -> JsonObject:
    """The parts that the request says, as they are kept: a text of nothing is none, a list that is cleared is empty."""
    actions = [
        {
            "action": one.action,
            "owner": one.owner,
            "owner_name": None if one.owner is None else names[one.owner],
            "due_on": one.due_on and one.due_on.isoformat(),
        }
        for one in body.action_list or ()
    ]
    parts: JsonObject = {
        "risk_status": body.risk_status,
        "summary": body.summary or None,
        "action_list": actions,
        "contingencies": [{"if": one.condition, "then": one.then} for one in body.contingencies or ()],
    }
    return {name: value for name, value in parts.items() if name in body.model_fields_set}


def _owners(body: PacketParts) -> list[str]:
    """Those who do the actions that the request says, each once."""
    return list(dict.fromkeys(one.owner for one in body.action_list or () if one.owner is not None))


# -- lists


def list_professional_packets(ctx: Context, professional_id: str, query: PageParams) -> PageOf[PacketSummary]:
    """A professional's packets, newest first; to themselves those that were sent."""
    access.require_own_professional(ctx, ROW, professional_id, Professional.ID.name)
    ctx.store.require(Professional, professional_id)
    range = Packet.BY_PROFESSIONAL.range(professional_id=professional_id)
    return ctx.paginate(range, query, packet_summary, predicate=_visible_to(own_professional(ctx)))


def list_deal_packets(ctx: Context, deal_id: str, query: PageParams) -> PageOf[PacketSummary]:
    """A deal's packets, newest first; to a professional their own of it, once they were sent."""
    id = deals.resolve_id(ctx, deal_id)
    ctx.store.require(deals.Deal, id)
    return ctx.paginate(Packet.BY_DEAL.range(deal_id=id), query, packet_summary, predicate=_visible_to(own_professional(ctx)))


def _visible_to(own: str | None) -> Callable[[JsonObject], bool] | None:
    return None if own is None else lambda row: row["professional_id"] == own and row["was_sent"]
