"""What is held on a professional: the deals that they are in."""

from chalicelib.foundation.held_data import HeldPart, HeldReader
from chalicelib.packs.deals.entities import ProfessionalDeal


def held_deals(held: HeldReader) -> list[HeldPart]:
    """The ids of the deals, newest first."""
    return [held.rows("deals", ProfessionalDeal.range(held.professional_id), lambda item: {"deal_id": item["id"]["S"]})]
