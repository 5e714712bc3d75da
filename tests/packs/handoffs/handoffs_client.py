"""What tests of handoffs share: somebody who drafts, sends and answers packets, by the API alone."""

from typing import Any

from tests.api_user import all_rows
from tests.packs.tasks.tasks_client import TasksClient, events, gate

__all__ = ["PARTS", "READ_BACK", "H", "HandoffsClient", "events", "gate", "mails"]

H = "/pros/handoff"
READ_BACK = "I order the title report by the first of December."
PARTS: dict[str, Any] = {
    "risk_status": "watch",
    "summary": "The buyer waits for the title report.",
    "contingencies": [{"if": "It shows a lien", "then": "Call the seller the same day."}],
}


class HandoffsClient(TasksClient):
    """Somebody at work with packets."""

    def draft(self, professional: str, deal: str | None = None, *, full: bool = True, **body: Any) -> Any:
        """A draft; unless told otherwise one that may be sent."""
        action = {"action": "Order the title report", "owner": professional, "due_on": "2026-12-01"}
        given = {**PARTS, "action_list": [action], **body} if full else body
        query = {"deal_id": deal} if deal else {}
        return self.ok("POST", f"{H}/{professional}", given, query=query)

    def packet(self, id: str, **query: str) -> Any:
        return self.ok("GET", f"{H}/packets/{id}", query=query)

    def change(self, id: str, **body: Any) -> Any:
        return self.ok("PATCH", f"{H}/packets/{id}", body)

    def send(self, id: str) -> Any:
        return self.ok("POST", f"{H}/packets/{id}/send")

    def accept(self, id: str, read_back: str = READ_BACK) -> Any:
        return self.ok("POST", f"{H}/packets/{id}/accept", {"read_back": read_back})

    def give_back(self, id: str, reason: str = "capacity", **body: Any) -> Any:
        return self.ok("POST", f"{H}/packets/{id}/return", {"reason": reason, **body})

    def complete(self, id: str) -> Any:
        return self.ok("POST", f"{H}/packets/{id}/complete")

    def status(self, id: str) -> str:
        return str(self.packet(id)["status"])


def mails(runtime: Any) -> list[tuple[str, str]]:
    """The mails that were written: to whom, and the subject."""
    return [(raw["to"]["S"], raw["subject"]["S"]) for raw in all_rows(runtime) if raw.get("kind", {}).get("S") == "mail"]
