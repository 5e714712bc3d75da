"""Everybody who may be matched, with what is known of them: read kind by kind, one partition each, never one by one."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from chalicelib.foundation.context import Context
from chalicelib.packs.alignment import repository
from chalicelib.packs.alignment.repository import Basis
from chalicelib.packs.alignment.rules.comparison import EQUAL_WEIGHTS, OLDER_IDEAL, align
from chalicelib.packs.alignment.rules.matching import Candidate, free_hours, to_hours
from chalicelib.packs.alignment.service.conflicts import adverse_deals
from chalicelib.packs.retainers import public as retainers
from chalicelib.packs.scorecards.public import ProfessionalCard
from chalicelib.packs.signals.public import CurrentSignals
from chalicelib.packs.tasks import public as tasks


@dataclass(frozen=True)
class _Known:
    """What is known of the professionals, by professional, and what their signals are compared with."""

    basis: Basis
    signals: Mapping[str, CurrentSignals]
    minutes_left: Mapping[str, int]
    hours_estimated: Mapping[str, Decimal]
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

    def free_hours(self, professional_id: str) -> Decimal | None:
        """The hours that are left of active retainers and that no unfinished task takes; None without an active retainer."""
        minutes = self.minutes_left.get(professional_id)
        return None if minutes is None else free_hours(minutes, self.hours_estimated.get(professional_id, Decimal(0)))


def read_candidates(ctx: Context, role: str | None, basis: Basis) -> tuple[list[Candidate], bool]:
    """The active professionals of a role, or of all, and whether all conflicts of theirs are known.

    Who has a card is a candidate. Of a number that isn't there, or not yet, since it is kept from the stream, nothing is known.
    """
    cards = repository.read_cards(ctx, role)
    adverse, are_all = adverse_deals(ctx, basis.parties, basis.deal_id) if basis.deal_id else ({}, True)
    known = _Known(
        basis,
        signals=repository.read_signals(ctx),
        minutes_left=retainers.read_capacity(ctx),
        hours_estimated=tasks.read_estimates(ctx),
        denied=repository.read_denied(ctx),
        adverse=adverse,
    )
    return [_candidate(card, known) for card in cards], are_all


def _candidate(card: ProfessionalCard, known: _Known) -> Candidate:
    id = card.professional_id
    conflicts, overall = tuple(known.adverse.get(id, ())), known.overall_alignment(id)
    signal_id = known.signals[id].signal_id if id in known.signals else None
    minutes = known.minutes_left.get(id)
    return Candidate(
        id,
        card.name,
        frozenset(card.specializations),
        {place: date.fromisoformat(last) for place, last in card.licenses.items()},
        card.hourly_rate,
        card.currency,
        free_hours=known.free_hours(id),
        alignment=overall,
        is_denied=id in known.denied,
        conflicting_deals=conflicts,
        basis={
            "capacity": {"hours_left": None if minutes is None else to_hours(minutes), "hours_estimated": known.hours_estimated.get(id, 0)},
            "alignment": {"signal_id": signal_id, "overall_score": overall},
            "rate": {"hourly_rate": card.hourly_rate, "currency": card.currency},
            "conflicting_deals": list(conflicts),
        },
    )
