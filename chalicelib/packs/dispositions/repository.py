"""Reading and writing buyers, assignments and offer rosters: the only module of the pack that knows the store, transactions and indexes."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from itertools import chain, islice
from typing import Any

from chalicelib.foundation import idempotency
from chalicelib.foundation.context import Context
from chalicelib.foundation.due_work import DueHandler, commit_claim, process_due, process_due_entities
from chalicelib.foundation.errors import NotFound, Problem, ValidationFailed, VersionConflict
from chalicelib.foundation.events import Notification, add_notifications
from chalicelib.foundation.ids import ROOT_SORT_KEY, ItemKey
from chalicelib.foundation.projections import Number, generations, live_aggregates, read_aggregates
from chalicelib.foundation.schedules import RunStats
from chalicelib.foundation.store import references
from chalicelib.foundation.store.access_patterns import KeyRange
from chalicelib.foundation.store.codec import DynamoItem
from chalicelib.foundation.store.expressions import ROW_ABSENT, ROW_EXISTS, all_of, attribute, unchanged
from chalicelib.foundation.store.keys import escape_key_part, join_key, reference_counter
from chalicelib.foundation.store.pagination import CursorSigner, decode_view
from chalicelib.foundation.store.store import parse_live
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.packs.dispositions.entities import (
    STATISTICS_SORT_KEY,
    SUMMARY_PARTITION,
    Assignment,
    Buyer,
    BuyerCounter,
    BuyerMarket,
    BuyerRecord,
    OfferRoster,
    PipelineSnapshot,
)
from chalicelib.packs.dispositions.rules import assignments, markets
from chalicelib.packs.dispositions.rules.buyer_statistics import AssignmentRecord, Counts
from chalicelib.packs.dispositions.schemas import BuyerQuery
from chalicelib.packs.wholesale import public
from chalicelib.packs.wholesale.public import Pipeline

ON_OFFER_PAGE = 50
# How long a change of a record waits to be copied: the index that lists a buyer's assignments may be behind by that.
_INDEX_DELAY = timedelta(minutes=1)

# -- reading buyers


def find_buyer(ctx: Context, id: str) -> Buyer:
    """A buyer; NotFound. One round trip, strongly consistent."""
    buyer = ctx.store.find(Buyer, id)
    if buyer is None:
        raise NotFound("buyer")
    return buyer


def find_buyer_with_record(ctx: Context, id: str) -> tuple[Buyer, BuyerRecord]:
    """A buyer with its statistics and its last offer, from one consistent query of its partition; NotFound."""
    rows = list(ctx.store.query_all(KeyRange(None, Buyer.ID.key(id).pk)))
    buyer = parse_live(Buyer, rows[-1]) if rows and rows[-1]["sk"]["S"] == ROOT_SORT_KEY else None
    if buyer is None:
        raise NotFound("buyer")
    counts = live_aggregates(ctx.store, rows).get(STATISTICS_SORT_KEY, {})
    counter = next((BuyerCounter.from_item(row) for row in rows if row["sk"]["S"] == reference_counter(id).sk), None)
    return buyer, BuyerRecord(counts, counter.last_offer_at if counter else None)


def find_buyers(ctx: Context, ids: Iterable[str]) -> dict[str, Buyer]:
    """The buyers that exist, by id. One round trip a hundred."""
    items = ctx.store.batch_get(Buyer.ID.key(id) for id in ids)
    found = (parse_live(Buyer, item) for item in items.values())
    return {buyer.id: buyer for buyer in found if buyer}


def has_duplicate_email(ctx: Context, buyer: Buyer) -> bool:
    """Whether another buyer has the same email. One round trip, none without an email."""
    if buyer.folded_email is None:
        return False
    same = join_key(escape_key_part(buyer.folded_email), "")
    rows = next(ctx.store.query_pages(Buyer.BY_EMAIL.range(email_initial=buyer.email_initial, prefix=same), page_size=2))
    return any(row["pk"]["S"] != buyer.id for row in rows)


def buyer_ranges(query: BuyerQuery, prefix: str | None) -> list[KeyRange]:
    """Where the listed buyers are: in a market, else by the beginning of name or email, else all."""
    if query.market is not None:
        plan = markets.partitions_for(markets.Location(postal_code=query.market, country=query.country))
        partitions = [partition for partition in plan.partitions if partition != markets.EVERYWHERE]
        if not partitions:
            raise ValidationFailed.field("market", "a postal code is needed")
        return [BuyerMarket.range(partition) for partition in partitions]
    if prefix is not None:
        first, beginning = prefix[:1], escape_key_part(prefix)
        return [Buyer.BY_NAME.range(name_initial=first, prefix=beginning), Buyer.BY_EMAIL.range(email_initial=first, prefix=beginning)]
    return [Buyer.BY_ACTIVITY.range(activity=activity) for activity in (("active",) if query.active_only else ("active", "inactive"))]


def buyer_row(item: DynamoItem) -> dict[str, Any]:
    """The list view of a buyer in a range; `by_email` says that it was found by its email."""
    return decode_view(item) | {"by_email": Buyer.BY_EMAIL.sk_name in item and Buyer.BY_NAME.sk_name not in item}


# -- writing buyers


def create_buyer(ctx: Context, buyer: Buyer, response: object) -> None:
    """Write a new buyer with its rows in its markets. One round trip."""
    tx = idempotency.idempotent_transaction(ctx, response)
    tx.create(buyer)
    references.add_counter(tx, buyer.id, ctx.now)
    for row in buyer.market_rows(record={}):
        tx.put(row)
    tx.commit()


def save_buyer(ctx: Context, before: Buyer, after: Buyer) -> None:
    """Write a changed buyer, with its rows in its markets where these change. One round trip.

    New rows have no copy of the record: it may have changed since the buyer was read.
    """
    old, new = before.market_rows(), after.market_rows()
    if [row.to_item() for row in old] == [row.to_item() for row in new]:
        ctx.store.save(after)
        return
    tx = Transaction(ctx.store)
    tx.save(after)
    kept = {row.key for row in new}
    for row in old:
        if row.key not in kept:
            tx.delete(row.key)
    for row in new:
        tx.put(row)
    tx.update(reference_counter(after.id), set=_record_changed(ctx, after.id), when=ROW_EXISTS)
    tx.commit()


def delete_buyer(ctx: Context, buyer: Buyer) -> None:
    """Mark a buyer deleted; Conflict while it has an assignment that didn't fall out. One round trip."""
    tx = Transaction(ctx.store)
    references.close_if_unreferenced(tx, Buyer.ID, buyer.id, ctx.now, remove=BuyerCounter.index_attributes())
    for row in buyer.market_rows():
        tx.delete(row.key)
    tx.save(buyer.soft_deleted(ctx))
    tx.commit()


