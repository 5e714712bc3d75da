"""Reading and writing buyers, assignments and offer rosters: what needs more than a read or a write of the store's own."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from chalicelib.foundation import idempotency
from chalicelib.foundation.context import Context
from chalicelib.foundation.due_work import notification_target
from chalicelib.foundation.errors import NotFound, ValidationFailed
from chalicelib.foundation.events import Notification, add_notifications
from chalicelib.foundation.ids import ItemKey
from chalicelib.foundation.pending_changes import add_pending, save_with_marker
from chalicelib.foundation.projections import generations, live_aggregates
from chalicelib.foundation.store import references
from chalicelib.foundation.store.access_patterns import KeyRange
from chalicelib.foundation.store.codec import DynamoItem
from chalicelib.foundation.store.expressions import ROW_ABSENT, ROW_EXISTS, all_of, attribute, unchanged
from chalicelib.foundation.store.keys import escape_key_part, join_key, reference_counter
from chalicelib.foundation.store.pagination import decode_view
from chalicelib.foundation.store.store import parse_live, parse_many
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.packs.dispositions.entities import (
    OPT_OUTS,
    STATISTICS_SORT_KEY,
    Assignment,
    Buyer,
    BuyerCounter,
    BuyerMarket,
    BuyerRecord,
    OfferRoster,
    PipelineSnapshot,
)
from chalicelib.packs.dispositions.rules import assignments, markets
from chalicelib.packs.dispositions.rules.buyer_statistics import AssignmentRecord
from chalicelib.packs.dispositions.schemas import BuyerQuery
from chalicelib.packs.wholesale import public
from chalicelib.packs.wholesale.public import Pipeline

ON_OFFER_PAGE = 50

# -- reading buyers


def find_buyer_with_record(ctx: Context, id: str) -> tuple[Buyer, BuyerRecord]:
    """A buyer with its statistics and its last offer, as of one moment; NotFound. One round trip."""
    buyer, rows = ctx.store.require_with_rows(Buyer, id)
    return buyer, _record(ctx, rows)


def _record(ctx: Context, rows: Sequence[DynamoItem]) -> BuyerRecord:
    """The record in rows of a buyer's partition."""
    counts = live_aggregates(ctx.store, rows).get(STATISTICS_SORT_KEY, {})
    counters = (BuyerCounter.from_item(row) for row in rows if row["sk"]["S"] == reference_counter(row["pk"]["S"]).sk)
    return BuyerRecord(counts, next((counter.last_offer_at for counter in counters), None))


def of_same_email(ctx: Context, buyer: Buyer) -> Iterator[DynamoItem]:
    """The rows of the buyers with the email of this one, itself included. A round trip for each hundred, none without an email."""
    if buyer.folded_email is None:
        return iter(())
    same = join_key(escape_key_part(buyer.folded_email), "")
    return ctx.store.query_all(Buyer.BY_EMAIL.range(email_initial=buyer.email_initial, prefix=same), page_size=100)


def buyer_ranges(query: BuyerQuery, prefix: str | None) -> list[KeyRange]:
    """Where the listed buyers are: in a market, else by the beginning of name or email, else all."""
    if query.market is not None:
        plan = markets.partitions_for(markets.Location(postal_code=query.market, country=query.country))
        ranges = [BuyerMarket.range(partition) for partition in plan.partitions if partition != markets.EVERYWHERE]
        if not ranges:
            raise ValidationFailed.field("market", "a postal code is needed")
        return ranges
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
    _commit_with_contact(ctx, tx, None, buyer)


def _commit_with_contact(ctx: Context, tx: Transaction, before: Buyer | None, after: Buyer) -> None:
    """Commit the write of a buyer with what it needs of its address; the others that have the address follow, as far as one step goes."""
    is_changed = OPT_OUTS.add(ctx, tx, before, after)
    tx.commit()
    if is_changed:
        spread_contact(ctx, after)


def spread_contact(ctx: Context, buyer: Buyer) -> bool:
    """Let the others that have the buyer's email be contacted as it is; whether none is left. Two round trips, and one for each of them."""
    return OPT_OUTS.spread(ctx, buyer, of_same_email(ctx, buyer), save_buyer)


