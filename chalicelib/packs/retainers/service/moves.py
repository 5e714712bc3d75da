"""Starting, pausing, resuming, cancelling and renewing retainers."""

from datetime import timedelta

from chalicelib.foundation.context import Context
from chalicelib.foundation.dates import add_months
from chalicelib.foundation.errors import Conflict, Forbidden, InvalidTransition, ValidationFailed
from chalicelib.foundation.idempotency import idempotent_transaction
from chalicelib.foundation.schema_types import ExplainParams
from chalicelib.foundation.store.retry import retry_on_conflict
from chalicelib.foundation.subjects import SubjectRegistry
from chalicelib.packs.governance import public as governance
from chalicelib.packs.governance.public import Leave
from chalicelib.packs.retainers import repository
from chalicelib.packs.retainers.entities import Retainer
from chalicelib.packs.retainers.presenters import retainer_view
from chalicelib.packs.retainers.rules import lifecycle
from chalicelib.packs.retainers.rules.accounts import Account
from chalicelib.packs.retainers.rules.lifecycle import Change
from chalicelib.packs.retainers.rules.states import ACTIVE, CANCELLED, DRAFT, MACHINE, PAUSED, SHORT_NOTICE
from chalicelib.packs.retainers.schemas import RetainerCancelRequest, RetainerDeactivatedView, RetainerMoveRequest, RetainerView
from chalicelib.packs.retainers.service import contracts
from chalicelib.packs.retainers.service.retainers import MAX_AGE
from chalicelib.packs.scorecards import public as professionals

_MONTHS_AHEAD = 12  # how far ahead of today a period may open by renewals


@retry_on_conflict
def activate_retainer(ctx: Context, id: str, body: RetainerMoveRequest, query: ExplainParams) -> RetainerView:
    """Start a draft from its first day, or resume a paused retainer from today."""
    before = repository.read_settled(ctx, id)
    transition = MACHINE.transition(before.status, ACTIVE)
    transition.check_permission(ctx.actor)
    transition.check_reason(body.reason, body.note)
    today, is_draft = before.today(ctx), before.status == DRAFT
    if is_draft:
        transition.check_guards(contracts.read_facts(ctx, before.contract_id))
        if before.starts_on < today - MAX_AGE:
            raise Conflict(f"It begins more than {MAX_AGE.days} days ago: move starts_on first.", code="begun_long_ago")
    move = lifecycle.started if is_draft else lifecycle.resumed
    account, changes = move(before.account, today, ctx.now)
    after = repository.changed(ctx, before, _last(account, changes), reason=body.reason, note=body.note)
    return _write(ctx, before, after, changes, query, refers=is_draft)


@retry_on_conflict
def pause_retainer(ctx: Context, id: str, body: RetainerMoveRequest, query: ExplainParams) -> RetainerView:
    """Pause a retainer from today: paused days count neither for the hours nor for the fee."""
    before = repository.read_settled(ctx, id)
    MACHINE.check(before.status, PAUSED, actor=ctx.actor, reason=body.reason, note=body.note)
    after = repository.changed(ctx, before, lifecycle.paused(before.account, before.today(ctx)), reason=body.reason, note=body.note)
    return _write(ctx, before, after, [], query)


@retry_on_conflict
def deactivate_retainer(ctx: Context, id: str) -> RetainerDeactivatedView:
    """Pause a retainer from today, without a reason."""
    before = repository.read_settled(ctx, id)
    MACHINE.transition(before.status, PAUSED).check_permission(ctx.actor)
    after = repository.changed(ctx, before, lifecycle.paused(before.account, before.today(ctx)))
    view: RetainerDeactivatedView = {"status": "deactivated", "retainer_id": id}
    tx = idempotent_transaction(ctx, view)
    repository.add_changes(ctx, tx, before, after, [])
    tx.commit()
    return view


@retry_on_conflict
def cancel_retainer(ctx: Context, id: str, body: RetainerCancelRequest, query: ExplainParams) -> RetainerView:
    """Cancel a retainer after its last day that counts. Until then it goes on; today's cuts at once, and a draft ends at once."""
    before = repository.read_settled(ctx, id)
    transition = MACHINE.transition(before.status, CANCELLED)
    _require_not_cancelled(before)
    today = before.today(ctx)
    earliest = today + timedelta(days=before.notice_days)
    last_day = body.effective_on or earliest
    if last_day < today:
        raise ValidationFailed.field("effective_on", "it can't have passed")
    if before.status == DRAFT:
        earliest = last_day = today
    transition.check_permission(ctx.actor)
    if last_day < earliest and not ctx.actor.can(SHORT_NOTICE):
        raise Forbidden(f"The notice ends on {earliest.isoformat()}; a sooner end needs the permission {SHORT_NOTICE}.")
    transition.check_reason(body.reason, body.note)
    account, changes = lifecycle.cancelled_from(before.account, last_day, today, ctx.now)
    after = repository.changed(ctx, before, _last(account, changes), reason=body.reason, note=body.note)
    if after.status == before.status:  # until the day
        after = after.with_values(cancel_reason=body.reason, cancel_note=body.note)
    return _write(ctx, before, after, changes, query)


@retry_on_conflict
def renew_retainer(ctx: Context, id: str, query: ExplainParams) -> RetainerView:
    """End the term with the running period, which closes uncut; the next opens at once, and the fee is that of the next term."""
    before, rows = repository.read_to_change(ctx, id, governance.keys_for(id))
    ctx.check_if_match(before.revision)
    before = repository.settle(ctx, before)
    if before.status != ACTIVE:
        allowed = MACHINE.allowed(before.status)
        raise InvalidTransition(MACHINE.name, before.status, ACTIVE, allowed, "Only an active retainer is renewed.")
    _require_not_cancelled(before)
    period = before.account.period
    if period is None:
        raise Conflict(f"The retainer starts on {before.next_on.isoformat()}.", code="not_started")
    if period.starts_on > add_months(before.today(ctx), _MONTHS_AHEAD):
        raise Conflict(f"It is renewed more than {_MONTHS_AHEAD} months ahead.", code="renewed_ahead")
    subject = SubjectRegistry(ctx.packs).parse(id, before.to_item(), ctx.today)
    leave = governance.require_approval(
        ctx, subject, governance.RENEW, kind=None, amount=before.monthly_fee, currency=before.currency, rows=rows
    )
    change = lifecycle.renewed(before.account, ctx.now)
    return _write(ctx, before, repository.changed(ctx, before, change.account), [change], query, leave=leave)


def _require_not_cancelled(retainer: Retainer) -> None:
    if retainer.cancels_on is not None:
        raise Conflict(f"It is cancelled as of {retainer.cancels_on.isoformat()}.", code="cancels_already")


def _last(account: Account, changes: list[Change]) -> Account:
    return changes[-1].account if changes else account


def _write(
    ctx: Context,
    before: Retainer,
    after: Retainer,
    changes: list[Change],
    query: ExplainParams,
    *,
    refers: bool = False,
    leave: Leave | None = None,
) -> RetainerView:
    """Write a moved retainer and answer it. `refers`: only while its professional is active; with `leave` only as long as that stands."""
    view = retainer_view(ctx, after, explain=query.explain)
    tx = idempotent_transaction(ctx, view)
    if refers:
        professionals.add_reference(tx, after.professional_id, 0, active=True)
    if leave is not None:
        leave.check(ctx, tx)
    repository.add_changes(ctx, tx, before, after, changes)
    tx.commit()
    return view
