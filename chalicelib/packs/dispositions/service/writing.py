"""The actions by which assignments are written, alike for one offer and for many, for people and for jobs."""

from collections.abc import Iterable
from datetime import date
from typing import Any

from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import Problem
from chalicelib.foundation.events import Event
from chalicelib.foundation.store import codec, gates
from chalicelib.foundation.store.codec import Raw
from chalicelib.foundation.store.store import wire_key
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.packs.dispositions.entities import Assignment, Buyer, Roster
from chalicelib.packs.dispositions.rules import assignments
from chalicelib.packs.dispositions.service.seen import BuyerSeen, Seen
from chalicelib.packs.wholesale.service import dealings


class BuyerChanged(Problem):
    """The buyer isn't as it was seen; `row` is how it is now ({} where it is gone). Never shown."""

    kind = "conflict"

    def __init__(self, row: Raw) -> None:
        super().__init__("The buyer has changed.")
        self.row = row


def as_seen(tx: Transaction, buyer: BuyerSeen) -> None:
    """Let the transaction stand only while the buyer is as it was seen; else BuyerChanged."""
    tx.check(Buyer.ID.key(buyer.id), "revision = :seen AND attribute_not_exists(deleted_at)", BuyerChanged, {":seen": buyer.revision})


def add_offers(ctx: Context, tx: Transaction, seen: Seen, offers: Iterable[tuple[Assignment, BuyerSeen]]) -> None:
    """New offers of one pipeline: three actions each, and three for all of them.

    The pipeline is held to its stage and contract, the roster to what was read of it.
    """
    roster, count = seen.roster, 0
    dealings.still(tx, seen.pipeline)
    for assignment, buyer in offers:
        as_seen(tx, buyer)
        gates.referred(tx, Buyer.ID, buyer.id, last_offer_at=ctx.now)
        tx.create(assignment)
        roster, count = roster.with_(assignment), count + 1
    dealings.refer(tx, seen.pipeline.id, count)
    put_roster(ctx, tx, roster)


def put_roster(ctx: Context, tx: Transaction, roster: Roster) -> None:
    """The next revision of a roster; Stale where somebody wrote it since it was read."""
    row = wire_key(Roster.key(roster.pipeline_id)) | codec.wire({**roster.values, "request_id": ctx.request_id})
    if roster.revision:
        tx.put(row, "revision = :seen", None, {":seen": roster.revision})
    else:
        tx.put(row, "attribute_not_exists(pk)")


def fallen(ctx: Context, before: Assignment, reason: str, on: date | str | None = None, **more: Any) -> Assignment:
    """The assignment after it fell out, on that day or today."""
    day = date.fromisoformat(on) if isinstance(on, str) else on or ctx.today
    return before.changed(ctx, status=assignments.FALLOUT, fell_from=before.status, fell_out_on=day, fallout_reason=reason, **more)


def tell_of_money(ctx: Context, tx: Transaction, pipeline: dealings.Pipeline, before: Assignment, after: Assignment) -> None:
    """Tell whoever looks after the pipeline where earnest money has moved: in the transaction that moves it."""
    was, now = ((one.earnest_money or {}).get("status") for one in (before, after))
    if now is None or was in (now, None):
        return
    event = Event.single(
        ctx,
        f"{after.id}/earnest-money/{after.revision}",
        on=ctx.today,
        event="dispositions.earnest_money",
        title=f"Earnest money is {now}: {dealings.name(pipeline)}",
        data={"from": was, "to": now, "amount": (after.earnest_money or {}).get("amount"), "currency": after.currency},
        **{**dealings.addressed(pipeline), "subject_type": "assignment", "subject_id": after.id},
    )
    tx.create(event)


def add_fallen(tx: Transaction, after: Assignment) -> None:
    """An assignment that fell out: it holds its buyer no longer."""
    tx.save(after)
    gates.released(tx, Buyer.ID, after.buyer_id)
