"""What is held on a professional: themselves, and what they did."""

from chalicelib.foundation.held_data import HeldPart, HeldReader
from chalicelib.packs.scorecards.entities import Interaction, Professional


def held_scorecards(held: HeldReader) -> list[HeldPart]:
    """The professional, and the interactions, newest first."""
    return [held.root("professional", Professional), held.children("interactions", Interaction)]
