"""What tests of retainers share: somebody who agrees on retainers, logs hours and lets time pass."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from chalicelib.foundation.events import Notification
from chalicelib.packs.retainers.entities import ClosedPeriod, Retainer
from tests.api_user import ApiUser, all_rows

RETAINERS = "/pros/retainers"
PERIOD = ("n", "starts_on", "ends_on", "status")


class RetainersClient(ApiUser):
    """Somebody at work, by the API alone. What is refused fails the test; `expect_error` expects it."""

    def ok(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        return plain(super().ok(method, path, body, **more))

    def professional(self, name: str = "Grace Hopper", **body: Any) -> str:
        return str(self.ok("POST", "/pros/scorecard/professionals", {"name": name, "role": "lawyer", **body})["id"])

    def deal(self, **body: Any) -> str:
        return str(self.ok("POST", "/deals", {"title": "Pine Street", "kind": "other", **body})["id"])

    def body(self, professional: str | None = None, **body: Any) -> dict[str, Any]:
        given = {
            "professional_id": professional or self.professional(),
            "name": "Title work",
            "monthly_hours_included": 40,
            "monthly_fee": 3000,
            "hourly_rate": 187.5,
            **body,
        }
        return {name: value for name, value in given.items() if value is not None}

    def create(self, professional: str | None = None, **body: Any) -> Any:
        return self.ok("POST", RETAINERS, self.body(professional, **body))

    def retainer(self, professional: str | None = None, **body: Any) -> str:
        return str(self.create(professional, **body)["id"])

    def read(self, id: str) -> Any:
        return self.ok("GET", f"{RETAINERS}/{id}")

    def patch(self, id: str, **body: Any) -> Any:
        return self.ok("PATCH", f"{RETAINERS}/{id}", body)

    def log(self, id: str, hours: Any = 1, **body: Any) -> Any:
        return self.ok("POST", f"{RETAINERS}/{id}/log_hours", {"hours": hours, **body})

    def reverse(self, id: str, entry: str) -> Any:
        return self.ok("POST", f"{RETAINERS}/{id}/log_hours/{entry}/reverse", {"reason": "Entered twice."})

    def move(self, id: str, move: str, **body: Any) -> Any:
        return self.ok("POST", f"{RETAINERS}/{id}/{move}", body)

    def periods(self, id: str) -> list[Any]:
        return list(self.ok("GET", f"{RETAINERS}/{id}/periods", query={"limit": "200"})["items"])

    def statement(self, id: str, **query: str) -> Any:
        return self.ok("GET", f"{RETAINERS}/{id}/statement", query=query)

    def ids(self, **query: str) -> list[str]:
        return [one["id"] for one in self.ok("GET", RETAINERS, query=query)["items"]]


def plain(value: Any) -> Any:
    """Numbers as tests write them: 26.67, and no Decimal."""
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items()}
    if isinstance(value, list):
        return [plain(one) for one in value]
    return float(value) if isinstance(value, Decimal) else value


def of_kind(runtime: Any, kind: str) -> list[dict[str, Any]]:
    return [raw for raw in all_rows(runtime) if raw.get("kind", {}).get("S") == kind]


def events(runtime: Any, name: str = "") -> list[Notification]:
    """The events of retainers, or those of one name, by their days."""
    found = [Notification.from_item(raw) for raw in of_kind(runtime, "event")]
    return sorted((one for one in found if one.event.startswith(f"retainers.{name}")), key=lambda one: one.id)


def closed_periods(runtime: Any, id: str) -> list[ClosedPeriod]:
    raws = [raw for raw in of_kind(runtime, "retainer-period") if raw["pk"]["S"] == id]
    return sorted(map(ClosedPeriod.from_item, raws), key=lambda one: one.n)


def stored(runtime: Any, id: str) -> Retainer:
    return Retainer.from_item(runtime.store().get_item(Retainer.ID.key(id)))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)
