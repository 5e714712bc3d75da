"""Creating, reading, listing, changing and deleting professionals."""

from collections.abc import Callable
from typing import Any

from chalicelib.foundation.context import Context
from chalicelib.foundation.folding import fold_text
from chalicelib.foundation.schema_types import PageOf, check_money, to_storable
from chalicelib.foundation.store.retry import retry_on_conflict
from chalicelib.packs.scorecards import repository, schemas
from chalicelib.packs.scorecards.entities import Professional
from chalicelib.packs.scorecards.permissions import own_professional, require_visible
from chalicelib.packs.scorecards.presenters import professional_summary, professional_view

_LISTS: dict[str, list[object]] = {"public_urls": [], "jurisdictions": [], "specializations": [], "licenses": []}


def create_professional(ctx: Context, body: schemas.ProfessionalCreate) -> schemas.ProfessionalView:
    """Add a professional. An `external_ref` that another one has is refused."""
    sent = {name: value for name, value in body.model_dump().items() if value is not None}
    licenses = to_storable(sent.pop("licenses", []))
    values = {**_LISTS, "currency": ctx.settings.default_currency, **sent, "licenses": licenses}
    professional = Professional.new(ctx, **values)
    _check_rate(professional)
    view = professional_view(ctx, professional)
    repository.create_professional(ctx, professional, view)
    return view


def get_professional(ctx: Context, id: str) -> schemas.ProfessionalView:
    """One professional. A professional sees only themselves."""
    require_visible(ctx, id)
    return professional_view(ctx, ctx.store.require(Professional, id))


def list_professionals(ctx: Context, query: schemas.ProfessionalQuery) -> PageOf[schemas.ProfessionalSummary]:
    """Professionals, newest first. A professional sees only themselves."""
    ranges = repository.professional_ranges(query, own_professional(ctx))
    return ctx.paginate(ranges, query, professional_summary, predicate=_predicate(query))


def _predicate(query: schemas.ProfessionalQuery) -> Callable[[dict[str, Any]], bool]:
    """All filters: the range decides only one of them."""
    wanted = {name: fold_text(text) for name in ("organization", "jurisdiction", "specialization") if (text := getattr(query, name))}

    def matches(row: dict[str, Any]) -> bool:
        if query.role not in (None, row["role"]) or query.active not in (None, row["is_active"]):
            return False
        organization = row.get("organization")
        named = {
            "organization": [organization] if organization else [],
            "jurisdiction": row["jurisdictions"],
            "specialization": row["specializations"],
        }
        return all(text in map(fold_text, named[name]) for name, text in wanted.items())

    return matches


@retry_on_conflict
def edit_professional(ctx: Context, id: str, body: schemas.ProfessionalPatch) -> schemas.ProfessionalView:
    """Change a professional. Omitted fields stay as they are, null clears, lists are replaced.

    One who is made inactive is refused where something new would name them; what names them already stays.
    """
    require_visible(ctx, id)
    before = ctx.store.require(Professional, id)
    ctx.check_if_match(before.revision)
    changed = body.changes_to(before.attribute_values)
    after = before.with_changes(ctx, **changed) if changed else before
    _check_rate(after)
    if changed:
        repository.save_professional(ctx, before, after)
    return professional_view(ctx, after)


def _check_rate(professional: Professional) -> None:
    check_money(professional.currency, {"hourly_rate": professional.hourly_rate})


@retry_on_conflict
def delete_professional(ctx: Context, id: str) -> None:
    """Delete a professional, unless something refers to them: users, deals, retainers, tasks, packets."""
    require_visible(ctx, id)
    professional = ctx.store.require(Professional, id)
    ctx.check_if_match(professional.revision)
    repository.delete_professional(ctx, professional)
