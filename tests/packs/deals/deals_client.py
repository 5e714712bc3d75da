"""What tests of deals share: somebody who opens deals and pipelines, and reads what the table holds of them."""

from typing import Any

from chalicelib.packs.deals import public
from chalicelib.packs.deals.public import DealGate
from tests.packs.dispositions.dispositions_client import DispositionsClient


class DealsClient(DispositionsClient):
    """Somebody at work, by the API alone. What is refused fails the test; `expect_error` expects it."""

    def deal(self, **body: Any) -> str:
        return str(self.ok("POST", "/deals", {"title": "1201 Pine St", **body})["id"])

    def professional(self, name: str = "Lee Lawyer", **body: Any) -> str:
        return str(self.ok("POST", "/pros/scorecard/professionals", {"name": name, "role": "lawyer", **body})["id"])

    def change(self, id: str, **body: Any) -> Any:
        return self.ok("PATCH", f"/deals/{id}", body)

    def cancel(self, id: str, reason: str = "title", **body: Any) -> Any:
        return self.ok("PATCH", f"/deals/{id}/status", {"status": "cancelled", "reason": reason, **body})

    def listed(self, **query: str) -> list[str]:
        return [row["id"] for row in self.ok("GET", "/deals", query=query)["items"]]


def gate_of(runtime: Any, deal_id: str) -> DealGate:
    """The gate of a deal as it lies in the table."""
    return DealGate.from_item(runtime.store().get_item(public.gate_key(deal_id)))
