"""Requests and answers of document routes."""

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, StringConstraints, WithJsonSchema
from typing_extensions import TypedDict

from chalicelib.foundation import schema_types as t
from chalicelib.packs.documents.rules.statuses import BOUNCE_REASONS, RECALL_REASONS, STATUSES

MAX_RECIPIENTS = 100

AUTHENTICATIONS = EMAIL_LINK, SESSION, ATTESTED = ("email_link", "session", "attested")

Status = Annotated[str, t.OneOf(STATUSES, "RouteStatus")]
RecallReason = Annotated[str, t.OneOf(RECALL_REASONS, "RouteRecallReason")]
StatusReason = Annotated[str, t.OneOf((*RECALL_REASONS, *BOUNCE_REASONS), "RouteStatusReason")]
Authentication = Annotated[str, t.OneOf(AUTHENTICATIONS, "RouteAuthentication")]
DocumentType = Annotated[t.Text, Field(min_length=1, max_length=100, examples=["purchase agreement"])]
ContractId = Annotated[t.Text, Field(min_length=1, max_length=200, examples=["ctr_d01KB0Q5E8G7Z3V9X2M4N6P8R0T01KB0Q5E8G7Z3V9X2M4N6P8R0T"])]
Sha256 = Annotated[
    str,
    StringConstraints(strict=True, pattern=r"^[0-9a-f]{64}$"),
    Field(description="SHA-256 of the document, in lower-case hexadecimal digits.", examples=["9f" * 32]),
]


def _https(value: str) -> str:
    if not value.startswith("https://") or " " in value or not _host(value):
        raise ValueError("a URL that begins with https:// is needed")
    return value


