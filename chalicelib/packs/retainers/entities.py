"""The items of retainers.

The partition of a retainer, in the order of sort keys:

    E#<entry id>      hours that were logged (`Entry`)
    H#<revision>      a completed interval in a status (foundation.state_history)
    P#<number>        a closed period (`ClosedPeriod`), written once
    ~                 the retainer, with its open period

Logging hours writes the entry and the retainer, nothing else: the open period's buckets stay as they are, and the minutes used are a place on
them. No list shows those minutes, so no index is written either.
"""

from collections.abc import Mapping
from dataclasses import fields
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property
from typing import Any, Self

from chalicelib.foundation.context import Context
from chalicelib.foundation.dates import business_date, format_timestamp, parse_timestamp, start_of_day
from chalicelib.foundation.ids import IdFormat, ItemKey
from chalicelib.foundation.json_codec import JsonObject
from chalicelib.foundation.store import attributes as a
from chalicelib.foundation.store.access_patterns import AccessPattern, DuePattern, KeyRange
from chalicelib.foundation.store.entity import Entity
from chalicelib.foundation.store.row import Row, truncate
from chalicelib.packs.retainers.rules import lifecycle, reminders
from chalicelib.packs.retainers.rules.accounts import Account, Period, PeriodFigures, Terms
from chalicelib.packs.retainers.rules.buckets import NONE, Bucket, Rollover
from chalicelib.packs.retainers.rules.minutes import to_hours, to_minutes
from chalicelib.packs.retainers.rules.states import ACTIVE, ENDED

# The partitions of aggregates: a row a month; a row a professional, whose fields are the ids of retainers.
FORECAST, OVERRUN = "FORECAST", "OVERRUN"

_NOBODY_ASKED = date.min  # as "today" of a reminder: its own day, whether or not that has passed


class Retainer(Entity):
    """What was agreed with a professional, and where it stands."""

    KIND = "retainer"
    ID = IdFormat("ret", "retainer")
    PERSONAL = frozenset({"notes"})
    BY_STATUS = AccessPattern("gsi1", "RET#{status}", serves="GET /pros/retainers, ?status=")
    BY_PROFESSIONAL = AccessPattern(
        "gsi2", "RET#PRO#{professional_id}", serves="GET /pros/retainers/professional/{professional_id}; what holds a professional"
    )
    BY_RENEWAL = AccessPattern("gsi4", "RET#RENEWAL", sort="{renews_on}#{id}", serves="GET /pros/retainers?due_before=")
    DUE = DuePattern("retainer", on="due_at", serves="retainers-due")
    LIST_FIELDS = ("id", "professional_id", "name", "status", "renewal_date", "monthly_fee", "monthly_hours_included", "currency")

    professional_id = a.string()
    name = a.string()
    monthly_hours_included = a.decimal()
    hourly_rate = a.optional_decimal()
    monthly_fee = a.optional_decimal()
    currency = a.string()
    starts_on = a.date()
    renewal_date = a.date()
    term_months = a.integer()
    auto_renew = a.boolean()
    rollover = a.optional_map()
    overage = a.optional_map()
    increment_minutes = a.integer()
    notice_days = a.integer()
    uplift_pct = a.decimal()
    contract_id = a.optional_string()
    time_zone = a.string()
    notes = a.optional_string()

    status = a.string()
    status_entered_at = a.datetime()
    status_entered_by = a.string()
    status_reason = a.optional_string()
    status_note = a.optional_string()

    # Where it stands: an Account of the rules.
    anchor_on = a.date()
    next_on = a.date()
    term = a.integer()
    term_starts_on = a.optional_date()
    periods = a.integer()
    open_period = a.optional_map()
    carried = a.list_()
    debt = a.integer()
    paused_on = a.optional_date()
    cancels_on = a.optional_date()
    cancel_reason = a.optional_string()  # of a cancellation whose day has not come
    cancel_note = a.optional_string()
    past = a.list_()
    reminded = a.optional_map()  # marks of the reminders raised: {deadline: fewest days left}

    @property
    def is_active(self) -> bool:
        """Whether hours can be logged."""
        return self.status == ACTIVE

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return self.status in ENDED

    @property
    def is_overrun(self) -> bool:
        """Whether more of its open period was used than is available."""
        figures = self.account.figures if self.account.period else None
        return figures is not None and figures.used > figures.available

    @property
    def renews_on(self) -> date | None:
        """Its renewal, while it hasn't ended."""
        return None if self.is_over else self.renewal_date

    @property
    def due_at(self) -> datetime | None:
        """When something is to be done: the beginning of the nearest of its days, in its time zone."""
        reminder = reminders.next_renewal_reminder(self.account, self.last_reminder, _NOBODY_ASKED)
        days = [day for day in (lifecycle.next_step_on(self.account), reminder and reminder.raise_on) if day]
        return start_of_day(min(days), self.time_zone) if days else None

    @property
    def deadline(self) -> date:
        """The day that its reminders count back from."""
        return reminders.deadline_of(self.account)

    @property
    def last_reminder(self) -> int | None:
        """The mark of the last reminder of its deadline."""
        return (self.reminded or {}).get(self.deadline.isoformat())

    def today(self, ctx: Context) -> date:
        """The date in its time zone."""
        return business_date(ctx.now, self.time_zone)

    def list_view(self) -> JsonObject:
        """The values shown in lists."""
        return self._listed(name=truncate(self.name, 80))

    @cached_property
    def account(self) -> Account:
        """Where it stands, as the rules take it."""
        return Account(
            terms=self._terms,
            status=self.status,
            anchor=self.anchor_on,
            renewal_date=self.renewal_date,
            next_on=self.next_on,
            term=self.term,
            term_starts_on=self.term_starts_on,
            periods=self.periods,
            period=None if self.open_period is None else _period(self.open_period),
            carried=tuple(Bucket(one["period"], one["minutes"], one.get("through")) for one in self.carried),
            debt=self.debt,
            paused_on=self.paused_on,
            cancels_on=self.cancels_on,
            past=tuple((one["n"], date.fromisoformat(one["starts_on"])) for one in self.past),
        )

    @property
    def _terms(self) -> Terms:
        rollover, overage = self.rollover or {}, self.overage or {}
        return Terms(
            currency=self.currency,
            starts_on=self.starts_on,
            hours=self.monthly_hours_included,
            fee=self.monthly_fee,
            hourly_rate=self.hourly_rate,
            term_months=self.term_months,
            auto_renew=self.auto_renew,
            rollover=Rollover(
                rollover.get("mode", NONE),
                None if rollover.get("cap_hours") is None else to_minutes(Decimal(rollover["cap_hours"])),
                rollover.get("expires_after_periods"),
                rollover.get("carry_overuse", False),
            ),
            rate=_decimal(overage.get("rate")),
            multiplier=_decimal(overage.get("multiplier")),
            hard_cap_pct=_decimal(overage.get("hard_cap_pct")),
            increment=self.increment_minutes,
            notice_days=self.notice_days,
            uplift_pct=self.uplift_pct,
        )


