"""Requests and answers of contracts."""

from typing import Annotated, Literal, NotRequired

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, WithJsonSchema
from typing_extensions import TypedDict

from chalicelib.foundation import schema_types as t
from chalicelib.foundation.explanations import Explanation
from chalicelib.foundation.party_names import NEUTRAL, SIDES
from chalicelib.packs.contracts.rules import placeholders
from chalicelib.packs.contracts.rules.parties import PARALLEL, SIGNING
from chalicelib.packs.contracts.rules.parties import STATUSES as PARTY_STATUSES
from chalicelib.packs.contracts.rules.statuses import DECLINE_REASONS, REASONS, STATUSES
from chalicelib.packs.contracts.rules.terms import MAX_MONTHS

KINDS = PURCHASE, ASSIGNMENT, ENGAGEMENT, NDA, OTHER = ("purchase", "assignment", "engagement", "nda", "other")
MAX_PARTIES, MAX_ORDER = 20, 99
MAX_BODY, MAX_VALUE = 50_000, 2_000  # characters of a template, and of a value in one
MAX_FILE = 26_214_400  # bytes: 25 MiB
PDF = "application/pdf"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
CONTENT_TYPES = {PDF: ".pdf", DOCX: ".docx"}
AUTHENTICATIONS = EMAIL_LINK, SESSION, WET_INK = ("email_link", "session", "wet_ink")

Kind = Annotated[str, t.OneOf(KINDS, "ContractKind")]
Status = Annotated[str, t.OneOf(STATUSES, "ContractStatus")]
PartyStatus = Annotated[str, t.OneOf(PARTY_STATUSES, "ContractPartyStatus")]
Signing = Annotated[str, t.OneOf(SIGNING, "ContractSigning")]
Side = Annotated[str, t.OneOf(SIDES, "ContractSide")]
Reason = Annotated[str, t.OneOf(REASONS, "ContractReason")]
DeclineReason = Annotated[str, t.OneOf(DECLINE_REASONS, "ContractDeclineReason")]
ContentType = Annotated[str, t.OneOf(CONTENT_TYPES, "ContractContentType")]
Authentication = Annotated[str, t.OneOf(AUTHENTICATIONS, "ContractAuthentication")]
Months = Annotated[t.StrictInt, Field(ge=1, le=MAX_MONTHS)]
NoticeMonths = Annotated[t.StrictInt, Field(ge=1, lt=MAX_MONTHS)]
NoticeDays = Annotated[t.StrictInt, Field(ge=1, lt=28 * MAX_MONTHS)]
ContractId = Annotated[t.Text, Field(min_length=1, max_length=200, examples=["ctr_d01KB0Q5E8G7Z3V9X2M4N6P8R0T01KB0Q5E8G7Z3V9X2M4N6P8R0T"])]
TemplateId = Annotated[t.Text, Field(min_length=1, max_length=200, examples=["tpl_01KB0Q5E8G7Z3V9X2M4N6P8R0T"])]
PartyId = Annotated[t.Text, Field(pattern=r"^p[1-9][0-9]{0,5}$", examples=["p1"])]
Sha256 = Annotated[t.Text, Field(pattern=r"^[0-9a-f]{64}$", examples=["9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"])]
Note = t.Notes


def _true(value: object) -> bool:
    if value is not True:
        raise ValueError("consent is needed")
    return True


Consent = Annotated[bool, BeforeValidator(_true), WithJsonSchema({"type": "boolean", "const": True, "description": "Only true is taken."})]


# -- requests


class ContractPartyFields(t.RequestBody):
    """Somebody who signs."""

    name: t.Name
    email: t.EmailAddress | None = Field(None, description="Where the link to sign is sent.")
    role: t.Tag = Field(description="As what they sign, e.g. seller.")
    side: Side = NEUTRAL
    order: Annotated[t.StrictInt, Field(ge=1, le=MAX_ORDER)] = Field(
        1, description="In a sequence: who has the same one signs in parallel."
    )


