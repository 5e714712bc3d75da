"""What tests of alignment share: somebody at work, by the API alone."""

from decimal import Decimal
from typing import Any

from chalicelib.packs.signals.public import CurrentSignals
from tests.api_user import ApiUser

SIGNALS = {
    "communication_clarity": 0.56,
    "professionalism_tone": 0.63,
    "transparency_level": 0.48,
    "service_specialization": ["real estate"],
    "risk_style": "conservative",
}


class AlignmentClient(ApiUser):
    """What is refused fails the test; `expect_error` expects it."""

    def profile(self, name: str = "Title work", **body: Any) -> str:
        return str(self.ok("POST", "/pros/profiles", {"name": name, **body})["id"])

    def professional(self, name: str = "Ann Adams", role: str = "title", **body: Any) -> str:
        return str(self.ok("POST", "/pros/scorecard/professionals", {"name": name, "role": role, **body})["id"])

    def deal(self, *parties: tuple[str, str], **body: Any) -> str:
        """A deal with these parties, (name, side) each."""
        named = [{"name": name, "side": side} for name, side in parties]
        return str(self.ok("POST", "/deals", {"title": "Pine Street", "parties": named, **body})["id"])

    def retainer(self, professional: str, hours: int) -> str:
        body = {"professional_id": professional, "name": "Title work", "monthly_hours_included": hours}
        return str(self.ok("POST", "/pros/retainers", body)["id"])

    def log(self, professional: str, **body: Any) -> str:
        return str(self.ok("POST", f"/pros/scorecard/{professional}/log", body)["id"])

    def task(self, deal: str, professional: str, hours: int) -> str:
        body = {"professional_id": professional, "deal_id": deal, "title": "Order the report", "estimate_hours": hours}
        return str(self.ok("POST", "/pros/tasks", body)["id"])

    def match(self, **body: Any) -> Any:
        return self.ok("POST", "/pros/match", body)

    def check(self, *names: str, **body: Any) -> Any:
        return self.ok("POST", "/pros/conflict-check", {"names": list(names), **body})


def give_signals(runtime: Any, professional_id: str, **signals: Any) -> None:
    """Let these signals be the newest of a professional that count."""
    values = {name: Decimal(str(value)) if isinstance(value, float) else value for name, value in signals.items() if value is not None}
    if "service_specialization" in values:
        values["service_specialization"] = [{"name": name, "hits": 1} for name in values["service_specialization"]]
    signal_id = f"sig_p{professional_id.partition('_')[2]}01KB0Q5E8G7Z3V9X2M4N6P8R0T"
    row = CurrentSignals.at(CurrentSignals.key_of(professional_id), changes=1, signal_id=signal_id, signals=values)
    runtime.store().put_values(row.key, {"kind": row.KIND, "changes": 1, "signal_id": signal_id, "signals": values})
