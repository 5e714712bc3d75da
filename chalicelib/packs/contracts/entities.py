"""Contracts as stored, in the partition of their deal:

    C#<contract id>                  a contract
    CS#<signature id>                a signature, with its evidence; it never changes
    CV#<contract id>#<version>       a version that was submitted, approved or signed (`ContractVersion`)
    H#<contract id>#<revision>       a completed interval in a status (foundation.state_history)

Templates are roots of their own.
"""

from datetime import date, timedelta
from functools import cached_property
from typing import Self

from chalicelib.foundation import party_rows
from chalicelib.foundation.dates import format_timestamp
from chalicelib.foundation.ids import IdFormat, ItemKey
from chalicelib.foundation.json_codec import JsonObject
from chalicelib.foundation.party_rows import Party, PartyRows
from chalicelib.foundation.store import attributes as a
from chalicelib.foundation.store.access_patterns import AccessPattern, DuePattern, KeyRange
from chalicelib.foundation.store.entity import Entity
from chalicelib.foundation.store.keys import join_key
from chalicelib.foundation.store.row import Row, truncate
from chalicelib.packs.contracts.rules import content, deadlines
from chalicelib.packs.contracts.rules.deadlines import Told
from chalicelib.packs.contracts.rules.placeholders import placeholders
from chalicelib.packs.contracts.rules.statuses import FIXED, SENT, SIGNED, TERMINATED, void_of
from chalicelib.packs.contracts.rules.terms import Notice, Terms

_PARENTS = {"d": "deal"}
_LISTED_TITLE = 80  # characters of a title that lists show: an index takes a view of 500 bytes


