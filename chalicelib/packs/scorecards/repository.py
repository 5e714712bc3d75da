"""Reading and writing professionals, interactions and scores: what needs more than a read or a write of the store's own."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from chalicelib.foundation import idempotency
from chalicelib.foundation.context import Context
from chalicelib.foundation.counts import Counts
from chalicelib.foundation.errors import NotFound, VersionConflict
from chalicelib.foundation.events import Notification, add_notifications
from chalicelib.foundation.folding import fold_text
from chalicelib.foundation.ids import ROOT_SORT_KEY, ItemKey, keyed_ulid
from chalicelib.foundation.projections import live_aggregates, read_aggregates, read_with_aggregates
from chalicelib.foundation.store import references
from chalicelib.foundation.store.access_patterns import KeyRange
from chalicelib.foundation.store.codec import DynamoItem
from chalicelib.foundation.store.expressions import ROW_EXISTS, all_of, attribute
from chalicelib.foundation.store.keys import reference_counter
from chalicelib.foundation.store.store import parse_live
from chalicelib.foundation.store.transactions import Transaction
from chalicelib.foundation.store.unique import UniqueValue, external_ref_taken
from chalicelib.packs.scorecards.entities import (
    FIRM_ROW,
    JURISDICTION,
    ROLE_ROWS,
    SCORES,
    SPECIALIZATION,
    WEIGHTED_ROW,
    Interaction,
    Professional,
    ProfessionalCard,
    ProfessionalCounter,
    ProfessionalTag,
    month_of,
    role_row,
    score_row,
)
from chalicelib.packs.scorecards.rules.scorecard import Sums
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
    remember_role(ctx, professional.id, professional.role)


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


_MAX_DEPENDENTS = 10  # rows elsewhere that end with a professional: one a pack


def delete_professional(ctx: Context, professional: Professional) -> None:
    """Mark a professional deleted; Conflict while anything refers to them. One round trip."""
    tx = Transaction(ctx.store)
    references.close_if_unreferenced(ctx, tx, Professional, professional.id)
    EXTERNAL_REF.change(ctx, tx, professional.external_ref, None, professional.id, _TAKEN)
    for key in (professional.card.key, *professional.tags):
        tx.delete(key)
    references.cancel_dependents(ctx, tx, Professional.KIND, professional.id, _MAX_DEPENDENTS)
    tx.save(professional.soft_deleted(ctx))
    tx.commit()
    remember_role(ctx, professional.id, None)


# -- writing interactions


def remember_role(ctx: Context, professional_id: str, role: str | None) -> None:
    """Keep a professional's role for the next interaction that is logged in this process; None forgets it."""
    ctx.cache.remember((Professional.KIND, professional_id), role)


def role_of(ctx: Context, professional_id: str) -> str:
    """A professional's role, as this process last knew it; else a round trip. Raises NotFound, or IdempotentReplay for a repeated request."""
    role: str | None = ctx.cache.guess((Professional.KIND, professional_id), None)
    if role is None:
        key = references.counter_key(Professional.ID, professional_id)
        role = ProfessionalCounter.require(idempotency.read_or_replay(ctx, [key]).get(key)).role
        remember_role(ctx, professional_id, role)
    return role


def require_active_in_role(ctx: Context, tx: Transaction, professional_id: str, role: str) -> None:
    """Let the transaction stand only while the professional is active and has this role: NotFound, Conflict, or VersionConflict."""

    def problem(row: DynamoItem) -> Exception:
        counter = ProfessionalCounter.require(row)
        counter.require_active()
        remember_role(ctx, professional_id, counter.role)
        return VersionConflict()

    when = all_of(references.IS_OPEN, attribute("active") == True, attribute("role") == role)  # noqa: E712 - a condition of the table
    tx.condition_check(reference_counter(professional_id), when, problem)


def keyed_interaction_id(professional_id: str, key: str, at: datetime) -> str:
    """The id of the one interaction of an occasion, e.g. of a task's end."""
    return Interaction.ID.derived(professional_id, keyed_ulid(at, key))


