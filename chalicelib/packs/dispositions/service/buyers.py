"""Creating, reading, listing, changing and deleting buyers; reminders of their proofs of funds, and copies of their records."""

from collections import Counter
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any, cast

from chalicelib.foundation.context import Context
from chalicelib.foundation.dates import format_timestamp
from chalicelib.foundation.due_work import FALLBACK_ROLE, DueItems
from chalicelib.foundation.errors import Forbidden, ValidationFailed
from chalicelib.foundation.events import Notification
from chalicelib.foundation.explanations import explain as explain_figure
from chalicelib.foundation.schema_types import PageOf, PageParams, check_money, merge_patch
from chalicelib.foundation.store.retry import retry_on_conflict
from chalicelib.packs.dispositions import repository
from chalicelib.packs.dispositions.entities import Buyer
from chalicelib.packs.dispositions.permissions import CONTACTS
from chalicelib.packs.dispositions.presenters import assignment_summary, buyer_summary, buyer_view, statistics_view
from chalicelib.packs.dispositions.rules import buyer_statistics, markets, proof_of_funds
from chalicelib.packs.dispositions.schemas import (
    AssignmentSummary,
    BuyerCreate,
    BuyerPatch,
    BuyerQuery,
    BuyerStatisticsView,
    BuyerSummary,
    BuyerView,
)

DUPLICATE_EMAIL = "duplicate_email"
_BOX_AMOUNTS = ("price_min", "price_max", "max_repairs")


def create(ctx: Context, body: BuyerCreate) -> BuyerView:
    """Create a buyer. Two round trips; one without an email, which needs no check for duplicates."""
    sent = {name: value for name, value in body.model_dump(exclude_unset=True).items() if value is not None}
    values = {name: merge_patch({}, value) if isinstance(value, dict) else value for name, value in sent.items()}
    flags = {"do_not_contact": body.do_not_contact, "is_active": body.is_active}
    buyer = Buyer.new(ctx, **{"tags": [], **flags, **_completed(ctx, values)})
    view = buyer_view(ctx, buyer, {}, _warnings(ctx, buyer))
    repository.create_buyer(ctx, buyer, view)
    return view


def get(ctx: Context, id: str) -> BuyerView:
    """A buyer with its statistics, in one query."""
    buyer, record = repository.find_buyer_with_record(ctx, id)
    return buyer_view(ctx, buyer, record.counts, [])


def read_statistics(ctx: Context, id: str, *, explain: bool) -> BuyerStatisticsView:
    """A buyer's statistics. One round trip."""
    buyer, (counts, _) = repository.find_buyer_with_record(ctx, id)
    view = cast(BuyerStatisticsView, {"buyer_id": buyer.id, **statistics_view(counts)})
    if explain:
        missing = ["closed"] if view["close_rate"] is None else []
        view["explain"] = explain_figure("dispositions.record", counts, format_timestamp(ctx.now), missing)
    return view


@retry_on_conflict
def edit(ctx: Context, id: str, body: BuyerPatch) -> BuyerView:
    """Change a buyer; omitted fields stay as they are. Two round trips, one more for a new email."""
    before, record = repository.find_buyer_with_record(ctx, id)
    ctx.check_if_match(before.revision)
    after = _apply_patch(ctx, before, body)
    warnings = _warnings(ctx, after) if after.email != before.email else []
    if after is not before:
        repository.save_buyer(ctx, before, after)
    return buyer_view(ctx, after, record.counts, warnings)


@retry_on_conflict
def delete(ctx: Context, id: str) -> None:
    """Mark a buyer deleted; Conflict while it has an assignment that didn't fall out. Two round trips."""
    buyer = repository.find_buyer(ctx, id)
    ctx.check_if_match(buyer.revision)
    repository.delete_buyer(ctx, buyer)


# -- lists


def list_buyers(ctx: Context, query: BuyerQuery) -> PageOf[BuyerSummary]:
    """Buyers: of a market, else by prefix of name or email, else all; one query for each partition."""
    if query.q is not None and not ctx.actor.can(CONTACTS):
        raise Forbidden(f"Searching names and emails needs the permission {CONTACTS}.")
    prefix = None if query.q is None else markets.fold_name(query.q)
    if prefix == "":
        raise ValidationFailed.field("q", "a letter or digit is needed")
    return ctx.paginate(
        repository.buyer_ranges(query, prefix),
        query,
        lambda row: buyer_summary(ctx, row),
        decode=repository.buyer_row,
        predicate=_predicate(query, prefix),
        newest_first=prefix is None or query.market is not None,
    )


def _predicate(query: BuyerQuery, prefix: str | None) -> Callable[[dict[str, Any]], bool]:
    """What the index doesn't decide. A buyer whose name matches as well is not listed again by its email."""

    def matches(row: dict[str, Any]) -> bool:
        if query.active_only and not row["is_active"]:
            return False
        if prefix is None:
            return True
        by_name = markets.fold_name(row["name"]).startswith(prefix[:80])
        if query.market is None:
            return not (row["by_email"] and by_name)
        return by_name or markets.fold_name(row.get("email", "")).startswith(prefix)

    return matches