def save_buyer(ctx: Context, before: Buyer, after: Buyer) -> None:
    """Write a changed buyer, with its rows in its markets where these change. One round trip."""
    old, new = before.market_rows(), after.market_rows()
    if [row.to_item() for row in old] == [row.to_item() for row in new]:
        ctx.store.save(after)
        return
    tx = Transaction(ctx.store)
    tx.save(after)
    for key in {row.key for row in old} - {row.key for row in new}:
        tx.delete(key)
    for row in new:  # without a copy of the record, which may have changed since the buyer was read
        tx.put(row)
    tx.update(reference_counter(after.id), set=_record_changed(ctx, after.id), when=ROW_EXISTS)
    _commit_with_contact(ctx, tx, before, after)


def delete_buyer(ctx: Context, buyer: Buyer) -> None:
    """Mark a buyer deleted; Conflict while it has an assignment that didn't fall out. One round trip."""
    tx = Transaction(ctx.store)
    references.close_if_unreferenced(ctx, tx, Buyer, buyer.id, remove=BuyerCounter.index_attributes())
    for row in buyer.market_rows():
        tx.delete(row.key)
    tx.save(buyer.soft_deleted(ctx))
    tx.commit()


# -- records of buyers, and their copies in the markets


def _record_changed(ctx: Context, buyer_id: str) -> dict[str, object]:
    """What an update of the counter sets where the copies of the buyer's record are outdated from then on."""
    state = BuyerCounter.at(reference_counter(buyer_id), record_changed_at=ctx.now, record_changed_by=ctx.request_id)
    return {**state.index_keys(), "record_changed_at": ctx.now, "record_changed_by": ctx.request_id}


def ids_with_changed_record(ctx: Context) -> set[str]:
    """The buyers whose rows in their markets may have an outdated copy of their record: those that changed in the last quarter of an hour."""
    return {row["pk"]["S"] for row in ctx.store.query_all(BuyerCounter.RECORDS.range())}


def read_markets(ctx: Context, partitions: Sequence[markets.Partition], limit: int) -> tuple[dict[str, BuyerMarket], bool]:
    """The buyers in these markets by id, and whether these are all: at most `limit` rows are read. A round trip a market, or 1 MB."""
    rows, is_complete = ctx.store.query_some(map(BuyerMarket.range, partitions), limit)
    return {row.buyer_id: row for row in map(BuyerMarket.from_item, rows)}, is_complete


def read_records(ctx: Context, ids: Sequence[str]) -> dict[str, BuyerRecord]:
    """Counts and last offer of each buyer: two rows each, one round trip for fifty buyers, and one for the generation."""
    if not ids:
        return {}
    sort_key = f"{STATISTICS_SORT_KEY}@{generations(ctx.store)[0]}"
    keys = {id: (ItemKey(id, sort_key), reference_counter(id)) for id in ids}
    items = ctx.store.batch_get(key for pair in keys.values() for key in pair)
    return {id: _record(ctx, [items[key] for key in pair if key in items]) for id, pair in keys.items()}


def read_ended(ctx: Context, buyer_id: str) -> list[AssignmentRecord]:
    """The buyer's assignments that tier and faults depend on. One round trip for 1 MB of the list, and one for each hundred of these."""
    rows = map(decode_view, ctx.store.query_all(Assignment.BY_BUYER.range(buyer_id=buyer_id)))
    ids = [row["id"] for row in rows if row["status"] == assignments.CLOSED or row.get("fallout_reason") in assignments.BUYER_FAULTS]
    return [assignment.record for assignment in ctx.store.find_many(Assignment, ids).values()]


def claim_record(ctx: Context, buyer: Buyer, counter: BuyerCounter, record: Mapping[str, int]) -> None:
    """Copy the record to the buyer's rows in its markets; VersionConflict where buyer or record have changed since they were read."""
    tx = Transaction(ctx.store)
    seen = {name: counter.attribute_values.get(name) for name in ("record_changed_at", "record_changed_by", "last_offer_at")}
    gone = ("record_changed_at", "record_changed_by", *BuyerCounter.index_attributes())
    tx.update(counter.key, remove=gone, when=all_of(*unchanged(seen)))
    tx.check_unchanged(buyer)
    for row in buyer.market_rows():
        tx.update(row.key, set={"record": record, "last_offer_at": counter.last_offer_at}, when=ROW_EXISTS)
    tx.commit()


