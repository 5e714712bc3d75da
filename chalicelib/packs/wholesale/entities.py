"""What lies in the table of the pipeline.

Partition of a pipeline, in the order of sort keys:

    !                 beside it: references counted, and when something last happened (`Beside`)
    H#<revision>      a stay in a stage that is over, by the last revision of it
    Y#<activity id>   what happened
    ~                 the pipeline itself

so that one descending query from `~` brings the pipeline and its latest activities.
"""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property
from typing import Any

from chalicelib.foundation.calendar import instant, parse_instant
from chalicelib.foundation.ids import IdForm, Key
from chalicelib.foundation.store import attributes as a
from chalicelib.foundation.store import codec
from chalicelib.foundation.store.codec import Raw
from chalicelib.foundation.store.entity import Entity
from chalicelib.foundation.store.keys import gate, joined, part
from chalicelib.packs.wholesale.rules.numbers import RULE_PCT, Inputs, Numbers, evaluate
from chalicelib.packs.wholesale.rules.quiet import is_watched

ACTIVITIES = "Y#"
STAYS = "H#"
NOBODY = "none"  # in the owner's index: pipelines without one
COUNTRY = "US"  # of an address that doesn't say
AREA = 3  # characters of a postal code that make a market's partition


class Pipeline(Entity):
    """A house on its way from a lead to a closed assignment."""

    KIND = "pipeline"
    ID = IdForm("pipe", "pipeline")
    PERSONAL = frozenset({"seller"})

    stage = a.text()
    stage_entered_at = a.moment()
    stage_entered_on = a.day()  # the firm's day of it
    stage_entered_by = a.text()
    stage_reason = a.optional_text()
    stage_note = a.optional_text()
    previous_stage = a.optional_text()
    cohort = a.text()  # the firm's month of its creation, YYYY-MM
    highest_stage = a.text()  # the furthest that it ever was in, dead aside
    stays = a.document()  # of completed stays: {stage: {days: count}}

    deal_id = a.optional_text()
    property_id = a.optional_text()
    external_ref = a.optional_text()
    lead_source = a.optional_text()
    seller_motivation = a.optional_text()
    seller = a.optional_document()
    property = a.optional_document()

    currency = a.text()
    asking_price = a.optional_decimal()
    arv_estimate = a.optional_decimal()
    repair_estimate = a.optional_decimal()
    arv_confidence = a.optional_text()
    rule_pct = a.optional_decimal()
    max_allowable_offer = a.optional_decimal()  # only where it was given, like the spread
    expected_spread = a.optional_decimal()
    offer_price = a.optional_decimal()
    contract_price = a.optional_decimal()
    assignment_fee_target = a.optional_decimal()
    assignment_id = a.optional_text()  # the assignment that stands, and its price
    assignment_price = a.optional_decimal()
    contracts_ended = a.optional_document()  # {number: {reason, on}}: what was offered under the contract of that number ended with it
    exit_strategy = a.optional_text()
    costs = a.optional_document()
    suited_for = a.texts()

    contract_effective_on = a.optional_day()
    earnest_money_due_on = a.optional_day()
    earnest_money_paid_on = a.optional_day()
    inspection_ends_on = a.optional_day()
    inspection_cleared_on = a.optional_day()
    closes_on = a.optional_day()
    alarms = a.optional_document()  # of each date, the fewest days left that were raised
    alarm_on = a.optional_day()  # when the next alarm is to be raised: the due key

    next_action = a.optional_document()
    on_hold = a.flag()
    owner = a.optional_text()
    tags = a.texts()
    notes = a.optional_text()

    @cached_property
    def numbers(self) -> Numbers:
        """Ceiling, MAO, spread and what looks wrong, from what it holds."""
        return evaluate(self.inputs)

    @cached_property
    def inputs(self) -> Inputs:
        """What its numbers are worked from."""
        return inputs(self.attribute_values)

    @cached_property
    def is_watched(self) -> bool:
        """Whether its silence matters."""
        return is_watched(self.stage, on_hold=self.on_hold)

    @cached_property
    def contract_no(self) -> int:
        """The number of the contract that it is under, or is to come under: 1, until one is lost or the pipeline dies."""
        return len(self.contracts_ended or {}) + 1

    def index_keys(self) -> dict[str, str]:
        """By stage and by owner, newest first; by the day of its next alarm; by market."""
        found = {
            "gsi1pk": by_stage(self.stage),
            "gsi1sk": self.id,
            "gsi2pk": by_owner(self.owner),
            "gsi2sk": self.id,
        }
        if self.alarm_on:
            found |= {"gsi3pk": ALARMS_DUE, "gsi3sk": joined(self.alarm_on.isoformat(), self.id)}
        address = (self.property or {}).get("address") or {}
        code = postal_code(address.get("postal_code") or "")
        if len(code) >= AREA:
            found |= {"gsi4pk": by_market(address.get("country") or COUNTRY, code), "gsi4sk": joined(code, self.id)}
        return found

    def view(self) -> dict[str, Any]:
        """What lists show; what is null is left out."""
        address = (self.property or {}).get("address") or {}
        shown = {
            "id": self.id,
            "stage": self.stage,
            "stage_entered_at": self.stage_entered_at,
            "owner": self.owner,
            "lead_source": self.lead_source,
            "seller_name": _cut((self.seller or {}).get("name")),
            "address": _cut(address.get("line1")),
            "city": _cut(address.get("city")),
            "postal_code": address.get("postal_code"),
            "currency": self.currency,
            "asking_price": self.asking_price,
            "arv_estimate": self.arv_estimate,
            "max_allowable_offer": self.numbers.max_allowable_offer,
            "expected_spread": self.numbers.expected_spread,
            "spread_basis": self.numbers.spread_basis,
            "next_action_on": (self.next_action or {}).get("due_on"),
            "on_hold": self.on_hold or None,
            "created_at": self.created_at,
        }
        return {name: value for name, value in shown.items() if value is not None}


