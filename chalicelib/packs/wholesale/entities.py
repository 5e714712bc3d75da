"""The stored items of a pipeline, their keys and their aggregates.

The partition of a pipeline, in the order of sort keys:

    !                 reference counter and activity state (`PipelineActivityState`)
    H#<revision>      a completed stage interval, by its last revision
    Y#<activity id>   an activity
    ~                 the pipeline itself

One descending query from `~` reads the pipeline and its latest activities.
"""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property
from typing import Any

from chalicelib.foundation.dates import format_timestamp, parse_timestamp
from chalicelib.foundation.ids import IdFormat, ItemKey
from chalicelib.foundation.store import attributes as a
from chalicelib.foundation.store import codec
from chalicelib.foundation.store.codec import DynamoItem
from chalicelib.foundation.store.entity import Entity
from chalicelib.foundation.store.keys import escape_key_part, join_key, reference_counter
from chalicelib.packs.wholesale.rules.follow_ups import is_watched
from chalicelib.packs.wholesale.rules.pricing import RULE_PCT, Pricing, PricingInputs, compute_pricing

ACTIVITIES = "Y#"
INTERVALS = "H#"
NO_OWNER = "none"  # in the owner index: pipelines without an owner
COUNTRY = "US"  # of an address without country
MARKET_PREFIX_LENGTH = 3  # characters of a postal code in the partition key of a market


class Pipeline(Entity):
    """A property from lead to closed assignment."""

    KIND = "pipeline"
    ID = IdFormat("pipe", "pipeline")
    PERSONAL = frozenset({"seller"})

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

    deal_id = a.optional_string()
    property_id = a.optional_string()
    external_ref = a.optional_string()
    lead_source = a.optional_string()
    seller_motivation = a.optional_string()
    seller = a.optional_map()
    property = a.optional_map()

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
    tags = a.string_list()
    notes = a.optional_string()

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
    def contract_no(self) -> int:
        """The number of its current or next contract: 1, plus the number of contracts that ended."""
        return len(self.contracts_ended or {}) + 1

    def index_keys(self) -> dict[str, str]:
        """By stage and by owner, newest first; by the day of its next reminder; by market."""
        keys = {
            "gsi1pk": stage_key(self.stage),
            "gsi1sk": self.id,
            "gsi2pk": owner_key(self.owner),
            "gsi2sk": self.id,
        }
        if self.alarm_on:
            keys |= {"gsi3pk": REMINDERS_DUE, "gsi3sk": join_key(self.alarm_on.isoformat(), self.id)}
        address = (self.property or {}).get("address") or {}
        code = postal_code(address.get("postal_code") or "")
        if len(code) >= MARKET_PREFIX_LENGTH:
            keys |= {"gsi4pk": market_key(address.get("country") or COUNTRY, code), "gsi4sk": join_key(code, self.id)}
        return keys

    def list_view(self) -> dict[str, Any]:
        """The fields that lists return; null fields are left out."""
        address = (self.property or {}).get("address") or {}
        fields = {
            "id": self.id,
            "stage": self.stage,
            "stage_entered_at": self.stage_entered_at,
            "owner": self.owner,
            "lead_source": self.lead_source,
            "seller_name": _truncate((self.seller or {}).get("name")),
            "address": _truncate(address.get("line1")),
            "city": _truncate(address.get("city")),
            "postal_code": address.get("postal_code"),
            "currency": self.currency,
            "asking_price": self.asking_price,
            "arv_estimate": self.arv_estimate,
            "max_allowable_offer": self.pricing.max_allowable_offer,
            "expected_spread": self.pricing.expected_spread,
            "spread_basis": self.pricing.spread_basis,
            "next_action_on": (self.next_action or {}).get("due_on"),
            "on_hold": self.on_hold or None,
            "created_at": self.created_at,
        }
        return {name: value for name, value in fields.items() if value is not None}


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


def to_pricing_inputs(values: dict[str, Any]) -> PricingInputs:
    """Pricing inputs from a pipeline's values: attribute values, or plain values of its item."""
    return PricingInputs(
        currency=values["currency"],
        arv_estimate=_decimal(values.get("arv_estimate")),
        repair_estimate=_decimal(values.get("repair_estimate")),
        assignment_fee_target=_decimal(values.get("assignment_fee_target")),
        rule_pct=_decimal(values.get("rule_pct")) or RULE_PCT,
        offer_price=_decimal(values.get("offer_price")),
        contract_price=_decimal(values.get("contract_price")),
        assignment_price=_decimal(values.get("assignment_price")),
        max_allowable_offer=_decimal(values.get("max_allowable_offer")),
        expected_spread=_decimal(values.get("expected_spread")),
        exit_strategy=values.get("exit_strategy") or "assignment",
        costs={name: _decimal(cost) for name, cost in (values.get("costs") or {}).items()},
    )


