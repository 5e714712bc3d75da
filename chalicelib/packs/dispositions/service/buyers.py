"""Creating, reading, listing, changing and deleting buyers; reminders of their proofs of funds, and copies of their records."""

from collections.abc import Callable
from datetime import date
from functools import partial
from typing import Any

from chalicelib.foundation.context import Context
from chalicelib.foundation.counts import add_up
from chalicelib.foundation.due_work import commit_claim, notification_target
from chalicelib.foundation.errors import Forbidden, ValidationFailed
from chalicelib.foundation.events import Notification
from chalicelib.foundation.folding import fold_text
from chalicelib.foundation.schema_types import ExplainParams, PageOf, PageParams, check_money, merge_patch
from chalicelib.foundation.store.retry import retry_on_conflict
from chalicelib.foundation.suppression import ADDRESS_OPTED_OUT
from chalicelib.packs.dispositions import repository, schemas
from chalicelib.packs.dispositions.entities import OPT_OUTS, Assignment, Buyer, BuyerCounter
from chalicelib.packs.dispositions.permissions import CONTACTS
from chalicelib.packs.dispositions.presenters import assignment_summary, buyer_summary, buyer_view, record_explanation, statistics_view
from chalicelib.packs.dispositions.rules import assignments, buyer_statistics, proof_of_funds
from chalicelib.packs.wholesale.public import Pipeline

DUPLICATE_EMAIL, OPTED_OUT = "duplicate_email", "opted_out"
_BOX_AMOUNTS = ("price_min", "price_max", "max_repairs")


@retry_on_conflict
def create_buyer(ctx: Context, body: schemas.BuyerCreate) -> schemas.BuyerView:
    """Create a buyer. An email that another buyer has is allowed, with a warning; one that has opted out isn't to be contacted."""
    sent = {name: value for name, value in body.model_dump(exclude_unset=True).items() if value is not None}
    values = {name: merge_patch({}, value) if isinstance(value, dict) else value for name, value in sent.items()}
    defaults = {"tags": [], "do_not_contact": body.do_not_contact, "is_active": body.is_active}
    new = Buyer.new(ctx, **{**defaults, **_completed(ctx, values)})
    buyer = OPT_OUTS.settle(ctx, None, new, body.model_fields_set, assignments.OVERRIDE)
    view = buyer_view(ctx, buyer, {}, _warnings(ctx, None, buyer))
    repository.create_buyer(ctx, buyer, view)
    return view


def get_buyer(ctx: Context, id: str, query: ExplainParams) -> schemas.BuyerView:
    """A buyer with its statistics, which follow a change within seconds."""
    buyer, (counts, _) = repository.find_buyer_with_record(ctx, id)
    return buyer_view(ctx, buyer, counts, [], explain=query.explain)


def read_buyer_stats(ctx: Context, id: str, query: ExplainParams) -> schemas.BuyerStatisticsView:
    """A buyer's statistics: assignments offered, assigned, closed, fallen out or lapsed, and their rates."""
    buyer, (counts, _) = repository.find_buyer_with_record(ctx, id)
    return {"buyer_id": buyer.id, **statistics_view(counts), **record_explanation(ctx, counts, explain=query.explain)}


@retry_on_conflict
def edit_buyer(ctx: Context, id: str, body: schemas.BuyerPatch) -> schemas.BuyerView:
    """Change a buyer. Omitted fields stay as they are, null clears, nested objects are merged."""
    before, record = repository.find_buyer_with_record(ctx, id)
    ctx.check_if_match(before.revision)
    after = OPT_OUTS.settle(ctx, before, _apply_patch(ctx, before, body), body.model_fields_set, assignments.OVERRIDE)
    warnings = _warnings(ctx, before, after)
    if after is not before:
        repository.save_buyer(ctx, before, after)
    return buyer_view(ctx, after, record.counts, warnings)


@retry_on_conflict
def delete_buyer(ctx: Context, id: str) -> None:
    """Delete a buyer, unless it has an assignment that didn't fall out."""
    buyer = ctx.store.require(Buyer, id)
    ctx.check_if_match(buyer.revision)
    repository.delete_buyer(ctx, buyer)


# -- lists


def list_buyers(ctx: Context, query: schemas.BuyerQuery) -> PageOf[schemas.BuyerSummary]:
    """Buyers, newest first; results of a search by name or email in alphabetical order."""
    if query.q is not None and not ctx.actor.can(CONTACTS):
        raise Forbidden(f"Searching names and emails needs the permission {CONTACTS}.")
    prefix = None if query.q is None else fold_text(query.q)
    if prefix == "":
        raise ValidationFailed.field("q", "a letter or digit is needed")
    ranges, predicate = repository.buyer_ranges(query, prefix), _predicate(query, prefix)
    by_time, present = prefix is None or query.market is not None, partial(buyer_summary, ctx)
    return ctx.paginate(ranges, query, present, decode=repository.buyer_row, predicate=predicate, newest_first=by_time)


