"""Agreeing on retainers, reading, listing and changing them."""

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal

from chalicelib.foundation.context import Context
from chalicelib.foundation.dates import add_months, business_date
from chalicelib.foundation.errors import Conflict, ValidationFailed
from chalicelib.foundation.idempotency import idempotent_transaction
from chalicelib.foundation.json_codec import JsonObject
from chalicelib.foundation.presentation import present_row
from chalicelib.foundation.schema_types import ExplainParams, PageOf, PageParams, check_money, to_storable
from chalicelib.foundation.state_machine import check_guards
from chalicelib.foundation.store.access_patterns import KeyRange
from chalicelib.foundation.store.retry import retry_on_conflict
from chalicelib.packs.retainers import permissions, repository
from chalicelib.packs.retainers.entities import Retainer, standing_values
from chalicelib.packs.retainers.presenters import retainer_view
from chalicelib.packs.retainers.rules import lifecycle
from chalicelib.packs.retainers.rules.buckets import CAPPED
from chalicelib.packs.retainers.rules.calendar import anchor_of
from chalicelib.packs.retainers.rules.lifecycle import Change
from chalicelib.packs.retainers.rules.states import ACTIVE, CONTRACT_IN_FORCE, DRAFT, ENDED, STATUSES
from chalicelib.packs.retainers.schemas import RetainerCreate, RetainerPatch, RetainerQuery, RetainerSummary, RetainerView
from chalicelib.packs.retainers.service import contracts
from chalicelib.packs.scorecards import public as professionals

MAX_AGE = timedelta(days=366)  # how long ago a retainer may have begun when it is started
_MAX_MONTHS = 120  # from the start to the first renewal
_FIXED = ("currency", "starts_on", "renewal_date", "term_months", "time_zone")  # fields that change in a draft only


# -- agreeing


def create_retainer(ctx: Context, body: RetainerCreate, query: ExplainParams) -> RetainerView:
    """Agree on a retainer. It is active from its first day unless it is a draft; periods that are over are closed with it."""
    values = _storable(body.model_dump(exclude_unset=True))
    status = values.pop("status", ACTIVE)
    values = {
        **{"term_months": 1, "auto_renew": False, "increment_minutes": 6, "notice_days": 0, "uplift_pct": body.uplift_pct},
        "currency": ctx.settings.default_currency,
        "time_zone": ctx.settings.firm_time_zone,
        **{name: value for name, value in values.items() if value is not None},
    }
    today = business_date(ctx.now, values["time_zone"])
    values.setdefault("starts_on", today)
    values.setdefault("renewal_date", add_months(values["starts_on"], values["term_months"]))
    _check_age(values["starts_on"], today)
    _check_dates(values)
    _check_amounts(values)
    facts = contracts.read_facts(ctx, body.contract_id)
    given: JsonObject = values | _unstarted(values) | repository.HISTORY.entry(ctx, DRAFT)
    draft = retainer = Retainer.new(ctx, **given)
    changes: list[Change] = []
    if status == ACTIVE:
        check_guards((CONTRACT_IN_FORCE,), facts)
        account, changes = lifecycle.started(draft.account, today, ctx.now)
        account = changes[-1].account if changes else account
        retainer = draft.with_values(**(standing_values(account) | repository.HISTORY.entry(ctx, account.status)))
    view = retainer_view(ctx, retainer, explain=query.explain)
    tx = idempotent_transaction(ctx, view)
    professionals.add_reference(tx, retainer.professional_id, active=True)
    tx.create(retainer)
    repository.add_effects(ctx, tx, retainer, changes)
    tx.commit()
    return view


def _storable(values: JsonObject) -> JsonObject:
    """Values as the table holds them: nested ones without nulls."""
    return {
        name: to_storable({key: one for key, one in value.items() if one is not None}) if isinstance(value, dict) else value
        for name, value in values.items()
    }


def _unstarted(values: JsonObject) -> JsonObject:
    """Where a retainer stands that hasn't been started."""
    return {
        "anchor_on": anchor_of(values["starts_on"], values["renewal_date"]),
        "next_on": values["starts_on"],
        "term": 1,
        "periods": 0,
        "carried": [],
        "debt": 0,
        "past": [],
    }


def _check_age(starts_on: date, today: date) -> None:
    """Raise ValidationFailed where a retainer would begin too long ago for its periods to be closed at once."""
    if starts_on < today - MAX_AGE:
        raise ValidationFailed.field("starts_on", f"it is more than {MAX_AGE.days} days ago")


def _check_dates(values: JsonObject) -> None:
    """Check start and renewal of a retainer that has not begun. Raises ValidationFailed."""
    starts_on, renewal_date = values["starts_on"], values["renewal_date"]
    if not starts_on < renewal_date <= add_months(starts_on, _MAX_MONTHS):
        raise ValidationFailed.field("renewal_date", f"it lies after starts_on, by {_MAX_MONTHS} months at the most")