class Contract(Entity):
    """A contract of a deal, from its draft to its end."""

    KIND = "contract"
    ID = IdFormat("ctr", "contract", parents=_PARENTS, row="C")
    PERSONAL = frozenset({"parties"})
    BY_STATUS = AccessPattern(
        "gsi1", "CTR#{status}#0", sort="{created_at}#{id}", serves="GET /contracts/lifecycle, /contracts/lifecycle/by-status"
    )
    BY_PROFESSIONAL = AccessPattern(
        "gsi2", "CTR#PRO#{professional_id}", sort="{created_at}#{id}", serves="what is held on a professional, and refers to them"
    )
    TERMS = DuePattern("contract-terms", on="due_on", serves="contracts-terms")
    LIST_FIELDS = (
        *("id", "deal_id", "title", "kind", "status", "version", "professional_id"),
        *("value", "currency", "effective_on", "sign_by"),
    )

    deal_id = a.string()
    title = a.string()
    kind_of_contract = a.string()
    professional_id = a.optional_string()
    storage_url = a.optional_string()
    value = a.optional_decimal()
    currency = a.string()
    parties = a.list_()  # rules.parties
    party_number = a.integer()  # of the last id that a party was given
    signing = a.string()
    effective_on = a.optional_date()
    sign_by = a.optional_date()
    expires_on = a.optional_date()  # as it was given
    term_months = a.optional_integer()
    renewal_months = a.optional_integer()  # as it was given
    auto_renew = a.boolean()
    notice_months = a.optional_integer()
    notice_days = a.optional_integer()
    amends = a.optional_string()
    reissue_of = a.optional_string()
    notes = a.optional_string()

    status = a.string()
    status_entered_at = a.datetime()
    status_entered_by = a.string()
    status_reason = a.optional_string()
    status_note = a.optional_string()
    version = a.integer()
    sending = a.integer()  # how often it was sent: links of an earlier sending are dead

    document = a.optional_map()  # filename, content_type, size, sha256, key; once it is fixed, version_id
    submitted_by = a.optional_string()
    approvals = a.list_()  # by, at, version, content_hash
    signatures = a.list_()  # id, party_id, authentication, signed_at, version, recorded_by
    returns = a.list_()  # to draft: version, at, by, why
    decline = a.optional_map()  # party_id, reason, note, at
    attested_by = a.optional_string()
    signed_at = a.optional_datetime()
    signed_on = a.optional_date()
    signed_file_sha256 = a.optional_string()  # of the file that was signed by hand, where nobody is a party
    terminated_on = a.optional_date()

    terms_told = a.integer()  # rules.deadlines.Told
    reminded_for = a.optional_date()
    reminded = a.optional_integer()

    # -- what it says

    @property
    def kind(self) -> str:
        """What kind of contract it is, as the API names it."""
        return self.kind_of_contract

    @property
    def document_sha256(self) -> str | None:
        """The hash of its document, whether or not that has arrived."""
        return None if self.document is None else str(self.document["sha256"])

    @cached_property
    def terms(self) -> Terms:
        """How long it runs."""
        return Terms(
            starts_on=self.effective_on or self.signed_on,
            expires_on=self.expires_on,
            term_months=self.term_months,
            renewal_months=self.renewal_months,
            notice_months=self.notice_months,
            notice_days=self.notice_days,
            auto_renew=self.auto_renew,
        )

    @cached_property
    def content_hash(self) -> str:
        """The hash of what it says: what is approved, and signed."""
        derived = {"document_sha256": self.document_sha256, "kind": self.kind, "renewal_months": self.terms.renewal}
        return content.hash_of({**self.attribute_values, **derived}, self.parties)

    @property
    def party_rows(self) -> PartyRows:
        """The rows by which its parties are found."""
        parties: list[Party] = [{"name": party["name"], "role": party["role"], "side": party["side"]} for party in self.parties]
        return party_rows.rows_of(self.id, self.deal_id, None, parties)

    # -- how far it has come

    @property
    def is_fixed(self) -> bool:
        """Whether others rely on its content."""
        return self.status in FIXED

    @property
    def standing_approval(self) -> JsonObject | None:
        """The last approval, unless it is void."""
        last = self.approvals[-1] if self.approvals else None
        return last if last is not None and self.void_of(last["version"]) is None else None

    def void_of(self, version: int) -> JsonObject | None:
        """Why what was made in this version is void; None where it stands."""
        return void_of(version, self.returns)

    @property
    def standing_signatures(self) -> list[JsonObject]:
        """The signatures that aren't void."""
        return [signature for signature in self.signatures if self.void_of(signature["version"]) is None]

    @property
    def drafters(self) -> frozenset[str]:
        """Who created it, and who submitted it."""
        return frozenset({self.created_by, self.submitted_by or self.created_by})

    @property
    def attesters(self) -> frozenset[str]:
        """Who attested that somebody signed by hand."""
        attested = {str(signature["recorded_by"]) for signature in self.standing_signatures if signature["authentication"] == "wet_ink"}
        return frozenset(attested | ({self.attested_by} if self.attested_by else set()))

    @property
    def self_approvers(self) -> frozenset[str]:
        """Who drafted and approved it, or drafted or approved it and attested a signature."""
        approval = self.standing_approval
        approver = frozenset({str(approval["by"])} if approval else ())
        return approver & self.drafters | self.attesters & (self.drafters | approver)

    @property
    def is_self_approved(self) -> bool:
        """Whether there is somebody who did."""
        return bool(self.self_approvers)

    # -- as of a day

    def in_force(self, today: date) -> bool:
        """Whether it is signed, has started, and hasn't ended."""
        return self.status == SIGNED and self.terms.has_started(today) and self.terms.ended_on(today) is None

    def ended_on(self, today: date) -> date | None:
        """The last day on which it was in force, once that has passed, or the day of its termination."""
        if self.terminated_on is not None:
            return self.terminated_on
        return self.terms.ended_on(today) if self.signed_on is not None else None

    def term_ends_on(self, today: date) -> date | None:
        """The last day of its current term."""
        return self.terms.end_on(self.terminated_on or today)

    def notice(self, today: date) -> Notice | None:
        """By when notice must be received; None where it doesn't renew by itself, or never more."""
        return None if self.status == TERMINATED or self.terminated_on else self.terms.notice_on(today)

    # -- what time does

    @property
    def told(self) -> Told:
        """What was told of its terms."""
        return Told(self.terms_told, self.reminded_for, self.reminded)

    @property
    def due_on(self) -> date | None:
        """The day on which there is something to do about it."""
        if self.status == SENT:
            return None if self.sign_by is None else self.sign_by + timedelta(days=1)
        return deadlines.next_day(self.terms, self.told) if self.status == SIGNED else None

    # -- in the table

    def list_view(self) -> JsonObject:
        """The fields that lists return; null fields are left out."""
        return self._listed(title=truncate(self.title, _LISTED_TITLE))

    @classmethod
    def rows_below(cls, id: str) -> tuple[KeyRange, ...]:
        """Its signatures, its versions and its completed intervals, which are purged with it."""
        return Signature.children_of(id), ContractVersion.range(id), KeyRange(None, cls.ID.key(id).pk, prefix=f"H#{id}#")


