"""The items of professionals.

A professional's partition, in the order of sort keys:

    !            the reference counter (`ProfessionalCounter`)
    G#<place>    a jurisdiction or a specialization by which lists find the professional (`ProfessionalTag`)
    ~            the professional

Matching reads every candidate's card (`ProfessionalCard`) from one partition.
"""

from collections.abc import Iterator
from functools import cached_property

from chalicelib.foundation.folding import fold_text
from chalicelib.foundation.ids import IdFormat, ItemKey
from chalicelib.foundation.store import attributes as a
from chalicelib.foundation.store.access_patterns import AccessPattern, KeyRange
from chalicelib.foundation.store.entity import Entity
from chalicelib.foundation.store.keys import join_key, reference_counter
from chalicelib.foundation.store.references import ReferenceCounter
from chalicelib.foundation.store.row import Row
from chalicelib.packs.scorecards.rules.professionals import fold_all, latest_licenses

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


class ProfessionalCounter(ReferenceCounter):
    """What a creation must know of its professional, so that a condition replaces a read."""

    active = a.boolean()
    role = a.string()


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
