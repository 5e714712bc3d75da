"""Somebody who extracts signals, by the API alone: `call` extracts and disputes, `judge` is somebody else who settles."""

from typing import Any

EXTRACT = "/pros/extract_signals"
TEXT = (
    "Ann Adams is a CPA licensed in Washington. She has closed real estate deals since 2004. Her fee is $350 per hour. "
    "We respectfully reply within one business day. The firm handles tax, estate planning and property management. "
    "She is careful and thorough. She never guarantees a result. She formerly did litigation, but now she does insurance. "
    "Clients sincerely thank her for plain words."
)


class SignalsClient:
    """What is refused fails the test; `refused` expects it."""

    def __init__(self, call: Any, judge: Any) -> None:
        self.call, self.judge = call, judge

    def ok(self, method: str, path: str, body: Any = None, by: Any = None, **more: Any) -> Any:
        answer = (by or self.call)(method, path, body, **more)
        assert answer.status < 300, answer.text
        return answer.json()

    def refused(self, status: int, method: str, path: str, body: Any = None, by: Any = None, **more: Any) -> Any:
        answer = (by or self.call)(method, path, body, **more)
        assert answer.status == status, answer.text
        return answer.json()

    def professional(self, name: str = "Ann Adams", **body: Any) -> str:
        given = {"name": name, "role": "lawyer", **body}
        return str(self.ok("POST", "/pros/scorecard/professionals", given)["id"])

    def extract(self, *texts: str, **body: Any) -> Any:
        return self.ok("POST", EXTRACT, {"name": "Ann Adams", "sources": [{"text": text} for text in texts or (TEXT,)], **body})

    def read_urls(self, *urls: str) -> Any:
        return self.ok("POST", EXTRACT, {"name": "Ann Adams", "sources": [{"url": url} for url in urls]})

    def kept(self, professional: str, *texts: str) -> Any:
        return self.extract(*texts, professional_id=professional)

    def dispute(self, signal: Any, reason: str = "That is somebody else's site.", **more: Any) -> Any:
        return self.ok("POST", f"{path_of(signal)}/dispute", {"reason": reason}, **more)

    def settle(self, signal: Any, outcome: str) -> Any:
        return self.ok("POST", f"{path_of(signal)}/settle", {"outcome": outcome, "note": "Looked at it."}, by=self.judge)


def path_of(signal: Any) -> str:
    return f"/pros/{signal['professional_id']}/signals/{signal['id']}"
