"""Professionals as subjects that other packs refer to."""

from typing import Any

from chalicelib.foundation.subjects import SubjectAdapter
from chalicelib.packs.scorecards.entities import Professional
from chalicelib.packs.scorecards.rules.professionals import latest_licenses


def _professional(professional: Professional) -> dict[str, Any]:
    return {
        "name": professional.name,
        "role": professional.role,
        "organization": professional.organization,
        "is_active": professional.is_active,
        "licensed_until": latest_licenses(professional.licenses),
    }


PROFESSIONAL = SubjectAdapter(
    entity=Professional,
    facts=_professional,
    hash_fields=("organization", "role", "licenses", "hourly_rate", "currency"),
    requested_by=lambda professional: professional.id,  # nobody decides on themselves
)
