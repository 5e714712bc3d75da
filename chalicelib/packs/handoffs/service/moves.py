"""Sending, accepting, returning and completing packets."""

from collections.abc import Collection
from datetime import date

from chalicelib.foundation import access, outbox
from chalicelib.foundation.context import Context
from chalicelib.foundation.dates import format_for_people
from chalicelib.foundation.due_work import notification_target
from chalicelib.foundation.errors import VersionConflict
from chalicelib.foundation.events import Notification, add_notifications
from chalicelib.foundation.idempotency import idempotent_transaction
from chalicelib.foundation.json_codec import JsonObject
from chalicelib.foundation.schema_types import ExplainParams
from chalicelib.foundation.store.retry import retry_on_conflict
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.packs.deals import public as deals
from chalicelib.packs.handoffs import repository
from chalicelib.packs.handoffs.entities import Packet, Pair
from chalicelib.packs.handoffs.permissions import ANY_DEAL, require_own_deal, require_visible
from chalicelib.packs.handoffs.presenters import packet_view
from chalicelib.packs.handoffs.repository import PacketSnapshot, Receiver
from chalicelib.packs.handoffs.rules import statuses
from chalicelib.packs.handoffs.rules.statuses import MACHINE, PacketState
from chalicelib.packs.handoffs.schemas import PacketAcceptRequest, PacketReturnRequest, PacketView
from chalicelib.packs.scorecards import public as scorecards
from chalicelib.packs.tasks import public as tasks
from chalicelib.packs.tasks.public import PacketAction

_USER = "user_"


class _TasksOpen(Exception):
    """Tasks of the packet are unfinished."""


# -- by its sender


def send_packet(ctx: Context, id: str, query: ExplainParams) -> PacketView:
    """Send a packet to its professional, who has 48 hours to accept it. Its content is fixed; older ones of the pair give way."""
    receiver = Receiver()
    return ctx.store.retry_on_conflict(lambda: _send(ctx, id, receiver, explained=query.explain))


def _send(ctx: Context, id: str, receiver: Receiver, *, explained: bool) -> PacketView:
    sender_key = access.user_key(ctx.actor.id)
    snapshot = repository.read(ctx, id, (sender_key,))
    before = snapshot.packet
    require_visible(ctx, before)
    require_own_deal(ctx, snapshot.gate)
    ctx.check_if_match(before.revision)
    state = PacketState(before.completeness, tuple(before.missing), before.parts)
    MACHINE.check(before.status, statuses.SENT, state, actor=ctx.actor)
    after = before.with_changes(
        ctx,
        status=statuses.SENT,
        sent_at=ctx.now,
        sent_by=ctx.actor.id,
        sent_by_name=repository.user_name(snapshot.items.get(sender_key)),
        accept_by=ctx.now + statuses.TIME_TO_ACCEPT,
    )
    view = packet_view(after, snapshot.facts.content, explained=explained)
    tx = idempotent_transaction(ctx, view)
    _touch_deal(ctx, tx, after, any_deal=ANY_DEAL)
    scorecards.require_usable(tx, after.professional_id)
    address = receiver.address(snapshot.facts)
    receiver.require(tx, after.professional_id, address)
    if address is not None:
        subject, text = _mail(ctx, after, snapshot.facts.content)
        outbox.add_mail(tx, ctx, to=address, subject=subject, text=text)
    pair = snapshot.register.pair(after.professional_id)
    older = [one["id"] for one in pair["open"] if one["number"] < after.number]
    _save_pair(tx, snapshot, {**pair, "open": [one for one in pair["open"] if one["number"] >= after.number]})
    tx.save(after)
    if older:
        repository.supersede(ctx, tx, ctx.store.find_many(Packet, older).values(), after.id)
    tx.commit()
    return view


