"""Templates of contracts, and contracts that are made from them: drafts whose document is the filled text as a PDF."""

import hashlib

from chalicelib.foundation import files
from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import ValidationFailed
from chalicelib.foundation.idempotency import find_or_replay, idempotent_transaction
from chalicelib.foundation.presentation import present_row
from chalicelib.foundation.printing.document import Document, Pairs, Prose, Section
from chalicelib.foundation.schema_types import ExplainParams, PageOf, PageParams
from chalicelib.foundation.store.retry import retry_on_conflict
from chalicelib.packs.contracts.entities import Contract, ContractTemplate
from chalicelib.packs.contracts.presenters import template_view
from chalicelib.packs.contracts.rules import placeholders
from chalicelib.packs.contracts.schemas import (
    PDF,
    ContractFromTemplateCreate,
    ContractTemplateCreate,
    ContractTemplatePatch,
    ContractTemplateSummary,
    ContractTemplateView,
    ContractView,
)
from chalicelib.packs.contracts.service import contracts, documents
from chalicelib.packs.contracts.service.wording import KINDS
from chalicelib.packs.deals import public as deals

_MAX_TITLE = 200

# -- templates


def create_template(ctx: Context, body: ContractTemplateCreate) -> ContractTemplateView:
    """Create a template. `{{name}}` in its title and its body stands for a value."""
    template = ContractTemplate.new(ctx, kind_of_contract=body.kind, **body.model_dump(exclude={"kind"}))
    view = template_view(template)
    tx = idempotent_transaction(ctx, view)
    tx.create(template)
    tx.commit()
    return view


def list_templates(ctx: Context, query: PageParams) -> PageOf[ContractTemplateSummary]:
    """The templates, newest first."""
    return ctx.paginate(ContractTemplate.ALL.range(), query, lambda row: present_row(ContractTemplateSummary, row))


def get_template(ctx: Context, id: str) -> ContractTemplateView:
    """A template."""
    return template_view(ctx.store.require(ContractTemplate, id))


@retry_on_conflict
def edit_template(ctx: Context, id: str, body: ContractTemplatePatch) -> ContractTemplateView:
    """Change a template. Contracts that were made from it stay as they are."""
    before = ctx.store.require(ContractTemplate, id)
    ctx.check_if_match(before.revision)
    values = body.changes_to(before.attribute_values, exclude=("kind",))
    if "kind" in body.model_fields_set and body.kind != before.kind:
        values["kind_of_contract"] = body.kind
    if not values:
        return template_view(before)
    after = before.with_changes(ctx, **values)
    ctx.store.save(after)
    return template_view(after)


@retry_on_conflict
def delete_template(ctx: Context, id: str) -> None:
    """Delete a template. Contracts that were made from it stay."""
    before = ctx.store.require(ContractTemplate, id)
    ctx.check_if_match(before.revision)
    ctx.store.save(before.soft_deleted(ctx))


# -- contracts from them


def create_contract_from_template(ctx: Context, body: ContractFromTemplateCreate, query: ExplainParams) -> ContractView:
    """Draft a contract whose document is a template with these values, one for each placeholder."""
    deal_id = deals.resolve_id(ctx, body.deal_id)
    template = find_or_replay(ctx, ContractTemplate, body.template_id)
    title, text = _filled(template, body)
    id = Contract.ID.new(ctx.now, deal_id)
    kind = body.kind or template.kind
    draft = contracts.new_draft(ctx, id, deal_id, body, kind=kind, title=title)  # whatever is wrong is found before anything is stored
    document = _stored(ctx, id, _printed(ctx, kind, title, text), f"{_filename(title)}.pdf")
    return contracts.add_draft(ctx, draft.with_values(document=document), body.currency, explained=query.explain)


def _filled(template: ContractTemplate, body: ContractFromTemplateCreate) -> tuple[str, str]:
    """The title and the text with the values. ValidationFailed naming each value that is missing, or that no placeholder takes."""
    names = template.placeholders if body.title is None else placeholders.placeholders(template.body)
    known = template.placeholders
    wrong = [(name, "the template needs it") for name in placeholders.missing(names, body.values)]
    wrong += [(name, "the template has no such placeholder") for name in placeholders.unknown(known, body.values)]
    if wrong:
        raise ValidationFailed([{"loc": ["values", name], "message": message, "type": "value_error"} for name, message in wrong])
    title = body.title or " ".join(placeholders.fill(template.title, body.values).split())
    if not 1 <= len(title) <= _MAX_TITLE:
        raise ValidationFailed.field("title", f"filled it has {len(title)} characters; at most {_MAX_TITLE} are taken")
    return title, placeholders.fill(template.body, body.values)


def _printed(ctx: Context, kind: str, title: str, text: str) -> bytes:
    """The text as a PDF: the same text of the same instant is the same file."""
    from chalicelib.foundation.printing import pdf

    if lacking := pdf.unprintable(f"{title}{text}"):
        raise ValidationFailed.field("values", f"the document has no signs for {' '.join(lacking[:20])}")
    document = Document(
        kicker=KINDS[kind],
        title=title,
        badges=[],
        head=Pairs([]),
        sections=[Section("", [Prose(text.strip())])],
        small_print=[],
        running=title,
    )
    return pdf.as_pdf(document, ctx.now)


def _stored(ctx: Context, contract_id: str, content: bytes, filename: str) -> dict[str, object]:
    """Store the file, before the row that names it: one that no row names harms nothing."""
    sha256 = hashlib.sha256(content).hexdigest()
    stored = files.put(ctx, documents.key_of(contract_id, sha256), content, content_type=PDF)
    return {
        "filename": filename,
        "content_type": PDF,
        "size": len(content),
        "sha256": sha256,
        "key": stored.key,
        "version_id": stored.version_id,
    }


def _filename(title: str) -> str:
    return "".join(character if character.isalnum() or character in " -_.," else " " for character in title).strip()[:100] or "contract"