# -- reading assignments


def read_assignment(ctx: Context, id: str) -> tuple[Assignment, PipelineSnapshot]:
    """An assignment (NotFound) with its pipeline and roster; IdempotentReplay for a repeated request. One round trip."""
    return read_assignment_with(ctx, id, ())[:2]


def read_assignment_with(
    ctx: Context, id: str, others: Iterable[ItemKey]
) -> tuple[Assignment, PipelineSnapshot, dict[ItemKey, DynamoItem]]:
    """As `read_assignment`, with all rows that were read: other ones, too."""
    key = Assignment.ID.key(id)
    rows = idempotency.read_or_replay(ctx, [key, public.key(key.pk), OfferRoster.key_of(key.pk), *others])
    assignment, snapshot = parse_live(Assignment, rows.get(key)), _snapshot(ctx, key.pk, rows)
    if assignment is None or snapshot is None:
        raise NotFound("assignment")
    return assignment, snapshot, rows


def read_pipeline(ctx: Context, id: str, buyer_ids: Sequence[str]) -> tuple[PipelineSnapshot, dict[str, Buyer]]:
    """A pipeline (NotFound), its roster, and those of up to 97 buyers that exist; IdempotentReplay. One round trip."""
    rows = idempotency.read_or_replay(ctx, [public.key(id), OfferRoster.key_of(id), *map(Buyer.ID.key, buyer_ids)])
    snapshot = _snapshot(ctx, id, rows)
    if snapshot is None:
        raise NotFound("pipeline")
    return snapshot, parse_many(Buyer, buyer_ids, rows)


def read_lapsed(ctx: Context, pipeline_id: str, limit: int) -> tuple[PipelineSnapshot, list[Assignment]] | None:
    """A pipeline with at most `limit` of its offers that have lapsed with it; None where none has. Two round trips."""
    snapshot = _snapshot(ctx, pipeline_id, ctx.store.batch_get([public.key(pipeline_id), OfferRoster.key_of(pipeline_id)]))
    if snapshot is None:
        return None
    entries = snapshot.roster.entries.items()
    lapsed = (id for id, entry in entries if assignments.lapse_of(snapshot.pipeline, assignments.OFFERED, id, entry["contract"]))
    found = ctx.store.find_many(Assignment, islice(lapsed, limit)).values()
    offers = [offer for offer in found if offer.status == assignments.OFFERED]
    return (snapshot, offers) if offers else None


def _snapshot(ctx: Context, pipeline_id: str, rows: Mapping[ItemKey, DynamoItem]) -> PipelineSnapshot | None:
    key = OfferRoster.key_of(pipeline_id)
    pipeline, row = public.parse_pipeline(rows.get(public.key(pipeline_id))), rows.get(key)
    if pipeline is None:
        return None
    roster = OfferRoster.from_item(row) if row else OfferRoster.at(key, revision=0, live={}, disputed=[])
    return PipelineSnapshot(pipeline, roster.without_expired(ctx.now, pipeline.assignment_id))


def pipelines_on_offer(ctx: Context) -> Iterator[Iterable[Pipeline]]:
    """The pipelines with live offers, page by page. Two round trips a page."""
    for rows in ctx.store.query_pages(OfferRoster.ON_OFFER.range(), page_size=ON_OFFER_PAGE):
        yield ctx.store.find_many(Pipeline, [row["pk"]["S"] for row in rows]).values()


# -- writing assignments


class BuyerInactive(Exception):
    """The buyer is not active, or deleted."""


def check_buyer_active(tx: Transaction, buyer_id: str) -> None:
    """Make the transaction conditional on an active buyer; else it raises BuyerInactive."""
    tx.condition_check(Buyer.ID.key(buyer_id), all_of(*unchanged({"is_active": True, "deleted_at": None})), BuyerInactive())