class Activity(Entity):
    """Something that happened with a pipeline. Its amount is in the pipeline's currency of that day."""

    KIND = "activity"
    ID = IdForm("act", "activity", parents={"w": "pipe"}, row="Y")

    pipeline_id = a.text()
    event_type = a.text()
    description = a.optional_text()
    amount = a.optional_decimal()
    currency = a.text()
    occurred_at = a.moment()


def inputs(values: dict[str, Any]) -> Inputs:
    """What numbers are worked from, out of a pipeline's values: attributes, or plain ones of its row."""
    return Inputs(
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
    """Whole numbers come back from the table as int."""
    return None if value is None else Decimal(value)


def _cut(text: str | None) -> str | None:
    """A name short enough for a list."""
    return text if text is None or len(text) <= 60 else f"{text[:59]}…"


# -- keys


def by_stage(stage: str) -> str:
    """The partition of a stage, newest first."""
    return joined("PIPE", stage, "0")


def by_owner(owner: str | None) -> str:
    """The partition of an owner, newest first."""
    return joined("PIPE", "OWN", owner or NOBODY)


def postal_code(text: str) -> str:
    """A postal code in one form: SW1A 1AA and sw1a1aa are the same."""
    return "".join(character for character in text.upper() if character.isascii() and character.isalnum())


def by_market(country: str, code: str) -> str:
    """The partition of a market: the country and the first characters of the postal code."""
    return joined("PIPE", "MKT", part(country), part(code[:AREA]))


ALARMS_DUE = joined("DUE", "contract-alarm", "0")
FOLLOW_UPS_DUE = joined("DUE", "follow-up", "0")
QUIET = joined("QUIET", "0")


# -- aggregate rows: the board's, a stage and currency or a stage and month; the funnel's, a month or a month and stage

BOARD, FUNNEL = "BOARD", "FUNNEL"
SUM, DAY = "sum", "day"


def board_sums(stage: str, currency: str) -> tuple[str, str]:
    """The row of a stage's sums in a currency: count, arv, spread, fees."""
    return BOARD, joined(stage, SUM, currency)


def board_days(stage: str, month: str) -> tuple[str, str]:
    """The row that counts by day of entry (d01 .. d31) those that came into a stage in a month and are still there."""
    return BOARD, joined(stage, DAY, month)


def funnel_month(month: str) -> tuple[str, str]:
    """The row of a month's cohort: created; top_<stage>, of how many it is the furthest; spread_<currency>."""
    return FUNNEL, month


def funnel_stays(month: str, stage: str) -> tuple[str, str]:
    """The row that counts a cohort's completed stays in a stage by their days: t<days>."""
    return FUNNEL, joined(month, stage)


# -- the row beside a pipeline


@dataclass(frozen=True)
class Beside:
    """What is kept beside a pipeline, so that noting an activity doesn't write the pipeline.

    It is the pipeline's gate, too. `last_activity_at` is that of its creation and activities; the stage's own change is on
    the pipeline. A watched one has two keys: by the day of its last activity (the list of quiet ones) and by the day on
    which a follow-up may be due. The latter is never later than the truth; whoever finds it early moves it on. Where it isn't
    watched the indexes' partitions are left out and the sort keys stay: silence goes on, and is counted when it matters again.
    """

    last_activity_at: datetime
    last_day: date
    currency: str
    watched: bool
    owner: str | None = None
    follow_up_on: date | None = None
    raised_since: date | None = None  # the quiet spell of the last follow-up, and its days
    raised_days: int | None = None

    @staticmethod
    def key(pipeline_id: str) -> Key:
        """Where it lies."""
        return gate(pipeline_id)

    @classmethod
    def from_item(cls, raw: Raw) -> "Beside":
        """From its row."""
        plain = codec.plain(raw)
        return cls(
            last_activity_at=parse_instant(plain["last_activity_at"]),
            last_day=date.fromisoformat(plain["last_day"]),
            currency=plain["currency"],
            watched=plain["watched"],
            owner=plain.get("owner"),
            follow_up_on=_day(plain.get("follow_up_on")),
            raised_since=_day(plain.get("raised_since")),
            raised_days=plain.get("raised_days"),
        )

    @property
    def raised(self) -> tuple[date, int] | None:
        """The spell and the days of the last follow-up that was raised."""
        return (self.raised_since, self.raised_days) if self.raised_since and self.raised_days else None

    def values(self, pipeline_id: str) -> dict[str, Any]:
        """Every attribute, with None for what isn't there: it is in the indexes only while it is watched."""
        keys = self.keys(pipeline_id) | ({} if self.watched else dict.fromkeys(WATCHED))
        return {
            "last_activity_at": instant(self.last_activity_at),
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
        """Where the lists of quiet and of due ones find it."""
        due = joined(self.follow_up_on.isoformat(), pipeline_id) if self.follow_up_on else None
        return {
            "gsi1pk": QUIET,
            "gsi1sk": joined(self.last_day.isoformat(), pipeline_id),
            "gsi3pk": FOLLOW_UPS_DUE if due else None,
            "gsi3sk": due,
        }


WATCHED = {"gsi1pk": QUIET, "gsi3pk": FOLLOW_UPS_DUE}  # what puts it into the indexes
INDEXED = ("gsi1pk", "gsi1sk", "gsi3pk", "gsi3sk")


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)
