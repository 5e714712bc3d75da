"""Items, the state of finalization, and certificates as answers."""

from collections.abc import Mapping
from datetime import datetime
from typing import cast

from chalicelib.foundation.dates import format_timestamp
from chalicelib.foundation.json_codec import JsonObject
from chalicelib.foundation.presentation import present
from chalicelib.packs.deals import public as deals
from chalicelib.packs.finalization.entities import Certificate, CertificateContent, Item
from chalicelib.packs.finalization.rules.checklist import Block, checklist
from chalicelib.packs.finalization.rules.items import Surroundings, due_on, standing
from chalicelib.packs.finalization.schemas import (
    CONTRACT_PRICE,
    GIVEN,
    EffectiveValue,
    FinalizationCertificateView,
    FinalizationChecklist,
    FinalizationPolicy,
    FinalizationStatusView,
    ItemEvidenceView,
    ItemView,
)


def item_view(item: Item, around: Surroundings) -> ItemView:
    """An item as it is now."""
    now, day = standing(item, around), due_on(item, around)
    due = item.due and {"anchor": item.due["anchor"], "offset_days": int(item.due["offset_days"])}
    return present(
        ItemView, item, status=now.status, why=now.why, due=due, due_on=day and day.isoformat(), evidence=_evidence(item.evidence)
    )


def _evidence(evidence: JsonObject | None) -> ItemEvidenceView | None:
    if evidence is None:
        return None
    return {"contract_id": evidence.get("contract_id"), "route_id": evidence.get("route_id"), "sha256": evidence.get("sha256")}


def status_view(deal: deals.Deal, blocking: Mapping[str, list[Block]], value: deals.Value, now: datetime) -> FinalizationStatusView:
    """Whether a deal is ready to be finalized. One that is cancelled never is."""
    return {
        "deal_id": deal.id,
        "status": deal.status,
        "ready": not blocking and deal.status in deals.LIVE,
        "finalized": False,
        "checklist": cast(FinalizationChecklist, checklist(blocking)),
        "blocking": {key: list(blocks) for key, blocks in blocking.items()},
        "effective_value": effective_value(value, deal.currency),
        "certificate": None,
        "as_of": format_timestamp(now),
    }


def finalized_view(certificate: Certificate, content: CertificateContent) -> FinalizationStatusView:
    """The state of a finalized deal: that which its certificate certifies."""
    certified = content.as_object
    return {
        "deal_id": certificate.deal_id,
        "status": deals.FINALIZED,
        "ready": True,
        "finalized": True,
        "checklist": certified["checklist"],
        "blocking": {},
        "effective_value": certified["effective_value"],
        "certificate": {"number": certificate.number, "content_hash": certificate.content_hash},
        "as_of": certified["finalized_at"],
    }


def effective_value(value: deals.Value, currency: str) -> EffectiveValue | None:
    """What policies go by; None where it is unknown."""
    if value.amount is None:
        return None
    basis = CONTRACT_PRICE if value.basis == deals.CONTRACT_PRICE else GIVEN
    return {"amount": value.amount, "currency": currency, "basis": basis}


def policy_view(policy: JsonObject) -> FinalizationPolicy:
    """A policy, as it is kept or in force."""
    return {
        "kind": policy.get("kind"),
        "above": policy.get("above"),
        "currency": policy.get("currency"),
        "roles": list(policy["roles"]),
        "people": int(policy["people"]),
    }


def certificate_view(certificate: Certificate, content: CertificateContent) -> FinalizationCertificateView:
    """A certificate: what it certifies, its digest, and whether the deal was reopened since."""
    whole = {**content.as_object, "content_hash": certificate.content_hash, "superseded": certificate.superseded}
    return cast(FinalizationCertificateView, whole)