def _record_changed(ctx: Context, buyer_id: str) -> dict[str, object]:
    """What an update of the counter sets where the copies of the buyer's record are outdated from then on."""
    state = BuyerCounter.at(reference_counter(buyer_id), record_changed_at=ctx.now, record_changed_by=ctx.request_id)
    return {**state.index_keys(), "record_changed_at": ctx.now, "record_changed_by": ctx.request_id}


# -- records of buyers


def read_markets(ctx: Context, partitions: Sequence[markets.Partition], limit: int) -> tuple[dict[str, BuyerMarket], bool]:
    """The buyers in these markets by id, and whether these are all: at most `limit` rows are read. A round trip a market, or 1 MB."""
    rows = chain.from_iterable(ctx.store.query_all(BuyerMarket.range(partition)) for partition in partitions)
    found: dict[str, BuyerMarket] = {}
    for row in islice(rows, limit):
        found.setdefault(row["sk"]["S"], BuyerMarket.from_item(row))
    return found, next(rows, None) is None


def ids_with_changed_record(ctx: Context) -> set[str]:
    """The buyers whose rows in their markets may have an outdated copy of their record: those that changed in the last quarter of an hour."""
    return {row["pk"]["S"] for row in ctx.store.query_all(BuyerCounter.RECORDS.range())}


def read_records(ctx: Context, ids: Sequence[str]) -> dict[str, BuyerRecord]:
    """Counts and last offer of each buyer: two rows each, one round trip for fifty buyers, and one for the generation."""
    if not ids:
        return {}
    generation = generations(ctx.store)[0]
    statistics = {id: ItemKey(id, f"{STATISTICS_SORT_KEY}@{generation}") for id in ids}
    items = ctx.store.batch_get([*statistics.values(), *map(reference_counter, ids)])
    return {id: _record(ctx, items.get(statistics[id]), items.get(reference_counter(id))) for id in ids}


def _record(ctx: Context, statistics: DynamoItem | None, counter: DynamoItem | None) -> BuyerRecord:
    counts: Counts = live_aggregates(ctx.store, [statistics])[STATISTICS_SORT_KEY] if statistics else {}
    return BuyerRecord(counts, BuyerCounter.from_item(counter).last_offer_at if counter else None)


def process_changed_records(ctx: Context, run: RunStats, copy: DueHandler) -> None:
    """Handle the buyers whose record has changed, each with its counter."""
    due = BuyerCounter.RECORDS.until(ctx.now - _INDEX_DELAY)
    process_due(ctx, run, due, copy, keys=lambda id: (Buyer.ID.key(id), reference_counter(id)))