def list_assignments(ctx: Context, id: str, query: PageParams) -> PageOf[AssignmentSummary]:
    """A buyer's assignments, newest first, without those of deleted pipelines.

    Three round trips: the buyer, the list, the pipelines of the page.
    """
    rows = ctx.paginate(repository.assignments_of_buyer(ctx, id), query, lambda row: row)
    pipelines = repository.find_pipelines(ctx, {row["pipeline_id"] for row in rows["items"]})
    items = [assignment_summary(row, pipelines[row["pipeline_id"]]) for row in rows["items"] if row["pipeline_id"] in pipelines]
    return {"items": items, "next_cursor": rows["next_cursor"]}


# -- values


def _apply_patch(ctx: Context, before: Buyer, body: BuyerPatch) -> Buyer:
    """The buyer after the patch; `before` itself where nothing changes. A new day of issue alone sets the proof's last day anew."""
    values, proof = dict(before.attribute_values), body.proof_of_funds
    if proof and "issued_on" in proof.model_fields_set and "expires_on" not in proof.model_fields_set:
        values["proof_of_funds"] = {name: value for name, value in (before.proof_of_funds or {}).items() if name != "expires_on"}
    completed = _completed(ctx, body.changes_to(values))
    changed = {name: value for name, value in completed.items() if value != before.attribute_values.get(name)}
    return before.with_changes(ctx, **changed) if changed else before


def _completed(ctx: Context, values: dict[str, Any]) -> dict[str, Any]:
    """The values with defaults, after validation."""
    if box := values.get("buy_box"):
        _check_buy_box(ctx, box)
    if proof := values.get("proof_of_funds"):
        values = {**values, "proof_of_funds": _completed_proof(ctx, proof)}
    return values


def _check_buy_box(ctx: Context, box: dict[str, Any]) -> None:
    amounts: dict[str, Decimal | None] = {f"buy_box.{name}": Decimal(box[name]) for name in _BOX_AMOUNTS if box.get(name) is not None}
    check_money(box.get("currency") or ctx.settings.default_currency, amounts)
    low, high = amounts.get("buy_box.price_min"), amounts.get("buy_box.price_max")
    if low is not None and high is not None and low > high:
        raise ValidationFailed.field("buy_box.price_max", "is below price_min")


def _completed_proof(ctx: Context, proof: dict[str, Any]) -> dict[str, Any]:
    if missing := [name for name in ("amount", "issued_on") if proof.get(name) is None]:
        raise ValidationFailed([{"loc": ["proof_of_funds", name], "message": "it is needed", "type": "missing"} for name in missing])
    expires_on = proof_of_funds.default_expiry(date.fromisoformat(proof["issued_on"])).isoformat()
    proof = {"currency": ctx.settings.default_currency, "expires_on": expires_on, **proof}
    check_money(proof["currency"], {"proof_of_funds.amount": Decimal(proof["amount"])})
    if proof["expires_on"] < proof["issued_on"]:
        raise ValidationFailed.field("proof_of_funds.expires_on", "is before its issue")
    return proof


def _warnings(ctx: Context, buyer: Buyer) -> list[str]:
    return [DUPLICATE_EMAIL] if repository.has_duplicate_email(ctx, buyer) else []


# -- due work


def remind_of_proof(ctx: Context, before: Buyer) -> bool:
    """Send the reminder of the buyer's proof where it is due; whether it was sent. The claim is the buyer's next revision.

    A proof that has expired already is only marked, without an event.
    """
    if before.proof is None or before.proof_reminder_on is None or before.proof_reminder_on > ctx.today:
        return False  # done already, or a newer proof (the index is eventually consistent)
    expires_on = before.proof.expires_on
    events = [_reminder(ctx, before, expires_on)] if expires_on >= ctx.today else []
    return repository.claim_proof_reminder(ctx, before.with_changes(ctx, proof_warned=expires_on), events)


def _reminder(ctx: Context, buyer: Buyer, expires_on: date) -> Notification:
    return Notification.for_occasion(
        ctx,
        f"{buyer.id}/proof-of-funds/{expires_on.isoformat()}",
        on=expires_on,
        event="dispositions.proof_of_funds",
        subject_type="buyer",
        subject_id=buyer.id,
        title=f"A buyer's proof of funds is valid through {expires_on.isoformat()}",
        for_role=FALLBACK_ROLE,
        due_on=expires_on,
        data={"expires_on": expires_on.isoformat(), "days_left": (expires_on - ctx.today).days},
    )


def copy_record(ctx: Context, id: str, items: DueItems) -> bool:
    """Copy the buyer's record to its rows in its markets; False where it changed meanwhile.

    It is counted from the assignments themselves, since the projection may be behind.
    """
    buyer, counter = repository.read_due_record(id, items)
    if buyer is None or counter is None or counter.record_changed_at is None:
        return False  # deleted, or done already
    counts: Counter[str] = Counter()
    for record in repository.read_ended(ctx, id):
        counts.update(buyer_statistics.count_contribution(record))
    return repository.claim_record(ctx, buyer, counter, buyer_statistics.matching_counts(counts, ctx.today))
