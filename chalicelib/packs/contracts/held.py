"""What is held on a professional: the contracts that name them."""

from chalicelib.foundation.held_data import HeldPart, HeldReader
from chalicelib.packs.contracts.entities import Contract


def held_contracts(held: HeldReader) -> list[HeldPart]:
    """The contracts that name them, newest first, at most a hundred. One round trip."""
    return [held.listed("contracts", Contract, Contract.BY_PROFESSIONAL.range(professional_id=held.professional_id))]
