"""Items of deals.

Partition of a deal, in the order of sort keys:

    !                 its gate: reference counter, and what the creation of a child must know of the deal (`DealGate`)
    H#<revision>      a completed interval in a status (foundation.state_history)
    …                 its children, of other packs
    ~                 the deal itself

In the partition of each of its professionals there is a row `DEAL#<deal>` (`ProfessionalDeal`).
"""

from typing import Any, Self

from chalicelib.foundation import party_rows
from chalicelib.foundation.ids import IdFormat, ItemKey
from chalicelib.foundation.party_rows import Party, PartyRows
from chalicelib.foundation.store import attributes as a
from chalicelib.foundation.store.access_patterns import AccessPattern, KeyRange
from chalicelib.foundation.store.entity import Entity
from chalicelib.foundation.store.keys import join_key, reference_counter
from chalicelib.foundation.store.references import ReferenceCounter
from chalicelib.foundation.store.row import Row, truncate

_DEAL = "DEAL"  # in the partition of a professional: the first part of the sort key of their deals
NO_OWNER = "none"  # in the owner index: deals without an owner


class Deal(Entity):
    """A deal: what is bought, sold or done, with whom, and by whom of us."""

    KIND = "deal"
    ID = IdFormat("deal", "deal")
    PERSONAL = frozenset({"parties"})
    BY_STATUS = AccessPattern("gsi1", "DEAL#{status}#0", serves="GET /deals, ?status=")
    BY_OWNER = AccessPattern("gsi2", f"DEAL#OWN#{{owner|{NO_OWNER}}}", serves="GET /deals?owner=; handover")
    BY_KIND = AccessPattern("gsi4", "DEAL#KIND#{kind}", serves="GET /deals?kind=")
    LIST_FIELDS = ("id", "title", "kind", "status", "owner", "value", "currency", "target_close_on", "created_at", "priced_by")

    title = a.string()
    kind_of_deal = a.string()
    status = a.string()
    status_entered_at = a.datetime()
    status_entered_by = a.string()
    status_reason = a.optional_string()
    status_note = a.optional_string()

    external_ref = a.optional_string()
    pipeline_id = a.optional_string()
    property_id = a.optional_string()
    professional_ids = a.string_list()
    parties = a.list_()
    owner = a.optional_string()
    team = a.string_list()
    value = a.optional_decimal()
    currency = a.string()
    opened_on = a.date()
    target_close_on = a.optional_date()
    notes = a.optional_string()

    @property
    def kind(self) -> str:
        """What kind of deal it is, as the API names it."""
        return self.kind_of_deal

    @property
    def priced_by(self) -> str | None:
        """The pipeline whose contract price is its value; None where it has a value of its own, or no pipeline."""
        return self.pipeline_id if self.value is None else None

    @property
    def party_rows(self) -> PartyRows:
        """The rows by which its own parties are found."""
        named = ((party, party.get(field)) for party in self.parties for field in ("name", "organization"))
        parties: list[Party] = [{"name": name, "role": party.get("role"), "side": party["side"]} for party, name in named if name]
        return party_rows.rows_of(self.KIND, self.id, self.pipeline_id, parties)

    def list_view(self) -> dict[str, Any]:
        """The fields that lists return; null fields are left out."""
        return self._listed(title=truncate(self.title))


class DealGate(ReferenceCounter):
    """What the creation of a deal's child must know of the deal, so that a condition on it replaces a read.

    `ver` is raised by each write of a child: who has read the children and writes on condition of it meets no change of them.
    `dependencies` counts the changes of what the deal's tasks depend on, and of what is settled of it. `tasks` of `refs` are tasks.
    `contracts` has an entry for each contract whose content is fixed: under review, approved, sent, or signed.
    """

    status = a.string()
    owner = a.optional_string()
    team = a.string_list()
    ver = a.integer()
    dependencies = a.integer()
    tasks = a.integer()
    contracts = a.optional_string_set()
    currency = a.optional_string()  # none on gates of before contracts were there, until the deal is changed
    priced_by = a.optional_string()  # the pipeline whose contract price is the deal's value

    @property
    def contract_hashes(self) -> dict[str, str]:
        """The content hash of each contract whose content is fixed, by the contract's id."""
        return dict(entry.split("=") for entry in sorted(self.contracts or ()))

    @classmethod
    def of(cls, deal: Deal) -> Self:
        """The gate of a new deal, with nothing that refers to it."""
        return cls.at(reference_counter(deal.id), refs=0, opened_at=deal.created_at, ver=0, dependencies=0, tasks=0, **mirrored(deal))


def contract_entry(contract_id: str, content_hash: str) -> str:
    """What stands in the gate's `contracts` for a contract with this content."""
    return f"{contract_id}={content_hash}"


class ProfessionalDeal(Row):
    """A deal in the partition of a professional who is in it, so that it is found from there."""

    KIND = "professional-deal"
    LIST_FIELDS = ("id",)

    id = a.string()  # the deal's

    @classmethod
    def of(cls, professional_id: str, deal_id: str) -> Self:
        """The row of this deal."""
        return cls.at(ItemKey(professional_id, join_key(_DEAL, deal_id)), id=deal_id)

    @classmethod
    def range(cls, professional_id: str) -> KeyRange:
        """The rows of a professional, by deal."""
        return KeyRange(None, professional_id, prefix=join_key(_DEAL, ""))


def mirrored(deal: Deal) -> dict[str, object]:
    """What the gate repeats of its deal."""
    return {"status": deal.status, "owner": deal.owner, "team": deal.team, "priced_by": deal.priced_by, "currency": deal.currency}
