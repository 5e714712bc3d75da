"""What is held on a professional: their alignments."""

from chalicelib.foundation.context import Context
from chalicelib.foundation.held_data import HeldPart, held_children
from chalicelib.packs.alignment.entities import Alignment


def held_alignments(ctx: Context, professional_id: str) -> HeldPart:
    """The alignments, newest first. One round trip."""
    return held_children(ctx, "alignments", Alignment, professional_id)
