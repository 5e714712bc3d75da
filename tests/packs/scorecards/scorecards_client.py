"""What tests of scorecards share: somebody who knows professionals, logs what they did, and reads how well they do."""

from typing import Any

PROFESSIONALS = "/pros/scorecard/professionals"


class ScorecardsClient:
    """Somebody at work, by the API alone. What is refused fails the test; `expect_error` expects it."""

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

    def professional(self, name: str = "Grace Hopper", **body: Any) -> str:
        return str(self.ok("POST", PROFESSIONALS, {"name": name, "role": "lawyer", **body})["id"])

    def read(self, id: str) -> Any:
        return self.ok("GET", f"{PROFESSIONALS}/{id}")

    def patch(self, id: str, **body: Any) -> Any:
        return self.ok("PATCH", f"{PROFESSIONALS}/{id}", body)

    def listed(self, **query: str) -> list[str]:
        return [one["name"] for one in self.ok("GET", PROFESSIONALS, query=query)["items"]]
