"""Items of the wholesale pipeline.

Partition of a pipeline, in the order of sort keys:

    !                 its reference counter, with the state of its activity (`PipelineActivityState`)
    !L                its place in lists by two filters, and among the next actions (`PipelineListing`)
    H#<revision>      a completed stage interval, by the last revision in that stage (foundation.state_history)
    Y#<activity id>   an activity
    ~                 the pipeline itself

so that one descending query from `~` reads the pipeline and its latest activities.
"""

from collections.abc import Mapping
from dataclasses import fields
from datetime import date
from functools import cached_property
from typing import Any, Self

from chalicelib.foundation import party_rows
from chalicelib.foundation.ids import IdFormat, ItemKey
from chalicelib.foundation.party_names import OPPOSING
from chalicelib.foundation.party_rows import Party, PartyRows
from chalicelib.foundation.phones import to_e164
from chalicelib.foundation.postal_codes import DEFAULT_COUNTRY, normalize_postal_code, postal_area
from chalicelib.foundation.store import attributes as a
from chalicelib.foundation.store import shared_values
from chalicelib.foundation.store.access_patterns import AccessPattern, DuePattern, patterns_of
from chalicelib.foundation.store.codec import decimals
from chalicelib.foundation.store.entity import Entity
from chalicelib.foundation.store.keys import join_key
from chalicelib.foundation.store.references import ReferenceCounter
from chalicelib.foundation.store.row import Row, truncate
from chalicelib.foundation.street_addresses import house_key
from chalicelib.packs.wholesale.rules.deadlines import ContractDates, next_reminder, open_deadlines
from chalicelib.packs.wholesale.rules.follow_ups import is_watched
from chalicelib.packs.wholesale.rules.pricing import RULE_PCT, Pricing, PricingInputs, compute_pricing
from chalicelib.packs.wholesale.rules.stages import OPEN

_DEAL = IdFormat("deal", "deal")
NO_OWNER = "none"  # in the owner index: pipelines without an owner


