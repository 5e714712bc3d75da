"""What lies in the table of buyers and assignments.

A buyer's partition, in the order of sort keys:

    !            the gate: how many assignments stand, and when the last offer was made
    S            the record (an aggregate): counts from all assignments
    ~            the buyer

so that one query from `S` to `~` brings a buyer with its statistics. An assignment lies in its pipeline's partition (`S#`), and
so does the pipeline's roster (`!S`): who has a live assignment, at which rank. It is read with the pipeline and written whole,
under its revision, by each change of it: two who change the order at once can't both have their way.

A buyer stands in the partition of each of its markets with all that matching asks of it.
"""

from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cached_property
from typing import Any

from chalicelib.foundation.dates import format_timestamp, parse_timestamp
from chalicelib.foundation.ids import IdFormat, ItemKey
from chalicelib.foundation.store import attributes as a
from chalicelib.foundation.store import codec
from chalicelib.foundation.store.codec import DynamoItem
from chalicelib.foundation.store.entity import Entity
from chalicelib.foundation.store.keys import escape_key_part, join_key
from chalicelib.packs.dispositions.rules import assignments, markets, matching
from chalicelib.packs.dispositions.rules.proof_of_funds import ProofOfFunds, reminder_date

STATISTICS_SORT_KEY = "S"  # the sort key of a buyer's statistics
SUMMARY_PARTITION = "DISPO"  # the partition of the summary: a row a day
MAX_LIVE_OFFERS = 500  # live offers of one pipeline: the roster is one row


class Buyer(Entity):
    """Somebody who buys houses, and which."""

    KIND = "buyer"
    ID = IdFormat("buyer", "buyer")
    PERSONAL = frozenset({"name", "email", "phone", "proof_of_funds"})

    name = a.string()
    email = a.optional_string()
    phone = a.optional_string()
    company = a.optional_string()
    buy_box_summary = a.optional_string()
    buy_box = a.optional_map()
    funding = a.optional_string()
    proof_of_funds = a.optional_map()
    proof_warned = a.optional_date()  # the last day of the proof whose lapse was announced
    do_not_contact = a.boolean()
    is_active = a.boolean()
    tags = a.string_list()
    notes = a.optional_string()

    @cached_property
    def proof(self) -> ProofOfFunds | None:
        """The proof of funds, as far as rules ask."""
        return parse_proof(self.proof_of_funds)

    @property
    def proof_reminder_on(self) -> date | None:
        """When the lapse of the proof is to be announced; None where there is nothing to announce any more."""
        if self.proof is None or self.proof_warned == self.proof.expires_on or not self.is_active:
            return None
        return reminder_date(self.proof.expires_on)

    def index_keys(self) -> dict[str, str]:
        """All, newest first; by the beginning of name and of email; by the day on which the proof's lapse is announced."""
        folded = markets.fold_name(self.name)
        found = {
            "gsi1pk": activity_key(self.is_active),
            "gsi1sk": self.id,
            "gsi2pk": name_key(folded),
            "gsi2sk": join_key(escape_key_part(folded), self.id),
        }
        if self.email:
            email = markets.fold_name(self.email)
            found |= {"gsi4pk": email_key(email), "gsi4sk": join_key(escape_key_part(email), self.id)}
        if self.proof_reminder_on:
            found |= {"gsi3pk": PROOFS_DUE, "gsi3sk": join_key(self.proof_reminder_on.isoformat(), self.id)}
        return found

    def list_view(self) -> dict[str, Any]:
        """What lists show; what is null is left out."""
        shown = {
            "id": self.id,
            "name": self.name[:80],
            "email": self.email,
            "phone": self.phone,
            "company": self.company and self.company[:60],
            "is_active": self.is_active,
            "do_not_contact": self.do_not_contact or None,
            "funding": self.funding,
            "proof_expires_on": self.proof and self.proof.expires_on,
            "created_at": format_timestamp(self.created_at),
        }
        return {name: value for name, value in shown.items() if value is not None}

    @cached_property
    def markets(self) -> list[markets.Market]:
        """Where the buyer buys."""
        return [markets.parse(text) for text in (self.buy_box or {}).get("markets") or ()]

    @property
    def market_keys(self) -> list[ItemKey]:
        """Where its rows of the market index lie."""
        return [ItemKey(market_key(home), self.id) for home in markets.buyer_partitions(self.markets)]

    @property
    def market_row(self) -> dict[str, Any]:
        """What its rows of the market index hold."""
        return {
            "kind": "buyer-market",
            "view": self.list_view(),
            "buy_box": {name: value for name, value in (self.buy_box or {}).items() if value not in (None, [])},
            "proof": proof_values(self.proof),
            "is_active": self.is_active,
            "do_not_contact": self.do_not_contact,
        }