def _check_amounts(values: JsonObject) -> None:
    """Check hours, fee, prices and rollover. Raises ValidationFailed."""
    overage, rollover = values.get("overage") or {}, values.get("rollover") or {}
    amounts = {name: values.get(name) for name in ("monthly_fee", "hourly_rate")}
    rate = overage.get("rate")
    check_money(values["currency"], {**amounts, "overage.rate": None if rate is None else Decimal(rate)})
    if not values["monthly_hours_included"] and not values.get("monthly_fee"):
        raise ValidationFailed.field("monthly_hours_included", "hours or a fee above zero are needed")
    if rate is not None and overage.get("multiplier") is not None:
        raise ValidationFailed.field("overage.multiplier", "a rate leaves nothing to multiply: give one of them")
    if rollover.get("mode") == CAPPED and rollover.get("cap_hours") is None:
        raise ValidationFailed.field("rollover.cap_hours", "it is needed when capped")


# -- reading


def get_retainer(ctx: Context, id: str, query: ExplainParams) -> RetainerView:
    """A retainer, with the hours of its open period."""
    return retainer_view(ctx, repository.require_readable(ctx, id), explain=query.explain)


def list_retainers(ctx: Context, query: RetainerQuery) -> PageOf[RetainerSummary]:
    """Retainers, newest first; with `due_before` those that haven't ended, soonest renewal first."""
    own = permissions.own_professional(ctx)
    ranges = _ranges(query, own)
    return ctx.paginate(ranges, query, _summary, predicate=_predicate(query, own), newest_first=query.due_before is None)


def _ranges(query: RetainerQuery, own: str | None) -> list[KeyRange]:
    if query.due_before is not None:
        last_day = query.due_before - timedelta(days=1)
        return [Retainer.BY_RENEWAL.range(high=f"{last_day.isoformat()}~")]
    if own is not None:
        return [Retainer.BY_PROFESSIONAL.range(professional_id=own)]
    return [Retainer.BY_STATUS.range(status=status) for status in ((query.status,) if query.status else STATUSES)]


def _predicate(query: RetainerQuery, own: str | None) -> Callable[[JsonObject], bool]:
    wanted = {name: value for name, value in (("status", query.status), ("professional_id", own)) if value is not None}
    return lambda row: all(row.get(name) == value for name, value in wanted.items())


def list_professional_retainers(ctx: Context, professional_id: str, query: PageParams) -> PageOf[RetainerSummary]:
    """A professional's retainers, newest first."""
    permissions.require_read(ctx, professional_id)
    ctx.store.require(professionals.Professional, professional_id)
    return ctx.paginate(Retainer.BY_PROFESSIONAL.range(professional_id=professional_id), query, _summary)


def _summary(row: JsonObject) -> RetainerSummary:
    return present_row(RetainerSummary, row)


# -- changing


@retry_on_conflict
def edit_retainer(ctx: Context, id: str, body: RetainerPatch, query: ExplainParams) -> RetainerView:
    """Change a retainer. Hours and fee hold from the next period, the rest at once."""
    before = repository.read_settled(ctx, id)
    values = body.changes_to(before.attribute_values)
    _check_allowed(before, values)
    is_draft = before.status == DRAFT
    if is_draft:
        values = _with_start(before, values)
    if not values:
        return retainer_view(ctx, before, explain=query.explain)
    after = before.with_changes(ctx, **values)
    if "starts_on" in values:
        _check_age(after.starts_on, after.today(ctx))
    if is_draft:
        _check_dates(after.attribute_values)
    _check_amounts(after.attribute_values)
    if values.get("contract_id"):
        facts = contracts.read_facts(ctx, after.contract_id)
        check_guards(() if is_draft else (CONTRACT_IN_FORCE,), facts)
    ctx.store.save(after)
    return retainer_view(ctx, after, explain=query.explain)


def _check_allowed(before: Retainer, values: JsonObject) -> None:
    """Raise Conflict for what can't change any more: `over`, `fixed`."""
    if before.status in ENDED:
        raise Conflict(f"The retainer is {before.status}.", code="over")
    fixed = [name for name in _FIXED if name in values]
    if before.status != DRAFT and fixed:
        raise Conflict(f"{', '.join(fixed)} can be changed in a draft only.", code="fixed", fields=fixed)


def _with_start(before: Retainer, values: JsonObject) -> JsonObject:
    """The changes of a draft, with what follows from another start or term: a renewal that was never given goes with them."""
    after = {**before.attribute_values, **values}
    was_default = before.renewal_date == add_months(before.starts_on, before.term_months)
    if after["renewal_date"] is None or (was_default and "renewal_date" not in values):
        after["renewal_date"] = add_months(after["starts_on"], after["term_months"])
    starts_on, renewal_date = after["starts_on"], after["renewal_date"]
    dates = {"renewal_date": renewal_date, "next_on": starts_on, "anchor_on": anchor_of(starts_on, renewal_date)}
    return {name: value for name, value in {**values, **dates}.items() if value != before.attribute_values.get(name)}