def _predicate(query: schemas.BuyerQuery, prefix: str | None) -> Callable[[dict[str, Any]], bool]:
    """What the index doesn't decide. A buyer whose name matches as well is not listed again by its email."""

    def matches(row: dict[str, Any]) -> bool:
        if query.active_only and not row["is_active"]:
            return False
        if prefix is None:
            return True
        by_name = fold_text(row["name"]).startswith(prefix[:80])
        if query.market is None:
            return not (row["by_email"] and by_name)
        return by_name or fold_text(row.get("email", "")).startswith(prefix)

    return matches


def list_buyer_assignments(ctx: Context, id: str, query: PageParams) -> PageOf[schemas.AssignmentSummary]:
    """A buyer's assignments, newest first."""
    buyer = ctx.store.require(Buyer, id)
    rows = ctx.paginate(Assignment.BY_BUYER.range(buyer_id=buyer.id), query, lambda row: row)
    pipelines = ctx.store.find_many(Pipeline, {row["pipeline_id"] for row in rows["items"]})
    # Those of deleted pipelines are left out.
    items = [assignment_summary(row, pipelines[row["pipeline_id"]]) for row in rows["items"] if row["pipeline_id"] in pipelines]
    return {"items": items, "next_cursor": rows["next_cursor"]}


# -- values


def _apply_patch(ctx: Context, before: Buyer, body: schemas.BuyerPatch) -> Buyer:
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
    check_money(box.get("currency") or ctx.settings.default_currency, {f"buy_box.{name}": box.get(name) for name in _BOX_AMOUNTS})
    low, high = box.get("price_min"), box.get("price_max")
    if low is not None and high is not None and low > high:
        raise ValidationFailed.field("buy_box.price_max", "is below price_min")


def _completed_proof(ctx: Context, proof: dict[str, Any]) -> dict[str, Any]:
    if missing := [name for name in ("amount", "issued_on") if proof.get(name) is None]:
        raise ValidationFailed([{"loc": ["proof_of_funds", name], "message": "it is needed", "type": "missing"} for name in missing])
    expires_on = proof_of_funds.default_expiry(date.fromisoformat(proof["issued_on"])).isoformat()
    proof = {"currency": ctx.settings.default_currency, "expires_on": expires_on, **proof}
    check_money(proof["currency"], {"proof_of_funds.amount": proof["amount"]})
    if proof["expires_on"] < proof["issued_on"]:
        raise ValidationFailed.field("proof_of_funds.expires_on", "is before its issue")
    return proof


def _warnings(ctx: Context, before: Buyer | None, after: Buyer) -> list[str]:
    if before is not None and before.email == after.email:
        return []
    is_shared = any(row["pk"]["S"] != after.id for row in repository.of_same_email(ctx, after))
    found = {DUPLICATE_EMAIL: is_shared, OPTED_OUT: after.email is not None and after.contact_reason == ADDRESS_OPTED_OUT}
    return [warning for warning, holds in found.items() if holds]


# -- due work


def remind_of_proof(ctx: Context, before: Buyer) -> bool:
    """Send the reminder of the buyer's proof where it is due; whether it was sent. A proof that has expired already is only marked."""
    if before.proof is None or before.proof_reminder_on is None or before.proof_reminder_on > ctx.today:
        return False  # done already, or a newer proof (the index is eventually consistent)
    expires_on = before.proof.expires_on
    events = [_reminder(ctx, before, expires_on)] if expires_on >= ctx.today else []
    return commit_claim(ctx, lambda tx: tx.save(before.with_changes(ctx, proof_warned=expires_on)), events)


def _reminder(ctx: Context, buyer: Buyer, expires_on: date) -> Notification:
    return Notification.for_occasion(
        ctx,
        f"{buyer.id}/proof-of-funds/{expires_on.isoformat()}",
        on=expires_on,
        event="dispositions.proof_of_funds",
        title=f"A buyer's proof of funds is valid through {expires_on.isoformat()}",
        due_on=expires_on,
        data={"expires_on": expires_on.isoformat(), "days_left": (expires_on - ctx.today).days},
        **notification_target("buyer", buyer.id, owner=None),
    )


def copy_record(ctx: Context, buyer: Buyer, counter: BuyerCounter) -> bool:
    """Copy the buyer's record to its rows in its markets. It is counted from the assignments, since the projection may be behind."""
    if counter.record_changed_at is None:
        return False  # done already
    if (buyer.do_not_contact or buyer.contact_reason) and not repository.spread_contact(ctx, buyer):
        return False  # more of it in the next run
    counts = add_up(map(buyer_statistics.count_contribution, repository.read_ended(ctx, buyer.id)))
    repository.claim_record(ctx, buyer, counter, buyer_statistics.matching_counts(counts, ctx.today))
    return True
