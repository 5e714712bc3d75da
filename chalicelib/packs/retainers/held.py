"""What is held on a professional: their retainers, with what was billed and the hours that were logged."""

from chalicelib.foundation.held_data import HeldPart, HeldReader
from chalicelib.packs.retainers.service.held_data import read_held


def held_retainers(held: HeldReader) -> list[HeldPart]:
    """The newest retainer with its periods and hours, the others as lists show them. Two round trips."""
    return [HeldPart("retainers", *read_held(held.ctx, held.professional_id))]