def _mail(ctx: Context, packet: Packet, facts: JsonObject) -> tuple[str, str]:
    """The subject and the text of the mail to the receiver. It says that there is a packet, and nothing of what is in it."""
    about = facts["deal"]["title"] if facts["deal"] else "your work"
    paragraphs = [
        f"Dear {facts['professional']['name']},",
        f"{packet.sent_by_name or packet.sent_by} has handed packet No. {packet.number} to you, about {about}. "
        f"Its risk status is {packet.risk_status}.",
        "Please read it and accept it by saying in your own words what you have understood, or return it, "
        f"by {format_for_people(packet.accept_by or ctx.now, ctx.settings.firm_time_zone)}.",
        f"{ctx.settings.public_url or ''}/pros/handoff/packets/{packet.id}",
    ]
    return f"Packet No. {packet.number} for you: {about}", "\n\n".join(paragraphs) + "\n"


# -- by its receiver


@retry_on_conflict
def accept_packet(ctx: Context, id: str, body: PacketAcceptRequest, query: ExplainParams) -> PacketView:
    """Accept a packet by saying in one's own words what it asks for; from then on its receiver is responsible.

    Each action becomes a task: of its owner where that is a professional, else of the receiver; a user is told of theirs.
    """
    snapshot = _read_to_answer(ctx, id, "accept")
    before = snapshot.packet
    MACHINE.check(before.status, statuses.ACCEPTED, actor=ctx.actor)
    if snapshot.gate is not None:
        deals.require_live(snapshot.gate.status)
    given, events = _actions(ctx, before)
    sent_at = before.sent_at or ctx.now
    after = before.with_changes(
        ctx,
        status=statuses.ACCEPTED,
        accepted_at=ctx.now,
        accepted_by=ctx.actor.id,
        attested=_is_attested(ctx, before),
        read_back=body.read_back,
        task_ids=[tasks.task_id_of(id, sent_at, before.deal_id, action) for action in given],
    )
    view = packet_view(after, snapshot.facts.content, explained=query.explain)
    tx = idempotent_transaction(ctx, view)
    if given:
        tasks.add_tasks(ctx, tx, id, sent_at, before.deal_id, given)
    else:
        _touch_deal(ctx, tx, after)
    pair = snapshot.register.pair(after.professional_id)
    replaced = pair.get("accepted")
    if replaced == id:  # it was accepted between the reading of the packet and of the register, which are not read at one instant
        raise VersionConflict
    _save_pair(tx, snapshot, {**pair, "open": [one for one in pair["open"] if one["id"] != id], "accepted": id})
    tx.save(after)
    if replaced is not None:
        repository.supersede(ctx, tx, [ctx.store.require(Packet, replaced)], id)
    add_notifications(ctx, tx, events)
    tx.commit()
    return view


def _actions(ctx: Context, packet: Packet) -> tuple[list[PacketAction], list[Notification]]:
    """The actions that become tasks, and the events to users about theirs."""
    given: list[PacketAction] = []
    events: list[Notification] = []
    for index, action in enumerate(packet.action_list):
        owner, text = action.get("owner"), action["action"]
        due_on = date.fromisoformat(action["due_on"]) if action.get("due_on") else None
        if owner is None or not owner.startswith(_USER):
            given.append(PacketAction(index, owner or packet.professional_id, text, due_on))
        else:
            events.append(_action_event(ctx, packet, index, owner, text, due_on))
    return given, events


def _action_event(ctx: Context, packet: Packet, index: int, owner: str, text: str, due_on: date | None) -> Notification:
    return Notification.for_occasion(
        ctx,
        f"{packet.id}/action/{index}",
        on=ctx.today,
        event="handoffs.action",
        title=f"To do, of a packet that was accepted: {text}",
        due_on=due_on,
        data={"deal_id": packet.deal_id, "professional_id": packet.professional_id, "number": packet.number, "index": index},
        **notification_target("packet", packet.id, owner),
    )


