"""What tests of findings share: somebody who opens deals and scans them, by the API alone."""

from typing import Any

from chalicelib.packs.findings.entities import Finding
from tests.api_user import all_rows
from tests.packs.tasks.tasks_client import TasksClient

AUDIT = "/audit"


class FindingsClient(TasksClient):
    """Somebody at work on deals and findings. What is refused fails the test; `expect_error` expects it."""

    def scan(self, deal: str, **more: Any) -> Any:
        return self.ok("POST", f"{AUDIT}/scan/deal/{deal}", **more)

    def codes(self, deal: str) -> dict[str, str]:
        """What stands on a deal after a scan: the status by code."""
        return {event["code"]: event["status"] for event in self.scan(deal)["events"]}

    def finding(self, id: str) -> Any:
        return self.ok("GET", f"{AUDIT}/events/{id}")

    def of_deal(self, deal: str) -> list[Any]:
        return self.list(f"{AUDIT}/events/deal/{deal}")

    def open_ones(self) -> list[Any]:
        return self.list(f"{AUDIT}/events/open")

    def only(self, deal: str, code: str) -> Any:
        """The one finding of a rule on a deal."""
        (found,) = [finding for finding in self.of_deal(deal) if finding["code"] == code]
        return found

    def summary(self) -> Any:
        return self.ok("GET", f"{AUDIT}/summary")


def all_findings(runtime: Any) -> list[Finding]:
    """Every finding that is stored."""
    return [Finding.from_item(raw) for raw in all_rows(runtime) if raw.get("kind", {}).get("S") == Finding.KIND]
