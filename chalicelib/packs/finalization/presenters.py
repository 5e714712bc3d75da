"""Items and certificates as answers."""

from typing import cast

from chalicelib.foundation.json_codec import JsonObject
from chalicelib.foundation.presentation import present
from chalicelib.packs.finalization.entities import Certificate, CertificateContent, Item
from chalicelib.packs.finalization.rules.items import Surroundings, due_on, standing
from chalicelib.packs.finalization.schemas import CertificateView, ItemEvidenceView, ItemView


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


def certificate_view(certificate: Certificate, content: CertificateContent) -> CertificateView:
    """A certificate: what it certifies, its digest, and whether the deal was reopened since."""
    whole = {**content.as_object, "content_hash": certificate.content_hash, "superseded": certificate.superseded}
    return cast(CertificateView, whole)