class ContractParty(ContractPartyFields):
    """A party of a list that takes the place of another one."""

    id: PartyId | None = Field(None, description="Of a party that the contract has: it stays the same one.")


class ContractFields(t.RequestBody):
    """The fields of a contract that may be null."""

    professional_id: t.ProfessionalId | None = None
    storage_url: t.Url | None = Field(None, description="A note of where it lies elsewhere; the document is what is signed.")
    value: t.NonNegativeMoney | None = None
    effective_on: t.BusinessDate | None = Field(None, description="The first day in force: that of signing unless given.")
    sign_by: t.BusinessDate | None = Field(None, description="The last day to sign.")
    expires_on: t.BusinessDate | None = Field(None, description="The last day in force.")
    term_months: Months | None = Field(None, description="In place of expires_on.")
    renewal_months: Months | None = Field(None, description="Of each term after the first: as long as the first unless given.")
    notice_months: NoticeMonths | None = Field(None, description="How long before the end of a term notice must be received.")
    notice_days: NoticeDays | None = Field(None, description="In place of notice_months.")
    amends: ContractId | None = Field(None, description="The signed contract of the deal that it changes.")
    reissue_of: ContractId | None = Field(None, description="The contract of the deal that came to nothing, or to its end.")
    notes: t.Notes | None = None


class _GivenFields(ContractFields):
    """What a contract may be given when it is created, besides its title and its deal."""

    kind: Kind = OTHER
    currency: t.Currency | None = Field(None, description="The deal's: another one is refused.")
    parties: Annotated[list[ContractPartyFields], Field(max_length=MAX_PARTIES)] | None = None
    signing: Signing = PARALLEL
    auto_renew: t.StrictBool = False


class ContractCreate(_GivenFields):
    """A new contract, a draft."""

    model_config = t.body_example(
        {
            "deal_id": "deal_01KB0Q5E8G7Z3V9X2M4N6P8R0T",
            "title": "Purchase agreement, 1201 Pine St",
            "kind": "purchase",
            "value": 210000,
            "parties": [{"name": "Ann Seller", "email": "ann@example.com", "role": "seller", "side": "opposing"}],
            "sign_by": "2026-12-11",
        }
    )

    deal_id: t.DealId
    title: t.Name


class ContractPatch(ContractFields, t.PatchBody):
    """A change of a draft. The parties are replaced as a whole; those that name an id stay the same ones."""

    model_config = t.body_example({"value": 212500, "sign_by": "2026-12-18"})

    title: t.Name = Field(default_factory=t.omitted)
    kind: Kind = Field(default_factory=t.omitted)
    parties: Annotated[list[ContractParty], Field(max_length=MAX_PARTIES)] | None = None
    signing: Signing = Field(default_factory=t.omitted)
    auto_renew: t.StrictBool = Field(default_factory=t.omitted)


class ContractMoveRequest(t.RequestBody):
    """Where a contract moves, and why."""

    model_config = t.body_example({"status": "under_review"})

    status: Status
    reason: Reason | None = Field(None, description="Needed on the way back to draft, and to terminate.")
    note: Note | None = Field(None, description="Needed with changes_requested, and where the reason is `other`.")
    document_sha256: Sha256 | None = Field(None, description="With `signed`: of the file that was signed by hand.")
    signed_on: t.BusinessDate | None = Field(None, description="With `signed`: today unless given.")
    terminated_on: t.BusinessDate | None = Field(None, description="With `terminated`: today unless given.")


class ContractQuery(t.PageParams, t.ExplainParams):
    """Which contracts to list."""

    status: Status | None = None


class ContractStatusQuery(t.PageParams):
    """Contracts of which status."""

    status: Status


def _filename(name: str) -> str:
    if not name.strip(".") or set(name) & set('/\\"'):
        raise ValueError("a name without slashes and quotation marks is needed")
    return name


