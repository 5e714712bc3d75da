"""Everybody who may be matched, with what is known of them: read kind by kind, one partition each, never one by one."""

from datetime import date

from chalicelib.foundation.context import Context
from chalicelib.packs.alignment import repository
from chalicelib.packs.alignment.repository import Basis
from chalicelib.packs.alignment.rules.matching import Candidate
from chalicelib.packs.alignment.service.conflicts import adverse_deals
from chalicelib.packs.scorecards.public import ProfessionalCard


def read_candidates(ctx: Context, role: str | None, basis: Basis) -> tuple[list[Candidate], bool]:
    """The active professionals of a role, or of all, and whether all conflicts of theirs are known.

    Who has a card is a candidate. Of a number that isn't there, or not yet, since it is kept from the stream, nothing is known.
    """
    cards = repository.read_cards(ctx, role)
    denied = repository.read_denied(ctx)
    adverse, are_all = adverse_deals(ctx, basis.parties, basis.deal_id) if basis.deal_id else ({}, True)
    return [_candidate(card, denied, adverse) for card in cards], are_all


def _candidate(card: ProfessionalCard, denied: frozenset[str], adverse: dict[str, list[str]]) -> Candidate:
    id = card.professional_id
    conflicts = tuple(adverse.get(id, ()))
    rate = card.hourly_rate
    return Candidate(
        id,
        card.name,
        frozenset(card.specializations),
        {place: date.fromisoformat(last) for place, last in card.licenses.items()},
        rate,
        card.currency,
        is_denied=id in denied,
        conflicting_deals=conflicts,
        basis={"rate": {"hourly_rate": rate, "currency": card.currency}, "conflicting_deals": list(conflicts)},
    )
