"""What tests of contracts share: somebody who opens deals, drafts contracts and moves them, by the API alone."""

from typing import Any

from chalicelib.packs.contracts.entities import Contract
from tests.api_user import ApiUser

C = "/contracts/lifecycle"
ANN = {"name": "Ann Seller", "email": "ann@example.com", "role": "seller", "side": "opposing"}
BOB = {"name": "Bob Buyer", "email": "bob@example.com", "role": "buyer", "side": "ours"}


class ContractsClient(ApiUser):
    """Somebody at work. What is refused fails the test; `expect_error` expects it."""

    def professional(self, name: str = "Grace Hopper", **body: Any) -> str:
        return str(self.ok("POST", "/pros/scorecard/professionals", {"name": name, "role": "lawyer", **body})["id"])

    def deal(self, **body: Any) -> str:
        return str(self.ok("POST", "/deals", {"title": "1201 Pine St", **body})["id"])

    def contract(self, deal: str | None = None, **body: Any) -> str:
        return str(self.ok("POST", C, {"deal_id": deal or self.deal(), "title": "Purchase agreement", **body})["id"])

    def read(self, id: str, **more: Any) -> Any:
        return self.ok("GET", f"{C}/{id}", **more)

    def patch(self, id: str, **body: Any) -> Any:
        return self.ok("PATCH", f"{C}/{id}", body)

    def move(self, id: str, status: str, **body: Any) -> Any:
        return self.ok("PATCH", f"{C}/{id}/status", {"status": status, **body})

    def list(self, path: str = C, **query: str) -> list[Any]:
        """Every row of a list, page by page."""
        rows: list[Any] = []
        while True:
            page = self.ok("GET", path, query=query)
            rows += page["items"]
            if page["next_cursor"] is None:
                return rows
            query["cursor"] = page["next_cursor"]


def kept(runtime: Any, id: str) -> Contract:
    """The contract as it lies in the table."""
    return Contract.from_item(runtime.store().get_item(Contract.ID.key(id)))


def gate(runtime: Any, root_id: str) -> Any:
    """The gate of a deal, or of a professional, as plain values."""
    from chalicelib.foundation.store.codec import decode_item
    from chalicelib.foundation.store.keys import reference_counter

    return decode_item(runtime.store().get_item(reference_counter(root_id)))
