"""The items of buyers, assignments and offer rosters, and what is read of them together.

A buyer's partition, in the order of sort keys:

    !            the reference counter: how many assignments refer to the buyer, and when the last offer was made (`BuyerCounter`)
    S            the statistics (an aggregate): counts over all assignments
    ~            the buyer

so that one query reads a buyer with its statistics. An assignment is stored in its pipeline's partition (`S#`), and so is the
pipeline's offer roster (`!S`). The roster is read with the pipeline and written as a whole, on condition of its revision, so that of
two concurrent changes of the order one fails.

A buyer has a row in the partition of each of its markets, with everything that matching needs (`BuyerMarket`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property
from typing import Any, NamedTuple, NotRequired, Self, TypedDict, cast

from chalicelib.foundation.context import Context
from chalicelib.foundation.dates import format_timestamp
from chalicelib.foundation.folding import fold_text
from chalicelib.foundation.ids import IdFormat, ItemKey
from chalicelib.foundation.json_codec import loads
from chalicelib.foundation.store import attributes as a
from chalicelib.foundation.store.access_patterns import AccessPattern, DuePattern, KeyRange
from chalicelib.foundation.store.codec import decimals
from chalicelib.foundation.store.entity import Entity
from chalicelib.foundation.store.keys import escape_key_part, join_key
from chalicelib.foundation.store.references import ReferenceCounter
from chalicelib.foundation.store.row import Row
from chalicelib.foundation.suppression import SuppressionList
from chalicelib.packs.dispositions.rules import assignments, markets, ranking
from chalicelib.packs.dispositions.rules.buyer_statistics import AssignmentRecord, Counts
from chalicelib.packs.dispositions.rules.matches import BuyBox, BuyerProfile
from chalicelib.packs.dispositions.rules.proof_of_funds import ProofOfFunds, reminder_date
from chalicelib.packs.wholesale.public import Pipeline

STATISTICS_SORT_KEY = "S"  # of a buyer's statistics
SUMMARY_PARTITION = "DISPO"  # one row a day
MAX_LIVE_OFFERS = 500  # live offers of one pipeline; the roster is one item
OPT_OUTS = SuppressionList("offers")


class BuyerRecord(NamedTuple):
    """A buyer's counts over its assignments, and when the last offer was made to it."""

    counts: Counts
    last_offer_at: datetime | None