def add_offers(ctx: Context, tx: Transaction, snapshot: PipelineSnapshot, offers: Sequence[tuple[Assignment, Buyer]]) -> None:
    """Add new offers of one pipeline, whose stage and contract, roster and buyers didn't change: five actions each, and three for all."""
    roster = snapshot.roster
    public.check_unchanged(tx, snapshot.pipeline)
    OPT_OUTS.check(ctx, tx, [buyer.email for _, buyer in offers])
    for assignment, buyer in offers:
        tx.check_unchanged(buyer)
        references.add_reference(tx, Buyer.ID, buyer.id, set={"last_offer_at": ctx.now, **_record_changed(ctx, buyer.id)})
        tx.create(assignment)
        add_pending(ctx, tx, None, assignment)
        roster = roster.with_entry(assignment)
    public.add_reference(tx, snapshot.pipeline.id, len(offers))
    put_roster(ctx, tx, roster)


def put_roster(ctx: Context, tx: Transaction, roster: OfferRoster) -> None:
    """Put the next revision of a roster; VersionConflict where it was written since it was read."""
    when = attribute("revision") == roster.revision if roster.revision else ROW_ABSENT
    tx.put(roster.with_values(revision=roster.revision + 1, request_id=ctx.request_id), when)


def add_closing(ctx: Context, tx: Transaction, after: Assignment) -> None:
    """Save an assignment that was closed: its buyer's record changes."""
    save_with_marker(ctx, tx, after)
    tx.update(reference_counter(after.buyer_id), set=_record_changed(ctx, after.buyer_id), when=ROW_EXISTS)


def add_fallout(ctx: Context, tx: Transaction, after: Assignment) -> None:
    """Save an assignment that fell out, and remove its reference to the buyer, whose record changes with a fault."""
    save_with_marker(ctx, tx, after)
    change = _record_changed(ctx, after.buyer_id) if after.record.is_buyer_fault else {}
    tx.update(reference_counter(after.buyer_id), set=change, add={"refs": -1}, when=ROW_EXISTS)


def save_fallen_offers(ctx: Context, snapshot: PipelineSnapshot, offers: Sequence[Assignment]) -> None:
    """Write offers of a pipeline that lapsed, in one transaction: two actions each and one a buyer, and two for all of them."""
    tx = Transaction(ctx.store)
    for after in offers:
        save_with_marker(ctx, tx, after)
    for buyer_id, count in Counter(after.buyer_id for after in offers).items():  # a lapse is no fault, so the record stays
        references.remove_reference(tx, Buyer.ID, buyer_id, count)
    public.remove_reference(tx, snapshot.pipeline.id, len(offers))
    put_roster(ctx, tx, snapshot.roster.without_entries(*(offer.id for offer in offers)))
    tx.commit()


def add_earnest_money_event(ctx: Context, tx: Transaction, pipeline: Pipeline, before: Assignment, after: Assignment) -> None:
    """Add an event for the pipeline's owner where the status of the earnest money changes, in the same transaction."""
    source, target = before.earnest_money_status, after.earnest_money_status
    if target is None or source in (target, None):
        return
    event = Notification.for_occasion(
        ctx,
        f"{after.id}/earnest-money/{after.revision}",
        on=ctx.today,
        event="dispositions.earnest_money",
        title=f"Earnest money is {target}: {public.display_name(pipeline)}",
        data={"from": source, "to": target, "amount": (after.earnest_money or {}).get("amount"), "currency": after.currency},
        **notification_target("assignment", after.id, pipeline.owner),
    )
    add_notifications(ctx, tx, [event])


def save_assignment(ctx: Context, snapshot: PipelineSnapshot, roster: OfferRoster, before: Assignment, after: Assignment) -> Pipeline:
    """Write a changed assignment, with its roster, and its pipeline where the price of the assigned one changes. One round trip."""
    pipeline, tx = snapshot.pipeline, Transaction(ctx.store)
    if before.status == assignments.ASSIGNED and after.assignment_price != before.assignment_price:
        pipeline = public.add_price_change(ctx, tx, pipeline, {"assignment_price": after.assignment_price})
    if roster is not snapshot.roster:
        put_roster(ctx, tx, roster)
    add_earnest_money_event(ctx, tx, pipeline, before, after)
    tx.save(after)
    add_pending(ctx, tx, before, after)
    tx.commit()
    return pipeline
