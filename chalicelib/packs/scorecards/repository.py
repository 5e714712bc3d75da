"""Reading and writing professionals: what needs more than a read or a write of the store's own."""

from chalicelib.foundation import idempotency
from chalicelib.foundation.context import Context
from chalicelib.foundation.folding import fold_text
from chalicelib.foundation.ids import ROOT_SORT_KEY
from chalicelib.foundation.store import references
from chalicelib.foundation.store.access_patterns import KeyRange
from chalicelib.foundation.store.keys import reference_counter
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.foundation.store.unique import UniqueValue, external_ref_taken
from chalicelib.packs.scorecards.entities import JURISDICTION, SPECIALIZATION, Professional, ProfessionalTag
from chalicelib.packs.scorecards.schemas import ProfessionalQuery

EXTERNAL_REF = UniqueValue.by_digest("professional-ref")
_TAKEN = external_ref_taken("professional")


def professional_ranges(query: ProfessionalQuery, own: str | None) -> list[KeyRange]:
    """Where the listed professionals are: one range, that of the filter which leaves the fewest. `own`: the only one who is listed."""
    if own is not None:
        return [KeyRange(None, own, low=ROOT_SORT_KEY, high=ROOT_SORT_KEY)] if own else []
    if query.specialization is not None:
        return [ProfessionalTag.BY_TAG.range(tag_kind=SPECIALIZATION, tag=fold_text(query.specialization))]
    if query.jurisdiction is not None:
        return [ProfessionalTag.BY_TAG.range(tag_kind=JURISDICTION, tag=fold_text(query.jurisdiction))]
    if query.organization is not None:
        return [Professional.BY_ORGANIZATION.range(folded_organization=fold_text(query.organization))]
    if query.active is False:
        return [Professional.INACTIVE.range()]
    return [Professional.ALL.range() if query.role is None else Professional.BY_ROLE.range(role=query.role)]


def create_professional(ctx: Context, professional: Professional, response: object) -> None:
    """Write a new professional with their counter, card and tags. One round trip."""
    tx = idempotency.idempotent_transaction(ctx, response)
    EXTERNAL_REF.change(ctx, tx, None, professional.external_ref, professional.id, _TAKEN)
    tx.create(professional)
    for row in (professional.counter, professional.card, *professional.tags.values()):
        tx.put(row)
    tx.commit()


def save_professional(ctx: Context, before: Professional, after: Professional) -> None:
    """Write a changed professional, with the rows that repeat what changes. One round trip.

    At most 87 actions: tags are numbered, so that the new ones are written over the old ones.
    """
    tx = Transaction(ctx.store)
    EXTERNAL_REF.change(ctx, tx, before.external_ref, after.external_ref, after.id, _TAKEN)
    if (after.is_active, after.role) != (before.is_active, before.role):
        tx.update(reference_counter(after.id), set={"active": after.is_active, "role": after.role}, when=references.IS_OPEN)
    if after.card.to_item() != before.card.to_item():
        if after.card.key != before.card.key:
            tx.delete(before.card.key)
        tx.put(after.card)
    old, new = before.tags, after.tags
    for key in old.keys() - new.keys():
        tx.delete(key)
    for key, row in new.items():
        if key not in old or row.to_item() != old[key].to_item():
            tx.put(row)
    if len(tx):
        tx.save(after)
        tx.commit()
    else:
        ctx.store.save(after)


def delete_professional(ctx: Context, professional: Professional) -> None:
    """Mark a professional deleted; Conflict while anything refers to them. One round trip."""
    tx = Transaction(ctx.store)
    references.close_if_unreferenced(ctx, tx, Professional, professional.id)
    EXTERNAL_REF.change(ctx, tx, professional.external_ref, None, professional.id, _TAKEN)
    for key in (professional.card.key, *professional.tags):
        tx.delete(key)
    tx.save(professional.soft_deleted(ctx))
    tx.commit()
