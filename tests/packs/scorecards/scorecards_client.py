"""What tests of scorecards share: somebody who knows professionals, logs what they did, and reads how well they do."""

from typing import Any

from tests.api_user import ApiUser

PROFESSIONALS = "/pros/scorecard/professionals"


class ScorecardsClient(ApiUser):
    """Somebody at work, by the API alone. What is refused fails the test; `expect_error` expects it."""

    def professional(self, name: str = "Grace Hopper", **body: Any) -> str:
        return str(self.ok("POST", PROFESSIONALS, {"name": name, "role": "lawyer", **body})["id"])

    def read(self, id: str) -> Any:
        return self.ok("GET", f"{PROFESSIONALS}/{id}")

    def patch(self, id: str, **body: Any) -> Any:
        return self.ok("PATCH", f"{PROFESSIONALS}/{id}", body)

    def listed(self, **query: str) -> list[str]:
        return [one["name"] for one in self.ok("GET", PROFESSIONALS, query=query)["items"]]

    def log(self, id: str, **body: Any) -> Any:
        return self.ok("POST", f"/pros/scorecard/{id}/log", body)

    def dispute(self, interaction: Any, reason: str = "It was moved.") -> Any:
        return self.ok("POST", f"{path_of(interaction)}/dispute", {"reason": reason})

    def settle(self, interaction: Any, outcome: str, note: str = "Checked.") -> Any:
        return self.ok("POST", f"{path_of(interaction)}/settle", {"outcome": outcome, "note": note})

    def scorecard(self, id: str, **query: str) -> Any:
        return self.ok("GET", f"/pros/scorecard/{id}/scorecard", query=query)

    def history(self, id: str, **query: str) -> Any:
        return self.ok("GET", f"/pros/scorecard/{id}/history", query=query)

    def leaderboard(self, **query: str) -> Any:
        return self.ok("GET", "/pros/scorecard/leaderboard", query=query)["items"]


def path_of(interaction: Any) -> str:
    return f"/pros/scorecard/{interaction['professional_id']}/log/{interaction['id']}"
