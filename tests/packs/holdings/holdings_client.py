"""A firm with holdings: the API as its people see it, and the stream behind it."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from chalicelib.foundation.projections import ContributionRegistry
from chalicelib.functions.streams import project
from chalicelib.packs import PACKS
from tests.conftest import TABLE
from tests.streams.stream_feeder import StreamFeeder, deliver

ECB = {"USD": Decimal("1.1172"), "CAD": Decimal("1.5606"), "GBP": Decimal("0.8338"), "JPY": Decimal("175.68")}


class HoldingsClient:
    """The API as an operator and an administrator see it, with the stream behind it."""

    def __init__(self, client_as: Any, runtime: Any, clock: Any) -> None:
        self.operator, self.admin = client_as("operator"), client_as("admin")
        self.runtime, self.clock = runtime, clock
        self.feed = StreamFeeder(runtime.dynamodb, TABLE)
        self.contributions = ContributionRegistry(PACKS)

    def process_stream(self) -> None:
        deliver(lambda event, context: project(self.runtime, event, context, self.contributions), self.feed.entities())

    def create(self, **values: Any) -> dict[str, Any]:
        answer = self.operator("POST", "/holdings", {"asset_type": "property", **values})
        assert answer.status == 201, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def edit(self, one: dict[str, Any], **values: Any) -> dict[str, Any]:
        answer = self.operator("PATCH", f"/holdings/{one['id']}", values)
        assert answer.status == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def expect_error(self, one: dict[str, Any], **values: Any) -> str:
        """The field that a patch is refused for."""
        answer = self.operator("PATCH", f"/holdings/{one['id']}", values)
        assert answer.status == 422, answer.text
        return ".".join(answer.json()["errors"][0]["loc"])

    def rates(self, on: str = "2026-10-30", base: str = "EUR", **rates: Any) -> dict[str, Any]:
        answer = self.operator("PUT", "/holdings/fx-rates", {"base": base, "date": on, "rates": rates or ECB})
        assert answer.status == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def summary(self, **query: str) -> dict[str, Any]:
        self.process_stream()
        answer = self.operator("GET", "/holdings/summary", query=query)
        assert answer.status == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def set_day(self, day: str, hour: int = 18) -> None:
        self.clock.now = datetime.fromisoformat(f"{day}T{hour:02}:00:00+00:00").astimezone(UTC)
