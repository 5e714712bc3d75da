"""Matching professionals with a piece of work: every candidate is scored, none is left out in silence."""

from datetime import timedelta
from typing import cast

from chalicelib.foundation.context import Context
from chalicelib.foundation.folding import fold_text
from chalicelib.foundation.json_codec import JsonObject
from chalicelib.foundation.schema_types import ExplainParams, check_money, to_storable
from chalicelib.packs.alignment import repository
from chalicelib.packs.alignment.entities import ProfessionalMatch, ProfessionalMatchContent
from chalicelib.packs.alignment.presenters import fit_row, match_view
from chalicelib.packs.alignment.rules import matching
from chalicelib.packs.alignment.schemas import ProfessionalMatchRequest, ProfessionalMatchView
from chalicelib.packs.alignment.service.candidates import Candidates

KEPT = timedelta(days=365)


def match_professionals(ctx: Context, body: ProfessionalMatchRequest, query: ExplainParams) -> ProfessionalMatchView:
    """Find the professionals who fit best. The match is kept a year, as it was found."""
    currency = body.currency or ctx.settings.default_currency
    check_money(currency, {"max_rate": body.max_rate})
    basis = repository.read_basis(ctx, body.profile_id, body.deal_id)
    need = matching.Need(
        starts_on=body.starts_on or ctx.today,
        specializations=frozenset(map(fold_text, body.specializations)),
        jurisdiction=None if body.jurisdiction is None else fold_text(body.jurisdiction),
        place=body.jurisdiction or "",
        max_rate=body.max_rate,
        currency=currency,
        hours=body.hours,
    )
    candidates = Candidates.read(ctx, body.role, basis)
    ranking = matching.rank(candidates, need, body.limit)
    asked = {**body.model_dump(exclude={"profile_id", "deal_id"}), "currency": currency, "starts_on": need.starts_on}
    match = ProfessionalMatch.new(
        ctx,
        request=cast(JsonObject, to_storable({name: value for name, value in asked.items() if value is not None})),
        profile_id=body.profile_id,
        profile_revision=basis.profile and basis.profile.revision,
        deal_id=basis.deal_id,
        rules_version=matching.VERSION,
        eligible=ranking.eligible,
        ruled_out=ranking.ruled_out,
        cut=ranking.is_cut or not candidates.are_all,
        ttl=int((ctx.now + KEPT).timestamp()),
    )
    found = {"items": ranking.items, "blocked": ranking.blocked}
    lists = {name: [fit_row(fit, candidates.basis_of(fit.candidate)) for fit in fits] for name, fits in found.items()}
    view = match_view(match, lists, explain=query.explain)
    repository.create_match(ctx, match, ProfessionalMatchContent.of(match, lists), view)
    return view


def get_match(ctx: Context, id: str, query: ExplainParams) -> ProfessionalMatchView:
    """A match as it was found, for a year."""
    match, lists = repository.find_match(ctx, id)
    return match_view(match, lists, explain=query.explain)