def read_due_record(id: str, items: Mapping[ItemKey, DynamoItem]) -> tuple[Buyer | None, BuyerCounter | None]:
    """The buyer and its counter among the items that were read for a page of due work."""
    counter = items.get(reference_counter(id))
    return parse_live(Buyer, items.get(Buyer.ID.key(id))), BuyerCounter.from_item(counter) if counter else None


def read_ended(ctx: Context, buyer_id: str) -> list[AssignmentRecord]:
    """The buyer's assignments that were closed, or fell out for a reason on the buyer's side: all that tier and faults depend on.

    One round trip for 1 MB of the list, and one for each hundred of these, by strong reads.
    """
    rows = map(decode_view, ctx.store.query_all(Assignment.BY_BUYER.range(buyer_id=buyer_id)))
    ids = [row["id"] for row in rows if row["status"] == assignments.CLOSED or row.get("fallout_reason") in assignments.BUYER_FAULTS]
    items = ctx.store.batch_get(Assignment.ID.key(id) for id in ids)
    return [Assignment.from_item(item).record for item in items.values() if "deleted_at" not in item]


def claim_record(ctx: Context, buyer: Buyer, counter: BuyerCounter, record: Mapping[str, int]) -> bool:
    """Copy the record to the buyer's rows in its markets; False where buyer or record have changed since they were read."""
    tx = Transaction(ctx.store)
    seen = {name: counter.attribute_values.get(name) for name in ("record_changed_at", "record_changed_by", "last_offer_at")}
    gone = ("record_changed_at", "record_changed_by", *BuyerCounter.index_attributes())
    tx.update(counter.key, remove=gone, when=all_of(*unchanged(seen)))
    tx.condition_check(buyer.key, all_of(*unchanged({"revision": buyer.revision, "deleted_at": None})))
    for row in buyer.market_rows():
        tx.update(row.key, set={"record": record, "last_offer_at": counter.last_offer_at}, when=ROW_EXISTS)
    try:
        tx.commit()
    except VersionConflict:
        return False
    return True


# -- proofs of funds


def process_proof_reminders(ctx: Context, run: RunStats, remind: Callable[[Context, Buyer], bool]) -> None:
    """Handle the buyers of whose proof a reminder is due."""
    process_due_entities(ctx, run, Buyer.PROOF_REMINDERS.until(ctx.today), Buyer, remind)


def claim_proof_reminder(ctx: Context, after: Buyer, notifications: list[Notification]) -> bool:
    """Write the buyer's next revision with its notification; False where another run was first."""
    return commit_claim(ctx, lambda tx: tx.save(after), notifications)


# -- reading assignments


def find_pipelines(ctx: Context, ids: Iterable[str]) -> dict[str, Pipeline]:
    """Those of these pipelines that exist, by id. One round trip for each hundred."""
    keys = {public.key(id): id for id in ids}
    rows = ctx.store.batch_get(keys) if keys else {}
    found = {id: public.parse_pipeline(rows.get(key)) for key, id in keys.items()}
    return {id: pipeline for id, pipeline in found.items() if pipeline}


def find_pipeline(ctx: Context, id: str) -> Pipeline:
    """A pipeline; NotFound. One round trip."""
    pipeline = find_pipelines(ctx, [id]).get(id)
    if pipeline is None:
        raise NotFound("pipeline")
    return pipeline


def read_assignment(ctx: Context, id: str) -> tuple[Assignment, PipelineSnapshot]:
    """An assignment with its pipeline and roster; IdempotentReplay for a repeated request. One round trip."""
    key = Assignment.ID.key(id)
    rows = idempotency.read_or_replay(ctx, [key, public.key(key.pk), OfferRoster.key_of(key.pk)])
    assignment, snapshot = parse_live(Assignment, rows.get(key)), _snapshot(key.pk, rows)
    if assignment is None or snapshot is None:
        raise NotFound("assignment")
    return assignment, snapshot


def read_pipeline(ctx: Context, id: str, buyer_ids: Iterable[str]) -> tuple[PipelineSnapshot, dict[str, Buyer]]:
    """A pipeline and its roster, and those of these buyers that exist; IdempotentReplay for a repeated request.

    One round trip for up to 97 buyers. NotFound without the pipeline.
    """
    keys = {buyer_id: Buyer.ID.key(buyer_id) for buyer_id in buyer_ids}
    rows = idempotency.read_or_replay(ctx, [public.key(id), OfferRoster.key_of(id), *keys.values()])
    snapshot = _snapshot(id, rows)
    if snapshot is None:
        raise NotFound("pipeline")
    buyers = {buyer_id: parse_live(Buyer, rows.get(key)) for buyer_id, key in keys.items()}
    return snapshot, {id: buyer for id, buyer in buyers.items() if buyer}


