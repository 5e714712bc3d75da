"""Logging hours: where they go, which thresholds they cross, when they are refused."""

from dataclasses import dataclass
from datetime import date, timedelta

from chalicelib.foundation.errors import Conflict, ValidationFailed
from chalicelib.packs.retainers.rules import buckets
from chalicelib.packs.retainers.rules.accounts import Account
from chalicelib.packs.retainers.rules.buckets import Draw
from chalicelib.packs.retainers.rules.minutes import to_hours
from chalicelib.packs.retainers.rules.states import ACTIVE

THRESHOLDS = (80, 90, 100)  # percent of the available, each once a period
NEARLY_CONSUMED = 90  # percent
MAX_LATE = timedelta(days=60)  # how late work may be logged
RENEWAL_APPROACHES = 7  # days


@dataclass(frozen=True)
class Logged:
    """What logging makes of a retainer. `late_for` is the number of the earlier period in which the work was done."""

    account: Account
    period: int
    draws: tuple[Draw, ...]
    late_for: int | None
    crossed: tuple[int, ...]


@dataclass(frozen=True)
class Warnings:
    """What whoever logs hours should know."""

    renewal_approaching: bool
    days_to_renewal: int
    hours_nearly_consumed: bool


def check_open(account: Account) -> None:
    """Raise Conflict unless hours can be logged: `not_active`, `not_started`."""
    if account.status != ACTIVE:
        raise Conflict(f"The retainer is {account.status}.", code="not_active")
    if account.period is None:
        raise Conflict(f"The retainer starts on {account.next_on.isoformat()}.", code="not_started")


def check_day(account: Account, worked_on: date, today: date) -> None:
    """Raise ValidationFailed for a day ahead, one that is too long ago, or one before the retainer."""
    if worked_on > today:
        raise ValidationFailed.field("worked_on", "it can't lie ahead")
    if worked_on < today - MAX_LATE:
        raise ValidationFailed.field("worked_on", f"it is more than {MAX_LATE.days} days ago")
    if worked_on < account.terms.starts_on:
        raise ValidationFailed.field("worked_on", "the retainer had not begun")


def log(account: Account, minutes: int, worked_on: date, today: date, *, approved: bool) -> Logged:
    """Log work of a day. Raises Conflict (`not_active`, `not_started`, `hard_cap`) or ValidationFailed; what is refused is refused whole."""
    check_open(account)
    check_day(account, worked_on, today)
    _check_hard_cap(account, minutes)
    logged = _entered(account, minutes, account.period_worked_in(worked_on), 0 if approved else minutes)
    crossed = _crossed(logged.account)
    seen = (*account.open_period.crossed, *crossed)
    return Logged(logged.account.with_period(crossed=seen), logged.period, logged.draws, logged.late_for, crossed)


def take_back(account: Account, minutes: int, late_for: int | None) -> Logged:
    """Give back minutes that were logged, in the open period. It undoes no crossing. Raises Conflict as `log`."""
    check_open(account)
    return _entered(account, -minutes, late_for, 0)


def _entered(account: Account, minutes: int, late_for: int | None, unapproved: int) -> Logged:
    period = account.open_period
    after = account.with_period(used=period.used + minutes, unapproved=period.unapproved + unapproved)
    drawn = buckets.draws(account.carried, account.own, period.used, period.used + minutes)
    return Logged(after, period.n, drawn, late_for, ())


def _crossed(account: Account) -> tuple[int, ...]:
    """The thresholds that are reached and have not been in this period."""
    figures, seen = account.figures, account.open_period.crossed
    if figures.available <= 0:
        return ()
    return tuple(pct for pct in THRESHOLDS if pct not in seen and 100 * figures.used >= pct * figures.available)


def _check_hard_cap(account: Account, minutes: int) -> None:
    pct, figures = account.terms.hard_cap_pct, account.figures
    if pct is None:
        return
    left = pct * figures.available / 100 - figures.used
    if minutes > left:
        hours_left = to_hours(max(0, int(left)))
        raise Conflict(f"The retainer takes {hours_left} hours more in this period.", code="hard_cap", hours_left=hours_left)


def warnings(account: Account, today: date) -> Warnings:
    """The renewal that is near or past, and hours that are nearly used up."""
    days, figures = (account.renewal_date - today).days, account.figures
    nearly = 100 * figures.used > NEARLY_CONSUMED * figures.available
    return Warnings(days <= RENEWAL_APPROACHES, days, nearly)