class Signature(Entity):
    """A signature of a party, and its evidence (domain rule D23). It never changes: whether it is void, the contract says."""

    KIND = "contract-signature"
    ID = IdFormat("sgn", "signature", parents=_PARENTS, row="CS", below="ctr")
    PERSONAL = frozenset({"party_name", "email", "typed_name", "ip_address", "user_agent"})

    contract_id = a.string()
    party_id = a.string()
    party_name = a.string()
    email = a.optional_string()  # the party's
    typed_name = a.string()
    authentication = a.string()
    intent = a.string()
    consent_version = a.optional_string()
    content_hash = a.string()  # shown and signed
    document_sha256 = a.optional_string()
    version = a.integer()  # the contract's, when it was signed
    signed_at = a.datetime()
    signed_on = a.date()
    signed_file_sha256 = a.optional_string()
    ip_address = a.optional_string()
    user_agent = a.optional_string()
    recorded_by = a.string()


class ContractVersion(Row):
    """A version of a contract that was submitted, approved or signed."""

    contract_id = a.string()
    version = a.integer()
    status = a.string()
    content_hash = a.string()
    document_sha256 = a.optional_string()
    entered_at = a.datetime()
    entered_by = a.string()

    @classmethod
    def of(cls, contract: Contract) -> Self:
        """The present version of a contract that has just come into its status."""
        key = ItemKey(contract.key.pk, f"{cls._prefix(contract.id)}{contract.version:06}")
        return cls.at(
            key,
            contract_id=contract.id,
            version=contract.version,
            status=contract.status,
            content_hash=contract.content_hash,
            document_sha256=contract.document_sha256,
            entered_at=contract.status_entered_at,
            entered_by=contract.status_entered_by,
        )

    @classmethod
    def range(cls, contract_id: str) -> KeyRange:
        """The versions of a contract."""
        return KeyRange(None, Contract.ID.key(contract_id).pk, prefix=cls._prefix(contract_id))

    @staticmethod
    def _prefix(contract_id: str) -> str:
        return join_key("CV", contract_id, "")


class ContractTemplate(Entity):
    """The text of contracts of one kind, with placeholders."""

    KIND = "contract-template"
    ID = IdFormat("tpl", "template")
    ALL = AccessPattern("gsi1", "TPL", serves="GET /contracts/templates")
    LIST_FIELDS = ("id", "name", "kind", "created_at")

    name = a.string()
    kind_of_contract = a.string()
    title = a.string()
    body = a.compressed_text()

    @property
    def kind(self) -> str:
        """What kind of contract it makes, as the API names it."""
        return self.kind_of_contract

    @property
    def placeholders(self) -> list[str]:
        """The names of its placeholders, in the order in which they first come."""
        return placeholders(self.title, self.body)

    def list_view(self) -> JsonObject:
        """The fields that lists return."""
        return self._listed(name=truncate(self.name, 100), created_at=format_timestamp(self.created_at))