class Pipeline(Entity):
    """A property from lead to closed assignment."""

    KIND = "pipeline"
    ID = IdFormat("pipe", "pipeline")
    PERSONAL = frozenset({"seller", "buyer", "found_by"})
    BY_STAGE = AccessPattern("gsi1", "PIPE#{stage}#0", serves="GET /wholesale, ?stage=")
    BY_OWNER = AccessPattern("gsi2", f"PIPE#OWN#{{owner|{NO_OWNER}}}", serves="GET /wholesale?owner=; handover")
    BY_MARKET = AccessPattern(
        "gsi4", "PIPE#MKT#{market_country}#{market_area}", sort="{market_code}#{id}", serves="GET /wholesale?market=; matches of a buyer"
    )
    REMINDERS = DuePattern("contract-alarm", on="alarm_on", serves="wholesale-contract-alarms")
    LIST_FIELDS = (
        "id", "stage", "stage_entered_at", "owner", "lead_source", "seller_name", "address", "city", "postal_code",
        "currency", "asking_price", "arv_estimate", "max_allowable_offer", "expected_spread", "spread_basis",
        "next_action_what", "next_action_on", "on_hold", "created_at",
    )  # fmt: skip

    stage = a.string()
    stage_entered_at = a.datetime()
    stage_entered_on = a.date()  # its business date
    stage_entered_by = a.string()
    stage_reason = a.optional_string()
    stage_note = a.optional_string()
    previous_stage = a.optional_string()
    cohort = a.string()  # month of creation in the firm's time zone, YYYY-MM
    highest_stage = a.string()  # the furthest stage it was ever in, except dead
    stays = a.map_()  # completed stage intervals: {stage: {days: count}}

    deal_id = a.optional_string()  # written with its deal only; older ones hold a number of another system
    property_id = a.optional_string()
    external_ref = a.optional_string()
    lead_source = a.optional_string()
    seller_motivation = a.optional_string()
    seller = a.optional_map()
    property = a.optional_map()
    found_by = a.string_list()  # the digests under which others of the same house or phone find it; absent where it was never looked for

    currency = a.string()
    asking_price = a.optional_decimal()
    arv_estimate = a.optional_decimal()
    repair_estimate = a.optional_decimal()
    arv_confidence = a.optional_string()
    rule_pct = a.optional_decimal()
    max_allowable_offer = a.optional_decimal()  # only where the caller gave it, like the spread
    expected_spread = a.optional_decimal()
    offer_price = a.optional_decimal()
    contract_price = a.optional_decimal()
    assignment_fee_target = a.optional_decimal()
    assignment_id = a.optional_string()  # the current assignment, and its price
    assignment_price = a.optional_decimal()
    buyer = a.optional_map()  # of the current assignment: the names that it was assigned to
    contracts_ended = a.optional_map()  # {contract number: {reason, on}}: offers under that contract ended with it
    exit_strategy = a.optional_string()
    costs = a.optional_map()
    suited_for = a.string_list()

    contract_effective_on = a.optional_date()
    earnest_money_due_on = a.optional_date()
    earnest_money_paid_on = a.optional_date()
    inspection_ends_on = a.optional_date()
    inspection_cleared_on = a.optional_date()
    closes_on = a.optional_date()
    alarms = a.optional_map()  # marks of the reminders raised: {deadline: fewest days left}
    alarm_on = a.optional_date()  # day of the next reminder: the due key

    next_action = a.optional_map()
    on_hold = a.boolean()
    owner = a.optional_string()
    is_listed = a.optional_boolean()  # whether it has its listing: those from before there were any get it when they are next written
    tags = a.string_list()
    notes = a.optional_string()

    @cached_property
    def display_name(self) -> str:
        """What people call it: its address. Never the seller."""
        return ", ".join(part for part in (self._address.get("line1"), self._address.get("city")) if part) or self.id

    @cached_property
    def deal(self) -> str | None:
        """The deal that it is in."""
        return self.deal_id if self.deal_id and _DEAL.is_id(self.deal_id) else None

    @cached_property
    def party_rows(self) -> PartyRows:
        """The rows by which its seller and its buyer are found, while it is in a deal."""
        buyer = self.buyer or {}
        named = (("seller", (self.seller or {}).get("name")), ("buyer", buyer.get("name")), ("buyer", buyer.get("company")))
        parties: list[Party] = [{"name": name, "role": role, "side": OPPOSING} for role, name in named if name]
        return party_rows.rows_of(self.KIND, self.deal, self.id, parties)

    @cached_property
    def seller_phone(self) -> str | None:
        """Its seller's phone in E.164; None where there is none that can be read."""
        phone = (self.seller or {}).get("phone")
        return to_e164(phone, self.market_country) if phone else None

    @cached_property
    def digests(self) -> list[str]:
        """Of its house and of its seller's phone, as far as it has them: what two leads have in common that may be one."""
        values = {"house": house_key(self._address), "phone": self.seller_phone}
        return [shared_values.digest(kind, value) for kind, value in values.items() if value]

    @cached_property
    def pricing(self) -> Pricing:
        """Ceiling, MAO, spread and warnings, computed from its fields."""
        return compute_pricing(self.pricing_inputs)

    @cached_property
    def pricing_inputs(self) -> PricingInputs:
        """The inputs of its pricing."""
        return to_pricing_inputs(self.attribute_values)

    @cached_property
    def is_watched(self) -> bool:
        """Whether inactivity raises follow-ups."""
        return is_watched(self.stage, on_hold=self.on_hold)

    @cached_property
    def listing(self) -> "PipelineListing":
        """Its place in lists by two filters, and among the next actions while it is open."""
        return PipelineListing.of(self)

    @cached_property
    def next_action_on(self) -> date | None:
        """Its day in the list of next actions: only open ones are in it."""
        return self.next_action_due_on if self.stage in OPEN else None

    @cached_property
    def next_action_due_on(self) -> date | None:
        """The day on which its next action is due."""
        due_on = (self.next_action or {}).get("due_on")
        return date.fromisoformat(due_on) if due_on else None

    @cached_property
    def contract_dates(self) -> ContractDates:
        """The dates that have reminders."""
        return ContractDates(**{field.name: getattr(self, field.name) for field in fields(ContractDates)})

    def with_next_reminder(self, today: date) -> Self:
        """The same pipeline, its due key set to the day of its next reminder."""
        reminder = next_reminder(open_deadlines(self.stage, self.contract_dates), self.alarms or {}, today)
        self.alarm_on = reminder.raise_on if reminder else None
        return self

    @cached_property
    def contract_no(self) -> int:
        """The number of its current or next contract: 1, plus the number of contracts that ended."""
        return len(self.contracts_ended or {}) + 1

    def list_view(self) -> dict[str, Any]:
        """The fields that lists return, the computed figures among them; null fields are left out."""
        address, pricing = self._address, self.pricing
        return self._listed(
            seller_name=truncate((self.seller or {}).get("name")),
            address=truncate(address.get("line1")),
            city=truncate(address.get("city")),
            postal_code=address.get("postal_code"),
            max_allowable_offer=pricing.max_allowable_offer,
            expected_spread=pricing.expected_spread,
            spread_basis=pricing.spread_basis,
            next_action_what=truncate((self.next_action or {}).get("what")),
            next_action_on=(self.next_action or {}).get("due_on"),
            on_hold=self.on_hold or None,
        )

    # -- the market index: the country and the first characters of the postal code; absent without three of them

    @cached_property
    def market_country(self) -> str:
        """The country of its address."""
        return self._address.get("country") or DEFAULT_COUNTRY

    @cached_property
    def market_area(self) -> str | None:
        """The area of its postal code; None where it has none."""
        return postal_area(self._address.get("postal_code") or "")

    @cached_property
    def market_code(self) -> str:
        """Its postal code in canonical form."""
        return normalize_postal_code(self._address.get("postal_code") or "")

    @cached_property
    def _address(self) -> dict[str, Any]:
        return (self.property or {}).get("address") or {}


