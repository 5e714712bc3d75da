"""What is held on a professional: their alignments."""

from chalicelib.foundation.held_data import HeldPart, HeldReader
from chalicelib.packs.alignment.entities import Alignment


def held_alignments(held: HeldReader) -> list[HeldPart]:
    """The alignments, newest first."""
    return [held.children("alignments", Alignment)]
