"""The items of professionals and interactions.

A professional's partition, in the order of sort keys:

    !            the reference counter (`ProfessionalCounter`)
    G#<place>    a jurisdiction or a specialization by which lists find the professional (`ProfessionalTag`)
    L#<id>       an interaction
    S            the decayed sums of the scorecard (an aggregate)
    SM#<month>   the sums of the interactions of a month (an aggregate)
    ~            the professional

Matching reads every candidate's card (`ProfessionalCard`) from one partition. Another holds the sums over all time that scores are
computed from: of each professional (`P#<id>`), of each role (`R#<role>`) and of the firm (`F`), so that one query reads all of them.
"""

from collections.abc import Iterator
from datetime import date
from functools import cached_property
from typing import Self

from chalicelib.foundation import disputes
from chalicelib.foundation.errors import Conflict, NotFound
from chalicelib.foundation.folding import fold_text
from chalicelib.foundation.ids import IdFormat, ItemKey
from chalicelib.foundation.store import attributes as a
from chalicelib.foundation.store.access_patterns import AccessPattern, KeyRange
from chalicelib.foundation.store.codec import DynamoItem
from chalicelib.foundation.store.entity import Entity
from chalicelib.foundation.store.keys import join_key, reference_counter
from chalicelib.foundation.store.references import ReferenceCounter
from chalicelib.foundation.store.row import Row
from chalicelib.packs.scorecards.rules.professionals import ROLES, fold_all, latest_licenses
from chalicelib.packs.scorecards.rules.scorecard import Record

JURISDICTION, SPECIALIZATION = "J", "S"  # kinds of tags


class Professional(Entity):
    """Somebody outside the firm who works for it: a lawyer, an appraiser, a lender."""

    KIND = "professional"
    ID = IdFormat("pro", "professional")
    PERSONAL = frozenset({"name", "email", "phone", "public_urls", "licenses", "notes"})
    ALL = AccessPattern("gsi1", "PRO#ALL#0", serves="GET /pros/scorecard/professionals")
    BY_ROLE = AccessPattern("gsi2", "PRO#ROLE#{role}", serves="GET /pros/scorecard/professionals?role=")
    INACTIVE = AccessPattern("gsi3", "PRO#INACTIVE#0", sort="{inactive_id}", serves="GET /pros/scorecard/professionals?active=false")
    BY_ORGANIZATION = AccessPattern("gsi4", "PRO#ORG#{folded_organization}", serves="GET /pros/scorecard/professionals?organization=")
    LIST_FIELDS = ("id", "name", "role", "organization", "jurisdictions", "specializations", "is_active", "created_at")

    name = a.string()
    role = a.string()
    organization = a.optional_string()
    external_ref = a.optional_string()
    public_urls = a.string_list()
    email = a.optional_string()
    phone = a.optional_string()
    jurisdictions = a.string_list()
    specializations = a.string_list()
    hourly_rate = a.optional_decimal()
    currency = a.string()
    licenses = a.list_()
    is_active = a.boolean()
    notes = a.optional_string()

    @cached_property
    def folded_organization(self) -> str | None:
        """The organization as it is compared."""
        return None if self.organization is None else fold_text(self.organization)

    @property
    def inactive_id(self) -> str | None:
        """The id while the professional is inactive: those are in a list of their own."""
        return None if self.is_active else self.id

    @property
    def counter(self) -> "ProfessionalCounter":
        """The reference counter of a new professional."""
        key = reference_counter(self.id)
        return ProfessionalCounter.at(key, refs=0, opened_at=self.created_at, active=self.is_active, role=self.role)

    @property
    def card(self) -> "ProfessionalCard":
        """The card that matching reads."""
        return ProfessionalCard.at(
            ProfessionalCard.key_of(self.role, self.id),
            name=self.name,
            role=self.role,
            specializations=fold_all(self.specializations),
            jurisdictions=fold_all(self.jurisdictions),
            licenses=latest_licenses(self.licenses),
            hourly_rate=self.hourly_rate,
            currency=self.currency,
            active=self.is_active,
        )

    @property
    def tags(self) -> "dict[ItemKey, ProfessionalTag]":
        """The rows by which lists find the professional, by key. They are numbered, so that another list takes the same rows."""
        view = self._encoded_view()["S"]
        rows = (ProfessionalTag.at(key, tag_kind=kind, tag=tag, view=view) for key, kind, tag in self._tags())
        return {row.key: row for row in rows}

    def _tags(self) -> Iterator[tuple[ItemKey, str, str]]:
        for kind, texts in ((JURISDICTION, self.jurisdictions), (SPECIALIZATION, self.specializations)):
            for number, tag in enumerate(fold_all(texts)):
                yield ItemKey(self.id, join_key("G", f"{kind}{number:02}")), kind, tag


