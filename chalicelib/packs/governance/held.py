"""What is held on a professional: what was decided about them, and asked."""

from chalicelib.foundation.held_data import HeldPart, HeldReader
from chalicelib.packs.governance.entities import ApprovalRequest, Decision


def held_governance(held: HeldReader) -> list[HeldPart]:
    """The decisions on them, and the requests for such, newest first."""
    return [held.children("decisions", Decision), held.children("approval_requests", ApprovalRequest)]
