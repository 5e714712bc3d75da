"""Items and certificates as stored, in the partition of their deal:

    I#<item id>          an item that has to be settled before the deal is finalized
    IC#<certificate id>  a certificate: that the deal was finalized, by whom, and what was checked
    IK#<certificate id>  what it certifies, which is written once and never changed (`CertificateContent`)

so that one range holds all that this pack adds to a deal.
"""

from typing import Self, cast

from chalicelib.foundation.ids import IdFormat, ItemKey, encode_ulid, keyed_ulid
from chalicelib.foundation.json_codec import JsonObject, dumps, loads
from chalicelib.foundation.store import attributes as a
from chalicelib.foundation.store.access_patterns import KeyRange
from chalicelib.foundation.store.entity import Entity
from chalicelib.foundation.store.row import Row, truncate
from chalicelib.packs.deals.public import Deal

_PARENTS = {"d": "deal"}
_DIGEST = 10  # bytes of a derived id


class Item(Entity):
    """Something that has to be settled before its deal is finalized."""

    KIND = "item"
    ID = IdFormat("item", "item", parents=_PARENTS, row="I")
    LIST_FIELDS = ("id", "kind", "title", "status")

    deal_id = a.string()
    kind_of_item = a.string()
    title = a.string()
    field = a.optional_string()  # of an item of information: what is to be filled
    role = a.optional_string()
    due = a.optional_map()  # {"anchor": a day of the deal or its pipeline, "offset_days": so many days after it}
    template = a.optional_string()  # its name in the templates, where it comes from one

    status = a.string()
    confirmations = a.list_()  # {"by", "at"}: of a two-person item
    evidence = a.optional_map()  # {"contract_id" or "route_id" or "sha256"}
    reason = a.optional_string()
    decision_id = a.optional_string()
    settled_at = a.optional_datetime()
    settled_by = a.optional_string()

    @property
    def kind(self) -> str:
        """What kind of item it is, as the API names it."""
        return self.kind_of_item

    @property
    def moved_to(self) -> str:
        """The status that somebody moved it to, whatever it is now."""
        return self.status

    @classmethod
    def id_of_template(cls, deal: Deal, template: str) -> str:
        """The id of the one item of a deal with this name in the templates."""
        return cls.ID.derived(deal.id, keyed_ulid(deal.created_at, f"{deal.id}/{template}"))

    def list_view(self) -> JsonObject:
        """The fields that lists return; null fields are left out."""
        return self._listed(title=truncate(self.title))


class Certificate(Entity):
    """That a deal was finalized. It stays, superseded, where the deal is reopened."""

    KIND = "certificate"
    ID = IdFormat("cert", "certificate", parents=_PARENTS, row="IC")
    LIST_FIELDS = ("id", "number")

    deal_id = a.string()
    number = a.integer()  # of the deal's certificates, from 1
    content_hash = a.string()
    # What the rules of findings go by: the policies that it names, and the decisions by which they were met.
    policy_version = a.integer()
    approvals = a.list_()
    decisions = a.list_()
    superseded = a.optional_map()  # {"at", "by", "decision_id"}

    @classmethod
    def id_of(cls, deal: Deal, number: int) -> str:
        """The id of the one certificate of a deal with this number; later ones sort after earlier ones."""
        return cls.ID.derived(deal.id, encode_ulid(deal.created_at, number.to_bytes(_DIGEST)))


class CertificateContent(Row):
    """What a certificate certifies, as its JSON form shows it."""

    KIND = "certificate-content"

    content = a.compressed_text()

    @staticmethod
    def key_of(certificate_id: str) -> ItemKey:
        """Where it lies."""
        return ItemKey(Certificate.ID.key(certificate_id).pk, f"IK#{certificate_id}")

    @classmethod
    def of(cls, certificate_id: str, content: JsonObject) -> Self:
        """The content of a certificate."""
        return cls.at(cls.key_of(certificate_id), content=dumps(content))

    @property
    def as_object(self) -> JsonObject:
        """The content by field."""
        return cast(JsonObject, loads(self.content))


def children_of(deal_id: str) -> KeyRange:
    """All that this pack adds to a deal."""
    return KeyRange(None, deal_id, prefix="I")
