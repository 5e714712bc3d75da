"""What sending one document takes, to one or to many: who gets it, where it comes from, and what is written."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from chalicelib.foundation.context import Context
from chalicelib.foundation.dates import add_months
from chalicelib.foundation.errors import Conflict, NotFound, ValidationFailed, VersionConflict
from chalicelib.foundation.ids import ItemKey
from chalicelib.foundation.json_codec import JsonObject
from chalicelib.foundation.store.codec import DynamoItem
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.foundation.subjects import Subject
from chalicelib.packs.deals import public as deals
from chalicelib.packs.documents import repository
from chalicelib.packs.documents.entities import Route
from chalicelib.packs.documents.permissions import ANY_DEAL, require_own_deal
from chalicelib.packs.documents.rules import statuses
from chalicelib.packs.documents.schemas import RouteFields
from chalicelib.packs.documents.service import delivery
from chalicelib.packs.scorecards import public as scorecards
from chalicelib.packs.scorecards.public import Professional

LINK_DAYS = 90  # how long links hold unless it is said
_LONGEST_MONTHS = 12

Items = dict[ItemKey, DynamoItem]


@dataclass(frozen=True)
class Addressee:
    """Who gets a document: a professional, or somebody else; their name, and where the mail goes."""

    professional_id: str | None
    name: str
    email: str


# -- what was sent


def check_fields(ctx: Context, fields: RouteFields) -> None:
    """Raise ValidationFailed for fields that don't go together."""
    if fields.contract_id is None and fields.storage_url is None:
        raise ValidationFailed.field("storage_url", "it is needed without a contract", "missing")
    if fields.contract_id is not None and fields.document_sha256 is not None:
        raise ValidationFailed.field("document_sha256", "it is that of the contract's document")
    if fields.link_expires_at is not None:
        if fields.link_expires_at <= ctx.now:
            raise ValidationFailed.field("link_expires_at", "it lies in the future")
        if fields.link_expires_at > _in_months(ctx.now, _LONGEST_MONTHS):
            raise ValidationFailed.field("link_expires_at", "links hold for a year at the most")


def _in_months(now: datetime, months: int) -> datetime:
    return datetime.combine(add_months(now.date(), months), now.timetz())


# -- who gets it, and what


def contract_keys(ctx: Context, contract_id: str | None) -> list[ItemKey]:
    """What to read for a contract; NotFound for what is no contract's id."""
    return [] if contract_id is None else [repository.contract_key(ctx, contract_id)]


def known_contract(ctx: Context, items: Items, contract_id: str | None) -> Subject | None:
    """The contract that was asked for, whatever it is like. NotFound."""
    if contract_id is None:
        return None
    contract = repository.parse_contract(ctx, contract_id, items.get(repository.contract_key(ctx, contract_id)))
    if contract is None:
        raise NotFound(repository.CONTRACT)
    return contract


def require_deal(ctx: Context, items: Items, deal_id: str) -> None:
    """Raise NotFound, Forbidden where the caller may not write on the deal, or Conflict where it isn't worked on."""
    gate = deals.parse_gate(items.get(deals.gate_key(deal_id)))
    if gate is None:
        raise NotFound(deals.Deal.ID.name)
    require_own_deal(ctx, gate)
    deals.require_live(gate.status)


def contract_in(ctx: Context, items: Items, contract_id: str | None, deal_id: str) -> Subject | None:
    """The contract whose document is sent. NotFound; Conflict where it is of another deal, or its document isn't fixed."""
    contract = known_contract(ctx, items, contract_id)
    if contract is None:
        return None
    if contract.facts["deal_id"] != deal_id:
        raise Conflict("The contract is of another deal.", code="other_deal")
    status = contract.facts["status"]
    if status not in statuses.FIXED:
        raise Conflict(f"The contract is {status}: its document isn't fixed.", code="contract_not_fixed", contract_status=status)
    if repository.document_of(contract) is None:
        raise Conflict("The contract has no document.", code="document_missing")
    return contract


def known_professional(items: Items, professional_id: str) -> Professional:
    """The professional who was asked for, active or not. NotFound."""
    professional = scorecards.parse_professional(items.get(scorecards.key(professional_id)))
    if professional is None:
        raise NotFound(Professional.ID.name)
    return professional


def professional_in(items: Items, professional_id: str) -> Addressee:
    """The professional who gets it. NotFound; Conflict for one who isn't active, ValidationFailed for one without an address."""
    professional = known_professional(items, professional_id)
    if not professional.is_active:
        raise scorecards.inactive()
    if professional.email is None:
        raise ValidationFailed.field("professional_id", "this professional has no e-mail")
    return Addressee(professional_id, professional.name, professional.email)


# -- what is written


def new_route(ctx: Context, deal_id: str, fields: RouteFields, contract: Subject | None, addressee: Addressee) -> Route:
    """A new route, sent now."""
    link_expires_at = fields.link_expires_at or ctx.now + timedelta(days=LINK_DAYS)
    values: JsonObject = {
        **fields.model_dump(include={"document_type", "title", "contract_id", "document_sha256", "storage_url", "due_on"}),
        **repository.HISTORY.entry(ctx, statuses.SENT),
        **delivery.start(ctx, link_expires_at),
    }
    if contract is not None:
        values["document_sha256"] = repository.document_of(contract)
    return Route.new(
        ctx,
        Route.ID.new(ctx.now, deal_id),
        deal_id=deal_id,
        professional_id=addressee.professional_id,
        recipient={"name": addressee.name, "email": addressee.email},
        link_expires_at=link_expires_at,
        epoch=0,
        **values,
    )


def add_routes(
    ctx: Context,
    tx: Transaction,
    deal_id: str,
    routes: Sequence[Route],
    contract: Subject | None,
    *,
    on_unusable: type[VersionConflict] | None = None,
) -> None:
    """Add new routes of one deal with their mails. They count on the gates of the deal, which must be worked on, and of active professionals.

    Three actions a route, two a professional, and two. The transaction fails with VersionConflict where the contract or a professional's
    address has changed; where a professional isn't active, as `add_reference` says, or with `on_unusable`.
    """
    deals.add_reference(ctx, tx, deal_id, any_deal=ANY_DEAL, count=len(routes))
    repository.add_contract_check(ctx, tx, contract)
    emails = {route.professional_id: route.recipient["email"] for route in routes if route.professional_id is not None}
    counts = Counter(route.professional_id for route in routes)
    for professional_id, email in emails.items():
        scorecards.add_reference(tx, professional_id, counts[professional_id], on_conflict=on_unusable and on_unusable())
        scorecards.require_email(tx, professional_id, email)
    for route in routes:
        tx.create(route)
        delivery.add_mail(ctx, tx, route)
