"""Retainers, entries, periods and statements as answers."""

from collections.abc import Mapping
from dataclasses import asdict
from decimal import Decimal
from typing import cast

from chalicelib.foundation.context import Context
from chalicelib.foundation.dates import format_timestamp
from chalicelib.foundation.explanations import Explanation, explain
from chalicelib.foundation.presentation import present
from chalicelib.packs.retainers import schemas
from chalicelib.packs.retainers.entities import Entry, Retainer
from chalicelib.packs.retainers.rules import entries, statements
from chalicelib.packs.retainers.rules.accounts import PeriodFigures
from chalicelib.packs.retainers.rules.buckets import NONE
from chalicelib.packs.retainers.rules.minutes import to_hours


def retainer_view(ctx: Context, retainer: Retainer, *, explain: bool = False) -> schemas.RetainerView:
    """A retainer with the hours of its open period and, on request, where they come from."""
    figures = retainer.account.figures if retainer.account.period else None
    explanations = {"explain": _explanation(ctx, figures)} if explain else {}
    return present(
        schemas.RetainerView,
        retainer,
        rollover=_rollover_view(retainer.rollover or {}),
        overage=_overage_view(retainer.overage or {}),
        period=figures and {"n": figures.n, "starts_on": figures.starts_on, "ends_on": figures.ends_on},
        hours_available=figures and to_hours(figures.available),
        hours_used=figures and to_hours(figures.used),
        hours_remaining=figures and to_hours(figures.remaining),
        overage_hours=figures and to_hours(figures.overage),
        utilization_pct=figures and figures.utilization_pct,
        **explanations,
    )


def _rollover_view(values: Mapping[str, object]) -> schemas.RolloverView:
    return cast(
        schemas.RolloverView,
        {
            "mode": values.get("mode", NONE),
            "cap_hours": values.get("cap_hours"),
            "expires_after_periods": values.get("expires_after_periods"),
            "carry_overuse": values.get("carry_overuse", False),
        },
    )


def _overage_view(values: Mapping[str, object]) -> schemas.OverageView:
    return cast(schemas.OverageView, {name: values.get(name) for name in ("rate", "multiplier", "hard_cap_pct")})


def logged_view(
    ctx: Context, retainer: Retainer, entry: Entry, logged: entries.Logged, *, explain: bool = False
) -> schemas.LoggedHoursView:
    """What an entry made of the open period of the retainer, which is as it is after the entry."""
    figures = retainer.account.figures
    view: schemas.LoggedHoursView = {
        "status": "ok",
        "entry_id": entry.id,
        "hours_used": to_hours(figures.used),
        "hours_remaining": to_hours(figures.remaining),
        "overage_hours": to_hours(figures.overage),
        "utilization_pct": figures.utilization_pct,
        "crossed": list(logged.crossed),
        "draws": entry.draws,
        "late_for": entry.late_for,
        "approved": entry.approved,
        "warnings": cast(schemas.HoursWarnings, asdict(entries.warnings(retainer.account, retainer.today(ctx)))),
    }
    if explain:
        view["explain"] = _explanation(ctx, figures)
    return view


def entry_view(entry: Entry) -> schemas.HoursEntryView:
    """An entry of hours."""
    return present(schemas.HoursEntryView, entry)


def period_view(ctx: Context, figures: PeriodFigures, *, explain: bool = False) -> schemas.RetainerPeriodView:
    """A period."""
    view: schemas.RetainerPeriodView = {
        "n": figures.n,
        "starts_on": figures.starts_on.isoformat(),
        "ends_on": figures.ends_on.isoformat(),
        "status": figures.status,
        "hours_in": to_hours(figures.included),
        "rolled_over": to_hours(figures.rolled_over),
        "hours_used": to_hours(figures.used),
        "overage_hours": to_hours(figures.overage),
        "unit_price": figures.unit_price,
        "fee": figures.fee,
        "overage_fee": figures.overage_fee,
        "opened_at": format_timestamp(figures.opened_at),
        "closed_at": None if figures.closed_at is None else format_timestamp(figures.closed_at),
    }
    if explain:
        view["explain"] = _explanation(ctx, figures)
    return view


def statement_view(ctx: Context, figures: PeriodFigures, *, explain: bool = False) -> schemas.RetainerStatementView:
    """The statement of a period."""
    missing = statements.missing_of(figures)
    view: schemas.RetainerStatementView = {
        "period": figures.n,
        "starts_on": figures.starts_on.isoformat(),
        "ends_on": figures.ends_on.isoformat(),
        "status": figures.status,
        "lines": [cast(schemas.RetainerStatementLine, asdict(line)) for line in statements.lines_of(figures)],
        "hours_used": to_hours(figures.used),
        "unapproved_hours": to_hours(figures.unapproved),
        "fee": figures.fee,
        "overage_fee": figures.overage_fee,
        "total": figures.total,
        "currency": figures.currency,
        "complete": not missing,
        "missing": missing,
    }
    if explain:
        view["explain"] = _explanation(ctx, figures)
    return view


def _explanation(ctx: Context, figures: PeriodFigures | None) -> Explanation:
    """Where the figures of a period come from: whole minutes, and the price of an hour beyond the available."""
    if figures is None:
        return explain("retainers.period", {}, format_timestamp(ctx.now), ["period"])
    inputs: dict[str, int | Decimal | None] = {
        "days": figures.days,
        "month_days": figures.month_days,
        "included_minutes": figures.included,
        "rolled_over_minutes": figures.rolled_over,
        "used_minutes": figures.used,
        "billed_minutes": figures.billed + figures.debt,
        "unit_price": figures.unit_price,
    }
    return explain("retainers.period", inputs, format_timestamp(figures.closed_at or ctx.now), statements.missing_of(figures))