class Buyer(Entity):
    """A buyer of properties, with what they look for (the buy box)."""

    KIND = "buyer"
    ID = IdFormat("buyer", "buyer")
    PERSONAL = frozenset({"name", "email", "phone", "proof_of_funds"})
    BY_ACTIVITY = AccessPattern("gsi1", "BUY#{activity}", serves="GET /dispo/buyers")
    BY_NAME = AccessPattern("gsi2", "BUY#N#{name_initial}", sort="{folded_name}#{id}", serves="GET /dispo/buyers?q=")
    BY_EMAIL = AccessPattern("gsi4", "BUY#E#{email_initial}", sort="{folded_email}#{id}", serves="GET /dispo/buyers?q=; duplicate warning")
    PROOF_REMINDERS = DuePattern("proof-of-funds", on="proof_reminder_on", serves="dispositions-proofs-of-funds")
    LIST_FIELDS = ("id", "name", "email", "phone", "company", "is_active", "do_not_contact", "funding", "proof_expires_on", "created_at")

    name = a.string()
    email = a.optional_string()
    phone = a.optional_string()
    company = a.optional_string()
    buy_box_summary = a.optional_string()
    buy_box = a.optional_map()
    funding = a.optional_string()
    proof_of_funds = a.optional_map()
    proof_warned = a.optional_date()  # the last day of the proof that a reminder was sent for
    do_not_contact = a.boolean()
    contact_reason = a.optional_string()  # why it was last set or taken back
    is_active = a.boolean()
    tags = a.string_list()
    notes = a.optional_string()

    @cached_property
    def proof(self) -> ProofOfFunds | None:
        """The proof of funds as the rules take it."""
        return parse_proof(self.proof_of_funds)

    @property
    def proof_expires_on(self) -> date | None:
        """The last day of the proof of funds."""
        return self.proof.expires_on if self.proof else None

    @property
    def proof_reminder_on(self) -> date | None:
        """The day on which the reminder of the proof's expiry is due; None where none is due any more."""
        if self.proof is None or self.proof_warned == self.proof.expires_on or not self.is_active:
            return None
        return reminder_date(self.proof.expires_on)

    @property
    def activity(self) -> str:
        """Whether the buyer is active, as a word of a key."""
        return "active" if self.is_active else "inactive"

    @cached_property
    def folded_name(self) -> str:
        """The name as it is searched for."""
        return fold_text(self.name)

    @property
    def name_initial(self) -> str:
        """The first character of the name as it is searched for."""
        return self.folded_name[:1]

    @cached_property
    def folded_email(self) -> str | None:
        """The email as it is searched for."""
        return fold_text(self.email) if self.email else None

    @property
    def email_initial(self) -> str | None:
        """The first character of the email as it is searched for."""
        return None if self.folded_email is None else self.folded_email[:1]

    def list_view(self) -> dict[str, Any]:
        """The values shown in lists, without nulls."""
        company, do_not_contact = self.company and self.company[:60], self.do_not_contact or None
        return self._listed(name=self.name[:80], company=company, do_not_contact=do_not_contact)

    @cached_property
    def markets(self) -> list[markets.Market]:
        """The markets of the buy box."""
        return [markets.parse(text) for text in (self.buy_box or {}).get("markets") or ()]

    def market_rows(self, *, record: dict[str, int] | None = None) -> "list[BuyerMarket]":
        """Its row in each of its markets, with a copy of its record where that is known."""
        values = {
            "view": self._encoded_view()["S"],
            "buy_box": {name: value for name, value in (self.buy_box or {}).items() if value not in (None, [])},
            "proof": proof_values(self.proof),
            "is_active": self.is_active,
            "do_not_contact": self.do_not_contact,
            "record": record,
        }
        keys = (BuyerMarket.range(partition).pk for partition in markets.buyer_partitions(self.markets))
        return [BuyerMarket.at(ItemKey(pk, self.id), **values) for pk in keys]

    def status(self, ctx: Context) -> assignments.BuyerStatus:
        """The flags as the rules take them. Who has opted out by another record of the address is not to be contacted, either."""
        return assignments.BuyerStatus(self.is_active, self.do_not_contact or OPT_OUTS.holds(ctx, self.email))

    @property
    def as_offered(self) -> dict[str, object]:
        """What an assignment keeps of the buyer as it was read."""
        names, proof = {"name": self.name, "company": self.company}, proof_values(self.proof)
        return {"buyer_revision": self.revision, "buyer_is_active": self.is_active, "buyer_proof": proof, "buyer_names": names}


class BuyerMarket(Row):
    """A buyer in one of its markets, with everything that lists and matching need.

    `record` and `last_offer_at` are copies of what the buyer's partition holds. They are valid while the buyer isn't among those whose
    record has changed (`BuyerCounter.RECORDS`); without `record` nothing has been copied yet.
    """

    KIND = "buyer-market"

    view = a.string()  # the buyer's list view
    buy_box = a.map_()
    proof = a.optional_map()
    is_active = a.boolean()
    do_not_contact = a.boolean()
    record = a.optional_map()  # counts that tier and recent faults are computed from
    last_offer_at = a.optional_datetime()

    @classmethod
    def range(cls, partition: markets.Partition) -> KeyRange:
        """The rows of a market, by buyer."""
        return KeyRange(None, join_key("MKT", *map(escape_key_part, partition)))

    @property
    def buyer_id(self) -> str:
        """The buyer."""
        return self.key.sk

    def list_view(self) -> dict[str, Any]:
        """The buyer's list view."""
        return cast(dict[str, Any], loads(self.view))

    @property
    def copied_record(self) -> BuyerRecord | None:
        """The copy of the record, as far as matching needs it; None where there is none."""
        return None if self.record is None else BuyerRecord(self.record, self.last_offer_at)

    def profile(self, default_currency: str) -> BuyerProfile:
        """The buyer as the matching takes it, without record. The box is in the default currency unless it says otherwise."""
        box = self.buy_box
        buy_box = BuyBox(
            property_types=tuple(box.get("property_types") or ()),
            markets=tuple(markets.parse(text) for text in box.get("markets") or ()),
            strategies=tuple(box.get("strategies") or ()),
            currency=box.get("currency") or default_currency,
            **decimals(box, _BUY_BOX_NUMBERS),
        )
        proof = parse_proof(self.proof)
        return BuyerProfile(self.buyer_id, buy_box, proof, is_active=self.is_active, do_not_contact=self.do_not_contact)


