"""The life of a retainer: what is due on which day, and what each step makes of it.

A step is one event of the calendar: a period opens, a period closes (and with it, perhaps, a term), a cancellation takes effect. Steps
are taken one after the other, in the order of their days, whenever somebody comes to it; so it makes no difference how late that is.
"""

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from chalicelib.packs.retainers.rules import prices
from chalicelib.packs.retainers.rules.accounts import MAX_PAST, Account, Period, PeriodFigures
from chalicelib.packs.retainers.rules.buckets import carried_after
from chalicelib.packs.retainers.rules.calendar import boundary, month_of
from chalicelib.packs.retainers.rules.states import ACTIVE, CANCELLED, ENDED, EXPIRED, PAUSED, RUNNING

RENEWED = "renewed"  # an event, as EXPIRED and CANCELLED are

_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Change:
    """What one step makes of a retainer: the account after it, the period that it closed, and what people are told of."""

    account: Account
    on: date
    closed: PeriodFigures | None = None
    event: str | None = None


# -- what time does


def next_step_on(account: Account) -> date | None:
    """The day on which the next step is due; None where none will ever be."""
    days = [day for day in (account.cancels_on, _step_of_calendar(account)) if day is not None]
    return min(days) if days and account.status in RUNNING else None


def _step_of_calendar(account: Account) -> date | None:
    if account.period is not None:
        return account.period.ends_on + _DAY
    if account.status == ACTIVE:
        return account.next_on
    return None if _continues(account) else account.renewal_date


def next_change(account: Account, today: date, at: datetime) -> Change | None:
    """The next step where it is due by `today`; it is taken at the instant `at`. Of one day the calendar's comes before a cancellation."""
    on = next_step_on(account)
    if on is None or on > today:
        return None
    if on != _step_of_calendar(account):
        return _cancelled(account, on, at)
    if account.period is not None:
        return _closed(account, on, at)
    if account.status == ACTIVE:
        return Change(_opened(account, account.next_on, at), on)
    return _end_of_term(account, on, at)


def changes_until(account: Account, today: date, at: datetime) -> list[Change]:
    """All steps that are due by `today`, in order."""
    changes: list[Change] = []
    while change := next_change(account, today, at):
        changes.append(change)
        account = change.account
    return changes


def _continues(account: Account) -> bool:
    """Whether it goes on after its renewal day without another term: until its cancellation takes effect."""
    return account.terms.auto_renew and account.cancels_on is not None


def _closed(account: Account, on: date, at: datetime) -> Change:
    """After the close of the open period, whose last day was the one before `on`; the next one opens, or the term ends."""
    if on < account.renewal_date or _continues(account):
        after, closed = _close(account, at)
        return Change(_open_next(after, on, at), on, closed)
    return _end_of_term(account, on, at)


def _end_of_term(account: Account, on: date, at: datetime) -> Change:
    if not account.terms.auto_renew:
        return _ended(account, EXPIRED, on, at)
    after, closed = _close(account, at)
    return Change(_open_next(_with_next_term(after, on), on, at), on, closed, RENEWED)


def _open_next(account: Account, on: date, at: datetime) -> Account:
    """With the next period open from `on`; while it is paused none opens."""
    return replace(account, next_on=on) if account.status == PAUSED else _opened(account, on, at)


def _opened(account: Account, on: date, at: datetime) -> Account:
    month, number = month_of(account.anchor, on), account.periods + 1
    period = Period(number, on, month.ends_on, month.days, account.terms.hours, account.terms.fee, at)
    return replace(account, period=period, periods=number)


def _with_next_term(account: Account, starts_on: date) -> Account:
    """With its next term, from `starts_on`, at the fee of the next term."""
    terms = account.terms
    fee = prices.uplifted(terms.fee, terms.uplift_pct, terms.currency)
    renewal_date = boundary(account.anchor, starts_on, terms.term_months)
    return replace(account, terms=replace(terms, fee=fee), renewal_date=renewal_date, term=account.term + 1, term_starts_on=starts_on)


def _close(account: Account, at: datetime) -> tuple[Account, PeriodFigures | None]:
    """After the close of the open period, if there is one, with what it leaves to the next."""
    if account.period is None:
        return account, None
    period, rollover = account.period, account.terms.rollover
    closed = account.figures_at_close(at, final=False)
    carried = carried_after(account.carried, account.own, period.used, period.n, rollover)
    debt = closed.overage if rollover.carry_overuse else 0
    past = (*account.past, (period.n, period.starts_on))[-MAX_PAST:]
    return replace(account, period=None, carried=carried, debt=debt, past=past), closed


def _ended(account: Account, status: str, on: date, at: datetime) -> Change:
    """After its end: the last period closes, what is carried lapses, a debt is billed."""
    if account.period is None and account.debt:  # paused since an earlier period: the debt needs a period to be billed in
        period = Period(account.periods + 1, on, on, month_of(account.anchor, on).days, account.terms.hours, account.terms.fee, at)
        account = replace(account, status=PAUSED, paused_on=on, period=period, periods=period.n)
    closed = account.figures_at_close(at, final=True) if account.period else None
    after = replace(account, status=status, period=None, carried=(), debt=0, paused_on=None)
    return Change(after, on, closed, status)


def _cancelled(account: Account, on: date, at: datetime) -> Change:
    """After a cancellation: the open period is cut after its last day `on`; one that lies ahead of it has no day left."""
    period = account.period
    if period is not None and on < period.starts_on:
        account = replace(account.with_period(ends_on=period.starts_on), status=PAUSED, paused_on=period.starts_on)
    elif period is not None:
        account = account.with_period(ends_on=on)
    return _ended(account, CANCELLED, on, at)


# -- what people do; each on a retainer whose steps until `today` were taken


def started(account: Account, today: date, at: datetime) -> tuple[Account, list[Change]]:
    """Active from its first day, with the periods since then."""
    active = replace(account, status=ACTIVE, next_on=account.terms.starts_on, term_starts_on=account.terms.starts_on)
    return active, changes_until(active, today, at)


def paused(account: Account, today: date) -> Account:
    """Paused from `today` on."""
    return replace(account, status=PAUSED, paused_on=today)


def resumed(account: Account, today: date, at: datetime) -> tuple[Account, list[Change]]:
    """Active again from `today` on: in its open period, else in a new one, a stub to the next boundary."""
    assert account.paused_on is not None, "it isn't paused"
    after = replace(account, status=ACTIVE, paused_on=None)
    if after.period is None:
        after = replace(after, next_on=max(after.next_on, today))
    elif today > account.paused_on:
        after = after.with_period(pauses=(*after.period.pauses, (account.paused_on, today - _DAY)))
    return after, changes_until(after, today, at)


def renewed(account: Account, at: datetime) -> Change:
    """The next term, before its day: the open period closes uncut, and the next one, the first of that term, opens at once."""
    on = account.open_period.ends_on + _DAY
    after, closed = _close(account, at)
    return Change(_opened(_with_next_term(after, on), on, at), on, closed, RENEWED)


def cancelled_from(account: Account, last_day: date, today: date, at: datetime) -> tuple[Account, list[Change]]:
    """With `last_day` as the last one that counts; today's cuts at once. What never ran ends at once."""
    after = replace(account, cancels_on=last_day)
    if account.status not in RUNNING:
        ended = replace(after, status=CANCELLED)
        return ended, [Change(ended, today, None, CANCELLED)]
    return after, changes_until(after, today, at)


def has_ended(account: Account) -> bool:
    """Whether it is over."""
    return account.status in ENDED
