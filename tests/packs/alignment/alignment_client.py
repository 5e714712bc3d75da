"""What tests of alignment share: somebody at work, by the API alone."""

from typing import Any

SIGNALS = {
    "communication_clarity": 0.56,
    "professionalism_tone": 0.63,
    "transparency_level": 0.48,
    "service_specialization": ["real estate"],
    "risk_style": "conservative",
}


class AlignmentClient:
    """What is refused fails the test; `expect_error` expects it."""

    def __init__(self, call: Any) -> None:
        self.call = call

    def ok(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        answer = self.call(method, path, body, **more)
        assert answer.status < 300, answer.text
        return answer.json() if answer.text else None

    def expect_error(self, status: int, method: str, path: str, body: Any = None, **more: Any) -> Any:
        answer = self.call(method, path, body, **more)
        assert answer.status == status, answer.text
        return answer.json()

    def profile(self, name: str = "Title work", **body: Any) -> str:
        return str(self.ok("POST", "/pros/profiles", {"name": name, **body})["id"])

    def professional(self, name: str = "Ann Adams", role: str = "title", **body: Any) -> str:
        return str(self.ok("POST", "/pros/scorecard/professionals", {"name": name, "role": role, **body})["id"])

    def deal(self, *parties: tuple[str, str], **body: Any) -> str:
        """A deal with these parties, (name, side) each."""
        named = [{"name": name, "side": side} for name, side in parties]
        return str(self.ok("POST", "/deals", {"title": "Pine Street", "parties": named, **body})["id"])

    def match(self, **body: Any) -> Any:
        return self.ok("POST", "/pros/match", body)

    def check(self, *names: str, **body: Any) -> Any:
        return self.ok("POST", "/pros/conflict-check", {"names": list(names), **body})