class BuyerCounter(ReferenceCounter):
    """What offers, closings and fallouts update of a buyer, so that they don't write the buyer itself.

    While the rows in its markets may have an outdated copy of its record, the buyer is in the due index, by the time of the change.
    `record_changed_by` is the request of the change: a copy that was made without it doesn't end that.
    """

    RECORDS = DuePattern("buyer-record", on="record_changed_at", by="pk", serves="dispositions-buyer-records; matches of a pipeline")

    last_offer_at = a.optional_datetime()
    record_changed_at = a.optional_datetime()
    record_changed_by = a.optional_string()


class Assignment(Entity):
    """An offer of a pipeline to a buyer, and its further states: assigned, closed, fallen out."""

    KIND = "assignment"
    ID = IdFormat("asgn", "assignment", parents={"w": "pipe"}, row="S")
    PERSONAL = frozenset({"buyer_names"})
    BY_BUYER = AccessPattern("gsi1", "ASGN#BUY#{buyer_id}", serves="GET /dispo/buyers/{id}/assignments")
    EXPIRIES = DuePattern("offer-expiry", on="offer_expires_at", serves="dispositions-offers")
    LIST_FIELDS = (
        *("id", "pipeline_id", "buyer_id", "status", "rank", "kind", "currency", "assignment_price", "contract_no", "expires_at"),
        *("closed_on", "fallout_reason", "created_at"),
    )

    pipeline_id = a.string()
    buyer_id = a.string()
    status = a.string()
    kind_of_exit = a.string()
    currency = a.string()
    contract_no = a.integer()  # the number of the pipeline's contract that it was offered under
    rank = a.integer()
    assignment_price = a.optional_decimal()
    assignment_fee = a.optional_decimal()
    costs = a.optional_map()
    earnest_money = a.optional_map()
    expires_at = a.optional_datetime()
    notes = a.optional_string()
    warnings = a.string_list()
    # The buyer as of this revision; valid while the buyer still has it.
    buyer_revision = a.integer()
    buyer_is_active = a.boolean()
    buyer_proof = a.optional_map()
    buyer_names = a.optional_map()

    contract_price = a.optional_decimal()  # at the time of the assignment, like the day of the contract
    contract_on = a.optional_date()
    assigned_at = a.optional_datetime()
    assigned_on = a.optional_date()
    assigned_by = a.optional_string()
    override_reason = a.optional_string()
    overridden = a.optional_string()  # the code of the overridden guard
    retraded_at = a.optional_datetime()
    closed_on = a.optional_date()
    closed_by = a.optional_string()
    fell_from = a.optional_string()
    fell_out_on = a.optional_date()
    fallout_reason = a.optional_string()
    fallout_note = a.optional_string()
    forfeited_on = a.optional_date()

    @property
    def kind(self) -> str:
        """The exit strategy, as the API names it."""
        return self.kind_of_exit

    @property
    def offer_expires_at(self) -> datetime | None:
        """When the offer ends; None for what is no offer any more, and where it doesn't end by itself."""
        return self.expires_at if self.status == assignments.OFFERED else None

    @property
    def earnest_money_status(self) -> str | None:
        """The status of the earnest money; None where none was agreed."""
        return (self.earnest_money or {}).get("status")

    @property
    def buyer(self) -> Buyer:
        """What it keeps of the buyer; valid while the buyer is still at that revision (0 without names, as of older ones: of none)."""
        values = {"id": self.buyer_id, "revision": self.buyer_revision if self.buyer_names else 0, "is_active": self.buyer_is_active}
        return Buyer.from_values(**values, **(self.buyer_names or {}), do_not_contact=False, proof_of_funds=self.buyer_proof)

    @property
    def known_costs(self) -> dict[str, Decimal | None]:
        """The costs as the rules take them."""
        return decimals(self.costs)

    @property
    def record(self) -> AssignmentRecord:
        """The assignment as far as tier and faults of its buyer depend on it."""
        return AssignmentRecord(
            self.status, closed_on=self.closed_on, fell_out_on=self.fell_out_on, fell_from=self.fell_from, reason=self.fallout_reason
        )

    def fallen_out(self, ctx: Context, reason: str, on: date, **more: object) -> Self:
        """The assignment after its fallout, on that day."""
        return self.with_changes(ctx, status=assignments.FALLOUT, fell_from=self.status, fell_out_on=on, fallout_reason=reason, **more)

    def lapse(self, pipeline: Pipeline | None) -> assignments.Lapse | None:
        """How it lapsed with its pipeline, whether or not that has been written already."""
        return assignments.lapse_of(pipeline, self.status, self.id, self.contract_no)


