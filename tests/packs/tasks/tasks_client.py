"""What tests of tasks share: somebody who opens deals, knows professionals, and gives and moves tasks, by the API alone."""

from typing import Any

from chalicelib.foundation.events import Notification
from chalicelib.packs.tasks.entities import Task
from tests.api_user import ApiUser, all_rows

T = "/pros/tasks"


class TasksClient(ApiUser):
    """Somebody at work. What is refused fails the test; `expect_error` expects it."""

    def professional(self, name: str = "Grace Hopper", **body: Any) -> str:
        return str(self.ok("POST", "/pros/scorecard/professionals", {"name": name, "role": "lawyer", **body})["id"])

    def deal(self, **body: Any) -> str:
        return str(self.ok("POST", "/deals", {"title": "1201 Pine St", **body})["id"])

    def task(self, deal: str | None = None, professional: str | None = None, **body: Any) -> str:
        given = {
            "professional_id": professional or self.professional(),
            "deal_id": deal or self.deal(),
            "title": "Order the report",
            **body,
        }
        return str(self.ok("POST", T, given)["id"])

    def read(self, id: str, **more: Any) -> Any:
        return self.ok("GET", f"{T}/{id}", **more)

    def patch(self, id: str, **body: Any) -> Any:
        return self.ok("PATCH", f"{T}/{id}", body)

    def move(self, id: str, *targets: str, **body: Any) -> Any:
        """Move it through these statuses; reason and note are of the last one."""
        answer = None
        for target in targets:
            answer = self.ok("PATCH", f"{T}/{id}/status", {"status": target, **(body if target is targets[-1] else {})})
        return answer

    def finish(self, id: str, **body: Any) -> Any:
        return self.move(id, "in_progress", "done", **body)

    def list(self, path: str = T, **query: str) -> list[Any]:
        """Every row of a list, page by page."""
        rows: list[Any] = []
        while True:
            page = self.ok("GET", path, query=query)
            rows += page["items"]
            if page["next_cursor"] is None:
                return rows
            query["cursor"] = page["next_cursor"]


def events(runtime: Any, *kinds: str) -> list[Notification]:
    """The events of these kinds, the oldest first."""
    items = [raw for raw in all_rows(runtime) if raw.get("kind", {}).get("S") == "event"]
    found = [Notification.from_item(raw) for raw in items]
    return sorted((event for event in found if event.event in kinds), key=lambda event: event.created_at)


def kept(runtime: Any, id: str) -> Task:
    """The task as it lies in the table."""
    return Task.from_item(runtime.store().get_item(Task.ID.key(id)))


def gate(runtime: Any, root_id: str) -> Any:
    """The gate of a deal, or of a professional, as plain values."""
    from chalicelib.foundation.store.codec import decode_item
    from chalicelib.foundation.store.keys import reference_counter

    return decode_item(runtime.store().get_item(reference_counter(root_id)))
