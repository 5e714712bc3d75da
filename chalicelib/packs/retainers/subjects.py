"""Retainers as subjects that other packs refer to, and as what holds a professional."""

from typing import Any

from chalicelib.foundation.store.references import Holders
from chalicelib.foundation.subjects import SubjectAdapter
from chalicelib.packs.retainers.entities import Retainer


def _facts(retainer: Retainer) -> dict[str, Any]:
    return {
        "status": retainer.status,
        "professional_id": retainer.professional_id,
        "currency": retainer.currency,
        "value": retainer.monthly_fee,
        "renewal_date": retainer.renewal_date.isoformat(),
        "is_overrun": retainer.is_overrun,
    }


def holders_of_professional(id: str) -> Holders:
    """The retainers of a professional: all of them, since what was billed stays."""
    return Holders(Retainer.BY_PROFESSIONAL.range(professional_id=id))


RETAINER = SubjectAdapter(
    entity=Retainer,
    facts=_facts,
    hash_fields=("monthly_fee", "currency", "monthly_hours_included", "term_months"),
    requested_by=lambda retainer: retainer.professional_id,  # nobody decides on what they are paid
)
