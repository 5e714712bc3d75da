"""Everybody who may be matched, with what is known of them: read kind by kind, one partition each, never one by one."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Self

from chalicelib.foundation.context import Context
from chalicelib.foundation.json_codec import JsonObject
from chalicelib.packs.alignment import repository
from chalicelib.packs.alignment.entities import AlignmentProfile
from chalicelib.packs.alignment.repository import Basis
from chalicelib.packs.alignment.rules.comparison import align
from chalicelib.packs.alignment.rules.matching import Candidate, free_hours, printed_share, to_hours
from chalicelib.packs.alignment.service.conflicts import adverse_deals
from chalicelib.packs.governance import public as governance
from chalicelib.packs.retainers import public as retainers
from chalicelib.packs.scorecards import public as scorecards
from chalicelib.packs.scorecards.public import ProfessionalCard, Sums
from chalicelib.packs.signals.public import CurrentSignals
from chalicelib.packs.tasks import public as tasks


@dataclass(frozen=True)
class Candidates:
    """All active professionals of a role, or of all, as they were read.

    Who has a card is a candidate. Of a number that isn't there, or not yet, since it is kept from the stream, nothing is known.
    `adverse` are the other deals with an adverse party, by professional; `are_all` says whether they are all.
    """

    profile: AlignmentProfile | None
    cards: Mapping[str, ProfessionalCard]
    sums: Mapping[str, Sums]
    signals: Mapping[str, CurrentSignals]
    denied: frozenset[str]
    adverse: Mapping[str, list[str]]
    are_all: bool

    @classmethod
    def read(cls, ctx: Context, role: str | None, basis: Basis) -> Self:
        """Read them: a query each of cards, numbers, signals and denials, and of a deal's parties."""
        cards = {card.professional_id: card for card in repository.read_cards(ctx, role)}
        adverse, are_all = adverse_deals(ctx, basis.parties, basis.deal_id) if basis.deal_id else ({}, True)
        sums = scorecards.read_sums(ctx, {id: card.role for id, card in cards.items()})
        return cls(basis.profile, cards, sums, repository.read_signals(ctx), governance.denied_professionals(ctx), adverse, are_all)

    def __iter__(self) -> Iterator[Candidate]:
        """Each of them as the rules take it."""
        for id, card in self.cards.items():
            yield Candidate(
                id,
                card.name,
                frozenset(card.specializations),
                card.licenses,
                card.hourly_rate,
                card.currency,
                scorecard=self.sums[id].adjusted,
                free_hours=self._free_hours(id),
                alignment=self._alignment(id),
                is_denied=id in self.denied,
                conflicting_deals=tuple(self.adverse.get(id, ())),
            )

    def _free_hours(self, id: str) -> Decimal | None:
        numbers = self.sums[id].own
        minutes = retainers.minutes_left(numbers)
        return None if minutes is None else free_hours(minutes, tasks.hours_estimated(numbers))

    def _alignment(self, id: str) -> Decimal | None:
        """How the newest signals that count compare with the profile, else the older ideal; None where there are none."""
        current = self.signals.get(id)
        if current is None:
            return None
        signals = repository.signals_of(current)
        result = align(signals, self.profile.ideal, self.profile.exact_weights) if self.profile else align(signals)
        return result.scores.overall

    def basis_of(self, candidate: Candidate) -> JsonObject:
        """What the numbers of a candidate come from."""
        sums, current = self.sums[candidate.id], self.signals.get(candidate.id)
        minutes = retainers.minutes_left(sums.own)
        return {
            "scorecard": {"adjusted_score": printed_share(candidate.scorecard), "interactions": sums.interactions},
            "capacity": {
                "hours_left": None if minutes is None else to_hours(minutes),
                "hours_estimated": tasks.hours_estimated(sums.own),
            },
            "alignment": {"signal_id": current and current.signal_id, "overall_score": candidate.alignment},
            "rate": {"hourly_rate": candidate.rate, "currency": candidate.currency},
            "conflicting_deals": list(candidate.conflicting_deals),
        }