def _host(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:  # brackets that are no address
        return None


HttpsUrl = Annotated[t.Url, AfterValidator(_https), Field(examples=["https://files.example.com/agreement.pdf"])]


class RouteRecipient(t.RequestBody):
    """Who gets the document, where that is no professional."""

    name: t.Name
    email: t.EmailAddress


class RouteAddressee(t.RequestBody):
    """Who gets the document: a professional, or a name with an address."""

    professional_id: t.ProfessionalId | None = None
    name: t.Name | None = None
    email: t.EmailAddress | None = None


# Each is validated by itself, so that one who can't get it holds nobody up.
AnyRecipient = Annotated[
    object,
    WithJsonSchema(
        {
            "type": "object",
            "properties": {
                "professional_id": {"type": "string"},
                "name": {"type": "string"},
                "email": {"type": "string", "format": "email"},
            },
            "additionalProperties": False,
        }
    ),
]


class RouteFields(t.RequestBody):
    """What is sent, whoever gets it."""

    deal_id: t.DealId
    document_type: DocumentType
    title: t.Name | None = None
    contract_id: ContractId | None = Field(
        None, description="A contract of the deal, under review or beyond, whose document it is: the hash is then that document's."
    )
    document_sha256: Sha256 | None = Field(None, description="Only without a contract.")
    storage_url: HttpsUrl | None = Field(None, description="Where the document is; needed without a contract.")
    due_on: t.BusinessDate | None = Field(None, description="By when it is to be acknowledged, a day of the firm's.")
    link_expires_at: t.Timestamp | None = Field(
        None, description="When the links in the mails end: in 90 days unless given, within a year."
    )


class RouteCreate(RouteFields):
    """A document, sent to a professional or to somebody else: exactly one of `professional_id` and `recipient` is needed."""

    model_config = t.body_example(
        {
            "deal_id": "deal_01KB0Q5E8G7Z3V9X2M4N6P8R0T",
            "professional_id": "pro_01KB0Q5E8G7Z3V9X2M4N6P8R0T",
            "document_type": "purchase agreement",
            "storage_url": "https://files.example.com/agreement.pdf",
        }
    )

    professional_id: t.ProfessionalId | None = None
    recipient: RouteRecipient | None = None


class RouteBulkCreate(RouteFields):
    """One document, sent to up to 100; each of them is checked by itself."""

    recipients: list[AnyRecipient] = Field(
        min_length=1,
        description="Each a `professional_id`, or a `name` with an `email`.",
        examples=[[{"name": "Ann Adams", "email": "ann@example.com"}]],
    )


class RouteBulkQuery(t.QueryParams):
    """Options of sending to many."""

    dry_run: t.QueryFlag = Field(False, description="Check each and send nothing.")


class RouteMoveRequest(t.RequestBody):
    """Where a route moves, and why."""

    model_config = t.body_example({"status": "recalled", "reason": "wrong_document"})

    status: Status
    reason: RecallReason | None = Field(None, description="Needed to recall one.")
    note: t.Notes | None = Field(None, description="Needed where the reason is `other`.")
    email: t.EmailAddress | None = Field(None, description="With `sent`, of one that bounced: the right address.")
    name: t.Name | None = Field(None, description="With `acknowledged`: who says so, unless it is who it was sent to.")
    document_sha256: Sha256 | None = Field(None, description="With `acknowledged`: the document that was seen.")


class RouteAcknowledgeRequest(t.RequestBody):
    """An acknowledgement by who has the link."""

    model_config = t.body_example({"name": "Ann Adams", "document_sha256": "9f" * 32})

    name: t.Name
    document_sha256: Sha256 | None = Field(None, description="The document that was seen; null where the route has no hash.")


class RouteQuery(t.PageParams):
    """Which routes to list."""

    status: Status | None = None


# -- answers


class RouteRecipientView(TypedDict):
    """Who gets the document; the address is null without `documents:contacts`."""

    name: str
    email: str | None


class RouteAcknowledgementView(TypedDict):
    """Who has acknowledged which document, and how. Address and user agent are null without `documents:contacts`."""

    name: str
    at: t.TimestampText
    authentication: Authentication
    document_sha256: str | None
    ip_address: str | None
    user_agent: str | None


class RouteRemindersView(TypedDict):
    """How often the present series of reminders was sent, when the last one was, by hand or not, and the day of the next."""

    count: int
    last_at: t.TimestampText | None
    next_on: t.DateText | None


class RouteView(t.ResourceView):
    """A document on its way. `stale_hash`: the contract has another document by now, so an acknowledgement of this one no longer counts."""

    deal_id: str
    document_type: str
    title: str | None
    contract_id: str | None
    professional_id: str | None
    recipient: RouteRecipientView | None
    sent_to: Annotated[
        str | None, WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "null"}], "description": "The address of the last mail."})
    ]
    storage_url: str | None
    document_sha256: str | None
    due_on: t.DateText | None
    link_expires_at: t.TimestampText
    status: Status
    status_since: t.TimestampText
    status_reason: StatusReason | None
    status_note: str | None
    sent_at: t.TimestampText
    opened_at: t.TimestampText | None
    acknowledged_at: t.TimestampText | None
    fetches: int
    opens: int
    stale_hash: bool
    attested_by: str | None
    acknowledgement: RouteAcknowledgementView | None
    reminders: RouteRemindersView


class RouteSummary(TypedDict):
    """A route in a list."""

    id: str
    deal_id: str
    contract_id: str | None
    professional_id: str | None
    document_type: str
    title: str | None
    status: Status
    sent_at: t.TimestampText


class RouteBulkView(TypedDict):
    """A result for each recipient, in the order of the request."""

    results: list[t.RowResult]


class RouteLinkView(TypedDict):
    """What a link shows of its document, before that is opened."""

    title: str | None
    document_type: str
    status: Status
    document_sha256: str | None
    due_on: t.DateText | None


class RouteOpenedView(TypedDict):
    """A document that was opened, and where it is."""

    status: Status
    url: str | None
    document_sha256: str | None


class RouteAcknowledgedView(TypedDict):
    """An acknowledgement: the first one stays."""

    status: Status
    acknowledged_at: t.TimestampText
    document_sha256: str | None


class RouteStatusInterval(TypedDict):
    """An interval in a status; `left_at` is null while it lasts."""

    status: Status
    entered_at: t.TimestampText
    entered_by: str
    reason: str | None
    note: str | None
    left_at: t.TimestampText | None
    left_by: str | None
    days: int
