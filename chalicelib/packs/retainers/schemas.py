"""Requests and answers of retainers."""

from decimal import Decimal
from typing import Annotated, Literal, NotRequired

from pydantic import AfterValidator, Field
from typing_extensions import TypedDict

from chalicelib.foundation import schema_types as t
from chalicelib.foundation.dates import is_time_zone
from chalicelib.foundation.explanations import Explanation
from chalicelib.packs.retainers.rules.accounts import CLOSED, OPEN
from chalicelib.packs.retainers.rules.buckets import MODES, NONE
from chalicelib.packs.retainers.rules.statements import LINES
from chalicelib.packs.retainers.rules.states import ACTIVE, CANCEL_REASONS, INITIAL, REASONS, STATUSES

MAX_HOURS = 744  # of a month of 31 days
_EXAMPLE_PROFESSIONAL = "pro_01KB0Q5E8G7Z3V9X2M4N6P8R0T"


def _time_zone(name: str) -> str:
    if not is_time_zone(name):
        raise ValueError("an IANA time zone is needed, e.g. America/Los_Angeles")
    return name


Status = Annotated[str, t.OneOf(STATUSES, "RetainerStatus")]
InitialStatus = Annotated[str, t.OneOf(INITIAL, "RetainerInitialStatus")]
Mode = Annotated[str, t.OneOf(MODES, "RolloverMode")]
PauseReason = Annotated[str, t.OneOf(REASONS, "RetainerReason")]
CancelReason = Annotated[str, t.OneOf(CANCEL_REASONS, "RetainerCancelReason")]
PeriodStatus = Annotated[str, t.OneOf((OPEN, CLOSED), "RetainerPeriodStatus")]
LineKind = Annotated[str, t.OneOf(LINES, "RetainerStatementLineKind")]
TimeZone = Annotated[t.Text, Field(min_length=1, max_length=60, examples=["America/Los_Angeles"]), AfterValidator(_time_zone)]
Id = Annotated[t.Text, Field(min_length=1, max_length=100)]
MonthlyHours = Annotated[t.Number, Field(ge=0, le=MAX_HOURS, examples=[40]), t.decimals(4)]
LoggedHours = Annotated[t.Number, Field(gt=0, le=MAX_HOURS, examples=[1.5]), t.decimals(4)]
CapHours = Annotated[t.Number, Field(ge=0, le=100_000), t.decimals(4)]
Multiplier = Annotated[t.Number, Field(gt=0, le=10, examples=[1.5]), t.decimals(4)]
CapPct = Annotated[t.Number, Field(ge=100, le=1000, examples=[130]), t.decimals(2)]
Months = Annotated[t.StrictInt, Field(ge=1, le=60)]
Increment = Annotated[t.StrictInt, Field(ge=1, le=60)]
NoticeDays = Annotated[t.StrictInt, Field(ge=0, le=365)]
Periods = Annotated[t.StrictInt, Field(ge=1, le=1200)]


class RolloverTerms(t.RequestBody):
    """What happens to hours that are left at the end of a period."""

    mode: Mode = NONE
    cap_hours: CapHours | None = Field(None, description="Needed when capped: the most that is carried over altogether.")
    expires_after_periods: Periods | None = Field(None, description="For how many periods they can be used. Default: as long as it lasts.")
    carry_overuse: t.StrictBool = Field(False, description="Deduct what is used beyond the available from the next period; don't bill it.")


class RolloverPatch(t.RequestBody):
    """A change of the rollover. Omitted fields keep their value, null clears."""

    mode: Mode = Field(default_factory=t.omitted)
    cap_hours: CapHours | None = None
    expires_after_periods: Periods | None = None
    carry_overuse: t.StrictBool = Field(default_factory=t.omitted)


class OverageTerms(t.RequestBody):
    """What hours beyond the available cost: `rate`, or the hourly rate times `multiplier` (1); and how many there may be."""

    rate: t.NonNegativeMoney | None = None
    multiplier: Multiplier | None = None
    hard_cap_pct: CapPct | None = Field(None, description="Percent of the available hours beyond which entries are refused.")


class RetainerBase(t.RequestBody):
    """The fields of a retainer that can be set at its creation and changed afterwards."""

    hourly_rate: t.NonNegativeMoney | None = None
    monthly_fee: t.NonNegativeMoney | None = None
    overage: OverageTerms | None = None
    contract_id: Id | None = Field(None, description="A contract that is signed and in force; of a draft any contract, until it starts.")
    notes: t.Notes | None = None


