"""All that is held on a professional, as a file."""

from chalicelib.foundation import held_data
from chalicelib.foundation.context import Context
from chalicelib.foundation.dates import format_timestamp
from chalicelib.packs.scorecards.public import Professional
from chalicelib.packs.signals.permissions import require_own_professional
from chalicelib.packs.signals.schemas import HeldDataView


def collect_held_data(ctx: Context, id: str) -> HeldDataView:
    """Every pack's part of what is held on a professional, at most 5 MB together, newest first."""
    require_own_professional(ctx, id)
    parts = held_data.collect(ctx, Professional, id)
    return {
        "professional_id": id,
        "as_of": format_timestamp(ctx.now),
        "parts": {part.name: part.rows for part in parts},
        "cut": [part.name for part in parts if part.cut],
    }
