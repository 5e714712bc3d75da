"""What tests of finalization share: somebody who opens deals, settles items and finalizes, by the API alone."""

from typing import Any

from tests.packs.deals.deals_client import DealsClient

F = "/deals/finalization"
T = "/pros/tasks"


class FinalizationClient(DealsClient):
    """Somebody at work. What is refused fails the test; `expect_error` expects it."""

    def move(self, id: str, status: str, **body: Any) -> Any:
        return self.ok("PATCH", f"/deals/{id}/status", {"status": status, **body})

    def begin(self, id: str) -> Any:
        return self.move(id, "finalizing")

    def items(self, deal: str, **query: str) -> list[Any]:
        """Every item of a deal, page by page."""
        rows: list[Any] = []
        while True:
            page = self.ok("GET", f"{F}/{deal}/items", query=query)
            rows += page["items"]
            if page["next_cursor"] is None:
                return rows
            query["cursor"] = page["next_cursor"]

    def item(self, deal: str, kind: str = "task", **body: Any) -> Any:
        return self.ok("POST", f"{F}/{deal}/items", {"kind": kind, "title": "Keys are with the agent", **body})

    def settle(self, item: Any, status: str = "done", **body: Any) -> Any:
        return self.ok("PATCH", self.path(item), {"status": status, **body})

    def refuse(self, item: Any, code: int, status: str = "done", **body: Any) -> Any:
        return self.expect_error(code, "PATCH", self.path(item), {"status": status, **body})

    @staticmethod
    def path(item: Any) -> str:
        return f"{F}/{item['deal_id']}/items/{item['id']}"

    def read_item(self, item: Any) -> Any:
        return next(one for one in self.items(item["deal_id"]) if one["id"] == item["id"])

    def professional(self, name: str = "Grace Hopper", **body: Any) -> str:
        return str(self.ok("POST", "/pros/scorecard/professionals", {"name": name, "role": "lawyer", **body})["id"])

    def task(self, deal: str, **body: Any) -> str:
        given = {"professional_id": self.professional(), "deal_id": deal, "title": "Order the report", **body}
        return str(self.ok("POST", T, given)["id"])

    def move_task(self, id: str, *targets: str, **body: Any) -> None:
        for target in targets:
            self.ok("PATCH", f"{T}/{id}/status", {"status": target, **(body if target is targets[-1] else {})})

    def status(self, deal: str) -> Any:
        return self.ok("GET", f"{F}/status/{deal}")

    def finalize(self, deal: str, **more: Any) -> Any:
        return self.ok("POST", f"{F}/{deal}", **more)

    def certificate(self, deal: str) -> Any:
        return self.ok("GET", f"{F}/{deal}/certificate")

    def reopen(self, deal: str, decision: str) -> Any:
        return self.ok("POST", f"{F}/{deal}/reopen", {"decision_id": decision, "reason": "Another lien."})

    def refuse_reopening(self, deal: str, decision: str) -> Any:
        return self.expect_error(409, "POST", f"{F}/{deal}/reopen", {"decision_id": decision, "reason": "Another lien."})
