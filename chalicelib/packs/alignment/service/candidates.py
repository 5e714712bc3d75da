"""Everybody who may be matched, with what is known of them: read kind by kind, one partition each, never one by one."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from chalicelib.foundation.context import Context
from chalicelib.packs.alignment import repository
from chalicelib.packs.alignment.repository import Basis
from chalicelib.packs.alignment.rules.comparison import EQUAL_WEIGHTS, OLDER_IDEAL, align
from chalicelib.packs.alignment.rules.matching import Candidate, free_hours, printed_share, to_hours
from chalicelib.packs.alignment.service.conflicts import adverse_deals
from chalicelib.packs.retainers import public as retainers
from chalicelib.packs.scorecards import public as scorecards
from chalicelib.packs.scorecards.public import ProfessionalCard, Sums
from chalicelib.packs.signals.public import CurrentSignals
from chalicelib.packs.tasks import public as tasks


@dataclass(frozen=True)
class _Known:
    """What is known of the professionals, by professional, and what their signals are compared with."""

    basis: Basis
    sums: Mapping[str, Sums]
    signals: Mapping[str, CurrentSignals]
    denied: frozenset[str]
    adverse: Mapping[str, list[str]]

    def overall_alignment(self, professional_id: str) -> Decimal | None:
        """How the newest signals that count compare with the profile, else the older ideal; None where there are none."""
        current = self.signals.get(professional_id)
        if current is None:
            return None
        profile, signals = self.basis.profile, repository.signals_of(current)
        result = align(signals, profile.ideal, profile.exact_weights) if profile else align(signals, OLDER_IDEAL, EQUAL_WEIGHTS)
        return result.scores.overall


def read_candidates(ctx: Context, role: str | None, basis: Basis) -> tuple[list[Candidate], bool]:
    """The active professionals of a role, or of all, and whether all conflicts of theirs are known.

    Who has a card is a candidate. Of a number that isn't there, or not yet, since it is kept from the stream, nothing is known.
    """
    cards = repository.read_cards(ctx, role)
    adverse, are_all = adverse_deals(ctx, basis.parties, basis.deal_id) if basis.deal_id else ({}, True)
    sums = scorecards.read_sums(ctx, {card.professional_id: card.role for card in cards})
    known = _Known(basis, sums, repository.read_signals(ctx), repository.read_denied(ctx), adverse)
    return [_candidate(card, known) for card in cards], are_all


def _candidate(card: ProfessionalCard, known: _Known) -> Candidate:
    id = card.professional_id
    sums, current = known.sums[id], known.signals.get(id)
    adjusted, overall, conflicts = sums.adjusted, known.overall_alignment(id), tuple(known.adverse.get(id, ()))
    minutes, estimated = retainers.minutes_left(sums.own), tasks.hours_estimated(sums.own)
    return Candidate(
        id,
        card.name,
        frozenset(card.specializations),
        {place: date.fromisoformat(last) for place, last in card.licenses.items()},
        card.hourly_rate,
        card.currency,
        scorecard=adjusted,
        free_hours=None if minutes is None else free_hours(minutes, estimated),
        alignment=overall,
        is_denied=id in known.denied,
        conflicting_deals=conflicts,
        basis={
            "scorecard": {"adjusted_score": printed_share(adjusted), "interactions": sums.interactions},
            "capacity": {"hours_left": None if minutes is None else to_hours(minutes), "hours_estimated": estimated},
            "alignment": {"signal_id": current and current.signal_id, "overall_score": overall},
            "rate": {"hourly_rate": card.hourly_rate, "currency": card.currency},
            "conflicting_deals": list(conflicts),
        },
    )