class RetainerCreate(RetainerBase):
    """A new retainer. It needs hours or a fee above zero."""

    model_config = t.body_example(
        {
            "professional_id": _EXAMPLE_PROFESSIONAL,
            "name": "Title work",
            "monthly_hours_included": 40,
            "monthly_fee": 3000,
            "hourly_rate": 187.5,
        }
    )

    professional_id: Id = Field(examples=[_EXAMPLE_PROFESSIONAL])
    name: t.Name
    monthly_hours_included: MonthlyHours
    currency: t.Currency | None = Field(None, description="ISO 4217. Default: the default currency.")
    starts_on: t.BusinessDate | None = Field(None, description="Default: today. At most 366 days ago: periods that are over are closed.")
    renewal_date: t.BusinessDate | None = Field(
        None, description="The first day of the next term, within 120 months. Default: after the first term's months."
    )
    term_months: Months = 1
    auto_renew: t.StrictBool = False
    rollover: RolloverTerms | None = None
    increment_minutes: Increment = 6
    notice_days: NoticeDays = 0
    uplift_pct: t.Percentage = Field(Decimal(0), description="By how much the fee rises with each term.", json_schema_extra={"default": 0})
    time_zone: TimeZone | None = Field(None, description="Whose days count. Default: the firm's.")
    status: InitialStatus = ACTIVE


class RetainerPatch(RetainerBase, t.PatchBody):
    """A change of a retainer. Hours and fee hold from the next period, the rest at once.

    Currency, start, renewal, term and time zone change in a draft only.
    """

    model_config = t.body_example({"notes": "Prefers mornings."})

    name: t.Name = Field(default_factory=t.omitted)
    monthly_hours_included: MonthlyHours = Field(default_factory=t.omitted)
    currency: t.Currency = Field(default_factory=t.omitted)
    starts_on: t.BusinessDate = Field(default_factory=t.omitted)
    renewal_date: t.BusinessDate | None = Field(None, description="Null: after the first term's months.")
    term_months: Months = Field(default_factory=t.omitted)
    auto_renew: t.StrictBool = Field(default_factory=t.omitted)
    rollover: RolloverPatch | None = None
    increment_minutes: Increment = Field(default_factory=t.omitted)
    notice_days: NoticeDays = Field(default_factory=t.omitted)
    uplift_pct: t.Percentage = Field(default_factory=t.omitted)
    time_zone: TimeZone = Field(default_factory=t.omitted)


class RetainerMoveRequest(t.RequestBody):
    """Why a retainer is paused or resumed. To pause it needs a reason."""

    model_config = t.body_example({"reason": "capacity"})

    reason: PauseReason | None = None
    note: t.Notes | None = Field(None, description="Needed where the reason is `other`.")


class RetainerCancelRequest(t.RequestBody):
    """Why a retainer is cancelled, and its last day that counts."""

    model_config = t.body_example({"reason": "ended"})

    reason: CancelReason | None = Field(None, description="Needed.")
    note: t.Notes | None = Field(None, description="Needed where the reason is `other`.")
    effective_on: t.BusinessDate | None = Field(None, description="Default: today and the days of notice. A draft ends at once.")


class HoursCreate(t.RequestBody):
    """Hours that were worked."""

    model_config = t.body_example({"hours": 1.5, "description": "Title search"})

    hours: LoggedHours
    worked_on: t.BusinessDate | None = Field(None, description="Default: today. At most 60 days ago, and not before the retainer.")
    description: t.Notes | None = None
    task_id: Id | None = Field(None, description="The task that it was done for; whoever logs for their own deals only needs one.")


class HoursReversalRequest(t.RequestBody):
    """Why an entry is taken back."""

    model_config = t.body_example({"reason": "Entered twice."})

    reason: Annotated[t.Notes, Field(min_length=1)]


class RetainerQuery(t.PageParams):
    """Which retainers are listed."""

    status: Status | None = None
    due_before: t.BusinessDate | None = Field(None, description="Those whose renewal is before it and that haven't ended, soonest first.")


class ExplainedPageParams(t.PageParams):
    """A list of computed figures."""

    explain: t.QueryFlag = False


class StatementQuery(t.ExplainParams):
    """Which statement is read."""

    period: Annotated[t.QueryInt, Field(ge=1)] | None = Field(None, description="Its number. Default: the open one, else the last one.")


# -- answers


class RolloverView(TypedDict):
    """What happens to hours that are left at the end of a period."""

    mode: Mode
    cap_hours: t.MoneyNumber | None
    expires_after_periods: int | None
    carry_overuse: bool


class OverageView(TypedDict):
    """What hours beyond the available cost, and how many there may be."""

    rate: t.MoneyNumber | None
    multiplier: t.MoneyNumber | None
    hard_cap_pct: t.MoneyNumber | None