@retry_on_conflict
def return_packet(ctx: Context, id: str, body: PacketReturnRequest, query: ExplainParams) -> PacketView:
    """Return a packet to its sender, who is told why."""
    snapshot = _read_to_answer(ctx, id, "return")
    before = snapshot.packet
    MACHINE.check(before.status, statuses.RETURNED, actor=ctx.actor, reason=body.reason, note=body.note)
    after = before.with_changes(
        ctx,
        status=statuses.RETURNED,
        returned_at=ctx.now,
        returned_by=ctx.actor.id,
        attested=_is_attested(ctx, before),
        return_reason=body.reason,
        return_note=body.note,
    )
    view = packet_view(after, snapshot.facts.content, explained=query.explain)
    tx = idempotent_transaction(ctx, view)
    _touch_deal(ctx, tx, after, statuses=deals.ANY_STATUS)
    tx.save(after)
    add_notifications(ctx, tx, [_returned_event(ctx, after)])
    tx.commit()
    return view


def _returned_event(ctx: Context, packet: Packet) -> Notification:
    return Notification.for_occasion(
        ctx,
        f"{packet.id}/returned",
        on=ctx.today,
        event="handoffs.returned",
        title=f"Packet No. {packet.number} was returned: {packet.return_reason}",
        data={"deal_id": packet.deal_id, "professional_id": packet.professional_id, "reason": packet.return_reason},
        **notification_target("packet", packet.id, packet.sending_user),
    )


@retry_on_conflict
def complete_packet(ctx: Context, id: str, query: ExplainParams) -> PacketView:
    """Complete a packet whose tasks are done or cancelled. How soon it was accepted is logged with its receiver's interactions, once."""
    snapshot = _read_to_answer(ctx, id, "accept")
    before = snapshot.packet
    MACHINE.check(before.status, statuses.COMPLETED, actor=ctx.actor)
    after = before.with_changes(ctx, status=statuses.COMPLETED, completed_at=ctx.now, completed_by=ctx.actor.id)
    view = packet_view(after, snapshot.facts.content, explained=query.explain)
    tx = idempotent_transaction(ctx, view)
    _touch_deal(ctx, tx, after, statuses=deals.ANY_STATUS)
    pair = snapshot.register.pair(after.professional_id)
    _save_pair(tx, snapshot, {"number": pair["number"], "open": pair["open"]})
    tx.save(after)
    scorecards.log_interaction(
        ctx,
        tx,
        after.professional_id,
        source=scorecards.HANDOFF,
        key=id,
        at=ctx.now,
        deal_id=after.deal_id,
        packet_id=id,
        response_time_hours=statuses.response_hours(after.sent_at or ctx.now, after.accepted_at or ctx.now),
    )
    tasks.require_settled(tx, after.task_ids, _TasksOpen())
    try:
        tx.commit()
    except _TasksOpen:
        raise statuses.tasks_open(tasks.unfinished_among(ctx, after.task_ids)) from None
    return view


# -- what holds for all of them


def _read_to_answer(ctx: Context, id: str, right: str) -> PacketSnapshot:
    """The packet that its receiver, or somebody for them, answers. NotFound for one that isn't the caller's."""
    snapshot = repository.read(ctx, id)
    require_visible(ctx, snapshot.packet, right)
    ctx.check_if_match(snapshot.packet.revision)
    return snapshot


def _is_attested(ctx: Context, packet: Packet) -> bool:
    """Whether somebody else than the receiver says so."""
    return ctx.actor.professional_id != packet.professional_id


def _touch_deal(
    ctx: Context, tx: Transaction, packet: Packet, *, any_deal: str | None = None, statuses: Collection[str] = deals.LIVE
) -> None:
    """Add that a packet of the deal is written."""
    if packet.deal_id is not None:
        deals.raise_version(ctx, tx, packet.deal_id, any_deal=any_deal, statuses=statuses)


def _save_pair(tx: Transaction, snapshot: PacketSnapshot, pair: Pair) -> None:
    repository.save_register(tx, snapshot.register.with_pair(snapshot.packet.professional_id, pair))
