"""What is held on a professional: the contracts that name them."""

from chalicelib.foundation.held_data import HeldPart, HeldReader, plain
from chalicelib.foundation.json_codec import JsonObject
from chalicelib.packs.contracts.entities import Contract


def held_contracts(held: HeldReader) -> list[HeldPart]:
    """The contracts that name them, newest first, at most a hundred. One round trip."""
    return [held.listed("contracts", Contract, Contract.BY_PROFESSIONAL.range(professional_id=held.professional_id), _without_parties)]


def _without_parties(contract: Contract) -> JsonObject:
    """A contract without its parties: what is held on those is theirs."""
    return {name: value for name, value in plain(contract).items() if name != "parties"}