def read_lapsed(ctx: Context, pipeline_id: str, limit: int) -> tuple[PipelineSnapshot, list[Assignment]] | None:
    """A pipeline with at most `limit` of its offers that have lapsed with it; None where none has. Two round trips."""
    snapshot = _snapshot(pipeline_id, ctx.store.batch_get([public.key(pipeline_id), OfferRoster.key_of(pipeline_id)]))
    if snapshot is None:
        return None
    entries = snapshot.roster.entries.items()
    lapsed = (id for id, entry in entries if assignments.lapse_of(snapshot.pipeline, assignments.OFFERED, id, entry["contract"]))
    items = ctx.store.batch_get(Assignment.ID.key(id) for id in islice(lapsed, limit))
    found = (parse_live(Assignment, item) for item in items.values())
    offers = [offer for offer in found if offer and offer.status == assignments.OFFERED]
    return (snapshot, offers) if offers else None


def _snapshot(pipeline_id: str, rows: Mapping[ItemKey, DynamoItem]) -> PipelineSnapshot | None:
    key = OfferRoster.key_of(pipeline_id)
    pipeline, roster = public.parse_pipeline(rows.get(public.key(pipeline_id))), rows.get(key)
    empty = OfferRoster.at(key, revision=0, live={}, disputed=[])
    return PipelineSnapshot(pipeline, OfferRoster.from_item(roster) if roster else empty) if pipeline else None


def assignments_of_buyer(ctx: Context, id: str) -> KeyRange:
    """Where a buyer's assignments are; NotFound. One round trip: the buyer must exist."""
    return Assignment.BY_BUYER.range(buyer_id=find_buyer(ctx, id).id)


def assignment_rows(ctx: Context, pipeline_id: str) -> Iterator[dict[str, Any]]:
    """The list views of all assignments of a pipeline."""
    return map(decode_view, ctx.store.query_all(Assignment.children_of(pipeline_id)))


# -- writing assignments


class BuyerChanged(Problem):
    """The buyer has changed since it was read; `buyer` is what it is now, None where it is deleted. Never returned to a client."""

    kind = "conflict"

    def __init__(self, row: DynamoItem) -> None:
        super().__init__("The buyer has changed.")
        self.buyer = parse_live(Buyer, row or None)


class BuyerInactive(Problem):
    """The buyer is not active, or deleted. Never returned to a client."""

    kind = "conflict"

    def __init__(self, buyer_id: str) -> None:
        super().__init__("The buyer is inactive.")
        self.buyer_id = buyer_id


def check_buyer_unchanged(tx: Transaction, buyer: Buyer) -> None:
    """Make the transaction conditional on the buyer's revision and existence; else it raises BuyerChanged."""
    tx.condition_check(buyer.key, all_of(*unchanged({"revision": buyer.revision, "deleted_at": None})), BuyerChanged)


def check_buyer_active(tx: Transaction, buyer_id: str) -> None:
    """Make the transaction conditional on an active buyer; else it raises BuyerInactive."""
    tx.condition_check(Buyer.ID.key(buyer_id), all_of(*unchanged({"is_active": True, "deleted_at": None})), BuyerInactive(buyer_id))


def add_offers(ctx: Context, tx: Transaction, snapshot: PipelineSnapshot, offers: Sequence[tuple[Assignment, Buyer]]) -> None:
    """Add new offers of one pipeline: three actions each, and three for all of them.

    The transaction is conditional on the pipeline's stage and contract and on the roster's revision.
    """
    roster = snapshot.roster
    public.check_unchanged(tx, snapshot.pipeline)
    for assignment, buyer in offers:
        check_buyer_unchanged(tx, buyer)
        references.add_reference(tx, Buyer.ID, buyer.id, set={"last_offer_at": ctx.now, **_record_changed(ctx, buyer.id)})
        tx.create(assignment)
        roster = roster.with_entry(assignment)
    public.add_reference(tx, snapshot.pipeline.id, len(offers))
    put_roster(ctx, tx, roster)


def commit_offers(tx: Transaction) -> None:
    """Commit; VersionConflict where a buyer has changed since it was read."""
    try:
        tx.commit()
    except BuyerChanged:
        raise VersionConflict from None


