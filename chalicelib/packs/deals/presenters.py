"""Deals as answers."""

from chalicelib.foundation.presentation import present
from chalicelib.packs.deals.entities import Deal
from chalicelib.packs.deals.schemas import DealPartyView, DealView


def deal_view(deal: Deal) -> DealView:
    """A deal."""
    parties: list[DealPartyView] = [
        {"name": party["name"], "organization": party.get("organization"), "role": party.get("role"), "side": party["side"]}
        for party in deal.parties
    ]
    return present(DealView, deal, parties=parties)
