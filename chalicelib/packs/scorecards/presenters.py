"""Professionals as responses."""

from typing import Any

from chalicelib.foundation import access
from chalicelib.foundation.context import Context
from chalicelib.foundation.presentation import present, present_row
from chalicelib.packs.scorecards.entities import Professional
from chalicelib.packs.scorecards.permissions import CONTACTS
from chalicelib.packs.scorecards.schemas import ProfessionalSummary, ProfessionalView


def professional_view(ctx: Context, professional: Professional) -> ProfessionalView:
    """A professional; contacts are masked for callers without the permission."""
    contacts = {"email": professional.email, "phone": professional.phone}
    return present(
        ProfessionalView,
        professional,
        licenses=[access.mask_unless(ctx, CONTACTS, license, ("number",)) for license in professional.licenses],
        **(access.mask_unless(ctx, CONTACTS, contacts, contacts) or {}),
    )


def professional_summary(row: dict[str, Any]) -> ProfessionalSummary:
    """A professional of a list."""
    return present_row(ProfessionalSummary, row)