class ContractDocumentRequest(t.RequestBody):
    """The file that is going to be uploaded as a contract's document."""

    model_config = t.body_example(
        {
            "filename": "purchase-agreement.pdf",
            "content_type": PDF,
            "size": 84211,
            "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        }
    )

    filename: Annotated[t.Name, AfterValidator(_filename)]
    content_type: ContentType
    size: Annotated[t.StrictInt, Field(ge=1, description=f"In bytes, at most {MAX_FILE:,}.")]
    sha256: Sha256


class ContractSignatureCreate(t.RequestBody):
    """A signature: the caller's own, or one by hand that counsel attests."""

    model_config = t.body_example(
        {"party_id": "p1", "typed_name": "Ann Seller", "consent": True, "content_hash": "0" * 64, "authentication": "session"}
    )

    party_id: PartyId
    typed_name: t.Name
    consent: Consent
    content_hash: Sha256 = Field(description="Of the contract as it was shown.")
    consent_version: t.Tag | None = Field(None, description="Of the text that was consented to.")
    authentication: Literal["session", "wet_ink"]
    signed_on: t.BusinessDate | None = Field(None, description="By hand: on which day.")
    signed_file_sha256: Sha256 | None = Field(None, description="By hand: of the file that was signed.")


class ContractSignRequest(t.RequestBody):
    """What a party sends by their link to sign."""

    model_config = t.body_example({"typed_name": "Ann Seller", "consent": True, "content_hash": "0" * 64, "consent_version": "2026-11"})

    typed_name: t.Name
    consent: Consent
    content_hash: Sha256
    consent_version: t.Tag


class ContractDeclineRequest(t.RequestBody):
    """What a party sends by their link to decline."""

    model_config = t.body_example({"reason": "price"})

    reason: DeclineReason
    note: Note | None = Field(None, description="Needed where the reason is `other`.")


class ContractFormatQuery(t.QueryParams):
    """In which form a certificate is answered."""

    format: Literal["json", "html", "pdf"] = "json"


class ContractCopyQuery(t.QueryParams):
    """What of a copy is answered: the certificate, in one of these forms, in place of what was signed."""

    certificate: Literal["html", "pdf"] | None = None


def _template_text(text: str) -> str:
    if (found := placeholders.misplaced(text)) is not None:
        raise ValueError(f"{found} is no placeholder: one is a name of a-z, 0-9 and _ in two braces, {{{{like_this}}}}")
    return text


def _visible(text: str) -> str:
    if not text.strip():
        raise ValueError("a text is needed")
    return text


TemplateTitle = Annotated[t.Name, AfterValidator(_template_text)]
TemplateBody = Annotated[
    str,
    StringConstraints(strict=True, strip_whitespace=False, min_length=1, max_length=MAX_BODY),
    AfterValidator(t.multi_line),
    AfterValidator(_visible),
    AfterValidator(_template_text),
]
TemplateValue = Annotated[str, StringConstraints(strict=True, max_length=MAX_VALUE), AfterValidator(t.multi_line)]


class ContractTemplateCreate(t.RequestBody):
    """A new template."""

    model_config = t.body_example(
        {
            "name": "Engagement letter",
            "kind": "engagement",
            "title": "Engagement of {{firm}}",
            "body": "{{firm}} is engaged to advise on {{address}}.\n\nThe fee is {{fee}}.",
        }
    )

    name: t.Name
    kind: Kind = OTHER
    title: TemplateTitle
    body: TemplateBody


class ContractTemplatePatch(t.PatchBody):
    """A change of a template. Contracts that were made from it stay as they are."""

    model_config = t.body_example({"name": "Engagement letter, short"})

    name: t.Name = Field(default_factory=t.omitted)
    kind: Kind = Field(default_factory=t.omitted)
    title: TemplateTitle = Field(default_factory=t.omitted)
    body: TemplateBody = Field(default_factory=t.omitted)


class ContractFromTemplateCreate(_GivenFields):
    """A new contract whose document is a template with these values."""

    model_config = t.body_example(
        {
            "template_id": "tpl_01KB0Q5E8G7Z3V9X2M4N6P8R0T",
            "deal_id": "deal_01KB0Q5E8G7Z3V9X2M4N6P8R0T",
            "values": {"firm": "Hopper LLP", "address": "1201 Pine St", "fee": "USD 2,500"},
        }
    )

    template_id: TemplateId
    deal_id: t.DealId
    title: t.Name | None = Field(None, description="The template's, filled, unless given.")
    kind: Kind | None = Field(None, description="The template's unless given.")  # type: ignore[assignment]
    values: dict[str, TemplateValue] = Field(default_factory=dict, description="One for each placeholder of the template.")


# -- answers


class ContractPartyView(TypedDict):
    """A party, and how far they have come."""

    id: str
    name: str
    email: str | None
    role: str
    side: Side
    order: int
    status: PartyStatus
    notified_at: t.TimestampText | None
    viewed_at: t.TimestampText | None
    signed_at: t.TimestampText | None


class ContractVoid(TypedDict):
    """Since when something is void, by whom it was taken back, and why."""

    at: t.TimestampText
    by: str
    why: str


class ContractDocumentView(TypedDict):
    """The document of a contract. `arrived`: its bytes are there, and are those that were announced."""

    filename: str
    content_type: ContentType
    size: int
    sha256: str
    arrived: bool


class ContractApprovalView(TypedDict):
    """An approval, of what the contract said then."""

    by: str
    at: t.TimestampText
    version: int
    content_hash: str
    void: ContractVoid | None


class ContractSignatureSummary(TypedDict):
    """A signature, as the contract shows it."""

    id: str
    party_id: str
    authentication: Authentication
    signed_at: t.TimestampText
    void: ContractVoid | None


class ContractDeclineView(TypedDict):
    """Who declined, and why."""

    party_id: str
    reason: DeclineReason
    note: str | None
    at: t.TimestampText


class ContractNoticeView(TypedDict):
    """By when notice must be received; `passed`: it renews on `renews_on`, and the next deadline is that of the term that starts then."""

    deadline: t.DateText
    state: Literal["open", "passed"]
    renews_on: t.DateText
    next_deadline: t.DateText


class ContractView(t.ResourceView):
    """A contract. `starts_on`, `expires_on` (the end of the current term), `in_force`, `ended_on` and `notice` are as of today."""

    deal_id: str
    title: str
    kind: Kind
    professional_id: str | None
    storage_url: str | None
    value: t.MoneyNumber | None
    currency: str
    parties: list[ContractPartyView]
    signing: Signing
    effective_on: t.DateText | None
    sign_by: t.DateText | None
    term_months: int | None
    renewal_months: int | None
    auto_renew: bool
    notice_months: int | None
    notice_days: int | None
    amends: str | None
    reissue_of: str | None
    notes: str | None
    status: Status
    status_entered_at: t.TimestampText
    status_entered_by: str
    status_reason: str | None
    status_note: str | None
    version: int
    document: ContractDocumentView | None
    document_sha256: str | None
    content_hash: str
    approvals: list[ContractApprovalView]
    signatures: list[ContractSignatureSummary]
    decline: ContractDeclineView | None
    attested_by: str | None
    signed_at: t.TimestampText | None
    signed_on: t.DateText | None
    signed_file_sha256: str | None
    terminated_on: t.DateText | None
    starts_on: t.DateText | None
    expires_on: t.DateText | None
    in_force: bool
    ended_on: t.DateText | None
    notice: ContractNoticeView | None
    warnings: list[str]
    explain: NotRequired[Explanation]


class ContractSummary(TypedDict):
    """A contract in a list."""

    id: str
    deal_id: str
    title: str
    kind: Kind
    status: Status
    version: int
    professional_id: str | None
    value: t.MoneyNumber | None
    currency: str
    effective_on: t.DateText | None
    sign_by: t.DateText | None


class ContractStatusInterval(TypedDict):
    """An interval in a status; `left_at` is null while it lasts."""

    status: Status
    entered_at: t.TimestampText
    entered_by: str
    reason: str | None
    note: str | None
    left_at: t.TimestampText | None
    left_by: str | None
    days: int


class ContractVersionView(TypedDict):
    """A version that was submitted, approved or signed; `void` once the contract went back to draft from it, or from a later one."""

    version: int
    status: Status
    content_hash: str
    document_sha256: str | None
    at: t.TimestampText
    by: str
    void: ContractVoid | None


class ContractVersionPage(TypedDict):
    """The versions of a contract, newest first."""

    items: list[ContractVersionView]
    next_cursor: str | None


class ContractUploadView(TypedDict):
    """Where and how to upload the document: this method, these headers, these bytes. 412: it is there already."""

    url: str
    method: str
    headers: dict[str, str]
    expires_in: int


class ContractDownloadView(TypedDict):
    """Where the document is read; the URL ends in `expires_in` seconds."""

    url: str
    expires_in: int
    filename: str
    content_type: ContentType
    size: int
    sha256: str


class _SignatureEvidence(TypedDict):
    party_id: str
    party_name: str
    typed_name: str
    authentication: Authentication
    intent: str
    consent_version: str | None
    content_hash: str
    document_sha256: str | None
    signed_at: t.TimestampText
    signed_on: t.DateText
    signed_file_sha256: str | None
    ip_address: str | None
    user_agent: str | None
    recorded_by: str


class ContractSignatureView(t.ResourceView, _SignatureEvidence):
    """A signature, with its evidence."""

    contract_id: str
    contract_status: Status


class ContractLinkParty(TypedDict):
    """Whom a link is for."""

    name: str
    role: str


class ContractLinkPartyStatus(TypedDict):
    """How far a party has come, as the others see it."""

    name: str
    role: str
    status: PartyStatus


class ContractLinkView(TypedDict):
    """What a party sees by their link."""

    title: str
    kind: Kind
    party: ContractLinkParty
    parties: list[ContractLinkPartyStatus]
    status: Status
    content_hash: str
    document_sha256: str | None
    sign_by: t.DateText | None
    consent_text: str
    consent_version: str


class ContractOpenedView(TypedDict):
    """Where the document is read; the URL ends in `expires_in` seconds."""

    url: str
    expires_in: int


class ContractPartyStatusView(TypedDict):
    """How far the party has come."""

    status: PartyStatus


class ContractCopyView(TypedDict):
    """What a party sees by the link to their copy."""

    title: str
    kind: Kind
    signed_at: t.TimestampText
    content_hash: str
    document_sha256: str | None


class ContractTrailEntry(TypedDict):
    """A record of the trail: its number, what was done, when, and its hash, by which it is found there."""

    entity_id: str
    seq: int
    action: str
    at: t.TimestampText
    hash: str


class CertificateContract(TypedDict):
    """The contract as it was signed."""

    id: str
    deal_id: str
    title: str
    kind: Kind
    version: int
    status: Status
    value: t.MoneyNumber | None
    currency: str
    parties: list[ContractPartyView]
    signing: Signing
    effective_on: t.DateText | None
    sign_by: t.DateText | None
    expires_on: t.DateText | None
    term_months: int | None
    renewal_months: int | None
    auto_renew: bool
    notice_months: int | None
    notice_days: int | None
    document: ContractDocumentView | None
    document_sha256: str | None
    content_hash: str
    signed_at: t.TimestampText
    signed_on: t.DateText
    attested_by: str | None
    signed_file_sha256: str | None
    terminated_on: t.DateText | None


class CertificateSignature(_SignatureEvidence):
    """A signature with its evidence."""

    id: str
    email: str | None
    void: ContractVoid | None


class ContractCertificateView(TypedDict):
    """What proves that a contract was signed. The hash is of all of it but itself, with everybody's contacts."""

    contract: CertificateContract
    signatures: list[CertificateSignature]
    approvals: list[ContractApprovalView]
    trail: list[ContractTrailEntry]
    certificate_hash: str


class ContractTemplateView(t.ResourceView):
    """A template."""

    name: str
    kind: Kind
    title: str
    body: str
    placeholders: list[str]


class ContractTemplateSummary(TypedDict):
    """A template in a list."""

    id: str
    name: str
    kind: Kind
    created_at: t.TimestampText