class RetainerPeriodDates(TypedDict):
    """The open period of a retainer."""

    n: int
    starts_on: t.DateText
    ends_on: t.DateText


class RetainerView(t.ResourceView):
    """A retainer. Hours are of the open period, null while none is open; fee and hours of the month are those of the next one."""

    professional_id: str
    name: str
    status: Status
    is_active: bool
    monthly_hours_included: t.MoneyNumber
    hourly_rate: t.MoneyNumber | None
    monthly_fee: t.MoneyNumber | None
    currency: str
    starts_on: t.DateText
    renewal_date: t.DateText
    term_months: int
    auto_renew: bool
    rollover: RolloverView
    overage: OverageView
    increment_minutes: int
    notice_days: int
    uplift_pct: t.MoneyNumber
    contract_id: str | None
    time_zone: str
    notes: str | None
    period: RetainerPeriodDates | None
    hours_available: t.MoneyNumber | None
    hours_used: t.MoneyNumber | None
    hours_remaining: t.MoneyNumber | None
    overage_hours: t.MoneyNumber | None
    utilization_pct: t.MoneyNumber | None
    cancels_on: t.DateText | None
    explain: NotRequired[Explanation]


class RetainerSummary(TypedDict):
    """A retainer in a list."""

    id: str
    professional_id: str
    name: str
    status: Status
    renewal_date: t.DateText
    monthly_fee: t.MoneyNumber | None
    monthly_hours_included: t.MoneyNumber
    currency: str


class RetainerDeactivatedView(TypedDict):
    """The answer to a pause without a reason."""

    status: Literal["deactivated"]
    retainer_id: str


HoursDraw = TypedDict("HoursDraw", {"from": str, "minutes": int})
HoursDraw.__doc__ = (
    "Minutes drawn from one source: P<n> (carried over from that period), this, overage. Negative where they are given back."
)


class HoursWarnings(TypedDict):
    """What whoever logs hours should know."""

    renewal_approaching: bool
    days_to_renewal: int
    hours_nearly_consumed: bool


class LoggedHoursView(TypedDict):
    """What an entry made of the open period."""

    status: Literal["ok"]
    entry_id: str
    hours_used: t.MoneyNumber
    hours_remaining: t.MoneyNumber
    overage_hours: t.MoneyNumber
    utilization_pct: t.MoneyNumber | None
    crossed: list[int]
    draws: list[HoursDraw]
    late_for: int | None
    approved: bool
    warnings: HoursWarnings
    explain: NotRequired[Explanation]


class HoursEntryView(t.ResourceView):
    """Hours that were logged. A counter-entry is negative."""

    hours: t.MoneyNumber
    minutes: int
    worked_on: t.DateText
    description: str | None
    task_id: str | None
    period: int
    draws: list[HoursDraw]
    late_for: int | None
    approved: bool
    reverses: str | None
    reversed_by: str | None


class RetainerPeriodView(TypedDict):
    """A period. A negative `rolled_over` is a debt; `unit_price` is that of an hour beyond the available."""

    n: int
    starts_on: t.DateText
    ends_on: t.DateText
    status: PeriodStatus
    hours_in: t.MoneyNumber
    rolled_over: t.MoneyNumber
    hours_used: t.MoneyNumber
    overage_hours: t.MoneyNumber
    unit_price: t.MoneyNumber | None
    fee: t.MoneyNumber
    overage_fee: t.MoneyNumber | None
    opened_at: t.TimestampText
    closed_at: t.TimestampText | None
    explain: NotRequired[Explanation]


class RetainerStatementLine(TypedDict):
    """A line of a statement."""

    kind: LineKind
    description: str
    hours: t.MoneyNumber
    unit_price: t.MoneyNumber | None
    amount: t.MoneyNumber | None


class RetainerStatementView(TypedDict):
    """The statement of a period; of an open one as it is now. `missing` names what a complete one needs."""

    period: int
    starts_on: t.DateText
    ends_on: t.DateText
    status: PeriodStatus
    lines: list[RetainerStatementLine]
    hours_used: t.MoneyNumber
    unapproved_hours: t.MoneyNumber
    fee: t.MoneyNumber
    overage_fee: t.MoneyNumber | None
    total: t.MoneyNumber | None
    currency: str
    complete: bool
    missing: list[str]
    explain: NotRequired[Explanation]


class RetainerForecastRow(TypedDict):
    """What periods that start in a month cost in a currency."""

    month: str
    currency: str
    hours: t.MoneyNumber
    fees: t.MoneyNumber


class RetainerForecastView(TypedDict):
    """The next three calendar months, on one page."""

    items: list[RetainerForecastRow]
    next_cursor: None
    as_of: t.TimestampText
    explain: NotRequired[Explanation]