class Assignment(Entity):
    """An offer of a pipeline to a buyer, and what becomes of it."""

    KIND = "assignment"
    ID = IdFormat("asgn", "assignment", parents={"w": "pipe"}, row="S")

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
    # What was seen of the buyer: good for as long as the buyer is at that revision.
    buyer_revision = a.integer()
    buyer_is_active = a.boolean()
    buyer_proof = a.optional_map()

    contract_price = a.optional_decimal()  # what it was assigned on, like the day of the contract
    contract_on = a.optional_date()
    assigned_at = a.optional_datetime()
    assigned_on = a.optional_date()
    assigned_by = a.optional_string()
    override_reason = a.optional_string()
    overridden = a.optional_string()  # the code of what was overridden
    retraded_at = a.optional_datetime()
    closed_on = a.optional_date()
    closed_by = a.optional_string()
    fell_from = a.optional_string()
    fell_out_on = a.optional_date()
    fallout_reason = a.optional_string()
    fallout_note = a.optional_string()
    forfeited_on = a.optional_date()

    def index_keys(self) -> dict[str, str]:
        """By buyer, newest first; by the end of the offer."""
        found = {"gsi1pk": buyer_key(self.buyer_id), "gsi1sk": self.id}
        if self.status == assignments.OFFERED and self.expires_at:
            found |= {"gsi3pk": EXPIRIES_DUE, "gsi3sk": join_key(format_timestamp(self.expires_at), self.id)}
        return found

    def list_view(self) -> dict[str, Any]:
        """What lists show; what is null is left out."""
        shown = {
            "id": self.id,
            "pipeline_id": self.pipeline_id,
            "buyer_id": self.buyer_id,
            "status": self.status,
            "rank": self.rank,
            "kind": self.kind_of_exit,
            "currency": self.currency,
            "assignment_price": self.assignment_price,
            "contract_no": self.contract_no,
            "expires_at": self.expires_at and format_timestamp(self.expires_at),
            "closed_on": self.closed_on,
            "fallout_reason": self.fallout_reason,
            "created_at": format_timestamp(self.created_at),
        }
        return {name: value for name, value in shown.items() if value is not None}


@dataclass(frozen=True)
class RosterEntry:
    """Somebody's place in a roster."""

    buyer_id: str
    rank: int
    contract_no: int


@dataclass(frozen=True)
class OfferRoster:
    """Who has a live assignment of a pipeline, by its id; and whose earnest money is disputed.

    `revision` is 0 where there is none yet. What was offered under a contract that has ended stands here until it is settled.
    """

    pipeline_id: str
    revision: int = 0
    live: dict[str, RosterEntry] = field(default_factory=dict)
    disputed: frozenset[str] = frozenset()

    @staticmethod
    def key(pipeline_id: str) -> ItemKey:
        """Where it lies: in the pipeline's partition."""
        return ItemKey(pipeline_id, "!S")

    @classmethod
    def from_item(cls, pipeline_id: str, raw: DynamoItem | None) -> "OfferRoster":
        """From its row; an empty one where there is none."""
        if raw is None:
            return cls(pipeline_id)
        plain = codec.decode_item(raw)
        live = {id: RosterEntry(one["buyer"], one["rank"], one["contract"]) for id, one in plain["live"].items()}
        return cls(pipeline_id, plain["revision"], live, frozenset(plain["disputed"]))

    def with_entry(self, assignment: Assignment) -> "OfferRoster":
        """With this one at its rank."""
        place = RosterEntry(assignment.buyer_id, assignment.rank, assignment.contract_no)
        return replace(self, live={**self.live, assignment.id: place})

    def without_entries(self, *ids: str) -> "OfferRoster":
        """Without these."""
        return replace(self, live={id: place for id, place in self.live.items() if id not in ids})

    def with_dispute(self, id: str, *, disputed: bool) -> "OfferRoster":
        """With the earnest money of this one disputed, or not."""
        return replace(self, disputed=self.disputed | {id} if disputed else self.disputed - {id})

    @property
    def values(self) -> dict[str, Any]:
        """The row of the next revision. While somebody is live in it, it stands in the list of pipelines on offer."""
        live = {id: {"buyer": one.buyer_id, "rank": one.rank, "contract": one.contract_no} for id, one in self.live.items()}
        on_offer = {"gsi1pk": ON_OFFER, "gsi1sk": self.pipeline_id} if live else {}
        return {"kind": "roster", "revision": self.revision + 1, "live": live, "disputed": sorted(self.disputed), **on_offer}