class Interaction(Entity):
    """Something that a professional did, as far as it was measured.

    `role` is the professional's when it was logged, `on` the firm's day of `occurred_at`. One of a task or a packet is logged by the
    system, and reversed where that is reopened.
    """

    KIND = "interaction"
    ID = IdFormat("int", "interaction", parents={"p": "pro"}, row="L")
    PERSONAL = frozenset({"notes"})

    professional_id = a.string()
    role = a.string()
    source = a.string()
    task_id = a.optional_string()
    packet_id = a.optional_string()
    deal_id = a.optional_string()
    occurred_at = a.datetime()
    on = a.date()
    response_time_hours = a.optional_decimal()
    deliverable_quality = a.optional_decimal()
    communication_clarity = a.optional_decimal()
    met_deadline = a.optional_boolean()
    notes = a.optional_string()
    reversed_at = a.optional_datetime()
    dispute = a.optional_map()

    @property
    def counts(self) -> bool:
        """Whether scores include it."""
        return self.reversed_at is None and disputes.counts(self.dispute)

    @property
    def record(self) -> Record:
        """The interaction as the rules take it."""
        return Record(self.role, self.on, self.met_deadline, self.communication_clarity, self.deliverable_quality, self.response_time_hours)


class ProfessionalCounter(ReferenceCounter):
    """What a creation must know of its professional, so that a condition replaces a read."""

    active = a.boolean()
    role = a.string()

    @classmethod
    def require(cls, item: DynamoItem | None) -> Self:
        """The counter in an item. Raises NotFound where there is no such professional, or one who was deleted."""
        if not item or "closed" in item:
            raise NotFound(Professional.ID.name)
        return cls.from_item(item)

    def require_active(self) -> None:
        """Raise Conflict where the professional isn't active."""
        if not self.active:
            raise inactive()


def inactive() -> Conflict:
    """The refusal of a professional who isn't active."""
    return Conflict("The professional isn't active.", code="professional_inactive")


class ProfessionalTag(Row):
    """A jurisdiction or a specialization of a professional, with what lists show of them."""

    KIND = "professional-tag"
    BY_TAG = AccessPattern(
        "gsi1", "PRO#TAG#{tag_kind}#{tag}", sort="{pk}", serves="GET /pros/scorecard/professionals?jurisdiction=, ?specialization="
    )

    tag_kind = a.string()
    tag = a.string()
    view = a.string()  # the professional's list view


class ProfessionalCard(Row):
    """A professional as matching takes them: the cards of a role, or of all, are one range of one partition.

    Texts are folded; `licenses` has for each jurisdiction the last day on which a licence of any kind holds (`{"wa": "2027-05-31"}`).
    Some 250 bytes each, so that a query page of 1 MB holds the cards of about 4,000 professionals. Deleted professionals have none.
    """

    KIND = "professional-card"

    name = a.string()
    role = a.string()
    specializations = a.string_list()
    jurisdictions = a.string_list()
    licenses = a.map_()
    hourly_rate = a.optional_decimal()
    currency = a.string()
    active = a.boolean()

    @staticmethod
    def key_of(role: str, professional_id: str) -> ItemKey:
        """Its key."""
        return ItemKey("PROCARD", join_key(role, professional_id))

    @classmethod
    def range(cls, role: str | None = None) -> KeyRange:
        """The cards of a role, or of all."""
        return KeyRange(None, "PROCARD", prefix=None if role is None else join_key(role, ""))

    @property
    def professional_id(self) -> str:
        """Whose card it is."""
        return self.key.sk.rpartition("#")[2]


# -- aggregate rows: (pk, sk) without generation

SCORES = "PROSCORE"  # the partition of the sums over all time
WEIGHTED_ROW = "S"  # in the professional's partition
FIRM_ROW = (SCORES, "F")
_MONTHS = "SM"


def score_row(professional_id: str) -> tuple[str, str]:
    """The row of a professional's sums over all time."""
    return SCORES, join_key("P", professional_id)


def role_row(role: str) -> tuple[str, str]:
    """The row of the sums over the interactions that were logged under a role."""
    return SCORES, join_key("R", role)


ROLE_ROWS = {role: role_row(role) for role in ROLES}


def month_row(professional_id: str, day: date) -> tuple[str, str]:
    """The row of a professional's sums of the month of this day."""
    return professional_id, join_key(_MONTHS, f"{day:%Y-%m}")


def month_of(sort_key: str) -> str | None:
    """The month, YYYY-MM, of a row in the professional's partition; None for another row."""
    kind, _, month = sort_key.partition("#")
    return month if kind == _MONTHS else None