class PipelineListing(Row):
    """Where a pipeline stands in lists by two filters, and among its owner's next actions, with what lists show of it.

    It holds nothing but its keys, which are made of the pipeline's values, and the view: so it is less than 1 KB.
    """

    KIND = "pipeline-listing"
    BY_OWNER_AND_STAGE = AccessPattern("gsi1", f"PIPE#OS#{{owner|{NO_OWNER}}}#{{stage}}", serves="GET /wholesale?owner=&stage=")
    BY_OWNER_AND_MARKET = AccessPattern(
        "gsi2",
        f"PIPE#OM#{{owner|{NO_OWNER}}}#{{market_country}}#{{market_area}}",
        sort="{market_code}#{id}",
        serves="GET /wholesale?owner=&market=",
    )
    NEXT_ACTIONS = AccessPattern(
        "gsi3", f"PIPE#NEXT#{{owner|{NO_OWNER}}}", sort="{next_action_on}#{id}", serves="GET /wholesale/next-actions"
    )
    BY_MARKET_AND_STAGE = AccessPattern(
        "gsi4", "PIPE#MS#{market_country}#{market_area}#{stage}", sort="{market_code}#{id}", serves="GET /wholesale?market=&stage="
    )

    view = a.string()  # the pipeline's list view
    _pipeline: Pipeline

    @classmethod
    def of(cls, pipeline: Pipeline) -> Self:
        """The listing of a pipeline as it is."""
        self = cls.at(cls.key_of(pipeline.id), view=pipeline._encoded_view()["S"])
        self._pipeline = pipeline
        return self

    def index_keys(self) -> dict[str, str]:
        """Its index keys, from the pipeline's values."""
        return {name: key for pattern in patterns_of(type(self)) for name, key in pattern.keys(self._pipeline).items()}

    @staticmethod
    def key_of(pipeline_id: str) -> ItemKey:
        """Its key."""
        return ItemKey(pipeline_id, "!L")


