"""Reminders before a term ends: 30, 7 and 1 days before the last day on which notice can be given, or before the renewal itself."""

from datetime import date, timedelta

from chalicelib.foundation.dates import add_months
from chalicelib.foundation.reminders import NextReminder, next_reminder
from chalicelib.packs.retainers.rules.accounts import Account
from chalicelib.packs.retainers.rules.states import RUNNING

_DAYS_BEFORE = (30, 7, 1)
_OF_SHORT_TERMS = (7, 1)  # of a month or less


def deadline_of(account: Account) -> date:
    """The day that reminders count back from: by which notice must be given where it renews by itself, else its renewal."""
    return account.renewal_date - timedelta(days=account.terms.notice_days if account.terms.auto_renew else 0)


def next_renewal_reminder(account: Account, raised: int | None, today: date) -> NextReminder | None:
    """The next reminder; None for a retainer that doesn't run, that is cancelled, or whose renewal is here."""
    if account.status not in RUNNING or account.cancels_on is not None or today >= account.renewal_date:
        return None
    term_starts_on = account.term_starts_on or account.terms.starts_on
    is_short = account.renewal_date <= add_months(term_starts_on, 1)
    return next_reminder(deadline_of(account), _OF_SHORT_TERMS if is_short else _DAYS_BEFORE, raised, today)
