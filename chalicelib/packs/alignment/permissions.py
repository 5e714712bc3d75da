"""What a professional sees of the pack: its own alignments, and nothing else."""

from chalicelib.foundation import access
from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import Forbidden

ROW = "alignment"


def require_all(ctx: Context) -> None:
    """Raise Forbidden for a caller whose reading is limited to a professional's own alignments."""
    if access.own_professional(ctx, ROW) is not None:
        raise Forbidden("Professionals read their own alignments, and nothing else here.")
