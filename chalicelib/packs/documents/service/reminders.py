"""Reminding people of documents that they haven't acknowledged: on the days of the schedule, and by hand."""

from collections.abc import Iterator
from contextlib import contextmanager

from chalicelib.foundation.auth import rate_limit
from chalicelib.foundation.context import Context
from chalicelib.foundation.due_work import DueItems, commit_claim, notification_target, process_due
from chalicelib.foundation.errors import Conflict
from chalicelib.foundation.events import Notification
from chalicelib.foundation.idempotency import idempotent_transaction
from chalicelib.foundation.ids import ItemKey
from chalicelib.foundation.schedules import RunStats
from chalicelib.foundation.store.store import parse_live
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.packs.deals import public as deals
from chalicelib.packs.documents import repository
from chalicelib.packs.documents.entities import Route
from chalicelib.packs.documents.permissions import ANY_DEAL, require_own_deal
from chalicelib.packs.documents.presenters import route_view
from chalicelib.packs.documents.rules import reminders, statuses
from chalicelib.packs.documents.schemas import RouteView
from chalicelib.packs.documents.service import delivery
from chalicelib.packs.documents.settings import DocumentsSettings

FLAG = "documents.reminders"  # while it is off, nobody is reminded by the schedule
_AT_ONCE, _EVERY_SECONDS = 3, 3600  # reminders by hand of one route


# -- by hand


def remind_route(ctx: Context, id: str) -> RouteView:
    """Remind who has the document now, with a new link; earlier links live on. The five reminders begin anew, five days from today.

    Three at once, then one an hour.
    """
    Route.ID.key(id)
    allowance: list[rate_limit.BucketToken] = []
    with _given_back(ctx, allowance):
        return ctx.store.retry_on_conflict(lambda: _remind(ctx, id, allowance))


@contextmanager
def _given_back(ctx: Context, allowance: list[rate_limit.BucketToken]) -> Iterator[None]:
    """Let nobody pay for a reminder that wasn't sent."""
    try:
        yield
    except Exception:
        for token in allowance:
            token.give_back(ctx)
        raise


def _remind(ctx: Context, id: str, allowance: list[rate_limit.BucketToken]) -> RouteView:
    snapshot = repository.read(ctx, id)
    before = snapshot.route
    require_own_deal(ctx, snapshot.gate)
    ctx.check_if_match(before.revision)
    if not before.is_waiting:
        raise Conflict(f"It is {before.status}, and waits for nobody.", code="not_waiting", route_status=before.status)
    if before.link_expires_at <= ctx.now:
        raise Conflict("The day until which its links hold has passed.", code=statuses.LINK_EXPIRED)
    snapshot = repository.with_contract(ctx, snapshot)
    if snapshot.is_stale:
        raise Conflict("The contract has another document by now.", code=statuses.STALE_HASH)
    if not allowance:
        allowance.append(rate_limit.consume(ctx, "document-reminder", id, every=_EVERY_SECONDS, burst=_AT_ONCE))
    after = before.with_changes(
        ctx,
        begun_on=ctx.today,
        reminder_on=reminders.next_day(before.sent_on, ctx.today, before.links_end_on, ctx.today),
        reminder_count=0,
        reminded_at=ctx.now,
        is_undeliverable=None,
    )
    view = route_view(ctx, after, snapshot.visits, is_stale=False)
    tx = idempotent_transaction(ctx, view)
    repository.add_change(ctx, tx, before, after, any_deal=ANY_DEAL)
    repository.add_contract_check(ctx, tx, snapshot.contract)
    delivery.add_mail(ctx, tx, after, is_reminder=True)
    tx.commit()
    return view


# -- by the schedule


def is_on(ctx: Context) -> bool:
    """Whether people are reminded: the flag documents.reminders."""
    return ctx.settings.of(DocumentsSettings).reminders


def take_steps(ctx: Context, run: RunStats) -> None:
    """Send every reminder that is due, and tell whose deal it is of what stays unanswered or is overdue.

    Two round trips for fifty routes, one for each, and one for each contract.
    """
    if is_on(ctx):
        process_due(ctx, run, Route.STEPS.until(ctx.today), _step, keys=_keys)


def _keys(id: str) -> tuple[ItemKey, ...]:
    return deals.with_gate(Route.ID.key(id))


def _step(ctx: Context, id: str, items: DueItems) -> bool:
    key, gate_key = _keys(id)
    route, gate = parse_live(Route, items.get(key)), deals.parse_gate(items.get(gate_key))
    if route is None or gate is None:
        return False
    values: dict[str, object] = {}
    events: list[Notification] = []
    reminds = route.next_reminder_on is not None and route.next_reminder_on <= ctx.today
    is_mailed = reminds and not repository.with_contract(ctx, repository.RouteSnapshot(route, gate, None)).is_stale
    if reminds:
        values["reminder_on"] = reminders.next_day(route.sent_on, route.begun_on, route.links_end_on, ctx.today)
        if values["reminder_on"] is None and not route.is_unanswered:
            values["is_unanswered"] = True
            events.append(_event(ctx, route, gate, "documents.unanswered", "Reminded for the last time", f"unanswered/{route.epoch}"))
    if is_mailed:
        values |= {"reminder_count": route.reminder_count + 1, "reminded_at": ctx.now}
    if route.overdue_on is not None and route.overdue_on <= ctx.today:
        values["is_overdue"] = True
        events.append(_event(ctx, route, gate, "documents.overdue", "Not acknowledged in time", "overdue"))
    if not values:
        return False  # the index lags: another run was first, or it waits for nobody any more
    after = route.with_changes(ctx, **values)

    def claim(tx: Transaction) -> None:
        repository.add_change(ctx, tx, route, after)
        if is_mailed:
            delivery.add_mail(ctx, tx, after, is_reminder=True)

    if events:
        return commit_claim(ctx, claim, events)
    tx = Transaction(ctx.store)
    claim(tx)
    tx.commit()
    return True


def _event(ctx: Context, route: Route, gate: deals.DealGate, event: str, words: str, occasion: str) -> Notification:
    return Notification.for_occasion(
        ctx,
        f"{route.id}/{occasion}",
        on=ctx.today,
        event=event,
        title=f"{words}: {route.title or route.document_type}",
        due_on=route.due_on,
        data={"deal_id": route.deal_id, "professional_id": route.professional_id, "contract_id": route.contract_id},
        **notification_target("route", route.id, gate.owner),
    )