def find_interaction(ctx: Context, professional_id: str, id: str) -> Interaction:
    """An interaction of a professional, who is still there; NotFound, or IdempotentReplay for a repeated request. One round trip."""
    root, key = Professional.ID.key(professional_id), Interaction.ID.key(id)
    items = idempotency.read_or_replay(ctx, [root, key])
    interaction = parse_live(Interaction, items.get(key))
    if interaction is None or interaction.professional_id != professional_id or parse_live(Professional, items.get(root)) is None:
        raise NotFound(Interaction.ID.name)
    return interaction


def save_dispute(ctx: Context, after: Interaction, response: object, *events: Notification) -> None:
    """Write an interaction whose dispute has changed. One round trip."""
    tx = idempotency.idempotent_transaction(ctx, response)
    tx.save(after)
    add_notifications(ctx, tx, events)
    tx.commit()


def add_reversal(ctx: Context, tx: Transaction, interaction_id: str) -> None:
    """Reverse an interaction without reading it. The transaction fails with VersionConflict where it has been reversed, or isn't there."""
    changes = {
        "reversed_at": ctx.now,
        "updated_at": ctx.now,
        "updated_by": ctx.actor.id,
        "request_id": ctx.request_id,
        "correlation_id": ctx.correlation_id,
    }
    when = all_of(ROW_EXISTS, attribute("reversed_at").does_not_exist())
    tx.update(Interaction.ID.key(interaction_id), set=changes, add={"revision": 1}, when=when)


# -- reading scores


def find_sums(ctx: Context, professional_id: str, also: Iterable[ItemKey] = ()) -> tuple[Professional, Sums, dict[ItemKey, DynamoItem]]:
    """A professional (NotFound), all that the scorecard is computed from, and the items of other keys that are read with them.

    One round trip: a batch of fifteen rows, and the others.
    """
    key = Professional.ID.key(professional_id)
    weighted_row, own_row = (professional_id, WEIGHTED_ROW), score_row(professional_id)
    items, numbers = read_with_aggregates(ctx, [key, *also], [own_row, weighted_row, *ROLE_ROWS.values(), FIRM_ROW])
    professional = parse_live(Professional, items.get(key))
    if professional is None:
        raise NotFound(Professional.ID.name)
    roles = {role: numbers[row] for role, row in ROLE_ROWS.items()}
    sums = Sums(professional_id, professional.role, numbers[own_row], numbers[weighted_row], roles, numbers[FIRM_ROW])
    return professional, sums, items


def find_months(ctx: Context, professional_id: str) -> list[tuple[str, Counts]]:
    """The sums of each month that has interactions which count, newest first; NotFound. One round trip, tags and months being few."""
    _, rows = ctx.store.require_with_rows(Professional, professional_id, low=WEIGHTED_ROW)
    months = ((month_of(sort_key), counts) for sort_key, counts in live_aggregates(ctx.store, rows).items())
    return sorted(((month, counts) for month, counts in months if month and counts.get("interactions")), reverse=True)


def read_cards(ctx: Context, role: str | None) -> list[ProfessionalCard]:
    """The cards of all professionals, or of a role. One round trip for each MB."""
    return list(map(ProfessionalCard.from_item, ctx.store.query_all(ProfessionalCard.range(role))))


def read_all_sums(ctx: Context, roles: Mapping[str, str]) -> dict[str, Sums]:
    """What the adjusted scores of these professionals (id → role) are computed from. One round trip for each MB, and one during a rebuild."""
    rows = read_aggregates(ctx.store, SCORES)
    by_role = {role: rows.get(role_row(role)[1], {}) for role in ROLE_ROWS}
    firm = rows.get(FIRM_ROW[1], {})
    return {id: Sums(id, role, rows.get(score_row(id)[1], {}), {}, by_role, firm) for id, role in roles.items()}
