"""Looking at overrides again: the review that each needs, and the reminder of one that is overdue."""

from datetime import timedelta

from chalicelib.foundation.access import require_live_caller
from chalicelib.foundation.context import Context
from chalicelib.foundation.due_work import commit_claim, notification_target, process_due_entities
from chalicelib.foundation.errors import Conflict, Forbidden, NotFound
from chalicelib.foundation.events import Notification
from chalicelib.foundation.idempotency import idempotent_transaction, read_or_replay
from chalicelib.foundation.schedules import RunStats
from chalicelib.foundation.store.retry import retry_on_conflict
from chalicelib.foundation.store.store import parse_live
from chalicelib.packs.governance.entities import Decision, OverrideReview
from chalicelib.packs.governance.permissions import REVIEW, decider_keys, read_decider
from chalicelib.packs.governance.presenters import review_view
from chalicelib.packs.governance.rules.powers import RULERS
from chalicelib.packs.governance.schemas import OverrideReviewRequest, OverrideReviewView


@retry_on_conflict
def review_override(ctx: Context, id: str, body: OverrideReviewRequest) -> OverrideReviewView:
    """Review an override, once: by who reviews, or by another King or Queen than who made it."""
    Decision.ID.key(id)
    caller_keys = decider_keys(ctx)
    key = OverrideReview.ID.key(OverrideReview.id_of(id))
    rows = read_or_replay(ctx, [key, *caller_keys])
    before = parse_live(OverrideReview, rows.get(key))
    if before is None:
        raise NotFound("override")
    decider = read_decider(ctx, rows)
    if not ctx.actor.can(REVIEW):
        decider.require_role(*RULERS)
    if decider.person == before.person:
        raise Forbidden("An override is reviewed by another person than who made it.")
    ctx.check_if_match(before.revision)
    if before.reviewed_at is not None:
        raise Conflict("It was reviewed already.", code="reviewed")
    after = before.with_changes(ctx, reviewed_at=ctx.now, reviewed_by=ctx.actor.id, note=body.note)
    view = review_view(after)
    tx = idempotent_transaction(ctx, view)
    require_live_caller(ctx, tx)
    tx.save(after)
    tx.commit()
    return view


def tell_of_overdue_reviews(ctx: Context, run: RunStats) -> None:
    """Tell the auditors of each override whose review date has passed, once."""
    process_due_entities(ctx, run, OverrideReview.DUE.until(ctx.today - timedelta(days=1)), OverrideReview, _tell)


def _tell(ctx: Context, review: OverrideReview) -> bool:
    if review.due_on is None or review.due_on >= ctx.today:
        return False  # the index lags
    notification = Notification.for_occasion(
        ctx,
        review.id,
        on=review.review_date,
        event="governance.review_overdue",
        title=f"The override of a {review.subject_type} ({review.requested_action}) wasn't reviewed by {review.review_date.isoformat()}",
        due_on=review.review_date,
        data={"decision_id": review.decision_id},
        **notification_target(review.subject_type, review.subject_id, None, "auditor"),
    )
    return commit_claim(ctx, lambda tx: tx.save(review.with_changes(ctx, told_at=ctx.now)), [notification])