def _decimal(value: Any) -> Decimal | None:
    """The codec decodes whole numbers as int."""
    return None if value is None else Decimal(value)


def _truncate(text: str | None) -> str | None:
    """The text, cut to 60 characters for lists."""
    return text if text is None or len(text) <= 60 else f"{text[:59]}…"


# -- keys


def stage_key(stage: str) -> str:
    """The index partition of a stage."""
    return join_key("PIPE", stage, "0")


def owner_key(owner: str | None) -> str:
    """The index partition of an owner."""
    return join_key("PIPE", "OWN", owner or NO_OWNER)


def postal_code(text: str) -> str:
    """A postal code in canonical form: SW1A 1AA and sw1a1aa are the same."""
    return "".join(character for character in text.upper() if character.isascii() and character.isalnum())


def market_key(country: str, code: str) -> str:
    """The index partition of a market: country and first characters of the postal code."""
    return join_key("PIPE", "MKT", escape_key_part(country), escape_key_part(code[:MARKET_PREFIX_LENGTH]))


REMINDERS_DUE = join_key("DUE", "contract-alarm", "0")
FOLLOW_UPS_DUE = join_key("DUE", "follow-up", "0")
QUIET = join_key("QUIET", "0")


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


# -- activity state


@dataclass(frozen=True)
class PipelineActivityState:
    """Last activity and follow-ups of a pipeline, in an item of its own, so that logging an activity doesn't write the pipeline.

    The item is the pipeline's reference counter, too. `last_activity_at` covers creation and activities; the last stage change is
    on the pipeline. While watched it has two index keys: the day of the last activity (the list of inactive pipelines) and the
    day on which a follow-up may be due. The latter may be too early but never too late; the daily run moves it on. While not
    watched, the partition keys are removed and the sort keys remain: inactivity continues to count.
    """

    last_activity_at: datetime
    last_day: date
    currency: str
    watched: bool
    owner: str | None = None
    follow_up_on: date | None = None
    raised_since: date | None = None  # start and days of inactivity at the last follow-up
    raised_days: int | None = None

    @staticmethod
    def key(pipeline_id: str) -> ItemKey:
        """The key of a pipeline's activity state."""
        return reference_counter(pipeline_id)

    @classmethod
    def from_item(cls, raw: DynamoItem) -> "PipelineActivityState":
        """The activity state in an item."""
        values = codec.decode_item(raw)
        return cls(
            last_activity_at=parse_timestamp(values["last_activity_at"]),
            last_day=date.fromisoformat(values["last_day"]),
            currency=values["currency"],
            watched=values["watched"],
            owner=values.get("owner"),
            follow_up_on=_day(values.get("follow_up_on")),
            raised_since=_day(values.get("raised_since")),
            raised_days=values.get("raised_days"),
        )

    @property
    def raised(self) -> tuple[date, int] | None:
        """Start and days of inactivity at the last follow-up."""
        return (self.raised_since, self.raised_days) if self.raised_since and self.raised_days else None

    def values(self, pipeline_id: str) -> dict[str, Any]:
        """All attributes, None where absent: the index keys are present only while it is watched."""
        keys = self.keys(pipeline_id) | ({} if self.watched else dict.fromkeys(WATCH_PARTITIONS))
        return {
            "last_activity_at": format_timestamp(self.last_activity_at),
            "last_day": self.last_day,
            "currency": self.currency,
            "watched": self.watched,
            "owner": self.owner,
            "follow_up_on": self.follow_up_on,
            "raised_since": self.raised_since,
            "raised_days": self.raised_days,
            **keys,
        }

    def keys(self, pipeline_id: str) -> dict[str, Any]:
        """The index keys: of the inactivity list, and of the due index."""
        due = join_key(self.follow_up_on.isoformat(), pipeline_id) if self.follow_up_on else None
        return {
            "gsi1pk": QUIET,
            "gsi1sk": join_key(self.last_day.isoformat(), pipeline_id),
            "gsi3pk": FOLLOW_UPS_DUE if due else None,
            "gsi3sk": due,
        }


WATCH_PARTITIONS = {"gsi1pk": QUIET, "gsi3pk": FOLLOW_UPS_DUE}  # the partition keys that put it into the indexes
INDEX_ATTRIBUTES = ("gsi1pk", "gsi1sk", "gsi3pk", "gsi3sk")


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)
