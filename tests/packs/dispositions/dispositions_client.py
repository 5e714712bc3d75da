"""What tests of dispositions share: a dispositions that opens pipelines, knows buyers and moves assignments, and the stream's work."""

from typing import Any

from chalicelib.foundation.projections import ContributionRegistry, EntityVersion, ProjectionBatch, ProjectionEngine
from chalicelib.packs import PACKS
from chalicelib.packs.dispositions.entities import OfferRoster
from tests.api_user import ApiUser, all_rows

HOUSE = {
    "type": "single_family",
    "bedrooms": 3,
    "bathrooms": 2,
    "sqft": 1800,
    "year_built": 1965,
    "address": {"line1": "1201 Pine Street", "city": "Seattle", "region": "WA", "postal_code": "98103"},
}
NUMBERS = {"arv_estimate": 250000, "repair_estimate": 35000, "assignment_fee_target": 15000}


class DispositionsClient(ApiUser):
    """Somebody at work, by the API alone. What is refused fails the test; `refused` expects it."""

    def pipeline(self, **body: Any) -> str:
        given = {"stage": "under_contract", "offer_price": 110000, "contract_price": 118000, "property": HOUSE, **NUMBERS, **body}
        return str(self.ok("POST", "/wholesale", {name: value for name, value in given.items() if value is not None})["id"])

    def buyer(self, name: str = "Ann Adams", **body: Any) -> str:
        return str(self.ok("POST", "/dispo/buyers", {"name": name, **body})["id"])

    def offer(self, pipeline: str, buyer: str | None = None, **body: Any) -> str:
        given = {"pipeline_id": pipeline, "buyer_id": buyer or self.buyer(), "assignment_price": 131000, **body}
        return str(self.ok("POST", "/dispo/assignments", {name: value for name, value in given.items() if value is not None})["id"])

    def assign(self, id: str, **body: Any) -> Any:
        return self.ok("POST", f"/dispo/assignments/{id}/assign", body)

    def close(self, id: str, **body: Any) -> Any:
        return self.ok("POST", f"/dispo/assignments/{id}/close", body)

    def fall_out(self, id: str, reason: str = "title", outcome: str | None = "none", **body: Any) -> Any:
        given = {"reason": reason, **body} | ({"earnest_money_outcome": outcome} if outcome else {})
        return self.ok("POST", f"/dispo/assignments/{id}/fallout", given)

    def patch(self, id: str, **body: Any) -> Any:
        return self.ok("PATCH", f"/dispo/assignments/{id}", body)

    def money(self, id: str, *statuses: str) -> Any:
        answer = None
        for status in statuses:
            answer = self.patch(id, earnest_money={"status": status})
        return answer

    def read(self, id: str) -> Any:
        kind = {"asgn": "/dispo/assignments", "buyer": "/dispo/buyers", "pipe": "/wholesale"}[id.partition("_")[0]]
        return self.ok("GET", f"{kind}/{id}")

    def stage(self, pipeline: str, stage: str, **body: Any) -> Any:
        return self.ok("POST", f"/wholesale/{pipeline}/stage", {"stage": stage, **body})


def roster_of(runtime: Any, pipeline: str) -> OfferRoster:
    """The pipeline's offer roster as it lies in the table; an empty one where there is none."""
    key = OfferRoster.key_of(pipeline)
    item = runtime.store().get_item(key)
    return OfferRoster.from_item(item) if item else OfferRoster.at(key, revision=0, live={}, disputed=[])


def apply_projections(runtime: Any) -> None:
    """Bring the aggregates up to the table, as the stream does."""
    contributions = ContributionRegistry(PACKS)
    engine = ProjectionEngine(runtime.store(), contributions, runtime.clock())
    states = [
        EntityVersion.from_image(raw, raw["id"]["S"], raw["kind"]["S"], int(raw["revision"]["N"]))
        for raw in all_rows(runtime)
        if raw.get("t", {}).get("S") == "e" and raw["kind"]["S"] in contributions.kinds
    ]
    engine.apply(ProjectionBatch({state.id: state for state in states}))