# -- from nested values to what rules ask, and back


def parse_proof(values: dict[str, Any] | None) -> ProofOfFunds | None:
    """The proof of funds in nested values."""
    if not values:
        return None
    days = (date.fromisoformat(values[name]) for name in ("issued_on", "expires_on"))
    return ProofOfFunds(Decimal(values["amount"]), values["currency"], *days)


def proof_values(proof: ProofOfFunds | None) -> dict[str, Any] | None:
    """A proof of funds as nested values: what rules ask of it, and nobody's name."""
    if proof is None:
        return None
    return {
        "amount": proof.amount,
        "currency": proof.currency,
        "issued_on": proof.issued_on.isoformat(),
        "expires_on": proof.expires_on.isoformat(),
    }


_BUY_BOX_NUMBERS = (
    "price_min",
    "price_max",
    "bedrooms_min",
    "bathrooms_min",
    "sqft_min",
    "year_built_min",
    "max_repairs",
    "max_pct_of_arv",
)


def parse_buy_box(values: dict[str, Any] | None, currency: str) -> matching.BuyBox:
    """A buy box out of nested values; its amounts are in `currency` unless it says otherwise."""
    values = values or {}
    return matching.BuyBox(
        property_types=tuple(values.get("property_types") or ()),
        markets=tuple(markets.parse(text) for text in values.get("markets") or ()),
        strategies=tuple(values.get("strategies") or ()),
        currency=values.get("currency") or currency,
        **{name: optional_decimal(values.get(name)) for name in _BUY_BOX_NUMBERS},
    )


def optional_decimal(value: Any) -> Decimal | None:
    """Whole numbers come back from the table as int."""
    return None if value is None else Decimal(value)


def last_offer_at(gate: DynamoItem | None) -> datetime | None:
    """When the buyer was last offered a house, from the row beside it."""
    return parse_timestamp(gate["last_offer_at"]["S"]).astimezone(UTC) if gate and "last_offer_at" in gate else None


# -- keys


def activity_key(is_active: bool) -> str:
    """The partition of active or of inactive buyers, newest first."""
    return join_key("BUY", "active" if is_active else "inactive")


def name_key(folded: str) -> str:
    """The partition of names that begin with the same character."""
    return join_key("BUY", "N", escape_key_part(folded[:1]))


def email_key(folded: str) -> str:
    """The partition of emails that begin with the same character."""
    return join_key("BUY", "E", escape_key_part(folded[:1]))


def buyer_key(buyer_id: str) -> str:
    """The partition of a buyer's assignments, newest first."""
    return join_key("ASGN", "BUY", buyer_id)


def market_key(home: markets.Partition) -> str:
    """The partition of a market of the index."""
    return join_key("MKT", *map(escape_key_part, home))


def summary_key(day: date) -> tuple[str, str]:
    """The aggregate row of a day of the summary."""
    return SUMMARY_PARTITION, day.isoformat()


PROOFS_DUE = join_key("DUE", "proof-of-funds", "0")
EXPIRIES_DUE = join_key("DUE", "offer-expiry", "0")
ON_OFFER = join_key("OFFERS", "live", "0")
ASSIGNMENTS = "S#"
