"""The actions by which assignments are written, alike for one offer and for many, for people and for jobs."""

from collections.abc import Iterable
from datetime import date
from typing import Any

from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import Problem
from chalicelib.foundation.events import Notification
from chalicelib.foundation.store import codec, references
from chalicelib.foundation.store.codec import DynamoItem
from chalicelib.foundation.store.store import encode_key
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.packs.dispositions.entities import Assignment, Buyer, OfferRoster
from chalicelib.packs.dispositions.rules import assignments
from chalicelib.packs.dispositions.service.seen import BuyerSnapshot, PipelineSnapshot
from chalicelib.packs.wholesale import public


class BuyerChanged(Problem):
    """The buyer isn't as it was seen; `row` is how it is now ({} where it is gone). Never shown."""

    kind = "conflict"

    def __init__(self, row: DynamoItem) -> None:
        super().__init__("The buyer has changed.")
        self.row = row


def check_buyer_unchanged(tx: Transaction, buyer: BuyerSnapshot) -> None:
    """Let the transaction stand only while the buyer is as it was seen; else BuyerChanged."""
    tx.check_by_expression(
        Buyer.ID.key(buyer.id), "revision = :seen AND attribute_not_exists(deleted_at)", BuyerChanged, {":seen": buyer.revision}
    )


def add_offers(ctx: Context, tx: Transaction, seen: PipelineSnapshot, offers: Iterable[tuple[Assignment, BuyerSnapshot]]) -> None:
    """New offers of one pipeline: three actions each, and three for all of them.

    The pipeline is held to its stage and contract, the roster to what was read of it.
    """
    roster, count = seen.roster, 0
    public.check_unchanged(tx, seen.pipeline)
    for assignment, buyer in offers:
        check_buyer_unchanged(tx, buyer)
        references.add_reference(tx, Buyer.ID, buyer.id, last_offer_at=ctx.now)
        tx.create(assignment)
        roster, count = roster.with_entry(assignment), count + 1
    public.add_reference(tx, seen.pipeline.id, count)
    put_roster(ctx, tx, roster)


def put_roster(ctx: Context, tx: Transaction, roster: OfferRoster) -> None:
    """The next revision of a roster; Stale where somebody wrote it since it was read."""
    row = encode_key(OfferRoster.key(roster.pipeline_id)) | codec.encode_item({**roster.values, "request_id": ctx.request_id})
    if roster.revision:
        tx.put_by_expression(row, "revision = :seen", None, {":seen": roster.revision})
    else:
        tx.put_by_expression(row, "attribute_not_exists(pk)")


def with_fallout(ctx: Context, before: Assignment, reason: str, on: date | str | None = None, **more: Any) -> Assignment:
    """The assignment after it fell out, on that day or today."""
    day = date.fromisoformat(on) if isinstance(on, str) else on or ctx.today
    return before.with_changes(ctx, status=assignments.FALLOUT, fell_from=before.status, fell_out_on=day, fallout_reason=reason, **more)


def add_earnest_money_event(ctx: Context, tx: Transaction, pipeline: public.Pipeline, before: Assignment, after: Assignment) -> None:
    """Tell whoever looks after the pipeline where earnest money has moved: in the transaction that moves it."""
    was, now = ((one.earnest_money or {}).get("status") for one in (before, after))
    if now is None or was in (now, None):
        return
    event = Notification.for_occasion(
        ctx,
        f"{after.id}/earnest-money/{after.revision}",
        on=ctx.today,
        event="dispositions.earnest_money",
        title=f"Earnest money is {now}: {public.display_name(pipeline)}",
        data={"from": was, "to": now, "amount": (after.earnest_money or {}).get("amount"), "currency": after.currency},
        **{**public.notification_target(pipeline), "subject_type": "assignment", "subject_id": after.id},
    )
    tx.create(event)


def add_fallout(tx: Transaction, after: Assignment) -> None:
    """An assignment that fell out: it holds its buyer no longer."""
    tx.save(after)
    references.remove_reference(tx, Buyer.ID, after.buyer_id)