def standing_values(account: Account) -> dict[str, Any]:
    """The attributes of a retainer that an account has moved on: all but its terms, of which the fee may have been raised."""
    return {
        "status": account.status,
        "monthly_fee": account.terms.fee,
        "anchor_on": account.anchor,
        "renewal_date": account.renewal_date,
        "next_on": account.next_on,
        "term": account.term,
        "term_starts_on": account.term_starts_on,
        "periods": account.periods,
        "open_period": None if account.period is None else _period_values(account.period),
        "carried": [_without_nulls(period=one.period, minutes=one.minutes, through=one.through) for one in account.carried],
        "debt": account.debt,
        "paused_on": account.paused_on,
        "cancels_on": account.cancels_on,
        "past": [{"n": n, "starts_on": starts_on.isoformat()} for n, starts_on in account.past],
    }


def _period_values(period: Period) -> dict[str, Any]:
    return _without_nulls(
        n=period.n,
        starts_on=period.starts_on.isoformat(),
        ends_on=period.ends_on.isoformat(),
        month_days=period.month_days,
        hours=period.hours,
        fee=period.fee,
        opened_at=format_timestamp(period.opened_at),
        pauses=[[first.isoformat(), last.isoformat()] for first, last in period.pauses],
        used=period.used,
        unapproved=period.unapproved,
        crossed=list(period.crossed),
    )


def _period(values: Mapping[str, Any]) -> Period:
    return Period(
        n=values["n"],
        starts_on=date.fromisoformat(values["starts_on"]),
        ends_on=date.fromisoformat(values["ends_on"]),
        month_days=values["month_days"],
        hours=Decimal(values["hours"]),
        fee=_decimal(values.get("fee")),
        opened_at=parse_timestamp(values["opened_at"]),
        pauses=tuple((date.fromisoformat(first), date.fromisoformat(last)) for first, last in values["pauses"]),
        used=values["used"],
        unapproved=values["unapproved"],
        crossed=tuple(values["crossed"]),
    )


def _decimal(value: Any) -> Decimal | None:
    """The codec decodes whole numbers of nested values as int."""
    return None if value is None else Decimal(value)


def _without_nulls(**values: object) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


class ClosedPeriod(Row):
    """A closed period. Its figures never change; `unapproved` counts down as its entries are approved or taken back."""

    KIND = "retainer-period"

    n = a.integer()
    starts_on = a.date()
    ends_on = a.date()
    days = a.integer()
    month_days = a.integer()
    included = a.integer()
    rolled_over = a.integer()
    used = a.integer()
    unapproved = a.integer()
    billed = a.integer()
    debt = a.integer()
    fee = a.decimal()
    unit_price = a.optional_decimal()
    currency = a.string()
    opened_at = a.datetime()
    closed_at = a.datetime()

    @staticmethod
    def key_of(retainer_id: str, n: int) -> ItemKey:
        """The key of a period."""
        return ItemKey(retainer_id, f"P#{n:06}")

    @staticmethod
    def range(retainer_id: str) -> KeyRange:
        """The closed periods of a retainer, by number."""
        return KeyRange(None, retainer_id, prefix="P#")

    @classmethod
    def of(cls, retainer_id: str, figures: PeriodFigures) -> Self:
        """The row of a period with the figures at its close."""
        return cls.at(cls.key_of(retainer_id, figures.n), **{one.name: getattr(figures, one.name) for one in fields(figures)})

    @property
    def figures(self) -> PeriodFigures:
        """Its figures as the rules take them."""
        values: dict[str, Any] = {one.name: self.attribute_values.get(one.name) for one in fields(PeriodFigures)}
        return PeriodFigures(**values)


class Entry(Entity):
    """Hours that were logged. A counter-entry has negative minutes, and names in `reverses` what it takes back."""

    KIND = "retainer_entry"
    ID = IdFormat("ent", "entry", parents={"r": "ret"}, row="E")
    PERSONAL = frozenset({"description"})

    retainer_id = a.string()
    minutes = a.integer()
    worked_on = a.date()
    description = a.optional_string()
    task_id = a.optional_string()
    period = a.integer()
    draws = a.list_()
    late_for = a.optional_integer()
    approved = a.boolean()
    approved_by = a.optional_string()
    reverses = a.optional_string()
    reversed_by = a.optional_string()

    @property
    def hours(self) -> Decimal:
        """The minutes in hours, to 2 decimals."""
        return to_hours(self.minutes)