class MorningList(Row):
    """That a user wants their next actions by mail each morning, and when the next mail is due; absent where they don't."""

    KIND = "morning-list"
    DUE = DuePattern("morning-list", on="due_at", by="pk", serves="wholesale-morning-lists")

    due_at = a.optional_datetime()

    @staticmethod
    def key_of(user_id: str) -> ItemKey:
        """Its key."""
        return ItemKey(join_key("MORNING", user_id), "M")


class Activity(Entity):
    """An activity of a pipeline. Its amount is in the currency that the pipeline had when it was logged."""

    KIND = "activity"
    ID = IdFormat("act", "activity", parents={"w": "pipe"}, row="Y")

    pipeline_id = a.string()
    event_type = a.string()
    description = a.optional_string()
    amount = a.optional_decimal()
    currency = a.string()
    occurred_at = a.datetime()


class PipelineActivityState(ReferenceCounter):
    """What logging an activity updates, so that it doesn't write the pipeline itself.

    `last_activity_at` is that of the pipeline's creation, activities and changes of stage, whichever is latest. A watched pipeline is in
    two indexes: by the day of its last activity, and by the day on which a follow-up may be due. The latter is never later than the
    truth; the schedule that finds it early moves it. While a pipeline isn't watched the partition keys are absent and the sort keys stay,
    so that activities go on being counted for the time when it is watched again.
    """

    INACTIVE = AccessPattern("gsi1", "QUIET#0", sort="{last_day}#{pk}", only_while="watched", serves="GET /wholesale/stale")
    FOLLOW_UPS = DuePattern("follow-up", on="follow_up_on", by="pk", only_while="watched", serves="wholesale-follow-ups")

    last_activity_at = a.datetime()
    last_day = a.date()
    currency = a.string()
    watched = a.boolean()
    owner = a.optional_string()
    follow_up_on = a.optional_date()
    raised_since = a.optional_date()  # the quiet period of the last follow-up, and its days
    raised_days = a.optional_integer()

    @property
    def raised(self) -> tuple[date, int] | None:
        """The quiet period and the days of the last follow-up that was raised."""
        return (self.raised_since, self.raised_days) if self.raised_since and self.raised_days else None


def to_pricing_inputs(values: Mapping[str, Any]) -> PricingInputs:
    """Pricing inputs from a pipeline's values: attribute values, or plain values of its item."""
    return PricingInputs(
        currency=values["currency"],
        rule_pct=decimals(values, ["rule_pct"])["rule_pct"] or RULE_PCT,
        exit_strategy=values.get("exit_strategy") or "assignment",
        costs=decimals(values.get("costs")),
        **decimals(values, _PRICING_AMOUNTS),
    )


_PRICING_AMOUNTS = (
    "arv_estimate", "repair_estimate", "assignment_fee_target", "offer_price", "contract_price", "assignment_price",
    "max_allowable_offer", "expected_spread",
)  # fmt: skip


# -- aggregate rows: of the board by stage and currency, or stage and month; of the funnel by month, or month and stage

BOARD, FUNNEL = "BOARD", "FUNNEL"
SUM, DAY = "sum", "day"


def board_sums(stage: str, currency: str) -> tuple[str, str]:
    """The row of a stage's sums in a currency: count, arv, spread, fees."""
    return BOARD, join_key(stage, SUM, currency)


def board_days(stage: str, month: str) -> tuple[str, str]:
    """The row that counts the pipelines in a stage by day of entry (d01 .. d31), for one month of entry."""
    return BOARD, join_key(stage, DAY, month)


def funnel_month(month: str) -> tuple[str, str]:
    """The row of a month's cohort: created; top_<stage>, how many have it as furthest stage; spread_<currency>."""
    return FUNNEL, month


def funnel_intervals(month: str, stage: str) -> tuple[str, str]:
    """The row that counts a cohort's completed intervals in a stage by length: t<days>."""
    return FUNNEL, join_key(month, stage)