def put_roster(ctx: Context, tx: Transaction, roster: OfferRoster) -> None:
    """Put the next revision of a roster; VersionConflict where it was written since it was read."""
    when = attribute("revision") == roster.revision if roster.revision else ROW_ABSENT
    tx.put(roster.with_values(revision=roster.revision + 1, request_id=ctx.request_id), when)


def add_closing(ctx: Context, tx: Transaction, after: Assignment) -> None:
    """Save an assignment that was closed: its buyer's record changes."""
    tx.save(after)
    tx.update(reference_counter(after.buyer_id), set=_record_changed(ctx, after.buyer_id), when=ROW_EXISTS)


def add_fallout(ctx: Context, tx: Transaction, after: Assignment) -> None:
    """Save an assignment that fell out, and remove its reference to the buyer, whose record changes with a fault."""
    tx.save(after)
    change = _record_changed(ctx, after.buyer_id) if after.record.is_buyer_fault else {}
    tx.update(reference_counter(after.buyer_id), set=change, add={"refs": -1}, when=ROW_EXISTS)


def save_fallen_offers(ctx: Context, snapshot: PipelineSnapshot, offers: Sequence[Assignment]) -> None:
    """Write offers of a pipeline that fell out, in one transaction: two actions each, and two for all of them."""
    tx = Transaction(ctx.store)
    for after in offers:
        add_fallout(ctx, tx, after)
    public.remove_reference(tx, snapshot.pipeline.id, len(offers))
    put_roster(ctx, tx, snapshot.roster.without_entries(*(offer.id for offer in offers)))
    tx.commit()


def add_earnest_money_event(ctx: Context, tx: Transaction, pipeline: Pipeline, before: Assignment, after: Assignment) -> None:
    """Add an event for the pipeline's owner where the status of the earnest money changes, in the same transaction."""
    if after.earnest_money_status is None or before.earnest_money_status in (after.earnest_money_status, None):
        return
    event = Notification.for_occasion(
        ctx,
        f"{after.id}/earnest-money/{after.revision}",
        on=ctx.today,
        event="dispositions.earnest_money",
        title=f"Earnest money is {after.earnest_money_status}: {public.display_name(pipeline)}",
        data={
            "from": before.earnest_money_status,
            "to": after.earnest_money_status,
            "amount": (after.earnest_money or {}).get("amount"),
            "currency": after.currency,
        },
        **{**public.notification_target(pipeline), "subject_type": "assignment", "subject_id": after.id},
    )
    add_notifications(ctx, tx, [event])


def save_assignment(ctx: Context, snapshot: PipelineSnapshot, roster: OfferRoster, before: Assignment, after: Assignment) -> Pipeline:
    """Write a changed assignment, with the roster where that changed too, and the pipeline where the price of the assigned one changed.

    One round trip: a conditional put, or a transaction.
    """
    pipeline = snapshot.pipeline
    changes_price = before.status == assignments.ASSIGNED and after.assignment_price != before.assignment_price
    changes_money = before.earnest_money_status not in (after.earnest_money_status, None)
    if roster is snapshot.roster and not changes_price and not changes_money:
        ctx.store.save(after)
        return pipeline
    tx = Transaction(ctx.store)
    if changes_price:
        pipeline = public.add_price_change(ctx, tx, pipeline, {"assignment_price": after.assignment_price})
    if roster is not snapshot.roster:
        put_roster(ctx, tx, roster)
    add_earnest_money_event(ctx, tx, pipeline, before, after)
    tx.save(after)
    tx.commit()
    return pipeline


# -- due work, reports


def process_expiries(ctx: Context, run: RunStats, close_out: DueHandler) -> None:
    """Handle the offers past their end, the oldest first."""
    process_due(ctx, run, Assignment.EXPIRIES.until(ctx.now), close_out)


def pipelines_on_offer(ctx: Context) -> Iterator[list[Pipeline]]:
    """The pipelines with live offers, page by page. Two round trips a page."""
    for rows in ctx.store.query_pages(OfferRoster.ON_OFFER.range(), page_size=ON_OFFER_PAGE):
        yield list(find_pipelines(ctx, [row["pk"]["S"] for row in rows]).values())


def summary_rows(ctx: Context, first: date, last: date) -> dict[str, dict[str, Number]]:
    """The aggregate rows of the days of the summary, both inclusive, by day. One round trip."""
    return read_aggregates(ctx.store, SUMMARY_PARTITION, between=(first.isoformat(), f"{last.isoformat()}~"))


def match_cursors(ctx: Context, id: str) -> CursorSigner:
    """Signs the cursors of the matches of a pipeline or a buyer, which are computed and have no range."""
    return CursorSigner(ctx.secrets.cursor_key, ctx.now, ctx.endpoint, id, ctx.actor.id)