class RosterEntry(TypedDict):
    """A live assignment in an offer roster. `expires` is the end of an offer, as a timestamp; absent where it has none."""

    buyer: str
    rank: int
    contract: int
    expires: NotRequired[str]


class OfferRoster(Row):
    """The live assignments of a pipeline by id, and those whose earnest money is disputed.

    `revision` is 0 where there is no item yet. Offers under a contract that has ended stay here until the job closes them out; those
    that have expired are left out when it is read.
    """

    KIND = "roster"
    ON_OFFER = AccessPattern("gsi1", "OFFERS#live#0", sort="{pipeline_on_offer}", serves="dispositions-offers")

    revision = a.integer()
    live = a.map_()
    disputed = a.string_list()
    request_id = a.optional_string()

    @staticmethod
    def key_of(pipeline_id: str) -> ItemKey:
        """The key of a pipeline's roster, in the pipeline's partition."""
        return ItemKey(pipeline_id, "!S")

    @property
    def pipeline_on_offer(self) -> str | None:
        """The pipeline while it has live assignments: then it is in the list of pipelines on offer."""
        return self.key.pk if self.live else None

    @property
    def entries(self) -> Mapping[str, RosterEntry]:
        """The live assignments by id."""
        return self.live

    def with_entry(self, assignment: Assignment) -> Self:
        """With this assignment at its rank."""
        entry: RosterEntry = {"buyer": assignment.buyer_id, "rank": assignment.rank, "contract": assignment.contract_no}
        if assignment.offer_expires_at:
            entry["expires"] = format_timestamp(assignment.offer_expires_at)
        return self.with_values(live={**self.live, assignment.id: entry})

    def without_entries(self, *ids: str) -> Self:
        """Without these assignments."""
        return self.with_values(live={id: entry for id, entry in self.live.items() if id not in ids})

    def without_expired(self, now: datetime, assigned_id: str | None) -> Self:
        """Without the offers that have expired; the one that was assigned before its end has none."""
        expired = (id for id, entry in self.entries.items() if id != assigned_id and "" < entry.get("expires", "") < format_timestamp(now))
        return self.without_entries(*expired)

    def with_dispute(self, id: str, *, disputed: bool) -> Self:
        """With the earnest money of this assignment disputed, or not."""
        others = [other for other in self.disputed if other != id]
        return self.with_values(disputed=sorted([*others, id]) if disputed else others)


# -- what is read together


@dataclass(frozen=True)
class PipelineSnapshot:
    """A pipeline and its offer roster, from one consistent read."""

    pipeline: Pipeline
    roster: OfferRoster

    def candidates(self, *, without: str | None = None) -> list[ranking.RankedOffer]:
        """The live assignments under the current contract, not those offered under an earlier one, nor `without`."""
        if self.pipeline.stage == assignments.CLOSED:
            return []
        assigned_id = self.pipeline.assignment_id
        return [
            ranking.RankedOffer(id, entry["buyer"], entry["rank"], assignments.ASSIGNED if id == assigned_id else assignments.OFFERED)
            for id, entry in self.roster.entries.items()
            if entry["contract"] == self.pipeline.contract_no and id != without
        ]


# -- conversion between nested values and the types of the rules


def parse_proof(values: Mapping[str, Any] | None) -> ProofOfFunds | None:
    """The proof of funds in nested values."""
    if not values:
        return None
    days = (date.fromisoformat(values[name]) for name in ("issued_on", "expires_on"))
    return ProofOfFunds(Decimal(values["amount"]), values["currency"], *days)


def proof_values(proof: ProofOfFunds | None) -> dict[str, object] | None:
    """A proof of funds as nested values: what the rules need, without personal data."""
    if proof is None:
        return None
    issued_on, expires_on = proof.issued_on.isoformat(), proof.expires_on.isoformat()
    return {"amount": proof.amount, "currency": proof.currency, "issued_on": issued_on, "expires_on": expires_on}


_COUNTS = ("bedrooms_min", "bathrooms_min", "sqft_min", "year_built_min")
_BUY_BOX_NUMBERS = ("price_min", "price_max", *_COUNTS, "max_repairs", "max_pct_of_arv")
